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


def test_where_terraform_does_not_run_that_is_said_aloud(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(dev, "has_terraform", lambda: False)
    monkeypatch.setattr(dev, "environment", lambda lock: pytest.fail("nothing is set up"))
    dev.terraform(())
    assert "SKIPPED: make terraform." in capsys.readouterr().err


def test_terraform_runs_in_an_environment_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    monkeypatch.setattr(dev, "has_terraform", lambda: True)
    monkeypatch.setattr(dev, "environment", lambda lock: lock)
    monkeypatch.setattr(dev, "run", lambda command, **more: ran.append(command))
    dev.terraform(())
    ((python, *words),) = ran
    assert python == "requirements-terraform.txt"
    assert words[-2:] == ["--confcutdir=tests/terraform", "tests/terraform"]


def test_the_gate_applies_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    for name in ("wheels", "lint", "types", "sam", "terraform", "test"):
        monkeypatch.setattr(dev, name, lambda *_, name=name: ran.append(name))
    dev.check(())
    assert ran == ["wheels", "lint", "types", "sam", "terraform", "test"]
