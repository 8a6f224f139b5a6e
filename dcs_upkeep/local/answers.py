"""From an event to the function's answer on a terminal, and the exit status that goes with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from dcs_upkeep import bootstrap
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.domain.errors import RefusedError, SettingsError, UpkeepError
from dcs_upkeep.domain.problems import list_some, one_line
from dcs_upkeep.domain.run import Disposition, RunResult, RunSpec
from dcs_upkeep.domain.settings import read_settings
from dcs_upkeep.invocation import Caller
from dcs_upkeep.local import progress
from dcs_upkeep.local.closing import closing
from dcs_upkeep.local.environment import REFUSED, Environment, Terminal, user_name
from dcs_upkeep.local.groups import Part
from dcs_upkeep.local.plan_view import Terms, plan_view
from dcs_upkeep.local.stopping import RunFirst, stoppable

OK, NOT_ALL, DEFERRED = 0, 1, 3
WORST_FIRST = (NOT_ALL, REFUSED, DEFERRED, OK)
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
# What no report tells of, or has a word of its own for.
ENDINGS: Mapping[Disposition, int] = {
    Disposition.REFUSED: REFUSED,
    Disposition.REUSED: REFUSED,
    Disposition.RUNNING: DEFERRED,
    Disposition.HELD_BACK: DEFERRED,
    Disposition.FAULT: NOT_ALL,
}
Approve = Callable[[RunSpec], str | None]
Lines = Mapping[str, Mapping[str, Any]]
NO_LINES: Lines = {}
MOST_RECORDS = 10
Steps = Callable[[Mapping[str, Any]], list[Part] | None]


class Answer(dict[str, Any]):
    """What the function says, in the trigger's own form.

    `results`: what each record came to; `made`: run id -> the log's line on its plan.
    """

    def __init__(
        self, body: Mapping[str, Any], results: Sequence[RunResult] = (), made: Mapping[str, Mapping[str, Any]] = NO_LINES
    ) -> None:
        super().__init__(body)
        self.results = tuple(results)
        self.made = made

    @property
    def reports(self) -> list[Mapping[str, Any]]:
        """One for each run."""
        return [result.body for result in self.results if "status" in result.body and "instances" in result.body]

    @property
    def status(self) -> int:
        """The exit status: that of the worst. Of a run that went on in further invocations the last word counts."""
        last = {str(result.body.get("run_id", number)): result for number, result in enumerate(self.results)}
        return worst(_status_of(result) for result in last.values())


def worst(found: Iterator[int]) -> int:
    """The most serious of these."""
    statuses = set(found)
    return next((status for status in WORST_FIRST if status in statuses), OK)


def _status_of(result: RunResult) -> int:
    status = str(result.body.get("status"))
    if "instances" in result.body and status in EXITS:
        return worst(iter((EXITS[status], ENDINGS.get(result.disposition, OK))))
    if status == "failed":  # a command that could not do all of its work
        return NOT_ALL
    return ENDINGS.get(result.disposition, OK)


@dataclass(frozen=True, slots=True)
class Function:
    """The function as this terminal calls it. `tells_all`: the topics hear of what was not sent too. `heading`: what is done, in words;
    it stands after the run's id, once.
    """

    surface: Terminal
    here: Environment
    plans: Path
    host: LocalHost
    tells_all: bool = False
    heading: str | None = None

    def handle(self, body: object, *, dry_run: bool = False, approve: Approve = lambda _: None, shown: bool = True) -> Answer:
        """What it says, whether it returns or refuses. `approve`: the approval that a run gets beside its event. `shown`: with progress."""
        surface = self.surface
        if not shown or surface.as_json:
            return self._handled(body, progress.Silent(), dry_run, approve)
        if surface.out.is_terminal:
            with progress.Drawn(surface.out, surface.texts, self.here.clock) as drawn:
                return self._handled(body, drawn, dry_run, approve)
        return self._handled(body, progress.Plain(surface.out, surface.texts), dry_run, approve)

    @property
    def _console(self) -> Console:
        """Where a person looks: on a terminal by the same console as the progress, which is drawn in place."""
        return self.surface.out if self.surface.out.is_terminal and not self.surface.as_json else self.surface.err

    def _handled(self, body: object, log: progress.Progress, dry_run: bool, approve: Approve) -> Answer:
        results: list[RunResult] = []
        is_shown = not isinstance(log, progress.Silent)
        noted = progress.Noted(RunFirst(log, self.surface.out, self.heading) if is_shown else log)

        def amend(spec: RunSpec) -> RunSpec:
            given = approve(spec)
            return spec if given is None else replace(spec, request=spec.request.model_copy(update={"approve": given}))

        try:
            with stoppable(self._console, self.here.clock, self.here.where, user_name()) as stop:
                answer = bootstrap.handle(
                    body,
                    host=self.host,
                    clock=self.here.clock,
                    log=noted,
                    journal=self.here.journal,
                    plans_path=self.plans,
                    dry_run=dry_run,
                    caller=Caller(user_name(), amend, results.append, self.tells_all),
                    stop=stop,
                )
        except RefusedError as err:
            return Answer(err.report, results, noted.made)
        except SettingsError as err:
            self.surface.fail_by(err.problems)
        except UpkeepError as err:
            self.surface.fail(str(err), NOT_ALL, self.surface.texts("error.fault.next") if self.surface.as_json else "")
        return Answer(answer, results, noted.made)


def answer(surface: Terminal, here: Environment, body: object, plans: Path, *, as_json: bool, dry_run: bool) -> Answer:
    """What the function says to a command of an operator. `as_json`: without progress."""
    return Function(surface, here, plans, LocalHost(here.environ)).handle(body, dry_run=dry_run, shown=not as_json)


def show_end(surface: Terminal, answer: Answer, *, as_json: bool) -> None:
    """The reports, and the exit status that goes with the worst of them."""
    if as_json or not answer.results:
        surface.print_json(answer)
    else:
        surface.show(told(surface, answer, Ending(headed=True)))
    raise typer.Exit(answer.status)


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer is shown. `steps`: what to do now, where this terminal knows better than the report. `environ`: the settings.

    `headed`: with who asked for it, and when: it was not asked for here.
    """

    steps: Steps = lambda _: None
    environ: Mapping[str, str] = field(default_factory=dict)
    headed: bool = False


def told(surface: Terminal, answer: Answer, ending: Ending) -> Iterator[Part]:
    """The answer for a person."""
    texts = surface.texts
    for result in answer.results:
        if "status" in result.body and "instances" in result.body:
            yield from told_report(surface, result.body, answer.made.get(str(result.body["run_id"])), ending)
        elif "ignored" in result.body:
            yield Text(one_line(texts("end.ignored", reason=result.body["ignored"])), "yellow")
        elif "held_back" in result.body:
            yield Text(one_line(texts("end.ignored", reason=result.body["held_back"])), "yellow")
        else:
            yield json.dumps(result.body, indent=2, default=str)
    if failures := answer.get("batchItemFailures"):
        records = list_some((str(one["itemIdentifier"]) for one in failures), most=MOST_RECORDS)
        yield Text(texts("end.given_back", records=records), "yellow")
    if isinstance(answer.get("statusCode"), int):
        yield Text(texts("end.http", code=answer["statusCode"]))


def told_report(surface: Terminal, report: Mapping[str, Any], made: Mapping[str, Any] | None, ending: Ending) -> Iterator[Part]:
    """One report: a plan as a plan, everything else by how it ended."""
    step = ending.steps(report)
    if report["status"] != "planned":
        yield from closing(report, surface.texts, everything=surface.everything, step=step, headed=ending.headed)
        return
    settings = read_settings(ending.environ.get) if ending.environ else read_settings(lambda _: None)
    terms = Terms(made, settings.batch_size, settings.poll_s)
    yield from plan_view(report, terms, surface.texts, surface.out.width, everything=surface.everything)
    yield from step if step is not None else [one_line(surface.texts("end.next", next=report["next"]))]
