"""Who works on a run: one invocation at a time, decided by who writes the next entry of its stream first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dcs_upkeep.domain.errors import FencedError, InvalidEventError, JournalError, Problem
from dcs_upkeep.domain.ports import Clock, Journal, Log
from dcs_upkeep.domain.request import Request, canonical
from dcs_upkeep.domain.run import RunSpec
from dcs_upkeep.domain.timestamps import iso, iso_at
from dcs_upkeep.journal.append import TRIES
from dcs_upkeep.journal.entries import FORMAT, Claimed
from dcs_upkeep.journal.run_index import register_run
from dcs_upkeep.journal.run_state import RunState
from dcs_upkeep.journal.run_stream import LeasedStream, read_run, run_stream
from dcs_upkeep.journal.run_writer import RunWriter

MOST_REQUEST_CHARS = 200_000


class AcquisitionStatus(StrEnum):
    """What came of asking for a run."""

    OURS = "ours"
    RUNNING = "running"  # another invocation works on it
    OVER = "over"  # its report is on record
    REUSED = "reused"  # the key belongs to another request
    MISSING = "missing"  # nothing to resume


@dataclass(frozen=True, slots=True)
class Acquisition:
    """The run, as far as this invocation may have it. `writer` is there for OURS and OVER; `reason` explains the others."""

    status: AcquisitionStatus
    state: RunState
    writer: RunWriter | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """How long a lease holds, and how long after its end its owner's last attempt may still be under way. Seconds."""

    lease_s: Callable[[], float]
    grace_s: float


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


def make_claim(spec: RunSpec, at: float) -> Claimed:
    """The first entry of a run. A reviewed plan is compared by its name."""
    request, plan_name = spec.request, spec.plan_name
    form: Mapping[str, Any] = {"plan": plan_name, "dry_run": request.dry_run} if plan_name else canonical(request)
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
        run_id=spec.run_id,
        same_as=hashlib.sha256(json.dumps(form, sort_keys=True).encode()).hexdigest(),
        asked=f"plan {plan_name}" if plan_name else asked_for(request),
        named=plan_name,
        alarm_id=spec.alarm_id,
        request=json.loads(text),
        trigger={"kind": spec.trigger.kind.value, "id": spec.trigger.id, "time": iso(spec.trigger.time) if spec.trigger.time else None},
    )


def acquire_run(journal: Journal, asked: Claimed, clock: Clock, log: Log, terms: LeaseTerms) -> Acquisition:
    """Begin the run, or find out whose it is. A run whose owner has died is taken over here."""
    run_id = asked["run_id"]
    # No `append_next`: the claim has to be written by the stream that holds its lease, which then knows the next place and its owner.
    for _ in range(TRIES):
        state, next_seq = read_run(journal, run_id)
        if state.claimed is not None and not state.released:
            if state.claimed["same_as"] != asked["same_as"]:
                reason = f"{run_id} stands for {state.claimed['asked']!r} already, and this event asks for {asked['asked']!r}"
                return Acquisition(AcquisitionStatus.REUSED, state, reason=reason)
            return resume_run(journal, run_id, clock, log, terms)
        # The index first: a run that is claimed but not listed would never be found by a sweep.
        register_run(journal, run_id, clock.now())
        writer = RunWriter(clock, log, LeasedStream(journal, run_id, clock, lease_s=terms.lease_s, next_seq=next_seq), state)
        try:
            writer.append(asked)
        except FencedError:
            continue
        return Acquisition(AcquisitionStatus.OURS, writer.state, writer)
    raise JournalError(f"{run_stream(run_id)}: too many invocations want this run at once. Send the event again.")


def resume_run(journal: Journal, run_id: str, clock: Clock, log: Log, terms: LeaseTerms) -> Acquisition:
    """Go on with a run that was handed over, or whose lease has lapsed."""
    state, next_seq = read_run(journal, run_id)
    if state.claimed is None:
        return Acquisition(AcquisitionStatus.MISSING, state, reason=f"no run {run_id} is on record")
    if state.released:
        return Acquisition(
            AcquisitionStatus.MISSING, state, reason=f"{run_id} ended before anything was sent; send its event again instead"
        )
    writer = RunWriter(clock, log, LeasedStream(journal, run_id, clock, lease_s=terms.lease_s, next_seq=next_seq), state)
    if state.reported is not None:
        return Acquisition(AcquisitionStatus.OVER, state, writer)
    until = state.live_until(terms.grace_s)
    if clock.now().timestamp() < until:
        return Acquisition(
            AcquisitionStatus.RUNNING, state, reason=f"another invocation works on {run_id}; it may be taken over from {iso_at(until)} on"
        )
    try:
        writer.taken_over()
    except FencedError:
        return Acquisition(AcquisitionStatus.RUNNING, state, reason=f"another invocation has just taken {run_id} over")
    return Acquisition(AcquisitionStatus.OURS, writer.state, writer)
