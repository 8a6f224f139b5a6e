"""What `make test ARGS=...` runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools import dev

PROGRAM = """
import os
def test_here(): assert ("PYTEST_XDIST_WORKER" in os.environ) is {}
def test_other(): raise AssertionError
"""


@pytest.mark.parametrize(("args", "parallel"), [(["-k", "here"], True), (["-k", "here", "-n", "0"], False)])
def test_what_is_asked_for_is_added_to_the_parallel_default_and_wins(args: list[str], parallel: bool, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(PROGRAM.format(parallel), encoding="utf-8")
    words = [sys.executable, *dev.pytest_words(args)]
    done = subprocess.run(words, cwd=tmp_path, env={"PYTEST_XDIST_AUTO_NUM_WORKERS": "1"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
