"""The halt lever, and what is under way: read and written by control events, read before every attempt."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from dcs_upkeep import guards
from dcs_upkeep.claiming import TRIES, listed_runs, read_run
from dcs_upkeep.errors import JournalError, RecordError, SeqTakenError
from dcs_upkeep.model import Verdict
from dcs_upkeep.ports import Clock, Journal
from dcs_upkeep.report import iso_at

HALT_STREAM = "control/halt"
DAYS = 5  # a run is looked for on the index of so many days: 200 invocations of 15 minutes are two


def current_halt(journal: Journal) -> dict[str, Any] | None:
    """The halt in force: its `id`, `reason`, `by` and `at`. Raises JournalError where that cannot be read."""
    halt: dict[str, Any] | None = None
    for _, entry in journal.read(HALT_STREAM):
        if entry["kind"] == "halted":
            halt = {key: entry[key] for key in ("id", "reason", "by", "at")}
        elif halt is not None and entry["halt"] == halt["id"]:
            halt = None
    return halt


def halt_verdict(journal: Journal | None) -> Verdict:
    """Whether writing is allowed as far as the lever goes. Unreadable means halted; without a journal there is no lever."""
    if journal is None:
        return Verdict(True, "halt")
    try:
        record: Mapping[str, object] | guards.Unreadable | None = current_halt(journal)
    except (JournalError, KeyError, TypeError):
        record = guards.Unreadable.UNREADABLE
    return guards.checked("halt", guards.halt, record)


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


def runs(journal: Journal, clock: Clock, *, days: int = DAYS, live_only: bool = False) -> list[dict[str, Any]]:
    """The runs of the last days, oldest first: id, what was asked, whether it has ended, its owner's lease, what it holds.

    One whose record cannot be used has the status `unreadable` and the reason, and no more.
    """
    today = clock.now()
    found: list[dict[str, Any]] = []
    for run_id in listed_runs(journal, [today - timedelta(days=back) for back in reversed(range(days))]):
        try:
            state, _ = read_run(journal, run_id)
        except RecordError as err:  # the others are to be seen all the same
            found.append({"run_id": run_id, "status": "unreadable", "reason": str(err)})
            continue
        if state.claimed is None or (live_only and state.ended):
            continue
        held = [] if state.ended else [one.instance_id for one in state.progress.values() if one.outcome is None]
        found.append(
            {
                "run_id": run_id,
                "asked": state.claimed["asked"],
                "began_at": iso_at(state.claimed["at"]),
                "status": state.reported["status"] if state.reported else "released" if state.released else "running",
                "instances": len(state.progress),
                "done": sum(1 for one in state.progress.values() if one.outcome is not None),
                "hops": state.hops,
                "holds": held,
                "lease_until": None if state.ended or state.handed_over else iso_at(state.lease_until),
                "goes_on_at": iso_at(state.not_before) if state.handed_over and state.not_before else None,
            }
        )
    return found


def lapsed_runs(journal: Journal, clock: Clock, grace_s: float) -> tuple[list[str], dict[str, str]]:
    """The runs that nobody works on and that have not ended: a sweep goes on with them. And those that cannot be judged: id -> why."""
    today = clock.now()
    ids = listed_runs(journal, [today - timedelta(days=back) for back in reversed(range(DAYS))])
    lapsed, unreadable = [], {}
    for run_id in ids:
        try:
            state, _ = read_run(journal, run_id)
        except RecordError as err:
            unreadable[run_id] = str(err)
            continue
        if state.claimed is not None and not state.ended and max(state.live_until(grace_s), state.not_before) <= today.timestamp():
            lapsed.append(run_id)
    return lapsed, unreadable
