"""From what is on record to the report. Pure: showing or replaying a run needs no writer, no cloud and no topics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dcs_upkeep.domain.actions import RULES
from dcs_upkeep.domain.errors import Problem, describe_error
from dcs_upkeep.domain.model import Evidence, Location, Outcome, OutcomeKind, Plan, PlannedInstance, RunStatus, Trigger
from dcs_upkeep.domain.problems import one_line
from dcs_upkeep.domain.run import RunSpec
from dcs_upkeep.domain.stopping import ENDED
from dcs_upkeep.domain.timestamps import iso_at
from dcs_upkeep.journal.progress import Progress, Stage
from dcs_upkeep.journal.run_state import UNREADABLE, RunState
from dcs_upkeep.reporting.next_step import next_step, stopped_step
from dcs_upkeep.reporting.report import Header, ProblemReport, Report, status_of, summarize

BEHIND_NOTE = "the journal cannot be written: it does not show how this run ended"
BEHIND = (
    "ACTION NEEDED: mend the journal. When it can be written again, the sweep goes on with what is deferred here. "
    'To prevent that, send {"command": "halt", "reason": "..."} once the journal answers.'
)
NOT_DURABLE = "its refusal is not on record, so a further invocation asks the guards again"


@dataclass(frozen=True, slots=True)
class Telling:
    """What a report says beside the run's record. `now`: when it is made; `began_at`: when the run began.

    `calls`: operation -> calls of this invocation. `goes_on`: the run is not over, a further invocation takes up what is left.
    `fault`: what went wrong before the first write. `has_journal`: whether a repeated delivery can be told from a new event.
    `not_durable`: None if the journal has everything; else the instances whose refusal it lacks: what is told of those, and of all
    whose turn has not come, must stay true when a sweep goes on from what the journal has.
    """

    now: datetime
    began_at: datetime
    calls: Mapping[str, int]
    goes_on: bool = False
    fault: Exception | None = None
    has_journal: bool = True
    not_durable: Collection[str] | None = None


def build_report(spec: RunSpec, location: Location, state: RunState, telling: Telling) -> Report:
    """The report of what is on record; a fault before the first write has no outcomes and says so."""
    plan, goes_on = state.plan, telling.goes_on
    calls = dict(Counter(state.calls) + Counter(telling.calls))
    header = header_of(spec, location, telling.began_at)
    goes_on_step = "Nothing: the run goes on in a further invocation."
    is_ended = state.stop is not None and state.stop["why"] == ENDED
    if plan is None and state.stop is not None and (state.is_stopped_by_person or is_ended):
        step = stopped_step(spec.run_id, resumes=state.stop_rest == OutcomeKind.DEFERRED, sent=False)
        return summarize(
            header,
            None,
            (),
            status=RunStatus.HALTED,
            next_step=step,
            ended_at=telling.now,
            calls=calls,
            hops=state.hops,
            notes=[state.stop["reason"]],
        )
    if plan is None and goes_on:  # it could not be made yet
        status = RunStatus.DEFERRED
        return summarize(header, None, (), status=status, next_step=goes_on_step, ended_at=telling.now, calls=calls, hops=state.hops)
    if plan is None or telling.fault is not None:
        why = describe_error(telling.fault) if telling.fault else f"The run stopped: {state.stop['reason']}." if state.stop else ""
        step = f"Nothing was sent; mend the cause and send the event again. {why}".strip()
        outcomes = plan.settled if plan else ()
        return summarize(
            header, plan, outcomes, status=RunStatus.FAILED, next_step=step, ended_at=telling.now, calls=calls, hops=state.hops
        )
    is_behind = telling.not_durable is not None
    outcomes = final_outcomes(state, telling.now.timestamp(), goes_on=goes_on or is_behind, not_durable=telling.not_durable or ())
    refused_by = plan.refusal.guard if plan.refusal else None
    by_person = state.waits_for_person
    stopped = by_person or is_ended or (state.stop is not None and state.stop["why"] == "halt")
    halted = refused_by == "halt" or (stopped and not is_behind)
    status = (
        RunStatus.DEFERRED
        if goes_on
        else status_of(outcomes, halted=halted, refused=plan.refusal is not None, unseen=_is_unseen(plan, state))
    )
    stop_reason = state.stop["reason"] if state.stop else None
    step = goes_on_step if goes_on else ""
    if is_behind and status is RunStatus.DEFERRED:
        step = BEHIND
    if (by_person or is_ended) and status is RunStatus.HALTED:
        step = stopped_step(spec.run_id, resumes=state.stop_rest == OutcomeKind.DEFERRED, sent=state.may_have_sent())
    step = step or next_step(spec.request, plan, outcomes, status, stop_reason, plan_name=spec.plan_name)
    notes = [*plan.notes, *([stop_reason] if stop_reason else []), *([BEHIND_NOTE] if is_behind else [])]
    if not telling.has_journal and not plan.dry_run:
        notes.append("without a journal a repeated delivery of this event cannot be told from a new one")
    return summarize(header, plan, outcomes, status=status, next_step=step, ended_at=telling.now, calls=calls, hops=state.hops, notes=notes)


def _is_unseen(plan: Plan, state: RunState) -> bool:
    """Whether the run ended before everything was seen that was to be watched: what was accepted is no success then."""
    if plan.watch_timeout_s is None or state.stop is None:
        return False
    is_cut_off = any(progress.outcome is None and progress.stage is Stage.ACCEPTED for progress in state.progress.values())
    return is_cut_off or (state.stop["why"] == UNREADABLE)


def replayed_report(spec: RunSpec, location: Location, state: RunState, telling: Telling) -> Report:
    """The report that is on record, made again from the same entries."""
    reported = state.reported
    if reported is None:
        raise AssertionError("nothing was reported yet")
    report = build_report(spec, location, state, telling)
    report["replayed"] = True
    report["status"], report["next"], report["calls"] = reported["status"], reported["next"], dict(reported["calls"])
    report["notes"], report["ended_at"] = list(reported["notes"]), reported["ended_at"]
    report["elapsed_s"] = reported["elapsed_s"]
    return report


def refusal_report(
    trigger: Trigger, run_id: str, location: Location, now: datetime, step: str, status: RunStatus, problems: Sequence[Problem] = ()
) -> Report:
    """The report of an event that led to no run of its own: no request, no plan, no instances."""
    header = Header(
        run_id=run_id, trigger=trigger, location=location, requested_by=None, name=None, action=None, dry_run=False, started_at=now
    )
    rows = [ProblemReport(path=one_line(problem.path), what=one_line(problem.what), fix=one_line(problem.fix)) for problem in problems]
    return summarize(header, None, (), status=status, next_step=step, ended_at=now, problems=rows)


def header_of(spec: RunSpec, location: Location, began_at: datetime) -> Header:
    """What every report of this run says, whatever becomes of it."""
    request = spec.request
    return Header(
        run_id=spec.run_id,
        trigger=spec.trigger,
        location=location,
        requested_by=request.requested_by,
        name=request.name or spec.plan_name,
        action=request.action,
        dry_run=request.dry_run,
        started_at=began_at,
    )


def final_outcomes(state: RunState, now: float, *, goes_on: bool = False, not_durable: Collection[str] = ()) -> tuple[Outcome, ...]:
    """Every instance of the plan in exactly one outcome: those of the waves in their order, then those settled before."""
    plan = state.plan
    if plan is None:
        return ()
    ends = [
        replace(progress.outcome, outcome=OutcomeKind.DEFERRED, reason=f"{NOT_DURABLE}: {progress.outcome.reason}", guard=None)
        if progress.outcome and progress.instance_id in not_durable
        else progress.outcome or _open_end(progress, plan, state, now, goes_on=goes_on)
        for progress in state.progress.values()
    ]
    return (*ends, *plan.settled)


def _open_end(progress: Progress, plan: Plan, state: RunState, now: float, *, goes_on: bool) -> Outcome:
    kind, reason, guard = _how_it_ended(progress, plan, state)
    if goes_on and progress.stage is Stage.PENDING:
        kind, reason, guard = OutcomeKind.DEFERRED, "its turn comes in a further invocation of this run", None
    return outcome_of(progress, plan.instances[progress.instance_id], kind, reason, now, guard=guard)


def _how_it_ended(progress: Progress, plan: Plan, state: RunState) -> tuple[OutcomeKind, str, str | None]:
    """Kind, reason and guard of an instance that the run ended without an outcome for."""
    match progress.stage:
        case Stage.PENDING if plan.refusal is not None:
            return OutcomeKind.REFUSED, plan.refusal.reason, plan.refusal.guard
        case Stage.PENDING if plan.dry_run:
            return OutcomeKind.PLANNED, f"{plan.action} would be sent in wave {progress.wave} of {len(plan.waves)}", None
        case Stage.PENDING:
            if state.stop is None:
                return OutcomeKind.NOT_ATTEMPTED, "the run ended before its turn", None
            return OutcomeKind(state.stop["rest"]), state.stop["reason"], state.stop["guard"]
        case Stage.ACCEPTED if plan.watch_timeout_s is None:
            return OutcomeKind.ACCEPTED, f"{progress.note}; the effect was not watched, as asked", None
        case Stage.ACCEPTED:
            seen = f"{RULES[plan.action].busy} was seen" if progress.seen_busy else "its effect was not seen yet"
            return OutcomeKind.ACCEPTED, f"{progress.note}; {seen} when the run ended", None
        case Stage.API_FAILED:
            return OutcomeKind.FAILED, "the API said failed, without a reason; its state was not read before the run ended", None
        case _:
            return OutcomeKind.UNKNOWN, f"{progress.note or 'the run ended before an answer came'}; no evidence settled it", None


def outcome_of(
    progress: Progress,
    planned: PlannedInstance,
    kind: OutcomeKind,
    reason: str,
    now: float,
    evidence: Evidence | None = None,
    guard: str | None = None,
) -> Outcome:
    """The outcome of an instance that an attempt may have been made for, with its times. `now`: seconds since 1970."""
    done_at = now if kind is OutcomeKind.COMPLETED else None
    elapsed_s = round(now - progress.sent_at, 3) if done_at is not None and progress.sent_at is not None else None
    return Outcome(
        instance_id=progress.instance_id,
        name=planned.name,
        outcome=kind,
        reason=reason,
        guard=guard,
        wave=progress.wave,
        evidence=evidence,
        loses_data=planned.loses_data,
        error_code=progress.code,
        request_id=progress.request_id,
        sent_at=iso_at(progress.sent_at) if progress.sent_at is not None else None,
        completed_at=iso_at(done_at) if done_at is not None else None,
        elapsed_s=elapsed_s,
    )


def last_reached(state: RunState) -> dict[str, float | None]:
    """Instance ID -> when the action reached it, as far as anybody can tell; None if it surely did not."""
    reached: dict[str, float | None] = {}
    for progress in state.progress.values():
        kind = progress.outcome.outcome if progress.outcome else None
        acted_on = progress.explicit or progress.seen_busy or kind in (OutcomeKind.ACCEPTED, OutcomeKind.COMPLETED, OutcomeKind.UNKNOWN)
        is_open = progress.stage in (Stage.ACCEPTED, Stage.DOUBT, Stage.SENDING)
        reached[progress.instance_id] = progress.sent_at if acted_on or is_open else None
    return reached
