"""Waves, budget, watching and time: what is sent when, and what stops it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world import Fault, make_fleet, world


def tagged(**rollout: Any) -> dict[str, Any]:
    return {"action": "restart", "select": {"tags": {"env": "test"}}, "rollout": rollout}


def test_120_instances_cost_three_puts_beyond_the_canary_s() -> None:
    with world(120, settings={"UPKEEP_MAX_INSTANCES": "200"}) as w:
        report = w.run(tagged())
        assert report["counts"] == {"completed": 120}
        assert [len(one.ids) for one in w.puts] == [1, 50, 50, 19]


def test_polls_do_not_grow_with_the_number_of_instances() -> None:
    def polls(count: int) -> int:
        with world(count, settings={"UPKEEP_MAX_INSTANCES": "1000"}) as w:
            w.run(tagged(canary=0, wave_size=1000))
            last = w.puts[-1].at
            return sum(1 for one in w.emu.truth.of("list") if one.at >= last)

    assert polls(30) == polls(120)


def test_a_thousand_ids_in_one_wave() -> None:
    """At most 20 PUTs, 3 list pages before sending, one per poll."""
    with world(1000, settings={"UPKEEP_MAX_INSTANCES": "1000"}) as w:
        report = w.run({"action": "restart", "instances": w.ids, "rollout": {"canary": 0, "wave_size": 1000}})
        assert report["counts"] == {"completed": 1000}
        assert len(w.puts) == 20
        first, last = w.puts[0].number, w.puts[-1].number
        assert len([one for one in w.emu.truth.of("list") if one.number < first]) <= 3
        polled = list(w.log.named("wave.polled"))
        assert len([one for one in w.emu.truth.of("list") if one.number > last]) == len(polled)


def test_no_wave_starts_before_the_one_before_it_is_back() -> None:
    """I7."""
    with world(7) as w:
        report = w.run(tagged(canary=1, wave_size=3))
        ends = [max(one["completed_at"] for one in report["instances"] if one["wave"] == number) for number in (1, 2, 3)]
        starts = [min(one["sent_at"] for one in report["instances"] if one["wave"] == number) for number in (1, 2, 3)]
        assert [len(wave) for wave in report["plan"]["waves"]] == [1, 3, 3]
        assert starts[1] >= ends[0]
        assert starts[2] >= ends[1]


def test_a_failed_canary_stops_the_run() -> None:
    with world(6) as w:
        w.emu.edit(w.ids[0], ends_in="ERROR")
        report = w.run({"action": "restart", "instances": w.ids, "rollout": {"canary": 1}})
        assert report["counts"] == {"failed": 1, "not_attempted": 5}
        assert report["status"] == "failed"
        assert "ERROR" in report["instances"][0]["reason"]
        assert len(w.puts) == 1


@pytest.mark.parametrize(("budget", "reached"), [(0, 3), (1, 6), ("16%", 3), ("17%", 6), ("100%", 6)])
def test_the_budget_is_of_the_whole_plan(budget: Any, reached: int) -> None:
    """A share is rounded down: 16% of 6 is none, 17% is one."""
    with world(6) as w:
        w.emu.edit(w.ids[0], ends_in="ERROR")
        report = w.run({"action": "restart", "instances": w.ids, "rollout": {"canary": 0, "wave_size": 3, "max_failures": budget}})
        assert sum(len(one.ids) for one in w.puts) == reached
        assert report["counts"]["failed"] == 1


def test_each_wave_is_guarded_again_and_may_only_shrink() -> None:
    """Somebody tags an instance while the first wave is under way."""
    with world(4) as w:

        def meddle(_: float) -> None:
            w.emu.set_tags(w.ids[2], {"env": "test", "upkeep-hold": "2999-01-01"})
            w.emu.set_status(w.ids[3], "EXTENDING")

        w.clock.on_sleep = meddle
        report = w.run({"action": "restart", "instances": w.ids, "rollout": {"canary": 2, "wave_size": 2}})
        assert [one["guard"] for one in report["instances"]] == [None, None, "hold", "state"]
        assert sum(len(one.ids) for one in w.puts) == 2


def test_pause_between_two_waves() -> None:
    with world(4) as w:
        w.run(tagged(canary=0, wave_size=2, pause_s=120))
        first, second = w.puts
        assert second.at - first.at >= 150  # 30 s of restarting and the pause


def test_spread_by_keeps_one_value_apart() -> None:
    fleet = make_fleet(6, tags={"env": "test"})
    with world(fleet) as w:
        for number, one in enumerate(w.ids):
            w.emu.set_tags(one, {"env": "test", "shard": str(number // 2)})
        report = w.run(tagged(canary=0, wave_size=6, spread_by="shard"))
        tags = {one.instance_id: one.tags["shard"] for one in w.emu.instances()}
        for wave in report["plan"]["waves"]:
            assert len({tags[one] for one in wave}) == len(wave)
        assert report["counts"] == {"completed": 6}


def test_settled_needs_an_explicit_success_and_says_that_it_is_inferred() -> None:
    """A restart so short that no poll sees it."""
    fleet = make_fleet(2, tags={"env": "test"}, busy_s=0.5, lag_s=0)
    with world(fleet) as w:
        report = w.restart()
        assert {one["evidence"] for one in report["instances"]} == {"settled"}
        assert all("inferred" in one["reason"] for one in report["instances"])


def test_what_is_not_back_in_time_is_failed_with_its_last_state() -> None:
    fleet = make_fleet(1, tags={"env": "test"}, busy_s=5000)
    with world(fleet) as w:
        report = w.restart(watch={"timeout_s": 60})
        assert report["instances"][0]["outcome"] == "failed"
        assert "RESTARTING" in report["instances"][0]["reason"]


def test_watch_false_stops_at_accepted() -> None:
    with world(5) as w:
        report = w.run({"action": "restart", "instances": w.ids, "watch": False})
        assert report["counts"] == {"accepted": 5}
        assert report["status"] == "succeeded"
        assert len(report["plan"]["waves"]) == 1


def test_out_of_time_without_a_journal_defers_with_the_event_for_the_rest() -> None:
    """Never a kill by the platform: the rest is a ready event, its budget reduced."""
    with world(6) as w:
        report = w.run({"action": "restart", "instances": w.ids, "rollout": {"canary": 2, "max_failures": 3}}, left_s=40)
        assert report["status"] == "deferred"
        assert report["next"].startswith("ACTION NEEDED")
        assert w.emu.truth.messages[-1].subject.startswith("CHECK 2 not seen to be back, ACTION NEEDED: restart")
        assert '"max_failures":3' in report["next"]
        rest = [one for one in w.ids if one in report["next"]]
        assert rest == w.ids[2:]


@pytest.mark.parametrize(
    ("action", "status", "skips"),
    [
        ("restart", "RUNNING", False),
        ("soft_restart", "RUNNING", False),
        ("stop", "RUNNING", False),
        ("start", "CLOSED", False),
        ("stop", "CLOSED", True),
        ("start", "RUNNING", True),
    ],
)
def test_all_actions(action: str, status: str, skips: bool) -> None:
    with world(2) as w:
        for one in w.ids:
            w.emu.set_status(one, status)
        report = w.run({"action": action, "instances": w.ids, "rollout": {"canary": 0}})
        assert set(w.outcomes(report).values()) == ({"skipped"} if skips else {"completed"})
        assert len(w.puts) == (0 if skips else 1)
        assert report["status"] == "succeeded"


def test_a_poll_that_fails_is_asked_again() -> None:
    with world(3, faults=[Fault("show", "500", times=12, after=9)]) as w:
        assert set(w.outcomes(w.restart()).values()) == {"completed"}


def test_the_fleet_is_never_read_ten_at_a_time() -> None:
    """The API's default page is 10; a fleet of 24 would look like 10."""
    with world(24) as w:
        assert w.run(tagged())["counts"] == {"completed": 24}
        assert {one.query["limit"] for one in w.emu.truth.of("list")} == {"1000"}
