"""The command line. `--local`, the default, runs on an emulator inside the process; `--cloud` on the real thing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from dcs_upkeep import bootstrap
from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.domain.errors import SettingsError, UpkeepError
from dcs_upkeep.local import control, page_command
from dcs_upkeep.local.answers import NOT_ALL, OK, answer, show_end
from dcs_upkeep.local.dead_letters import DeadLetter, Verdict
from dcs_upkeep.local.demo import let_alarms_fire
from dcs_upkeep.local.environment import REFUSED, Environment, Terminal, open_environment
from dcs_upkeep.local.event_files import fill_in
from dcs_upkeep.local.options import AsJson, Cloud, Event, Fleet, Instances, JournalUrl, PlansFile, TimeScale
from dcs_upkeep.local.progress import Silent
from dcs_upkeep.local.redrive import Answers, DeadLetterQueue, redrive
from dcs_upkeep.triggers.json_input import InvalidJsonError, parse_untrusted_json
from dcs_upkeep.triggers.plans_file import load_plans

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Maintenance on fleets of Huawei Cloud DCS."
)


def _handling(*, dry_run: bool) -> Callable[..., None]:
    """`run` and `plan` take the same words and differ in one thing."""

    def handle(
        event: Event,
        cloud: Cloud = False,
        as_json: AsJson = False,
        fleet: Fleet = None,
        instances: Instances = 24,
        time_scale: TimeScale = 60.0,
        journal: JournalUrl = None,
        plans: PlansFile = bootstrap.PLANS_PATH,
    ) -> None:
        surface = Terminal()
        with open_environment(
            surface, cloud=cloud, journal=journal, fleet=fleet, instances=instances, time_scale=time_scale, kept=False
        ) as here:
            if not as_json:
                fleet_size = instances if fleet is None else "your"
                where = "on the real cloud" if cloud else f"on an emulator with {fleet_size} instances; nothing real is touched"
                verb = "planning" if dry_run else "running"
                surface.out.print(f"{verb} {event} {where}", markup=False, highlight=False, soft_wrap=True)
            body = _read_event(surface, event, here)
            if here.emulator is not None:
                let_alarms_fire(here.emulator, body, plans, here.clock.now())
            show_end(surface, answer(surface, here, body, plans, as_json=as_json, dry_run=dry_run), as_json=as_json)

    return handle


app.command("run", help="Handle an event, as the function would.")(_handling(dry_run=False))
app.command("plan", help="Show what an event would do, and change nothing.")(_handling(dry_run=True))


@app.command()
def check(file: Annotated[Path, typer.Argument(help="The file of reviewed plans.")] = bootstrap.PLANS_PATH) -> None:
    """Check a plans.json: every problem, with its place."""
    surface = Terminal()
    try:
        found = load_plans(file.read_bytes())
    except OSError as err:
        surface.fail(f"{file}: {err.strerror}")
    except SettingsError as err:
        for problem in err.problems:
            surface.err.print(str(problem), markup=False)
        raise typer.Exit(REFUSED) from None
    surface.out.print(f"{file.name}: {len(found.requests)} plans, {len(found.alarms)} alarm rules, nothing wrong", markup=False)


control.add_to(app)
page_command.add_to(app)


@app.command()
def doctor(cloud: Cloud = False, as_json: AsJson = False, journal: JournalUrl = None, plans: PlansFile = bootstrap.PLANS_PATH) -> None:
    """Look for what would go wrong: settings, plans, clock, credentials, rights, topics, journal."""
    surface = Terminal()
    found = []
    with open_environment(surface, cloud=cloud, journal=journal, fleet=None, instances=24, time_scale=60.0, kept=True) as here:
        for finding in bootstrap.examine(LocalHost(here.environ), here.clock, plans, Silent()):
            found.append(finding)
            if not as_json:
                surface.out.print(str(finding), markup=False, highlight=False, soft_wrap=True)
    if as_json:
        typer.echo(json.dumps([finding.as_json() for finding in found], indent=2))
    raise typer.Exit(NOT_ALL if any(finding.state == "fail" for finding in found) else OK)


@app.command("redrive")
def send_again(
    queue: Annotated[str, typer.Option(help="The address of the dead-letter queue: DeadLetterQueueUrl of the stack.")],
    function: Annotated[str | None, typer.Option(help="The function that gets them back; without it they are only shown.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing. What is older than it allows is left.")] = False,
    late: Annotated[bool, typer.Option("--late", help="With --yes: send that too; its age counts from now.")] = False,
    plans: PlansFile = bootstrap.PLANS_PATH,
) -> None:
    """Show what waits in the dead-letter queue on AWS, and send it back to the function."""
    surface = Terminal()

    def tell(text: str) -> None:
        surface.out.print(text, markup=False, highlight=False, soft_wrap=True)

    def wanted(letter: DeadLetter) -> bool:
        if yes:
            return late or letter.verdict is not Verdict.LATE
        return typer.confirm("   Remove it?" if letter.verdict is Verdict.DONE else "   Send it?")

    try:
        known = load_plans(plans.read_bytes()) if plans.exists() else None
        stuck = redrive(DeadLetterQueue(queue), function, known, SystemClock(), Answers(wanted, tell))
    except UpkeepError as err:
        surface.fail(str(err), NOT_ALL)
    raise typer.Exit(NOT_ALL if stuck and function else OK)


def _read_event(surface: Terminal, event: str, here: Environment) -> object:
    """The event of a file, or of standard input, with the times that an example leaves open filled in."""
    try:
        text = sys.stdin.read() if event == "-" else Path(event).read_text(encoding="utf-8")
        return parse_untrusted_json(fill_in(text, here.clock.now()))
    except OSError as err:
        surface.fail(f"{event}: {err.strerror}. Name a file with the event, or - for standard input.")
    except (InvalidJsonError, UnicodeDecodeError) as err:
        surface.fail(f"{event}: {err}")
