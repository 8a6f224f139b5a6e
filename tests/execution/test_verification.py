"""What one reading of an instance proves, row by row. Pure."""

from __future__ import annotations

import pytest

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import Evidence, Instance, OutcomeKind
from dcs_upkeep.execution.verification import Verifier
from dcs_upkeep.journal.entries import Baseline
from dcs_upkeep.journal.run_state import Progress

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


def shown(status: str, launched_at: str | None = None) -> Instance:
    return Instance("a", "cache-a", status, launched_at=launched_at, updated_at="later")


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


@pytest.mark.parametrize(
    ("fields", "status", "held_s", "now", "kind", "evidence"),
    [
        pytest.param({"seen_busy": True}, "RUNNING", 0.0, NOW, OutcomeKind.COMPLETED, Evidence.OBSERVED, id="busy, then back"),
        pytest.param({}, "RUNNING", 29.0, NOW, None, None, id="not held for long enough"),
        pytest.param({}, "RUNNING", 30.0, NOW, OutcomeKind.COMPLETED, Evidence.SETTLED, id="held, after an explicit success"),
        pytest.param({"explicit": False}, "RUNNING", 30.0, NOW, OutcomeKind.ACCEPTED, None, id="held, after a lost answer"),
        pytest.param(
            {"explicit": False, "seen_busy": True}, "RUNNING", 0.0, NOW, OutcomeKind.COMPLETED, Evidence.OBSERVED, id="lost, seen"
        ),
        pytest.param({}, "RESTARTING", 0.0, NOW, None, None, id="under way"),
        pytest.param({}, "ERROR", 0.0, NOW, OutcomeKind.FAILED, None, id="ended in ERROR"),
        pytest.param({"baseline": ERROR_BEFORE}, "ERROR", 0.0, NOW, None, None, id="was in ERROR before, and not seen busy yet"),
        pytest.param({"baseline": ERROR_BEFORE, "seen_busy": True}, "ERROR", 0.0, NOW, OutcomeKind.FAILED, None, id="in ERROR again"),
        pytest.param({}, "RESTARTING", 0.0, SENT + 600, OutcomeKind.FAILED, None, id="not back in time"),
        pytest.param({}, None, 0.0, NOW, None, None, id="not listed, yet"),
        pytest.param({}, None, 0.0, SENT + 600, OutcomeKind.FAILED, None, id="no longer listed"),
        pytest.param(
            {"seen_busy": True}, "RUNNING", 0.0, SENT + 9999, OutcomeKind.COMPLETED, Evidence.OBSERVED, id="back, whatever the hour"
        ),
    ],
)
def test_what_an_accepted_instance_has_come_to(
    fields: dict[str, object], status: str | None, held_s: float, now: float, kind: OutcomeKind | None, evidence: Evidence | None
) -> None:
    found = verifier().judge_effect(progress(**fields), shown(status) if status else None, held_s, now)
    assert (found[0] if found else None, found[2] if found else None) == (kind, evidence)


def test_completed_is_never_said_without_the_end_state() -> None:
    for status in ("RESTARTING", "ERROR", "CLOSED", "FROZEN", "", "SOMETHING"):
        found = verifier().judge_effect(progress(seen_busy=True), shown(status), 9999.0, SENT + 9999)
        assert found is not None
        assert found[0] is OutcomeKind.FAILED


def test_doubt_and_patience_have_an_end() -> None:
    judge = verifier()
    assert [judge.doubt_over(progress(), at) for at in (SENT + 1, SENT + 30, SENT + 31)] == [False, False, True]
    assert [judge.overdue(progress(), at) for at in (SENT, SENT + 599, SENT + 600)] == [False, False, True]
    assert judge.doubt_over(progress(answered_at=None), NOW) is False
