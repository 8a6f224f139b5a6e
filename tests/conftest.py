"""What the tests of every layer share: Amazon's services, played by moto over HTTP, and made-up examples without a time limit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from moto.server import ThreadedMotoServer
from xdist.scheduler import LoadScopeScheduling

# Hypothesis fails an example that takes 200 ms, or 10 that took long to make up: on a busy machine that says nothing of ours.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

BUILT_ONCE = ("tests/deploy/test_package.py", "tests/deploy/test_runtimes.py")


class Scheduling(LoadScopeScheduling):
    """Each test to the next free worker, but the packages' tests to one: they share what takes long to build."""

    def _split_scope(self, nodeid: str) -> str:
        return BUILT_ONCE[0] if nodeid.split("::", maxsplit=1)[0] in BUILT_ONCE else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """Stands in for `--dist loadgroup`, which loses its groups on pytest 9.2 (pytest-xdist issue 1386); goes when that is mended."""
    return Scheduling(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """Its address. One server for a process: moto keeps its state per process anyway, so names are to differ between tests."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An environment in which boto3 finds it. Returns its address."""
    for key, value in {"AWS_ENDPOINT_URL": moto, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}.items():
        monkeypatch.setenv(key, value)
    return moto
