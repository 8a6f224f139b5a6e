"""SIGINT and SIGTERM on a laptop: the first asks the run to stop, the second ends the process at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from dcs_upkeep.domain.stopping import StopRequest

WORDS = {signal.SIGINT: "Ctrl-C (SIGINT)", signal.SIGTERM: "SIGTERM"}
LOOK_S = 0.25  # how often a wait looks whether it was asked to stop
LEAVING_S = 3.0  # and so long the journal is waited for before the process ends
EXIT_STATUS = 128  # and the signal's number, as shells have it
_SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def listening(
    stop: StopRequest,
    user: str | None,
    first: Callable[[StopRequest], str],
    second: Callable[[StopRequest, float | None], str],
    say: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Listen while the block lasts, if this is the main thread and nobody else listens.

    `first`: what to say of a run that is asked to stop; `second`: of one that is left, with the moment from which on it may be gone on
    with. `say`: where to, if not to the standard error.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def receive(number: int, _: FrameType | None) -> None:
        if stop.by is None:
            stop.by = f"stopped by {user or 'a person'} with {WORDS[signal.Signals(number)]}"
            text = first(stop)
            # In a thread of its own: what is interrupted here may be in the middle of writing to the same place.
            threading.Thread(target=say or _say, args=(text,), daemon=True).start()
            return
        until = _in_time(stop.worker.abandon) if stop.worker is not None else None
        _say(("\n" + _SHOW_CURSOR if sys.stdout.isatty() else "") + second(stop, until))
        os._exit(EXIT_STATUS + number)

    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.getsignal(number) for number in usual}
    ours = [number for number in usual if before[number] == usual[number]]
    for number in ours:
        signal.signal(number, receive)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


def _in_time(work: Callable[[], float | None]) -> float | None:
    """What it returns; None if that takes too long, as where this very process holds what it waits for."""
    found: list[float | None] = []
    thread = threading.Thread(target=lambda: found.append(work()), daemon=True)
    thread.start()
    thread.join(LEAVING_S)
    return found[0] if found else None


def _say(text: str) -> None:
    """Past the buffers of the standard error, which may be in use."""
    os.write(2, f"{text}\n".encode(errors="replace"))
