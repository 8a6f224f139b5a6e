"""Whether a plan that was agreed to may still be carried out under the settings of this invocation. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import Plan, PlannedInstance
from dcs_upkeep.domain.settings import read_settings
from dcs_upkeep.guards.carry_on import CarryOnFacts, may_carry_on

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
IDS = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(3)]


def facts(settings: dict[str, str], *, approved: bool = True, reviewed: bool = False, shown_ago_s: float = 60.0) -> CarryOnFacts:
    instances = {one: PlannedInstance(one, "cache", True) for one in IDS}
    shown_at = NOW.timestamp() - shown_ago_s
    plan = Plan(Action.FLUSH, None, False, "v2:", (tuple(IDS),), instances, shown_at=shown_at)
    read = read_settings({"UPKEEP_ALLOWED_ACTIONS": "flush", **settings}.get)
    return CarryOnFacts(plan, read, NOW, approved, reviewed)


@pytest.mark.parametrize(
    ("subject", "guard"),
    [
        pytest.param(facts({}), None, id="nothing has changed"),
        pytest.param(facts({"UPKEEP_ALLOWED_ACTIONS": "restart"}), "allowed_action", id="the action is not allowed any more"),
        pytest.param(facts({"UPKEEP_MAX_INSTANCES": "2"}), "blast_radius_count", id="the cap was lowered"),
        pytest.param(facts({"UPKEEP_MAX_INSTANCES": "3"}), None, id="the cap still fits"),
        pytest.param(facts({"UPKEEP_PLANS_ONLY": "1"}), "plans_only", id="plans only, and this is none"),
        pytest.param(facts({"UPKEEP_PLANS_ONLY": "1"}, reviewed=True), None, id="plans only, and this is one"),
        pytest.param(facts({}, shown_ago_s=86_401), "approval", id="the approval is too old"),
        pytest.param(facts({"UPKEEP_APPROVAL_MAX_AGE_S": "3600"}, shown_ago_s=3601), "approval", id="its age was lowered"),
        pytest.param(facts({}, shown_ago_s=86_400), None, id="the approval is just young enough"),
        pytest.param(facts({}, approved=False, shown_ago_s=999_999), None, id="nothing was approved, so nothing lapses"),
    ],
)
def test_today_s_settings_count(subject: CarryOnFacts, guard: str | None) -> None:
    verdict = may_carry_on(subject)
    assert (None if verdict.allowed else verdict.guard) == guard
