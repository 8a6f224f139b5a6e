"""Adding to a stream that others write to as well: read, decide, append, and begin again if somebody was first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dcs_upkeep.domain.errors import JournalError, SeqTakenError
from dcs_upkeep.domain.ports import Journal

TRIES = 12
Entries = Sequence[Mapping[str, object]]


def append_next(
    journal: Journal, stream: str, decide: Callable[[Entries], Mapping[str, object] | None], tries: int = TRIES
) -> Mapping[str, object] | None:
    """Append what `decide` makes of the entries so far; None if it wants nothing written. Returns the entry that was written.

    `decide` is asked again with the newer entries each time that somebody else was first.
    Raises: JournalError if the store fails, or if others are first so many times.
    """
    entries: list[Mapping[str, object]] = []
    for _ in range(tries):
        entries += [entry for _, entry in journal.read(stream, after=len(entries) - 1)]
        entry = decide(entries)
        if entry is None:
            return None
        try:
            journal.append(stream, len(entries), entry)
        except SeqTakenError:
            continue
        return entry
    raise JournalError(f"{stream}: others wrote to it first {tries} times. Send the event again.")
