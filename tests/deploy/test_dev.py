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


def test_a_browser_is_installed_where_that_can_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(dev.shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
    monkeypatch.setattr(dev.os, "geteuid", lambda: 0)
    monkeypatch.setattr(dev, "run", lambda command, **more: ran.append(command))
    dev.browser(())
    assert [command[1] for command in ran] == ["update", "install"]
    assert "chromium-headless-shell" in ran[1]
    monkeypatch.setattr(dev.shutil, "which", lambda name: "/usr/bin/chromium" if name == "chromium" else None)
    dev.browser(())
    assert len(ran) == 2, "what is there is not installed again"


def test_where_no_browser_can_be_installed_that_is_said_aloud(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody's own machine is changed without being root on it."""
    monkeypatch.setattr(dev.shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
    monkeypatch.setattr(dev.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(dev, "run", lambda command, **more: pytest.fail("nothing is run"))
    dev.browser(())
    assert "SKIPPED: the tests of pages in a browser." in capsys.readouterr().err


def test_ci_installs_the_browser_before_the_gate() -> None:
    """A new machine has none, and there its tests may not be skipped."""
    script = (dev.ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert script.index("make browser") < script.index("make check")
