"""Showings on record: in pieces, each with its own age, and each good for one run."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dcs_upkeep.adapters.journals import open_journal
from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.adapters.journals.rows import MAX_BYTES
from dcs_upkeep.domain.actions import LossClass
from dcs_upkeep.domain.approval import SHOWING_CHARS, ShownPlan, new_showing
from dcs_upkeep.domain.errors import JournalError, RecordError, SeqTakenError
from dcs_upkeep.domain.ports import Journal
from dcs_upkeep.journal import approvals
from dcs_upkeep.journal.approvals import load_showing, save_showing, use_showing
from tests.adapters.test_journals import STORES, make_url
from tests.fakes import FakeClock

KEEPS, LOSES, DISPOSABLE = LossClass
CLASSES = {"a": LOSES, "b": KEEPS, "c": LOSES, "d": DISPOSABLE, "e": LOSES}
ABOUT = {"action": "flush", "region": "r", "project_id": "p", "backup": "none"}
SHOWN = ShownPlan(ABOUT, CLASSES, at=1_800_000_000.0, by="ops")


def journal() -> MemoryJournal:
    return MemoryJournal(FakeClock())


def entries(journal: Journal) -> list[dict[str, object]]:
    return [entry for _, entry in journal.read("plan/x.s")]


def test_a_showing_says_what_was_shown_to_whom_and_when() -> None:
    where = journal()
    save_showing(where, "x", "s", SHOWN)
    assert entries(where) == [
        {
            "kind": "shown",
            "at": 1_800_000_000.0,
            "by": "ops",
            "parts": 1,
            "about": ABOUT,
            "instances": [["a", "loses"], ["b", "keeps"], ["c", "loses"], ["d", "disposable"], ["e", "loses"]],
        }
    ]
    assert load_showing(where, "x", "s") == SHOWN
    assert load_showing(where, "x", "t") is None
    assert load_showing(where, "y", "s") is None


def test_a_large_plan_is_shown_in_pieces_that_fit() -> None:
    """Names may be of any letters: what counts is bytes."""
    where = journal()
    many = {"\u5b9e" * 20 + str(number): KEEPS for number in range(9_000)}
    save_showing(where, "x", "s", ShownPlan(ABOUT, many, at=1.0))
    sizes = [len(json.dumps(entry).encode()) for entry in entries(where)]
    assert len(sizes) > 1
    assert max(sizes) < MAX_BYTES
    found = load_showing(where, "x", "s")
    assert found is not None
    assert found.classes == many


def test_a_plan_that_holds_nothing_is_shown_too() -> None:
    where = journal()
    empty = ShownPlan(ABOUT, {}, at=1.0)
    save_showing(where, "x", "s", empty)
    assert load_showing(where, "x", "s") == empty


def test_half_of_a_showing_approves_nothing() -> None:
    """Its writer died, so nobody was shown it."""
    where = journal()
    piece = {"kind": "shown", "at": 1.0, "by": "", "parts": 2, "about": ABOUT, "instances": [["a", "loses"]]}
    where.append("plan/x.s", 0, piece)
    assert load_showing(where, "x", "s") is None
    with pytest.raises(RecordError, match="not on record"):
        use_showing(where, "x", "s", "night", 2.0)


@pytest.mark.parametrize(
    "change",
    [{"at": "soon"}, {"at": "nan"}, {"about": None}, {"instances": None}, {"instances": [["a", "perhaps"]]}, {"parts": None}],
    ids=str,
)
def test_a_showing_that_cannot_be_read_approves_nothing(change: Mapping[str, object]) -> None:
    where = journal()
    piece = {"kind": "shown", "at": 1.0, "by": "", "parts": 1, "about": ABOUT, "instances": [["a", "loses"]], **change}
    where.append("plan/x.s", 0, piece)
    with pytest.raises(RecordError):
        load_showing(where, "x", "s")
    with pytest.raises(RecordError):
        use_showing(where, "x", "s", "night", 2.0)


def test_each_showing_of_one_plan_has_its_own_age() -> None:
    where = journal()
    save_showing(where, "x", "s", SHOWN)
    save_showing(where, "x", "t", ShownPlan(ABOUT, CLASSES, at=SHOWN.at + 86_400))
    found = load_showing(where, "x", "s")
    assert found is not None
    assert found.at == SHOWN.at


def test_it_starts_one_run_and_that_run_may_ask_again() -> None:
    where = journal()
    save_showing(where, "x", "s", SHOWN)
    assert use_showing(where, "x", "s", "night", 2.0) == "night"
    assert use_showing(where, "x", "s", "night", 3.0) == "night"
    assert use_showing(where, "x", "s", "dawn", 3.0) == "night"
    assert entries(where)[1:] == [{"kind": "used", "run_id": "night", "at": 2.0}]
    found = load_showing(where, "x", "s")
    assert found is not None
    assert found.used_by == "night"


@pytest.mark.parametrize("store", STORES)
@pytest.mark.usefixtures("aws")
def test_of_eight_at_once_one_has_it(store: str, moto: str, tmp_path: Path) -> None:
    """Each sees the showing unused before any of them writes."""
    url, clock = make_url(store, moto, tmp_path), FakeClock()
    shared, gate = open_journal(url, clock=clock), threading.Barrier(8)
    save_showing(shared, "x", "s", SHOWN)

    class Together:
        name, durable, first = "together", True, True

        def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
            shared.append(stream, seq, entry)

        def read(self, stream: str, after: int = -1) -> list[tuple[int, dict[str, object]]]:
            found = shared.read(stream, after)
            if self.first:
                self.first = False
                gate.wait(60)
            return found

    with ThreadPoolExecutor(8) as pool:
        holders = list(pool.map(lambda run: use_showing(Together(), "x", "s", run, 2.0), [f"run-{number}" for number in range(8)]))
    assert len(set(holders)) == 1
    assert len(shared.read("plan/x.s")) == 2


def test_a_showing_that_cannot_be_written_is_an_error() -> None:
    """An id that is taken is as bad: it would be somebody else's showing."""
    where = journal()
    save_showing(where, "x", "s", SHOWN)
    with pytest.raises(SeqTakenError):
        save_showing(where, "x", "s", SHOWN)


def test_an_append_whose_answer_was_lost_leaves_the_showing_with_its_run() -> None:
    class Late(MemoryJournal):
        late = True

        def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
            super().append(stream, seq, entry)
            if entry["kind"] == "used" and self.late:
                self.late = False
                raise JournalError("no answer")

    where = Late(FakeClock())
    save_showing(where, "x", "s", SHOWN)
    with pytest.raises(JournalError):
        use_showing(where, "x", "s", "night", 2.0)
    assert use_showing(where, "x", "s", "night", 3.0) == "night"
    assert use_showing(where, "x", "s", "dawn", 3.0) == "night"


def test_pieces_leave_room_for_the_rest_of_an_entry() -> None:
    assert approvals.MOST_BYTES + 10_000 < MAX_BYTES


def test_the_id_of_a_showing_uses_every_letter_and_digit() -> None:
    ids = {new_showing(lambda place=place: place / 36 + 0.001) for place in range(36)}  # type: ignore[misc]
    assert len(ids) == 36
    assert {len(one) for one in ids} == {SHOWING_CHARS}
    assert "".join(sorted(one[0] for one in ids)) == "0123456789abcdefghijklmnopqrstuvwxyz"
