"""The halt lever: pulled, let go of, and read before every attempt that writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dcs_upkeep.domain.ports import Clock, Journal
from dcs_upkeep.domain.timestamps import iso_at, read_moment
from dcs_upkeep.journal.append import Entries, append_next
from dcs_upkeep.journal.entries import Claimed
from dcs_upkeep.journal.pieces import clip

HALT_STREAM = "control/halt"
MOST_BYTES = 4_000
TOLD_STREAM = "control/breaker"  # the breaker's halts that topics were told of; like every stream of `control/` it never expires
_WRITTEN_TO_S = 0.001  # times in the lever's entries are cut to milliseconds


@dataclass(frozen=True, slots=True)
class Lever:
    """The lever as it stands. `let_go_at`: who pulled -> when a halt of theirs was released last, in seconds since 1970.

    `ended`: claim of a run (`claim_of`) -> who ended that run for good, and why.
    """

    in_force: dict[str, Any] | None = None
    ended: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    let_go_at: Mapping[str, float] = field(default_factory=dict)


def read_lever(journal: Journal) -> Lever:
    """What is on record of the lever. Raises: JournalError if that cannot be read."""
    return _lever([entry for _, entry in journal.read(HALT_STREAM)])


def current_halt(journal: Journal) -> dict[str, Any] | None:
    """The halt in force: its `id`, `reason`, `by` and `at`. Raises: JournalError if that cannot be read."""
    return read_lever(journal).in_force


def halt(journal: Journal, clock: Clock, reason: str, by: str) -> dict[str, Any]:
    """Pull the lever. A halt that is in force already stays as it is. Returns the halt in force. Raises: JournalError."""
    return pull_once(journal, clock, reason, by)[0]


def pull_once(journal: Journal, clock: Clock, reason: str, by: str) -> tuple[dict[str, Any], bool]:
    """The same, and whether it was this call that pulled it: of several at one moment it was one. Raises: JournalError."""
    found: dict[str, Any] = {}
    reason, by = clip(reason, MOST_BYTES), clip(by, MOST_BYTES)  # the lever works whatever somebody writes beside it

    def pull(entries: Entries) -> Mapping[str, object] | None:
        nonlocal found
        current = _lever(entries).in_force
        found = current or {"id": f"halt-{len(entries)}", "reason": reason, "by": by, "at": iso_at(clock.now().timestamp())}
        return {"kind": "halted", **found} if current is None else None

    pulled = append_next(journal, HALT_STREAM, pull) is not None
    return found, pulled


def end_run(journal: Journal, clock: Clock, run_id: str, claimed: Claimed, reason: str, by: str) -> Mapping[str, Any]:
    """Nothing more of this run is sent. Its key may be claimed again, if nothing was. Returns who ended it first. Raises: JournalError."""
    claim, found = claim_of(claimed), dict[str, Any]()

    def end(entries: Entries) -> Mapping[str, object] | None:
        nonlocal found
        if (before := _lever(entries).ended.get(claim)) is not None:
            found = dict(before)
            return None
        found = {"run": run_id, "claim": claim, "reason": clip(reason, MOST_BYTES), "by": clip(by, MOST_BYTES)}
        found["at"] = iso_at(clock.now().timestamp())
        return {"kind": "run_ended", "halt": "", **found}  # an older version passes over an entry that names no halt

    append_next(journal, HALT_STREAM, end)
    return found


def claim_of(claimed: Claimed) -> str:
    """What tells this claim of a run's key from every other."""
    return claimed.get("nonce") or repr(claimed["at"])


def release(journal: Journal, clock: Clock, halt_id: str, by: str) -> bool:
    """Let go of the lever: only of the halt that is named, so that a release meant for an older one frees nothing."""

    def let_go(entries: Entries) -> Mapping[str, object] | None:
        current = _lever(entries).in_force
        if current is None or current["id"] != halt_id:
            return None
        return {"kind": "released", "halt": halt_id, "by": clip(by, MOST_BYTES), "at": iso_at(clock.now().timestamp())}

    return append_next(journal, HALT_STREAM, let_go) is not None


def is_told(journal: Journal, halt_id: str) -> bool:
    """Whether the topics were told of this halt of the breaker's. Raises: JournalError."""
    return any(entry["halt"] == halt_id for _, entry in journal.read(TOLD_STREAM))


def note_told(journal: Journal, halt_id: str, now: float) -> None:
    """They were. Raises: JournalError."""

    def add(entries: Entries) -> Mapping[str, object] | None:
        is_there = any(entry["halt"] == halt_id for entry in entries)
        return None if is_there else {"kind": "told", "halt": halt_id, "at": now}

    append_next(journal, TOLD_STREAM, add)


def _lever(entries: Iterable[Mapping[str, Any]]) -> Lever:
    halt: dict[str, Any] | None = None
    let_go_at: dict[str, float] = {}
    ended: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        if entry["kind"] == "halted":
            halt = {key: entry[key] for key in ("id", "reason", "by", "at")}
        elif entry["kind"] == "run_ended":
            ended[entry["claim"]] = {key: entry[key] for key in ("run", "claim", "reason", "by", "at")}
        elif halt is not None and entry["halt"] == halt["id"]:
            let_go_at[halt["by"]] = read_moment(entry["at"]).timestamp() + _WRITTEN_TO_S
            halt = None
    return Lever(halt, ended, let_go_at)
