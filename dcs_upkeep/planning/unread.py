"""The plan of a request that is refused before anything of the fleet was read. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from dcs_upkeep.domain.model import Outcome, OutcomeKind, Plan, Refusal
from dcs_upkeep.domain.request import Request
from dcs_upkeep.guards.policy import Policy


def refuse_unread(request: Request, policy: Policy, refusals: Sequence[Refusal]) -> Plan:
    """A plan of no waves and without a digest: each instance that was named is refused."""
    reason = "; ".join(refusal.reason for refusal in refusals)
    settled = [Outcome(instance_id, None, OutcomeKind.REFUSED, reason, guard=refusals[0].guard) for instance_id in request.instances or ()]
    return Plan(
        action=policy.action,
        name=request.name,
        dry_run=request.dry_run,
        digest="",
        waves=(),
        instances={},
        settled=tuple(settled),
        refusals=tuple(refusals),
    )
