"""Events that were refused because they are no valid request, by kind and hour: the topics are told of the first, the others are counted.

A bucket that sends its events to the wrong function sends hundreds; a message for each would hide the one that matters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dcs_upkeep.domain.errors import JournalError, SeqTakenError
from dcs_upkeep.domain.ports import Journal

LOOK_BACK_H = 24
MOST_KINDS = 20  # told in one hour; whoever makes up new kinds gets no more messages than that
MOST_ENTRIES = 300  # of an hour: reading them back must stay cheap in a storm
TRIES = 12


@dataclass(frozen=True, slots=True)
class Counted:
    """What is known of a refusal's kind. `tell`: the topics are to be told of this one. `times`: how often this kind came in this hour.

    `untold`: how many of this kind came since the topics were last told of it, if they are told now. `at_least`: nobody counted further.
    """

    tell: bool
    times: int
    untold: int = 0
    at_least: bool = False


def count_refusal(journal: Journal, scope: str, kind: str, now: float) -> Counted:
    """Note one refusal. Of several at one moment exactly one is told. Raises: JournalError, and then nobody knows."""
    stream = _stream(scope, now)
    entries: list[Mapping[str, Any]] = []
    for _ in range(TRIES):
        entries += [entry for _, entry in journal.read(stream, after=len(entries) - 1)]
        seen, kinds = _times(entries, kind), {entry["what"] for entry in entries if entry["told"]}
        tell = kind not in kinds and len(kinds) < MOST_KINDS
        full = len(entries) >= MOST_ENTRIES
        if full and not (tell and len(entries) < MOST_ENTRIES + MOST_KINDS):
            return Counted(tell=False, times=seen + 1, at_least=True)
        try:
            journal.append(stream, len(entries), {"kind": "refused", "what": kind, "told": tell, "at": now})
        except SeqTakenError:
            if kind in kinds:  # somebody else has told; one count more or less is not worth a storm of writes
                return Counted(tell=False, times=seen + 1, at_least=True)
            continue
        untold, at_least = _untold(journal, scope, kind, now) if tell else (0, False)
        return Counted(tell, seen + 1, untold, at_least)
    raise JournalError(f"{stream}: others wrote to it first {TRIES} times")


def _untold(journal: Journal, scope: str, kind: str, now: float) -> tuple[int, bool]:
    """How many of this kind were only counted in the last hour that had any, and whether that hour was counted to its end."""
    for hours in range(1, LOOK_BACK_H + 1):
        entries = [entry for _, entry in journal.read(_stream(scope, now - hours * 3600.0))]
        if times := _times(entries, kind):
            return times - sum(1 for entry in entries if entry["what"] == kind and entry["told"]), len(entries) >= MOST_ENTRIES
    return 0, False


def _times(entries: Sequence[Mapping[str, Any]], kind: str) -> int:
    return sum(1 for entry in entries if entry["what"] == kind)


def _stream(scope: str, at: float) -> str:
    return f"refusals/{scope}/{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H}"
