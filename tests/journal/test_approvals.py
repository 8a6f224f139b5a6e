"""What dry runs have shown: in pieces, by several at once, and with the date of the last."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.model import ShownPlan
from dcs_upkeep.journal import approvals
from dcs_upkeep.journal.approvals import load_shown_plan, save_shown_plan
from tests.fakes import FakeClock

LOSES = {"a": True, "b": False, "c": True, "d": False, "e": True}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two instances in one entry."""
    monkeypatch.setattr(approvals, "PIECE", 2)


def pieces(journal: MemoryJournal) -> list[object]:
    return [entry["instances"] for _, entry in journal.read("plan/x")]


WHOLE = [[["a", True], ["b", False]], [["c", True], ["d", False]], [["e", True]]]


def test_a_plan_is_shown_in_pieces_and_read_back_whole() -> None:
    clock = FakeClock()
    journal = MemoryJournal(clock)
    save_shown_plan(journal, "x", LOSES, clock.now())
    assert pieces(journal) == WHOLE
    assert load_shown_plan(journal, "x") == ShownPlan(LOSES, clock.now())
    assert load_shown_plan(journal, "y") is None


def test_shown_again_adds_a_date_and_no_second_copy() -> None:
    clock = FakeClock()
    journal = MemoryJournal(clock)
    save_shown_plan(journal, "x", LOSES, clock.now())
    clock.sleep(3600)
    save_shown_plan(journal, "x", LOSES, clock.now())
    assert pieces(journal) == [*WHOLE, []]
    assert load_shown_plan(journal, "x") == ShownPlan(LOSES, clock.now())


def test_a_plan_that_holds_nothing_is_shown_too() -> None:
    clock = FakeClock()
    journal = MemoryJournal(clock)
    save_shown_plan(journal, "x", {}, clock.now())
    assert pieces(journal) == [[]]
    assert load_shown_plan(journal, "x") == ShownPlan({}, clock.now())


def test_half_of_it_is_not_on_record_and_the_next_dry_run_goes_on_there() -> None:
    clock = FakeClock()
    journal = MemoryJournal(clock)
    at = clock.now()
    journal.append("plan/x", 0, {"kind": "shown", "at": at.timestamp(), "parts": 3, "instances": WHOLE[0]})
    assert load_shown_plan(journal, "x") is None
    save_shown_plan(journal, "x", LOSES, at + timedelta(seconds=5))
    assert pieces(journal) == WHOLE
    assert load_shown_plan(journal, "x") == ShownPlan(LOSES, at + timedelta(seconds=5))


def test_two_dry_runs_at_once_write_it_together() -> None:
    """The digest stands for the set, so both write the same pieces."""
    clock = FakeClock()

    class Raced(MemoryJournal):
        racing = True

        def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
            if self.racing:
                self.racing = False
                save_shown_plan(self, "x", LOSES, clock.now())
            super().append(stream, seq, entry)

    journal = Raced(clock)
    save_shown_plan(journal, "x", LOSES, clock.now())
    assert pieces(journal) == [*WHOLE, []]
    assert load_shown_plan(journal, "x") == ShownPlan(LOSES, clock.now())
