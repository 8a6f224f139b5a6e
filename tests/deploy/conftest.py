"""The packages, built once for all that look into them or run from them. See `BUILT_ONCE` in tests/conftest.py."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tools import package

WHEELS = package.ROOT / "build" / "wheels"
PYTHON = package.python_at_hand("3.12")  # a package runs on no other, and is to run here


@pytest.fixture(scope="session")
def interpreter() -> str:
    """A Python for which the packages are."""
    found = package.find_interpreter(PYTHON)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def wheels() -> Path:
    if not (WHEELS / "made-from").exists() or not any(WHEELS.glob("awslambdaric-*")):
        pytest.skip("the wheels are fetched by `make check`, which may use the network; tests may not")
    return WHEELS


@pytest.fixture(scope="session")
def built(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("dist")
    return {host: package.build(host, PYTHON, folder, wheels=wheels) for host in ("functiongraph", "lambda")}


@pytest.fixture(scope="session")
def code(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a platform unpacks; it is the same on both, as a test of test_package.py shows."""
    folder = tmp_path_factory.mktemp("code")
    zipfile.ZipFile(built["lambda"]).extractall(folder)
    return folder


@pytest.fixture(scope="session")
def runtime_client(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with AWS Lambda's own runtime client, as Lambda has one beside the function's code."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in package.RUNTIME_CLIENT:
        (wheel,) = wheels.glob(f"{name.replace('-', '_')}-*")
        zipfile.ZipFile(wheel).extractall(folder)
    return folder
