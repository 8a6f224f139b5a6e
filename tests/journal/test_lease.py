"""A lease has ended as soon as one of two clocks says so."""

from __future__ import annotations

import pytest

from dcs_upkeep.journal.lease import Lease

LEASE = Lease(began_mono=1000.0, began_wall=50_000.0, length_s=60.0)

# How far the monotonic clock and the time of day have moved since it began -> what is left.
LEFT = [
    pytest.param(0.0, 0.0, 60.0, id="just_taken"),
    pytest.param(20.0, 20.0, 40.0, id="clocks_agree"),
    pytest.param(20.0, 50.0, 10.0, id="machine_slept_and_the_monotonic_clock_stood_still"),
    pytest.param(50.0, -3000.0, 10.0, id="time_of_day_was_set_back"),
    pytest.param(60.0, 60.0, 0.0, id="at_its_end"),
    pytest.param(5.0, 400.0, -340.0, id="long_over_by_the_time_of_day_alone"),
    pytest.param(400.0, 5.0, -340.0, id="long_over_by_the_monotonic_clock_alone"),
]


@pytest.mark.parametrize(("mono", "wall", "left_s"), LEFT)
def test_what_is_left_is_the_smaller_of_what_both_clocks_leave(mono: float, wall: float, left_s: float) -> None:
    now = (LEASE.began_mono + mono, LEASE.began_wall + wall)
    assert LEASE.left_s(*now) == left_s
    assert LEASE.lapsed(*now) is (left_s <= 0)
    assert LEASE.wants_renewal(*now) is (left_s <= 30.0)


@pytest.mark.parametrize(
    ("seconds", "mono", "wall", "covered"),
    [
        pytest.param(45.0, 15.0, 15.0, True, id="exactly"),
        pytest.param(45.0, 15.1, 15.0, False, id="not_by_the_monotonic_clock"),
        pytest.param(45.0, 15.0, 15.1, False, id="not_by_the_time_of_day"),
        pytest.param(0.5, 400.0, 400.0, False, id="over"),
    ],
)
def test_an_attempt_is_covered_only_if_both_clocks_leave_it_its_time(seconds: float, mono: float, wall: float, *, covered: bool) -> None:
    assert LEASE.covers(seconds, LEASE.began_mono + mono, LEASE.began_wall + wall) is covered


@pytest.mark.parametrize(("mono", "wall", "wanted"), [(29.9, 29.9, False), (30.0, 0.0, True), (0.0, 30.0, True)])
def test_a_lease_is_renewed_once_half_of_it_is_gone_by_either_clock(mono: float, wall: float, *, wanted: bool) -> None:
    assert LEASE.wants_renewal(LEASE.began_mono + mono, LEASE.began_wall + wall) is wanted
