"""What a run writes to the log: one line per instance, and the canonical line of a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcs_upkeep.domain.model import Outcome, OutcomeKind, Plan
from dcs_upkeep.domain.ports import Ports


def log_outcome(ports: Ports, outcome: Outcome) -> None:
    """One line per instance that has come to its outcome."""
    ports.log(
        "instance.verified",
        level="info" if outcome.outcome.fine else "warning",
        wave=outcome.wave,
        instance_id=outcome.instance_id,
        name=outcome.name,
        outcome=outcome.outcome.value,
        reason=outcome.reason,
        guard=outcome.guard,
        error_code=outcome.error_code,
    )


def log_plan(ports: Ports, plan: Plan) -> None:
    """What was decided, and one line per instance that is settled already."""
    ports.log(
        "plan.made",
        instances=len(plan.instances),
        waves=[len(wave) for wave in plan.waves],
        settled=len(plan.settled),
        digest=plan.digest,
        showing=plan.showing,
        guard=plan.refusal.guard if plan.refusal else None,
        reason=plan.refusal.reason if plan.refusal else None,
    )
    for outcome in plan.settled:
        log_outcome(ports, outcome)


def canonical_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """A report for the log: all but the instances that are fine, of which the counts tell. A sweep's answer may hold one."""
    told = {key: value for key, value in body.items() if key not in ("instances", "plan")}
    if "report" in body:
        told["report"] = canonical_fields(body["report"])
    if "instances" in body:
        told["not_fine"] = [one for one in body["instances"] if not OutcomeKind(one["outcome"]).fine]
    if "plan" in body:
        plan = body["plan"]
        told |= {key: plan[key] for key in ("name", "action", "digest", "showing", "dry_run") if key in plan}
        told["waves"] = [len(wave) for wave in plan["waves"]]
    return told
