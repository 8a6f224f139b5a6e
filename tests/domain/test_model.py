"""What outcomes are worth."""

from __future__ import annotations

import pytest

from dcs_upkeep.domain.model import OutcomeKind

# Most urgent first, as a message tells them: (outcome, fine, sent, in words).
WORTH = [
    (OutcomeKind.FAILED, False, True, "failed"),
    (OutcomeKind.UNKNOWN, False, True, "unknown"),
    (OutcomeKind.REFUSED, False, False, "refused"),
    (OutcomeKind.DEFERRED, False, False, "deferred"),
    (OutcomeKind.NOT_ATTEMPTED, False, False, "not attempted"),
    (OutcomeKind.ACCEPTED, True, True, "accepted"),
    (OutcomeKind.COMPLETED, True, True, "completed"),
    (OutcomeKind.SKIPPED, True, False, "skipped"),
    (OutcomeKind.PLANNED, True, False, "planned"),
]


@pytest.mark.parametrize(("kind", "fine", "sent", "words"), WORTH, ids=[row[0].value for row in WORTH])
def test_what_an_outcome_is_worth(kind: OutcomeKind, fine: bool, sent: bool, words: str) -> None:
    """Status, log level, message and terminal all go by it."""
    assert (kind.fine, kind.sent, kind.words) == (fine, sent, words)


def test_every_outcome_has_a_place_of_its_own() -> None:
    assert sorted(OutcomeKind, key=lambda kind: kind.place) == [row[0] for row in WORTH]
    assert len({kind.place for kind in OutcomeKind}) == len(OutcomeKind)


def test_only_what_may_have_been_acted_on_unseen_needs_a_look_first() -> None:
    """Sending it again may do it twice."""
    assert [kind for kind in OutcomeKind if kind.advice] == [OutcomeKind.UNKNOWN]
