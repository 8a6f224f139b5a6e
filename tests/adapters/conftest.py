"""The DCS adapter against the emulator, over HTTP, in one time that only moves when somebody sleeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dcs_upkeep.adapters.account import Account
from dcs_upkeep.adapters.dcs.client import HuaweiDcs
from dcs_upkeep.adapters.pace import AccountPace
from dcs_upkeep.domain.deadline import ENDLESS
from dcs_upkeep.domain.model import Credentials, Location
from dcs_upkeep.local.emulator import Emulator, make_fleet
from tests.fakes import FakeClock, FakeLog


@pytest.fixture
def clock() -> FakeClock:
    """The time of tool and emulator alike."""
    return FakeClock()


@pytest.fixture
def emulate(clock: FakeClock) -> Iterator[Callable[..., Emulator]]:
    """Start an emulator with these options; it stops with the test."""
    running: list[Emulator] = []

    def start(fleet: Any = None, **options: Any) -> Emulator:
        running.append(Emulator(make_fleet(6) if fleet is None else fleet, clock=clock, **options).start())
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def connect(clock: FakeClock) -> Callable[..., HuaweiDcs]:
    """The adapter, on an emulator's address with its key pair, or on what is given instead."""

    def make(emu: Emulator, **changes: Any) -> HuaweiDcs:
        options: dict[str, Any] = {"endpoint": emu.url, "deadline": ENDLESS}
        fetch = changes.pop("fetch", None)
        key_pair = changes.pop("key_pair", Credentials(emu.ak, emu.sk, emu.security_token))
        pace = AccountPace(changes.pop("clock", clock), changes.pop("random", lambda: 1.0), changes.pop("log", FakeLog()))
        location = Location(changes.pop("region", ""), changes.pop("project_id", emu.project_id))
        return HuaweiDcs(Account(fetch or (lambda: key_pair), pace), lambda: location, **(options | changes))

    return make
