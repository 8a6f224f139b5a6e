"""The emulator, one clock for all, and the real SDK clients that talk to it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkdcs.v2 import ChangeInstanceStatusBody, DcsClient, RestartOrFlushInstancesRequest
from huaweicloudsdksmn.v2 import SmnClient

from dcs_upkeep.local.emulator import Emulator, Instance, make_fleet

READ_TIMEOUT_S = 30.0  # longer than any answer takes on a busy machine


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fleet() -> list[Instance]:
    return make_fleet(4, tags={"env": "test"})


@pytest.fixture
def start(clock: Clock) -> Iterator[Callable[..., Emulator]]:
    """Start an emulator under the test's clock; it is closed with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda fleet, **options: stack.enter_context(Emulator(fleet, **{"clock": clock, **options}))


@pytest.fixture
def connect() -> Callable[..., DcsClient]:
    """Make an SDK client for an emulator, with credentials that a test may spoil."""

    def connect_to(
        emu: Emulator,
        kind: type = DcsClient,
        *,
        ak: str | None = None,
        sk: str | None = None,
        project_id: str | None = None,
        security_token: str | None = None,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> DcsClient | SmnClient:
        credentials = BasicCredentials(ak or emu.ak, sk or emu.sk, project_id or emu.project_id)
        if security_token:
            credentials = credentials.with_security_token(security_token)
        config = HttpConfig(timeout=(READ_TIMEOUT_S, read_timeout_s))
        return kind.new_builder().with_http_config(config).with_credentials(credentials).with_endpoint(emu.url).build()

    return connect_to


@pytest.fixture
def send() -> Callable[..., object]:
    """Send the status PUT through an SDK client."""

    def send_to(client: DcsClient, action: str | None, ids: list[str] | None) -> object:
        body = ChangeInstanceStatusBody(action=action, instances=ids)
        return client.restart_or_flush_instances(RestartOrFlushInstancesRequest(body=body))

    return send_to
