"""What `doctor` says of the platform: its time, its memory, and whether the function may call itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dcs_upkeep.adapters.hosts.aws_lambda import LambdaHost
from dcs_upkeep.adapters.hosts.functiongraph import FunctionGraphHost
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.doctor import host as looked
from dcs_upkeep.doctor.finding import Finding
from dcs_upkeep.domain.settings import read_settings
from tests.contexts import LambdaContext, OddContext, OpenYuanrongContext, OtcContext, text_everywhere

JOURNAL = {"UPKEEP_JOURNAL": "dynamodb://runs?region=eu-central-1"}


def time_left(host: Any) -> dict[str, Finding]:
    """Without the time that the test itself takes."""
    if not isinstance(host, LocalHost):
        began = host.time._began
        host.time._clock = lambda: began
    return {one.what: one for one in looked.time_left(host, read_settings(host.setting))}


def functiongraph(left: object = 900_000, limit: object = 900, **settings: str) -> FunctionGraphHost:
    return FunctionGraphHost(OddContext({**JOURNAL, **settings}, left, limit))


@pytest.mark.parametrize("host", [functiongraph(), LambdaHost(LambdaContext(900), JOURNAL)], ids=["functiongraph", "lambda"])
def test_a_usual_timeout_is_fine(host: Any) -> None:
    one = time_left(host)["time left"]
    assert (one.state, one.said.startswith("900 s, as the host says"), "further invocation" in one.said) == ("ok", True, True)


@pytest.mark.parametrize(("left_s", "state"), [(3, "fail"), (51, "fail"), (60, "ok")])
def test_less_than_the_longest_status_call_and_what_is_around_it_fails(left_s: int, state: str) -> None:
    one = time_left(functiongraph(left_s * 1000, left_s))["time left"]
    assert one.state == state
    if state == "fail":
        assert "a run needs 52 s or more" in one.said
        assert "UPKEEP_TIME_LIMIT_S" in one.fix


def test_a_report_needs_its_time_too() -> None:
    topics = {"UPKEEP_TOPICS": "arn:aws:sns:eu-central-1:123456789012:reports"}
    assert time_left(functiongraph(55_000, 55))["time left"].state == "ok"
    assert time_left(functiongraph(55_000, 55, **topics))["time left"].state == "fail"


@pytest.mark.parametrize(("left_s", "state"), [(900, "look"), (3600, "ok")])
def test_without_a_journal_a_wave_should_end_in_one_invocation(left_s: int, state: str) -> None:
    one = time_left(functiongraph(left_s * 1000, left_s, UPKEEP_JOURNAL=""))["time left"]
    assert (one.state, "UPKEEP_JOURNAL" in one.fix) == (state, state == "look")


@pytest.mark.parametrize(
    ("context", "said"),
    [
        (OtcContext(JOURNAL, clock=lambda: 0.0), "900 s, as the host says, its units cross-checked"),
        (OpenYuanrongContext(JOURNAL, clock=lambda: 0.0), "900 s, counted from what the host said at the beginning"),
        (text_everywhere(JOURNAL), "3 s, the shortest timeout, since the host says nothing usable"),
        (OddContext({**JOURNAL, "UPKEEP_TIME_LIMIT_S": "600"}, None, None), "600 s, as UPKEEP_TIME_LIMIT_S says"),
    ],
    ids=["otc", "openyuanrong", "openyuanrong with text", "overruled"],
)
def test_whose_word_it_is_is_told(context: object, said: str) -> None:
    assert time_left(FunctionGraphHost(context))["time left"].said.startswith(said)


@pytest.mark.parametrize(
    ("limit", "left", "told"), [("900", 60_000, True), ("900", 900_000, False), ("60", 900_000, False), ("900", None, False)]
)
def test_a_limit_that_is_more_than_the_host_says_is_told(limit: str, left: object, told: bool) -> None:
    """The platform would kill the function in the middle of its work."""
    found = time_left(functiongraph(left, None if left is None else int(str(left)) // 1000, UPKEEP_TIME_LIMIT_S=limit))
    assert ("time limit" in found) == told
    if told:
        assert "the host says 60 s, and UPKEEP_TIME_LIMIT_S 900 s" in found["time limit"].said


def test_nothing_ends_a_process_on_a_laptop() -> None:
    assert time_left(LocalHost({})) == {}
    assert list(looked.memory(LocalHost({}))) == []
    assert "local" in looked.version(LocalHost({})).said


def with_memory(size: object) -> list[Any]:
    on_lambda, on_functiongraph = LambdaContext(), OddContext({}, 900_000, 900)
    on_lambda.memory_limit_in_mb = size  # type: ignore[attr-defined]
    on_functiongraph.getMemorySize = lambda: size  # type: ignore[attr-defined]
    return [LambdaHost(on_lambda, {}), FunctionGraphHost(on_functiongraph)]


@pytest.mark.parametrize(
    ("size", "states"), [("512", ["ok"]), (512, ["ok"]), (128, ["look"]), (None, []), ("much", []), (-5, []), (10**400, [])]
)
def test_memory_is_told_if_the_host_tells_it(size: object, states: list[str]) -> None:
    """Lambda has it as text."""
    for host in with_memory(size):
        assert [one.state for one in looked.memory(host)] == states


def test_what_cannot_be_tried_on_a_host_is_named_there() -> None:
    assert looked.untried_rights(LambdaHost(LambdaContext(), {})) == ()
    assert looked.untried_rights(functiongraph()) == ("functiongraph:function:invokeAsync",)
    assert looked.untried_rights(LocalHost({})) == ("functiongraph:function:invokeAsync", "lambda:InvokeFunction")


def test_names_of_settings_are_those_that_a_host_can_list() -> None:
    environ: Mapping[str, str] = {"UPKEEP_TOPIC": "x"}
    assert list(looked.setting_names(LambdaHost(LambdaContext(), environ))) == ["UPKEEP_TOPIC"]
    assert list(looked.setting_names(LocalHost(environ))) == ["UPKEEP_TOPIC"]
    assert list(looked.setting_names(functiongraph(UPKEEP_TOPIC="x"))) == []
