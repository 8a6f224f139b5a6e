"""Until when an invocation may work: one value, handed down, from which each layer keeps back what it needs itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

CLOSE_S = 3.0  # kept back for the report and the log
PUBLISH_S = 5.0  # and for the topics, if there are any
BEGIN_S = 4.0  # less is not worth beginning a wave with: it has to be read, sent and answered
PUT_CONNECT_S, PUT_READ_S = 5.0, 30.0
LONGEST_PUT_S = PUT_CONNECT_S + PUT_READ_S  # one status PUT: an owner's last may be under way for so long after its lease has lapsed


@dataclass(frozen=True, slots=True)
class Deadline:
    """What the host leaves this invocation, less what is kept back for what comes after. Seconds; infinity if nothing ends it.

    `host_s`: seconds until the platform kills the invocation, asked anew each time.
    """

    host_s: Callable[[], float]
    kept_s: float = 0.0

    def remaining_s(self) -> float:
        """Seconds left; negative when they are used up."""
        return self.host_s() - self.kept_s

    def keep(self, seconds: float) -> Deadline:
        """The same deadline with so much more kept back."""
        return Deadline(self.host_s, self.kept_s + seconds)

    def covers(self, seconds: float) -> bool:
        """Whether what takes so long still fits."""
        return self.remaining_s() >= seconds


ENDLESS = Deadline(lambda: math.inf)
