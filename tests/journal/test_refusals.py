"""Of the events that are no valid request, the topics hear once per kind and hour."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.errors import JournalError, SeqTakenError
from dcs_upkeep.journal.refusals import MOST_ENTRIES, MOST_KINDS, Counted, count_refusal
from tests.fakes import FakeClock

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC).timestamp()
HOUR = 3600.0


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal(FakeClock(datetime.fromtimestamp(NOON, UTC)))


def test_the_first_is_told_and_the_next_hour_says_how_many_were_not(journal: MemoryJournal) -> None:
    assert [count_refusal(journal, "s", "foreign", NOON + n) for n in range(3)] == [
        Counted(True, 1),
        Counted(False, 2),
        Counted(False, 3),
    ]
    assert count_refusal(journal, "s", "foreign", NOON + HOUR) == Counted(True, 1, untold=2)
    assert count_refusal(journal, "s", "foreign", NOON + 9 * HOUR) == Counted(True, 1, untold=0)


def test_kinds_and_scopes_are_counted_apart(journal: MemoryJournal) -> None:
    assert count_refusal(journal, "s", "one", NOON).tell
    assert count_refusal(journal, "s", "two", NOON).tell
    assert count_refusal(journal, "other", "one", NOON).tell


def test_whoever_makes_up_kinds_gets_no_more_messages(journal: MemoryJournal) -> None:
    told = [count_refusal(journal, "s", f"kind {n}", NOON).tell for n in range(100)]
    assert sum(told) == MOST_KINDS


def test_a_storm_is_counted_only_so_far(journal: MemoryJournal) -> None:
    """Each refusal reads what was counted: a thousand must not cost a million."""
    for n in range(MOST_ENTRIES + 50):
        last = count_refusal(journal, "s", "foreign", NOON + n)
    assert last == Counted(False, MOST_ENTRIES + 1, at_least=True)
    assert len(journal.read("refusals/s/2026-11-24T12")) == MOST_ENTRIES
    assert count_refusal(journal, "s", "another", NOON).tell, "a new kind is still told"
    assert count_refusal(journal, "s", "foreign", NOON + HOUR) == Counted(True, 1, untold=MOST_ENTRIES - 1, at_least=True)


class Raced(MemoryJournal):
    """Somebody else is first, so many times."""

    def __init__(self, clock: FakeClock, times: int, what: str) -> None:
        super().__init__(clock)
        self._times, self._what = times, what

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        if self._times:
            self._times -= 1
            super().append(stream, seq, {"kind": "refused", "what": self._what, "told": True, "at": NOON})
            raise SeqTakenError("taken")
        super().append(stream, seq, entry)


def test_of_two_at_one_moment_one_is_told() -> None:
    assert not count_refusal(Raced(FakeClock(), 1, "foreign"), "s", "foreign", NOON).tell
    assert count_refusal(Raced(FakeClock(), 3, "another"), "s", "foreign", NOON).tell


def test_nobody_knows_if_others_are_always_first() -> None:
    with pytest.raises(JournalError):
        count_refusal(Raced(FakeClock(), 99, "another"), "s", "foreign", NOON)
