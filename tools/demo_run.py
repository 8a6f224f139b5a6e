"""Runs the command line on the embedded emulator in a time of its own, so that the same words give the same output on every machine.

`python -m tools.demo_run run EVENT`: as `python -m dcs_upkeep`, but always begun at the same moment, and nobody waits.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from dcs_upkeep.adapters.clocks import ScaledClock

ROOT = Path(__file__).resolve().parent.parent
BEGUN = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
LIMIT_S = 120.0
EVENT = "events/timer-restart-by-tag.json"  # of the main job, which `make demo` runs


class SteppedClock(ScaledClock):
    """Time passes only while somebody sleeps, and then at once."""

    def __init__(self, scale: float) -> None:
        super().__init__(scale)
        self._lock = threading.Lock()
        self._passed_s = 0.0

    def now(self) -> datetime:
        """See ports.Clock."""
        return BEGUN + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """See ports.Clock."""
        with self._lock:
            return self._passed_s

    def sleep(self, seconds: float) -> None:
        """See ports.Clock."""
        with self._lock:
            self._passed_s += max(0.0, seconds)


def words(*args: str) -> list[str]:
    """The program's words that run `args` so."""
    return [sys.executable, "-m", "tools.demo_run", *args]


def surroundings(home: str, **more: str) -> Mapping[str, str]:
    """An environment with nothing of this machine's in it but where its programs are."""
    return {"PATH": os.environ["PATH"], "HOME": home, "LOGNAME": "operator", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **more}


def printed(args: Sequence[str], **more: str) -> str:
    """What it prints where nobody sits at a terminal. `more`: further variables of its environment."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            words(*args),
            cwd=ROOT,
            env=surroundings(home, **more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=LIMIT_S,
        )
    return done.stdout


def main() -> None:
    """Run the command line."""
    from dcs_upkeep.local import demo
    from dcs_upkeep.local.cli import app

    with patch.object(demo, "ScaledClock", SteppedClock), patch.object(demo, "utc_now", lambda: BEGUN):
        app(sys.argv[1:], prog_name="dcs-upkeep")


if __name__ == "__main__":
    main()
