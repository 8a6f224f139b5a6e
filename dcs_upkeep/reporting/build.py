"""From what is on record to the report. Pure."""

from __future__ import annotations

from dcs_upkeep.domain.actions import RULES
from dcs_upkeep.domain.model import Evidence, Outcome, OutcomeKind, Plan, PlannedInstance
from dcs_upkeep.domain.timestamps import iso_at
from dcs_upkeep.journal.run_state import Progress, RunState, Stage


def final_outcomes(state: RunState, now: float, *, goes_on: bool = False) -> tuple[Outcome, ...]:
    """Every instance of the plan in exactly one outcome: those of the waves in their order, then those settled before.

    `goes_on`: the run is not over, a further invocation takes up what is left.
    """
    plan = state.plan
    if plan is None:
        return ()
    ends = [one.outcome or _end(one, plan, state, now, goes_on) for one in state.progress.values()]
    return (*ends, *plan.settled)


def _end(one: Progress, plan: Plan, state: RunState, now: float, goes_on: bool) -> Outcome:
    kind, reason, guard = _ending(one, plan, state)
    if goes_on and one.stage is Stage.PENDING:
        kind, reason, guard = OutcomeKind.DEFERRED, "its turn comes in a further invocation of this run", None
    return outcome_of(one, plan.instances[one.instance_id], kind, reason, now, guard=guard)


def outcome_of(
    one: Progress,
    planned: PlannedInstance,
    kind: OutcomeKind,
    reason: str,
    now: float,
    evidence: Evidence | None = None,
    guard: str | None = None,
) -> Outcome:
    """The outcome of an instance that an attempt was made for, with its times."""
    done_at = now if kind is OutcomeKind.COMPLETED else None
    elapsed_s = round(now - one.sent_at, 3) if done_at is not None and one.sent_at is not None else None
    return Outcome(
        instance_id=one.instance_id,
        name=planned.name,
        outcome=kind,
        reason=reason,
        guard=guard,
        wave=one.wave,
        evidence=evidence,
        loses_data=planned.loses_data,
        error_code=one.code,
        request_id=one.request_id,
        sent_at=iso_at(one.sent_at) if one.sent_at is not None else None,
        completed_at=iso_at(done_at) if done_at is not None else None,
        elapsed_s=elapsed_s,
    )


def last_reached(state: RunState) -> dict[str, float | None]:
    """Instance ID -> when the action reached it, as far as anybody can tell; None where it surely did not."""
    reached: dict[str, float | None] = {}
    for one in state.progress.values():
        kind = one.outcome.outcome if one.outcome else None
        acted_on = one.explicit or one.seen_busy or kind in (OutcomeKind.ACCEPTED, OutcomeKind.COMPLETED, OutcomeKind.UNKNOWN)
        reached[one.instance_id] = one.sent_at if acted_on or one.stage in (Stage.ACCEPTED, Stage.DOUBT, Stage.SENDING) else None
    return reached


def _ending(one: Progress, plan: Plan, state: RunState) -> tuple[OutcomeKind, str, str | None]:
    """Kind, reason and guard of an instance that the run ended without an outcome for."""
    match one.stage:
        case Stage.PENDING if plan.refusal is not None:
            return OutcomeKind.REFUSED, plan.refusal.reason, plan.refusal.guard
        case Stage.PENDING if plan.dry_run:
            return OutcomeKind.PLANNED, f"{plan.action} would be sent in wave {one.wave} of {len(plan.waves)}", None
        case Stage.PENDING:
            if state.stop is None:
                return OutcomeKind.NOT_ATTEMPTED, "the run ended before its turn", None
            return OutcomeKind(state.stop["rest"]), state.stop["reason"], state.stop["guard"]
        case Stage.ACCEPTED if plan.watch_timeout_s is None:
            return OutcomeKind.ACCEPTED, f"{one.note}; the effect was not watched, as asked", None
        case Stage.ACCEPTED:
            seen = f"{RULES[plan.action].busy} was seen" if one.seen_busy else "its effect was not seen yet"
            return OutcomeKind.ACCEPTED, f"{one.note}; {seen} when the run ended", None
        case Stage.API_FAILED:
            return OutcomeKind.FAILED, "the API said failed, without a reason; its state was not read before the run ended", None
        case _:
            return OutcomeKind.UNKNOWN, f"{one.note or 'the run ended before an answer came'}; no evidence settled it", None
