"""Where a command works: the caller's terminal, and either the real cloud or an emulator inside the process."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console, RenderableType

from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.adapters.journals import open_journal
from dcs_upkeep.domain.errors import Problem
from dcs_upkeep.domain.ports import Clock, Journal
from dcs_upkeep.local.demo import demo
from dcs_upkeep.local.demo_journal import DemoJournal
from dcs_upkeep.local.emulator import Emulator
from dcs_upkeep.local.texts import Texts, speak

REFUSED = 2
PIPED_CELLS = 200


def _console() -> Console:
    """As wide as the terminal, or as COLUMNS says; if it is piped, wide enough that nothing is cut."""
    return Console() if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit() else Console(width=PIPED_CELLS)


@dataclass(frozen=True, slots=True)
class Terminal:
    """What the commands of one call have in common. `everything`: nothing is left out; `as_json`: for a program, not for a person."""

    out: Console = field(default_factory=_console)
    err: Console = field(default_factory=lambda: Console(stderr=True, soft_wrap=True, highlight=False))
    texts: Texts = field(default_factory=lambda: speak(os.environ.get))
    as_json: bool = False
    everything: bool = False

    def show(self, parts: Iterable[RenderableType]) -> None:
        """Print these; a plain text is to be copied, and goes on where the line ends."""
        for part in parts:
            self.out.print(part, markup=False, highlight=False, soft_wrap=isinstance(part, str))

    def print_json(self, value: object) -> None:
        """For a program: whatever the terminal's encoding, since it is ASCII with escapes."""
        typer.echo(json.dumps(value, indent=2, default=str))

    def fail(self, message: str, status: int = REFUSED, step: str = "", **more: object) -> NoReturn:
        """Leave with one sentence, or with an error object. `step`: what to do now."""
        if self.as_json:
            self.print_json({"error": {"what": message, "next": step, "status": status, **more}})
        else:
            self.err.print(" ".join(part for part in (message, step) if part), markup=False)
        raise typer.Exit(status)

    def fail_by(self, problems: Iterable[Problem]) -> NoReturn:
        """Leave with each problem that was found."""
        found = list(problems)
        if self.as_json:
            rows = [{"path": problem.path, "what": problem.what, "fix": problem.fix} for problem in found]
            self.fail("; ".join(map(str, found)), step=found[0].fix if found else "", problems=rows)
        for problem in found:
            self.err.print(str(problem), markup=False)
        raise typer.Exit(REFUSED)


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
        surface.fail(f"{fleet}: {err}.", step='Write a JSON list of instances, or {"count": 24, "tags": {"env": "demo"}}.')


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
