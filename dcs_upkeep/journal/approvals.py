"""What dry runs have shown, on record by digest: so that an approval can lapse, and a drifted one be told what changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from dcs_upkeep.domain.errors import JournalError, SeqTakenError
from dcs_upkeep.domain.model import ShownPlan
from dcs_upkeep.domain.ports import Journal
from dcs_upkeep.journal.append import TRIES

PIECE = 4_000  # instances in one entry, which then stays under 300 KB


def save_shown_plan(journal: Journal, digest: str, loses: Mapping[str, bool], now: datetime) -> None:
    """A dry run has shown this plan to a person. Raises: JournalError."""
    rows = [[one, lost] for one, lost in sorted(loses.items())]
    pieces = [rows[start : start + PIECE] for start in range(0, max(1, len(rows)), PIECE)]
    for _ in range(TRIES + len(pieces)):
        held = journal.read(_stream(digest))
        place = len(held)
        # The digest stands for the set, so whoever else writes here writes the same pieces.
        piece = pieces[place] if place < len(pieces) else []
        try:
            journal.append(_stream(digest), place, {"kind": "shown", "at": now.timestamp(), "parts": len(pieces), "instances": piece})
        except SeqTakenError:
            continue
        if place >= len(pieces) - 1:
            return
    raise JournalError(f"{_stream(digest)}: too many dry runs of one plan at once. Run it again.")


def load_shown_plan(journal: Journal, digest: str) -> ShownPlan | None:
    """The plan that this digest stands for, as it was shown last; None where it is not on record here. Raises: JournalError."""
    entries = [entry for _, entry in journal.read(_stream(digest))]
    if not entries or len(entries) < int(str(entries[0]["parts"])):
        return None
    loses: dict[str, bool] = {}
    at = 0.0
    for entry in entries:
        at = max(at, float(str(entry["at"])))
        rows = entry["instances"]
        if isinstance(rows, list):
            loses |= {str(one): bool(lost) for one, lost in rows}
    return ShownPlan(loses, datetime.fromtimestamp(at, UTC))


def _stream(digest: str) -> str:
    return f"plan/{digest}"
