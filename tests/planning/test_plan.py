"""The plan: what is selected, how it is cut into waves, and what its digest is about. Pure."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import Instance, Plan, ShownPlan
from dcs_upkeep.domain.request import parse_request
from dcs_upkeep.domain.settings import Settings, read_settings
from dcs_upkeep.guards.policy import make_policy
from dcs_upkeep.journal.entries import plan_from_json, plan_to_json
from dcs_upkeep.planning.plan import PlanReadings, make_digest, make_plan, to_classify
from dcs_upkeep.planning.selection import selected
from tests.planning.fleets import fleet, instance

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def plan(request: dict[str, Any], known: dict[str, Instance], settings: dict[str, str] | None = None, **readings: Any) -> Plan:
    read = read_settings({"UPKEEP_REGION": "r", "UPKEEP_ALLOWED_ACTIONS": "restart,soft_restart,flush,stop,start", **(settings or {})}.get)
    readings.setdefault("classified", dict.fromkeys(known, (False, "")))
    asked = parse_request(request)
    return make_plan(asked, selected(asked, known), known, read, make_policy(asked, read), NOW, PlanReadings("p", **readings))


def to_be_read(request: dict[str, Any], known: dict[str, Instance], settings: Settings) -> tuple[Instance, ...]:
    asked = parse_request(request)
    return to_classify(selected(asked, known), known, make_policy(asked, settings))


def test_an_explicit_id_that_does_not_exist_is_refused_by_name() -> None:
    made = plan({"action": "restart", "instances": [instance(1).instance_id, instance(9).instance_id]}, fleet(instance(1)))
    (refused,) = made.settled
    assert (refused.guard, refused.instance_id) == ("found", instance(9).instance_id)


def test_the_digest_does_not_depend_on_order_and_is_pinned() -> None:
    """I10. The same on every machine; a change of this text is a new version of the form."""
    forward = make_digest(Action.RESTART, "r", "p", {"a": True, "b": False})
    assert forward == make_digest(Action.RESTART, "r", "p", {"b": False, "a": None})
    assert forward == "v1:df36b5da771dd478e83600b4d7d1dc04489f46c5e939c586aea2eee09bc6b105"


@pytest.mark.parametrize(
    "change",
    [
        {"rollout": {"canary": 3, "wave_size": 7}},
        {"window": {"start": "10:00", "end": "11:00", "timezone": "UTC"}},
        {"name": "other"},
        {"watch": {"timeout_s": 60}},
        {"dry_run": True},
    ],
)
def test_the_digest_is_about_what_is_irreversible_not_about_the_rollout(change: dict[str, Any]) -> None:
    """A dry run outside the window approves the run inside it."""
    known = fleet(instance(1), instance(2))
    request = {"action": "restart", "select": {"name": "*"}}
    assert plan({**request, **change}, known).digest == plan(request, known).digest


def test_time_dependent_guards_only_shrink_the_set_and_leave_the_digest() -> None:
    known = fleet(instance(1), instance(2))
    held = fleet(instance(1), instance(2, tags={"env": "prod", "upkeep-hold": "2999-01-01"}, status="EXTENDING"))
    request = {"action": "restart", "select": {"name": "*"}}
    assert plan(request, held).digest == plan(request, known).digest
    assert len(plan(request, held).instances) == 1


def test_permanent_guards_shape_the_digest() -> None:
    request = {"action": "restart", "select": {"name": "*"}}
    protected = fleet(instance(1), instance(2, tags={"upkeep": "never"}))
    assert plan(request, protected).digest == plan(request, fleet(instance(1))).digest


def test_approval_asks_for_those_that_lose_data_and_only_those() -> None:
    known = fleet(*(instance(number) for number in (1, 2, 3)))
    lost = {instance(1).instance_id: (True, "single node: restart clears all data"), instance(2).instance_id: (None, "unknown")}
    made = plan({"action": "restart", "select": {"name": "*"}}, known, classified={instance(3).instance_id: (False, ""), **lost})
    assert made.refusal is not None
    assert made.refusal.guard == "approval"
    assert "cache-001" in made.refusal.reason
    assert "cache-002" in made.refusal.reason
    assert "cache-003" not in made.refusal.reason
    approved = plan(
        {"action": "restart", "select": {"name": "*"}, "approve": made.digest},
        known,
        classified={instance(3).instance_id: (False, ""), **lost},
    )
    assert approved.refusal is None


def test_disposable_instances_need_no_approval() -> None:
    known = fleet(instance(1, tags={"tier": "scratch"}))
    made = plan({"action": "flush", "select": {"name": "*"}}, known, {"UPKEEP_DISPOSABLE_TAGS": "tier=scratch"})
    assert made.refusal is None
    assert next(iter(made.instances.values())).disposable


def test_a_drifted_approval_says_what_came_went_and_changed() -> None:
    known = fleet(instance(1), instance(2))
    shown = ShownPlan({instance(1).instance_id: True, instance(7).instance_id: False}, NOW)
    made = plan({"action": "restart", "select": {"name": "*"}, "approve": "v1:" + "0" * 64}, known, approved=shown)
    assert made.refusal is not None
    for word in (f"added: {instance(2).instance_id}", f"removed: {instance(7).instance_id}", instance(1).instance_id, made.digest[:20]):
        assert word in made.refusal.reason
    unknown = plan({"action": "restart", "select": {"name": "*"}, "approve": "v1:" + "0" * 64}, known)
    assert unknown.refusal is not None
    assert "not in this journal" in unknown.refusal.reason


def test_an_approval_on_record_lapses() -> None:
    known = fleet(instance(1))
    request = {"action": "flush", "select": {"name": "*"}}
    digest = plan(request, known).digest
    old = ShownPlan({instance(1).instance_id: True}, datetime(2026, 11, 22, tzinfo=UTC))
    made = plan({**request, "approve": digest}, known, approved=old)
    assert made.refusal is not None
    assert "expired" in made.refusal.reason


def test_a_dry_run_tells_what_the_hour_would_refuse_and_refuses_nothing() -> None:
    window = {"start": "10:00", "end": "11:00", "timezone": "UTC"}
    made = plan({"action": "flush", "select": {"name": "*"}, "window": window, "dry_run": True}, fleet(instance(1)))
    assert made.refusal is None
    assert [note.partition(":")[0].rpartition(" ")[2] for note in made.notes[:2]] == ["window", "approval"]
    assert "1 status calls in 1 waves" in made.notes[2]


def test_all_reasons_are_told_at_once() -> None:
    window = {"start": "10:00", "end": "11:00", "timezone": "UTC"}
    made = plan(
        {"action": "flush", "select": {"name": "*"}, "window": window}, fleet(instance(1), instance(2)), {"UPKEEP_MAX_INSTANCES": "1"}
    )
    assert [refusal.guard for refusal in made.refusals] == ["blast_radius_count", "window", "approval"]
    assert made.refusal is not None
    assert made.refusal.guard == "blast_radius_count"
    assert made.refusal.reason == "; ".join(f"{refusal.guard}: {refusal.reason}" for refusal in made.refusals)
    assert made.refusal.next == " ".join(refusal.next for refusal in made.refusals)
    assert plan_from_json(json.loads(json.dumps(plan_to_json(made)))).refusal == made.refusal


def test_a_window_that_defers_refuses_nothing() -> None:
    """The run waits for its opening."""
    window = {"start": "10:00", "end": "11:00", "timezone": "UTC", "on_miss": "defer"}
    request = {"action": "restart", "select": {"name": "*"}, "window": window}
    assert plan(request, fleet(instance(1))).refusals == ()
    made = plan(request, fleet(instance(1)), halt={"id": "h-1"})
    assert [refusal.guard for refusal in made.refusals] == ["halt"]
    assert made.refusal == made.refusals[0]  # a reason that stands alone needs no name before it


def test_an_action_that_decides_alone_needs_no_reading() -> None:
    """A flush clears every instance and a start none, whatever DCS would say of them."""
    known = fleet(instance(1), instance(2, tags={"tier": "scratch"}))
    settings = read_settings({"UPKEEP_DISPOSABLE_TAGS": "tier=scratch"}.get)
    for action, losses in (("flush", True), ("start", False)):
        request = {"action": action, "select": {"name": "*"}}
        assert to_be_read(request, known, settings) == ()
        stopped = {one: replace(found, status="CLOSED") for one, found in known.items()} if action == "start" else known
        assert {one.loses_data for one in plan(request, stopped).instances.values()} == {losses}
    named = [one.instance_id for one in to_be_read({"action": "stop", "select": {"name": "*"}}, known, settings)]
    assert named == [instance(1).instance_id]


def test_a_share_of_the_fleet_is_a_cap_for_selections_alone() -> None:
    known = fleet(*(instance(number) for number in range(10)))
    request = {"action": "restart", "select": {"name": "cache-00[0-4]"}}
    made = plan(request, known, {"UPKEEP_MAX_SHARE": "40%"})
    assert made.refusal is not None
    assert made.refusal.guard == "blast_radius_share"
    assert plan(request, known, {"UPKEEP_MAX_SHARE": "50%"}).refusal is None
    listed = {"action": "restart", "instances": [instance(1).instance_id]}
    assert plan(listed, fleet(instance(1)), {"UPKEEP_MAX_SHARE": "1%"}).refusal is None


def test_settings_have_working_defaults() -> None:
    assert read_settings({}.get) == Settings()
