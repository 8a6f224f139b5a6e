"""Real output of the real program: at 80 and 120 columns, piped and drawn, without colour, in both languages, in an ASCII terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.local.terminal import BY_TAG, FAST, FLUSH, cli, on_terminal, write

SCREEN = 24


def lines_of(text: str, columns: int) -> int:
    """Lines of a terminal so wide."""
    return sum(max(1, -(-cell_len(line) // columns)) for line in text.splitlines())


def wide_fleet(folder: Path) -> str:
    """Two dozen with long Chinese names, three of which lose their data."""
    tags = {"env": "demo"}
    rows = [
        {
            "instance_id": f"{n:08d}-3333-4444-8888-{n:012d}",
            "name": f"订单服务-会话缓存-生产环境-{n:03d}",
            "tags": tags,
            "appendonly": "no" if n < 3 else "yes",
        }
        for n in range(24)
    ]
    path = folder / "fleet.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("command", ["run", "plan"])
def test_an_unapproved_flush_of_24_is_one_screen(command: str, columns: int, language: str, tmp_path: Path) -> None:
    """It was 331 lines."""
    env = {"COLUMNS": str(columns), "UPKEEP_LANGUAGE": language}
    done = cli(command, write(tmp_path, FLUSH), "--instances", "24", "--time-scale", "300", home=tmp_path, **env)
    assert done.returncode == (2 if command == "run" else 0)
    told = done.stdout.partition("\n")[2]  # below the run's id
    assert lines_of(told, columns) <= SCREEN + 4  # (what is done, the folder of this test in two commands)
    assert "--approve v2:" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("columns", [80, 120])
def test_long_chinese_names_break_nothing(columns: int, language: str, tmp_path: Path) -> None:
    env = {"COLUMNS": str(columns), "UPKEEP_LANGUAGE": language}
    words = ("plan", write(tmp_path, BY_TAG), "--fleet", wide_fleet(tmp_path), "--time-scale", "300")
    done = cli(*words, home=tmp_path, **env)
    assert done.returncode == 0, done.stderr
    body = done.stdout.splitlines()[2:]  # below the run's id, and what is done with which file
    laid_out = [line for line in body if "--approve" not in line and '"approve"' not in line]
    assert max(map(cell_len, laid_out)) <= columns
    assert sum(line.count("! 订单服务") for line in laid_out) == 3


def test_without_colour_nothing_is_coloured(tmp_path: Path) -> None:
    plain = on_terminal("run", write(tmp_path, BY_TAG), *FAST, home=tmp_path, NO_COLOR="1")
    coloured = on_terminal("run", write(tmp_path, BY_TAG), *FAST, home=tmp_path)
    assert "\x1b[1;32m" in coloured.raw
    assert not any(f"\x1b[{code}m" in plain.raw for code in ("32", "1;32", "31", "1;31", "90"))
    assert "succeeded: 3 completed" in plain.text


def test_a_terminal_that_knows_no_chinese_gets_what_it_can_show(tmp_path: Path) -> None:
    env = {"PYTHONIOENCODING": "ascii", "UPKEEP_LANGUAGE": "zh-CN"}
    done = cli("run", write(tmp_path, BY_TAG), *FAST, home=tmp_path, **env)
    assert done.returncode == 0, done.stderr
    assert "succeeded" in done.stdout
    assert done.stdout.isascii()


@pytest.mark.parametrize("columns", [80, 120])
def test_in_chinese_it_speaks_chinese_and_ids_stay(columns: int, tmp_path: Path) -> None:
    env = {"UPKEEP_LANGUAGE": "zh-CN"}
    seen = on_terminal("run", write(tmp_path, BY_TAG), *FAST, home=tmp_path, columns=columns, **env)
    assert seen.status == 0
    for words in ("不会触及任何真实资源", "已用时", "succeeded：3 completed", "运行 ID：direct:"):
        assert words in seen.text
    for words in ("elapsed", "run id", "wave"):
        assert words not in seen.text
