"""Alarms: what a message says is believed where Cloud Eye says it too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dcs_upkeep.domain.errors import RefusedError
from tests.end_to_end.test_exactly_once import hop
from tests.world import Fault, World, world

READS = ("list", "show", "configs")


@pytest.fixture
def plans(tmp_path: Path) -> Path:
    """One rule."""
    path = tmp_path / "plans.json"
    path.write_text(json.dumps({"alarms": [{"metric": "memory_usage", "action": "restart"}]}), encoding="utf-8")
    return path


@pytest.fixture
def w() -> Iterator[World]:
    """Three instances, and nothing fires."""
    with world(3, journal=True) as made:
        yield made


def alarm(w: World, instance_id: str, alarm_id: str = "al1") -> dict[str, Any]:
    """An SMN event that speaks of an alarm."""
    body = {
        "message_type": "alarm",
        "alarm_id": alarm_id,
        "alarm_name": "mem-high",
        "alarm_status": "alarm",
        "time": int(w.clock.now().timestamp() * 1000),
        "namespace": "SYS.DCS",
        "metric_name": "memory_usage",
        "dimension": f"dcs_instance_id:{instance_id}",
    }
    notice = {"message_id": "m1", "message": json.dumps(body), "timestamp": w.clock.now().isoformat(), "type": "notification"}
    return {"record": [{"event_version": "1.0", "smn": notice}]}


def refused(w: World, plans: Path, instance_id: str, **settings: str) -> Mapping[str, Any]:
    with pytest.raises(RefusedError) as caught:
        w.run(alarm(w, instance_id), plans_path=plans, **settings)
    return caught.value.report


def test_an_alarm_that_fires_is_acted_on(w: World, plans: Path) -> None:
    w.emu.alarms.fire(w.ids[1], "al1", "mem-high")
    report = w.run(alarm(w, w.ids[1]), plans_path=plans)
    assert w.outcomes(report) == {w.ids[1]: "completed"}


def test_an_alarm_about_a_node_fires_for_its_instance(w: World, plans: Path) -> None:
    w.emu.alarms.fire(w.ids[1], "al1", "mem-high", node="n1")
    assert w.run(alarm(w, w.ids[1]), plans_path=plans)["counts"] == {"completed": 1}


@pytest.mark.parametrize("settings", [{}, {"UPKEEP_PLANS_ONLY": "1"}, {"UPKEEP_ALARM_VETO": "1"}], ids=["default", "plans only", "veto"])
@pytest.mark.parametrize("shown", ["nothing", "another instance", "another alarm", "over"])
def test_an_alarm_that_cloud_eye_does_not_show_as_firing_is_refused(shown: str, settings: dict[str, str], w: World, plans: Path) -> None:
    """Whoever may publish to the topic could have written the message."""
    match shown:
        case "another instance":
            w.emu.alarms.fire(w.ids[1], "al1", "mem-high")
        case "another alarm":
            w.emu.alarms.fire(w.ids[0], "al2", "mem-high")
        case "over":
            w.emu.alarms.fire(w.ids[0], "al1", "mem-high", status="ok")
    report = refused(w, plans, w.ids[0], **settings)
    assert (report["status"], report["counts"]) == ("rejected", {"refused": 1})
    assert {(one["instance_id"], one["guard"]) for one in report["instances"]} == {(w.ids[0], "alarm_verify")}
    assert "Cloud Eye" in report["next"]
    assert w.puts == []


@pytest.mark.parametrize("kind", ["500", "403", "429", "garbage", "empty_object", "drop"])
def test_cloud_eye_that_does_not_answer_refuses(kind: str, w: World, plans: Path) -> None:
    w.emu.alarms.fire(w.ids[0], "al1", "mem-high")
    w.emu.add_fault(Fault("alarms", kind, times=None))
    report = refused(w, plans, w.ids[0])
    assert {one["guard"] for one in report["instances"]} == {"alarm_verify"}
    assert "cannot be read" in report["instances"][0]["reason"]


def test_it_is_refused_before_anything_else_is_read(w: World, plans: Path) -> None:
    """A flood of such messages must not cost the fleet's rate limit."""
    refused(w, plans, w.ids[0])
    assert w.emu.truth.count("alarms") == 1
    assert [w.emu.truth.count(operation) for operation in READS] == [0, 0, 0]


def test_the_same_alarm_may_be_delivered_again_when_it_shows(w: World, plans: Path) -> None:
    """Cloud Eye may show an alarm later than it tells of it; the platform's next try finds the key free."""
    event = alarm(w, w.ids[0])
    with pytest.raises(RefusedError):
        w.run(event, plans_path=plans)
    w.emu.alarms.fire(w.ids[0], "al1", "mem-high")
    assert w.run(event, plans_path=plans)["counts"] == {"completed": 1}


def test_the_setting_switches_it_off(w: World, plans: Path) -> None:
    assert w.run(alarm(w, w.ids[0]), plans_path=plans, UPKEEP_ALARM_VERIFY="0")["counts"] == {"completed": 1}
    assert w.emu.truth.count("alarms") == 0


def test_a_run_that_no_alarm_asked_for_asks_nobody(w: World) -> None:
    assert w.restart()["counts"] == {"completed": 3}
    assert w.emu.truth.count("alarms") == 0


def test_the_alarm_that_asked_is_no_veto_and_another_is(w: World, plans: Path) -> None:
    w.emu.alarms.fire(w.ids[0], "al1", "mem-high")
    assert w.run(alarm(w, w.ids[0]), plans_path=plans, UPKEEP_ALARM_VETO="1")["counts"] == {"completed": 1}
    w.emu.alarms.fire(w.ids[1], "al1", "mem-high")
    w.emu.alarms.fire(w.ids[1], "al2", "node down")
    report = refused(w, plans, w.ids[1], UPKEEP_ALARM_VETO="1")
    assert {one["guard"] for one in report["instances"]} == {"alarm_veto"}


def test_a_dry_run_says_so_and_shows_the_plan_all_the_same(w: World, plans: Path) -> None:
    report = w.run(alarm(w, w.ids[0]), plans_path=plans, dry_run=True)
    assert (report["status"], report["counts"]) == ("planned", {"planned": 1})
    assert any("refused by alarm_verify" in note for note in report["notes"])


def test_an_alarm_that_ends_before_its_turn_comes_is_not_acted_on(w: World, tmp_path: Path) -> None:
    """The run waits for its window for hours; what was true when it was planned is asked again."""
    opens = w.clock.now().replace(second=0, microsecond=0)
    window = {"start": f"{(opens.hour + 2) % 24:02}:00", "end": f"{(opens.hour + 3) % 24:02}:00", "timezone": "UTC", "on_miss": "defer"}
    plans = tmp_path / "plans.json"
    plans.write_text(json.dumps({"alarms": [{"metric": "memory_usage", "action": "restart", "window": window}]}), encoding="utf-8")
    w.emu.alarms.fire(w.ids[0], "al1", "mem-high")
    first = w.run(alarm(w, w.ids[0]), plans_path=plans)
    assert first["status"] == "deferred"
    w.emu.alarms.records.clear()
    w.clock.sleep(2 * 3600 + 60 - opens.minute * 60)
    with pytest.raises(RefusedError) as caught:
        hop(w, {"resume": first["run_id"]}, 900.0)
    assert {one["guard"] for one in caught.value.report["instances"]} == {"alarm_verify"}  # type: ignore[attr-defined]
    assert w.puts == []
