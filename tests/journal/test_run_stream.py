"""One owner's place in the stream of its run: what a write renews, whose an entry is, and when the owner is none any more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.errors import FencedError, JournalError
from dcs_upkeep.journal.entries import Entry
from dcs_upkeep.journal.run_stream import LeasedStream, run_stream
from tests.fakes import FakeClock

LEASE_S = 120.0


class Store(MemoryJournal):
    """`before` and `after` an append: time passes, or the answer is lost."""

    before: Callable[[], None] = staticmethod(lambda: None)
    after: Callable[[], None] = staticmethod(lambda: None)

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        self.before()
        super().append(stream, seq, entry)
        self.after()


def entry(kind: str, clock: FakeClock, **more: Any) -> Entry:
    return cast("Entry", {"kind": kind, "at": clock.now().timestamp(), **more})


def opened(clock: FakeClock, store: Store, next_seq: int = 0) -> LeasedStream:
    return LeasedStream(store, "night", clock, lease_s=lambda: LEASE_S, next_seq=next_seq)


def failing() -> None:
    raise JournalError("no answer came. Look at the network.")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> Store:
    return Store(clock)


def test_a_write_renews_the_lease_from_before_it_began(clock: FakeClock, store: Store) -> None:
    mine = opened(clock, store)
    store.after = lambda: clock.sleep(30)
    mine.write(entry("claimed", clock))
    assert mine.covers(LEASE_S - 30)
    assert not mine.covers(LEASE_S - 29)


def test_an_append_that_took_so_long_that_the_lease_before_it_had_ended_renews_nothing(clock: FakeClock, store: Store) -> None:
    """Somebody may have seen it lapsed meanwhile, and claimed an instance."""
    mine = opened(clock, store)
    mine.write(entry("claimed", clock))
    clock.sleep(70)
    store.after = lambda: clock.sleep(60)
    mine.write(entry("sending", clock))
    assert mine.lapsed()
    assert not mine.covers(1)
    store.after = lambda: None
    mine.write(entry("taken_over", clock))
    assert mine.covers(LEASE_S)


@pytest.mark.parametrize("which", ["monotonic", "time of day"])
def test_either_clock_ends_a_lease(which: str, clock: FakeClock, store: Store) -> None:
    mine = opened(clock, store)
    mine.write(entry("claimed", clock))
    if which == "monotonic":
        clock.sleep(LEASE_S)
        clock.set_ahead(-LEASE_S)
    else:
        clock.set_ahead(LEASE_S)
    assert mine.lapsed()


def test_a_write_whose_answer_was_lost_is_known_again(clock: FakeClock, store: Store) -> None:
    mine = opened(clock, store)
    store.after = failing
    mine.write(entry("claimed", clock))
    store.after = lambda: None
    mine.write(entry("renewed", clock))
    assert [row["kind"] for _, row in store.read(run_stream("night"))] == ["claimed", "renewed"]


def test_what_was_given_up_and_is_durable_all_the_same_does_not_fence_its_own_writer(clock: FakeClock, store: Store) -> None:
    """The store said no, the reading failed as well, and the entry landed later."""
    mine = opened(clock, store)
    mine.write(entry("claimed", clock))
    store.before = failing
    with pytest.raises(JournalError):
        mine.write(first := cast("Entry", {**entry("sending", clock), "nonce": "n1"}))
    store.before = lambda: None
    MemoryJournal.append(store, run_stream("night"), 1, first)
    mine.write(entry("renewed", clock))
    assert [row["kind"] for _, row in store.read(run_stream("night"))] == ["claimed", "sending", "renewed"]


def test_an_entry_of_somebody_else_ends_the_owner(clock: FakeClock, store: Store) -> None:
    mine = opened(clock, store)
    mine.write(entry("claimed", clock))
    opened(clock, store, next_seq=1).write(entry("taken_over", clock))
    with pytest.raises(FencedError):
        mine.write(entry("renewed", clock))
