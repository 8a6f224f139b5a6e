"""Events around every envelope, made up: `python -m tests.triggers.property_run --examples 100000`. The suite runs a quick round of it.

Whatever comes, inside whatever: parsing raises nothing, only a request that is valid on its own becomes a run, what needs trust is never
taken from inside an envelope, and nothing is opened more than three deep.
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
from dcs_upkeep.triggers.payload import FROM_ANYWHERE
from tests.triggers.test_nesting import INNER, of_functiongraph, of_lambda
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
        "requestPayload",
        "request_payload",
        "request_context",
        "headers",
        "Idempotency-Key",
        "Type",
        "type",
        "MessageId",
        "message_id",
        "topic_urn",
        "attributes",
        "MessageGroupId",
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


commands = st.fixed_dictionaries(
    {},
    optional={
        "command": st.sampled_from(["halt", "release", "sweep", "show", "status", "doctor"]),
        "resume": texts,
        "halt": texts,
        "run": texts,
    },
)
WHOLE = ({"action": "restart", "instances": [ID]}, {"plan": "nightly"}, {"command": "release", "halt": "h"}, {"resume": "r"})
WRAPPERS = {name: wrap for name, (wrap, _) in INNER.items()}
FAILURES = {"lambda": of_lambda, "functiongraph": of_functiongraph}


def wrapped(content: Any, wrap: Any) -> Any:
    """The content in this envelope; where it cannot be written as JSON, as it is."""
    try:
        return wrap(content)
    except (ValueError, TypeError):
        return content


@st.composite
def nested(draw: Any) -> tuple[Any, Any, int]:
    """A request, a command or anything else in up to five envelopes and records of failures, as text or text in text."""
    content = draw(contents | commands | st.sampled_from(WHOLE))
    event, envelopes = json.loads(json.dumps(content, allow_nan=False, default=str)) if is_writable(content) else None, 0
    for name in draw(st.lists(st.sampled_from([*WRAPPERS, *FAILURES]), min_size=2, max_size=5)):
        before = draw(st.sampled_from(["", "", "\ufeff"]))
        inside = before + json.dumps(event) if draw(st.integers(0, 3)) == 0 else event
        event = (WRAPPERS.get(name) or FAILURES[name])(inside)
        envelopes += name in WRAPPERS
    return event, content, envelopes


def is_writable(content: Any) -> bool:
    """Whether it can be written as JSON that is read again."""
    try:
        json.dumps(content, allow_nan=False).encode()
    except (ValueError, TypeError):
        return False
    return True


@st.composite
def events(draw: Any) -> tuple[Any, Any] | tuple[Any, Any, int]:
    """An event, and the content that was put into it (None where it was made up as a whole); and how many envelopes it is in."""
    kind = draw(st.integers(0, 7))
    if kind == 0:
        return draw(values), None
    if kind > 5:
        made: tuple[Any, Any, int] = draw(nested())
        return made
    if kind == 1:
        raw = draw(st.binary(max_size=60) | texts | st.sampled_from(['{"a":1,"a":2}', "[" * 5000, "1" * 5000, "NaN", "1e999"]))
        return raw, None
    if kind == 2:
        changed = draw(st.sampled_from([timer, smn, apig, kafka]))(draw(values | texts))
        changed[draw(keys)] = draw(values)
        return changed, None
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
    return wrapped(content, ENVELOPES[draw(st.sampled_from(sorted(ENVELOPES)))][0]), content


def is_valid(raw: Any) -> bool:
    """Whether this is a request on its own."""
    try:
        parse_request(raw)
    except InvalidEventError:
        return False
    return True


def check(event: Any, content: Any, envelopes: int | None = None) -> list[str]:
    """Hold one event to all rules; returns what its records became. `envelopes`: how many the content is in, None if it is not nested."""
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
        if envelopes is not None and isinstance(item, ControlCommand):
            assert item.command in FROM_ANYWHERE
        if envelopes is not None and envelopes > parser.MOST_ENVELOPES:
            assert isinstance(item, Invalid)
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
    def every(made: Any) -> None:
        counts.update(check(*made))

    every()
    print(f"{sum(counts.values())} records: {dict(counts)}")


if __name__ == "__main__":
    main()
