"""The plan: what is selected, how it is cut into waves, and what its digest is about. Pure."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import Instance, Plan, ShownPlan
from dcs_upkeep.domain.request import parse_request
from dcs_upkeep.domain.settings import Settings, read_settings
from dcs_upkeep.guards.policy import make_policy
from dcs_upkeep.journal.entries import plan_from_json, plan_to_json
from dcs_upkeep.planning.plan import PlanReadings, make_digest, make_plan, to_classify
from dcs_upkeep.planning.selection import selected
from dcs_upkeep.planning.waves import failure_budget, make_waves

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def instance(number: int, **changes: Any) -> Instance:
    one = f"00000000-0000-4000-8000-{number:012d}"
    return Instance(
        **{
            "instance_id": one,
            "name": f"cache-{number:03d}",
            "status": "RUNNING",
            "engine_version": "5.0",
            "tags": {"env": "prod"},
            **changes,
        }
    )


def fleet(*instances: Instance) -> dict[str, Instance]:
    return {one.instance_id: one for one in instances}


def plan(request: dict[str, Any], known: dict[str, Instance], settings: dict[str, str] | None = None, **readings: Any) -> Plan:
    read = read_settings({"UPKEEP_REGION": "r", "UPKEEP_ALLOWED_ACTIONS": "restart,soft_restart,flush,stop,start", **(settings or {})}.get)
    readings.setdefault("classified", dict.fromkeys(known, (False, "")))
    asked = parse_request(request)
    return make_plan(asked, selected(asked, known), known, read, make_policy(asked, read), NOW, PlanReadings("p", **readings))


def to_be_read(request: dict[str, Any], known: dict[str, Instance], settings: Settings) -> tuple[Instance, ...]:
    asked = parse_request(request)
    return to_classify(selected(asked, known), known, make_policy(asked, settings))


@pytest.mark.parametrize(
    ("select", "numbers"),
    [
        ({"tags": {"env": "prod"}}, [1, 2, 4]),
        ({"tags": {"env": "prod", "app": "web"}}, [2]),
        ({"name": "cache-00[13]"}, [1, 3]),
        ({"name": "Cache-*"}, []),
        ({"engine_versions": ["5.0"]}, [1, 2, 3]),
        ({"engine_versions": ["6"]}, [4]),
        ({"engine_versions": ["4"]}, []),
        ({"tags": {"env": "prod"}, "exclude_tags": {"app": "web"}}, [1, 4]),
        ({"tags": {"env": "prod"}, "exclude_instances": ["00000000-0000-4000-8000-000000000001"]}, [2, 4]),
    ],
)
def test_all_conditions_of_a_selection_must_hold(select: dict[str, Any], numbers: list[int]) -> None:
    known = fleet(
        instance(1), instance(2, tags={"env": "prod", "app": "web"}), instance(3, tags={"env": "dev"}), instance(4, engine_version="6.0")
    )
    found = selected(parse_request({"action": "restart", "select": select}), known)
    assert [int(one[-3:]) for one in found] == numbers


def test_whose_tags_were_not_told_stays_in_and_is_refused_for_a_person_to_see() -> None:
    """Left out it would be missing without a word; whether it is excluded nobody knows either."""
    known = fleet(instance(1), instance(2, tags=None), instance(3, tags={}), instance(4, tags=None, name="other"))
    request = {"action": "restart", "select": {"tags": {"env": "prod"}, "name": "cache-*", "exclude_tags": {"tier": "payment"}}}
    made = plan(request, known)
    assert made.waves == ((instance(1).instance_id,),)
    assert [(one.instance_id, one.guard) for one in made.settled] == [(instance(2).instance_id, "protected")]
    assert set(made.covered) == {instance(1).instance_id}


def test_what_is_to_be_waited_for_comes_last() -> None:
    """As canary it would keep everything that is ready waiting."""
    known = fleet(instance(1, status="CLOSING"), instance(2, status="CLOSED"), instance(3, status="CLOSED"))
    request = {"action": "start", "instances": [instance(number).instance_id for number in (1, 2, 3)]}
    assert plan(request, known).waves == ((instance(2).instance_id,), (instance(3).instance_id, instance(1).instance_id))


def test_an_explicit_id_that_does_not_exist_is_refused_by_name() -> None:
    made = plan({"action": "restart", "instances": [instance(1).instance_id, instance(9).instance_id]}, fleet(instance(1)))
    (refused,) = made.settled
    assert (refused.guard, refused.instance_id) == ("found", instance(9).instance_id)


@given(st.integers(0, 130), st.integers(0, 5), st.integers(1, 60), st.integers(0, 4))
def test_waves_keep_the_order_and_neither_lose_nor_double_an_id(count: int, canary: int, size: int, shards: int) -> None:
    targets = [instance(number, tags={"shard": str(number % shards)} if shards else {}) for number in range(count)]
    rollout: dict[str, Any] = {"canary": canary, "wave_size": size, **({"spread_by": "shard"} if shards else {})}
    waves = make_waves(targets, parse_request({"action": "restart", "select": {"name": "*"}, "rollout": rollout}))
    flat = [one for wave in waves for one in wave]
    assert sorted(flat) == [one.instance_id for one in targets]
    assert all(1 <= len(wave) <= max(size, canary) for wave in waves)
    if count and canary and not shards:
        assert len(waves[0]) <= min(canary, size)
        assert flat == [one.instance_id for one in targets]


@pytest.mark.parametrize(
    ("share", "count", "budget"), [(3, 10, 3), ("5%", 39, 1), ("5%", 19, 0), ("100%", 7, 7), ("33.3%", 3, 0), ("29%", 100, 29)]
)
def test_a_share_of_failures_is_rounded_down(share: Any, count: int, budget: int) -> None:
    assert failure_budget(share, count) == budget


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
