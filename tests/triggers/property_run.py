"""Events around every envelope, made up: `python -m tests.triggers.property_run --examples 100000`. The suite runs a quick round of it.

Two things must hold whatever comes: parsing raises nothing, and only a request that is valid on its own becomes a run.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dcs_upkeep.domain.errors import InvalidEventError
from dcs_upkeep.domain.request import parse_request
from dcs_upkeep.domain.run import ControlCommand
from dcs_upkeep.triggers import parser
from dcs_upkeep.triggers.delivery import Ignored, Invalid, RunIdScope, StartRun
from tests.triggers.test_triggers import ENVELOPES, ID, PLANS, alarm, apig, kafka, smn, timer

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SCOPE = RunIdScope("lambda", "f", "r", "p", "request-1")
texts = st.text(max_size=30)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | texts
    | st.sampled_from([ID, "restart", "nightly", "v1:" + "0" * 64, "5%", 10**400])
)
keys = texts | st.sampled_from(
    [
        "action",
        "instances",
        "select",
        "tags",
        "name",
        "plan",
        "dry_run",
        "rollout",
        "canary",
        "watch",
        "window",
        "command",
        "resume",
        "halt",
        "request",
        "run_id",
        "time",
        "Records",
        "record",
        "smn",
        "message",
        "Sns",
        "body",
        "detail",
        "data",
        "specversion",
        "events",
        "alarm_status",
        "alarm_id",
        "requestContext",
        "trigger_type",
        "user_event",
    ]
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5), max_leaves=12)
ids = st.lists(st.sampled_from([ID, ID.upper(), ID.replace("-", ""), "x", ""]) | values, max_size=3)
requests = st.fixed_dictionaries(
    {},
    optional={
        "action": st.sampled_from(["restart", "flush", "reboot", "RESTART"]) | values,
        "instances": ids,
        "select": st.fixed_dictionaries({}, optional={"tags": st.dictionaries(texts, texts, max_size=2), "name": texts}) | values,
        "dry_run": st.booleans() | values,
        "rollout": st.fixed_dictionaries({}, optional={"canary": st.integers(-1, 3), "max_failures": scalars}) | values,
        "watch": st.sampled_from([False, {"timeout_s": 60}]) | values,
        "run_id": texts,
        "extra": values,
    },
)
contents = requests | values


def wrapped(content: Any, name: str) -> Any:
    """The content in this envelope; where it cannot be written as JSON, as it is."""
    try:
        return ENVELOPES[name][0](content)
    except (ValueError, TypeError):
        return content


@st.composite
def events(draw: Any) -> tuple[Any, Any]:
    """An event, and the content that was put into it (None where it was made up as a whole)."""
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return draw(values), None
    if kind == 1:
        raw = draw(st.binary(max_size=60) | texts | st.sampled_from(['{"a":1,"a":2}', "[" * 5000, "1" * 5000, "NaN", "1e999"]))
        return raw, None
    if kind == 2:
        made = draw(st.sampled_from([timer, smn, apig, kafka]))(draw(values | texts))
        made[draw(keys)] = draw(values)
        return made, None
    if kind == 3:
        changes = draw(
            st.dictionaries(
                st.sampled_from(["alarm_status", "namespace", "dimension", "time", "template_variable", "alarm_name"]),
                st.none() | st.booleans() | texts,
                max_size=3,
            )
        )
        return smn(alarm(**changes)), None
    content = draw(contents)
    return wrapped(content, draw(st.sampled_from(sorted(ENVELOPES)))), content


def is_valid(raw: Any) -> bool:
    """Whether this is a request on its own."""
    try:
        parse_request(raw)
    except InvalidEventError:
        return False
    return True


def check(event: Any, content: Any) -> list[str]:
    """Hold one event to both rules; returns what its records became."""
    delivery = parser.parse(event, SCOPE, PLANS, NOW)
    assert delivery.items
    for item in delivery.items:
        assert isinstance(item, StartRun | ControlCommand | Ignored | Invalid)
        asked = item.spec if isinstance(item, StartRun) else item
        assert asked.run_id.isascii()
        if isinstance(item, StartRun):
            again = item.spec.request.model_dump(mode="json", exclude_defaults=True)
            assert item.spec.plan_name or is_valid(again)
            if content is not None and item.spec.plan_name is None and item.spec.alarm_id is None:
                normal = json.loads(json.dumps(content))
                assert is_valid(normal)
        if isinstance(item, Invalid):
            assert all(isinstance(str(problem), str) and problem.fix for problem in item.problems)
    return [type(item).__name__ for item in delivery.items]


def main() -> None:
    """Make up as many as asked, and count what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    options = parser.parse_args()
    counts: Counter[str] = Counter()

    @settings(max_examples=options.examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(events())
    def every(made: tuple[Any, Any]) -> None:
        counts.update(check(*made))

    every()
    print(f"{sum(counts.values())} records: {dict(counts)}")


if __name__ == "__main__":
    main()
