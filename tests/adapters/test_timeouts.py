"""Timeouts: whatever is left, all attempts together fit into it."""

from __future__ import annotations

import pytest

from dcs_upkeep.adapters.timeouts import LEAST_S, fit


@pytest.mark.parametrize("attempts", [1, 2, 4])
@pytest.mark.parametrize(("connect_s", "read_s"), [(5, 30), (5, 15), (3, 10), (3, 5), (2, 3)])
@pytest.mark.parametrize("left_s", [float("inf"), 900, 35, 12, 5, 3, 0.4, LEAST_S])
def test_all_attempts_together_take_no_more_than_is_left(left_s: float, connect_s: float, read_s: float, attempts: int) -> None:
    connect, read = fit(left_s, connect_s, read_s, attempts)
    assert 0 < connect <= connect_s
    assert 0 < read <= read_s
    assert (connect + read) * attempts <= left_s + 1e-9


def test_with_time_enough_they_are_the_usual_ones() -> None:
    assert fit(10, 2, 3, attempts=2) == (2, 3)
    assert fit(float("inf"), 5, 30) == (5, 30)


@pytest.mark.parametrize("left_s", [0, -5])
def test_they_are_never_zero(left_s: float) -> None:
    """A socket with a timeout of 0 does not wait at all, and requests raises a ValueError."""
    connect, read = fit(left_s, 5, 15)
    assert connect > 0
    assert read > 0
    assert connect + read == pytest.approx(LEAST_S)
