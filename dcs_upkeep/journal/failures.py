"""Failed and unknown instances of all runs of one scope, by the hour in which they failed: what the circuit breaker counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dcs_upkeep.domain.model import Location
from dcs_upkeep.domain.ports import Host, Journal
from dcs_upkeep.domain.run import RunScope
from dcs_upkeep.journal.append import Entries, append_next
from dcs_upkeep.journal.halt import read_lever

PERIOD_S = 3_600.0
AHEAD_S = 120.0  # how far the clock of whoever noted a failure may be ahead: the most that UPKEEP_SKEW_S may say
PIECE = 2_000  # instances in one entry, which then stays under 300 KB
PULLED_BY = "circuit breaker of"


@dataclass(frozen=True, slots=True)
class Failures:
    """What is on record. `noted`: (run, instance) of this hour and the one before; `counted`: run -> how many of its instances count now.

    `halt`: the halt in force, whoever pulled it.
    """

    noted: frozenset[tuple[str, str]] = frozenset()
    counted: Mapping[str, int] = field(default_factory=dict)
    halt: Mapping[str, Any] | None = None


def scope_of(host: Host, location: Location) -> str:
    """Whose failures are counted together: those of one function in one region and project."""
    return RunScope(host.kind, host.function, location.region, location.project_id).key


def puller(scope: str) -> str:
    """How the lever names the breaker of this scope. No trigger's name begins so."""
    return f"{PULLED_BY} {scope}"


def read_failures(journal: Journal, scope: str, now: float) -> Failures:
    """Those of the last hour; a release of a halt that this scope's breaker pulled lets the count begin anew. Raises: JournalError."""
    lever = read_lever(journal)
    since = max(now - PERIOD_S, lever.let_go_at.get(puller(scope), 0.0))
    noted: set[tuple[str, str]] = set()
    counted: set[tuple[str, str]] = set()
    for stream in dict.fromkeys(_stream(scope, at) for at in (now - PERIOD_S, now, now + AHEAD_S)):
        for _, entry in journal.read(stream):
            pairs = _pairs(entry)
            noted |= pairs
            if float(str(entry["at"])) > since:
                counted |= pairs
    return Failures(frozenset(noted), Counter(run_id for run_id, _ in counted), lever.in_force)


def note_failures(journal: Journal, scope: str, run_id: str, failed: Mapping[str, float]) -> None:
    """These instances of a run have failed or are unknown: instance ID -> when that was known. Each once. Raises: JournalError."""
    for at in sorted(set(failed.values())):
        ids = sorted(instance_id for instance_id, moment in failed.items() if moment == at)
        for start in range(0, len(ids), PIECE):
            _note(journal, _stream(scope, at), run_id, ids[start : start + PIECE], at)


def _note(journal: Journal, stream: str, run_id: str, instance_ids: list[str], at: float) -> None:
    def add(entries: Entries) -> Mapping[str, object] | None:
        known = {pair for entry in entries for pair in _pairs(entry)}
        new = [instance_id for instance_id in instance_ids if (run_id, instance_id) not in known]
        return {"kind": "failed", "run_id": run_id, "instances": new, "at": at} if new else None

    append_next(journal, stream, add)


def _pairs(entry: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(str(entry["run_id"]), str(instance_id)) for instance_id in entry["instances"]}


def _stream(scope: str, at: float) -> str:
    return f"failures/{scope}/{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H}"
