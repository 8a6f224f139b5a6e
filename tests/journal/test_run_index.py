"""The index: by scope, day and shard, with room for a burst of events, and every run that is not over on it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dcs_upkeep.adapters.journals import open_journal
from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.lifetimes import CLAIM_S, DAY_S, GO_ON_S
from dcs_upkeep.domain.model import Trigger, TriggerKind
from dcs_upkeep.domain.request import parse_request
from dcs_upkeep.domain.run import RunScope, RunSpec
from dcs_upkeep.journal.run_index import (
    AHEAD_DAYS,
    SHARDS,
    index_stream,
    last_days,
    list_run_ids,
    other_scopes,
    register_run,
    scopes_stream,
    shard_of,
    utc_day,
)
from dcs_upkeep.journal.run_lease import Acquisition, AcquisitionStatus, LeaseTerms, acquire_run, make_claim, resume_run
from dcs_upkeep.journal.run_overview import lapsed_runs, summarize_others, summarize_runs
from tests.fakes import FakeClock, FakeLog

OURS = RunScope("functiongraph", "upkeep", "cn-north-4", "p1")
THEIRS = RunScope("functiongraph", "upkeep", "cn-north-4", "p2")
TERMS = LeaseTerms(lambda: 120.0, 45.0)
START = datetime(2026, 3, 30, 23, 50, tzinfo=UTC)
REQUEST = parse_request({"action": "restart", "select": {"name": "cache-*"}})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture
def journal(clock: FakeClock) -> MemoryJournal:
    return MemoryJournal(clock)


def acquire(journal: Any, clock: FakeClock, run_id: str, scope: RunScope = OURS) -> Acquisition:
    spec = RunSpec(REQUEST, Trigger(TriggerKind.DIRECT, run_id), run_id)
    return acquire_run(journal, make_claim(spec, scope, clock.now().timestamp()), scope, clock, FakeLog(), TERMS)


def resume(journal: Any, clock: FakeClock, run_id: str, scope: RunScope = OURS) -> Acquisition:
    return resume_run(journal, run_id, scope, clock, FakeLog(), TERMS)


def lapsed(journal: Any, clock: FakeClock, scope: RunScope = OURS) -> list[str]:
    return lapsed_runs(journal, scope, clock.now(), TERMS.grace_s).run_ids


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_fifty_runs_that_begin_at_one_moment_are_all_claimed_and_found(store: str, clock: FakeClock, tmp_path: Path) -> None:
    url = "memory:" if store == "memory" else f"sqlite:///{tmp_path}/journal.db"
    journal = open_journal(url, clock=clock)
    gate = threading.Barrier(50)

    def begin(run_id: str) -> AcquisitionStatus:
        gate.wait()
        return acquire(journal, clock, run_id).status

    names = [f"smn:{number}" for number in range(50)]
    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(begin, names)) == {AcquisitionStatus.OURS}
    assert sorted(list_run_ids(journal, OURS, last_days(clock.now()))) == sorted(names)
    assert {shard_of(name) for name in names} == set(range(SHARDS))
    clock.sleep(500)
    assert sorted(lapsed(journal, clock)) == sorted(names)


class Raced(MemoryJournal):
    """Somebody else is first on the index, so many times."""

    times = 0

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        if stream.startswith("runs/") and self.times > 0:
            self.times -= 1
            super().append(stream, seq, {"run_id": f"other-{self.times}", "at": 0.0})
        super().append(stream, seq, entry)


def test_a_run_is_listed_though_ninety_nine_others_are_first(clock: FakeClock) -> None:
    journal = Raced(clock)
    journal.times = 99
    assert acquire(journal, clock, "night").status is AcquisitionStatus.OURS
    assert len(list_run_ids(journal, OURS, [utc_day(clock.now())])) == 100


def test_a_run_is_listed_once_a_day(journal: MemoryJournal, clock: FakeClock) -> None:
    for _ in range(3):
        register_run(journal, OURS, "night", clock.now())
    assert len(journal.read(index_stream(OURS, utc_day(clock.now()), shard_of("night")))) == 1
    assert [entry["scope"] for _, entry in journal.read(scopes_stream(utc_day(clock.now())))] == [OURS.as_json()]


def test_each_scope_sees_its_own_runs_and_who_else_is_there(journal: MemoryJournal, clock: FakeClock) -> None:
    acquire(journal, clock, "mine")
    acquire(journal, clock, "yours", THEIRS)
    clock.sleep(500)
    assert list_run_ids(journal, OURS, last_days(clock.now())) == ["mine"]
    assert (lapsed(journal, clock), lapsed(journal, clock, THEIRS)) == (["mine"], ["yours"])
    assert [run["run_id"] for run in summarize_runs(journal, OURS, clock.now())] == ["mine"]
    assert summarize_others(journal, OURS, clock.now()) == [{**THEIRS.as_json(), "live": ["yours"]}]
    refused = resume(journal, clock, "yours")
    assert refused.status is AcquisitionStatus.FOREIGN
    assert "project p2" in refused.reason
    assert resume(journal, clock, "yours", THEIRS).status is AcquisitionStatus.OURS


def test_a_scope_is_named_in_the_month_in_which_its_run_goes_on(journal: MemoryJournal, clock: FakeClock) -> None:
    opens = START + timedelta(days=22)
    register_run(journal, THEIRS, "waits", START, on=opens)
    assert other_scopes(journal, OURS, START) == [THEIRS]
    assert other_scopes(journal, OURS, opens) == [THEIRS]


def test_each_part_of_a_scope_makes_another_key() -> None:
    scopes = [
        RunScope("lambda", "upkeep", "cn-north-4", "p1"),
        RunScope("functiongraph", "other", "cn-north-4", "p1"),
        RunScope("functiongraph", "upkeep", "cn-east-3", "p1"),
        THEIRS,
        RunScope("functiongraph", "upkeepcn", "-north-4", "p1"),
        OURS,
    ]
    assert len({scope.key for scope in scopes}) == len(scopes)
    assert {len(scope.key) for scope in scopes} == {12}


def test_a_run_that_goes_on_day_after_day_is_always_found(journal: MemoryJournal, clock: FakeClock) -> None:
    """Handed over and over again: each take-over lists it, and so its last owner's death is seen whenever it comes."""
    taken = acquire(journal, clock, "long")
    for _ in range(20):
        assert taken.writer is not None
        taken.writer.yielded({})
        assert lapsed(journal, clock) == ["long"]
        taken = resume(journal, clock, "long")
        clock.sleep(DAY_S)
    for _ in range(3):  # as long as an invocation may take, and nobody has come by since
        assert lapsed(journal, clock) == ["long"]
        clock.sleep(DAY_S)
    assert len(lapsed_runs(journal, OURS, clock.now(), TERMS.grace_s).unusable) == 0


def test_a_waiting_run_is_shown_until_the_last_day_ahead(journal: MemoryJournal, clock: FakeClock) -> None:
    taken = acquire(journal, clock, "waits")
    assert taken.writer is not None
    opens = START + timedelta(days=AHEAD_DAYS - 1)
    register_run(journal, OURS, "waits", START, on=opens)
    taken.writer.yielded({}, opens.timestamp())
    for _ in range(AHEAD_DAYS - 1):
        assert lapsed(journal, clock) == []
        (row,) = summarize_runs(journal, OURS, clock.now(), live_only=True)
        assert row["goes_on_at"].startswith(opens.date().isoformat())
        clock.sleep(DAY_S)
    assert lapsed(journal, clock) == ["waits"]


def old_run(journal: MemoryJournal, clock: FakeClock, run_id: str, day: datetime) -> Any:
    """A run as version 0.1.0 began it: without a scope, on the one index of its day."""
    spec = RunSpec(REQUEST, Trigger(TriggerKind.DIRECT, run_id), run_id)
    claimed: dict[str, Any] = {**make_claim(spec, OURS, day.timestamp()), "owner": "o", "lease_until": day.timestamp() + 120}
    del claimed["scope"]
    stream = f"runs/{day.date().isoformat()}"
    journal.append(stream, len(journal.read(stream)), {"run_id": run_id, "at": day.timestamp()})
    journal.append(f"run/{run_id}", 0, claimed)
    return claimed


def test_a_run_of_an_older_version_is_taken_as_ones_own(journal: MemoryJournal, clock: FakeClock) -> None:
    old_run(journal, clock, "old", START)
    clock.sleep(500)
    assert lapsed(journal, clock) == ["old"]
    assert [run["run_id"] for run in summarize_runs(journal, OURS, clock.now())] == ["old"]
    assert resume(journal, clock, "old").status is AcquisitionStatus.OURS
    assert list_run_ids(journal, OURS, last_days(clock.now())) == ["old"]


def test_of_an_older_versions_runs_beyond_the_last_days_those_that_waited_go_on(journal: MemoryJournal, clock: FakeClock) -> None:
    for name in ("waited", "given-up", "forgotten"):
        old_run(journal, clock, name, START)
    opens = START + timedelta(days=9)
    for name, not_before in (("waited", opens), ("given-up", START + timedelta(days=2))):
        entry = {"kind": "yielded", "at": START.timestamp(), "token": "t", "calls": {}, "not_before": not_before.timestamp()}
        journal.append(f"run/{name}", 1, entry)
    clock.sleep(8 * DAY_S)
    assert [run["run_id"] for run in summarize_runs(journal, OURS, clock.now())] == ["waited"]
    clock.sleep(DAY_S)
    assert lapsed(journal, clock) == ["waited"]


def test_a_key_is_not_claimed_again_on_a_record_that_would_lapse(journal: MemoryJournal, clock: FakeClock) -> None:
    first = acquire(journal, clock, "monthly")
    assert first.writer is not None
    first.writer.released("nothing was sent")
    clock.sleep(CLAIM_S)
    second = acquire(journal, clock, "monthly")
    assert second.status is AcquisitionStatus.OURS
    assert second.writer is not None
    second.writer.released("nothing was sent")
    clock.sleep(1)
    third = acquire(journal, clock, "monthly")
    assert third.status is AcquisitionStatus.TOO_OLD
    assert "more than 31 days ago" in third.reason


def test_a_run_does_not_go_on_when_its_record_would_lapse_before_its_end(journal: MemoryJournal, clock: FakeClock) -> None:
    taken = acquire(journal, clock, "long")
    assert taken.writer is not None
    clock.sleep(GO_ON_S)
    register_run(journal, OURS, "long", clock.now())
    assert lapsed(journal, clock) == ["long"]
    clock.sleep(1)
    assert resume(journal, clock, "long").status is AcquisitionStatus.TOO_OLD
    found = lapsed_runs(journal, OURS, clock.now(), TERMS.grace_s)
    assert (found.run_ids, list(found.unusable)) == ([], ["long"])
    acquire_again = acquire(journal, clock, "long")
    assert acquire_again.status is AcquisitionStatus.TOO_OLD


def test_a_report_is_replayed_however_old_its_record_is(journal: MemoryJournal, clock: FakeClock) -> None:
    taken = acquire(journal, clock, "done")
    assert taken.writer is not None
    taken.writer.reported("succeeded", "Nothing to do.", {}, [], "2026-03-30T23:55:00Z", 300.0)
    clock.sleep(GO_ON_S + DAY_S)
    assert acquire(journal, clock, "done").status is AcquisitionStatus.OVER
