"""The emulator's time: one clock, the date it stands for, and changes that are due at a time."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Timeline:
    """The clock that all services read, and the one lock under which they change anything.

    A change that is due is made at the next look, and made as if it were its own time: no thread waits for it, and what
    it begins does not begin late.
    """

    def __init__(self, clock: Callable[[], float], base_date: datetime) -> None:
        self.lock = threading.RLock()
        self.started_at = clock()
        self._clock = clock
        self._base_date = base_date
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._pretended = threading.local()

    def now(self) -> float:
        """The clock; within a change that was due earlier, the time when it was due."""
        pretended: float | None = getattr(self._pretended, "now", None)
        return self._clock() if pretended is None else pretended

    def date(self, at: float) -> datetime:
        """The date that a clock value stands for."""
        return (self._base_date + timedelta(seconds=at - self.started_at)).astimezone(UTC)

    def iso(self, at: float | None) -> str:
        """A clock value as DCS writes a time: UTC, milliseconds, Z."""
        moment = self.date(at or 0.0)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

    def at(self, seconds: float, change: Callable[[], object]) -> None:
        """Plan a change so many seconds after the start; one that is overdue is made at the next look."""
        with self.lock:
            due = max(self.started_at + seconds, self.now())
            heapq.heappush(self._due, (due, next(self._numbers), change))

    def catch_up(self) -> None:
        """Make the changes that are due, in order. A change that plans another one may plan it for the past."""
        with self.lock:
            while self._due and self._due[0][0] <= self.now():
                due, _, change = heapq.heappop(self._due)
                self._pretended.now = due
                try:
                    change()
                finally:
                    self._pretended.now = None
