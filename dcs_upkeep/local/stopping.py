"""Ctrl-C and SIGTERM while a command works on a run: what was asked for is said at once, and what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from dcs_upkeep.adapters.signals import LOOK_S, listening
from dcs_upkeep.domain.ports import Clock, Log
from dcs_upkeep.domain.problems import one_line
from dcs_upkeep.domain.run import short_id
from dcs_upkeep.domain.stopping import AtWork, StopRequest
from dcs_upkeep.reporting.stop_words import leaving_words, stopping_words

PROGRAM = "python -m dcs_upkeep"


@contextmanager
def stoppable(console: Console, clock: Clock, where: str, user: str | None) -> Iterator[StopRequest]:
    """A request to stop that signals fill in while the block lasts. `console`: where a person looks; `where`: words for the commands."""
    stop = StopRequest(look_s=LOOK_S * getattr(clock, "scale", 1.0))

    def command(work: AtWork, what: str) -> str:
        run = short_id(work.run_id)
        named = "" if "--journal" in where else f" --journal {shlex.quote(work.journal)}"
        return f"{PROGRAM} {f'resume {run}' if what == 'resume' else f'halt --run {run}'}{where}{named}"

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    with listening(
        stop,
        user,
        lambda asked: stopping_words(asked, command),
        lambda asked, until: leaving_words(asked, until, clock.now().timestamp(), command),
        say,
    ):
        yield stop


class RunFirst:
    """Implements ports.Log: says which run it is before anything else is shown, then what is done, then hands every line on."""

    def __init__(self, log: Log, console: Console, heading: str | None) -> None:
        """`heading`: what the command does; said once."""
        self._log = log
        self._console = console
        self._heading = heading

    def __call__(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """Take one line of the log."""
        if event == "run.claimed":
            run_id = fields["run_id"]
            dry = "dry " if fields.get("dry_run") else ""
            self._say(f"{dry}run {short_id(run_id)} ({one_line(run_id)})")
        if self._heading:
            self._say(self._heading)
            self._heading = None
        self._log(event, level=level, **fields)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
