"""The stream of one run: read, and written under a lease."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import cast

from dcs_upkeep.domain.errors import FencedError, SeqTakenError
from dcs_upkeep.domain.ports import Clock, Journal
from dcs_upkeep.journal.entries import Entry
from dcs_upkeep.journal.run_state import RunState, fold


def read_run(journal: Journal, run_id: str) -> tuple[RunState, int]:
    """The state of a run, and the next place in its stream. Raises: JournalError; RecordError if it cannot be judged from here."""
    entries = journal.read(run_stream(run_id))
    return fold(cast("list[Entry]", [entry for _, entry in entries]), run_stream(run_id)), len(entries)


def run_stream(run_id: str) -> str:
    """The stream of one run."""
    return f"run/{run_id}"


class LeasedStream:
    """A run's place in the journal: where the next entry goes, in whose name, and until when the lease holds."""

    def __init__(
        self, journal: Journal, run_id: str, clock: Clock, *, lease_s: Callable[[], float], next_seq: int, owner: str | None = None
    ) -> None:
        self.journal = journal
        self.owner = owner or uuid.uuid4().hex
        self._stream = run_stream(run_id)
        self._clock = clock
        self._lease_s = lease_s
        self._next_seq = next_seq
        self._lease_ends = float("-inf")

    def write(self, entry: Entry) -> Entry:
        """Write one entry and renew the lease. Returns it as written. Raises FencedError, or JournalError if nobody knows."""
        # The lease counts from before the write: however long that takes, ours ends no later than the others believe.
        began, lease_s = self._clock.monotonic(), self._lease_s()
        stamped = cast("Entry", {**entry, "owner": self.owner, "lease_until": entry["at"] + lease_s})
        try:
            self.journal.append(self._stream, self._next_seq, stamped)
        except SeqTakenError as err:
            raise FencedError(f"{self._stream}: another invocation works on this run now. This one stops here.") from err
        self._next_seq += 1
        self._lease_ends = began + lease_s
        return stamped

    def lease_left_s(self) -> float:
        """Seconds for which nobody else may act on this run, on the monotonic clock."""
        return self._lease_ends - self._clock.monotonic()

    def renew_in_s(self) -> float:
        """Seconds until the lease wants renewing: half of it is kept in hand."""
        return self.lease_left_s() - self._lease_s() / 2
