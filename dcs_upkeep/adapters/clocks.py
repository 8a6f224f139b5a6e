"""Real clocks. Tests use a fake one; the CLI's embedded emulator runs on a scaled one."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The machine's time."""

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""
        time.sleep(max(0.0, seconds))


class ScaledClock:
    """Time that runs `scale` times as fast, from now on: an hour of maintenance in a minute, for the demo."""

    def __init__(self, scale: float, began: tuple[datetime, float] | None = None) -> None:
        """`began`: of another process's clock on this machine, to show the same time as that."""
        if scale <= 0:
            raise ValueError(f"the time scale is {scale}; write a number above 0")
        self.scale = scale
        self.began = began or (datetime.now(UTC), time.monotonic())
        self._started_at, self._started = self.began

    def now(self) -> datetime:
        """The time of day, in UTC, as far on as the scaled seconds say."""
        return self._started_at + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Scaled seconds since this clock was made."""
        return (time.monotonic() - self._started) * self.scale

    def sleep(self, seconds: float) -> None:
        """Let so many scaled seconds pass."""
        time.sleep(max(0.0, seconds) / self.scale)
