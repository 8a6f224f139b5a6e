"""docs/cli.md against the program: every command and option that its help shows, the exit statuses, and the error object."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.main import get_command

from dcs_upkeep.domain.model import RunStatus
from dcs_upkeep.local.answers import EXITS, WORST_FIRST
from dcs_upkeep.local.cli import app
from dcs_upkeep.local.running import OLD_S
from tests.local.terminal import ROOT, cli

PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
COMMANDS = list(vars(get_command(app))["commands"])
WORD = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def section(name: str) -> str:
    found = re.search(rf"^### `{name}\b.*?(?=^### |^<!-- )", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/cli.md has no command {name}: make readme"
    return found[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_has_what_help_shows(name: str, tmp_path: Path) -> None:
    shown = cli(name, "-h", home=tmp_path, COLUMNS="200", TERM="dumb")
    assert shown.returncode == 0
    words = set(WORD.findall(section(name).split("|---", 1)[1]))
    # (An option's own words stand at the beginning of its line; further on, a description may name another.)
    offered = {word for line in shown.stdout.splitlines() for word in WORD.findall(line[:45])} - {"--help"}
    assert offered <= words
    assert words <= set(WORD.findall(shown.stdout)) | {"--yes", "--function"}


def test_the_page_names_no_command_that_is_not_there() -> None:
    assert re.findall(r"^### `([a-z]+)", PAGE, re.MULTILINE) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_speaks_json(name: str) -> None:
    assert "`--json`" in section(name)


def test_the_page_s_statuses_are_the_program_s() -> None:
    rows = dict(re.findall(r"^\| (\d) \| (.*?) \|$", PAGE, re.MULTILINE))
    assert {int(status) for status in rows} == set(WORST_FIRST)
    assert set(EXITS) == {status.value for status in RunStatus}
    for word in ("succeeded", "planned", "partial", "failed", "deferred", "running"):
        assert word in rows[str(EXITS[word])]
    assert EXITS["rejected"] == EXITS["halted"] == 2
    assert "in the order " + ", ".join(map(str, WORST_FIRST)) in PAGE


def test_the_error_object_of_the_page_is_the_program_s(tmp_path: Path) -> None:
    (block,) = re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)
    assert json.loads(cli("run", "--json", "nofile.json", home=tmp_path).stdout) == json.loads(block)


def test_the_page_says_how_long_a_look_may_take() -> None:
    assert f"longer than {OLD_S:.0f} s" in PAGE


def test_version_and_help_need_no_command(tmp_path: Path) -> None:
    assert re.fullmatch(r"dcs-upkeep \d+\.\d+\.\d+\S*\n", cli("--version", home=tmp_path).stdout)
    for word in ("-h", "--help"):
        assert "history" in cli(word, home=tmp_path).stdout
