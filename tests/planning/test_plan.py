"""The plan: what is selected, how it is cut into waves, and what its digest is about. Pure."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from dcs_upkeep.domain.actions import Action, LossClass
from dcs_upkeep.domain.approval import ShownPlan, make_about
from dcs_upkeep.domain.model import Instance, Plan
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


KEEPS, LOSES, DISPOSABLE = LossClass
ABOUT = make_about(Action.RESTART, "r", "p", "none")
CLASSES = {"a": LOSES, "b": KEEPS, "c": DISPOSABLE}


def test_the_digest_does_not_depend_on_order_and_is_pinned() -> None:
    """I10. The same on every machine; a change of this text is a new version of the form."""
    forward = make_digest(ABOUT, CLASSES)
    assert forward == make_digest(dict(reversed(ABOUT.items())), dict(reversed(CLASSES.items())))
    assert forward == "v2:613a7a8408fcbe24ecce53d773d4ccce25c27d8e97de529a24d770776d0335c1"


@pytest.mark.parametrize(
    ("about", "classes"),
    [
        ({"action": "soft_restart"}, {}),
        ({"region": "s"}, {}),
        ({"project_id": "q"}, {}),
        ({"backup": "before"}, {}),
        ({}, {"a": KEEPS}),
        ({}, {"a": DISPOSABLE}),
        ({}, {"c": LOSES}),
        ({}, {"d": KEEPS}),
    ],
    ids=["action", "region", "project", "backup", "loses no more", "disposable now", "no longer disposable", "one more"],
)
def test_each_part_changes_the_digest(about: dict[str, str], classes: dict[str, LossClass]) -> None:
    assert make_digest({**ABOUT, **about}, {**CLASSES, **classes}) != make_digest(ABOUT, CLASSES)


def test_one_less_changes_the_digest() -> None:
    assert make_digest(ABOUT, {"a": LOSES, "b": KEEPS}) != make_digest(ABOUT, CLASSES)


def test_a_plan_covers_each_instance_with_its_class() -> None:
    """Unknown counts as loses; what a tag calls disposable is that, whether anybody read its class or not."""
    known = fleet(instance(1), instance(2), instance(3), instance(4, tags={"tier": "scratch"}), instance(5, tags={"upkeep": "never"}))
    classified = {instance(1).instance_id: (False, ""), instance(2).instance_id: (True, "single node")}
    made = plan({"action": "restart", "select": {"name": "*"}}, known, {"UPKEEP_DISPOSABLE_TAGS": "tier=scratch"}, classified=classified)
    assert list(made.covered.values()) == [KEEPS, LOSES, LOSES, DISPOSABLE]
    assert made.digest == make_digest(ABOUT, made.covered)


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


GIVEN = "abcdefghij"
FLUSH = {"action": "flush", "select": {"name": "*"}}


def shown_plan(made: Plan, **changes: Any) -> ShownPlan:
    about = make_about(made.action, "r", "p", "none")
    return ShownPlan(**{"about": about, "classes": made.covered, "at": NOW.timestamp() - 60, **changes})


def test_a_plan_remembers_the_showing_that_approves_it() -> None:
    known = fleet(instance(1))
    asks = plan(FLUSH, known, journalled=True)
    assert (asks.showing, asks.shown_at, asks.needs_showing) == (None, None, True)
    approved = {**FLUSH, "approve": f"{asks.digest}.{GIVEN}"}
    made = plan(approved, known, journalled=True, shown=shown_plan(asks))
    assert (made.refusal, made.showing, made.shown_at) == (None, GIVEN, NOW.timestamp() - 60)
    assert plan_from_json(json.loads(json.dumps(plan_to_json(made)))) == made


@pytest.mark.parametrize("changes", [{"at": 0.0}, {"used_by": "dawn"}], ids=["lapsed", "used"])
def test_a_plan_that_is_refused_stands_on_no_showing(changes: dict[str, Any]) -> None:
    known = fleet(instance(1))
    asks = plan(FLUSH, known, journalled=True)
    made = plan({**FLUSH, "approve": f"{asks.digest}.{GIVEN}"}, known, journalled=True, shown=shown_plan(asks, **changes), run_id="night")
    assert made.refusal is not None
    assert made.refusal.guard == "approval"
    assert made.showing is None


def test_an_approval_with_backups_does_not_fit_a_request_without() -> None:
    known = fleet(instance(1))
    asks = plan({**FLUSH, "backup": "before"}, known, journalled=True)
    shown = shown_plan(asks, about=make_about(asks.action, "r", "p", "before"))
    made = plan({**FLUSH, "approve": f"{asks.digest}.{GIVEN}"}, known, journalled=True, shown=shown)
    assert made.refusal is not None
    assert "backup was 'before' and is 'none'" in made.refusal.reason


def test_a_plan_of_version_0_1_0_is_read_as_that_version_meant_it() -> None:
    """It wrote booleans, and marked disposable instances among those to be acted on alone."""
    known = fleet(instance(1), instance(2), instance(3, tags={"tier": "scratch"}))
    lost = {instance(2).instance_id: (True, "single node"), instance(1).instance_id: (False, "")}
    made = plan({"action": "restart", "select": {"name": "*"}}, known, {"UPKEEP_DISPOSABLE_TAGS": "tier=scratch"}, classified=lost)
    raw = plan_to_json(made)
    raw["covered"] = {**{one: word is not KEEPS for one, word in made.covered.items()}, "left": True, "safe": False}
    for name in ("showing", "shown_at", "needs_showing"):
        del raw[name]
    read = plan_from_json(raw)
    assert read.covered == {**made.covered, "left": LOSES, "safe": KEEPS}
    assert (read.showing, read.shown_at, read.needs_showing) == (None, None, True)


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
