"""What the circuit breaker counts: each failure once, for an hour, whichever clock or hour it was noted by."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.journal.failures import PIECE, note_failures, puller, read_failures
from dcs_upkeep.journal.halt import pull_once, release
from tests.fakes import FakeClock

SCOPE = "functiongraph/dcs-upkeep/cn-north-4/p"
TEN = datetime(2026, 11, 25, 10, tzinfo=UTC)


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal(FakeClock(TEN))


@pytest.mark.parametrize(
    ("noted_s", "asked_s", "counts"),
    [
        pytest.param(0, 0, True, id="now"),
        pytest.param(-1, 1, True, id="in the hour before"),
        pytest.param(0, 3_599, True, id="just within the hour"),
        pytest.param(-1, 3_598, True, id="just within the hour, in another one"),
        pytest.param(0, 3_600, False, id="an hour ago"),
        pytest.param(0, 7_200, False, id="long ago"),
        pytest.param(5, -5, True, id="by a clock that is ahead, in the hour after"),
    ],
)
def test_a_failure_counts_for_an_hour(noted_s: float, asked_s: float, counts: bool, journal: MemoryJournal) -> None:
    ten = TEN.timestamp()
    note_failures(journal, SCOPE, "night", {"a": ten + noted_s})
    assert read_failures(journal, SCOPE, ten + asked_s).counted == ({"night": 1} if counts else {})


def test_a_failure_that_is_noted_twice_counts_once(journal: MemoryJournal) -> None:
    """Also where the second note falls into another hour."""
    ten = TEN.timestamp()
    for at in (-1, -1, 1):
        note_failures(journal, SCOPE, "night", {"a": ten + at, "b": ten + at})
    assert read_failures(journal, SCOPE, ten + 2).counted == {"night": 2}
    assert len(journal.read(f"failures/{SCOPE}/2026-11-25T09")) == 1
    note_failures(journal, SCOPE, "day", {"a": ten + 1})
    assert read_failures(journal, SCOPE, ten + 2).counted == {"night": 2, "day": 1}


def test_a_plan_of_thousands_is_noted_in_pieces(journal: MemoryJournal) -> None:
    ten = TEN.timestamp()
    note_failures(journal, SCOPE, "night", {f"{number:036}": ten for number in range(2 * PIECE + 1)})
    assert read_failures(journal, SCOPE, ten).counted == {"night": 2 * PIECE + 1}


def test_another_scope_s_failures_are_not_ours(journal: MemoryJournal) -> None:
    ten = TEN.timestamp()
    note_failures(journal, SCOPE, "night", {"a": ten})
    assert read_failures(journal, "lambda/dcs-upkeep/cn-north-4/p", ten).counted == {}


@pytest.mark.parametrize(
    ("by", "counts"),
    [(puller(SCOPE), False), (puller("another"), True), ("direct:request-1", True)],
    ids=["ours", "another's", "a person's"],
)
def test_counting_begins_anew_with_the_release_of_what_this_breaker_pulled(by: str, counts: bool, journal: MemoryJournal) -> None:
    clock = FakeClock(TEN)
    note_failures(journal, SCOPE, "night", {"a": TEN.timestamp()})
    record, _ = pull_once(journal, clock, "why", by)
    assert read_failures(journal, SCOPE, TEN.timestamp()).halt == record
    release(journal, clock, record["id"], "direct:request-2")
    found = read_failures(journal, SCOPE, TEN.timestamp())
    assert (bool(found.counted), found.halt) == (counts, None)
    assert found.noted == {("night", "a")}
    clock.sleep(1)
    note_failures(journal, SCOPE, "night", {"b": clock.now().timestamp()})
    assert read_failures(journal, SCOPE, clock.now().timestamp()).counted == {"night": 1 + counts}
