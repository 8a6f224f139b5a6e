"""What is said against a whole plan, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import PlannedInstance, WindowRule
from dcs_upkeep.domain.request import Request, parse_request
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.domain.time_windows import DAYS, parse_blackout
from dcs_upkeep.guards import per_call, whole_plan
from dcs_upkeep.guards.per_call import CallFacts
from dcs_upkeep.guards.whole_plan import PlanFacts

NOW = datetime(2026, 6, 10, 3, 0, tzinfo=UTC)


def request(**fields: Any) -> Request:
    return parse_request({"action": "restart", "select": {"name": "*"}, **fields})


LISTED = parse_request({"action": "restart", "instances": ["2e803f66-fbb0-47ad-b6cb-fb87f5bed4ef"]})


def planned(*losing: bool | None) -> dict[str, PlannedInstance]:
    return {f"i{number}": PlannedInstance(f"i{number}", f"cache-{number}", loses) for number, loses in enumerate(losing)}


FACTS = PlanFacts(
    request=request(),
    action=Action.RESTART,
    settings=Settings(),
    planned=planned(False, False),
    matched=2,
    fleet=10,
    journalled=True,
    on_host=True,
)


@pytest.mark.parametrize(
    ("changes", "guards"),
    [
        pytest.param({}, [], id="nothing against it"),
        pytest.param({"action": Action.STOP}, ["allowed_action"], id="an action that is not opted into"),
        pytest.param({"matched": 0, "planned": {}}, [], id="nothing matched, which is fine"),
        pytest.param({"matched": 0, "planned": {}, "request": request(allow_empty=False)}, ["empty"], id="nothing matched, which is not"),
        pytest.param({"settings": Settings(max_instances=1)}, ["blast_radius_count"], id="too many"),
        pytest.param({"settings": Settings(max_share=0.1)}, ["blast_radius_share"], id="too large a share"),
        pytest.param(
            {"settings": Settings(max_share=0.1), "request": LISTED},
            [],
            id="a share of what was listed by ID",
        ),
        pytest.param({"journalled": False}, [], id="no journal, and none needed"),
        pytest.param({"journalled": False, "request": request(cooldown_s=5)}, ["journal"], id="a cooldown without a journal"),
        pytest.param({"journalled": False, "action": Action.FLUSH}, ["allowed_action", "journal"], id="a flush without a journal"),
        pytest.param({"journalled": False, "action": Action.FLUSH, "on_host": False}, ["allowed_action"], id="the same on a laptop"),
        pytest.param(
            {"settings": Settings(max_instances=1, allowed_actions=("start",)), "journalled": False, "request": request(cooldown_s=5)},
            ["allowed_action", "blast_radius_count", "journal"],
            id="all at once, in this order",
        ),
        pytest.param({"settings": Settings(allowed_actions=None)}, ["allowed_action"], id="a guard that fails"),
    ],
)
def test_limits_do_not_depend_on_the_hour(changes: Mapping[str, Any], guards: list[str]) -> None:
    refusals = whole_plan.limit_refusals(replace(FACTS, **changes))
    assert [refusal.guard for refusal in refusals] == guards
    assert all(refusal.reason and refusal.next for refusal in refusals)


@pytest.mark.parametrize(
    ("changes", "guards"),
    [
        pytest.param({}, [], id="any time"),
        pytest.param({"window": WindowRule(DAYS, "10:00", "11:00", "UTC")}, ["window"], id="outside the window"),
        pytest.param(
            {
                "halt": {"id": "h-1"},
                "blackouts": parse_blackout("2026-06-10"),
                "window": WindowRule(DAYS, "10:00", "11:00", "UTC"),
            },
            ["halt", "blackout", "window"],
            id="all at once, in this order",
        ),
    ],
)
def test_the_hour_can_refuse_a_plan(changes: Mapping[str, Any], guards: list[str]) -> None:
    refusals = whole_plan.time_refusals(replace(CallFacts(NOW, None, (), None), **changes))
    assert [refusal.guard for refusal in refusals] == guards
    assert all(refusal.reason and refusal.next for refusal in refusals)


def test_a_refusal_is_not_lost_if_what_to_do_about_it_cannot_be_told() -> None:
    """Facts that break a guard may break its advice as well."""
    refusal = whole_plan.limit_refusals(None)[0]  # type: ignore[arg-type]
    assert refusal.guard == "allowed_action"
    assert "failed with AttributeError" in refusal.reason
    assert refusal.next == f"{whole_plan.ALLOWED_ACTION.how_to_lift}."


def test_every_guard_of_a_plan_says_what_to_do() -> None:
    for guard in (*per_call.GUARDS, *whole_plan.GUARDS):
        assert guard.next
