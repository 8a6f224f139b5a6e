"""What is checked at one time and used at another: each row is an input after which the first edition broke a promise of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.errors import CloudError, JournalError, UpkeepError
from tests.world import Fault, TimedHost, World, make_fleet, world

RUN: dict[str, Any] = {"action": "restart", "select": {"tags": {"env": "test"}}, "run_id": "night"}
ONE_WAVE = {"canary": 0, "max_failures": 100}


class Faulty(MemoryJournal):
    """Asks before each append of a run's stream: `spoil` may raise before it is written, or after."""

    spoil: Callable[[Mapping[str, object]], str | None] = staticmethod(lambda _: None)

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        how = self.spoil(entry) if stream.startswith("run/") else None
        if how == "unwritten":
            raise JournalError("the table does not answer. Look at it.")
        super().append(stream, seq, entry)
        if how == "written":
            raise JournalError("no answer came. Look at the network.")


def faulty(w: World, spoil: Callable[[Mapping[str, object]], str | None]) -> Faulty:
    journal = Faulty(w.clock)
    journal.spoil = spoil
    w.journal = journal
    return journal


def once(kind: str, how: str = "unwritten", nth: int = 1) -> Callable[[Mapping[str, object]], str | None]:
    """The n-th entry of this kind fails, once."""
    seen = [0]

    def spoil(entry: Mapping[str, object]) -> str | None:
        if entry["kind"] == kind:
            seen[0] += 1
            return how if seen[0] == nth else None
        return None

    return spoil


class DeathError(BaseException):
    """The process ends here."""


# --- classes, tags and settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["class", "disposable tag"])
def test_data_that_became_precious_while_the_run_waited_is_not_lost(what: str) -> None:
    """A1: planned while it was safe, restarted an hour later when it was not."""
    rows = make_fleet(2, tags={"env": "test"})
    settings = {}
    if what == "disposable tag":
        settings["UPKEEP_DISPOSABLE_TAGS"] = "scratch=yes"
        rows[1].tags["scratch"] = "yes"
        rows[1].cache_mode = "single"
    with world(rows, journal=True, settings=settings) as w:

        def meddle(now: float) -> None:
            if now > 1000:
                change = {"appendonly": "no"} if what == "class" else {"tags": {"env": "test"}}
                w.emu.edit(w.ids[1], **change)

        w.clock.on_sleep = meddle
        report = w.run({**RUN, "rollout": {"canary": 1, "pause_s": 3600}})
        late = next(row for row in report["instances"] if row["instance_id"] == w.ids[1])
        assert (late["outcome"], late["guard"]) == ("refused", "approval")
        assert w.ids[1] not in w.emu.truth.lost_data


def test_a_protecting_tag_set_while_a_batch_is_throttled_protects() -> None:
    """A8."""
    with world(2, journal=True, faults=[Fault("put", "429", times=5)]) as w:

        def protect(now: float) -> None:
            if now > 1 and len(w.puts) >= 3:
                w.emu.edit(w.ids[0], tags={"env": "test", "upkeep": "never"})

        w.clock.on_sleep = protect
        report = w.run({**RUN, "rollout": ONE_WAVE}, UPKEEP_POLL_S="1")
        outcomes = w.outcomes(report)
        assert outcomes == {w.ids[0]: "refused", w.ids[1]: "completed"}
        assert w.executions() == {w.ids[0]: 0, w.ids[1]: 1}


def test_a_protecting_tag_set_while_a_backup_takes_minutes_protects() -> None:
    """A8, the other half."""
    rows = make_fleet(1, tags={"env": "test"})
    with world(rows, journal=True) as w:
        event: dict[str, Any] = {"action": "flush", "instances": w.ids, "backup": "before", "rollout": {"canary": 0}}
        approved = approving(w, event)

        def protect(_: float) -> None:
            w.emu.edit(w.ids[0], tags={"env": "test", "upkeep": "never"})

        w.clock.on_sleep = protect
        report = refused(w, approved, UPKEEP_POLL_S="1")
        assert [row["guard"] for row in report["instances"]] == ["protected"]
        assert w.puts == []


def approving(w: World, event: dict[str, Any]) -> dict[str, Any]:
    """The event that a dry run prints."""
    step = w.run({**event, "dry_run": True})["next"]
    found: dict[str, Any] = json.JSONDecoder().raw_decode(step, step.index("{"))[0]
    return found


def refused(w: World, event: Any, **settings: str) -> Mapping[str, Any]:
    try:
        return w.run(event, **settings)
    except UpkeepError as err:
        report: Mapping[str, Any] = getattr(err, "report")  # noqa: B009  (only RefusedError has one)
        return report


# --- leases -------------------------------------------------------------------------------------------------------


def test_an_owner_that_stalls_past_its_lease_does_not_act_on_what_another_run_took() -> None:
    """A10: between its claims and its next entry; the other run restarts the instance meanwhile."""
    with world(1, journal=True) as w:
        stalled: list[bool] = []

        class Stalling(MemoryJournal):
            def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
                if entry.get("kind") == "guarded" and not stalled:
                    stalled.append(True)
                    w.clock.sleep(600)
                    w.journal = self
                    assert w.run({"action": "restart", "instances": w.ids, "run_id": "other"})["counts"] == {"completed": 1}
                super().append(stream, seq, entry)

        w.journal = Stalling(w.clock)
        report = refused(w, RUN)
        assert [(row["outcome"], row["guard"]) for row in report["instances"]] == [("refused", "claims")]
        assert w.executions() == {w.ids[0]: 1}


def test_evidence_is_another_run_s_if_that_held_the_instance_in_between() -> None:
    """A11: the PUT never arrives, its sender dies, another run restarts the instance, the first event is delivered again."""
    with world(1, journal=True, faults=[Fault("put", "drop")]) as w:

        def die(_: float) -> None:
            raise DeathError

        w.clock.on_sleep = die
        with pytest.raises(DeathError):
            w.run(RUN)
        w.clock.on_sleep = None
        assert len(w.puts) == 1
        assert w.executions() == {w.ids[0]: 0}
        w.clock.sleep(600)
        w.emu.clear_faults()
        assert w.run({"action": "restart", "instances": w.ids, "run_id": "other"})["counts"] == {"completed": 1}
        report = w.run(RUN)
        (row,) = report["instances"]
        assert row["outcome"] == "unknown"
        assert "other" in row["reason"]
        assert w.executions() == {w.ids[0]: 1}


def test_a_machine_that_sleeps_after_sending_is_written_does_not_send_on_waking() -> None:
    """A20: its monotonic clock stood still; the time of day tells."""
    with world(1, journal=True) as w:

        class Sleepy(MemoryJournal):
            slept = False

            def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
                super().append(stream, seq, entry)
                if entry.get("kind") == "sending" and not self.slept:
                    self.slept = True
                    w.clock.set_ahead(400)

        w.journal = Sleepy(w.clock)
        report = w.run(RUN)
        assert "lease" in w.log.named("wave.sent")[0]["reason"]
        assert len(w.puts) == 1
        assert report["counts"] == {"completed": 1}


# --- the journal fails in the middle ------------------------------------------------------------------------------


def test_one_failed_append_of_an_answer_changes_nothing() -> None:
    """A14: the entry is kept, and written when an append works again."""
    with world(2, journal=True) as w:
        journal = faulty(w, once("sent"))
        report = w.run(RUN)
        assert report["counts"] == {"completed": 2}
        kinds = [entry["kind"] for _, entry in journal.read(f"run/{report['run_id']}")]
        assert kinds.count("sent") == kinds.count("sending") == 2
        assert w.run(RUN)["replayed"] is True
        assert set(w.executions().values()) == {1}


def test_what_was_told_of_the_rest_stays_true_when_the_journal_comes_back() -> None:
    """A4: it fails from the first answer on, past the end of the run; then a sweep goes on."""
    with world(3, journal=True) as w:
        journal = faulty(w, lambda _: None)

        def spoil(entry: Mapping[str, object]) -> str | None:
            return "unwritten" if w.puts else None

        journal.spoil = spoil
        report = w.run(RUN)
        assert (report["status"], report["counts"]) == ("deferred", {"completed": 1, "deferred": 2})
        assert len(w.emu.truth.messages) == 1
        assert "waiting" in w.emu.truth.messages[0].text()
        journal.spoil = lambda _: None
        w.clock.sleep(600)
        swept = w.run({"command": "sweep"})
        assert swept["counts"] in ({"completed": 3}, {"completed": 2, "unknown": 1}, {"accepted": 1, "completed": 2})
        assert set(w.executions().values()) == {1}
        assert len(w.emu.truth.messages) == 2


@pytest.mark.parametrize("kind", ["watched", "seen", "guarded", "renewed", "publishing", "published", "reported"])
@pytest.mark.parametrize("how", ["unwritten", "written"])
def test_one_append_that_fails_or_only_seems_to_breaks_no_promise(kind: str, how: str) -> None:
    """A21 and its like: durable though the store said that it failed."""
    with world(3, journal=True) as w:
        # Before the first attempt a failing journal fails the run: the second wave's guards are those that count here.
        faulty(w, once(kind, how, nth=2 if kind == "guarded" else 1))
        report = w.run(RUN)
        assert report["counts"] == {"completed": 3}
        assert len(w.emu.truth.messages) == 1
        w.clock.sleep(600)
        w.run({"command": "sweep"})
        assert w.run(RUN)["counts"] == {"completed": 3}
        assert set(w.executions().values()) == {1}


@pytest.mark.parametrize("kind", ["publishing", "published", "reported"])
def test_a_report_reaches_its_topic_whatever_the_journal_does_at_the_end(kind: str) -> None:
    """A16."""
    with world(2, journal=True) as w:
        down: list[bool] = []

        def spoil(entry: Mapping[str, object]) -> str | None:
            if entry["kind"] == kind:
                down.append(True)
            return "unwritten" if down else None

        faulty(w, spoil)
        report = w.run(RUN)
        assert report["status"] == "succeeded"
        assert len(w.emu.truth.messages) == 1


def test_another_status_is_told_to_a_topic_that_has_heard_of_the_run_already() -> None:
    """A15: a fault is told, the process dies before that is on record as the end, and a sweep carries the run out."""
    with world(2, journal=True, faults=[Fault("list", "403")]) as w:

        def die(entry: Mapping[str, object]) -> str | None:
            if entry["kind"] == "released":
                raise DeathError
            return None

        journal = faulty(w, die)
        with pytest.raises(DeathError):
            w.run(RUN)
        assert len(w.emu.truth.messages) == 1
        journal.spoil = lambda _: None
        w.clock.sleep(600)
        w.emu.clear_faults()
        assert w.run({"command": "sweep"})["counts"] == {"completed": 2}
        assert len(w.emu.truth.messages) == 2


@pytest.mark.parametrize("code", ["DCS.4026", "DCS.4064", "DCS.4100"])
@pytest.mark.parametrize("moment", ["death after sent", "append of watched fails"])
def test_a_verdict_on_a_flush_is_in_the_entry_that_tells_the_answer(code: str, moment: str) -> None:
    """A13: no refusal that a death or one failed append can take back."""
    with world(1, journal=True, faults=[Fault("put", "error", status=400, code=code)]) as w:
        journal = faulty(w, lambda _: None)
        event = approving(w, {"action": "flush", "instances": w.ids, "run_id": "f", "rollout": {"canary": 0}})
        event["run_id"] = "f"

        def spoil(entry: Mapping[str, object]) -> str | None:
            if moment == "append of watched fails":
                return "unwritten" if entry["kind"] == "watched" else None
            if w.puts and entry["kind"] not in ("sending", "sent"):
                raise DeathError
            return None

        journal.spoil = spoil
        with suppress(DeathError, UpkeepError):
            w.run(event)
        journal.spoil = lambda _: None
        w.emu.clear_faults()
        w.clock.sleep(600)
        with suppress(UpkeepError):
            w.run(event)
        assert len(w.puts) == 1
        assert w.executions() == {w.ids[0]: 0}


def test_a_refused_batch_is_read_before_it_is_dropped_whatever_stops_the_run() -> None:
    """A18: the 400 hides that one of them was acted on; the lever is pulled before anybody looked."""
    with world(2, journal=True, faults=[Fault("put", "error", status=400, code="DCS.4026")], partial_execution=True) as w:

        def pull(_: float) -> None:
            w.clock.on_sleep = None
            w.run({"command": "halt", "reason": "storm"})

        w.clock.on_sleep = pull
        report = w.run({**RUN, "rollout": ONE_WAVE})
        done = w.executions()
        for row in report["instances"]:
            if row["outcome"] in ("not_attempted", "refused"):
                assert done[row["instance_id"]] == 0, row


# --- the end state counts, whatever the hour ----------------------------------------------------------------------


def test_a_hop_after_the_watch_time_sees_the_end_state() -> None:
    """A19, with the lease and the grace in between."""
    with world(1, journal=True) as w:
        host = TimedHost(w.environ(), w.clock, 12.0)

        def calls_nobody(_: object) -> None:
            raise CloudError("call_self", "no", "none")

        host.call_self = calls_nobody  # type: ignore[method-assign]
        w.run({**RUN, "watch": {"timeout_s": 60}}, host=host)
        w.clock.sleep(4000)
        report = w.run({"command": "sweep"})
        assert report["counts"] == {"completed": 1}


# --- settings of the invocation that goes on ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "guard"),
    [
        ({"UPKEEP_ALLOWED_ACTIONS": "restart"}, "allowed_action"),
        ({"UPKEEP_MAX_INSTANCES": "1"}, "blast_radius_count"),
        ({"UPKEEP_PLANS_ONLY": "1"}, "plans_only"),
        ({"UPKEEP_APPROVAL_MAX_AGE_S": "7200"}, "approval"),
        ({"UPKEEP_BLACKOUT": "2020-01-01/2099-01-01"}, "blackout"),
        ({}, None),
    ],
    ids=["no longer allowed", "cap lowered", "plans only", "approval too old", "blackout", "nothing changed"],
)
def test_a_run_that_waited_goes_on_under_the_settings_of_the_hour(settings: dict[str, str], guard: str | None) -> None:
    """A6: an approved flush, deferred for hours, while the operator changed his mind."""
    with world(2, journal=True) as w:
        opens = w.clock.now().replace(minute=0, second=0, microsecond=0)
        start, end = f"{(opens.hour + 4) % 24:02d}:00", f"{(opens.hour + 6) % 24:02d}:00"
        window = {"start": start, "end": end, "timezone": "UTC", "on_miss": "defer"}
        event = {"action": "flush", "instances": w.ids, "window": window, "rollout": {"canary": 0}}
        assert w.run({**w.approving(event), "run_id": "waits"})["status"] == "deferred"
        w.clock.sleep(4 * 3600 + 60)
        report = refused(w, {"command": "sweep"}, **settings)
        if guard is None:
            assert report["counts"] == {"completed": 2}
        else:
            assert {row["guard"] for row in report["instances"]} == {guard}
            assert w.puts == []
            assert w.emu.truth.lost_data == set()
