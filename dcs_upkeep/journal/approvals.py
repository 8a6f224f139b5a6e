"""Showings on record: what a person was shown and when, and which run was started with that. One approval starts one run."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence

from dcs_upkeep.domain.actions import LossClass
from dcs_upkeep.domain.approval import ShownPlan
from dcs_upkeep.domain.errors import RecordError
from dcs_upkeep.domain.ports import Journal
from dcs_upkeep.journal.append import Entries, append_next

MOST_BYTES = 250_000  # of the instances in one entry, which then stays under 300 KB


def save_showing(journal: Journal, digest: str, showing: str, shown: ShownPlan) -> None:
    """Put on record what a person is about to be shown. Raises: JournalError, and then no event can approve it."""
    pieces = list(_pieces([[instance_id, word.value] for instance_id, word in sorted(shown.classes.items())]))
    for seq, piece in enumerate(pieces):
        entry = {"kind": "shown", "at": shown.at, "by": shown.by, "parts": len(pieces), "about": dict(shown.about), "instances": piece}
        journal.append(_stream(digest, showing), seq, entry)


def load_showing(journal: Journal, digest: str, showing: str) -> ShownPlan | None:
    """The showing, with the run that has used it; None if it is not on record here, or not whole. Raises: JournalError."""
    stream = _stream(digest, showing)
    return _read(stream, [entry for _, entry in journal.read(stream)])


def use_showing(journal: Journal, digest: str, showing: str, run_id: str, at: float) -> str:
    """Start a run with this showing, if no other run has been. Returns the run whose it is from now on: this one, or the first.

    `at`: seconds since 1970. Raises: JournalError; RecordError if the showing is not on record.
    """
    stream, holder = _stream(digest, showing), run_id

    def use(entries: Entries) -> Mapping[str, object] | None:
        nonlocal holder
        shown = _read(stream, entries)
        if shown is None:
            raise RecordError(f"{stream}: this showing is not on record. Make a dry run, and approve what it shows.")
        holder = shown.used_by or run_id
        return None if shown.used_by else {"kind": "used", "run_id": run_id, "at": at}

    append_next(journal, stream, use)
    return holder


def _read(stream: str, entries: Entries) -> ShownPlan | None:
    try:
        pieces = [entry for entry in entries if entry["kind"] == "shown"]
        if not pieces or len(pieces) < int(str(pieces[0]["parts"])):
            return None
        users = [str(entry["run_id"]) for entry in entries if entry["kind"] == "used"]
        first, rows = pieces[0], [row for piece in pieces for row in _rows(piece["instances"])]
        at, about = float(str(first["at"])), first["about"]
        if not math.isfinite(at) or not isinstance(about, dict):
            raise ValueError(first)
        classes = {str(instance_id): LossClass(word) for instance_id, word in rows}
        return ShownPlan(about, classes, at, by=str(first["by"]), used_by=users[0] if users else None)
    except (KeyError, TypeError, ValueError) as err:
        raise RecordError(f"{stream}: this showing cannot be read. Make a dry run, and approve what it shows.") from err


def _rows(raw: object) -> list[Sequence[str]]:
    if not isinstance(raw, list):
        raise TypeError(raw)
    return raw


def _pieces(rows: Sequence[list[str]]) -> Iterator[list[list[str]]]:
    """The rows in pieces that each fit into one entry; one empty piece if there are none."""
    piece: list[list[str]] = []
    size = 0
    for row in rows:
        needed = len(json.dumps(row).encode()) + 1
        if piece and size + needed > MOST_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(row)
        size += needed
    yield piece


def _stream(digest: str, showing: str) -> str:
    return f"plan/{digest}.{showing}"
