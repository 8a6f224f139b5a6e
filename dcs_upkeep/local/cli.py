"""The command line. `--local`, the default, runs on an emulator inside the process; `--cloud` on the real thing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dcs_upkeep import __version__, bootstrap
from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.domain.errors import SettingsError, UpkeepError
from dcs_upkeep.local import control, history, page_command
from dcs_upkeep.local.answers import NOT_ALL, OK
from dcs_upkeep.local.command_lines import NAME, Place
from dcs_upkeep.local.dead_letters import DeadLetter, Verdict
from dcs_upkeep.local.environment import REFUSED, Terminal, open_environment
from dcs_upkeep.local.options import (
    PLANS,
    Approve,
    AsJson,
    Cloud,
    Event,
    Everything,
    Fleet,
    Instances,
    JournalUrl,
    Notify,
    Out,
    Page,
    PlansFile,
    TimeScale,
    Yes,
)
from dcs_upkeep.local.progress import Silent
from dcs_upkeep.local.redrive import Answers, DeadLetterQueue, redrive
from dcs_upkeep.local.running import Asked, carry_out
from dcs_upkeep.triggers.plans_file import load_plans

app = typer.Typer(
    name=NAME,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Maintenance on fleets of Huawei Cloud DCS.",
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{NAME} {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """What stands before a command."""


@app.command()
def run(
    event: Event,
    cloud: Cloud = False,
    yes: Yes = False,
    approve: Approve = None,
    as_json: AsJson = False,
    everything: Everything = False,
    page: Page = None,
    notify: Notify = False,
    journal: JournalUrl = None,
    plans: PlansFile = PLANS,
    fleet: Fleet = None,
    instances: Instances = 24,
    time_scale: TimeScale = 60.0,
) -> None:
    """Handle an event, as the function would. On the real cloud it shows the plan and asks before it acts."""
    place = Place(cloud, journal, plans, fleet, instances, time_scale)
    asked = Asked(event, place, dry_run=False, yes=yes, tells_all=notify, approve=approve, page=page)
    carry_out(Terminal(as_json=as_json, everything=everything), asked)


@app.command()
def plan(
    event: Event,
    cloud: Cloud = False,
    out: Out = None,
    approve: Approve = None,
    as_json: AsJson = False,
    everything: Everything = False,
    notify: Notify = False,
    journal: JournalUrl = None,
    plans: PlansFile = PLANS,
    fleet: Fleet = None,
    instances: Instances = 24,
    time_scale: TimeScale = 60.0,
) -> None:
    """Show what an event would do, and change nothing."""
    place = Place(cloud, journal, plans, fleet, instances, time_scale)
    asked = Asked(event, place, dry_run=True, tells_all=notify, approve=approve, out=out)
    carry_out(Terminal(as_json=as_json, everything=everything), asked)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The file of reviewed plans.", show_default="plans.json")] = PLANS, as_json: AsJson = False
) -> None:
    """Check a plans.json: every problem, with its place."""
    surface = Terminal(as_json=as_json)
    try:
        found = load_plans(file.read_bytes())
    except OSError as err:
        surface.fail(surface.texts("error.file", file=file, why=err.strerror))
    except SettingsError as err:
        surface.fail_by(err.problems)
    if as_json:
        surface.print_json({"file": str(file), "plans": sorted(found.requests), "alarms": len(found.alarms)})
        return
    said = surface.texts("check.fine", file=file.name, plans=len(found.requests), alarms=len(found.alarms))
    surface.out.print(said, markup=False, highlight=False)


control.add_to(app)
app.command()(history.history)
page_command.add_to(app)


@app.command()
def doctor(cloud: Cloud = False, as_json: AsJson = False, journal: JournalUrl = None, plans: PlansFile = PLANS) -> None:
    """Look for what would go wrong: settings, plans, clock, credentials, rights, topics, journal."""
    surface = Terminal(as_json=as_json)
    found = []
    with open_environment(surface, cloud=cloud, journal=journal, fleet=None, instances=24, time_scale=60.0, kept=True) as here:
        for finding in bootstrap.examine(LocalHost(here.environ), here.clock, plans, Silent()):
            found.append(finding)
            if not as_json:
                surface.out.print(str(finding), markup=False, highlight=False, soft_wrap=True)
    if as_json:
        surface.print_json([finding.as_json() for finding in found])
    raise typer.Exit(NOT_ALL if any(finding.state == "fail" for finding in found) else OK)


@app.command("redrive")
def send_again(
    queue: Annotated[str, typer.Option(help="The address of the dead-letter queue: DeadLetterQueueUrl of the stack.")],
    function: Annotated[str | None, typer.Option(help="The function that gets them back; without it they are only shown.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing. What is older than it allows is left.")] = False,
    late: Annotated[bool, typer.Option("--late", help="With --yes: send that too; its age counts from now.")] = False,
    as_json: AsJson = False,
    plans: PlansFile = PLANS,
) -> None:
    """Show what waits in the dead-letter queue on AWS, and send it back to the function."""
    surface = Terminal(as_json=as_json)
    lines: list[str] = []

    def tell(text: str) -> None:
        lines.append(text)
        if not as_json:
            surface.out.print(text, markup=False, highlight=False, soft_wrap=True)

    def wanted(letter: DeadLetter) -> bool:
        if yes:
            return late or letter.verdict is not Verdict.LATE
        return typer.confirm("   Remove it?" if letter.verdict is Verdict.DONE else "   Send it?")

    if as_json and function and not yes:
        surface.fail(surface.texts("redrive.json"), REFUSED, surface.texts("redrive.json.next"))
    try:
        known = load_plans(plans.read_bytes()) if plans.exists() else None
        stuck = redrive(DeadLetterQueue(queue), function, known, SystemClock(), Answers(wanted, tell))
    except UpkeepError as err:
        surface.fail(str(err), NOT_ALL)
    if as_json:
        surface.print_json({"messages": lines, "cannot_be_sent": stuck})
    raise typer.Exit(NOT_ALL if stuck and function else OK)
