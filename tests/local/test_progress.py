"""What a person sees while a run is under way."""

from __future__ import annotations

import pytest

from dcs_upkeep.domain.model import OutcomeKind
from dcs_upkeep.local.progress import sentence


@pytest.mark.parametrize("kind", OutcomeKind)
def test_an_instance_is_told_of_unless_its_outcome_is_fine(kind: OutcomeKind) -> None:
    told = sentence("instance.verified", {"name": "cache-a", "instance_id": "a", "outcome": kind.value, "reason": "because"})
    assert told == (None if kind.fine else f"  cache-a: {kind.value}, because")


def test_an_outcome_that_is_not_known_here_is_told() -> None:
    """The report of a later version may have one."""
    assert sentence("instance.verified", {"instance_id": "a", "outcome": "vanished", "reason": "because"}) == "  a: vanished, because"


def test_that_everything_is_stopped_is_told_with_what_to_release() -> None:
    told = sentence("breaker.tripped", {"halt": "halt-0", "reason": "circuit breaker: 5 failed", "failed": {"night": 5}})
    assert told is not None
    assert "HALTED" in told
    assert "release halt-0" in told


def test_who_watches_is_told_what_is_waited_for() -> None:
    """Else a start that meets a stop shows nothing for half an hour."""
    assert sentence("wave.waited", {"wave": 1, "waiting": 2, "reason": "it is CLOSING"}) == "wave 1: 2 waited for, it is CLOSING"
