"""What dry runs have shown, on record by digest: so that an approval can lapse, and a drifted one be told what changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from dcs_upkeep.domain.model import ShownPlan
from dcs_upkeep.domain.ports import Journal
from dcs_upkeep.journal.append import Entries, append_next

PIECE = 4_000  # instances in one entry, which then stays under 300 KB


def save_shown_plan(journal: Journal, digest: str, loses: Mapping[str, bool], now: datetime) -> None:
    """A dry run has shown this plan to a person. Raises: JournalError."""
    rows = [[instance_id, lost] for instance_id, lost in sorted(loses.items())]
    pieces = [rows[start : start + PIECE] for start in range(0, max(1, len(rows)), PIECE)]
    place = -1

    def next_piece(entries: Entries) -> Mapping[str, object]:
        nonlocal place
        place = len(entries)
        # The digest stands for the set, so whoever else writes here writes the same pieces. Once all are there, an empty one is a date.
        piece = pieces[place] if place < len(pieces) else []
        return {"kind": "shown", "at": now.timestamp(), "parts": len(pieces), "instances": piece}

    while place < len(pieces) - 1:
        append_next(journal, _stream(digest), next_piece)


def load_shown_plan(journal: Journal, digest: str) -> ShownPlan | None:
    """The plan that this digest stands for, as it was shown last; None if it is not on record here. Raises: JournalError."""
    entries = [entry for _, entry in journal.read(_stream(digest))]
    if not entries or len(entries) < int(str(entries[0]["parts"])):
        return None
    loses: dict[str, bool] = {}
    at = 0.0
    for entry in entries:
        at = max(at, float(str(entry["at"])))
        rows = entry["instances"]
        if isinstance(rows, list):
            loses |= {str(instance_id): bool(lost) for instance_id, lost in rows}
    return ShownPlan(loses, datetime.fromtimestamp(at, UTC))


def _stream(digest: str) -> str:
    return f"plan/{digest}"
