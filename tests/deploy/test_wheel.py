"""What `pip install`, `pipx` and `uvx` get: the sdist, the wheel made from it, and a program of its own in a fresh environment.

The build backend comes from the package registry; without one this is skipped, and says so. What the wheel asks for is not fetched: the
fresh environment finds it where the tests do, and a test holds what the wheel names against pyproject.toml.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dcs_upkeep import __version__
from tools import dev

pytestmark = pytest.mark.xdist_group("wheel")  # one environment for all of them
ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OFFLINE = re.compile(r"No matching distribution|connection|Temporary failure in name resolution|Max retries|timed out", re.IGNORECASE)
EVENT = '{"action": "restart", "select": {"tags": {"env": "demo"}}, "rollout": {"canary": 0}}'


@dataclass(frozen=True)
class Installed:
    """A fresh environment with the wheel in it, and the files that it was made from."""

    bin: Path
    sdist: Path
    wheel: Path

    def program(self, *words: str, home: Path, **more: Any) -> subprocess.CompletedProcess[str]:
        env = {"HOME": str(home), "PATH": os.environ["PATH"]}
        return subprocess.run(
            [str(self.bin / "dcs-upkeep"), *words], cwd=home, env=env, capture_output=True, text=True, check=False, **more
        )


def fetched(*words: str | Path) -> None:
    """One step that needs the registry."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode and OFFLINE.search(done.stderr):
        pytest.skip(f"SKIPPED: the wheel was not tried, since there is no package registry: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """By the steps of a release: sdist from the folder, wheel from the sdist, and pip with nothing else at hand."""
    folder = tmp_path_factory.mktemp("wheel")
    (backend,) = PROJECT["build-system"]["requires"]
    builder, fresh = folder / "builder", folder / "fresh"
    venv.EnvBuilder(with_pip=True).create(builder)
    fetched(builder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", backend)
    build = [str(builder / "bin" / "python"), "-m", "hatchling", "build"]
    subprocess.run([*build, "-t", "sdist", "-d", str(folder)], cwd=ROOT, check=True, capture_output=True)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as packed:
        packed.extractall(folder, filter="data")
    subprocess.run(
        [*build, "-t", "wheel", "-d", str(folder)], cwd=folder / sdist.name.removesuffix(".tar.gz"), check=True, capture_output=True
    )
    (wheel,) = folder.glob("*.whl")
    venv.EnvBuilder(with_pip=True).create(fresh)
    fetched(fresh / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", wheel)
    (site,) = (fresh / "lib").glob("python*/site-packages")
    (site / "of-the-tests.pth").write_text(sysconfig.get_path("purelib"))
    return Installed(fresh / "bin", sdist, wheel)


def test_the_program_knows_its_version(installed: Installed, tmp_path: Path) -> None:
    assert installed.program("--version", home=tmp_path).stdout == f"dcs-upkeep {__version__}\n"


def test_the_demo_runs_from_anywhere(installed: Installed, tmp_path: Path) -> None:
    done = installed.program("run", "-", "--instances", "3", "--time-scale", "300", home=tmp_path, input=EVENT)
    assert done.returncode == 0, done.stderr
    assert "3 completed" in done.stdout


def test_it_names_itself_in_what_is_to_be_copied(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text(EVENT, encoding="utf-8")
    done = installed.program("plan", "event.json", "--instances", "3", home=tmp_path)
    assert "  dcs-upkeep run event.json --approve v2:" in done.stdout
    assert "Usage: dcs-upkeep" in installed.program("-h", home=tmp_path).stdout


def test_as_a_module_it_is_the_same_program(installed: Installed, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(installed.bin / "python"), "-m", "dcs_upkeep", "--version"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"dcs-upkeep {__version__}\n"


def test_plans_are_looked_for_where_it_is_called(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "plans.json").write_bytes((ROOT / "events" / "plans" / "plans.json").read_bytes())
    done = installed.program("check", home=tmp_path)
    assert done.stdout.strip() == "plans.json: 1 plans, 1 alarm rules, nothing wrong"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_its_commands(shell: str, installed: Installed, tmp_path: Path) -> None:
    shown = subprocess.run(
        [str(installed.bin / "dcs-upkeep"), "--show-completion", shell],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "_DCS_UPKEEP_COMPLETE=complete_" in shown
    asked = {"bash": {"COMP_WORDS": "dcs-upkeep hi", "COMP_CWORD": "1"}}.get(shell, {"_TYPER_COMPLETE_ARGS": "dcs-upkeep hi"})
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "_DCS_UPKEEP_COMPLETE": f"complete_{shell}", **asked}
    env["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    done = subprocess.run([str(installed.bin / "dcs-upkeep")], env=env, capture_output=True, text=True, check=False)
    assert "history" in done.stdout, done.stdout + done.stderr


def test_the_wheel_holds_the_package_and_nothing_else(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as packed:
        tops = {name.split("/")[0] for name in packed.namelist()}
    assert tops == {"dcs_upkeep", f"dcs_upkeep-{__version__}.dist-info"}


def test_the_wheel_names_what_it_needs_and_carries_what_pages_are_made_of(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as packed:
        told = packed.read(f"dcs_upkeep-{__version__}.dist-info/METADATA").decode()
        held = set(packed.namelist())
    needed = {
        line.removeprefix("Requires-Dist: ") for line in told.splitlines() if line.startswith("Requires-Dist") and "extra" not in line
    }
    assert needed == set(PROJECT["project"]["dependencies"])
    pages = ROOT / "dcs_upkeep" / "local" / "pages"
    assert {str(path.relative_to(ROOT)) for path in pages.rglob("*") if path.suffix in (".j2", ".css", ".js")} <= held


def names(requirements: list[Any]) -> set[str]:
    return {re.split(r"[=\[<>]", one)[0] for one in requirements if isinstance(one, str)}


def test_the_function_is_built_with_all_but_the_command_line() -> None:
    """What is imported by local/ alone costs a function its start."""
    function, whole = (PROJECT["dependency-groups"]["function"], PROJECT["project"]["dependencies"])
    assert set(function) < set(whole)
    assert names(whole) - names(function) >= {"rich", "typer"}
    (boto3,) = PROJECT["project"]["optional-dependencies"]["aws"]
    assert boto3 in PROJECT["dependency-groups"]["function-aws"]


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-aws.txt", "requirements-local.txt", "requirements-test.txt"])
def test_a_lock_has_what_it_is_made_from(lock: str) -> None:
    text, project = (ROOT / lock).read_text(encoding="utf-8").lower(), PROJECT["project"]
    words = dev.LOCKS[lock]
    wanted = list(project["dependencies"]) if "pyproject.toml" in words else list(PROJECT["dependency-groups"]["function"])
    wanted += [one for name in words if name in project["optional-dependencies"] for one in project["optional-dependencies"][name]]
    plain = [re.sub(r"\[.*]", "", one).lower() for one in wanted]
    assert [one for one in plain if f"\n{one} " not in f"\n{text}"] == []


def test_python_says_what_to_install_where_the_packages_are_missing(tmp_path: Path) -> None:
    """As in the function's own package, which has no command line."""
    blocked = "import sys; sys.modules['typer'] = None; from dcs_upkeep.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", blocked], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "pip install" in done.stderr
    assert "Traceback" not in done.stderr
