"""How long a lease holds: arithmetic over two clocks. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lease:
    """One lease: taken when both clocks were read, for so many seconds from then on.

    Two clocks, since each misses what the other sees: a machine that sleeps may stop the monotonic clock, and the time of day may be set
    back. So what is left is the smaller of what they leave, and the lease has ended as soon as one of them says so.
    `began_mono` and `began_wall` are read before the entry is written: however long that takes, the lease ends no later than the others
    believe.
    """

    began_mono: float
    began_wall: float
    length_s: float

    def left_s(self, mono: float, wall: float) -> float:
        """Seconds for which nobody else may act; 0 or less once it has ended."""
        return self.length_s - max(mono - self.began_mono, wall - self.began_wall)

    def lapsed(self, mono: float, wall: float) -> bool:
        """Whether it has ended."""
        return self.left_s(mono, wall) <= 0

    def covers(self, seconds: float, mono: float, wall: float) -> bool:
        """Whether something that takes so long would end within it."""
        return self.left_s(mono, wall) >= seconds

    def wants_renewal(self, mono: float, wall: float) -> bool:
        """Whether half of it is gone: the other half is kept in hand for an append that takes long."""
        return self.left_s(mono, wall) <= self.length_s / 2
