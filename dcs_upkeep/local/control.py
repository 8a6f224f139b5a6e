"""The commands about runs and the halt lever, which work on the journal alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from dcs_upkeep import bootstrap
from dcs_upkeep.local.answers import answer, show_end
from dcs_upkeep.local.environment import Terminal, open_journal_alone
from dcs_upkeep.local.options import AsJson, Cloud, Everything, JournalUrl

RunId = Annotated[str, typer.Argument(help="The run's id, its short id, or the beginning of either.")]


def add_to(app: typer.Typer) -> None:
    """Make them commands of this command line."""
    for command in (halt, release, runs, sweep, show, resume):
        app.command()(command)


def halt(
    reason: Annotated[str, typer.Argument()] = "no reason given",
    run: Annotated[str | None, typer.Option("--run", help="End this run alone, for good: its id, or the beginning of it.")] = None,
    cloud: Cloud = False,
    as_json: AsJson = False,
    journal: JournalUrl = None,
) -> None:
    """Stop every run before its next write, and refuse new ones; or end one run for good."""
    _command({"command": "halt", "reason": reason, **({"run": run} if run else {})}, cloud=cloud, journal=journal, as_json=as_json)


def release(
    halt_id: Annotated[str, typer.Argument(help="The id that `runs` shows.")],
    cloud: Cloud = False,
    as_json: AsJson = False,
    journal: JournalUrl = None,
) -> None:
    """Let go of the halt that is named."""
    _command({"command": "release", "halt": halt_id}, cloud=cloud, journal=journal, as_json=as_json)


def runs(cloud: Cloud = False, as_json: AsJson = False, journal: JournalUrl = None) -> None:
    """Live runs, what they hold, and the halt lever."""
    _command({"command": "status"}, cloud=cloud, journal=journal, as_json=as_json)


def sweep(cloud: Cloud = False, as_json: AsJson = False, journal: JournalUrl = None) -> None:
    """Go on with the runs that nobody works on."""
    _command({"command": "sweep"}, cloud=cloud, journal=journal, as_json=as_json)


def show(run_id: RunId, cloud: Cloud = False, as_json: AsJson = False, everything: Everything = False, journal: JournalUrl = None) -> None:
    """The report of a run that is on record."""
    _command({"command": "show", "run": run_id}, cloud=cloud, journal=journal, as_json=as_json, everything=everything)


def resume(run_id: RunId, cloud: Cloud = False, as_json: AsJson = False, journal: JournalUrl = None) -> None:
    """Go on with a run by hand."""
    _command({"resume": run_id}, cloud=cloud, journal=journal, as_json=as_json)


def _command(body: Mapping[str, Any], *, cloud: bool, journal: str | None, as_json: bool = False, everything: bool = False) -> None:
    """A control event, or a run to go on with."""
    surface = Terminal(as_json=as_json, everything=everything)
    with open_journal_alone(surface, cloud=cloud, journal=journal) as here:
        show_end(
            surface,
            answer(surface, here, body, bootstrap.PLANS_PATH, as_json=as_json or "command" in body, dry_run=False),
            as_json=as_json,
        )
