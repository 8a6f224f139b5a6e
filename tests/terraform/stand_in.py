"""A stand-in for the provider of Huawei Cloud: it takes the arguments that the provider's documents name, and keeps what is made in a folder.

A misspelt argument, a missing one, or a value that the documents do not list fails, as do the few rules of the services that a policy or a
trigger can break. The tests serve it from their own process; started by Terraform itself, STAND_IN_CLOUD says where what is made is kept.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from tf import iface, runner, schema, types
from tf.blocks import SetNestedBlock
from tf.gen import tfplugin_pb2_grpc as rpc
from tf.provider import ProviderServicer

KNOWN = json.loads((Path(__file__).parent / "resources.json").read_text(encoding="utf-8"))
TYPES = {
    "string": types.String(),
    "number": types.Number(),
    "bool": types.Bool(),
    "list": types.Set(types.String()),
    "map": types.Map(types.String()),
}
REGION, PROJECT = "cn-north-4", "0123456789abcdef0123456789abcdef"
GLOBAL = {"obs", "iam"}


def known(value: object) -> bool:
    """Whether a value is there and is not told only when it is applied. A bounded unknown comes as msgpack's own type."""
    return isinstance(value, str | bool | int | float | list | dict)


class Block(SetNestedBlock):
    """A block compares with all that is in it, whatever the order."""

    def semantically_equal(self, a_decoded: Any, b_decoded: Any) -> bool:
        return sorted(map(repr, a_decoded)) == sorted(map(repr, b_decoded))


def attribute(name: str, words: str) -> schema.Attribute:
    kind, type_name, *more = words.split()
    return schema.Attribute(name, TYPES[type_name], **{kind: True}, requires_replace="new" in more, sensitive="sensitive" in more)


def nested(name: str, told: Mapping[str, Any]) -> Block:
    made = Block(name, schema.Block(*parts(told)))
    made.min_items, made.max_items = told.get("least"), told.get("most")
    return made


def parts(told: Mapping[str, Any]) -> tuple[list[schema.Attribute], list[Block]]:
    return (
        [attribute(name, words) for name, words in told.get("attributes", {}).items()],
        [nested(name, inner) for name, inner in told.get("blocks", {}).items()],
    )


def complaints(told: Mapping[str, Any], given: Mapping[str, Any], place: str) -> Iterator[str]:
    """Values that the documents do not list. What is not known yet is not looked at."""
    for name, words in told.get("attributes", {}).items():
        value = given.get(name)
        if not known(value):
            continue
        for word in words.split()[2:]:
            how, _, what = word.partition(":")
            if how == "in" and str(int(value) if isinstance(value, float) else value) not in what.split("|"):
                yield f"{place}.{name} is {value}; the documents list {what}"
            if how == "range":
                low, high = map(int, what.split(".."))
                if not low <= value <= high:
                    yield f"{place}.{name} is {value}; the documents say {low} to {high}"
    for name, inner in told.get("blocks", {}).items():
        blocks = given.get(name)
        for one in blocks if known(blocks) else ():
            if isinstance(one, dict):
                yield from complaints(inner, one, f"{place}.{name}")


def policy_rules(given: Mapping[str, Any]) -> Iterator[str]:
    """A policy is of global services or of a project's, never of both, and names its resources in their services' form."""
    policy = json.loads(given["policy"])
    services = {action.split(":")[0] for one in policy["Statement"] for action in one["Action"]}
    if services & GLOBAL and services - GLOBAL:
        yield "a policy has actions of global services and of a project's"
    if (given["type"] == "AX") != bool(services & GLOBAL):
        yield f"type {given['type']} does not fit {sorted(services)}"
    for one in policy["Statement"]:
        for resource in one.get("Resource", ()):
            if not re.fullmatch(r"(DCS|FunctionGraph|obs):\*:\*:(instance|function|object|bucket):.+", resource):
                yield f"{resource} is no path of a resource"
            if {action.split(":")[0] for action in one["Action"]} != {resource.split(":")[0].lower()}:
                yield f"{resource} does not belong to {one['Action']}"


def function_rules(given: Mapping[str, Any]) -> Iterator[str]:
    data = json.loads(given["user_data"])
    if len(data) > 20 or len(given["user_data"]) > 4096:
        yield "more than 20 variables, or more than 4096 characters"
    if given["code_type"] == "obs" and not str(given["code_url"]).startswith("https://"):
        yield "code_url is no https address"
    if (given.get("vpc_id") is None) != (given.get("network_id") is None):
        yield "vpc_id and network_id go together"


def trigger_rules(given: Mapping[str, Any]) -> Iterator[str]:
    data = json.loads(given["event_data"])
    wanted = {"TIMER": {"name", "schedule_type", "schedule", "user_event"}, "SMN": {"topic_urn"}}[given["type"]]
    if set(data) != wanted:
        yield f"event_data of {given['type']} has {sorted(data)}, not {sorted(wanted)}"
    if len(data.get("user_event", "")) >= 2048:
        yield "user_event has 2 KB or more"


def bucket_rules(given: Mapping[str, Any]) -> Iterator[str]:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", given["bucket"]):
        yield f"{given['bucket']} is no name of a bucket"
    for one in given["lifecycle_rule"]:
        if one["prefix"].startswith("/") or one["prefix"].endswith("/"):
            yield "a prefix neither begins nor ends with a slash"


def object_rules(given: Mapping[str, Any]) -> Iterator[str]:
    if given["source"] is not None and not Path(given["source"]).is_file():
        yield f"there is no file {given['source']}"


def agency_rules(given: Mapping[str, Any], roles: set[str]) -> Iterator[str]:
    if (given["delegated_domain_name"] is None) == (given["delegated_service_name"] is None):
        yield "one of delegated_domain_name and delegated_service_name"
    asked = {role for block in given["project_role"] for role in block["roles"]} | set(given["all_resources_roles"] or ())
    if asked - roles:
        yield f"there is no role {sorted(asked - roles)}"


def destination_rules(given: Mapping[str, Any]) -> Iterator[str]:
    wanted = {"OBS": {"bucket", "prefix", "expires"}, "SMN": {"topic_urn"}}
    for one in given["on_failure"]:
        if set(json.loads(one["param"])) != wanted[one["destination"]]:
            yield f"param of {one['destination']} has {one['param']}"


def subscription_rules(given: Mapping[str, Any]) -> Iterator[str]:
    (extension,) = given["extension"] or [{}]
    if given["protocol"] == "welink" and not (extension.get("client_id") and extension.get("client_secret")):
        yield "welink needs client_id and client_secret"
    if given["protocol"] in ("feishu", "dingding") and not (extension.get("keyword") or extension.get("sign_secret")):
        yield "keyword or sign_secret is missing"


RULES = {
    "identity_role": policy_rules,
    "fgs_function": function_rules,
    "fgs_function_trigger": trigger_rules,
    "obs_bucket": bucket_rules,
    "obs_bucket_object": object_rules,
    "fgs_async_invoke_configuration": destination_rules,
    "smn_subscription": subscription_rules,
}


def computed(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the cloud gives back, in its services' forms."""
    name = kind.removeprefix("huaweicloud_")
    label = next((given[one] for one in ("name", "bucket", "group_name", "stream_name", "alarm_name") if given.get(one)), None)
    match name:
        case "smn_topic":
            urn = f"urn:smn:{REGION}:{PROJECT}:{label}"
            return {"id": urn, "topic_urn": urn}
        case "fgs_function":
            urn = f"urn:fss:{REGION}:{PROJECT}:function:default:{label}"
            return {"id": f"{urn}:latest", "urn": urn, "version": "latest"}
        case "obs_bucket":
            return {"id": label, "bucket_domain_name": f"{label}.obs.{REGION}.myhuaweicloud.com"}
        case "obs_bucket_object":
            return {"id": given["key"]}
        case _:
            return {"id": f"{name}-{uuid.uuid4().hex[:12]}"}


class Resource(iface.Resource):
    kind: str

    def __init__(self, provider: StandIn) -> None:
        self._cloud = provider.cloud

    @classmethod
    def get_name(cls) -> str:
        return cls.kind

    @classmethod
    def get_schema(cls) -> schema.Schema:
        attributes, blocks = parts(KNOWN["resources"][cls.kind])
        return schema.Schema(version=1, attributes=[attribute("id", "computed string"), *attributes], block_types=blocks)

    def validate(self, diags: Any, type_name: str, config: Any) -> None:
        for one in complaints(KNOWN["resources"][type_name], config, type_name):
            diags.add_error("Not in the documents", one)

    def create(self, ctx: Any, planned: Any) -> Any:
        state = {key: value if known(value) else None for key, value in planned.items()}
        for one in self._refusals(state):
            ctx.diagnostics.add_error("The cloud refused it", f"{self.kind}: {one}")
            return None
        state |= computed(self.kind, state)
        path = self._path(state)
        if path.exists():
            ctx.diagnostics.add_error("The cloud refused it", f"{self.kind} {state['id']} is there already")
            return None
        path.write_text(json.dumps(state), encoding="utf-8")
        return state

    def read(self, ctx: Any, current: Any) -> Any:
        path = self._path(current)
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def update(self, ctx: Any, current: Any, planned: Any) -> Any:
        state = {key: current.get(key) if value is types.Unknown else value for key, value in planned.items()}
        for one in self._refusals(state):
            ctx.diagnostics.add_error("The cloud refused it", f"{self.kind}: {one}")
            return current
        self._path(state).write_text(json.dumps(state), encoding="utf-8")
        return state

    def delete(self, ctx: Any, current: Any) -> None:
        self._path(current).unlink()

    def _refusals(self, state: Mapping[str, Any]) -> Iterator[str]:
        name = self.kind.removeprefix("huaweicloud_")
        if name == "identity_agency":
            paths = self._cloud.glob("huaweicloud_identity_role--*.json")
            yield from agency_rules(state, {json.loads(path.read_text(encoding="utf-8"))["name"] for path in paths})
        if rules := RULES.get(name):
            yield from rules(state)

    def _path(self, state: Mapping[str, Any]) -> Path:
        return self._cloud / f"{self.kind}--{re.sub(r'[^A-Za-z0-9-]', '_', str(state['id']))}.json"


class StandIn(iface.Provider):
    def __init__(self, cloud: Path) -> None:
        self.cloud = cloud

    def get_model_prefix(self) -> str:
        return ""

    def full_name(self) -> str:
        return "registry.terraform.io/huaweicloud/huaweicloud"

    def get_provider_schema(self, diags: Any) -> schema.Schema:
        return schema.Schema(attributes=[attribute("region", "optional string")])

    def validate_config(self, diags: Any, config: Any) -> None: ...

    def configure_provider(self, diags: Any, config: Any) -> None: ...

    def get_data_sources(self) -> list[Any]:
        return []

    def get_resources(self) -> list[Any]:
        return [type(kind, (Resource,), {"kind": kind}) for kind in KNOWN["resources"]]


def serve(cloud: Path, socket: Path) -> grpc.Server:
    """The stand-in as a server in this process, for Terraform to attach to: no process is started for each of its steps."""
    server = grpc.server(ThreadPoolExecutor(max_workers=10))
    rpc.add_ProviderServicer_to_server(ProviderServicer(StandIn(cloud)), server)
    server.add_insecure_port(f"unix://{socket}")
    server.start()
    return server


if __name__ == "__main__":
    runner.run_provider(StandIn(Path(os.environ["STAND_IN_CLOUD"])), ["stand_in"])
