"""What a run writes to the log: one line per instance, and the canonical line of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dcs_upkeep.domain.model import Outcome, OutcomeKind, Plan
from dcs_upkeep.domain.ports import Ports
from dcs_upkeep.reporting.bounded import brief_next, rows_left_out, rows_that_fit

# Shares of a line of the log, which may have 200 KB.
ROWS_BYTES = 100_000
NEXT_BYTES = 20_000
MOST_WAVES = 500


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
        dcs_request_id=outcome.request_id,
    )


def log_plan(ports: Ports, plan: Plan) -> None:
    """What was decided, and one line per instance that is settled already."""
    ports.log(
        "plan.made",
        instances=len(plan.instances),
        waves=[len(wave) for wave in plan.waves[:MOST_WAVES]],
        wave_count=len(plan.waves),
        settled=len(plan.settled),
        pause_s=plan.pause_s,
        watch_timeout_s=plan.watch_timeout_s,
        digest=plan.digest,
        showing=plan.showing,
        guard=plan.refusal.guard if plan.refusal else None,
        reason=plan.refusal.reason if plan.refusal else None,
    )
    for outcome in plan.settled:
        log_outcome(ports, outcome)


def canonical_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """A report for the log: all but the instances that are fine, of which the counts tell. A sweep's answer may hold one.

    What doctor found has lines of its own.

    It fits into one line of the log: `left_out` says what does not, and where that is.
    """
    told = {key: value for key, value in body.items() if key not in ("instances", "plan", "findings")}
    left_out: list[str] = list(body.get("left_out", ()))
    if "report" in body:
        told["report"] = canonical_fields(body["report"])
    if "instances" in body:
        not_fine = [one for one in body["instances"] if not OutcomeKind(one["outcome"]).fine]
        told["not_fine"] = rows_that_fit(not_fine, ROWS_BYTES)
        if len(told["not_fine"]) < len(not_fine):
            left_out.append(rows_left_out(not_fine, told["not_fine"]))
    if "plan" in body:
        plan = body["plan"]
        told |= {key: plan[key] for key in ("name", "action", "digest", "showing", "dry_run") if key in plan}
        told["waves"] = _wave_sizes(plan["waves"], left_out)
        told["next"] = brief_next(body, NEXT_BYTES)
    return {**told, "left_out": left_out} if left_out else told


def _wave_sizes(waves: Sequence[Sequence[str]], left_out: list[str]) -> list[int]:
    if len(waves) > MOST_WAVES:
        left_out.append(f"waves: the sizes of {len(waves) - MOST_WAVES} of {len(waves)}; the report has them all")
    return [len(wave) for wave in waves[:MOST_WAVES]]
