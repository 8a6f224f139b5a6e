"""Who works on a run: one invocation at a time, decided by who writes the next entry of its stream first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from dcs_upkeep.entries import FORMAT, Claimed, Entry
from dcs_upkeep.errors import FencedError, InvalidEventError, JournalError, Problem, SeqTakenError
from dcs_upkeep.journal import RunState, fold
from dcs_upkeep.model import Trigger
from dcs_upkeep.ports import Clock, Journal, Log
from dcs_upkeep.record import Recorder, Store, run_stream
from dcs_upkeep.report import iso, iso_at
from dcs_upkeep.request import Request, canonical

TRIES = 12
MOST_REQUEST_CHARS = 200_000


class Holding(StrEnum):
    """What came of asking for a run."""

    OURS = "ours"
    RUNNING = "running"  # another invocation works on it
    OVER = "over"  # its report is on record
    REUSED = "reused"  # the key belongs to another request
    MISSING = "missing"  # nothing to resume


@dataclass(frozen=True, slots=True)
class Hold:
    """The run, as far as this invocation may have it. `recorder` is there for OURS and OVER; `said` explains the others."""

    holding: Holding
    state: RunState
    recorder: Recorder | None = None
    resumed: bool = False
    said: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a lease holds, and how long after its end its owner's last attempt may still be under way. Seconds."""

    lease_s: Callable[[], float]
    grace_s: float


def index_stream(moment: datetime) -> str:
    """The stream that lists the runs which began on that day, in UTC."""
    return f"runs/{moment.date().isoformat()}"


def read_run(journal: Journal, run_id: str) -> tuple[RunState, int]:
    """The state of a run, and the next place in its stream. Raises: JournalError; RecordError where it cannot be judged from here."""
    entries = journal.read(run_stream(run_id))
    return fold(cast("list[Entry]", [entry for _, entry in entries]), run_stream(run_id)), len(entries)


def asked_for(request: Request) -> str:
    """The request in a few words, to tell two apart."""
    if request.plan is not None:
        return f"plan {request.plan}"
    what = (
        f"{len(request.instances)} instance(s)"
        if request.instances
        else json.dumps(request.model_dump(mode="json", include={"select"}, exclude_defaults=True).get("select"))
    )
    return f"{request.action} of {what}{' (dry run)' if request.dry_run else ''}"[:300]


def make_claim(run_id: str, request: Request, named: str | None, trigger: Trigger, at: float, alarm_id: str | None = None) -> Claimed:
    """The first entry of a run. `named`: the reviewed plan that the request came from, which then stands for it."""
    form: Mapping[str, Any] = {"plan": named, "dry_run": request.dry_run} if named else canonical(request)
    text = json.dumps(request.model_dump(mode="json", exclude_defaults=True))
    if len(text) > MOST_REQUEST_CHARS:
        raise InvalidEventError(
            [
                Problem(
                    "instances", f"{len(request.instances or ())} IDs make one request too long for the journal", "Use select, or split it."
                )
            ]
        )
    return Claimed(
        kind="claimed",
        format=FORMAT,
        at=at,
        run_id=run_id,
        same_as=hashlib.sha256(json.dumps(form, sort_keys=True).encode()).hexdigest(),
        asked=f"plan {named}" if named else asked_for(request),
        named=named,
        alarm_id=alarm_id,
        request=json.loads(text),
        trigger={"kind": trigger.kind.value, "id": trigger.id, "time": iso(trigger.time) if trigger.time else None},
    )


def claim(journal: Journal, asked: Claimed, clock: Clock, log: Log, terms: Terms) -> Hold:
    """Begin the run, or find out whose it is. A run whose owner has died is taken over here."""
    run_id = asked["run_id"]
    for _ in range(TRIES):
        state, next_seq = read_run(journal, run_id)
        if state.claimed is not None and not state.released:
            if state.claimed["same_as"] != asked["same_as"]:
                said = f"{run_id} stands for {state.claimed['asked']!r} already, and this event asks for {asked['asked']!r}"
                return Hold(Holding.REUSED, state, said=said)
            return resume(journal, run_id, clock, log, terms)
        # The index first: a run that is claimed but not listed would never be found by a sweep.
        list_run(journal, run_id, clock.now())
        recorder = Recorder(clock, log, Store(journal, run_id, clock, lease_s=terms.lease_s, next_seq=next_seq), state)
        try:
            recorder.append(asked)
        except FencedError:
            continue
        return Hold(Holding.OURS, recorder.state, recorder)
    raise JournalError(f"{run_stream(run_id)}: too many invocations want this run at once. Send the event again.")


def resume(journal: Journal, run_id: str, clock: Clock, log: Log, terms: Terms) -> Hold:
    """Go on with a run that was handed over, or whose lease has lapsed."""
    state, next_seq = read_run(journal, run_id)
    if state.claimed is None:
        return Hold(Holding.MISSING, state, said=f"no run {run_id} is on record")
    if state.released:
        return Hold(Holding.MISSING, state, said=f"{run_id} ended before anything was sent; send its event again instead")
    recorder = Recorder(clock, log, Store(journal, run_id, clock, lease_s=terms.lease_s, next_seq=next_seq), state)
    if state.reported is not None:
        return Hold(Holding.OVER, state, recorder)
    until = state.live_until(terms.grace_s)
    if clock.now().timestamp() < until:
        return Hold(Holding.RUNNING, state, said=f"another invocation works on {run_id}; it may be taken over from {iso_at(until)} on")
    try:
        recorder.taken_over()
    except FencedError:
        return Hold(Holding.RUNNING, state, said=f"another invocation has just taken {run_id} over")
    return Hold(Holding.OURS, recorder.state, recorder, resumed=True)


def list_run(journal: Journal, run_id: str, now: datetime) -> None:
    """Put a run on the index of its day."""
    stream = index_stream(now)
    for _ in range(TRIES):
        entries = journal.read(stream)
        if any(entry.get("run_id") == run_id for _, entry in entries):
            return
        try:
            journal.append(stream, len(entries), {"run_id": run_id, "at": now.timestamp()})
        except SeqTakenError:
            continue
        return
    raise JournalError(f"{stream}: too many runs begin at once. Send the event again.")


def listed_runs(journal: Journal, days: Sequence[datetime]) -> list[str]:
    """The runs that began on these days, oldest first, each once."""
    ids = [str(entry["run_id"]) for day in days for _, entry in journal.read(index_stream(day))]
    return list(dict.fromkeys(ids))
