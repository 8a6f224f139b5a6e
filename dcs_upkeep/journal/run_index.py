"""Which runs there are: the index by day, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from dcs_upkeep.domain.errors import RecordError
from dcs_upkeep.domain.ports import Clock, Journal
from dcs_upkeep.domain.timestamps import iso_at
from dcs_upkeep.journal.append import Entries, append_next
from dcs_upkeep.journal.run_stream import read_run

DAYS = 5  # a run is looked for on the index of so many days: 200 invocations of 15 minutes are two


def index_stream(moment: datetime) -> str:
    """The stream that lists the runs which began on that day, in UTC."""
    return f"runs/{moment.date().isoformat()}"


def register_run(journal: Journal, run_id: str, now: datetime) -> None:
    """Put a run on the index of its day, once. Raises: JournalError."""

    def add(entries: Entries) -> Mapping[str, object] | None:
        if any(entry.get("run_id") == run_id for entry in entries):
            return None
        return {"run_id": run_id, "at": now.timestamp()}

    append_next(journal, index_stream(now), add)


def list_run_ids(journal: Journal, days: Sequence[datetime]) -> list[str]:
    """The runs that began on these days, oldest first, each once."""
    ids = [str(entry["run_id"]) for day in days for _, entry in journal.read(index_stream(day))]
    return list(dict.fromkeys(ids))


def summarize_runs(journal: Journal, clock: Clock, *, days: int = DAYS, live_only: bool = False) -> list[dict[str, Any]]:
    """The runs of the last days, oldest first: id, what was asked, whether it has ended, its owner's lease, what it holds.

    One whose record cannot be used has the status `unreadable` and the reason, and no more.
    """
    found: list[dict[str, Any]] = []
    for run_id in _last_run_ids(journal, clock.now(), days):
        try:
            state, _ = read_run(journal, run_id)
        except RecordError as err:  # the others are to be seen all the same
            found.append({"run_id": run_id, "status": "unreadable", "reason": str(err)})
            continue
        if state.claimed is None or (live_only and state.ended):
            continue
        held = [] if state.ended else [progress.instance_id for progress in state.progress.values() if progress.outcome is None]
        found.append(
            {
                "run_id": run_id,
                "asked": state.claimed["asked"],
                "began_at": iso_at(state.claimed["at"]),
                "status": state.reported["status"] if state.reported else "released" if state.released else "running",
                "instances": len(state.progress),
                "done": sum(1 for progress in state.progress.values() if progress.outcome is not None),
                "hops": state.hops,
                "holds": held,
                "lease_until": None if state.ended or state.handed_over else iso_at(state.lease_until),
                "goes_on_at": iso_at(state.not_before) if state.handed_over and state.not_before else None,
            }
        )
    return found


def lapsed_runs(journal: Journal, clock: Clock, grace_s: float) -> tuple[list[str], dict[str, str]]:
    """The runs of the last days that have not ended and that nobody works on now. And those that cannot be judged: id -> why."""
    now = clock.now()
    lapsed, unreadable = [], {}
    for run_id in _last_run_ids(journal, now, DAYS):
        try:
            state, _ = read_run(journal, run_id)
        except RecordError as err:
            unreadable[run_id] = str(err)
            continue
        if state.claimed is not None and not state.ended and max(state.live_until(grace_s), state.not_before) <= now.timestamp():
            lapsed.append(run_id)
    return lapsed, unreadable


def _last_run_ids(journal: Journal, now: datetime, days: int) -> list[str]:
    return list_run_ids(journal, [now - timedelta(days=back) for back in reversed(range(days))])
