"""What one reading of an instance proves, row by row. Pure."""

from __future__ import annotations

from typing import Any

import pytest

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import Evidence, Instance, OutcomeKind
from dcs_upkeep.execution.verification import Verifier, looks
from dcs_upkeep.journal.entries import Baseline
from dcs_upkeep.journal.progress import Progress

SENT, NOW = 1000.0, 1020.0


def progress(**fields: object) -> Progress:
    start = {
        "sent_at": SENT,
        "answered_at": SENT + 1,
        "explicit": True,
        "note": "said",
        "baseline": Baseline(status="RUNNING", launched_at="t0"),
    }
    return Progress("a", 1, **{**start, **fields})


def shown(status: str, launched_at: str | None = None, has_task: bool | None = None) -> Instance:
    return Instance("a", "cache-a", status, launched_at=launched_at, updated_at="later", has_task=has_task)


def verifier(action: Action = Action.RESTART) -> Verifier:
    return Verifier(action, settle_s=30.0, timeout_s=600.0, poll_s=10.0)


@pytest.mark.parametrize(
    ("action", "status", "launched_at", "word"),
    [
        (Action.RESTART, "RESTARTING", "t0", "RESTARTING was seen"),
        (Action.RESTART, "RUNNING", "t1", "launched_at moved"),
        (Action.RESTART, "RUNNING", "t0", None),
        (Action.RESTART, "RUNNING", None, None),
        (Action.RESTART, "FLUSHING", "t0", None),
        (Action.SOFT_RESTART, "RUNNING", "t1", "launched_at moved"),
        (Action.FLUSH, "FLUSHING", "t0", "FLUSHING was seen"),
        (Action.FLUSH, "RUNNING", "t1", None),
        (Action.FLUSH, "RESTARTING", "t0", None),
        (Action.STOP, "CLOSING", "t0", "CLOSING was seen"),
        (Action.STOP, "CLOSED", "t0", "it is CLOSED now"),
        (Action.STOP, "RUNNING", "t1", None),
        (Action.START, "STARTING", "t0", "STARTING was seen"),
        (Action.START, "RUNNING", "t0", "it is RUNNING now"),
        (Action.START, "CLOSED", "t1", None),
    ],
)
def test_evidence_is_this_action_s_own_sign_and_nothing_else(
    action: Action, status: str, launched_at: str | None, word: str | None
) -> None:
    """`updated_at` has moved in every row: a tag edit does that."""
    found = verifier(action).evidence(progress(explicit=False), shown(status, launched_at))
    assert (found is None) == (word is None)
    if word is not None:
        assert found is not None
        assert word in found
        assert "another actor cannot be excluded" in found


def test_what_is_gone_or_has_no_baseline_is_no_evidence() -> None:
    assert verifier().evidence(progress(), None) is None
    assert verifier().evidence(progress(baseline=None), shown("RUNNING", "t1")) is None
    assert verifier().evidence(progress(baseline=Baseline(status="RUNNING", launched_at=None)), shown("RUNNING", "t1")) is None


ERROR_BEFORE = Baseline(status="ERROR", launched_at="t0")


def row(*values: Any, id: str) -> Any:  # noqa: A002 (as pytest calls it)
    """A row of the table; lists do not tell of tasks."""
    return pytest.param(*values, *([None] if len(values) == 6 else []), id=id)


@pytest.mark.parametrize(
    ("fields", "status", "held_s", "now", "kind", "evidence", "has_task"),
    [
        row({"seen_busy": True}, "RUNNING", 0.0, NOW, OutcomeKind.COMPLETED, Evidence.OBSERVED, id="busy, then back"),
        row({}, "RUNNING", 29.0, NOW, None, None, id="not held for long enough"),
        row({}, "RUNNING", 30.0, NOW, OutcomeKind.COMPLETED, Evidence.SETTLED, id="held, after an explicit success"),
        row({"explicit": False}, "RUNNING", 30.0, NOW, OutcomeKind.ACCEPTED, None, id="held, after a lost answer"),
        row({"explicit": False, "seen_busy": True}, "RUNNING", 0.0, NOW, OutcomeKind.COMPLETED, Evidence.OBSERVED, id="lost, seen"),
        row({}, "RESTARTING", 0.0, NOW, None, None, id="under way"),
        row({}, "ERROR", 0.0, NOW, None, None, id="in ERROR, at one reading"),
        row({"seen_busy": True}, "ERROR", 0.0, NOW, None, None, id="in ERROR after the busy state, at one reading"),
        row({}, "ERROR", 5.0, NOW, None, None, id="in ERROR at two readings, but not a poll apart"),
        row({}, "ERROR", 10.0, NOW, OutcomeKind.FAILED, None, id="ended in ERROR"),
        row({}, "ERROR", 9.9999, NOW, OutcomeKind.FAILED, None, id="a poll, up to what clocks round"),
        row({}, "ERROR", 0.0, SENT + 600, OutcomeKind.FAILED, None, id="in ERROR when time is over"),
        row({"baseline": ERROR_BEFORE}, "ERROR", 99.0, NOW, None, None, id="was in ERROR before, and not seen busy yet"),
        row({"baseline": ERROR_BEFORE, "seen_busy": True}, "ERROR", 10.0, NOW, OutcomeKind.FAILED, None, id="in ERROR again"),
        row({}, "RESTARTING", 0.0, SENT + 600, OutcomeKind.FAILED, None, id="not back in time"),
        row({}, None, 0.0, NOW, None, None, id="not listed, yet"),
        row({}, None, 10.0, NOW, OutcomeKind.FAILED, None, id="gone at two readings"),
        row({"seen_busy": True}, None, 10.0, NOW, OutcomeKind.FAILED, None, id="gone after the busy state"),
        row({}, "DELETED", 0.0, NOW, None, None, id="deleted, at one reading"),
        row({}, "DELETED", 10.0, NOW, OutcomeKind.FAILED, None, id="deleted, at two"),
        row({}, None, 0.0, SENT + 600, OutcomeKind.FAILED, None, id="no longer listed when time is over"),
        row({}, "", 99.0, NOW, None, None, id="its status was not told"),
        row({}, "RUNNING", 0.0, SENT + 9999, None, None, id="back when somebody comes late, and to be held"),
        row({}, "RUNNING", 30.0, SENT + 9999, OutcomeKind.COMPLETED, Evidence.SETTLED, id="held, whatever the hour"),
        row({"explicit": False}, "RUNNING", 0.0, SENT + 9999, None, None, id="lost, back, and to be held"),
        row({"explicit": False}, "RUNNING", 30.0, SENT + 9999, OutcomeKind.ACCEPTED, None, id="lost, held, whatever the hour"),
        row({"seen_busy": True}, "RUNNING", 0.0, NOW, None, None, True, id="back, but DCS is still at work"),
        row({}, "RUNNING", 99.0, NOW, None, None, True, id="held, but DCS is still at work"),
        row({"seen_busy": True}, "RUNNING", 0.0, SENT + 600, OutcomeKind.FAILED, None, True, id="at work when time is over"),
        row({"seen_busy": True}, "RUNNING", 0.0, NOW, OutcomeKind.COMPLETED, Evidence.OBSERVED, False, id="at work no more"),
        row({"seen_busy": True}, "RUNNING", 0.0, SENT + 9999, OutcomeKind.COMPLETED, Evidence.OBSERVED, id="back, whatever the hour"),
    ],
)
def test_what_an_accepted_instance_has_come_to(
    fields: dict[str, object],
    status: str | None,
    held_s: float,
    now: float,
    kind: OutcomeKind | None,
    evidence: Evidence | None,
    has_task: bool | None,
) -> None:
    instance = None if status is None else shown(status, has_task=has_task)
    found = verifier().judge_effect(progress(**fields), instance, held_s, now)
    assert (found[0] if found else None, found[2] if found else None) == (kind, evidence)


def test_completed_is_never_said_without_the_end_state() -> None:
    for status in ("RESTARTING", "ERROR", "CLOSED", "FROZEN", "", "SOMETHING"):
        found = verifier().judge_effect(progress(seen_busy=True), shown(status), 9999.0, SENT + 9999)
        assert found is not None
        assert found[0] is OutcomeKind.FAILED


@pytest.mark.parametrize(
    ("action", "status", "has_task", "word"),
    [
        (Action.START, "CLOSING", None, "it is CLOSING"),
        (Action.START, "CLOSED", True, "still working on it"),
        (Action.START, "CLOSED", False, None),
        (Action.START, "CLOSED", None, None),
        (Action.RESTART, "RUNNING", True, "still working on it"),
        (Action.RESTART, "EXTENDING", True, "it is EXTENDING"),
        (Action.RESTART, "FROZEN", True, None),
        (Action.STOP, "STARTING", None, "it is STARTING"),
        (Action.SOFT_RESTART, "ERROR", True, None),
        (Action.RESTART, "", None, None),
    ],
)
def test_only_what_passes_by_itself_is_worth_waiting_for(action: Action, status: str, has_task: bool | None, word: str | None) -> None:
    found = verifier(action).busy_with(shown(status, has_task=has_task))
    assert (found is None) == (word is None)
    assert word is None or word in (found or "")


def test_what_a_reading_shows_is_told_apart_by_what_matters() -> None:
    """An end state under a task has not begun to hold; null, absent and DELETED are what they are in both kinds of answer."""
    assert looks(None) == looks(shown("DELETED"))
    assert looks(shown("RUNNING")) == looks(shown("RUNNING", has_task=False))
    assert len({looks(None), looks(shown("RUNNING")), looks(shown("RUNNING", has_task=True)), looks(shown("ERROR"))}) == 4


def test_who_was_waited_for_in_vain_is_told_so_in_plain_words() -> None:
    judge = verifier(Action.START)
    assert judge.never_began("it is CLOSING", watched=True) == "it was CLOSING for the whole watch time; it was not executed"
    assert judge.never_began("it is CLOSING", watched=False) == "it was CLOSING for 600 s; it was not executed"


def test_doubt_and_patience_have_an_end() -> None:
    judge = verifier()
    assert [judge.doubt_over(progress(), at) for at in (SENT + 1, SENT + 30, SENT + 31)] == [False, False, True]
    assert [judge.overdue(progress(), at) for at in (SENT, SENT + 599, SENT + 600)] == [False, False, True]
    assert judge.doubt_over(progress(answered_at=None), NOW) is False


def test_a_lost_answer_is_in_doubt_for_as_long_as_its_call_may_still_be_carried_out() -> None:
    """A connection that broke early says nothing of the call: let go of then, it could reach the instance while another run holds it."""
    judge = Verifier(Action.RESTART, settle_s=1.0, timeout_s=600.0, poll_s=10.0, longest_put_s=45.0)
    assert [judge.doubt_over(progress(), at) for at in (SENT + 2, SENT + 44, SENT + 45)] == [False, False, True]
