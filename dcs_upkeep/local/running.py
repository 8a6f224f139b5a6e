"""`run` and `plan`: what is shown before, the question before something real is touched, and the run bound to what was shown."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.text import Text

from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.domain.approval import APPROVE_PATTERN
from dcs_upkeep.domain.problems import list_some, one_line, shorten
from dcs_upkeep.domain.run import RunSpec
from dcs_upkeep.local import saved_plan
from dcs_upkeep.local.answers import Answer, Ending, Function, told
from dcs_upkeep.local.command_lines import Place
from dcs_upkeep.local.demo import let_alarms_fire
from dcs_upkeep.local.environment import REFUSED, Environment, Terminal, open_environment
from dcs_upkeep.local.event_files import fill_in, runs_in
from dcs_upkeep.local.groups import Part
from dcs_upkeep.local.plan_view import losing, planned_rows, would_be_refused
from dcs_upkeep.local.saved_plan import SavedPlan, UnreadablePlanError
from dcs_upkeep.reporting.bounded import brief_next
from dcs_upkeep.triggers.json_input import InvalidJsonError, parse_untrusted_json

OLD_S = 20.0  # a plan that was looked at for longer is made again before it is carried out: guards may be no older than two polls
EVENT_BYTES = 400  # an approving event that is longer is not printed beside the command that does the same


@dataclass(frozen=True, slots=True)
class Asked:
    """What the words of the command ask for."""

    event: str
    place: Place
    dry_run: bool
    yes: bool = False
    tells_all: bool = False
    approve: str | None = None
    out: Path | None = None
    page: Path | None = None


def carry_out(surface: Terminal, asked: Asked) -> NoReturn:
    """The whole command; leaves with the exit status that goes with the worst of its runs."""
    place = asked.place
    with open_environment(
        surface,
        cloud=place.cloud,
        journal=place.journal,
        fleet=place.fleet,
        instances=place.instances,
        time_scale=place.time_scale,
        kept=False,
    ) as here:
        raise typer.Exit(_Command(surface, asked, here).execute())


@dataclass(frozen=True, slots=True)
class Approvals:
    """What approves each run: `given` beside its event, else what its event says, else what was `shown` just before. By run id."""

    given: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    for_all: str | None = None

    def __call__(self, spec: RunSpec) -> str | None:
        """None: the event's own, if it has one."""
        given = self.given.get(spec.run_id, self.for_all)
        return given if given is not None or spec.request.approve is not None else self.shown.get(spec.run_id)


class _Command:
    """One call of `run` or `plan`."""

    def __init__(self, surface: Terminal, asked: Asked, here: Environment) -> None:
        self._surface = surface
        self._texts = surface.texts
        self._asked = asked
        self._here = here
        begun = surface.texts("begin.plan" if asked.dry_run else "begin.run", event=asked.event, where=_where(surface, asked.place))
        host = LocalHost(here.environ)
        self._function = Function(surface, here, asked.place.plans, host, asked.tells_all, one_line(begun))
        self._is_saved = False

    def execute(self) -> int:
        """Returns the exit status."""
        surface, asked = self._surface, self._asked
        body = _read_event(surface, asked.event, self._here.clock.now())
        saved = self._saved(body)
        self._is_saved, body = saved is not None, body if saved is None else saved.event
        approvals = Approvals() if saved is not None else self._given(body)
        if self._here.emulator is not None:
            let_alarms_fire(self._here.emulator, body, asked.place.plans, self._here.clock.now())
        if asked.dry_run:
            return self._plan(body, approvals)
        asks = asked.place.cloud and not asked.yes and self._acts(body)
        if asks and (surface.as_json or not (sys.stdin.isatty() and surface.out.is_terminal)):
            why = "ask.json" if surface.as_json else "ask.no_terminal"
            surface.fail(self._texts(why), REFUSED, self._texts("ask.yes.next"))
        looked_at: Answer | None = None
        if saved is not None:
            looked_at = self._unmoved(body, saved)
            approvals = Approvals(_by_run(looked_at, map(saved_plan.approval, saved.reports)))
        if asks:
            approvals = self._confirmed(body, approvals, looked_at)
        answer = self._function.handle(body, approve=approvals)
        if surface.as_json:
            surface.print_json(answer)
        else:
            surface.show(told(surface, answer, self._ending()))
        if asked.page is not None:
            from dcs_upkeep.local.page_command import write_page

            write_page(surface, self._here, answer.reports, asked.page)
        return answer.status

    def _plan(self, body: object, approvals: Approvals) -> int:
        surface = self._surface
        answer = self._function.handle(body, dry_run=True, approve=approvals)
        out, why = self._asked.out, ""
        if out is not None:
            why = self._why_not_saved(answer)
            if not why:
                try:
                    plan = SavedPlan(body, tuple(answer.reports), self._asked.place.cloud)
                    saved_plan.write(out, plan, self._here.clock.now())
                except OSError as err:
                    why = str(err.strerror)
            if why and surface.as_json:
                surface.fail(self._texts("plan.not_saved", file=out, why=why), REFUSED)
        if surface.as_json:
            surface.print_json(answer)
            return answer.status
        surface.show(told(surface, answer, self._ending(out if not why else None)))
        if why:
            surface.fail(self._texts("plan.not_saved", file=out, why=why), REFUSED)
        return answer.status

    def _why_not_saved(self, answer: Answer) -> str:
        """Why this plan cannot be carried out from a file; empty if it can."""
        if answer.status or not any(planned_rows(report) for report in answer.reports):
            return self._texts("plan.not_saved.nothing")
        refused = {guard for report in answer.reports for guard, _ in would_be_refused(report)} - {"approval"}
        unbound = any(planned_rows(report) and saved_plan.approval(report) is None for report in answer.reports)
        return self._texts("plan.not_saved.refused") if refused or unbound else ""

    def _saved(self, body: object) -> SavedPlan | None:
        """The plan of the file, if it is one; it fixes what is approved, and where it may be carried out."""
        if not saved_plan.is_saved(body):
            return None
        surface, file = self._surface, self._asked.event
        try:
            saved = saved_plan.read(body)
        except UnreadablePlanError as err:
            surface.fail(self._texts("saved.unreadable", file=file, why=err), REFUSED, self._texts("saved.unreadable.next"))
        if self._asked.approve is not None:
            surface.fail(self._texts("saved.bound", file=file), REFUSED, self._texts("saved.bound.next"))
        if saved.cloud != self._asked.place.cloud:
            then, now = (_where(surface, replace(self._asked.place, cloud=cloud)) for cloud in (saved.cloud, not saved.cloud))
            option = "--cloud" if saved.cloud else "--local"
            step = self._texts("saved.other_place.next", option=option)
            surface.fail(self._texts("saved.other_place", file=file, then=then, now=now), REFUSED, step)
        return saved

    def _given(self, body: object) -> Approvals:
        """What --approve says, for the one run that the event asks for."""
        given = self._asked.approve
        if given is None:
            return Approvals()
        surface = self._surface
        if not re.fullmatch(APPROVE_PATTERN, given):
            surface.fail(self._texts("approve.form", value=shorten(given)), REFUSED, self._texts("approve.form.next"))
        count = len(self._runs(body))
        if count > 1:
            surface.fail(self._texts("approve.several", count=count), REFUSED, self._texts("approve.several.next"))
        return Approvals(for_all=given)

    def _runs(self, body: object) -> list[RunSpec]:
        return runs_in(body, self._asked.place.plans, self._here.clock.now())

    def _acts(self, body: object) -> bool:
        """Whether anything may come of the event that the cloud would notice."""
        return any(not spec.request.dry_run for spec in self._runs(body))

    def _unmoved(self, body: object, saved: SavedPlan) -> Answer:
        """What a dry run shows now, if that is what the file shows. Leaves if it is not."""
        shown = self._function.handle(body, dry_run=True, shown=False)
        if differences := saved_plan.moved(saved.reports, shown.reports, self._texts):
            surface, file = self._surface, self._asked.event
            step = self._texts("saved.moved.next", command=self._asked.place.command("plan", "EVENT", "--out", file))
            if not surface.as_json:
                surface.err.print("\n".join(differences), markup=False, highlight=False)
            surface.fail(self._texts("saved.moved", file=file), REFUSED, step, moved=differences)
        return shown

    def _confirmed(self, body: object, approvals: Approvals, looked_at: Answer | None) -> Approvals:
        """With what a person says yes to: shown to them just before, on record, and the only thing that the run may do. Leaves on no.

        `looked_at`: the answer of a dry run that was made just now.
        """
        surface, clock = self._surface, self._here.clock
        before: Answer | None = None
        while True:
            answer = looked_at or self._function.handle(body, dry_run=True, approve=approvals, shown=before is None)
            looked_at, at_s = None, clock.monotonic()
            bound = replace(approvals, shown=_by_run(answer, map(saved_plan.approval, answer.reports)))
            if before is not None:
                differences = saved_plan.moved(before.reports, answer.reports, self._texts)
                if not differences:
                    return bound
                surface.show(Text(one_line(words), "yellow") for words in (self._texts("ask.moved"), *differences))
            surface.show(told(surface, answer, Ending(lambda _: [], self._here.environ)))
            self._leave_if_refused(answer)
            if not typer.confirm(self._question(answer.reports)):
                surface.fail(self._texts("ask.no"), REFUSED, self._texts("ask.no.next"))
            if clock.monotonic() - at_s <= OLD_S:
                return bound
            before = answer

    def _leave_if_refused(self, answer: Answer) -> None:
        """Nobody is asked about what would not be done anyway."""
        surface = self._surface
        planned = [report for report in answer.reports if planned_rows(report)]
        if not planned:
            surface.show([Text(self._texts("ask.nothing"))])
            raise typer.Exit(answer.status)
        if any(would_be_refused(report) or saved_plan.approval(report) is None for report in planned):
            for report in planned:
                steps = self._steps(report, None)
                surface.show(steps if steps is not None else [one_line(self._texts("end.next", next=report["next"]))])
            surface.fail(self._texts("ask.refused"), REFUSED)

    def _question(self, reports: Sequence[Mapping[str, Any]]) -> str:
        rows = [row for report in reports for row in planned_rows(report)]
        risk = len(losing(rows)) + len(losing(rows, None))
        first = next(report for report in reports if planned_rows(report))
        actions = list_some(dict.fromkeys(str(report["plan"]["action"]) for report in reports if planned_rows(report)), separator="/")
        said = {"action": actions, "instances": self._texts.count("instances", len(rows)), "losing": risk}
        where = {"region": first["region"], "project": first["project_id"]}
        return one_line(self._texts("ask.loss" if risk else "ask.safe", **said, **where))

    def _ending(self, file: Path | None = None) -> Ending:
        return Ending(lambda report: self._steps(report, file), self._here.environ)

    def _steps(self, report: Mapping[str, Any], file: Path | None) -> list[Part] | None:
        """The command that does exactly what was shown, and the event if it is short; None where the report's own words are best."""
        approval = saved_plan.approval(report)
        if report["status"] not in ("planned", "rejected") or approval is None or self._asked.event == "-":
            return None
        place, texts = self._asked.place, self._texts
        if self._is_saved:
            return [Text(texts("plan.to_run")), f"  {place.command('run', self._asked.event)}"] if self._asked.dry_run else []
        if file is not None:
            return [Text(texts("plan.saved", file=file)), f"  {place.command('run', str(file))}"]
        steps: list[Part] = [Text(texts("plan.to_run")), f"  {place.command('run', self._asked.event, '--approve', approval)}"]
        step = str(report["next"])
        event = step[step.index("{") :] if "{" in step else ""
        if report["status"] == "rejected":
            lead = step[: step.index("{")].removesuffix("The event: ").strip() if event else step
            steps.insert(0, one_line(texts("end.next", next=lead)))
        elif event and len(brief_next(report, EVENT_BYTES)) == len(step):
            steps.append(texts("plan.or_send", event=event))
        return steps


def _by_run(answer: Answer, approvals: Iterable[str | None]) -> dict[str, str]:
    """Run id -> its approval."""
    told = zip(answer.reports, approvals, strict=True)
    return {str(report["run_id"]): approval for report, approval in told if approval is not None}


def _read_event(surface: Terminal, event: str, now: datetime) -> object:
    """The event of a file, or of standard input, with the times that an example leaves open filled in."""
    try:
        text = sys.stdin.read() if event == "-" else Path(event).read_text(encoding="utf-8")
        return parse_untrusted_json(fill_in(text, now))
    except OSError as err:
        step = surface.texts("error.file.next")
        surface.fail(surface.texts("error.file", file=one_line(event), why=err.strerror), REFUSED, step)
    except (InvalidJsonError, UnicodeDecodeError) as err:
        surface.fail(surface.texts("error.json", file=one_line(event), why=err))


def _where(surface: Terminal, place: Place) -> str:
    if place.cloud:
        return surface.texts("where.cloud")
    speed = f"{place.time_scale:g}"
    return surface.texts("where.fleet", speed=speed) if place.fleet else surface.texts.count("where.local", place.instances, speed=speed)
