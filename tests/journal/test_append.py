"""Adding to a stream that others write to as well."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.errors import JournalError, SeqTakenError
from dcs_upkeep.journal.append import TRIES, Entries, append_next
from tests.fakes import FakeClock

STREAM = "control/test"


class Raced(MemoryJournal):
    """Somebody else is first so many times, and writes what `theirs` says."""

    def __init__(self, times: int) -> None:
        super().__init__(FakeClock())
        self.times = times

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        if self.times > 0:
            self.times -= 1
            super().append(stream, seq, {"by": "them"})
        super().append(stream, seq, entry)


class Broken(MemoryJournal):
    """Takes nothing, and says so."""

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        raise JournalError("the table is gone. Look at it.")


def count(entries: Entries) -> Mapping[str, object]:
    """An entry that shows which entries it was decided on."""
    return {"by": "us", "after": len(entries)}


def entries_of(journal: MemoryJournal) -> list[dict[str, object]]:
    return [entry for _, entry in journal.read(STREAM)]


def test_the_first_entry_and_the_next_are_written_in_order() -> None:
    journal = MemoryJournal(FakeClock())
    assert append_next(journal, STREAM, count) == {"by": "us", "after": 0}
    assert append_next(journal, STREAM, count) == {"by": "us", "after": 1}
    assert entries_of(journal) == [{"by": "us", "after": 0}, {"by": "us", "after": 1}]


@pytest.mark.parametrize("times", [1, 2, TRIES - 1])
def test_who_finds_somebody_first_decides_anew_on_what_they_wrote(times: int) -> None:
    journal = Raced(times)
    assert append_next(journal, STREAM, count) == {"by": "us", "after": times}
    assert entries_of(journal) == [{"by": "them"}] * times + [{"by": "us", "after": times}]


def test_who_finds_that_another_did_it_writes_nothing() -> None:
    """The decision is made on the newer entries, not on those that were read at first."""
    journal = Raced(1)
    assert append_next(journal, STREAM, lambda entries: None if entries else {"by": "us"}) is None
    assert entries_of(journal) == [{"by": "them"}]


def test_nothing_to_write_writes_nothing() -> None:
    journal = MemoryJournal(FakeClock())
    assert append_next(journal, STREAM, lambda _: None) is None
    assert entries_of(journal) == []


def test_where_others_are_always_first_it_gives_up_and_names_the_stream() -> None:
    journal = Raced(10**6)
    with pytest.raises(JournalError, match=STREAM) as caught:
        append_next(journal, STREAM, count)
    assert not isinstance(caught.value, SeqTakenError)
    assert entries_of(journal) == [{"by": "them"}] * TRIES


def test_a_store_that_fails_is_not_asked_again() -> None:
    """Whether the entry was written is then unknown, so the same must not be decided once more here."""
    asked: list[int] = []

    def decide(entries: Entries) -> Mapping[str, object]:
        asked.append(len(entries))
        return {"by": "us"}

    with pytest.raises(JournalError, match="the table is gone"):
        append_next(Broken(FakeClock()), STREAM, decide)
    assert asked == [0]
