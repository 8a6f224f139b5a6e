"""Every line of the README that can be run is run, and every table is the code's own."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from dcs_upkeep.domain.request import parse_request
from tools import dev, readme, schemas

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def commands() -> Iterator[str]:
    for block in blocks("sh"):
        yield from (line for line in block.splitlines() if line)


@pytest.mark.parametrize("name", sorted(readme.PLACES))
def test_the_tables_are_the_code_s_own(name: str) -> None:
    """Run `make readme` and commit what it writes."""
    assert readme.written(name) == (ROOT / name).read_text(encoding="utf-8")


def test_every_event_file_is_named() -> None:
    missing = [path.name for path in (ROOT / "events").rglob("*.json") if path.name not in TEXT]
    assert missing == []


def test_every_named_file_exists() -> None:
    """A link into nothing is a lie."""
    named = re.findall(r"\]\(([^)#]+)\)", TEXT) + re.findall(r"`((?:events|docs|schemas|deploy|tests|dcs_upkeep)/[\w./-]+)`", TEXT)
    assert [name for name in named if not name.startswith("http") and not (ROOT / name).exists()] == []


@pytest.mark.parametrize("command", [one for one in commands() if one.startswith("make ")])
def test_a_make_command_is_a_target(command: str) -> None:
    target = command.split()[1]
    assert re.search(rf"^{target}: ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert target in dev.TARGETS


@pytest.mark.parametrize("command", [one for one in commands() if one.startswith("python -m dcs_upkeep")])
def test_a_command_runs(command: str, tmp_path: Path) -> None:
    words = shlex.split(command)
    done = subprocess.run(
        [sys.executable, *words[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr


def test_the_request_is_a_request() -> None:
    request, _ = (json.loads(block) for block in blocks("json"))
    assert parse_request(request).name == "weekly restart of the session caches"


def test_the_report_is_a_report() -> None:
    _, report = (json.loads(block) for block in blocks("json"))
    jsonschema.validate(report, schemas.report_schema())


def test_the_main_job_restarts_24_in_waves(tmp_path: Path) -> None:
    """What `make demo` runs once it has set up its environment."""
    done = subprocess.run(
        [sys.executable, "-m", "dcs_upkeep", "run", "--local", "events/timer-restart-by-tag.json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    for word in ("wave 1", "wave 3", "24 completed", "succeeded", "Nothing to do."):
        assert word in done.stdout, f"{word!r} is not in the output"
