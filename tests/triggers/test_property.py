"""The quick round of tests/triggers/property_run.py, and what a generator does not reach: size and depth."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from dcs_upkeep.triggers import parser
from dcs_upkeep.triggers.delivery import Invalid
from tests.triggers.property_run import NOW, SCOPE, check, events
from tests.triggers.test_triggers import PLANS


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(events())
def test_no_event_raises_and_only_a_valid_request_becomes_a_run(made: Any) -> None:
    check(*made)


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth):
        value = {"a": [value]}
    return value


def circular() -> Any:
    value: dict[str, Any] = {}
    value["a"] = value
    return value


@pytest.mark.parametrize(
    "event",
    [
        nested(100_000),
        circular(),
        "[" * 6_000_000,
        '{"a":' * 100_000,
        '"' + "x" * 6_000_000 + '"',
        b"\xff\xfe" * 3_000_000,
        {"action": "restart", "instances": ["x" * 6_000_000]},
        {"action": "restart", "instances": [str(n) for n in range(100_000)]},
        {"record": [{"smn": {"message_id": "m", "message": "[" * 100_000}}]},
        "9" * 6_000_000,
        '{"action": 1e400}',
    ],
    ids=["deep", "circular", "brackets", "objects", "long text", "bytes", "long id", "many ids", "deep message", "digits", "beyond float"],
)
def test_a_monstrous_event_is_refused_within_seconds(event: Any) -> None:
    """6 MB is what both platforms let through."""
    (item,) = parser.parse(event, SCOPE, PLANS, NOW).items
    assert isinstance(item, Invalid)
    assert sum(len(str(problem)) for problem in item.problems[:5]) < 5000
