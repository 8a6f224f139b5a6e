"""The journal in one process: replays, key reuse, hops, claims, the lever, the sweep, and a journal that fails."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dcs_upkeep import bootstrap
from dcs_upkeep.adapters.hosts.functiongraph import FunctionGraphHost
from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.errors import JournalError, RefusedError
from tests.contexts import FunctionGraphContext
from tests.world import Fault, TimedHost, World, make_fleet, printed_event, world

RUN = {"action": "restart", "select": {"tags": {"env": "test"}}, "run_id": "night"}


def timer_event(w: World, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A timer of FunctionGraph that fires now."""
    return {
        "version": "v1.0",
        "trigger_type": "TIMER",
        "trigger_name": "nightly",
        "time": w.clock.now().isoformat(),
        "user_event": json.dumps(fields),
    }


def hop(w: World, event: Mapping[str, Any], left_s: float, most: int = 60, **settings: str) -> tuple[dict[str, Any], int]:
    """Invocations of so many seconds each, one after the other, as the function calls itself."""
    pending: deque[Mapping[str, object]] = deque([event])
    report: dict[str, Any] = {}
    count = 0
    while pending and count < most:
        host = TimedHost(w.environ(**settings), w.clock, left_s)
        report = bootstrap._invoke(pending.popleft(), host, w.clock, w.log, bootstrap.PLANS_PATH, dry_run=False, journal=w.journal)
        pending.extend(host.pending)
        count += 1
    return report, count


def test_a_replay_gives_the_first_report_and_publishes_nothing_again() -> None:
    with world(3, journal=True) as w:
        first = w.run(RUN)
        w.clock.sleep(60)
        second = w.run(RUN)
        assert second["next"].startswith("Nothing was done now")
        assert "run_id" in second["next"]
        assert second == {**first, "replayed": True, "next": second["next"]}
        shown = w.run({"command": "show", "run": first["run_id"]})
        assert shown == {**first, "replayed": True}, "on record it stays as it was told"
        assert len(w.emu.truth.messages) == 1
        assert len(w.puts) == 2


def test_an_event_that_is_delivered_again_when_it_is_too_old_to_begin_anything_is_replayed() -> None:
    """Queues and platforms deliver late, too. Nobody is to be woken for a night that went well."""
    with world(3, journal=True) as w:
        event = timer_event(w, {key: value for key, value in RUN.items() if key != "run_id"})
        first = w.run(event)
        w.clock.sleep(2 * 3600)
        told = len(w.emu.truth.messages)
        again = w.run(event)
        assert (again["replayed"], again["run_id"], again["counts"]) == (True, first["run_id"], first["counts"])
        assert again["next"].startswith("Nothing was done now")
        assert len(w.emu.truth.messages) == told
        assert len(w.puts) == 2


def test_an_event_that_is_too_old_is_refused_if_no_run_of_it_is_on_record() -> None:
    with world(3, journal=True) as w:
        fields = {key: value for key, value in RUN.items() if key != "run_id"}
        event = timer_event(w, fields)
        w.clock.sleep(2 * 3600)
        assert "more than 3600 s ago" in str(w.refused(event)["problems"])
        other = timer_event(w, fields)
        w.run(other)
        w.clock.sleep(2 * 3600)
        changed = {**other, "user_event": json.dumps({**fields, "action": "soft_restart"})}
        assert "more than 3600 s ago" in str(w.refused(changed)["problems"]), "the key stands for another request"
        assert len(w.puts) == 2


def test_an_old_event_of_a_run_that_is_under_way_neither_begins_nor_takes_it_over() -> None:
    with world(3, journal=True) as w:
        event = timer_event(
            w, {**{key: value for key, value in RUN.items() if key != "run_id"}, "rollout": {"canary": 1, "pause_s": 10_000}}
        )
        host = TimedHost(w.environ(), w.clock, 100.0)
        bootstrap._invoke(event, host, w.clock, w.log, bootstrap.PLANS_PATH, dry_run=False, journal=w.journal)
        w.clock.sleep(2 * 3600)
        before = len(w.puts)
        again = w.run(event)
        assert again["status"] == "running"
        assert "the sweep" in again["next"]
        assert len(w.puts) == before == 1


def test_a_replay_publishes_what_had_failed_the_first_time() -> None:
    with world(3, journal=True, faults=[Fault("publish", "500", times=2)]) as w:
        assert w.run(RUN)["calls"]["publish_failed"] == 1
        assert w.run(RUN)["replayed"]
        assert len(w.emu.truth.messages) == 1
        w.run(RUN)
        assert len(w.emu.truth.messages) == 1


def test_one_key_for_two_requests_is_refused_naming_both() -> None:
    with world(3, journal=True) as w:
        w.run(RUN)
        report = w.refused({**RUN, "action": "soft_restart"})
        assert "restart of" in report["problems"][0]["what"]
        assert "soft_restart of" in report["problems"][0]["what"]
        assert len(w.puts) == 2


def test_labels_and_approvals_do_not_make_another_request() -> None:
    with world(3, journal=True) as w:
        digest = w.run(RUN)["plan"]["digest"]
        assert w.run({**RUN, "name": "x", "requested_by": "y", "approve": digest})["replayed"]


def test_a_run_that_sent_nothing_frees_its_key() -> None:
    """Fix the cause, redrive the dead letter."""
    with world(3, journal=True) as w:
        for one in w.ids:
            w.emu.set_status(one, "FROZEN")
        w.refused(RUN)
        for one in w.ids:
            w.emu.set_status(one, "RUNNING")
        assert w.run(RUN)["counts"] == {"completed": 3}


def test_24_instances_in_invocations_of_20_seconds_end_in_one_report() -> None:
    with world(24, journal=True) as w:
        report, hops = hop(w, {**RUN, "rollout": {"wave_size": 12}}, 20.0)
        assert report["counts"] == {"completed": 24}
        assert report["hops"] == hops - 1 > 3
        assert len(w.emu.truth.messages) == 1
        assert report["calls"]["restart_or_flush_instances"] == len(w.puts) == 3
        assert report["elapsed_s"] > 90
        assert len(w.log.named("run.reported")) == hops


def test_hops_have_a_limit() -> None:
    with world(24, journal=True) as w:
        report, hops = hop(w, {**RUN, "rollout": {"wave_size": 2}}, 20.0, UPKEEP_MAX_HOPS="3")
        assert hops == 4
        assert report["status"] == "deferred"
        assert "UPKEEP_MAX_HOPS" in str(report["notes"])


@pytest.mark.parametrize("left_s", [8.0, 9.0, 11.5])
def test_invocations_that_are_too_short_for_anything_end_the_run_and_say_what_it_needs(left_s: float) -> None:
    """A hundred of them would cost money and never restart anything."""
    with world(3, journal=True) as w:
        report, count = hop(w, RUN, left_s)
        assert (count, report["hops"], report["status"], report["counts"], w.puts) == (3, 2, "deferred", {"deferred": 3}, [])
        (row, *_) = report["instances"]
        for words in (f"This one had {left_s:.0f} s", "needs 57 s or more", "raise the function's timeout", "UPKEEP_TIME_LIMIT_S"):
            assert words in row["reason"]
        assert printed_event(report) == {"action": "restart", "instances": w.ids, "rollout": {"max_failures": 0}}
        assert len(w.emu.truth.messages) == 1
        assert w.run(RUN)["counts"] == {"completed": 3}  # its key is free again


def test_time_that_shrinks_under_way_ends_the_run_too() -> None:
    """What was sent is told as it is; the rest is to be sent again."""
    with world(3, journal=True) as w:
        host = TimedHost(w.environ(), w.clock, 20.0)
        bootstrap._invoke(RUN, host, w.clock, w.log, bootstrap.PLANS_PATH, dry_run=False, journal=w.journal)
        report, count = hop(w, host.pending.popleft(), 8.0)
        assert (count, len(w.puts), report["counts"]) == (2, 1, {"accepted": 1, "deferred": 2})
        assert printed_event(report)["instances"] == [row["instance_id"] for row in report["instances"][1:]]


def test_a_pause_longer_than_many_invocations_is_waited_out() -> None:
    with world(2, journal=True) as w:
        report, count = hop(w, {**RUN, "rollout": {"pause_s": 600}}, 60.0)
        assert report["counts"] == {"completed": 2}
        assert count > 10


def test_an_instance_that_takes_longer_than_many_invocations_is_waited_for() -> None:
    with world(make_fleet(1, tags={"env": "test"}, busy_s=300.0), journal=True) as w:
        report, count = hop(w, RUN, 30.0)
        assert report["counts"] == {"completed": 1}
        assert count > 10


def test_a_failed_self_call_is_reported_with_the_event_that_resumes() -> None:
    """The run itself is not lost: by hand, or by the sweep, it goes on."""
    with world(3, journal=True, security_token="token-of-the-agency") as w:
        context = FunctionGraphContext(
            w.environ(UPKEEP_FUNCTIONGRAPH_ENDPOINT="http://127.0.0.1:9"), ak=w.emu.ak, sk=w.emu.sk, token="token-of-the-agency"
        )
        host = FunctionGraphHost(context)
        ends = w.clock.monotonic() + 20
        host.remaining_s = lambda: ends - w.clock.monotonic()  # type: ignore[method-assign]
        report = bootstrap.handle(RUN, host=host, clock=w.clock, log=w.log, journal=w.journal)
        assert report["status"] == "deferred"
        assert '{"resume": "' in report["next"]
        assert report["next"].startswith("ACTION NEEDED")
        run_id = report["run_id"]
        later = bootstrap.handle({"resume": run_id}, host=FunctionGraphHost(context), clock=w.clock, log=w.log, journal=w.journal)
        assert later["counts"] == {"completed": 3}
        assert len(w.puts) == 2


def test_two_runs_never_hold_one_instance() -> None:
    with world(4, journal=True) as w:
        first = {"action": "restart", "instances": w.ids[:2], "run_id": "first", "rollout": {"canary": 0}}
        hop(w, first, 20.0, most=1)
        report = w.run({"action": "restart", "instances": w.ids[1:], "run_id": "second", "rollout": {"canary": 0}})
        (held,) = [one for one in report["instances"] if one["outcome"] == "refused"]
        assert held["instance_id"] == w.ids[1]
        assert held["guard"] in ("claims", "state")
        assert report["counts"] == {"completed": 2, "refused": 1}


def test_a_held_instance_names_its_holder_and_when_it_frees() -> None:
    with world(2, journal=True) as w:

        def second(_: float) -> None:
            w.clock.on_sleep = None
            other = w.refused({"action": "restart", "instances": w.ids[1:], "run_id": "second", "dry_run": True})
            said.extend(other["instances"])

        said: list[dict[str, Any]] = []
        w.clock.on_sleep = second
        w.run({"action": "restart", "instances": w.ids, "run_id": "first", "rollout": {"canary": 1}})
        assert said[0]["guard"] == "claims"
        assert "direct:first@" in said[0]["reason"]
        assert "until 20" in said[0]["reason"]


def test_cooldown_holds_across_runs_and_then_lets_go() -> None:
    with world(2, journal=True) as w:
        w.run({**RUN, "run_id": "a"})
        report = w.refused({**RUN, "run_id": "b", "cooldown_s": 3600})
        assert {one["guard"] for one in report["instances"]} == {"cooldown"}
        assert w.run({**RUN, "run_id": "c", "cooldown_s": 3600, "action": "soft_restart"})["counts"] == {"completed": 2}
        w.clock.sleep(3700)
        assert w.run({**RUN, "run_id": "d", "cooldown_s": 3600})["counts"] == {"completed": 2}


def test_an_alarm_about_what_was_just_restarted_is_ignored(tmp_path: Path) -> None:
    """A restart raises alarms of its own."""
    plans = tmp_path / "plans.json"
    plans.write_text(json.dumps({"alarms": [{"metric": "memory_usage", "action": "restart", "cooldown_s": 600}]}))
    with world(1, journal=True) as w:
        w.run({**RUN, "run_id": "a"})
        alarm = {
            "message_type": "alarm",
            "alarm_id": "al1",
            "alarm_name": "mem-high",
            "alarm_status": "alarm",
            "time": int(w.clock.now().timestamp() * 1000),
            "namespace": "SYS.DCS",
            "metric_name": "memory_usage",
            "dimension": f"dcs_instance_id:{w.ids[0]}",
        }
        w.emu.alarms.fire(w.ids[0], "al1", "mem-high")
        notice = {"message_id": "m1", "message": json.dumps(alarm), "timestamp": w.clock.now().isoformat(), "type": "notification"}
        answer = w.run({"record": [{"event_version": "1.0", "smn": notice}]}, plans_path=plans)
        assert "just done" in answer["ignored"]
        assert len(w.puts) == 1
        assert len(w.emu.truth.messages) == 1


def test_halt_stops_before_the_next_write_and_refuses_new_runs_until_its_own_release() -> None:
    with world(6, journal=True) as w:

        def pull(_: float) -> None:
            w.clock.on_sleep = None
            halted.append(w.run({"command": "halt", "reason": "storm"}))

        halted: list[dict[str, Any]] = []
        w.clock.on_sleep = pull
        report = w.run({**RUN, "rollout": {"canary": 1}})
        assert report["status"] == "halted"
        assert report["counts"] == {"completed": 1, "not_attempted": 5}
        assert w.refused({**RUN, "run_id": "b"})["status"] == "halted"
        status = w.run({"command": "status"})
        assert status["halt"]["reason"] == "storm"
        with pytest.raises(RefusedError):
            w.run({"command": "release", "halt": "halt-7"})
        w.run({"command": "release", "halt": halted[0]["halt"]["id"]})
        assert w.run({**RUN, "run_id": "c"})["counts"] == {"completed": 6}


class Failing(MemoryJournal):
    """Fails from the n-th append on, or at reads of one stream."""

    fails_from = 10**9
    unreadable = ""
    count = 0

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        self.count += 1
        if self.count >= self.fails_from:
            raise JournalError("the table is gone. Look at it.")
        super().append(stream, seq, entry)

    def read(self, stream: str, after: int = -1) -> list[tuple[int, dict[str, object]]]:
        if stream == self.unreadable:
            raise JournalError("it cannot be read. Look at it.")
        return super().read(stream, after)


def test_an_unreadable_lever_counts_as_pulled() -> None:
    with world(3) as w:
        journal = Failing(w.clock)
        journal.unreadable = "control/halt"
        w.journal = journal
        assert w.refused(RUN)["status"] == "halted"
        assert w.puts == []


@pytest.mark.parametrize("at", range(1, 9))
def test_a_journal_that_fails_before_anything_was_sent_sends_nothing(at: int) -> None:
    with world(3) as w:
        journal = Failing(w.clock)
        journal.fails_from = at
        w.journal = journal
        with pytest.raises(JournalError):
            w.run(RUN)
        assert w.puts == []


def test_a_run_whose_journal_fails_is_watched_to_its_end_and_told_and_the_rest_is_deferred() -> None:
    with world(3) as w:
        journal = Failing(w.clock)
        journal.fails_from = 10
        w.journal = journal
        report = w.run(RUN)
        assert (report["status"], report["counts"]) == ("deferred", {"completed": 1, "deferred": 2})
        assert "halt" in report["next"]
        assert len(w.emu.truth.messages) == 1
        assert len(w.puts) == 1


def test_without_a_journal_it_says_once_that_duplicates_cannot_be_told() -> None:
    with world(2) as w:
        report = w.run(RUN)
        assert any("cannot be told" in note for note in report["notes"])
        assert len(w.log.named("journal.absent")) == 1
        with pytest.raises(RefusedError, match="UPKEEP_JOURNAL"):
            w.run({"command": "halt"})


def test_the_sweep_takes_up_what_was_left_behind() -> None:
    with world(3, journal=True) as w:
        hop(w, RUN, 20.0, most=1)
        w.clock.sleep(500)
        answer = w.run({"command": "sweep"})
        assert answer["counts"] == {"completed": 3}  # locally the run follows in the same process
        assert w.run({"command": "sweep"})["resumed"] == []


def test_a_window_that_shuts_defers_and_the_sweep_goes_on_when_it_opens() -> None:
    with world(3, journal=True) as w:
        opens = w.clock.now().replace(minute=0, second=0, microsecond=0)
        start, end = f"{(opens.hour + 2) % 24:02d}:00", f"{(opens.hour + 4) % 24:02d}:00"
        window = {"start": start, "end": end, "timezone": "UTC", "on_miss": "defer"}
        report = w.run({**RUN, "window": window, "expires_after_s": 86400})
        assert report["status"] == "deferred"
        assert w.puts == []
        w.clock.sleep(600)
        assert w.run({"command": "sweep"})["resumed"] == []
        w.clock.sleep(7200)
        assert w.run({"command": "sweep"})["counts"] == {"completed": 3}


def test_a_dry_run_is_never_claimed() -> None:
    with world(3, journal=True) as w:
        w.run({**RUN, "dry_run": True})
        assert w.run(RUN)["replayed"] is False


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda entry: {**entry, "format": 2}, "a later version of this tool"),
        (lambda entry: {**entry, "kind": "rewound"}, "'rewound'"),
        (lambda entry: {key: value for key, value in entry.items() if key != "format"}, "cannot be read"),
    ],
)
def test_a_run_that_cannot_be_judged_is_left_alone_and_stops_no_other(spoil: Any, word: str) -> None:
    """Written by a later version before a roll-back, say. It must not hide the others from the sweep, nor be sent again."""
    with world(6, journal=True) as w:
        first = {"action": "restart", "instances": w.ids[:3], "run_id": "first"}
        hop(w, first, 20.0, most=1)
        hop(w, {**first, "instances": w.ids[3:], "run_id": "second"}, 20.0, most=1)
        assert isinstance(w.journal, MemoryJournal)
        (stream,) = [name for name in w.journal._streams if name.startswith("run/") and "first" in name]
        rows = w.journal._streams[stream]
        text, expires_at = rows[0]
        rows[0] = (json.dumps(spoil(json.loads(text))), expires_at)
        sent = len(w.puts)
        w.clock.sleep(500)
        with pytest.raises(JournalError, match=word):
            w.run(first)
        assert len(w.puts) == sent
        assert any(one["status"] == "unreadable" and word in one["reason"] for one in w.run({"command": "status"})["runs"])
        assert w.run({"command": "sweep"})["counts"] == {"completed": 3}  # the second run, which follows in this process
        answer = w.run({"command": "sweep"})
        assert (answer["status"], len(answer["unreadable"]), answer["resumed"]) == ("failed", 1, [])
        assert {w.executions()[one] for one in w.ids[3:]} == {1}


def test_a_duplicate_leaves_a_run_alone_that_is_under_way() -> None:
    with world(2, journal=True) as w:
        told: list[dict[str, Any]] = []

        def deliver_again(_: float) -> None:
            w.clock.on_sleep = None
            told.append(w.run(RUN))

        w.clock.on_sleep = deliver_again
        report = w.run(RUN)
        assert (report["status"], report["replayed"], report["hops"]) == ("succeeded", False, 0)
        assert told[0]["status"] == "running"
        assert "another invocation works on" in told[0]["next"]
        assert set(w.executions().values()) == {1}


def test_an_instance_that_another_run_has_taken_meanwhile_is_not_acted_on() -> None:
    """A stall longer than the lease, during which nobody took the run itself over, but another run took one of its instances."""
    with world(2, journal=True) as w:

        def stall(_: float) -> None:
            w.clock.on_sleep = None
            w.clock.sleep(600)
            other = w.run({"action": "restart", "instances": w.ids[1:], "run_id": "second"})
            assert other["counts"] == {"completed": 1}

        w.clock.on_sleep = stall
        report = w.run({"action": "restart", "instances": w.ids, "run_id": "first", "rollout": {"canary": 1}})
        (refused,) = [one for one in report["instances"] if one["outcome"] == "refused"]
        assert (refused["instance_id"], refused["guard"]) == (w.ids[1], "claims")
        assert set(w.executions().values()) == {1}


def test_a_call_does_not_leave_on_a_lease_that_ends_before_it_might() -> None:
    """The journal was slow to say that `sending` is written: whoever waits for the lease's end would not wait for this call."""

    class Slow(MemoryJournal):
        slow = True

        def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
            super().append(stream, seq, entry)
            if entry.get("kind") == "sending" and self.slow:
                self.slow = False
                w.clock.sleep(100)  # of the lease's 120, where a call may take 35 and clocks may be 10 apart

    with world(2, journal=True) as w:
        w.journal = Slow(w.clock)
        report = w.run({**RUN, "rollout": {"canary": 0}})
        assert "lease" in w.log.named("wave.sent")[0]["reason"]
        assert len(w.puts) == 1
        assert report["counts"] == {"completed": 2}


def test_what_shows_its_effect_before_it_is_sent_again_is_not_sent_again() -> None:
    """Throttled in one invocation, restarted by whoever until the next one: that is what was wanted, and once is enough."""
    with world(2, journal=True, faults=[Fault("put", "429", times=None)]) as w:
        event = {**RUN, "rollout": {"canary": 0}}
        first, _ = hop(w, event, 20.0, most=1)
        assert first["status"] == "deferred"
        tried = len(w.puts)
        w.emu.clear_faults()
        for one in w.ids:
            w.emu.act(one, "restart")
        w.clock.sleep(15)
        report, _ = hop(w, {"resume": first["run_id"]}, 900.0)
        assert report["counts"] == {"completed": 2}
        assert all("another actor cannot be excluded" in one["reason"] for one in report["instances"])
        assert len(w.puts) == tried


@pytest.mark.parametrize("journal", [True, False], ids=["journal", "no journal"])
def test_throttled_to_the_end_of_an_invocation_the_rest_is_deferred_and_not_dropped(journal: bool) -> None:
    with world(2, journal=journal, faults=[Fault("put", "429", times=None)]) as w:
        report, _ = hop(w, {**RUN, "rollout": {"canary": 0}}, 20.0, most=1)
        assert report["status"] == "deferred"
        assert report["counts"] == {"deferred": 2}
        w.emu.clear_faults()
        again = {"resume": report["run_id"]} if journal else json.JSONDecoder().raw_decode(report["next"], report["next"].index("{"))[0]
        assert hop(w, again, 900.0)[0]["counts"] == {"completed": 2}
        assert set(w.executions().values()) == {1}
