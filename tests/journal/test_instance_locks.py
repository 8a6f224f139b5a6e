"""Who may act on an instance: what the record says, and that the lock does what the rule says, whatever that is."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.errors import JournalError
from dcs_upkeep.domain.model import Verdict
from dcs_upkeep.execution.lock_rules import may_acquire, still_ours
from dcs_upkeep.journal.instance_locks import HANDED_OVER_S, OVERLAP_S, PERIOD_S, InstanceLocks, LockRecord
from dcs_upkeep.journal.run_lease import LeaseTerms
from tests.fakes import FakeClock

GRACE_S = 45.0
TERMS = LeaseTerms(lambda: 120.0, GRACE_S)
START = datetime(2026, 11, 2, 2, 30, tzinfo=UTC)
AT = START.timestamp()
YES, NO = Verdict(True, "rule"), Verdict(False, "rule", "not now")
PERIOD_AT_START = int(AT // PERIOD_S)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture
def journal(clock: FakeClock) -> MemoryJournal:
    return MemoryJournal(clock)


def locks(journal: MemoryJournal, clock: FakeClock, run_id: str) -> InstanceLocks:
    return InstanceLocks(journal, "project", run_id, clock, TERMS)


def write_run(journal: MemoryJournal, run_id: str, *kinds: str, lease_until: float = AT + 120) -> None:
    """The stream of a run, as far as a lock looks at it."""
    for kind in kinds:
        entry = {"kind": kind, "at": AT, "owner": "o", "lease_until": lease_until, "format": 1, "calls": {}}
        journal.append(f"run/{run_id}", len(journal.read(f"run/{run_id}")), entry)


def record_of(journal: MemoryJournal, clock: FakeClock, run_id: str) -> LockRecord:
    """What a rule is shown."""
    seen: list[LockRecord] = []

    def look(record: LockRecord) -> Verdict:
        seen.append(record)
        return YES

    assert locks(journal, clock, run_id).peek(["i"], look) == {}
    return seen[0]


def kinds(journal: MemoryJournal, instance_id: str = "i") -> list[list[object]]:
    """The kinds of the entries of each of its streams, by stream."""
    return [
        [entry["kind"] for _, entry in journal.read(stream)] for stream in sorted(journal._streams) if stream.endswith(f"/{instance_id}")
    ]


def test_nothing_is_on_record_at_first(journal: MemoryJournal, clock: FakeClock) -> None:
    assert record_of(journal, clock, "a") == LockRecord()


def test_a_claim_is_ours_to_its_run_and_held_to_others(journal: MemoryJournal, clock: FakeClock) -> None:
    write_run(journal, "a", "claimed")
    locks(journal, clock, "a").acquire(["i"], lambda _: YES)
    assert record_of(journal, clock, "a") == LockRecord(ours=True)
    assert record_of(journal, clock, "b") == LockRecord("a", AT + 120 + GRACE_S)


@pytest.mark.parametrize(
    ("entries", "until"),
    [
        (("claimed",), AT + 120 + GRACE_S),
        (("claimed", "yielded"), AT + 120 + HANDED_OVER_S),
        (("claimed", "released"), None),
        (("claimed", "reported"), None),
        ((), None),
    ],
    ids=["at work", "handed over", "released", "reported", "no such run any more"],
)
def test_a_holder_is_one_whose_run_is_not_over(
    journal: MemoryJournal, clock: FakeClock, entries: tuple[str, ...], until: float | None
) -> None:
    locks(journal, clock, "a").acquire(["i"], lambda _: YES)
    write_run(journal, "a", *entries)
    assert record_of(journal, clock, "b") == LockRecord("a" if until else None, until)


def test_what_the_rule_refuses_is_not_claimed_and_its_verdict_is_handed_back(journal: MemoryJournal, clock: FakeClock) -> None:
    ours = locks(journal, clock, "a")
    verdicts = ours.acquire(["i", "j"], lambda record: NO if record == LockRecord() else YES)
    assert verdicts == {"i": NO, "j": NO}
    assert kinds(journal) == []


def test_claiming_twice_writes_once(journal: MemoryJournal, clock: FakeClock) -> None:
    """A resumed run claims what is left of its instances again."""
    locks(journal, clock, "a").acquire(["i"], lambda _: YES)
    locks(journal, clock, "a").acquire(["i"], lambda _: YES)
    assert kinds(journal) == [["held"]]


def test_looking_writes_nothing(journal: MemoryJournal, clock: FakeClock) -> None:
    ours = locks(journal, clock, "a")
    assert ours.peek(["i"], lambda _: NO) == ours.verify(["i"], lambda _: NO) == {"i": NO}
    assert kinds(journal) == []


def test_letting_go_notes_when_the_action_reached_it(journal: MemoryJournal, clock: FakeClock) -> None:
    ours = locks(journal, clock, "a")
    ours.acquire(["i", "j"], lambda _: YES)
    ours.release({"i": AT + 5, "j": None}, Action.RESTART)
    assert record_of(journal, clock, "b") == LockRecord(reached_at={"restart": AT + 5})
    assert kinds(journal) == [["held", "left"]]
    assert kinds(journal, "j") == [["held", "left"]]


def test_the_latest_time_counts_for_each_action(journal: MemoryJournal, clock: FakeClock) -> None:
    for run_id, action, reached_at in [("a", Action.RESTART, AT + 9), ("b", Action.RESTART, AT + 5), ("c", Action.STOP, AT + 1)]:
        locks(journal, clock, run_id).acquire(["i"], lambda _: YES)
        locks(journal, clock, run_id).release({"i": reached_at}, action)
    assert record_of(journal, clock, "d").reached_at == {"restart": AT + 9, "stop": AT + 1}


def test_who_no_longer_holds_it_lets_go_only_of_what_it_reached(journal: MemoryJournal, clock: FakeClock) -> None:
    """After a stall, another run took it: its claim must stand, and that the action reached the instance must be known."""
    first, second = locks(journal, clock, "a"), locks(journal, clock, "b")
    write_run(journal, "b", "claimed")
    first.acquire(["i", "j"], lambda _: YES)
    second.acquire(["i", "j"], lambda _: YES)
    assert record_of(journal, clock, "a") == LockRecord("b", AT + 120 + GRACE_S, ours=True)
    first.release({"i": None, "j": AT + 5}, Action.RESTART)
    assert kinds(journal) == [["held", "held"]]
    assert kinds(journal, "j") == [["held", "held", "left"]]
    assert record_of(journal, clock, "c").holder == "b"


def test_what_another_run_took_and_let_go_of_is_no_longer_ours(journal: MemoryJournal, clock: FakeClock) -> None:
    first, second = locks(journal, clock, "a"), locks(journal, clock, "b")
    first.acquire(["i"], lambda _: YES)
    second.acquire(["i"], lambda _: YES)
    second.release({"i": AT}, Action.RESTART)
    assert record_of(journal, clock, "a") == LockRecord(reached_at={"restart": AT})


def test_around_the_change_of_streams_both_are_written_and_after_it_the_older_is_still_read(
    journal: MemoryJournal, clock: FakeClock
) -> None:
    write_run(journal, "a", "claimed", "yielded", lease_until=AT + 99 * 86_400)
    clock.sleep((PERIOD_AT_START + 1) * PERIOD_S - AT - OVERLAP_S / 2)
    locks(journal, clock, "a").acquire(["i"], lambda _: YES)
    assert kinds(journal) == [["held"], ["held"]]
    clock.sleep(PERIOD_S - OVERLAP_S)
    assert record_of(journal, clock, "b").holder == "a"


def test_two_that_look_at_once_do_not_both_get_it(clock: FakeClock) -> None:
    """The rule is asked again on what the other has written meanwhile."""

    class Raced(MemoryJournal):
        racing = True

        def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
            if stream.startswith("instance/") and self.racing:
                self.racing = False
                super().append(stream, seq, {**entry, "run_id": "b"})
            super().append(stream, seq, entry)

    journal = Raced(clock)
    write_run(journal, "b", "claimed")
    verdicts = locks(journal, clock, "a").acquire(["i"], lambda record: NO if record.holder else YES)
    assert verdicts == {"i": NO}
    assert record_of(journal, clock, "a").holder == "b"


def test_a_store_that_cannot_tell_raises(clock: FakeClock) -> None:
    class Unreadable(MemoryJournal):
        def read(self, stream: str, after: int = -1) -> list[tuple[int, dict[str, object]]]:
            raise JournalError("it cannot be read. Look at it.")

    ours = locks(Unreadable(clock), clock, "a")
    for ask in (ours.acquire, ours.peek, ours.verify):
        with pytest.raises(JournalError):
            ask(["i", "j"], lambda _: YES)


REACHED = {"restart": AT - 60}
TAKEN = "it is claimed by the run 'b' until 2026-11-02T02:30:01Z"


@pytest.mark.parametrize(
    ("record", "guard", "reason"),
    [
        (LockRecord(), None, ""),
        (LockRecord(ours=True), None, ""),
        (LockRecord("b", AT + 1.9), "claims", TAKEN),
        (LockRecord("b", AT + 1.9, reached_at=REACHED), "claims", TAKEN),
        (LockRecord("b", AT), None, ""),
        (LockRecord(reached_at=REACHED), "cooldown", "this action last reached it at 2026-11-02T02:29Z, less than 100 s ago"),
        (LockRecord(ours=True, reached_at=REACHED), "cooldown", "this action last reached it at 2026-11-02T02:29Z, less than 100 s ago"),
        (LockRecord(reached_at={"restart": AT - 100}), None, ""),
        (LockRecord(reached_at={"stop": AT - 1}), None, ""),
    ],
    ids=["free", "ours", "held", "held and cooling", "lapsed", "cooling", "ours and cooling", "cooled", "another action"],
)
def test_may_acquire(record: LockRecord, guard: str | None, reason: str) -> None:
    verdict = may_acquire("a", Action.RESTART, 100.0, START)(record)
    assert (None if verdict.allowed else verdict.guard, verdict.reason) == (guard, reason)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (LockRecord(ours=True), ""),
        (LockRecord(ours=True, reached_at={"restart": AT}), ""),
        (LockRecord(), "this run's claim on it is not on record"),
        (LockRecord("b", AT + 1.9, ours=True), TAKEN),
        (LockRecord("b", AT, ours=True), ""),
    ],
    ids=["ours", "ours and cooling", "not on record", "taken", "taken and lapsed"],
)
def test_still_ours(record: LockRecord, reason: str) -> None:
    verdict = still_ours("a", START)(record)
    assert (verdict.allowed, verdict.reason) == (not reason, reason)
    assert verdict.guard == "claims"


def test_whoever_asks_for_many_is_called_back_after_each(journal: MemoryJournal, clock: FakeClock) -> None:
    """Thousands of claims take longer than a lease."""
    ticks: list[threading.Thread] = []
    asking = InstanceLocks(journal, "project", "run-1", clock, TERMS, lambda: ticks.append(threading.current_thread()))
    ids = ["a", "b", "c"]
    asking.acquire(ids, lambda _: YES)
    asking.verify(ids, lambda _: YES)
    asking.release(dict.fromkeys(ids), Action.RESTART)
    assert ticks == [threading.current_thread()] * 9
