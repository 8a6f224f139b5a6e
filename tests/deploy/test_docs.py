"""docs/deploy-lambda.md names every right that the code asks for, and every parameter of the template."""

from __future__ import annotations

from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

from dcs_upkeep.adapters import alarms, topics
from dcs_upkeep.adapters.dcs import client
from dcs_upkeep.local import topic_checks

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "deploy-lambda.md").read_text(encoding="utf-8")


def test_every_right_on_huawei_cloud_is_named() -> None:
    asked = {
        *client.PERMISSIONS.values(),
        *alarms.PERMISSIONS.values(),
        *(one for one in topics.PERMISSIONS.values() if one.startswith("smn:")),
    }
    assert [one for one in asked if f"`{one}`" not in PAGE] == []


def test_every_parameter_is_named() -> None:
    template = yaml_parse((ROOT / "template.yml").read_text(encoding="utf-8"))
    assert [name for name in template["Parameters"] if f"`{name}`" not in PAGE] == []


def test_the_doctor_s_own_rights_are_named_and_not_the_function_s() -> None:
    operate = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    policies = (ROOT / "template.yml").read_text(encoding="utf-8") + (ROOT / "deploy" / "functiongraph" / "main.tf").read_text(
        encoding="utf-8"
    )
    for right in topic_checks.PERMISSIONS.values():
        assert f"`{right}`" in operate
        assert right not in policies
