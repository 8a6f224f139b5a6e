"""How long an invocation has: a host's word is cross-checked, and whatever it says, the answer is a time that may really be left."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from dcs_upkeep.adapters import hosts
from dcs_upkeep.adapters.hosts.time_left import TimeLeft, time_at_start_s
from tests.contexts import LambdaContext, OddContext, OpenYuanrongContext, OtcContext, text_everywhere
from tests.fakes import FakeClock

HUGE = 10**400
NONSENSE = [None, "soon", True, math.nan, math.inf, -1, 0, -900_000, HUGE, [], {}, object(), TypeError("no"), ZeroDivisionError()]


@pytest.mark.parametrize(
    ("left", "limit", "seconds"),
    [
        pytest.param(900_000, 900, 900, id="as documented"),
        pytest.param(897_000, 900, 897, id="as documented, a little later"),
        pytest.param(8_000, 900, 8, id="as documented, much later"),
        pytest.param(2_000, 900, 2, id="as documented, nearly over"),
        pytest.param(2_990, 3, 2.99, id="the shortest timeout"),
        pytest.param(1_500, 3, 1.5, id="half of the shortest timeout"),
        pytest.param(60_000, 60, 60, id="a minute"),
        pytest.param(259_199_000, 259_200, 259_199, id="the longest timeout"),
        pytest.param(899.5, 900, 899.5, id="openyuanrong"),
        pytest.param(700, 900, 700, id="openyuanrong, after 200 ms"),
        pytest.param(3_599, 3_600, 3_599, id="openyuanrong with an hour"),
        pytest.param(259_100, 259_200, 259_100, id="openyuanrong with three days"),
        pytest.param(-40, 900, 900, id="openyuanrong, after 940 ms"),
        pytest.param(899_900, 900_000, 899.9, id="OTC"),
        pytest.param(59_900, 60_000, 59.9, id="OTC with a minute"),
        pytest.param(900_500, 900, 900, id="rounded up"),
        pytest.param(None, 900, 900, id="only the limit"),
        pytest.param(None, 3_600, 3_600, id="only the limit, an hour"),
        pytest.param(None, 900_000, 900, id="only the limit, in milliseconds"),
        pytest.param(None, 60_000, 60, id="only the limit, in either unit: the smaller"),
        pytest.param(900_000, None, 900, id="only what is left"),
        pytest.param(900, None, 900, id="only what is left, in seconds"),
        pytest.param(2_990, None, 2.99, id="only what is left, of the shortest timeout"),
        pytest.param(5_000_000, 900, 900, id="more left than was configured"),
        pytest.param(10**15, 900, 900, id="endless"),
        pytest.param(10**15, 10**15, 3, id="both endless"),
        pytest.param(500, 3, 0.5, id="seconds cannot be more than was configured"),
        pytest.param(900_000, 0, 900, id="no limit at all"),
        pytest.param(None, None, 3, id="nothing is known"),
    ],
)
def test_the_unit_is_the_one_in_which_both_agree(left: float | None, limit: float | None, seconds: float) -> None:
    assert time_at_start_s(left, limit) == pytest.approx(seconds)


@pytest.mark.parametrize("left", [*NONSENSE, 900_000, 900, "900000"])
@pytest.mark.parametrize("limit", [*NONSENSE, 900, 900_000, "900"])
def test_no_answer_of_a_host_raises_or_is_endless(left: object, limit: object) -> None:
    host = hosts.detect(OddContext({}, left, limit), {})
    assert 0 < host.remaining_s() <= 900


@pytest.mark.parametrize("told", NONSENSE)
def test_lambda_too(told: object) -> None:
    assert 0 < hosts.detect(LambdaContext(told=told if told is not None else "none"), {}).remaining_s() <= 3


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: OpenYuanrongContext({}, clock=FakeClock()), id="openyuanrong"),
        pytest.param(lambda: OpenYuanrongContext({}, timeout="900", clock=FakeClock()), id="openyuanrong, told by text"),
        pytest.param(lambda: OtcContext({}, clock=FakeClock()), id="OTC"),
        pytest.param(lambda: OtcContext({}, timeout="900"), id="OTC, told by text, which it multiplies"),
        pytest.param(lambda: OddContext({}, TypeError(), 900), id="what is left raises"),
        pytest.param(lambda: OddContext({}, 900_000, TypeError()), id="the limit raises"),
    ],
)
def test_the_published_runtimes_of_a_function_of_900_s_have_that(make: Callable[[], object]) -> None:
    assert 890 < hosts.detect(make(), {}).remaining_s() <= 900


@pytest.mark.parametrize(("timeout", "seconds"), [("60", 60), ("3", 3), ("259200", 259_200), ("11", 11), ("5" * 400, 3)])
def test_text_that_was_multiplied_means_what_it_was_made_from(timeout: str, seconds: int) -> None:
    """`"900" * 1000` is no number, and says how long the function has all the same; in a unit that only seconds can be."""
    assert seconds - 1 < hosts.detect(OtcContext({}, timeout=timeout), {}).remaining_s() <= seconds


def test_time_runs_by_our_own_clock_where_the_host_s_cannot_be_trusted() -> None:
    clock = FakeClock()
    left = TimeLeft(lambda: 900, lambda: 900, {}.get, clock.monotonic)
    clock.sleep(100)
    assert left.remaining_s() == 800
    clock.sleep(900)
    assert left.remaining_s() == -100


def test_a_host_that_was_right_goes_on_telling_but_never_more_than_our_clock_leaves() -> None:
    clock, told = FakeClock(), [900_000.0]
    left = TimeLeft(lambda: told[0], lambda: 900, {}.get, clock.monotonic)
    clock.sleep(100)
    assert left.remaining_s() == 800
    told[0] = 700_000
    assert left.remaining_s() == 700


@pytest.mark.parametrize("settings", [{"UPKEEP_TIME_LIMIT_S": "120"}, {"UPKEEP_SETTINGS": '{"UPKEEP_TIME_LIMIT_S": 120}'}])
def test_a_setting_overrules_the_host(settings: dict[str, str]) -> None:
    for context, environ in (
        (text_everywhere(settings), {}),
        (OddContext(settings, 900_000, 900), {}),
        (OddContext(settings, 8_000, 900), {}),
        (LambdaContext(), settings),
        (LambdaContext(told=ValueError()), settings),
    ):
        assert 110 < hosts.detect(context, environ).remaining_s() <= 120


@pytest.mark.parametrize("text", ["", "forever", "1", "259201", "-5", "{"])
def test_a_setting_that_is_no_time_overrules_nothing(text: str) -> None:
    assert 890 < hosts.detect(OtcContext({"UPKEEP_TIME_LIMIT_S": text, "UPKEEP_SETTINGS": text}), {}).remaining_s() <= 900


def test_settings_that_cannot_be_read_are_no_reason_to_fail_here() -> None:
    context = OtcContext({})

    def fails(_: str) -> str:
        raise KeyError("UserData")

    context.getUserData = fails  # type: ignore[method-assign]
    assert 890 < hosts.detect(context, {}).remaining_s() <= 900
