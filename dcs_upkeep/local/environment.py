"""Where a command works: the caller's terminal, and either the real cloud or an emulator inside the process."""

from __future__ import annotations

import getpass
import json
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console, RenderableType

from dcs_upkeep.adapters.clocks import ScaledClock, SystemClock
from dcs_upkeep.adapters.journals import open_journal
from dcs_upkeep.adapters.journals.sqlite import SqliteJournal
from dcs_upkeep.domain.errors import Problem
from dcs_upkeep.domain.ports import Clock, Journal
from dcs_upkeep.domain.problems import list_some
from dcs_upkeep.local.demo import demo
from dcs_upkeep.local.demo_journal import DemoJournal
from dcs_upkeep.local.emulator import Emulator
from dcs_upkeep.local.live_demos import announced, live_demos, new_file
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
    `where`: what a further command has to be told to come here again.
    """

    environ: Mapping[str, str]
    clock: Clock
    journal: Journal | None = None
    emulator: Emulator | None = None
    where: str = ""


@contextmanager
def open_environment(
    surface: Terminal, *, cloud: bool, journal: str | None, fleet: Path | None, instances: int, time_scale: float, kept: bool
) -> Iterator[Environment]:
    """The real cloud with the caller's settings, or an emulator. `kept`: the command needs a journal that outlives it."""
    own = {key: value for key, value in os.environ.items() if value}
    if cloud:
        environ = {"UPKEEP_JOURNAL": f"sqlite:///{_state_folder() / 'journal.db'}", **own, **_journal(journal)}
        yield Environment(environ, SystemClock(), where=_where(journal, cloud=True))
        return
    default = f"sqlite:///{_state_folder() / 'demo.db'}"
    try:
        with demo(fleet, instances, time_scale, own) as running:
            clock = SystemClock() if kept else running.clock
            environ = {"UPKEEP_JOURNAL": default if kept else "memory:", **running.environ, **_journal(journal)}
            if kept:
                yield Environment(environ, clock, None, running.emulator, _where(journal, cloud=False))
                return
            with _announced(environ, default, running.clock) as runs:
                yield Environment(environ, clock, runs, running.emulator, _where(journal, cloud=False))
    except (OSError, ValueError) as err:
        if fleet is None:
            raise
        surface.fail(f"{fleet}: {err}.", step='Write a JSON list of instances, or {"count": 24, "tags": {"env": "demo"}}.')


@contextmanager
def open_journal_alone(surface: Terminal, *, cloud: bool, journal: str | None, about: str = "") -> Iterator[Environment]:
    """Where the commands about runs and the lever work: on the journal that somebody named, or on that of the demo that runs now.

    `about`: what is said before why there is none.
    """
    own = {key: value for key, value in os.environ.items() if value}
    url = journal or own.get("UPKEEP_JOURNAL")
    if cloud:
        if url is None:
            surface.fail(
                f"{about}Name the journal of the runs that you mean, with --journal or UPKEEP_JOURNAL: a file of this machine, which no "
                f"function reads, is not meant. (Runs that were begun here without one are in sqlite:///{_state_folder() / 'journal.db'}.)"
            )
        yield Environment({**own, **_journal(journal)}, SystemClock(), where=_where(journal, cloud=True))
        return
    live = [one for one in live_demos(_demos()) if url in (None, one.journal)]
    if len(live) == 1:
        environ = {**own, **live[0].environ, "UPKEEP_JOURNAL": live[0].journal}
        yield Environment(environ, live[0].clock, where=_where(live[0].journal, cloud=False))
    elif url is not None:
        with open_environment(surface, cloud=False, journal=url, fleet=None, instances=24, time_scale=60.0, kept=True) as here:
            yield here
    elif live:
        surface.fail(f"{len(live)} demos run. Name the journal of one with --journal: {list_some(map(str, live), separator='; ')}")
    else:
        surface.fail(
            f"{about}No demo runs now, so there is nothing to reach: begin one with `run`, name a journal with --journal, or use --cloud."
        )


def user_name() -> str | None:
    """Who calls, as the system knows them."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # no such user in this container, and no variable that names one
        return None


@contextmanager
def _announced(environ: Mapping[str, str], showings: str, clock: ScaledClock) -> Iterator[Journal | None]:
    """The journal of a demo, which the commands of other terminals find; None if it is the one that the settings name."""
    url, database = environ["UPKEEP_JOURNAL"], None
    if url == "memory:":
        database = new_file(_demos())
        url = f"sqlite:///{database}"
    reached = {key: value for key, value in environ.items() if key.startswith(("UPKEEP_", "HUAWEICLOUD_")) and key != "UPKEEP_JOURNAL"}
    with announced(_demos(), url, clock, reached):
        if database is None:
            yield None
        else:
            runs = SqliteJournal(str(database), clock, survives_power_cuts=False)
            yield DemoJournal(runs, open_journal(showings, clock=clock))


def _demos() -> Path:
    return _state_folder() / "demos"


def _where(journal: str | None, *, cloud: bool) -> str:
    return (" --cloud" if cloud else "") + (f" --journal {shlex.quote(journal)}" if journal else "")


def _journal(url: str | None) -> dict[str, str]:
    return {"UPKEEP_JOURNAL": url} if url else {}


def _state_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "dcs-upkeep"
