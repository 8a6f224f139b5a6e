"""What one thread's request may take, and how far it got. Imports no SDK: `transport` does what it says."""

from __future__ import annotations

import threading
import time

from dcs_upkeep.domain.ports import Clock


class Wire(threading.local):
    """What the calling thread's own request may take, and how far it got. Each thread sees its own values.

    `timeout`: (connect, read) in seconds, read by the SDK at each request. `seen`: a connection of ours took the request.
    `written`: bytes of it may have left. Only `seen and not written` proves that nothing was executed.
    `retry_after`: that header of the answer.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.real_s = time.monotonic  # sockets know no other time than this
        self.timeout = (5.0, 15.0)
        self.seen = False
        self.written = False
        self.connect_by = 0.0
        self.answer_by = 0.0
        self.retry_after: str | None = None

    def begin(self, timeout: tuple[float, float]) -> None:
        """A request begins on this thread."""
        self.timeout = timeout
        self.seen = self.written = False
        self.retry_after = None

    def taken(self) -> None:
        """A pool of ours looks for a connection now; the time for connecting runs from here."""
        self.seen = True
        self.connect_by = self.real_s() + self.timeout[0]

    def connect_left_s(self) -> float:
        """Seconds left for connecting, the handshake included. Raises: TimeoutError if they are used up."""
        left_s = self.connect_by - self.real_s()
        if left_s <= 0:
            raise TimeoutError("connecting took too long, and the request was not sent")
        return left_s

    def writing(self) -> None:
        """The first byte is about to be written.

        Raises: TimeoutError if connecting took longer than promised. A timeout bounds one address of a name, and no
        name lookup at all; a lease is counted against the sum, so a request that is late does not leave.
        """
        if not self.written:
            self.connect_left_s()
            self.answer_by = self.real_s() + self.timeout[1]
        self.written = True

    def answer_left_s(self) -> float:
        """Seconds left for the whole answer, however it comes: the read timeout, counted from the first byte that was written.

        A proxy's answer, which comes before, is part of connecting. Raises: TimeoutError if they are used up.
        """
        left_s = (self.answer_by if self.written else self.connect_by) - self.real_s()
        if left_s <= 0:
            raise TimeoutError("the whole answer took too long")
        return left_s
