"""Where a command works: the caller's terminal, and either the real cloud or an emulator inside the process."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console

from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.adapters.journals import open_journal
from dcs_upkeep.domain.ports import Clock, Journal
from dcs_upkeep.local.demo import demo
from dcs_upkeep.local.demo_journal import DemoJournal
from dcs_upkeep.local.emulator import Emulator

REFUSED = 2


def _console() -> Console:
    """As wide as the terminal; if it is piped, wide enough that nothing is cut."""
    return Console() if sys.stdout.isatty() else Console(width=200)


@dataclass(frozen=True, slots=True)
class Terminal:
    """What the commands of one call have in common."""

    out: Console = field(default_factory=_console)
    err: Console = field(default_factory=lambda: Console(stderr=True, soft_wrap=True, highlight=False))

    def fail(self, message: str, status: int = REFUSED) -> NoReturn:
        """Leave with one sentence."""
        self.err.print(message, markup=False)
        raise typer.Exit(status)


@dataclass(frozen=True, slots=True)
class Environment:
    """Where an event is handled: an environment, and a time.

    `journal`: in place of the one that the settings name. `emulator`: the one that plays the cloud; None on the real one.
    """

    environ: Mapping[str, str]
    clock: Clock
    journal: Journal | None = None
    emulator: Emulator | None = None


@contextmanager
def open_environment(
    surface: Terminal, *, cloud: bool, journal: str | None, fleet: Path | None, instances: int, time_scale: float, kept: bool
) -> Iterator[Environment]:
    """The real cloud with the caller's settings, or an emulator. `kept`: the command needs a journal that outlives it."""
    own = {key: value for key, value in os.environ.items() if value}
    if cloud:
        yield Environment({"UPKEEP_JOURNAL": f"sqlite:///{_state_folder() / 'journal.db'}", **own, **_journal(journal)}, SystemClock())
        return
    default = f"sqlite:///{_state_folder() / 'demo.db'}"
    try:
        with demo(fleet, instances, time_scale, own) as running:
            clock = SystemClock() if kept else running.clock
            environ = {"UPKEEP_JOURNAL": default if kept else "memory:", **running.environ, **_journal(journal)}
            forgets = not kept and environ["UPKEEP_JOURNAL"] == "memory:"
            yield Environment(environ, clock, _demo_journal(default, clock) if forgets else None, running.emulator)
    except (OSError, ValueError) as err:
        if fleet is None:
            raise
        surface.fail(f"{fleet}: {err}. Write a JSON list of instances, or " + '{"count": 24, "tags": {"env": "demo"}}.')


def user_name() -> str | None:
    """Who calls, as the system knows them."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # no such user in this container, and no variable that names one
        return None


def _demo_journal(url: str, clock: Clock) -> Journal:
    return DemoJournal(open_journal("memory:", clock=clock), open_journal(url, clock=clock))


def _journal(url: str | None) -> dict[str, str]:
    return {"UPKEEP_JOURNAL": url} if url else {}


def _state_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "dcs-upkeep"
