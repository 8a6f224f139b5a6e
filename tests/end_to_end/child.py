"""One invocation in a process of its own, which can be killed or stopped at any of its journal's entries.

Reads one JSON object from standard input: the emulator's address, the journal, the event, how far its clock is ahead, and where to die.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from dcs_upkeep import bootstrap
from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.adapters.dcs.client import HuaweiDcs
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.adapters.journals import open_journal
from dcs_upkeep.domain.errors import UpkeepError
from dcs_upkeep.domain.ports import Journal


class ShiftedClock(SystemClock):
    """Real time, so many seconds ahead, running faster: tests must not wait for leases."""

    def __init__(self, ahead_s: float, scale: float) -> None:
        self._ahead_s = ahead_s
        self._scale = scale
        self._began = time.monotonic()
        self._at = datetime.fromisoformat("2026-11-24T03:00:00+00:00")

    def monotonic(self) -> float:
        return self._ahead_s + (time.monotonic() - self._began) * self._scale

    def now(self) -> datetime:
        return self._at + timedelta(seconds=self.monotonic())

    def sleep(self, seconds: float) -> None:
        super().sleep(max(0.0, seconds) / self._scale)


class Deadly:
    """A journal that ends the process at its n-th append, just before or just after it."""

    def __init__(self, inner: Journal, at: int, when: str) -> None:
        self._inner = inner
        self._at = at
        self._when = when
        self._count = 0
        self._lock = threading.Lock()
        self.name, self.durable = inner.name, inner.durable

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        with self._lock:  # instances are claimed several at a time
            self._count += 1
            place = self._count
        if place == self._at and self._when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        self._inner.append(stream, seq, entry)
        if place == self._at and self._when == "after":
            os.kill(os.getpid(), signal.SIGKILL)

    def read(self, stream: str, after: int = -1) -> list[tuple[int, dict[str, object]]]:
        return self._inner.read(stream, after)


def main() -> None:
    """Handle the event and print the report."""
    told: dict[str, Any] = json.load(sys.stdin)
    clock = ShiftedClock(told["ahead_s"], told.get("scale", 100.0))
    journal: Journal = open_journal(told["journal"], clock=clock)
    if told.get("kill_at"):
        journal = Deadly(journal, told["kill_at"], told["kill_when"])
    if told.get("stop_before_put"):
        # Frozen where it hurts most: after `sending` is durable, before the lease is asked for.
        left = HuaweiDcs.put_timeout_s
        asked = [0]

        def freeze(self: HuaweiDcs) -> float:
            asked[0] += 1
            if asked[0] == told["stop_before_put"]:
                print("stopped", flush=True)
                os.kill(os.getpid(), signal.SIGSTOP)
            return left(self)

        HuaweiDcs.put_timeout_s = freeze  # type: ignore[method-assign]
    try:
        report = bootstrap.handle(told["event"], host=LocalHost(told["environ"]), clock=clock, log=lambda *_, **__: None, journal=journal)
    except UpkeepError as err:
        report = {"error": type(err).__name__, "said": str(err), **getattr(err, "report", {})}
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
