"""The end of a run: an outcome for every instance, and the one sentence on what to do next. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dcs_upkeep.domain.approval import approval_of
from dcs_upkeep.domain.model import Outcome, OutcomeKind, Plan, RunStatus
from dcs_upkeep.domain.problems import json_line
from dcs_upkeep.domain.request import Request
from dcs_upkeep.domain.run import short_id

NOT_ON_RECORD = "Mend the journal and make the dry run again: what it shows could not be put on record, so no event can approve it yet."

LEFT = frozenset({OutcomeKind.DEFERRED, OutcomeKind.NOT_ATTEMPTED})
_HALT_ID = re.compile(r"halt '([^']{1,80})' is in force")

UNREAD = "Make the dry run again: of some instances it could not be read what would be lost, so no event can approve it yet."


def event_without(request: Request, *drop: str, **change: Any) -> dict[str, Any]:
    """The request as an event, without defaults, without the named fields and the run id, with these changes."""
    event = request.model_dump(mode="json", exclude_defaults=True, exclude={"run_id", *drop})
    return {**event, **change}


def approving(request: Request, plan: Plan, plan_name: str | None) -> dict[str, Any] | None:
    """The event that approves exactly this plan; None if none can, since what was shown is not on record."""
    approve = approval_of(plan)
    if approve is None:
        return None
    return {"plan": plan_name, "approve": approve} if plan_name is not None else event_without(request, "dry_run", approve=approve)


def rest_event(request: Request, outcomes: Sequence[Outcome], plan: Plan) -> dict[str, Any]:
    """The event for what was left (deferred, or not attempted), its error budget reduced by the failures so far."""
    rest = [one.instance_id for one in outcomes if one.outcome in LEFT]
    failures = sum(1 for one in outcomes if one.outcome in (OutcomeKind.FAILED, OutcomeKind.UNKNOWN))
    event = event_without(request, "select", "plan", "approve", action=plan.action.value, instances=rest)
    event["rollout"] = {**event.get("rollout", {}), "max_failures": max(0, plan.max_failures - failures)}
    return event


def next_step(
    request: Request, plan: Plan, outcomes: Sequence[Outcome], status: RunStatus, stop_reason: str | None, *, plan_name: str | None = None
) -> str:
    """One sentence: what the reader should do now. `plan_name`: the reviewed plan that the request came from."""
    counts: Counter[str] = Counter(outcome.outcome.value for outcome in outcomes)
    why = f" The run stopped: {stop_reason}." if stop_reason else ""
    match status:
        case RunStatus.SUCCEEDED if not outcomes:
            return "Nothing to do: the selection matched no instance; check its conditions if that is a surprise."
        case RunStatus.SUCCEEDED if counts[OutcomeKind.ACCEPTED]:
            return f"Look at the {counts[OutcomeKind.ACCEPTED]} accepted instance(s) in the console: their effect was not observed."
        case RunStatus.SUCCEEDED:
            return "Nothing to do."
        case RunStatus.PLANNED if not plan.digest:
            return UNREAD
        case RunStatus.PLANNED:
            event = approving(request, plan, plan_name)
            return f"To carry out exactly this, send: {json_line(event)}" if event else NOT_ON_RECORD
        case RunStatus.REJECTED if plan.refusal is not None:
            event = approving(request, plan, plan_name) if _asks_for_approval(plan) else None
            return plan.refusal.next + (f" The event: {json_line(event)}" if event else "")
        case RunStatus.REJECTED:
            return "Nothing was executed; mend what the reasons name and send the event again."
        case RunStatus.HALTED if plan.refusal is not None:
            return plan.refusal.next
        case RunStatus.HALTED:
            found = _HALT_ID.match(stop_reason or "")
            release = f": {json_line({'command': 'release', 'halt': found[1]})}" if found else ""
            return f"Release the halt when it is safe{release}; then send the rest{_rest(request, outcomes, plan)}.{why}"
        case RunStatus.DEFERRED:
            return f"ACTION NEEDED: send this event for the rest: {json_line(rest_event(request, outcomes, plan))}{why}"
        case RunStatus.RUNNING:
            return "Wait for the report of the run that is under way."
        case RunStatus.FAILED | RunStatus.PARTIAL:
            if not_fine := _not_fine(counts):
                rest = _rest(request, outcomes, plan)
                return f"Read the reasons of what is not fine: {not_fine}.{f' When it is safe, send the rest{rest}.' if rest else ''}{why}"
            return f"Look at the {counts[OutcomeKind.ACCEPTED]} accepted instance(s) in the console: their effect was not seen.{why}"


def stopped_step(run_id: str, *, resumes: bool, sent: bool) -> str:
    """What to do about a run that a person has stopped. `resumes`: it is kept, and waits for a person."""
    short = short_id(run_id)
    if resumes:
        command = json_line({"command": "halt", "run": run_id})
        return (
            f"Nothing of it goes on by itself. To go on, send {json_line({'resume': run_id})} (command line: resume {short}); "
            f"to end it for good, send {command} (command line: halt --run {short})."
        )
    if sent:
        return "What was not attempted is left as it is: to have it done, send a new event for those instances."
    return "Nothing was sent. To have it done, send the event again."


def _rest(request: Request, outcomes: Sequence[Outcome], plan: Plan) -> str:
    """The event for what was left, to stand after `send the rest`; empty if nothing was."""
    if not any(one.outcome in LEFT for one in outcomes):
        return ""
    return f": {json_line(rest_event(request, outcomes, plan))}"


def _asks_for_approval(plan: Plan) -> bool:
    """Whether an approval is what a refused plan lacks. The journal names the first guard alone, and holds the showing."""
    return plan.showing is not None or any(refusal.guard == "approval" for refusal in plan.refusals)


def _not_fine(counts: Mapping[str, int]) -> str:
    kinds = sorted((kind for kind in OutcomeKind if counts[kind] and not kind.fine), key=lambda kind: kind.place)
    return ", ".join(f"{counts[kind]} {kind.words}" + (f" ({kind.advice})" if kind.advice else "") for kind in kinds)
