"""Which runs there are: listed by scope, day and shard, so that a burst of events does not write to one stream.

A run is listed on the day (UTC) on which it begins, on each day on which it goes on, and on the day until which it waits.
So whatever is not over is on the index of the last `DAYS`, or of the day on which it goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from dcs_upkeep.domain.lifetimes import AHEAD_S, DAY_S
from dcs_upkeep.domain.ports import Journal
from dcs_upkeep.domain.run import RunScope, digest_of
from dcs_upkeep.journal.append import Entries, append_next

DAYS = 5  # runs are looked for on so many: an invocation takes three at most, and the sweep comes by every five minutes
AHEAD_DAYS = int(AHEAD_S / DAY_S) + 1  # and waiting ones on so many that are to come
FIND_DAYS = 31  # so far back a run is found by the beginning of its id
SHARDS = 8
TRIES = 200  # each time somebody else was first, somebody got in: so many at one moment in one shard
PARALLEL = 16
T = TypeVar("T")
R = TypeVar("R")


def index_stream(scope: RunScope, day: date, shard: int) -> str:
    """The stream that lists some of the runs of that day."""
    return f"runs/{scope.key}/{day.isoformat()}/{shard}"


def old_index_stream(day: date) -> str:
    """Where version 0.1.0 listed the runs that began on that day, whoever began them."""
    return f"runs/{day.isoformat()}"


def scopes_stream(day: date) -> str:
    """The stream that lists the scopes that have runs in that month."""
    return f"scopes/{day:%Y-%m}"


def shard_of(run_id: str) -> int:
    """The same for a run on every day and every machine."""
    return hashlib.sha256(run_id.encode("utf-8", "surrogatepass")).digest()[0] % SHARDS


def register_run(journal: Journal, scope: RunScope, run_id: str, now: datetime, on: datetime | None = None) -> None:
    """Put a run on the index of today, or of the day `on` which it goes on; once. Raises: JournalError."""
    day = utc_day(on or now)
    stream = index_stream(scope, day, shard_of(run_id))
    if not journal.read(stream):  # the scope first: a run that is listed where nobody knows to look is hard to find
        _register_scope(journal, scope, day, now)

    def add(entries: Entries) -> Mapping[str, object] | None:
        if any(entry.get("run_id") == run_id for entry in entries):
            return None
        return {"run_id": run_id, "at": now.timestamp()}

    append_next(journal, stream, add, TRIES)


def list_run_ids(journal: Journal, scope: RunScope, days: Iterable[date]) -> list[str]:
    """The runs of this scope that are listed on these days, in the order in which they were, each once."""
    return _ids(journal, [index_stream(scope, day, shard) for day in days for shard in range(SHARDS)])


def list_old_run_ids(journal: Journal, days: Iterable[date]) -> list[str]:
    """The same from the index of version 0.1.0."""
    return _ids(journal, [old_index_stream(day) for day in days])


def find_run_ids(journal: Journal, scope: RunScope, begins: str, now: datetime) -> list[str]:
    """The runs whose id, or whose digest, begins so: of the last days, else of the days before, else those of other scopes."""

    def matching(one: RunScope, days: Sequence[date]) -> list[str]:
        listed = list_run_ids(journal, one, days)
        return [run_id for run_id in listed if run_id.startswith(begins) or digest_of(run_id).startswith(begins)]

    recent, older = last_days(now, ahead=AHEAD_DAYS), last_days(now, FIND_DAYS)[:-DAYS]
    if found := matching(scope, recent) or matching(scope, older):
        return found
    return [run_id for other in other_scopes(journal, scope, now) for run_id in matching(other, recent)]


def other_scopes(journal: Journal, scope: RunScope, now: datetime) -> list[RunScope]:
    """Who else has runs in this journal, of the days that count."""
    days = last_days(now, ahead=AHEAD_DAYS)
    streams = dict.fromkeys(scopes_stream(day) for day in days)
    found = {_scope(entry) for entries in in_parallel(streams, journal.read) for _, entry in entries}
    return sorted(found - {scope}, key=str)


def last_days(now: datetime, count: int = DAYS, ahead: int = 0) -> list[date]:
    """So many days that end today, oldest first, and so many that are to come."""
    return [utc_day(now) + timedelta(days=shift) for shift in range(1 - count, ahead + 1)]


def utc_day(moment: datetime) -> date:
    """Its date in UTC."""
    return moment.astimezone(UTC).date()


def in_parallel(items: Iterable[T], work: Callable[[T], R]) -> Sequence[R]:
    """The same work for each, several at a time; results in the order of the items."""
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="index") as pool:
        return list(pool.map(work, items))


def _register_scope(journal: Journal, scope: RunScope, day: date, now: datetime) -> None:
    def add(entries: Entries) -> Mapping[str, object] | None:
        if any(_scope(entry) == scope for entry in entries):
            return None
        return {"scope": scope.as_json(), "at": now.timestamp()}

    append_next(journal, scopes_stream(day), add, TRIES)


def _scope(entry: Mapping[str, object]) -> RunScope:
    told = entry["scope"]
    parts = told if isinstance(told, dict) else {}
    return RunScope(*(str(parts.get(name, "")) for name in ("host", "function", "region", "project_id")))


def _ids(journal: Journal, streams: Sequence[str]) -> list[str]:
    entries = [entry for found in in_parallel(streams, journal.read) for _, entry in found]
    entries.sort(key=lambda entry: float(str(entry["at"])))
    return list(dict.fromkeys(str(entry["run_id"]) for entry in entries))
