"""The list of deliberate mistakes fits the product as it is, and three that are caught soon are caught."""

from __future__ import annotations

import pytest

from tests.simulation.mistakes import MISTAKES, ROOT, Mistake, applied, caught_by


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.what)
def test_the_mistake_can_be_made(mistake: Mistake) -> None:
    """One that stands nowhere any more would be called caught by whoever reads the list."""
    text = (ROOT / "dcs_upkeep" / mistake.file).read_text(encoding="utf-8")
    assert applied(mistake, text) != text


def test_every_invariant_has_a_mistake_of_its_own() -> None:
    assert {f"I{number}" for number in range(1, 16)} <= {mistake.breaks for mistake in MISTAKES}


@pytest.mark.parametrize("breaks", ["I1", "I2", "I6", "I7"])
def test_a_mistake_is_noticed(breaks: str) -> None:
    mistake = next(mistake for mistake in MISTAKES if mistake.breaks == breaks)
    assert breaks in caught_by(mistake, seeds=150, jobs=1)
