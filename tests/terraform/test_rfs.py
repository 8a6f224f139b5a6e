"""The template for RFS: linted by what RFS documents, and applied like the files that it is made from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.terraform.test_apply import GIVEN, SETS
from tests.terraform.workspace import Workspace
from tools import rfs


@pytest.mark.parametrize("name", ["default", "GeminiDB and a way out", "every subscriber", "a schedule", "no journal"])
def test_the_template_is_applied_and_destroyed(tmp_path: Path, name: str) -> None:
    made = Workspace(tmp_path, {"main.tf": rfs.template()})
    made.init()
    done = made.apply(**{**GIVEN, **SETS[name]})
    assert done.returncode == 0, done.stdout + done.stderr
    assert made.run("destroy", "-no-color", "-auto-approve").returncode == 0
    assert list(made.cloud.iterdir()) == []


def test_it_makes_what_terraform_makes(tmp_path: Path) -> None:
    there = []
    for name, sources in (("a", None), ("b", {"main.tf": rfs.template()})):
        made = Workspace(tmp_path / name, sources)
        made.init()
        assert made.apply(**GIVEN, schedule_enabled=True).returncode == 0
        states = [json.loads(path.read_text(encoding="utf-8")) for path in made.cloud.iterdir()]
        there.append(sorted(re.sub(r"\b[a-z_]+-[0-9a-f]{12}\"", '"', json.dumps(one, sort_keys=True)) for one in states))
    assert there[0] == there[1]


def test_without_an_address_it_says_what_is_missing(tmp_path: Path) -> None:
    made = Workspace(tmp_path, {"main.tf": rfs.template()})
    made.init()
    done = made.apply(**{**GIVEN, "package_url": ""})
    assert "Set package_url: RFS takes no file." in done.stderr
