"""The end of a run: an outcome for every instance, and the one sentence on what to do next. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dcs_upkeep.journal import Progress, RunState, Stage
from dcs_upkeep.model import Outcome, OutcomeKind, Plan, RunStatus
from dcs_upkeep.request import Request
from dcs_upkeep.watching import Watcher


def close(state: RunState, watcher: Watcher, now: float, *, goes_on: bool = False) -> tuple[Outcome, ...]:
    """Every instance of the plan in exactly one outcome: those of the waves in their order, then those settled before.

    `goes_on`: the run is not over, a further invocation takes up what is left.
    """
    plan = state.plan
    if plan is None:
        return ()
    ends = [one.outcome or _end(one, plan, state, watcher, now, goes_on) for one in state.progress.values()]
    return (*ends, *plan.settled)


def _end(one: Progress, plan: Plan, state: RunState, watcher: Watcher, now: float, goes_on: bool) -> Outcome:
    kind, reason, guard = _ending(one, plan, state, watcher)
    if goes_on and one.stage is Stage.PENDING:
        kind, reason, guard = OutcomeKind.DEFERRED, "its turn comes in a further invocation of this run", None
    return watcher.finish(one, plan.instances[one.instance_id], kind, reason, now, guard=guard)


def reached_at(state: RunState) -> dict[str, float | None]:
    """Instance ID -> when the action reached it, as far as anybody can tell; None where it surely did not."""
    reached: dict[str, float | None] = {}
    for one in state.progress.values():
        kind = one.outcome.outcome if one.outcome else None
        acted_on = one.explicit or one.seen_busy or kind in (OutcomeKind.ACCEPTED, OutcomeKind.COMPLETED, OutcomeKind.UNKNOWN)
        reached[one.instance_id] = one.sent_at if acted_on or one.stage in (Stage.ACCEPTED, Stage.DOUBT, Stage.SENDING) else None
    return reached


def _ending(one: Progress, plan: Plan, state: RunState, watcher: Watcher) -> tuple[OutcomeKind, str, str | None]:
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
            seen = f"{watcher.rule.busy} was seen" if one.seen_busy else "its effect was not seen yet"
            return OutcomeKind.ACCEPTED, f"{one.note}; {seen} when the run ended", None
        case Stage.API_FAILED:
            return OutcomeKind.FAILED, "the API said failed, without a reason; its state was not read before the run ended", None
        case _:
            return OutcomeKind.UNKNOWN, f"{one.note or 'the run ended before an answer came'}; no evidence settled it", None


def event_without(request: Request, *drop: str, **change: Any) -> dict[str, Any]:
    """The request as an event, without defaults, without the named fields and the run id, with these changes."""
    event = request.model_dump(mode="json", exclude_defaults=True, exclude={"run_id", *drop})
    return {**event, **change}


def approving(request: Request, plan: Plan, named: str | None) -> dict[str, Any]:
    """The event that approves exactly this plan."""
    if named is not None:
        return {"plan": named, "approve": plan.digest}
    return event_without(request, "dry_run", approve=plan.digest)


def rest_event(request: Request, outcomes: Sequence[Outcome], plan: Plan) -> dict[str, Any]:
    """The event for what was deferred, its error budget reduced by the failures so far."""
    rest = [one.instance_id for one in outcomes if one.outcome is OutcomeKind.DEFERRED]
    failures = sum(1 for one in outcomes if one.outcome in (OutcomeKind.FAILED, OutcomeKind.UNKNOWN))
    event = event_without(request, "select", "plan", "approve", action=plan.action.value, instances=rest)
    event["rollout"] = {**event.get("rollout", {}), "max_failures": max(0, plan.max_failures - failures)}
    return event


def next_step(
    request: Request, plan: Plan, outcomes: Sequence[Outcome], status: RunStatus, stop_reason: str | None, *, named: str | None = None
) -> str:
    """One sentence: what the reader should do now. `named`: the reviewed plan that the request came from."""
    counts: Counter[str] = Counter(outcome.outcome.value for outcome in outcomes)
    why = f" The run stopped: {stop_reason}." if stop_reason else ""
    match status:
        case RunStatus.SUCCEEDED if not outcomes:
            return "Nothing to do: the selection matched no instance; check its conditions if that is a surprise."
        case RunStatus.SUCCEEDED if counts[OutcomeKind.ACCEPTED]:
            return f"Look at the {counts[OutcomeKind.ACCEPTED]} accepted instance(s) in the console: their effect was not observed."
        case RunStatus.SUCCEEDED:
            return "Nothing to do."
        case RunStatus.PLANNED:
            return f"To carry out exactly this, send: {_text(approving(request, plan, named))}"
        case RunStatus.REJECTED if plan.refusal is not None:
            asks = "approval" in plan.refusal.reason or plan.refusal.guard == "approval"
            return plan.refusal.next + (f" The event: {_text(approving(request, plan, named))}" if asks else "")
        case RunStatus.REJECTED:
            return "Nothing was executed; mend what the reasons name and send the event again."
        case RunStatus.HALTED:
            return f"Release the halt when it is safe, then send the rest again.{why}"
        case RunStatus.DEFERRED:
            return f"ACTION NEEDED: send this event for the rest: {_text(rest_event(request, outcomes, plan))}{why}"
        case RunStatus.RUNNING:
            return "Wait for the report of the run that is under way."
        case RunStatus.FAILED | RunStatus.PARTIAL:
            return f"Read the reasons of what is not fine: {_not_fine(counts)}.{why}"


def _not_fine(counts: Mapping[str, int]) -> str:
    words = {
        OutcomeKind.FAILED: "failed",
        OutcomeKind.UNKNOWN: "unknown (look in the console whether it was acted on before you send it again)",
        OutcomeKind.REFUSED: "refused",
        OutcomeKind.NOT_ATTEMPTED: "not attempted",
    }
    return ", ".join(f"{counts[kind]} {text}" for kind, text in words.items() if counts[kind])


def _text(event: Mapping[str, Any]) -> str:
    return json.dumps(event, separators=(",", ":"))
