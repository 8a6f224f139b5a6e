"""The cloud's ordinary bad manners: work that no status shows, answers that leave out a field, states that pass, instances that vanish."""

from __future__ import annotations

from typing import Any

import pytest

from dcs_upkeep import bootstrap
from dcs_upkeep.domain.errors import RefusedError
from tests.world import Fault, TimedHost, World, make_fleet, world

TAGGED: dict[str, Any] = {"action": "restart", "select": {"tags": {"env": "test"}}, "rollout": {"canary": 0}}


def rows(w: World, report: Any) -> list[dict[str, Any]]:
    """The report's instances in the order of the fleet."""
    found = {one["instance_id"]: one for one in report["instances"]}
    return [found[one] for one in w.ids if one in found]


def invoke(w: World, event: Any, left_s: float, **settings: str) -> dict[str, Any]:
    """One invocation of so many seconds; what it hands on is not taken up."""
    host = TimedHost(w.environ(**settings), w.clock, left_s)
    try:
        return bootstrap._invoke(event, host, w.clock, w.log, bootstrap.PLANS_PATH, dry_run=False, journal=w.journal)
    except RefusedError as err:
        return dict(err.report)


def put_at(w: World, instance_id: str) -> list[float]:
    return [one.at for one in w.puts if instance_id in one.ids]


# --- a task that no status shows ---------------------------------------------------------------------------------


def test_what_dcs_is_still_working_on_is_busy_though_its_status_is_running() -> None:
    with world(2) as w:
        w.emu.change(w.ids[0], task_s=3600)
        busy, other = rows(w, w.restart())
        assert (busy["outcome"], busy["guard"], other["outcome"]) == ("refused", "state", "completed")
        assert "still working on it (a background task)" in busy["reason"]
        assert put_at(w, w.ids[0]) == []


def test_whose_task_begins_before_its_call_waits_for_it_and_nobody_else_does() -> None:
    """DCS refuses the whole batch; in it only the one that is busy has to wait."""

    def begin(record: Any) -> None:
        if record.operation == "put" and len(w.puts) <= 1:
            w.emu.change(w.ids[1], task_s=100)

    with world(3, task_refuses=True, on_request=begin) as w:
        report = w.restart()
        assert set(w.outcomes(report).values()) == {"completed"}
        assert w.executions() == dict.fromkeys(w.ids, 1)
        ends = [w.emu.truth.executions(one)[0].at for one in w.ids]
        assert ends[0] < 20
        assert ends[2] < 20
        assert ends[1] >= 100
        assert [len(one.ids) for one in w.puts] == [3, 2, 1]  # a reading names it, so nothing is tried in halves


def test_an_end_state_under_a_task_is_not_completed_yet() -> None:
    with world(make_fleet(1, tags={"env": "test"}, lag_s=1, busy_s=30, task_tail_s=40)) as w:
        (one,) = rows(w, w.restart())
        assert (one["outcome"], one["evidence"]) == ("completed", "observed")
        assert one["elapsed_s"] >= 70


def test_a_task_without_an_end_is_not_called_back_in_time() -> None:
    with world(make_fleet(1, tags={"env": "test"}, lag_s=1, busy_s=30, task_tail_s=9999)) as w:
        (one,) = rows(w, w.restart(watch={"timeout_s": 120}))
        assert one["outcome"] == "failed"
        assert "its last state is RUNNING, and DCS is still working on it" in one["reason"]


# --- what the answer leaves out ----------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["tags", "name", "id"])
def test_an_instance_whose_tags_were_not_told_is_refused_however_it_was_asked_for(by: str) -> None:
    with world(3, settings={"UPKEEP_PROTECTED_TAGS": "tier=payment"}) as w:
        w.emu.change(w.ids[0], tags_shown="absent", tags={"tier": "payment"})
        w.emu.change(w.ids[1], tags_shown="null", tags={})
        select = {"tags": {"tags": {"env": "test"}}, "name": {"name": "cache-*"}}
        asked = {"instances": w.ids} if by == "id" else {"select": select[by]}
        report = w.run({"action": "restart", "rollout": {"canary": 0}, **asked})
        unknown, *others = rows(w, report)
        assert (unknown["outcome"], unknown["guard"]) == ("refused", "protected")
        assert "no tags" in unknown["reason"]
        # null is an answer: no tags, so the selection by tags leaves it out.
        assert [one["outcome"] for one in others] == ["completed"] * (1 if by == "tags" else 2)


def test_a_setting_adds_to_the_tag_that_always_protects() -> None:
    with world(3, settings={"UPKEEP_PROTECTED_TAGS": "tier=payment"}) as w:
        w.emu.change(w.ids[0], tags={"upkeep": "never"})
        w.emu.change(w.ids[1], tags={"tier": "payment"})
        report = w.run({"action": "restart", "instances": w.ids})
        assert [(one["outcome"], one["guard"]) for one in rows(w, report)] == [("refused", "protected")] * 2 + [("completed", None)]


def test_tags_that_are_no_longer_told_just_before_the_wave_refuse() -> None:
    """Whoever was told once may be protected by now."""
    with world(4) as w:

        def hide(_: float) -> None:
            w.emu.change(w.ids[3], tags_shown="absent")

        w.clock.on_sleep = hide
        report = w.restart(rollout={"wave_size": 2})
        assert [one["guard"] for one in rows(w, report)] == [None, None, None, "protected"]


def test_a_disposable_instance_is_none_while_its_tags_are_not_told() -> None:
    fleet = make_fleet(1, tags={"tier": "scratch"}, cache_mode="single", tags_shown="absent")
    with world(fleet, settings={"UPKEEP_DISPOSABLE_TAGS": "tier=scratch"}) as w:
        w.refused({"action": "restart", "instances": w.ids})
        assert w.puts == []


@pytest.mark.parametrize(
    ("field", "request_fields", "guard"),
    [
        ("status", {}, "state"),
        ("engine", {"action": "stop"}, "engine"),
        ("engine_version", {"action": "stop"}, "engine"),
        ("maintain_begin", {"respect_maintenance_window": True}, "maintenance_window"),
        ("maintain_end", {"respect_maintenance_window": True}, "maintenance_window"),
    ],
)
@pytest.mark.parametrize("kind", ["no_field", "null_field"])
def test_a_field_that_decides_and_is_missing_refuses(kind: str, field: str, request_fields: dict[str, Any], guard: str) -> None:
    fleet = make_fleet(1, tags={"env": "test"}, maintain_begin="00:00:00", maintain_end="23:59:59")
    with world(fleet, faults=[Fault("show", kind, times=None, field=field)]) as w:
        report = w.refused({"action": "restart", "instances": w.ids, **request_fields})
        assert [one["guard"] for one in report["instances"]] == [guard]
        assert w.puts == []


# --- states that pass --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen_busy", [True, False])
def test_an_error_that_passes_before_it_is_back_is_no_failure(seen_busy: bool) -> None:
    """A failover shows so: ERROR between RESTARTING and RUNNING."""
    busy_s = 20 if seen_busy else 0.5  # polls at 3, 13, 23 seconds
    lag_s = 1 if seen_busy else 11
    with world(make_fleet(2, tags={"env": "test"}, lag_s=lag_s, busy_s=busy_s, flap_s=8)) as w:
        report = w.restart(rollout={"canary": 1, "max_failures": 0})
        states = [state for line in w.log.named("wave.polled") for state in line["states"]]
        assert "ERROR" in states
        assert {(one["outcome"], one["evidence"]) for one in report["instances"]} == {("completed", "observed" if seen_busy else "settled")}


def test_an_error_that_stays_is_the_end_at_the_second_reading() -> None:
    with world(make_fleet(1, tags={"env": "test"}, lag_s=1, busy_s=20, ends_in="ERROR")) as w:
        (one,) = rows(w, w.restart())
        assert (one["outcome"], "ended in ERROR" in one["reason"]) == ("failed", True)
        assert w.clock.monotonic() == pytest.approx(33, abs=0.5)


# --- a start that meets the end of a stop ------------------------------------------------------------------------


def closed(count: int, **fields: Any) -> list[Any]:
    return make_fleet(count, tags={"env": "test"}, status="CLOSED", **fields)


START: dict[str, Any] = {**TAGGED, "action": "start"}


@pytest.mark.parametrize("count", [3, 8])
def test_a_start_waits_for_what_is_closing_and_for_nobody_else(count: int) -> None:
    """By show, and by list."""
    with world(closed(count)) as w:
        w.emu.set_status(w.ids[0], "CLOSING", 60)
        report = w.run(START)
        assert report["counts"] == {"completed": count}
        assert report["status"] == "succeeded"
        assert put_at(w, w.ids[0])[0] >= 60
        assert all(put_at(w, one)[0] < 1 for one in w.ids[1:])
        assert w.executions() == dict.fromkeys(w.ids, 1)


def test_a_stop_waits_for_what_is_starting() -> None:
    with world(1) as w:
        w.emu.set_status(w.ids[0], "STARTING", 60)
        assert w.run({**TAGGED, "action": "stop"})["counts"] == {"completed": 1}
        assert put_at(w, w.ids[0])[0] >= 60


def test_a_start_waits_for_the_task_that_follows_the_closing_too() -> None:
    with world(closed(1), task_refuses=True) as w:
        w.emu.set_status(w.ids[0], "CLOSING", 30)
        w.emu.at(30, lambda: w.emu.change(w.ids[0], task_s=60))
        assert w.run(START)["counts"] == {"completed": 1}
        assert len(w.puts) == 1
        assert w.puts[0].at >= 90


@pytest.mark.parametrize(("watch", "words"), [({"timeout_s": 120}, "the whole watch time"), (False, "300 s")])
def test_what_is_closing_for_too_long_fails_without_a_call(watch: Any, words: str) -> None:
    event = {key: value for key, value in START.items() if key != "rollout" or watch}
    with world(closed(2)) as w:
        w.emu.set_status(w.ids[0], "CLOSING")
        stuck, other = rows(w, w.run({**event, "watch": watch}))
        assert stuck["outcome"] == "failed"
        assert stuck["reason"] == f"it was CLOSING for {words}; it was not executed"
        assert stuck["sent_at"] is None
        assert other["outcome"] == ("completed" if watch else "accepted")
        assert put_at(w, w.ids[0]) == []
        assert w.clock.monotonic() == pytest.approx(120 if watch else 300, abs=1)


@pytest.mark.parametrize(
    ("fields", "outcome", "guard"),
    [
        pytest.param({"tags": {"upkeep": "never"}}, "refused", "protected", id="protected meanwhile"),
        pytest.param({"tags": {"upkeep-hold": "2999-01-01"}}, "refused", "hold", id="held meanwhile"),
        pytest.param({"status": "FROZEN"}, "refused", "state", id="frozen meanwhile"),
        pytest.param({"status": "RUNNING"}, "skipped", "state", id="started by somebody else"),
        pytest.param({"status": "DELETED"}, "refused", "found", id="deleted meanwhile"),
    ],
)
def test_the_guards_are_asked_again_when_the_waiting_is_over(fields: dict[str, Any], outcome: str, guard: str) -> None:
    with world(closed(1)) as w:
        w.emu.set_status(w.ids[0], "CLOSING", 60)
        w.emu.at(65, lambda: w.emu.change(w.ids[0], **fields))
        (one,) = invoke(w, {**START, "watch": {"timeout_s": 300}}, 900, UPKEEP_POLL_S="50")["instances"]
        assert (one["outcome"], one["guard"]) == (outcome, guard)
        assert w.puts == []


def test_the_lever_is_read_while_something_is_waited_for() -> None:
    """Not only when its call would leave, which may be half an hour later."""
    with world(closed(2), journal=True) as w:
        w.emu.set_status(w.ids[0], "CLOSING")

        def pull(at: float) -> None:
            w.clock.on_sleep = None
            w.run({"command": "halt", "reason": "incident"})

        w.clock.on_sleep = pull
        waited, other = rows(w, w.run({**START, "run_id": "morning"}))
        assert (waited["outcome"], waited["guard"], other["outcome"]) == ("not_attempted", "halt", "completed")
        assert w.clock.monotonic() < 60


def test_the_watch_time_of_what_is_waited_for_is_counted_over_invocations() -> None:
    """Else it would be waited for as long as the run may call itself."""
    with world(closed(1), journal=True) as w:
        w.emu.set_status(w.ids[0], "CLOSING")
        event: Any = {**START, "run_id": "morning", "watch": {"timeout_s": 200}}
        report: Any = None
        for _ in range(20):
            report = invoke(w, event, 60)
            if report["status"] != "deferred":
                break
            event = {"resume": report["run_id"]}
        assert [one["outcome"] for one in report["instances"]] == ["failed"]
        assert w.puts == []
        assert 190 <= w.clock.monotonic() <= 300


# --- what is gone, and who comes late ----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 8])
def test_an_instance_that_is_deleted_while_it_restarts_fails_soon(count: int) -> None:
    """By show, and by list."""
    fleet = make_fleet(count, tags={"env": "test"}, lag_s=1, busy_s=60)
    fleet[0].gone_after_s = 10
    with world(fleet) as w:
        gone, *others = rows(w, w.restart())
        assert (gone["outcome"], "it is gone" in gone["reason"]) == ("failed", True)
        assert {one["outcome"] for one in others} <= {"completed"}
        assert w.clock.monotonic() < 90


def test_one_answer_without_an_instance_is_no_end() -> None:
    """Lists move while they are paged, and a single 404 may be wrong."""
    with world(8, faults=[]) as w:
        w.emu.add_fault(Fault("list", "missing_ids", after=2, ids=[w.ids[0]]))
        w.emu.add_fault(Fault("show", "error", after=1, status=404, code="DCS.3022", instance_id=w.ids[0]))
        assert set(w.outcomes(w.restart()).values()) == {"completed"}
        states = [line["states"] for line in w.log.named("wave.polled")]
        assert any("GONE" in one for one in states)


def late(w: World, asleep_s: float, **fields: Any) -> dict[str, Any]:
    """A run whose first invocation has no time to see anything, and that is taken up so much later."""
    event = {**TAGGED, "run_id": "night", "watch": {"timeout_s": 120}, **fields}
    first = invoke(w, event, 30)
    assert first["status"] == "deferred"
    w.clock.sleep(asleep_s)
    return w.run({"resume": first["run_id"]})


@pytest.mark.parametrize(("lag_s", "evidence"), [(1, "observed"), (60, "settled")])
def test_who_takes_over_late_counts_the_end_state_that_it_finds(lag_s: float, evidence: str) -> None:
    with world(make_fleet(2, tags={"env": "test"}, lag_s=lag_s, busy_s=30), journal=True) as w:
        report = late(w, 3600)
        assert {(one["outcome"], one["evidence"]) for one in report["instances"]} == {("completed", evidence)}
        assert report["status"] == "succeeded"


def test_who_takes_over_late_accepts_a_lost_answer_whose_end_state_holds() -> None:
    fleet = make_fleet(1, tags={"env": "test"}, lag_s=60, busy_s=30)
    with world(fleet, journal=True, faults=[Fault("put", "lost_answer")], settings={"UPKEEP_SETTLE_S": "60"}) as w:
        report = late(w, 3600)
        assert [one["outcome"] for one in report["instances"]] == ["accepted"]


@pytest.mark.parametrize(("ends_in", "word"), [("stuck", "RESTARTING"), ("ERROR", "ERROR")])
def test_who_takes_over_late_fails_what_is_not_back(ends_in: str, word: str) -> None:
    with world(make_fleet(1, tags={"env": "test"}, lag_s=1, busy_s=30, ends_in=ends_in), journal=True) as w:
        (one,) = late(w, 3600)["instances"]
        assert (one["outcome"], word in one["reason"]) == ("failed", True)


def test_who_takes_over_late_does_not_give_up_at_the_first_reading_that_fails() -> None:
    with world(make_fleet(1, tags={"env": "test"}, lag_s=60, busy_s=30), journal=True) as w:
        w.emu.at(1000, lambda: w.emu.add_fault(Fault("show", "500", times=8)))
        (one,) = late(w, 3600)["instances"]
        assert (one["outcome"], one["evidence"]) == ("completed", "settled")
