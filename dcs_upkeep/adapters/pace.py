"""How fast the calls to one account may follow each other: all of them share one quota, so a 429 to any of them holds all of them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import CloudError, ThrottledError
from dcs_upkeep.domain.ports import Clock, Log, Tick, no_tick
from dcs_upkeep.domain.timestamps import aware

LEAST_WAIT_S, FIRST_WAIT_S, MOST_WAIT_S = 0.5, 2.0, 60.0  # without a Retry-After; a quota window is minutes
JITTER_S = 1.0  # after a Retry-After: those who were told the same moment must not all come back at it
PIECE_S = 3.0  # between two ticks
STRETCH_S = 3600.0  # nobody waits longer for one answer, not even where nothing ends the invocation


class AccountPace:
    """Implements ports.Pace. One for an invocation, asked before each call to Huawei Cloud. Thread-safe.

    Only `wait` waits, on the thread that asks: none of those that are started for parallel calls, so that whoever waits can tick.
    """

    def __init__(self, clock: Clock, random: Callable[[], float], log: Log) -> None:
        """`random`: 0 to 1, for full jitter."""
        self.clock = clock
        self.random = random
        self.log = log
        self._lock = threading.Lock()
        self._opens_at = -math.inf  # on the monotonic clock
        self._holds = 0  # of this invocation
        self._in_a_row = 0  # 429s since a call went through
        self._stretch_began = 0.0
        self._tick: Tick = no_tick

    @property
    def opens_at(self) -> float:
        """When the next call may leave, on the monotonic clock; in the past if it may now."""
        return self._opens_at

    def wait_s(self) -> float:
        """Seconds until a call may leave; 0 if it may now."""
        return max(0.0, self._opens_at - self.clock.monotonic())

    def begin(self) -> int:
        """A call leaves. Returns what to hand to `throttled` or `passed` with its answer."""
        with self._lock:
            return self._holds

    def passed(self, begun: int) -> None:
        """A call was answered with something else than 429. One that had left before the last 429 came says nothing."""
        with self._lock:
            if begun == self._holds:
                self._in_a_row = 0

    def throttled(self, operation: str, begun: int, retry_after: str | None) -> None:
        """A call was answered 429: until when nothing leaves. Of several that were under way together only the first lengthens the wait.

        `retry_after`: the header of the answer, in seconds or as a date.
        """
        told_s = self._told_s(retry_after)
        with self._lock:
            now = self.clock.monotonic()
            is_first = begun == self._holds
            if is_first:
                self._holds += 1
                self._in_a_row += 1
                begins = self._in_a_row == 1
                if begins:
                    self._stretch_began = now
                grown_s = self.random() * min(MOST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(self._in_a_row - 1, 10))
                wait_s = max(LEAST_WAIT_S, grown_s) if told_s is None else max(LEAST_WAIT_S, told_s + self.random() * JITTER_S)
            else:
                begins, wait_s = False, told_s or 0.0
            self._opens_at = max(self._opens_at, now + wait_s)
        if begins:
            until = "as long as the cloud asks for" if told_s is not None else "for growing times until it answers"
            reason = f"the account is throttled (429): every call waits, {until}"
            self.log("call.waited", level="warning", operation=operation, wait_s=round(wait_s, 1), reason=reason)

    def wait(self, operation: str, deadline: Deadline, tick: Tick = no_tick, *, room_s: float = 0.0) -> None:
        """Wait until a call may leave, in pieces of a few seconds with a `tick` after each.

        `room_s`: what the call and what comes after it need of the time left. Raises: ThrottledError at once if that does not fit;
        CloudError if nothing ends the invocation and the account still does not answer after an hour.
        """
        while (wait_s := self.wait_s()) > 0:
            if not deadline.covers(wait_s + room_s):
                raise ThrottledError(operation, wait_s)
            if (held_s := self._opens_at - self._stretch_began) > STRETCH_S:
                what = f"the account is throttled (429) for {held_s:.0f} s and longer"
                raise CloudError(operation, what, "Look at who else calls in its name; try again later.", status=429)
            self.clock.sleep(min(wait_s, PIECE_S))
            self._tick()
            tick()

    @contextmanager
    def ticking(self, tick: Tick) -> Iterator[None]:
        """While this is open, whoever waits calls this too: what must not lapse over a wait of minutes, such as a run's lease."""
        before, self._tick = self._tick, tick
        try:
            yield
        finally:
            self._tick = before

    def _told_s(self, retry_after: str | None) -> float | None:
        """The header in seconds from now; None if it is missing or nothing can be made of it."""
        text = (retry_after or "").strip()
        if text.isascii() and text.isdigit() and len(text) < 10:
            return float(text)
        if not text:
            return None
        from email.utils import parsedate_to_datetime  # loads much, for what hardly any answer has

        try:
            return max(0.0, (aware(parsedate_to_datetime(text)) - self.clock.now()).total_seconds())
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
