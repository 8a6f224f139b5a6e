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
import pyte
import pytest

from dcs_upkeep.domain.model import OutcomeKind
from dcs_upkeep.domain.request import parse_request
from tools import demo_run, dev, pictures, readme, schemas

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_LINES = 120


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(language: str, text: str = TEXT) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands() -> Iterator[str]:
    for block in blocks("sh"):
        yield from (line for line in block.splitlines() if line)


@pytest.mark.parametrize("name", sorted(readme.PLACES))
def test_the_tables_are_the_code_s_own(name: str) -> None:
    """Run `make readme` and commit what it writes."""
    assert readme.written(name) == (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_it_is_a_front_door(name: str) -> None:
    """Whoever comes to it reads it to the end; what is long stands in docs/."""
    assert len(text_of(name).splitlines()) < MOST_LINES


def test_the_pictures_are_of_this_version() -> None:
    """Run `make pictures` and commit what it draws."""
    assert [path.name for path, svg in pictures.terminals().items() if path.read_text(encoding="utf-8") != svg] == []


@pytest.mark.parametrize("name", sorted(pictures.PICTURES))
def test_a_picture_needs_nothing_from_elsewhere(name: str) -> None:
    named = re.findall(r"(?:https?:)?//[\w.-]+", (pictures.FOLDER / name).read_text(encoding="utf-8"))
    assert set(named) <= {"http://www.w3.org"}


def test_the_picture_shows_what_is_printed_in_its_colours() -> None:
    screen = pyte.Screen(pictures.COLUMNS, 3)
    pyte.Stream(screen).feed("gone\r\x1b[2K\x1b[1;31mred\x1b[0m 重启 \x1b[38;2;1;2;3mexact\x1b[0m")
    (line,) = pictures.lines_of(screen)
    assert line.plain == "red 重启 exact"
    assert {str(span.style) for span in line.spans} == {"bold red", "#010203"}


def test_wide_signs_stand_over_two_cells_each() -> None:
    screen = pyte.Screen(pictures.COLUMNS, 3)
    pyte.Stream(screen).feed("第1批 <ok>")
    svg = pictures.drawn(screen, ("run",), "wide.svg")
    cell = float(re.search(r'textLength="([\d.]+)"[^>]*>\$&#160;<', svg)[1]) / 2  # type: ignore[index]  # the prompt
    row = re.findall(r'-r\d+" x="([\d.]+)" y="[\d.]+" textLength="([\d.]+)"[^>]*>([^<\n]+)</text>', svg)
    found = [(round(float(x) / cell), round(float(length) / cell), text) for x, length, text in row]
    assert found[-4:] == [(0, 2, "第"), (2, 1, "1"), (3, 2, "批"), (5, 5, "&#160;&lt;ok&gt;")]


def test_every_event_file_is_named() -> None:
    named = text_of("docs/triggers.md").split("## Example events", 1)[1]
    assert [path.name for path in (ROOT / "events").rglob("*.json") if f"`{path.name}`" not in named.replace("plans/", "")] == []


def test_every_page_is_in_the_table() -> None:
    assert [path.name for path in (ROOT / "docs").glob("*.md") if f"(docs/{path.name})" not in TEXT] == []


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
    (request,) = (json.loads(block) for block in blocks("json"))
    assert parse_request(request).name == "weekly restart of the session caches"


def test_the_report_is_a_report_of_three_waves() -> None:
    (shown,) = (json.loads(block) for block in blocks("json", text_of("docs/report.md")))
    jsonschema.validate(shown, schemas.report_schema())
    assert [row["wave"] for row in shown["instances"]] == [1, 2, 3]


def test_every_outcome_is_explained() -> None:
    table = text_of("docs/report.md").split("| outcome |", 1)[1].split("\n\n", 1)[0]
    first = " ".join(row.split("|")[1] for row in table.splitlines()[2:])
    assert sorted(re.findall(r"`(\w+)`", first)) == sorted(OutcomeKind)


def test_the_main_job_restarts_24_in_waves(tmp_path: Path) -> None:
    """What `make demo` runs once it has set up its environment."""
    done = subprocess.run(
        [sys.executable, "-m", "dcs_upkeep", "run", "--local", demo_run.EVENT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    for word in ("wave 1", "wave 3", "24 completed", "succeeded", "Nothing to do."):
        assert word in done.stdout, f"{word!r} is not in the output"
