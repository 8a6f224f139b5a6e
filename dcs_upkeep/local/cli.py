"""The command line. `--local`, the default, runs on an emulator inside the process; `--cloud` on the real thing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from dcs_upkeep import bootstrap
from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.domain.errors import RefusedError, SettingsError, UpkeepError
from dcs_upkeep.local import progress
from dcs_upkeep.local.dead_letters import DeadLetter, Verdict
from dcs_upkeep.local.demo import let_alarms_fire
from dcs_upkeep.local.environment import REFUSED, Environment, Terminal, open_environment, user_name
from dcs_upkeep.local.event_files import fill_in
from dcs_upkeep.local.redrive import Answers, DeadLetterQueue, redrive
from dcs_upkeep.triggers.json_input import InvalidJsonError, parse_untrusted_json
from dcs_upkeep.triggers.plans_file import load_plans

OK, NOT_ALL, DEFERRED = 0, 1, 3
EXITS: Mapping[str, int] = {
    "succeeded": OK,
    "planned": OK,
    "partial": NOT_ALL,
    "failed": NOT_ALL,
    "rejected": REFUSED,
    "halted": REFUSED,
    "deferred": DEFERRED,
    "running": DEFERRED,
}
app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Maintenance on fleets of Huawei Cloud DCS."
)
Event = Annotated[str, typer.Argument(help="A JSON file with the event, or - for standard input.")]
Cloud = Annotated[bool, typer.Option("--cloud/--local", help="The real cloud, or the embedded emulator.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report alone, as JSON.")]
Fleet = Annotated[Path | None, typer.Option(help="The emulator's fleet, a JSON file.")]
Instances = Annotated[int, typer.Option(min=1, max=5000, help="How many instances the emulator has.")]
TimeScale = Annotated[float, typer.Option(min=0.1, max=1000, help="How much faster the emulator's time runs.")]
JournalUrl = Annotated[
    str | None,
    typer.Option("--journal", help="Where runs are kept: sqlite:///path, obs://bucket?region=..., dynamodb://table?region=..., memory:"),
]
PlansFile = Annotated[Path, typer.Option("--plans", help="The file of reviewed plans.")]


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
            _show_end(surface, _answer(surface, here, body, plans, as_json=as_json, dry_run=dry_run), as_json=as_json)

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


@app.command()
def halt(reason: Annotated[str, typer.Argument()] = "no reason given", cloud: Cloud = False, journal: JournalUrl = None) -> None:
    """Stop every run before its next write, and refuse new ones."""
    _command({"command": "halt", "reason": reason}, cloud=cloud, journal=journal)


@app.command()
def release(
    halt_id: Annotated[str, typer.Argument(help="The id that `runs` shows.")], cloud: Cloud = False, journal: JournalUrl = None
) -> None:
    """Let go of the halt that is named."""
    _command({"command": "release", "halt": halt_id}, cloud=cloud, journal=journal)


@app.command()
def runs(cloud: Cloud = False, journal: JournalUrl = None) -> None:
    """Live runs, what they hold, and the halt lever."""
    _command({"command": "status"}, cloud=cloud, journal=journal)


@app.command()
def sweep(cloud: Cloud = False, journal: JournalUrl = None) -> None:
    """Go on with the runs that nobody works on."""
    _command({"command": "sweep"}, cloud=cloud, journal=journal)


@app.command()
def show(run_id: str, cloud: Cloud = False, as_json: AsJson = False, journal: JournalUrl = None) -> None:
    """The report of a run that is on record."""
    _command({"command": "show", "run": run_id}, cloud=cloud, journal=journal, as_json=as_json)


@app.command()
def resume(run_id: str, cloud: Cloud = False, as_json: AsJson = False, journal: JournalUrl = None) -> None:
    """Go on with a run by hand."""
    _command({"resume": run_id}, cloud=cloud, journal=journal, as_json=as_json)


@app.command()
def doctor(cloud: Cloud = False, as_json: AsJson = False, journal: JournalUrl = None, plans: PlansFile = bootstrap.PLANS_PATH) -> None:
    """Look for what would go wrong: settings, plans, clock, credentials, rights, topics, journal."""
    surface = Terminal()
    found = []
    with open_environment(surface, cloud=cloud, journal=journal, fleet=None, instances=24, time_scale=60.0, kept=True) as here:
        for finding in bootstrap.examine(LocalHost(here.environ), here.clock, plans, progress.Silent()):
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


def _command(body: Mapping[str, Any], *, cloud: bool, journal: str | None, as_json: bool = False) -> None:
    """A control event, or a run to go on with: on the journal alone, so the emulator is small."""
    surface = Terminal()
    with open_environment(surface, cloud=cloud, journal=journal, fleet=None, instances=24, time_scale=60.0, kept=True) as here:
        _show_end(
            surface,
            _answer(surface, here, body, bootstrap.PLANS_PATH, as_json=as_json or "command" in body, dry_run=False),
            as_json=as_json,
        )


def _answer(surface: Terminal, here: Environment, body: object, plans: Path, *, as_json: bool, dry_run: bool) -> Mapping[str, Any]:
    """What the function says, whether it returns or refuses."""
    host = LocalHost(here.environ)

    def handled(log: progress.Progress) -> Mapping[str, Any]:
        try:
            return bootstrap.handle(
                body,
                host=host,
                clock=here.clock,
                log=log,
                journal=here.journal,
                plans_path=plans,
                dry_run=dry_run,
                user=user_name(),
            )
        except RefusedError as err:
            return err.report
        except SettingsError as err:
            for problem in err.problems:
                surface.err.print(str(problem), markup=False)
            raise typer.Exit(REFUSED) from None
        except UpkeepError as err:
            surface.fail(str(err), NOT_ALL)

    if as_json:
        return handled(progress.Silent())
    if surface.out.is_terminal:
        with progress.Drawn(surface.out) as drawn:
            return handled(drawn)
    return handled(progress.Plain(surface.out))


def _show_end(surface: Terminal, answer: Mapping[str, Any], *, as_json: bool) -> None:
    """The report, and the exit status that goes with the worst of it."""
    told = answer.get("runs") if isinstance(answer.get("runs"), list) and "command" not in answer else [answer]
    reports = [one for one in told or [] if "status" in one and "instances" in one]
    if as_json or not reports:
        typer.echo(json.dumps(answer, indent=2))
    else:
        for report in reports:
            for part in (*progress.closing(report, surface.out.width), *progress.closing_lines(report)):
                surface.out.print(part, markup=False, highlight=False, soft_wrap=isinstance(part, str))
    raise typer.Exit(max((EXITS[one["status"]] for one in reports), default=OK))
