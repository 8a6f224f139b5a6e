"""One time for several processes, which moves only when one of them sleeps: no proof depends on how busy the machine is."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


class SharedClock:
    """The seconds stand in a file. Whoever sleeps writes the moment of its waking there, unless time is there already."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        written = os.pread(self._file, 8, 0)
        return float(struct.unpack("d", written)[0]) if written else 0.0

    def sleep(self, seconds: float) -> None:
        """Move on at once; two that sleep at the same time wake at the same time, as they would on a wall's clock."""
        wakes = self.monotonic() + max(0.0, seconds)
        with self.stopped():
            if wakes > self.monotonic():
                os.pwrite(self._file, struct.pack("d", wakes), 0)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """While this holds, nobody else gets past a sleep. The kernel lets go of it where its process is killed."""
        # Opened anew: this lock is one of the open file, and threads of one process must exclude each other as well.
        lock = os.open(self.path, os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def close(self) -> None:
        os.close(self._file)
