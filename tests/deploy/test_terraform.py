"""deploy/functiongraph against the code: settings, rights, runtime, triggers. The HCL is parsed, not applied: no cloud is reachable."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import hcl2
import pytest

from dcs_upkeep.domain.run import ControlCommand
from dcs_upkeep.domain.settings import SETTING_FIELDS
from dcs_upkeep.triggers import parser
from dcs_upkeep.triggers.delivery import RunIdScope, StartRun
from tests.fakes import FakeClock
from tests.rights import asked

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


# What each resource takes, from the provider's documents (docs/resources/*.md). A misspelt attribute would show only when it is applied.
DOCUMENTED = {
    "huaweicloud_fgs_async_invoke_configuration": "function_urn max_async_event_age_in_seconds max_async_retry_attempts on_failure on_success",
    "huaweicloud_fgs_function": (
        "agency app app_agency code_type code_url description enable_lts_log encrypted_user_data handler log_group_id log_group_name "
        "log_stream_id log_stream_name memory_size name network_id runtime timeout user_data vpc_id"
    ),
    "huaweicloud_fgs_function_trigger": "event_data function_urn status type",
    "huaweicloud_identity_agency": "delegated_domain_name delegated_service_name description domain_roles duration name project_role",
    "huaweicloud_identity_role": "description name policy type",
    "huaweicloud_lts_group": "group_name tags ttl_in_days",
    "huaweicloud_lts_stream": "group_id stream_name tags ttl_in_days",
    "huaweicloud_nat_gateway": "description name spec subnet_id vpc_id",
    "huaweicloud_nat_snat_rule": "cidr description floating_ip_id nat_gateway_id source_type subnet_id",
    "huaweicloud_smn_subscription": "endpoint protocol remark topic_urn",
    "huaweicloud_smn_topic": "display_name introduction name services_publish_allowed tags users_publish_allowed",
    "huaweicloud_vpc_eip": "bandwidth name publicip tags",
}
# FunctionGraph's own needs in a VPC (user guide, "Configuring Agency Permissions"), and its sending of failed events.
PLATFORM = {"vpc:ports:create", "vpc:ports:delete", "vpc:ports:get", "vpc:subnets:get", "vpc:vpcs:get", "smn:topic:publish"}


def granted_by(role: str) -> set[str]:
    text = str(blocks("main.tf", "resource")[f"huaweicloud_identity_role.{role}"]["policy"])
    assert "*" not in text
    return set(re.findall(r"\b([a-z]+:[A-Za-z]+:[A-Za-z]+)\b", text))


def test_resources_take_what_the_provider_documents() -> None:
    for name, block in blocks("main.tf", "resource").items():
        known = {*DOCUMENTED[name.split(".")[0]].split(), "count", "lifecycle"}
        own = {key for key in block if not key.startswith("__")}
        assert own <= known, f"{name}: {sorted(own - known)}"


def test_a_timer_that_is_not_wanted_is_not_made() -> None:
    """The provider sends no status when it makes a trigger, so that `status = "DISABLED"` would run once it is applied."""
    scheduled = blocks("main.tf", "resource")["huaweicloud_fgs_function_trigger.scheduled"]
    assert "schedule_enabled" in str(scheduled["count"])
    assert blocks("variables.tf", "variable")["schedule_enabled"]["default"] is False
    triggers_made = [one for name, one in blocks("main.tf", "resource").items() if "function_trigger" in name]
    assert len(triggers_made) == 3
    assert not any("status" in one for one in triggers_made)


def test_what_the_platform_needs_in_a_vpc_never_reaches_the_code() -> None:
    resources = blocks("main.tf", "resource")
    assert granted_by("platform") == PLATFORM
    function = resources["huaweicloud_fgs_function.this"]
    assert "identity_agency.this" in function["app_agency"]
    assert "identity_agency.platform" in function["agency"]
    for name in ("huaweicloud_identity_role.platform", "huaweicloud_identity_agency.platform"):
        assert "in_vpc" in str(resources[name]["count"])
    for name in ("huaweicloud_vpc_eip.out", "huaweicloud_nat_gateway.out", "huaweicloud_nat_snat_rule.out"):
        assert "make_nat" in str(resources[name]["count"])


def test_rights_are_those_of_the_calls_and_no_more() -> None:
    assert granted_by("this") == asked("ces", "dcs", "functiongraph", "smn")


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
    scope, now = RunIdScope("functiongraph", "f", "r", "p", "r"), FakeClock().now()
    for text, kind in ((json.dumps(request), StartRun), ('{"command": "sweep"}', ControlCommand)):
        event = {"trigger_type": "TIMER", "trigger_name": "t", "time": now.isoformat(), "user_event": text}
        (item,) = parser.parse(event, scope, None, now).items
        assert isinstance(item, kind)
    assert 'schedule      = "5m"' in MAIN


@pytest.mark.parametrize(
    "name",
    ["project_id", "region", "package_url", "schedule", "scheduled_request", "allowed_actions", "journal", "log_days", "max_instances"],
)
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
