"""The plan of a request that is refused before everything was read: what is refused anyway is refused before it costs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from dcs_upkeep.domain.model import Instance, Outcome, OutcomeKind, Plan, Refusal
from dcs_upkeep.domain.request import Request
from dcs_upkeep.guards.evaluate import evaluate_instance
from dcs_upkeep.guards.policy import Policy
from dcs_upkeep.planning.selection import idle_exclusions


def refuse_unread(request: Request, policy: Policy, refusals: Sequence[Refusal]) -> Plan:
    """Before anything was read: each instance that was named is refused, and of a selection nothing is known."""
    return _refused(request, policy, refusals, [_outcome(one, None, refusals) for one in request.instances or ()])


def refuse_listed(
    request: Request, policy: Policy, refusals: Sequence[Refusal], ids: Sequence[str], fleet: Mapping[str, Instance], now: datetime
) -> Plan:
    """Once the fleet was listed: each selected instance is refused, by its own guard if it has one."""
    settled = [evaluate_instance(fleet[one], one, policy, now) or _outcome(one, fleet[one].name, refusals) for one in ids]
    return _refused(request, policy, refusals, settled, idle_exclusions(request.select, fleet.values()) if request.select else ())


def _outcome(instance_id: str, name: str | None, refusals: Sequence[Refusal]) -> Outcome:
    reason = "; ".join(refusal.reason for refusal in refusals)
    return Outcome(instance_id, name, OutcomeKind.REFUSED, reason, guard=refusals[0].guard)


def _refused(
    request: Request, policy: Policy, refusals: Sequence[Refusal], settled: Sequence[Outcome], notes: tuple[str, ...] = ()
) -> Plan:
    """A plan of no waves and without a digest. Where it has no instance yet that could carry the reasons, its notes do."""
    reasons = () if settled else tuple(f"{refusal.guard}: {refusal.reason}" for refusal in refusals)
    return Plan(
        action=policy.action,
        name=request.name,
        dry_run=request.dry_run,
        digest="",
        waves=(),
        instances={},
        settled=tuple(settled),
        refusals=tuple(refusals),
        notes=(*reasons, *notes),
    )
