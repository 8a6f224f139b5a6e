"""No harm by surprise, end to end: data loss, approval, backups first, and firing alarms."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world import Fault, World, make_fleet, printed_event, world


def mixed() -> list[Any]:
    """Two that are safe to restart, a single node, and one without append-only file."""
    rows = make_fleet(4, tags={"env": "test"})
    rows[1].cache_mode, rows[1].replica_count, rows[1].spec_code = "single", 1, "redis.single.xu1.large.1"
    rows[2].appendonly = "no"
    return rows


RESTART = {"action": "restart", "select": {"tags": {"env": "test"}}, "rollout": {"canary": 0}}


def test_a_restart_that_would_clear_two_asks_for_approval_of_those_two_and_only_those() -> None:
    with world(mixed()) as w:
        report = w.refused(RESTART)
        reason = report["instances"][0]["reason"]
        for name in ("cache-002", "cache-003"):
            assert name in reason
        for name in ("cache-001", "cache-004"):
            assert name not in reason
        assert "single node: restart clears all data" in reason
        assert "appendonly=no: restart clears all data" in reason
        assert w.puts == []
        assert {one["name"]: one["loses_data"] for one in report["instances"]} == {
            "cache-001": False,
            "cache-002": True,
            "cache-003": True,
            "cache-004": False,
        }
        assert w.run(printed_event(report))["counts"] == {"completed": 4}


def test_a_single_node_by_its_spec_code_costs_no_read() -> None:
    rows = make_fleet(2, tags={"env": "test"}, cache_mode="single", spec_code="redis.single.xu1.large.1")
    with world(rows) as w:
        w.refused(RESTART)
        assert w.emu.truth.count("configs") == 0
        assert w.emu.truth.count("show") == 0


def test_what_cannot_be_read_is_neither_lost_nor_safe() -> None:
    with world(3, faults=[Fault("configs", "403", times=None)]) as w:
        report = w.refused(RESTART)
        assert {one["loses_data"] for one in report["instances"]} == {None}
        assert {one["guard"] for one in report["instances"]} == {"unread"}
        assert "dcs:instance:getConfiguration" in report["instances"][0]["reason"]
        assert not report["plan"]["digest"]


def test_what_dcs_does_not_tell_counts_as_lost() -> None:
    fleet = make_fleet(1, tags={"env": "test"}, appendonly=None)
    with world(fleet) as w:
        report = w.refused(RESTART)
        assert {one["guard"] for one in report["instances"]} == {"approval"}
        assert report["plan"]["digest"]


@pytest.mark.parametrize("journal", [False, True])
def test_a_dry_run_of_what_would_be_refused_for_several_reasons_tells_them_and_the_event_that_approves_it(journal: bool) -> None:
    """A run that the window refuses reads nothing, so what would be lost is seen in a dry run, by day."""
    with world(2, journal=journal) as w:
        window = {"start": "01:00", "end": "01:01", "timezone": "UTC"}
        report = w.run({"action": "flush", "instances": w.ids, "window": window, "dry_run": True})
        assert [note.split(":")[0] for note in report["notes"][:2]] == [
            f"if it were sent now, it would be refused by {guard}" for guard in ("window", "approval")
        ]
        plan = report["plan"]
        assert printed_event(report)["approve"] == (f"{plan['digest']}.{plan['showing']}" if journal else plan["digest"])


def test_an_approved_restart_does_not_wipe_what_was_safe_when_it_was_approved() -> None:
    """The class is read again before a wave, if it was read too long ago."""
    with world(mixed(), settings={"UPKEEP_RECHECK_S": "10"}) as w:
        approved = w.approving({**RESTART, "rollout": {"canary": 0, "wave_size": 2}})

        def meddle(_: float) -> None:
            w.emu.edit(w.ids[3], appendonly="no")

        w.clock.on_sleep = meddle
        report = w.run(approved)
        late = next(one for one in report["instances"] if one["instance_id"] == w.ids[3])
        assert (late["outcome"], late["guard"]) == ("refused", "approval")
        assert w.ids[3] not in w.emu.truth.lost_data


def backing_up(w: World, **changes: Any) -> dict[str, Any]:
    event: dict[str, Any] = {"action": "flush", "instances": w.ids, "rollout": {"canary": 0}, "backup": "before", **changes}
    return w.approving(event)


def test_backups_come_first_and_only_what_was_backed_up_is_acted_on() -> None:
    rows = make_fleet(3, tags={"env": "test"})
    rows[2].cache_mode = "single"
    with world(rows) as w:
        w.emu.backups.ends_in[w.ids[1]] = "failed"
        report = w.run(backing_up(w))
        assert [one["outcome"] for one in report["instances"]] == ["completed", "refused", "refused"]
        assert [one["guard"] for one in report["instances"]][1:] == ["backup", "backup"]
        assert "failed" in report["instances"][1]["reason"]
        assert "DCS.4086" in report["instances"][2]["reason"]
        assert w.puts[0].at >= 20  # the backup's time
        assert w.puts[0].ids == (w.ids[0],)


def test_only_what_would_lose_data_is_backed_up() -> None:
    with world(mixed()) as w:
        event = {**RESTART, "backup": "before"}
        report = w.run(w.approving(event))
        assert w.emu.truth.count("copy") == 2  # the single node's is refused by DCS
        assert report["counts"] == {"completed": 3, "refused": 1}


@pytest.mark.parametrize("kind", ["lost_answer", "500_executed"])
def test_a_backup_whose_answer_was_lost_is_found_and_not_made_twice(kind: str) -> None:
    with world(1) as w:
        event = backing_up(w)
        w.emu.add_fault(Fault("copy", kind))
        assert w.run(event)["counts"] == {"completed": 1}
        assert w.emu.truth.count("copy") == 1


def test_a_backup_that_never_ends_refuses() -> None:
    with world(1) as w:
        w.emu.backups.backup_s = 10_000
        report = w.refused(backing_up(w, watch={"timeout_s": 60}))
        assert report["instances"][0]["guard"] == "backup"
        assert w.puts == []


WEEK_S = 7 * 86_400.0


def backups_of(w: World, instance_id: str) -> int:
    return len(w.emu.backups.records.get(instance_id, []))


@pytest.mark.parametrize("journal", [False, True])
def test_each_week_has_a_backup_of_its_own_however_long_its_run_id(journal: bool) -> None:
    """The ids of a scheduler differ at their end alone, where DCS cuts a remark."""
    with world(1, journal=journal) as w:
        for week in (1, 2, 3):
            event = {
                **backing_up(w),
                "run_id": f"arn:aws:scheduler:eu-central-1:123456789012:schedule/{'default/' * 10}nightly/2026-11-0{week}",
            }
            assert len(event["run_id"]) > 130
            assert w.run(event)["counts"] == {"completed": 1}
            assert backups_of(w, w.ids[0]) == week
            w.clock.sleep(WEEK_S)


@pytest.mark.parametrize("journal", [False, True])
def test_a_run_id_that_is_claimed_again_makes_a_backup_of_its_own(journal: bool) -> None:
    """The first run was released: its backup ended too late. A week later that backup is a week old."""
    with world(1, journal=journal) as w:
        w.emu.backups.backup_s = 100
        assert w.refused({**backing_up(w, watch={"timeout_s": 60}), "run_id": "weekly"})["instances"][0]["guard"] == "backup"
        w.clock.sleep(WEEK_S)
        event = {**backing_up(w, watch={"timeout_s": 600}), "run_id": "weekly"}
        began = w.clock.monotonic()
        assert w.run(event)["counts"] == {"completed": 1}
        assert backups_of(w, w.ids[0]) == 2
        assert w.puts[0].at >= began + 100


VETO = {"UPKEEP_ALARM_VETO": "1"}


def test_a_firing_alarm_vetoes_its_instance_alone() -> None:
    with world(3) as w:
        w.emu.alarms.fire(w.ids[0], "al1", "memory high")
        w.emu.alarms.fire(w.ids[1], "al2", "node down", node="n1")
        w.emu.alarms.fire(w.ids[2], "al3", "over", status="ok")
        report = w.run({"action": "restart", "instances": w.ids, "rollout": {"canary": 0}}, **VETO)
        outcomes = {one["instance_id"]: (one["outcome"], one["guard"]) for one in report["instances"]}
        assert outcomes == {w.ids[0]: ("refused", "alarm_veto"), w.ids[1]: ("refused", "alarm_veto"), w.ids[2]: ("completed", None)}
        assert "memory high" in str(report["instances"])


def test_many_alarms_are_read_page_by_page() -> None:
    with world(2) as w:
        for number in range(230):
            w.emu.alarms.fire("somebody-else", f"al{number}", "x")
        w.emu.alarms.fire(w.ids[0], "last", "x")
        report = w.run({"action": "restart", "instances": w.ids, "rollout": {"canary": 0}}, **VETO)
        assert report["counts"] == {"completed": 1, "refused": 1}


@pytest.mark.parametrize("kind", ["500", "403", "garbage", "empty_object", "drop"])
def test_cloud_eye_that_does_not_answer_refuses(kind: str) -> None:
    with world(2, faults=[Fault("alarms", kind, times=None)]) as w:
        report = w.refused({"action": "restart", "instances": w.ids}, **VETO)
        assert {one["guard"] for one in report["instances"]} == {"alarm_veto"}
        assert w.puts == []


def test_without_the_setting_cloud_eye_is_not_asked() -> None:
    with world(2) as w:
        w.emu.alarms.fire(w.ids[0], "al1", "memory high")
        assert w.restart()["counts"] == {"completed": 2}
        assert w.emu.truth.count("alarms") == 0
