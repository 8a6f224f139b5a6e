"""The halt lever: pulled, let go of, and read before every attempt that writes."""

from __future__ import annotations

from typing import Any

from dcs_upkeep.domain.errors import JournalError, SeqTakenError
from dcs_upkeep.domain.ports import Clock, Journal
from dcs_upkeep.domain.timestamps import iso_at
from dcs_upkeep.journal.append import TRIES

HALT_STREAM = "control/halt"


def current_halt(journal: Journal) -> dict[str, Any] | None:
    """The halt in force: its `id`, `reason`, `by` and `at`. Raises JournalError where that cannot be read."""
    halt: dict[str, Any] | None = None
    for _, entry in journal.read(HALT_STREAM):
        if entry["kind"] == "halted":
            halt = {key: entry[key] for key in ("id", "reason", "by", "at")}
        elif halt is not None and entry["halt"] == halt["id"]:
            halt = None
    return halt


def halt(journal: Journal, clock: Clock, reason: str, by: str) -> dict[str, Any]:
    """Pull the lever. A halt that is in force already stays as it is."""
    for _ in range(TRIES):
        entries = journal.read(HALT_STREAM)
        if (current := current_halt(journal)) is not None:
            return current
        record = {"id": f"halt-{len(entries)}", "reason": reason, "by": by, "at": iso_at(clock.now().timestamp())}
        try:
            journal.append(HALT_STREAM, len(entries), {"kind": "halted", **record})
        except SeqTakenError:
            continue
        return record
    raise JournalError(f"{HALT_STREAM}: it could not be written, others were always first. Send the command again.")


def release(journal: Journal, clock: Clock, halt_id: str, by: str) -> bool:
    """Let go of the lever: only of the halt that is named, so that a release meant for an older one frees nothing."""
    for _ in range(TRIES):
        entries = journal.read(HALT_STREAM)
        current = current_halt(journal)
        if current is None or current["id"] != halt_id:
            return False
        try:
            entry = {"kind": "released", "halt": halt_id, "by": by, "at": iso_at(clock.now().timestamp())}
            journal.append(HALT_STREAM, len(entries), entry)
        except SeqTakenError:
            continue
        return True
    raise JournalError(f"{HALT_STREAM}: it could not be written, others were always first. Send the command again.")
