"""Each call to a cloud is listed beside its adapter, and nothing is listed that is not called.

The shipped policies are held against these lists in tests/deploy. What counts as a call to a cloud is asked of the SDKs themselves.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import boto3
import pytest
from huaweicloudsdkces.v2 import CesClient
from huaweicloudsdkdcs.v2 import DcsClient
from huaweicloudsdkfunctiongraph.v2 import FunctionGraphClient
from huaweicloudsdksmn.v2 import SmnClient

from dcs_upkeep.adapters.journals.obs_bucket import Bucket
from tests.rights import PLACES, ROOT, listed, module_name, sources

# No SDK is used for OBS: these are the methods of `obs_bucket.Bucket`.
OBS = {name for name in vars(Bucket) if name.startswith(("append_", "get_"))}
HUAWEI = ("dcs", "smn", "ces", "functiongraph", "obs")
AWS = ("dynamodb", "lambda", "secretsmanager", "sns", "sqs")


@cache
def operations() -> frozenset[str]:
    """Every operation of every SDK that is used here, and of OBS, by its method's name."""
    clients = (CesClient, DcsClient, FunctionGraphClient, SmnClient)
    methods = {name for one in clients for name in dir(one)}
    huawei = {name for name in methods if f"_{name}_http_info" in methods}
    aws = {name for one in AWS for name in boto3.client(one, region_name="eu-central-1").meta.method_to_api_mapping}
    return frozenset(huawei | aws | OBS)


def calls(path: Path) -> set[str]:
    """Operations that a file calls on some object."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}
    return called & operations()


def test_every_call_is_listed_and_every_listed_one_is_called() -> None:
    called: dict[str, set[str]] = {}
    for path in sources():
        if found := calls(path):
            called[module_name(path)] = found
    assert {name: sorted(found) for name, found in called.items()} == {name: sorted(rights) for name, rights in listed().items()}


def test_the_core_calls_no_cloud() -> None:
    """There an operation's name could only be one of our ports'."""
    ports = {"query", "publish", "invoke"}
    core = [path for path in (ROOT / "dcs_upkeep").rglob("*.py") if not set(path.relative_to(ROOT).parts) & {*PLACES, "emulator"}]
    assert {path.name: calls(path) - ports for path in core if calls(path) - ports} == {}


@pytest.mark.parametrize("name", sorted(listed()))
def test_a_right_is_written_as_its_cloud_writes_it(name: str) -> None:
    for right in listed()[name].values():
        service, *rest = right.split(":")
        assert service in (*HUAWEI, "sns", "dynamodb", "lambda", "secretsmanager", "sqs")
        assert len(rest) == (2 if service in HUAWEI else 1)
        assert "*" not in right
