"""The published schemas: never stale, and true to what the code takes and returns."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from dcs_upkeep.domain.errors import InvalidEventError
from dcs_upkeep.domain.request import parse_request
from tools import schemas

ONE = "2e803f66-fbb0-47ad-b6cb-fb87f5bed4ef"


@pytest.mark.parametrize("name", sorted(schemas.every()))
def test_a_published_schema_is_what_the_code_generates(name: str) -> None:
    """Run `make schemas` and commit what it writes."""
    assert (schemas.FOLDER / name).read_text(encoding="utf-8") == schemas.every()[name]


@pytest.mark.parametrize("name", sorted(schemas.every()))
def test_a_published_schema_is_valid_itself(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads((schemas.FOLDER / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("event", "fine"),
    [
        ({"action": "restart", "instances": [ONE]}, True),
        ({"action": "restart", "select": {"tags": {"env": "demo"}}, "rollout": {"max_failures": "5%"}}, True),
        ({"plan": "nightly", "dry_run": True}, True),
        ({"action": "restart", "instances": [ONE], "watch": False}, True),
        ({"action": "restart"}, False),
        ({"action": "restart", "instances": [ONE], "select": {"name": "a*"}}, False),
        ({"action": "restart", "instances": []}, False),
        ({"action": "restart", "instances": [ONE, ONE]}, False),
        ({"action": "reboot", "instances": [ONE]}, False),
        ({"action": "restart", "instances": [ONE], "waves": 3}, False),
        ({"plan": "nightly", "action": "restart"}, False),
    ],
)
def test_schema_and_code_agree_on_a_request(event: dict[str, Any], fine: bool) -> None:
    """An editor that checks an event against the schema must not say the opposite of the function."""
    validator = jsonschema.Draft202012Validator(schemas.request_schema())
    assert validator.is_valid(event) is fine
    try:
        parse_request(event)
        parsed = True
    except InvalidEventError:
        parsed = False
    assert parsed is fine
