"""The hcloud commands of docs/: operations and parameters are those of the services, and the files make what Terraform makes."""

from __future__ import annotations

import importlib
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.terraform.test_apply import GIVEN
from tests.terraform.workspace import ROOT, Workspace

PAGE = ROOT / "docs" / "deploy-functiongraph-console.md"
FILES = ROOT / "deploy" / "hcloud"
SERVICES = {"FunctionGraph": ("functiongraph", "v2"), "IAM": ("iam", "v3"), "LTS": ("lts", "v2"), "SMN": ("smn", "v2")}
LEFT = {"<log group>", "<log stream>"}  # what a later step answers with


def commands() -> list[str]:
    found = []
    for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        found += [" ".join(line.split()) for line in block.splitlines() if line.strip()]
    return found


CALLS = [one for one in commands() if one.split()[0] == "hcloud" and one.split()[1] in SERVICES]


def model(service: str, name: str) -> Any:
    package, version = SERVICES[service]
    return getattr(importlib.import_module(f"huaweicloudsdk{package}.{version}.model"), name)


def fields(kind: Any) -> dict[str, str]:
    """Name on the wire -> type."""
    return {kind.attribute_map[name]: told for name, told in kind.openapi_types.items()}


def unknown(service: str, kind: Any, given: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """Names in a body that the service's own model does not have."""
    known = fields(kind)
    for name, value in given.items():
        if name not in known:
            yield f"{place}{name}"
            continue
        inner = re.sub(r"^list\[(.*)\]$", r"\1", known[name])
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and inner[0].isupper():
                yield from unknown(service, model(service, inner), one, f"{place}{name}.")


def nested(path: str, value: str) -> dict[str, Any]:
    head, _, rest = path.partition(".")
    return {head: nested(rest, value) if rest else value}


def test_there_are_commands_for_each_service() -> None:
    assert len(CALLS) > 25
    assert {one.split()[1] for one in CALLS} == set(SERVICES)
    assert {one.split()[1] for one in commands() if one.split()[0] == "hcloud"} - set(SERVICES) == {"configure", "obs"}


@pytest.mark.parametrize("command", CALLS, ids=lambda one: " ".join(one.split()[1:3]))
def test_operation_and_parameters_are_the_service_s(command: str) -> None:
    _, service, operation, *words = shlex.split(re.sub(r"<([^<>]*)>", lambda found: found[1].replace(" ", "-"), command))
    request = model(service, f"{operation}Request")
    own = {name: kind for name, kind in fields(request).items() if name != "body"}
    body = request.openapi_types.get("body")
    assert words
    given = dict(word.removeprefix("--").split("=", 1) for word in words)
    assert given.pop("cli-region") == "cn-north-4"
    file = given.pop("cli-jsonInput", None)
    told = json.loads((FILES / Path(file).name).read_text(encoding="utf-8")) if file else {}
    assert set(told) <= {"body"}
    for path, value in given.items():
        if path not in own and path != "project_id":
            assert body is not None
            assert list(unknown(service, model(service, body), nested(path, value))) == []
    if told and body != "dict(str, object)":
        assert list(unknown(service, model(service, body), told["body"])) == []
    if body is None:
        assert set(given) - {"project_id"} <= set(own)


def replaced() -> dict[str, Any]:
    """The files as the page's sed leaves them."""
    (line,) = [one for one in commands() if one.startswith("sed")]
    swaps = re.findall(r"s/(<[a-z]+>)/([\w-]+)/g", line)
    assert len(swaps) == 3
    texts = {path.name: path.read_text(encoding="utf-8") for path in FILES.glob("*.json")}
    for old, new in swaps:
        texts = {name: text.replace(old, new) for name, text in texts.items()}
    assert {found for text in texts.values() for found in re.findall(r"<[^>]+>", text)} == LEFT
    return {name: json.loads(text)["body"] for name, text in texts.items()}


def test_every_file_is_used_and_every_used_file_is_there() -> None:
    assert {Path(found).name for found in re.findall(r"--cli-jsonInput=(\S+)", PAGE.read_text(encoding="utf-8"))} == {
        path.name for path in FILES.iterdir()
    }


def test_the_files_make_what_terraform_makes(workspace: Workspace) -> None:
    files = replaced()
    url = files["function.json"]["code_url"]
    done = workspace.apply(**{**GIVEN, "bucket_name": "your-bucket", "schedule_enabled": True, "package_url": url})
    assert done.returncode == 0, done.stdout + done.stderr
    roles = {one["name"]: one for one in workspace.made("identity_role")}
    ours = {body["role"]["display_name"]: body["role"] for name, body in files.items() if name.startswith("role")}
    assert set(ours) == set(roles)
    for name, one in ours.items():
        assert (one["policy"], one["type"], one["description"]) == (
            json.loads(roles[name]["policy"]),
            roles[name]["type"],
            roles[name]["description"],
        )
    (function,) = workspace.made("fgs_function")
    made = files["function.json"]
    same = {"func_name": "name", "package": "app", "xrole": "agency", "app_xrole": "app_agency", "enable_lts_log": "enable_lts_log"}
    same |= {name: name for name in ("runtime", "handler", "memory_size", "timeout", "code_type", "code_url", "description")}
    assert {name: made[name] for name in same} == {name: function[there] for name, there in same.items()}
    assert json.loads(made["user_data"]) == json.loads(function["user_data"])
    (kept,) = workspace.made("fgs_async_invoke_configuration")
    config = files["failed-events.json"]
    assert config["max_async_retry_attempts"] == kept["max_async_retry_attempts"] == 0
    assert json.loads(config["destination_config"]["on_failure"]["param"]) == json.loads(kept["on_failure"][0]["param"])
    timers = {
        one["name"]: one
        for one in (json.loads(one["event_data"]) for one in workspace.made("fgs_function_trigger") if one["type"] == "TIMER")
    }
    for name in ("sweep", "scheduled"):
        told = files[f"{name}.json"]["event_data"]
        assert {**told, "user_event": json.loads(told["user_event"])} == {
            **timers[name],
            "user_event": json.loads(timers[name]["user_event"]),
        }
    policy = json.loads(files["topic-policy.json"]["value"])
    assert [one["Principal"] for one in policy["Statement"]] == [{"Service": ["ces"]}]
