"""Whether a plan that was agreed to may still be carried out under the settings of this invocation: asked before every attempt. Pure.

A run may wait for days, and a setting, a cap or an approval's age is worth what it says when something is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Never

from dcs_upkeep.domain.model import Plan, Verdict
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.guards.approval import approval_lapsed
from dcs_upkeep.guards.guard import Guard, ask
from dcs_upkeep.guards.whole_plan import allowed_action, blast_radius_count


@dataclass(frozen=True, slots=True)
class CarryOnFacts:
    """A plan that was made earlier, and what is so now. `reviewed`: it came from plans.json, by its name or by an alarm rule."""

    plan: Plan
    settings: Settings
    now: datetime
    approved: bool
    reviewed: bool


def plans_only(facts: CarryOnFacts) -> str | None:
    """Whether only what was reviewed may be carried out now."""
    if facts.reviewed or not facts.settings.plans_only:
        return None
    return "only reviewed plans are taken here now (UPKEEP_PLANS_ONLY), and this run is none"


PLANS_ONLY: Guard[CarryOnFacts] = Guard(
    name="plans_only",
    setting="`UPKEEP_PLANS_ONLY`",
    default="`0`",
    refuses_when="the setting was switched on while a run waited that comes from no plan and no alarm rule of plans.json",
    how_to_lift="Put the request into plans.json, or unset the setting",
    check=plans_only,
)
GUARDS: tuple[Guard[Never], ...] = (PLANS_ONLY,)


def may_carry_on(facts: CarryOnFacts) -> Verdict:
    """The first refusal under today's settings; an allowing verdict if there is none."""
    shown_at = facts.plan.shown_at if facts.approved else None
    for verdict in (
        ask("allowed_action", allowed_action, facts.plan.action, facts.settings.allowed_actions),
        ask("blast_radius_count", blast_radius_count, len(facts.plan.instances), facts.settings.max_instances),
        ask(PLANS_ONLY.name, plans_only, facts),
        ask("approval", approval_lapsed, shown_at, facts.settings, facts.now),
    ):
        if not verdict.allowed:
            return verdict
    return Verdict(True, "")
