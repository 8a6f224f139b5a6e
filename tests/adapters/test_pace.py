"""The pace of an account: how long everything waits after a 429, and who is told. No cloud."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime

import pytest

from dcs_upkeep.adapters.pace import FIRST_WAIT_S, LEAST_WAIT_S, MOST_WAIT_S, PIECE_S, STRETCH_S, AccountPace
from dcs_upkeep.domain.deadline import ENDLESS, Deadline
from dcs_upkeep.domain.errors import CloudError, ThrottledError
from tests.fakes import FakeClock, FakeLog

Make = Callable[..., AccountPace]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def log() -> FakeLog:
    return FakeLog()


@pytest.fixture
def make(clock: FakeClock, log: FakeLog) -> Make:
    return lambda random=1.0: AccountPace(clock, lambda: random, log)


def hold(pace: AccountPace, retry_after: str | None = None) -> float:
    """One more call is answered 429. Returns how long everything waits then."""
    pace.throttled("show_instance", pace.begin(), retry_after)
    return pace.wait_s()


def test_without_a_hint_waits_grow_to_a_minute_and_begin_anew_once_a_call_went_through(make: Make, clock: FakeClock) -> None:
    pace = make()
    waits = []
    for _ in range(8):
        waits.append(hold(pace))
        clock.sleep(waits[-1])
    assert waits[:4] == [FIRST_WAIT_S, 4.0, 8.0, 16.0]
    assert waits[-1] == MOST_WAIT_S
    pace.passed(pace.begin())
    assert hold(pace) == FIRST_WAIT_S


def test_jitter_is_full_and_never_nothing(make: Make, clock: FakeClock) -> None:
    assert hold(make(0.0)) == LEAST_WAIT_S
    pace = make(0.25)
    for _ in range(6):
        hold(pace)
        clock.sleep(60)
    assert hold(pace) == 15.0


@pytest.mark.parametrize("seconds", [1, 30, 250])
def test_retry_after_is_obeyed_in_seconds_and_as_a_date(make: Make, clock: FakeClock, seconds: int) -> None:
    assert seconds <= hold(make(), str(seconds)) <= seconds + 1
    date = format_datetime(clock.now() + timedelta(seconds=seconds), usegmt=True)
    assert seconds - 1 <= hold(make(), date) <= seconds + 1


@pytest.mark.parametrize("odd", ["", "soon", "-5", "1e9", "99999999999", "Mon, 32 Foo", "٣", "Thu, 01 Jan 1970 00:00:00 GMT", "0"])
def test_what_is_no_use_as_a_hint_is_waited_for_all_the_same(make: Make, odd: str) -> None:
    assert LEAST_WAIT_S <= hold(make(), odd) <= FIRST_WAIT_S


def test_of_several_calls_that_were_under_way_together_only_the_first_counts(make: Make, log: FakeLog) -> None:
    """Sixteen reads at a time are one reason to wait, not sixteen."""
    pace = make()
    begun = [pace.begin() for _ in range(16)]
    for one in begun:
        pace.throttled("show_instance", one, None)
    assert pace.wait_s() == FIRST_WAIT_S
    pace.passed(begun[0])  # it had left before the account was throttled, so it says nothing
    assert hold(pace) == 4.0
    pace.throttled("show_instance", begun[1], "100")  # a hint is a hint
    assert pace.wait_s() >= 100
    assert len(log.named("call.waited")) == 1


def test_a_stretch_of_waiting_is_logged_once_with_what_is_waited_for_and_how_long(make: Make, log: FakeLog, clock: FakeClock) -> None:
    pace = make()
    for _ in range(3):
        clock.sleep(hold(pace, "40"))
    (line,) = log.named("call.waited")
    assert line["operation"] == "show_instance"
    assert 40 <= line["wait_s"] <= 41
    assert "429" in line["reason"]
    pace.passed(pace.begin())
    hold(pace)
    assert len(log.named("call.waited")) == 2


def test_waiting_is_done_in_pieces_with_a_tick_after_each(make: Make, clock: FakeClock) -> None:
    """A lease lapses within two minutes."""
    pace, times, hooks = make(), [clock.monotonic()], []
    with pace.ticking(lambda: hooks.append(1)):
        hold(pace, "100")
        pace.wait("show_instance", ENDLESS, lambda: times.append(clock.monotonic()))
    assert times[-1] >= 100
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) <= PIECE_S
    assert len(hooks) == len(times) - 1
    hold(pace)
    pace.wait("show_instance", ENDLESS)
    assert len(hooks) == len(times) - 1


def test_what_does_not_fit_into_the_time_left_is_said_at_once(make: Make, clock: FakeClock) -> None:
    """So that the run can be handed on while there is time for it."""
    pace = make()
    hold(pace, "50")
    with pytest.raises(ThrottledError, match="show_instance: the account is throttled") as caught:
        pace.wait("show_instance", Deadline(lambda: 55.0), room_s=10.0)
    assert clock.monotonic() == 0
    assert 50 <= caught.value.opens_in_s <= 51
    pace.wait("show_instance", Deadline(lambda: 70.0 - clock.monotonic()), room_s=10.0)
    assert 50 <= clock.monotonic() <= 51


def test_nobody_waits_for_ever_where_nothing_ends_the_invocation(make: Make, clock: FakeClock) -> None:
    pace = make()

    def ask_again() -> None:
        hold(pace)
        pace.wait("show_instance", ENDLESS)

    def ask_for_ever() -> None:
        while True:
            ask_again()

    with pytest.raises(CloudError, match="throttled") as caught:
        ask_for_ever()
    assert not isinstance(caught.value, ThrottledError)
    assert STRETCH_S - MOST_WAIT_S <= clock.monotonic() <= STRETCH_S
