"""deploy/functiongraph against the code: settings, rights, runtime, triggers. The HCL is parsed, not applied: no cloud is reachable."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import hcl2
import pytest

from dcs_upkeep import triggers
from dcs_upkeep.adapters import alarms, selfcalls, topics
from dcs_upkeep.adapters.dcs import client
from dcs_upkeep.deliveries import Control, Run, Scope
from dcs_upkeep.settings import SETTING_FIELDS
from tests.fakes import FakeClock

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "functiongraph"
MAIN = (FOLDER / "main.tf").read_text(encoding="utf-8")


def plain(value: Any) -> Any:
    """Names and texts without the quotes that the parser keeps."""
    if isinstance(value, str):
        return value.strip('"')
    if isinstance(value, list):
        return [plain(one) for one in value]
    return {plain(key): plain(one) for key, one in value.items()} if isinstance(value, dict) else value


def blocks(name: str, kind: str) -> dict[str, Any]:
    """Name -> block, of one kind."""
    with (FOLDER / name).open(encoding="utf-8") as file:
        parsed = plain(hcl2.load(file))
    found: dict[str, Any] = {}
    for block in parsed.get(kind, []):
        for label, inner in block.items():
            if kind == "resource":
                found |= {f"{label}.{name}": one for name, one in inner.items() if isinstance(one, dict)}
            elif isinstance(inner, dict):
                found[label] = inner
    return found


def test_runtime_handler_and_timeout() -> None:
    function = blocks("main.tf", "resource")["huaweicloud_fgs_function.this"]
    assert (function["handler"], function["runtime"], function["timeout"], function["memory_size"]) == (
        "handler.handler",
        "Python3.12",
        900,
        512,
    )


def test_every_variable_of_the_function_is_a_setting() -> None:
    named = set(re.findall(r"\b(UPKEEP_[A-Z_]+)\s*=", MAIN))
    assert named
    assert named - set(SETTING_FIELDS) == set()


def test_rights_are_those_of_the_calls_and_no_more() -> None:
    granted = set(re.findall(r'"((?:dcs|ces|smn|functiongraph):[A-Za-z]+:[A-Za-z*]+)"', MAIN))
    asked = {
        *client.PERMISSIONS.values(),
        *alarms.PERMISSIONS.values(),
        *(one for one in topics.PERMISSIONS.values() if one.startswith("smn:")),
        *(one for one in selfcalls.PERMISSIONS.values() if one.startswith("functiongraph:")),
    }
    assert granted == asked
    assert "*" not in "".join(granted)


def test_the_platform_never_retries_and_says_what_failed() -> None:
    config = blocks("main.tf", "resource")["huaweicloud_fgs_async_invoke_configuration.this"]
    assert config["max_async_retry_attempts"] == 0
    assert "on_failure" in config


def test_timers_name_their_zone_and_send_what_the_function_takes() -> None:
    variables = blocks("variables.tf", "variable")
    assert variables["schedule"]["default"].startswith("CRON_TZ=")
    request = json.loads(
        re.search(r'variable "scheduled_request".*?default\s*=\s*"(.*?)"\n', (FOLDER / "variables.tf").read_text(), re.DOTALL)[1].replace(
            '\\"', '"'
        )
    )  # type: ignore[index]
    scope, now = Scope("functiongraph", "f", "r", "p", "r"), FakeClock().now()
    for text, kind in ((json.dumps(request), Run), ('{"command": "sweep"}', Control)):
        event = {"trigger_type": "TIMER", "trigger_name": "t", "time": now.isoformat(), "user_event": text}
        (item,) = triggers.parse(event, scope, None, now).items
        assert isinstance(item, kind)
    assert 'schedule      = "5m"' in MAIN


@pytest.mark.parametrize("name", ["project_id", "region", "package_url", "schedule", "scheduled_request", "allowed_actions", "journal"])
def test_variables_are_validated(name: str) -> None:
    assert "validation" in blocks("variables.tf", "variable")[name]


def test_the_example_sets_known_variables_and_all_that_have_no_default() -> None:
    given = set(re.findall(r"^(\w+)\s*=", (FOLDER / "example.tfvars").read_text(encoding="utf-8"), re.MULTILINE))
    variables = blocks("variables.tf", "variable")
    assert given - set(variables) == set()
    assert {name for name, one in variables.items() if "default" not in one} - given == set()


def test_passwords_are_encrypted_settings() -> None:
    assert re.search(r"encrypted_user_data = .*?GEMINIDB_PASSWORD", MAIN, re.DOTALL)
    assert blocks("variables.tf", "variable")["geminidb_password"]["sensitive"] is True
