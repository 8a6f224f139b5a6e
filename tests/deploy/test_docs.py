"""docs/deploy-lambda.md names every right that the code asks for, and every parameter of the template."""

from __future__ import annotations

from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

from dcs_upkeep.adapters import alarms, topics
from dcs_upkeep.adapters.dcs import client

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
