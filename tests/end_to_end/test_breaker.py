"""The circuit breaker: whatever the runs and their number, five failures within an hour and nothing new is begun until a person says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.errors import JournalError
from dcs_upkeep.domain.model import REPORT_MARK
from tests.end_to_end.test_exactly_once import hop
from tests.world import Fault, TimedHost, World, make_fleet, world

EACH_FAILS = {"tags": {"env": "test"}, "ends_in": "ERROR"}
HOUR_S = 3_600.0


def failing(count: int) -> list[Any]:
    """So many instances, each of which ends in ERROR when it is restarted."""
    return make_fleet(count, **EACH_FAILS)


def restart(w: World, first: int, last: int, run_id: str, **fields: Any) -> Mapping[str, Any]:
    """The run over these instances, whether it was refused or not."""
    event = {"action": "restart", "instances": w.ids[first:last], "run_id": run_id, "rollout": {"canary": 0, "max_failures": 100}}
    try:
        return w.run({**event, **fields})
    except Exception as err:
        report: Mapping[str, Any] = err.report  # type: ignore[attr-defined]
        return report


def broken(w: World) -> int:
    return sum(1 for one in w.ids if w.emu.truth.executions(one))


def halts(w: World) -> list[str]:
    """The halts that were ever pulled."""
    assert w.journal is not None
    return [str(entry["id"]) for _, entry in w.journal.read("control/halt") if entry["kind"] == "halted"]


def told(w: World) -> list[Any]:
    """The messages that say so."""
    return [one for one in w.emu.truth.messages if "UPKEEP_BREAKER is" in one.text()]


def noted(w: World) -> list[tuple[str, list[str]]]:
    """(run, instances) of each note, over all hours."""
    assert isinstance(w.journal, MemoryJournal)
    streams = [stream for stream in w.journal._streams if stream.startswith("failures/")]
    return [(entry["run_id"], entry["instances"]) for stream in streams for _, entry in w.journal.read(stream)]  # type: ignore[misc]


def alarms(w: World, count: int) -> dict[str, Any]:
    """One SMN event with so many alarms, each of which is firing."""
    records = []
    for number, instance_id in enumerate(w.ids[:count]):
        w.emu.alarms.fire(instance_id, "al1", "mem-high")
        alarm = {
            "message_type": "alarm",
            "alarm_id": "al1",
            "alarm_name": "mem-high",
            "alarm_status": "alarm",
            "time": int(w.clock.now().timestamp() * 1000) + number,
            "namespace": "SYS.DCS",
            "metric_name": "memory_usage",
            "dimension": f"dcs_instance_id:{instance_id}",
        }
        notice = {"message_id": f"m{number}", "message": json.dumps(alarm), "timestamp": w.clock.now().isoformat(), "type": "notification"}
        records.append({"event_version": "1.0", "smn": notice})
    return {"record": records}


def test_an_alarm_storm_breaks_five_and_not_twelve(tmp_path: Path) -> None:
    """Each alarm is a run of its own, so that neither budget nor cap of one plan holds the others."""
    plans = tmp_path / "plans.json"
    plans.write_text(json.dumps({"alarms": [{"metric": "memory_usage", "action": "restart"}]}), encoding="utf-8")
    with world(failing(12), journal=True) as w:
        answer = w.run(alarms(w, 12), plans_path=plans, UPKEEP_MAX_INSTANCES="3")
        assert broken(w) == 5
        statuses = [run["status"] for run in answer["runs"]]
        assert statuses == ["failed"] * 5 + ["halted"] * 7
        assert {run["instances"][0]["guard"] for run in answer["runs"][5:]} == {"halt"}
        assert halts(w) == ["halt-0"]
        assert len(told(w)) == 1


def test_one_failure_fewer_stops_nothing() -> None:
    with world(failing(6), journal=True) as w:
        restart(w, 0, 4, "first")
        assert halts(w) == []
        restart(w, 4, 6, "second")
        assert broken(w) == 6


def test_over_several_runs_the_next_is_refused_and_told_what_to_release() -> None:
    with world(failing(8), journal=True) as w:
        restart(w, 0, 2, "first")
        restart(w, 2, 4, "second")
        assert halts(w) == []
        assert restart(w, 4, 5, "third")["status"] == "failed"
        report = restart(w, 5, 8, "fourth")
        assert report["status"] == "halted"
        assert report["counts"] == {"refused": 3}
        assert '{"command": "release", "halt": "halt-0"}' in report["next"]
        assert broken(w) == 5
        (halt,) = [entry for _, entry in w.journal.read("control/halt")]  # type: ignore[union-attr]
        assert all(word in str(halt["reason"]) for word in ("circuit breaker", "5", "first", "second", "third"))


def test_within_one_run_no_further_wave_begins() -> None:
    with world(failing(9), journal=True) as w:
        report = restart(w, 0, 9, "night", rollout={"canary": 0, "wave_size": 3, "max_failures": 100})
        assert (report["status"], report["counts"]) == ("halted", {"failed": 6, "not_attempted": 3})
        assert len(w.puts) == 2


@pytest.mark.parametrize("notify", ["", "start"])
def test_every_topic_is_told_whatever_notify_says(notify: str) -> None:
    with world(failing(5), journal=True, settings={"UPKEEP_NOTIFY": notify} if notify else {}) as w:
        restart(w, 0, 5, "night")
        (message,) = told(w)
        assert message.subject.startswith("HALTED by the circuit breaker: 5 failed or unknown within an hour")
        assert 'Send: {"command":"release","halt":"halt-0"}' in message.text()
        assert "5 failed or unknown in direct:night" in message.text()
        # Or a function that hears its own topic would take it for a request.
        assert message.text().startswith(REPORT_MARK)
        assert json.loads(message.text("functiongraph"))["notice"].startswith(REPORT_MARK)


def test_a_release_lets_go_and_counting_begins_anew() -> None:
    with world(failing(12), journal=True) as w:
        restart(w, 0, 5, "first")
        w.run({"command": "release", "halt": "halt-0"})
        assert restart(w, 5, 9, "second")["status"] == "failed"
        assert halts(w) == ["halt-0"]
        restart(w, 9, 10, "third")
        assert halts(w) == ["halt-0", "halt-2"]
        assert restart(w, 10, 12, "fourth")["status"] == "halted"
        assert broken(w) == 10
        assert len(told(w)) == 2


def test_a_halt_of_a_person_is_no_breaker_and_its_release_counts_nothing_away() -> None:
    """The lever was pulled already when the fifth failed; once it is released the breaker pulls it."""
    with world(failing(7), journal=True) as w:

        def pull(_: float) -> None:
            w.clock.on_sleep = None
            w.run({"command": "halt", "reason": "storm"})

        w.clock.on_sleep = pull
        restart(w, 0, 5, "first")
        assert (halts(w), told(w)) == (["halt-0"], [])
        w.run({"command": "release", "halt": "halt-0"})
        assert restart(w, 5, 7, "second")["status"] == "halted"
        assert (halts(w), len(told(w)), broken(w)) == (["halt-0", "halt-2"], 1, 5)


def test_what_failed_more_than_an_hour_ago_counts_no_more_and_what_was_pulled_stays() -> None:
    with world(failing(12), journal=True) as w:
        restart(w, 0, 4, "first")
        w.clock.sleep(HOUR_S)
        restart(w, 4, 8, "second")
        assert halts(w) == []
        restart(w, 8, 9, "third")
        w.clock.sleep(3 * HOUR_S)
        assert restart(w, 9, 12, "fourth")["status"] == "halted"
        assert (broken(w), len(told(w))) == (9, 1)


@pytest.mark.parametrize(("setting", "sent"), [("0", 8), ("1", 1), ("3", 3), ("7", 7)])
def test_the_setting_says_how_many(setting: str, sent: int) -> None:
    with world(failing(8), journal=True, settings={"UPKEEP_BREAKER": setting}) as w:
        for number in range(8):
            restart(w, number, number + 1, f"run-{number}")
        assert broken(w) == sent
        assert len(halts(w)) == (setting != "0")
        assert bool(noted(w)) == (setting != "0")


def test_without_a_journal_there_is_no_breaker() -> None:
    with world(failing(7)) as w:
        restart(w, 0, 5, "first")
        assert restart(w, 5, 7, "second")["status"] == "failed"


def test_an_unknown_instance_counts_as_much_as_a_failed_one() -> None:
    faults = [Fault("put", "garbage", times=None, executed=False)]
    with world(6, journal=True, faults=faults) as w:
        assert restart(w, 0, 5, "first")["counts"] == {"unknown": 5}
        assert halts(w) == ["halt-0"]


def test_what_the_report_alone_calls_unknown_counts_too() -> None:
    """Time is up and no further invocation is allowed: the outcome is given by the report, after the last look."""
    with world(6, journal=True, settings={"UPKEEP_MAX_HOPS": "0", "UPKEEP_SETTLE_S": "300"}) as w:
        event = {"action": "flush", "instances": w.ids[:5], "rollout": {"canary": 0}, "run_id": "night"}
        approved = {**w.approving(event), "run_id": "night"}
        w.emu.add_fault(Fault("put", "garbage", times=None, executed=False))
        report = w.run(approved, left_s=60.0)
        assert report["counts"] == {"unknown": 5}
        assert w.log.named("instance.verified") == []
        assert halts(w) == ["halt-0"]


def test_a_dry_run_says_so_and_pulls_nothing() -> None:
    with world(failing(7), journal=True) as w:
        restart(w, 0, 5, "first")
        report = restart(w, 5, 7, "second", dry_run=True)
        assert report["status"] == "planned"
        assert any("refused by breaker" in note for note in report["notes"])


class Unreadable(MemoryJournal):
    """Does not answer about failures, from when `broken` is set."""

    broken = False

    def read(self, stream: str, after: int = -1) -> list[tuple[int, dict[str, object]]]:
        if self.broken and stream.startswith("failures/"):
            raise JournalError("it cannot be read. Look at it.")
        return super().read(stream, after)


def test_a_count_that_cannot_be_read_refuses_the_plan() -> None:
    with world(3, journal=True) as w:
        w.journal = Unreadable(w.clock)
        w.journal.broken = True
        report = restart(w, 0, 3, "night")
        assert (report["status"], {one["guard"] for one in report["instances"]}) == ("rejected", {"breaker"})
        assert "cannot be read" in report["instances"][0]["reason"]
        assert w.puts == []


def test_a_count_that_cannot_be_read_any_more_stops_before_the_next_wave() -> None:
    with world(6, journal=True) as w:
        journal = w.journal = Unreadable(w.clock)
        w.clock.on_sleep = lambda _: setattr(journal, "broken", True)
        report = restart(w, 0, 6, "night", rollout={"canary": 0, "wave_size": 3})
        assert report["counts"] == {"completed": 3, "not_attempted": 3}
        assert {one["guard"] for one in report["instances"] if one["outcome"] == "not_attempted"} == {"breaker"}


class Killed(BaseException):
    """The process dies here."""


class Deadly(MemoryJournal):
    """Kills whoever appends or reads what `at` says, once."""

    at: Callable[[str, Mapping[str, object]], bool] | None = None
    fails_with: type[BaseException] = Killed

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        if self.at is not None and self.at(stream, entry):
            self.at = None
            raise self.fails_with("here. Look at it.")
        super().append(stream, seq, entry)


def deadly(w: World, where: str, kind: str, fails_with: type[BaseException] = Killed) -> Deadly:
    journal = Deadly(w.clock)
    journal.at = lambda stream, entry: stream.startswith(where) and entry["kind"] == kind
    journal.fails_with = fails_with
    w.journal = journal
    return journal


def test_a_death_between_the_outcome_and_its_note_loses_no_failure() -> None:
    with world(failing(8), journal=True) as w:
        deadly(w, "failures/", "failed")
        with pytest.raises(Killed):
            restart(w, 0, 5, "first")
        assert (noted(w), halts(w)) == ([], [])
        w.clock.sleep(300)  # past its lease
        w.run({"command": "sweep"})
        assert [(run, len(ids)) for run, ids in noted(w)] == [("direct:first@" + noted(w)[0][0][-8:], 5)]
        assert (halts(w), len(told(w))) == (["halt-0"], 1)
        assert restart(w, 5, 8, "second")["status"] == "halted"


def test_a_death_between_the_note_and_the_lever_leaves_it_to_the_next_run() -> None:
    with world(failing(8), journal=True) as w:
        deadly(w, "control/halt", "halted")
        with pytest.raises(Killed):
            restart(w, 0, 5, "first")
        assert restart(w, 5, 8, "second")["status"] == "halted"
        assert (halts(w), len(told(w)), broken(w)) == (["halt-0"], 1, 5)


def test_a_death_between_the_lever_and_the_topics_leaves_telling_to_the_next_run() -> None:
    with world(failing(8), journal=True) as w:
        deadly(w, "control/breaker", "told")  # dies after it has told, as far as anybody can see
        with pytest.raises(Killed):
            restart(w, 0, 5, "first")
        w.emu.truth.messages.clear()
        restart(w, 5, 6, "second")
        assert told(w) == []  # whoever pulled it may be about to
        w.clock.sleep(61)
        restart(w, 6, 7, "third")
        restart(w, 7, 8, "fourth")
        assert len(told(w)) == 1


def test_a_note_that_fails_once_is_written_before_anything_more_is_sent() -> None:
    with world(failing(6), journal=True) as w:
        deadly(w, "failures/", "failed", JournalError)
        report = restart(w, 0, 6, "night", rollout={"canary": 0, "wave_size": 5, "max_failures": 100})
        assert report["counts"] == {"failed": 5, "not_attempted": 1}
        assert halts(w) == ["halt-0"]


def test_each_instance_of_a_run_is_noted_once_over_all_its_invocations() -> None:
    with world(failing(4), journal=True) as w:
        event = {"action": "restart", "instances": w.ids, "run_id": "night", "rollout": {"canary": 0, "wave_size": 2, "max_failures": 9}}
        report, hops = hop(w, event, 60.0)
        assert (report["counts"], hops > 1) == ({"failed": 4}, True)
        w.run(event)  # replayed
        assert sorted(one for _, ids in noted(w) for one in ids) == sorted(w.ids)


def test_two_runs_side_by_side_are_counted_together() -> None:
    """The second begins, and ends, while the first is watched: neither alone has failed often enough."""
    with world(failing(12), journal=True) as w:
        others: list[Mapping[str, Any]] = []

        def begin(_: float) -> None:
            w.clock.on_sleep = None
            others.append(restart(w, 6, 9, "second"))

        w.clock.on_sleep = begin
        report = restart(w, 0, 6, "first", rollout={"canary": 0, "wave_size": 3, "max_failures": 100})
        assert others[0]["counts"] == {"failed": 3}
        assert report["counts"] == {"failed": 3, "not_attempted": 3}
        assert (halts(w), len(told(w))) == (["halt-0"], 1)
        assert restart(w, 9, 12, "third")["status"] == "halted"


def test_a_failure_counts_before_its_wave_has_ended() -> None:
    """Three fail at once and the fourth is still restarting: a run that begins now is told already."""
    fleet = failing(6)
    fleet[3].busy_s = 600.0
    with world(fleet, journal=True, settings={"UPKEEP_BREAKER": "3"}) as w:
        others: list[Mapping[str, Any]] = []

        def begin(now: float) -> None:
            if now > 200 and not others:
                others.append({})
                others.append(restart(w, 4, 6, "second"))

        w.clock.on_sleep = begin
        assert restart(w, 0, 4, "first")["counts"] == {"failed": 4}
        assert others[1]["status"] == "halted"
        assert broken(w) == 4


class Crowded(MemoryJournal):
    """Lets `other` act just before the lever is pulled."""

    other: Callable[[], object] | None = None

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        if stream == "control/halt" and self.other is not None:
            other, self.other = self.other, None
            other()
        super().append(stream, seq, entry)


def test_two_runs_that_trip_it_at_the_same_moment_pull_one_halt_and_tell_once() -> None:
    with world(failing(8), journal=True) as w:
        journal = w.journal = Crowded(w.clock)
        journal.other = lambda: restart(w, 5, 6, "second")
        restart(w, 0, 5, "first")
        assert (halts(w), len(told(w))) == (["halt-0"], 1)
        assert broken(w) == 5


def test_the_failures_of_another_function_on_the_same_journal_do_not_count() -> None:
    with world(failing(8), journal=True) as w:
        restart(w, 0, 3, "first")
        other = TimedHost(w.environ(), w.clock, 900.0, kind="lambda")
        event = {"action": "restart", "instances": w.ids[3:6], "rollout": {"canary": 0, "max_failures": 9}, "run_id": "second"}
        assert w.run(event, host=other)["counts"] == {"failed": 3}
        assert halts(w) == []
