"""A person stops a run: at every step nothing more is sent, what was sent is watched, and only a person lets the rest go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from dcs_upkeep import bootstrap
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.errors import RefusedError
from dcs_upkeep.domain.run import short_id
from dcs_upkeep.domain.stopping import StopRequest
from tests.world import Fault, World, world

BY = "stopped by root with Ctrl-C (SIGINT)"
SWEEP = {"command": "sweep"}
HOUR_S = 3600.0
PAUSE_S = 900.0


class LeftError(BaseException):
    """The process is gone."""


class Watched(MemoryJournal):
    """Outlives the process, as far as the product is told, and shows each entry after it is written."""

    durable = True
    seen: Callable[[str, Mapping[str, object]], None] = staticmethod(lambda stream, entry: None)

    is_gone = False

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        if self.is_gone:
            raise LeftError
        super().append(stream, seq, entry)
        self.seen(stream, entry)


class Person:
    """Sends the same event to a process that is asked to stop at some moment."""

    def __init__(self, w: World, journal: Watched) -> None:
        self.w = w
        self.journal = journal
        self.stop = StopRequest(look_s=1.0)

    def asks(self) -> None:
        self.stop.by = self.stop.by or BY

    def asks_at(self, kind: str, count: int = 1) -> None:
        """As soon as so many entries of this kind are written to a run's stream."""
        left = [count]

        def seen(stream: str, entry: Mapping[str, object]) -> None:
            if stream.startswith("run/") and entry["kind"] == kind:
                left[0] -= 1
                if not left[0]:
                    self.asks()

        self.journal.seen = seen

    def asks_after(self, seconds: float) -> None:
        """As soon as so much time has passed."""
        ends = self.w.clock.monotonic() + seconds
        self.w.clock.on_sleep = lambda now: self.asks() if now >= ends else None

    def sends(self, event: Any, **settings: str) -> dict[str, Any]:
        return invoke(self.w, event, self.stop, **settings)


def invoke(w: World, event: Any, stop: StopRequest | None = None, **settings: str) -> dict[str, Any]:
    """What a process of its own answers, whether it returns or refuses."""
    host = LocalHost(w.environ(**settings))
    try:
        return bootstrap.handle(event, host=host, clock=w.clock, log=w.log, journal=w.journal, stop=stop or StopRequest())
    except RefusedError as err:
        return dict(err.report)


@contextmanager
def stopping(count: int = 4, **options: Any) -> Iterator[Person]:
    with world(count, **options) as w:
        w.journal = Watched(w.clock)
        yield Person(w, w.journal)


def event(w: World, **fields: Any) -> dict[str, Any]:
    return {"action": "restart", "instances": w.ids, "rollout": {"canary": 1, "wave_size": 2}, **fields}


def sent(w: World) -> list[str]:
    return [one for put in w.puts for one in put.ids]


def goes_on_with(w: World, run_id: str, puts: int) -> None:
    """No sweep sends anything of it, a repeated event neither, and a person who names it by its short id has the rest done, once."""
    w.clock.sleep(HOUR_S)
    assert invoke(w, SWEEP)["resumed"] == []
    assert len(w.puts) == puts
    report = invoke(w, {"resume": short_id(run_id)})
    assert report["status"] == "succeeded", report
    assert w.executions() == dict.fromkeys(w.ids, 1)
    w.clock.sleep(HOUR_S)
    assert invoke(w, SWEEP)["resumed"] == []


MOMENTS: dict[str, tuple[str, int, int]] = {
    "between claim and plan": ("claimed", 1, 0),
    "after the plan": ("planned", 1, 0),
    "before the first wave": ("guarded", 1, 0),
    "while an attempt is in flight": ("sending", 1, 1),
    "while the canary is watched": ("sent", 1, 1),
    "between two waves": ("watched", 1, 1),
    "before the second wave": ("guarded", 2, 1),
    "while the second wave is in flight": ("sending", 2, 3),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_whenever_it_is_stopped_nothing_more_is_sent_and_a_person_lets_it_go_on(moment: str) -> None:
    kind, count, expected = MOMENTS[moment]
    with stopping() as person:
        w = person.w
        person.asks_at(kind, count)
        report = person.sends(event(w))
        assert report["status"] == "halted"
        assert len(sent(w)) == expected
        counts = {"completed": expected, "deferred": 4 - expected} if kind != "claimed" else {}
        assert report["counts"] == {name: number for name, number in counts.items() if number}
        assert report["notes"] == [BY]
        assert f'"resume":"{report["run_id"]}"' in report["next"]
        assert f"halt --run {short_id(report['run_id'])}" in report["next"]
        (row,) = invoke(w, {"command": "status"})["runs"]
        assert (row["status"], row["open"], row["lease_until"], row["stopped_by"]) == ("stopped", 0, None, BY)
        goes_on_with(w, report["run_id"], len(w.puts))


def test_whoever_else_waits_for_the_report_gets_it() -> None:
    """It is told as any end is; not where nothing was sent, of which nobody has heard."""
    for moment, told in (("sent", 1), ("claimed", 0)):
        with stopping() as person:
            person.asks_at(moment)
            person.sends(event(person.w))
            published = person.w.emu.truth.messages
            assert [message.subject.startswith("HALTED") for message in published] == [True] * told


def test_a_call_of_this_tool_to_itself_is_nobody_s_word() -> None:
    """A sweep may have handed the run on just before a person stopped it."""
    with stopping() as person:
        w = person.w
        person.asks_at("sent")
        run_id = person.sends(event(w))["run_id"]
        host = LocalHost(w.environ())
        again = bootstrap._invoke(
            {"resume": run_id}, host, w.clock, w.log, bootstrap.PLANS_PATH, dry_run=False, journal=w.journal, by_self=True
        )
        assert (again["status"], len(w.puts)) == ("halted", 1)
        goes_on_with(w, run_id, 1)


def test_what_was_told_is_what_show_tells() -> None:
    with stopping() as person:
        person.asks_at("sent")
        report = person.sends(event(person.w))
        shown = invoke(person.w, {"command": "show", "run": short_id(report["run_id"])[:5]})
        for field in ("status", "counts", "next", "notes"):
            assert shown[field] == report[field]


def test_the_same_event_again_does_not_start_it_again() -> None:
    with stopping() as person:
        w, asked = person.w, {**event(person.w), "run_id": "night"}
        person.asks_at("sent")
        first = person.sends(asked)
        again = invoke(w, asked)
        assert (again["status"], again["replayed"], again["next"]) == ("halted", True, first["next"])
        assert len(w.puts) == 1


def test_a_stop_in_a_pause_ends_it_at_once() -> None:
    with stopping() as person:
        w = person.w
        person.asks_after(200)
        began = w.clock.monotonic()
        report = person.sends(event(w, rollout={"canary": 1, "wave_size": 2, "pause_s": PAUSE_S}))
        assert (report["status"], len(w.puts)) == ("halted", 1)
        assert w.clock.monotonic() - began < 210
        goes_on_with(w, report["run_id"], 1)


@pytest.mark.parametrize(("operation", "puts"), [("show", 0), ("put", 1)])
def test_a_stop_while_the_account_is_throttled_ends_the_wait(operation: str, puts: int) -> None:
    with stopping(faults=[Fault(operation, "429", retry_after_s=600)]) as person:
        w = person.w
        person.asks_after(50)
        began = w.clock.monotonic()
        report = person.sends(event(w), UPKEEP_TOPICS="")  # which are of the same account
        assert report["status"] == "halted", report
        assert (w.clock.monotonic() - began < 120, len(w.puts), w.executions()) == (True, puts, dict.fromkeys(w.ids, 0))
        goes_on_with(w, report["run_id"], puts)


def test_a_stop_during_a_backup_ends_the_wait() -> None:
    with stopping() as person:
        w = person.w
        w.emu.backups.backup_s = 500
        approved = w.approving(event(w, action="flush", backup="before"))
        person.asks_after(100)
        began = w.clock.monotonic()
        report = person.sends(approved)
        assert (report["status"], len(w.puts)) == ("halted", 0), report
        assert w.clock.monotonic() - began < 200
        w.clock.sleep(HOUR_S)
        assert invoke(w, {"resume": report["run_id"]})["status"] == "succeeded"


@pytest.mark.parametrize("kind", ["publishing", "published"])
def test_a_stop_while_the_report_is_published_changes_nothing(kind: str) -> None:
    with stopping() as person:
        person.asks_at(kind)
        report = person.sends(event(person.w))
        assert (report["status"], report["notes"]) == ("succeeded", [])
        assert len(person.w.emu.truth.messages) == 1
        assert invoke(person.w, {"command": "status"})["runs"] == []


def test_a_stop_when_everything_was_sent_lets_it_end() -> None:
    with stopping() as person:
        person.asks_at("sending", 3)
        assert person.sends(event(person.w))["status"] == "succeeded"


def test_a_stop_before_the_run_is_claimed_leaves_nothing() -> None:
    with stopping() as person:
        person.asks()
        report = person.sends({**event(person.w), "run_id": "night"})
        assert (report["status"], person.w.puts) == ("halted", [])
        assert invoke(person.w, {"command": "status"})["runs"] == []
        assert invoke(person.w, {**event(person.w), "run_id": "night"})["status"] == "succeeded"


def test_a_dry_run_is_stopped_too() -> None:
    with stopping(faults=[Fault("show", "429", retry_after_s=600)]) as person:
        person.asks_after(50)
        report = person.sends({**event(person.w), "dry_run": True})
        assert (report["status"], report["counts"]) == ("halted", {})
        assert person.w.emu.truth.messages == []


def test_of_several_records_those_behind_are_not_begun() -> None:
    with stopping() as person:
        w = person.w
        bodies = [{"action": "restart", "instances": [one]} for one in w.ids]
        records = [{"eventSource": "aws:sqs", "messageId": f"m{n}", "body": json.dumps(body)} for n, body in enumerate(bodies)]
        person.asks_at("sending", 2)
        answer = person.sends({"Records": records})
        assert answer == {"batchItemFailures": [{"itemIdentifier": "m2"}, {"itemIdentifier": "m3"}]}
        assert len(w.puts) == 2


def test_without_a_journal_that_lasts_the_rest_is_not_attempted() -> None:
    """A demo's journal ends with its fleet."""
    with stopping() as person:
        person.journal.durable = False  # type: ignore[misc]  # of this one alone
        person.asks_at("sent")
        report = person.sends({**event(person.w), "run_id": "night"})
        assert (report["status"], report["counts"]) == ("halted", {"completed": 1, "not_attempted": 3})
        assert "send a new event" in report["next"]
        assert invoke(person.w, {"command": "status"})["runs"] == []


def test_the_next_of_a_sweep_is_not_begun() -> None:
    """Runs that nobody works on are handed to further invocations, which on a laptop follow in the same process."""
    with stopping(6) as person:
        w = person.w

        def dies(stream: str, entry: Mapping[str, object]) -> None:
            if stream.startswith("run/") and entry["kind"] == "planned":
                raise LeftError

        person.journal.seen = dies
        for part in (w.ids[:3], w.ids[3:]):
            with pytest.raises(LeftError):
                person.sends({"action": "restart", "instances": part})
        w.clock.sleep(HOUR_S)
        person.asks_at("sending")
        report = person.sends(SWEEP)
        assert (report["status"], len(w.puts)) == ("halted", 1)
        person.journal.seen = lambda stream, entry: None
        assert len(invoke(w, {"command": "status"})["runs"]) == 2
        invoke(w, SWEEP)
        assert [len(put.ids) for put in w.puts] == [1, 1, 2], "the one that was stopped rests, the other went on"


# --- the process leaves -----------------------------------------------------------------------------------------------


def leaves_at(person: Person, kind: str) -> list[float | None]:
    """At the first sleep after such an entry: asked twice, it notes what it can and is gone. Returns what it noted."""
    noted: list[float | None] = []
    found: list[bool] = []

    def seen(stream: str, entry: Mapping[str, object]) -> None:
        if stream.startswith("run/") and entry["kind"] == kind:
            found.append(True)

    def slept(_: float) -> None:
        if found and not noted:
            person.asks()
            assert person.stop.worker is not None
            noted.append(person.stop.worker.abandon())
            raise LeftError

    person.journal.seen, person.w.clock.on_sleep = seen, slept
    return noted


def test_who_leaves_at_once_lets_go_of_the_run_and_a_sweep_only_watches() -> None:
    with stopping() as person:
        w = person.w
        noted = leaves_at(person, "sent")
        with pytest.raises(LeftError):
            person.sends(event(w))
        assert noted == [w.clock.now().timestamp()]
        w.clock.on_sleep = None
        (row,) = invoke(w, {"command": "status"})["runs"]
        assert (row["status"], row["open"], row["done"]) == ("stopped", 1, 0)
        swept = invoke(w, SWEEP)
        assert (swept["watched"], swept["resumed"]) == ([row["run_id"]], [])
        (row,) = invoke(w, {"command": "status"})["runs"]
        assert (row["status"], row["open"], row["done"], len(w.puts)) == ("stopped", 0, 1, 1)
        assert "watched" not in invoke(w, SWEEP)
        goes_on_with(w, row["run_id"], 1)


def test_who_left_at_once_may_be_gone_on_with_at_once() -> None:
    with stopping() as person:
        leaves_at(person, "sent")
        with pytest.raises(LeftError):
            person.sends(event(person.w))
        person.w.clock.on_sleep = None
        (row,) = invoke(person.w, {"command": "status"})["runs"]
        assert invoke(person.w, {"resume": row["run_id"]})["status"] == "succeeded"
        assert person.w.executions() == dict.fromkeys(person.w.ids, 1)


def test_who_leaves_with_an_attempt_in_flight_says_from_when_on_it_may_be_gone_on_with() -> None:
    """A hand-over says that each attempt has its answer; this one has none, so the longest call is waited for."""
    noted: list[float | None] = []

    def leaves(record: Any) -> None:
        if record.operation == "put" and not noted:
            person.asks()
            assert person.stop.worker is not None
            noted.append(person.stop.worker.abandon())
            person.journal.is_gone = True

    with stopping(on_request=leaves) as person:
        w = person.w
        with pytest.raises(LeftError):
            person.sends({**event(w), "run_id": "night"}, UPKEEP_SKEW_S="10")
        person.journal.is_gone = False
        assert noted == [w.clock.now().timestamp() + 45]
        (row,) = invoke(w, {"command": "status"})["runs"]
        asked = {"resume": row["run_id"]}
        assert invoke(w, asked)["status"] == "running"
        w.clock.sleep(45)
        assert invoke(w, asked)["status"] == "succeeded"
        assert w.executions() == dict.fromkeys(w.ids, 1)


def test_who_is_killed_after_the_first_signal_stays_stopped() -> None:
    """By a kill that nobody can note: a sweep watches when the lease has lapsed, and sends nothing."""
    with stopping() as person:
        w = person.w
        person.asks_at("sent")

        def dies(_: float) -> None:
            if w.puts:
                raise LeftError

        w.clock.on_sleep = dies
        with pytest.raises(LeftError):
            person.sends(event(w))
        w.clock.on_sleep = None
        w.clock.sleep(HOUR_S)
        (run_id,) = invoke(w, SWEEP)["watched"]
        assert len(w.puts) == 1
        assert w.emu.truth.messages[-1].subject.startswith("HALTED")
        goes_on_with(w, run_id, 1)


# --- ended for good ---------------------------------------------------------------------------------------------------


def test_a_run_that_rests_is_ended_for_good() -> None:
    with stopping() as person:
        w = person.w
        person.asks_at("sent")
        run_id = person.sends(event(w))["run_id"]
        answer = invoke(w, {"command": "halt", "run": short_id(run_id), "reason": "not tonight"})
        assert answer["report"]["status"] == "halted"
        assert answer["report"]["counts"] == {"completed": 1, "not_attempted": 3}
        assert "ended for good" in answer["report"]["notes"][0]
        assert "not tonight" in answer["report"]["notes"][0]
        assert invoke(w, {"resume": run_id})["replayed"]
        assert invoke(w, {"command": "status"})["runs"] == []
        assert len(w.puts) == 1
        ended = invoke(w, {"command": "halt", "run": run_id})
        assert "has ended already" in ended["problems"][0]["what"]


def test_a_run_that_was_stopped_before_its_plan_is_ended_without_one() -> None:
    with stopping() as person:
        w = person.w
        person.asks_at("claimed")
        run_id = person.sends({**event(w), "run_id": "night"})["run_id"]
        ended = invoke(w, {"command": "halt", "run": run_id, "reason": "not tonight"})["report"]
        assert (ended["status"], ended["counts"], ended["calls"]) == ("halted", {}, {})
        assert "not tonight" in ended["notes"][0]
        assert invoke(w, {**event(w), "run_id": "night"})["status"] == "succeeded"


def test_a_run_at_work_is_ended_for_good_and_no_other() -> None:
    with stopping() as person:
        w = person.w
        told: list[dict[str, Any]] = []

        def seen(stream: str, entry: Mapping[str, object]) -> None:
            if stream.startswith("run/") and entry["kind"] == "sent" and not told:
                told.append({})
                told[0] = invoke(w, {"command": "halt", "run": stream.removeprefix("run/"), "reason": "the wrong fleet"})

        person.journal.seen = seen
        report = person.sends({**event(w), "run_id": "night"})
        assert "works on it" in told[0]["next"]
        assert (report["status"], report["counts"]) == ("halted", {"completed": 1, "not_attempted": 3})
        assert "the wrong fleet" in report["notes"][0]
        assert invoke(w, {"command": "status"})["halt"] is None
        assert invoke(w, event(w))["status"] == "succeeded"


def test_who_ended_a_run_before_anything_was_sent_leaves_its_key_free() -> None:
    """The end is of that claim: the key may be claimed again, and is not ended with it."""
    with stopping() as person:
        w = person.w
        person.asks_at("planned")
        run_id = person.sends({**event(w), "run_id": "night"})["run_id"]
        assert invoke(w, {"command": "halt", "run": run_id})["report"]["counts"] == {"not_attempted": 4}
        assert invoke(w, {**event(w), "run_id": "night"})["status"] == "succeeded"


def test_an_id_that_fits_none_or_several_is_refused_with_those_that_it_fits() -> None:
    with stopping() as person:
        w = person.w
        for name in ("night-1", "night-2"):
            invoke(w, {"action": "restart", "instances": w.ids[:1], "run_id": name})
        for asked in ({"command": "show", "run": "direct:night"}, {"resume": "direct:night"}, {"command": "halt", "run": "direct:night"}):
            (problem,) = invoke(w, asked)["problems"]
            assert "may be any of 2 runs" in problem["what"]
            assert "direct:night-1" in problem["what"]
        for begins, said in (("nobody", "no run"), ("di", "too short")):
            assert said in invoke(w, {"command": "show", "run": begins})["problems"][0]["what"]
