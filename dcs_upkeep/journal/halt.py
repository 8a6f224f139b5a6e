"""The halt lever: pulled, let go of, and read before every attempt that writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcs_upkeep.domain.ports import Clock, Journal
from dcs_upkeep.domain.timestamps import iso_at
from dcs_upkeep.journal.append import Entries, append_next
from dcs_upkeep.journal.pieces import clip

HALT_STREAM = "control/halt"
MOST_BYTES = 4_000


def current_halt(journal: Journal) -> dict[str, Any] | None:
    """The halt in force: its `id`, `reason`, `by` and `at`. Raises: JournalError if that cannot be read."""
    return _in_force([entry for _, entry in journal.read(HALT_STREAM)])


def halt(journal: Journal, clock: Clock, reason: str, by: str) -> dict[str, Any]:
    """Pull the lever. A halt that is in force already stays as it is. Returns the halt in force. Raises: JournalError."""
    found: dict[str, Any] = {}
    reason, by = clip(reason, MOST_BYTES), clip(by, MOST_BYTES)  # the lever works whatever somebody writes beside it

    def pull(entries: Entries) -> Mapping[str, object] | None:
        nonlocal found
        current = _in_force(entries)
        found = current or {"id": f"halt-{len(entries)}", "reason": reason, "by": by, "at": iso_at(clock.now().timestamp())}
        return {"kind": "halted", **found} if current is None else None

    append_next(journal, HALT_STREAM, pull)
    return found


def release(journal: Journal, clock: Clock, halt_id: str, by: str) -> bool:
    """Let go of the lever: only of the halt that is named, so that a release meant for an older one frees nothing."""

    def let_go(entries: Entries) -> Mapping[str, object] | None:
        current = _in_force(entries)
        if current is None or current["id"] != halt_id:
            return None
        return {"kind": "released", "halt": halt_id, "by": clip(by, MOST_BYTES), "at": iso_at(clock.now().timestamp())}

    return append_next(journal, HALT_STREAM, let_go) is not None


def _in_force(entries: Entries) -> dict[str, Any] | None:
    halt: dict[str, Any] | None = None
    for entry in entries:
        if entry["kind"] == "halted":
            halt = {key: entry[key] for key in ("id", "reason", "by", "at")}
        elif halt is not None and entry["halt"] == halt["id"]:
            halt = None
    return halt
