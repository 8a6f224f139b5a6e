"""A journal that ends with its process: for tests and for trying the tool."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from urllib.parse import SplitResult

from dcs_upkeep.adapters.journals.rows import Access, checked, expiry, to_text
from dcs_upkeep.domain.errors import SeqTakenError
from dcs_upkeep.domain.ports import Clock


def open_at(address: SplitResult, access: Access) -> MemoryJournal:
    """The journal of `memory:`, an empty one at each call. Raises: ValueError."""
    if address.geturl() != "memory:":
        raise ValueError("a journal in memory has no name")
    return MemoryJournal(access.clock)


class MemoryJournal:
    """Implements ports.Journal. Thread-safe."""

    name = "memory:"
    durable = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._streams: dict[str, dict[int, tuple[str, int | None]]] = {}

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        """See ports.Journal."""
        text = to_text(stream, entry)
        with self._lock:
            rows = self._streams.setdefault(stream, {})
            if seq in rows:
                raise SeqTakenError(f"{stream}: place {seq} is taken")
            first = rows.get(0)
            rows[seq] = (text, first[1] if first else expiry(stream, self._clock.now().timestamp()))

    def read(self, stream: str, after: int = -1) -> list[tuple[int, dict[str, object]]]:
        """See ports.Journal."""
        with self._lock:
            rows = sorted(self._streams.get(stream, {}).items())
        later = [(seq, text, expires_at) for seq, (text, expires_at) in rows if seq > after]
        return checked(stream, later, after, self._clock.now().timestamp())
