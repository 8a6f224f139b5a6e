"""Entries that every store takes, however long the names and however many the instances."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.adapters.journals.rows import MAX_BYTES
from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import Answer, AnswerKind, Outcome, OutcomeKind, Plan, PlannedInstance
from dcs_upkeep.journal.entries import Baseline
from dcs_upkeep.journal.halt import current_halt, halt
from dcs_upkeep.journal.pieces import CLIPPED, ENTRY_BYTES, PIECE_BYTES, clip, cut, cut_text, fit, json_bytes
from dcs_upkeep.journal.run_stream import LeasedStream, read_run
from dcs_upkeep.journal.run_writer import RunWriter
from tests.fakes import FakeClock, FakeLog

SMILE = "\U0001f600"  # four bytes in UTF-8, twelve in the journal's JSON


def test_the_pieces_in_order_are_the_whole_and_none_is_too_long() -> None:
    items = [(f"id-{number}", SMILE * (number % 7)) for number in range(100_000)]
    pieces = list(cut(items))
    assert [item for piece in pieces for item in piece] == items
    assert max(json_bytes(piece) for piece in pieces) <= PIECE_BYTES + 2
    assert min(json_bytes(piece) for piece in pieces[:-1]) > PIECE_BYTES * 0.9, "as few as will do"


def test_an_item_that_is_too_long_stands_alone() -> None:
    assert list(cut(["a", "b" * 50, "c"], 20)) == [["a"], ["b" * 50], ["c"]]
    assert list(cut([])) == []


@pytest.mark.parametrize("sign", ["a", '"', "\\", SMILE])
def test_a_text_is_cut_by_what_it_takes_inside_a_text(sign: str) -> None:
    text = json.dumps(sign * 150_000)
    pieces = cut_text(text)
    assert "".join(pieces) == text
    assert max(json_bytes(piece) for piece in pieces) <= PIECE_BYTES + 2


def test_what_fits_stays_as_it_is_and_what_does_not_is_cut_at_its_longest_text() -> None:
    small = {"kind": "stopped", "reason": SMILE * 1000, "at": 1.5, "guard": None}
    assert fit(small) is small
    long = fit({"kind": "sent", "verdicts": {"a": "again"}, "what": SMILE * 100_000, "code": None})
    assert (long["kind"], long["verdicts"], long["code"]) == ("sent", {"a": "again"}, None)
    assert json_bytes(long) <= ENTRY_BYTES < MAX_BYTES
    assert long["what"].endswith(CLIPPED)
    many = fit({"notes": ["x" * 4_000] * 500})
    assert json_bytes(many) <= ENTRY_BYTES


@pytest.mark.parametrize("text", ["short", SMILE * 3, '"' * 40])
def test_a_clipped_text_is_no_longer_than_the_limit(text: str) -> None:
    assert clip(text, 1000) == text
    assert json_bytes(clip(text * 100, 100)) <= 100


def writer(journal: MemoryJournal, clock: FakeClock) -> RunWriter:
    stream = LeasedStream(journal, "run-1", clock, lease_s=lambda: 120.0, next_seq=0)
    return RunWriter(clock, FakeLog(), stream)


def plan_of(names: dict[str, str]) -> Plan:
    instances = {one: PlannedInstance(one, name, loses_data=False, loses_data_reason=name) for one, name in names.items()}
    return Plan(
        action=Action.RESTART,
        name=SMILE * 128,
        dry_run=False,
        digest="v1:0",
        waves=(tuple(instances),),
        instances=instances,
        settled=(),
        covered=dict.fromkeys(instances, False),
        max_failures=0,
        pause_s=0.0,
    )


def test_a_run_of_thousands_with_the_longest_words_is_written_whole() -> None:
    """Each kind of entry that grows with the fleet or with what others write."""
    clock = FakeClock()
    journal = MemoryJournal(clock)
    pen = writer(journal, clock)
    ids = [f"{number:08d}-0000-4000-8000-000000000000" for number in range(3_000)]
    words = SMILE * 64
    pen.planned(plan_of(dict.fromkeys(ids, words)))
    baseline: dict[str, Any] = {one: Baseline(status=words, launched_at=words) for one in ids}
    pen.guarded(1, [], baseline)
    attempt = pen.sending(1, ids[:50])
    assert attempt is not None
    pen.sent(attempt, dict.fromkeys(ids[:50], "doubt"), Answer(AnswerKind.LOST, SMILE * 200_000))
    pen.seen(ids[:2_000], dict.fromkeys(ids[1000:], words))
    pen.watched([Outcome(one, words, OutcomeKind.FAILED, words) for one in ids])
    pen.stop("fault", OutcomeKind.NOT_ATTEMPTED, SMILE * 200_000)
    pen.reported("failed", SMILE * 200_000, {}, [words] * 100, "2026-03-01T00:00:00Z", 1.0)
    state, _ = read_run(journal, "run-1")
    assert state.plan == pen.state.plan
    assert state.progress == pen.state.progress
    assert state.stop == pen.state.stop
    assert all(
        progress.outcome is not None and progress.seen_busy == (number < 2_000) for number, progress in enumerate(state.progress.values())
    )


def test_the_lever_is_pulled_whatever_stands_beside_it() -> None:
    clock = FakeClock()
    journal = MemoryJournal(clock)
    halt(journal, clock, SMILE * 500, SMILE * 100_000)
    assert current_halt(journal) is not None
