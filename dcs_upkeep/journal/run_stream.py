"""The stream of one run: read, and written under a lease."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from dcs_upkeep.domain.errors import FencedError, JournalError, SeqTakenError
from dcs_upkeep.domain.ports import Clock, Journal
from dcs_upkeep.journal.entries import Entry
from dcs_upkeep.journal.lease import Lease
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
        self._lease: Lease | None = None
        self._given_up: set[str] = set()  # nonces of entries that the store did not take, as far as it said

    def write(self, entry: Entry, *, ends_now: bool = False) -> Entry:
        """Write one entry and renew the lease; or let that end now, if its owner leaves. Returns the entry as written.

        Raises: FencedError if somebody else wrote there; JournalError if the store does not say that it is written.
        """
        # The lease counts from before the write: however long that takes, ours ends no later than the others believe.
        lease = Lease(self._clock.monotonic(), self._clock.now().timestamp(), 0.0 if ends_now else self._lease_s())
        entry = with_nonce(entry)
        stamped = cast("Entry", {**entry, "owner": self.owner, "lease_until": lease.began_wall + lease.length_s})
        while True:
            try:
                self.journal.append(self._stream, self._next_seq, stamped)
                break
            except JournalError as err:
                # What stands there may be ours, durable though the store said that it failed: this entry, or one that was given up.
                found = self._standing()
                nonce = found.get("nonce") if found is not None else None
                if found is not None and nonce == stamped["nonce"]:
                    # It holds for as long as it says, which may be shorter than a lease taken now.
                    stamped, lease = found, replace(lease, length_s=found["lease_until"] - lease.began_wall)
                    break
                if isinstance(err, SeqTakenError) and nonce in self._given_up:
                    self._next_seq += 1
                    continue
                if isinstance(err, SeqTakenError):
                    raise FencedError(f"{self._stream}: another invocation works on this run now. This one stops here.") from err
                self._given_up.add(stamped["nonce"])
                raise
        self._next_seq += 1
        if self.lapsed() and entry["kind"] != "taken_over":
            # The append took so long that the lease before it had ended when it landed: it renewed nothing, and somebody may have
            # claimed an instance in between. The lease is to be taken anew before anything is sent.
            lease = replace(lease, length_s=0.0)
        self._lease = lease
        return stamped

    def lapsed(self) -> bool:
        """Whether the lease has ended, by either clock: then the run may be somebody else's."""
        return self._lease is not None and self._lease.lapsed(*self._clocks())

    def covers(self, seconds: float) -> bool:
        """Whether something that takes so long would end within the lease. Safe to ask from any thread."""
        return self._lease is not None and self._lease.covers(seconds, *self._clocks())

    def renew_in_s(self) -> float:
        """Seconds until the lease wants renewing: half of it is kept in hand."""
        if self._lease is None:
            return 0.0
        return self._lease.left_s(*self._clocks()) - self._lease.length_s / 2

    def _clocks(self) -> tuple[float, float]:
        return self._clock.monotonic(), self._clock.now().timestamp()

    def _standing(self) -> Entry | None:
        """What stands at our place; None if nothing does, or nobody can tell."""
        try:
            found = self.journal.read(self._stream, self._next_seq - 1)
        except JournalError:
            return None
        return cast("Entry", found[0][1]) if found else None


def with_nonce(entry: Entry) -> Entry:
    """The entry with what tells it from every other, however often it is tried to be written."""
    return entry if "nonce" in entry else cast("Entry", {**entry, "nonce": uuid.uuid4().hex})
