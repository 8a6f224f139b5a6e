"""Buckets of OBS for tests: an emulator that has one, and what a journal on it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dcs_upkeep.adapters.account import Keys
from dcs_upkeep.adapters.journals.rows import ObsAccess
from dcs_upkeep.domain.model import Credentials
from dcs_upkeep.local.emulator import DEMO_AK, DEMO_SK, Emulator, Record, make_fleet
from tests.fakes import FakeClock, FakeLog

BUCKET = "upkeep-journal"


def access(**changes: Any) -> ObsAccess:
    """The account of every emulator. `fetch`: where its key pair comes from."""
    fetch = changes.pop("fetch", lambda: Credentials(DEMO_AK, DEMO_SK))
    return ObsAccess(Keys(fetch, FakeClock(), FakeLog()), **{"random": lambda: 1.0, **changes})


def url_of(emu: Emulator, prefix: str = "upkeep") -> str:
    return f"obs://{BUCKET}/{prefix}?region=cn-north-4&endpoint={emu.url}"


def emulator(clock: FakeClock, on_request: Callable[[Record], None] | None = None, **fields: Any) -> Emulator:
    """One with a bucket of these fields, to be used in a `with`; its OBS goes by this clock alone."""
    emu = Emulator(make_fleet(1), clock=clock, wall_clock=clock.now, on_request=on_request)
    emu.obs.create(BUCKET, **fields)
    return emu
