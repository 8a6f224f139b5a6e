"""Who works on a run: one invocation at a time, decided by who writes the next entry of its stream first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from dcs_upkeep.domain.errors import FencedError, InvalidEventError, JournalError, Problem
from dcs_upkeep.domain.lifetimes import CLAIM_S, GO_ON_S, days
from dcs_upkeep.domain.ports import Clock, Journal, Log
from dcs_upkeep.domain.request import Request, canonical
from dcs_upkeep.domain.run import RunScope, RunSpec
from dcs_upkeep.domain.timestamps import iso, iso_at
from dcs_upkeep.journal.append import TRIES
from dcs_upkeep.journal.entries import FORMAT, Claimed
from dcs_upkeep.journal.pieces import ENTRY_BYTES, clip, json_bytes
from dcs_upkeep.journal.run_index import register_run
from dcs_upkeep.journal.run_state import RunState
from dcs_upkeep.journal.run_stream import LeasedStream, read_run, run_stream
from dcs_upkeep.journal.run_writer import RunWriter

MOST_ID_BYTES = 4_000  # of a trigger's id: whoever sends an event may write what he likes


class AcquisitionStatus(StrEnum):
    """What came of asking for a run."""

    OURS = "ours"
    RUNNING = "running"  # another invocation works on it
    STOPPED = "stopped"  # a person has stopped it: it waits until a person asks for it
    OVER = "over"  # its report is on record
    REUSED = "reused"  # the key belongs to another request
    MISSING = "missing"  # nothing to resume
    FOREIGN = "foreign"  # another function began it, or it acts on another project
    TOO_OLD = "too_old"  # its record may lapse before it ends


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


def make_claim(spec: RunSpec, scope: RunScope, at: float) -> Claimed:
    """The first entry of a run. A reviewed plan is compared by its name."""
    request, plan_name = spec.request, spec.plan_name
    form: Mapping[str, Any] = {"plan": plan_name, "dry_run": request.dry_run} if plan_name else canonical(request)
    claimed = Claimed(
        kind="claimed",
        format=FORMAT,
        at=at,
        run_id=spec.run_id,
        same_as=hashlib.sha256(json.dumps(form, sort_keys=True).encode()).hexdigest(),
        asked=f"plan {plan_name}" if plan_name else asked_for(request),
        named=plan_name,
        alarm_id=spec.alarm_id,
        request=request.model_dump(mode="json", exclude_defaults=True),
        trigger={
            "kind": spec.trigger.kind.value,
            "id": clip(spec.trigger.id, MOST_ID_BYTES),
            "time": iso(spec.trigger.time) if spec.trigger.time else None,
            **({"principal": spec.trigger.principal} if spec.trigger.principal else {}),
        },
        scope=scope.as_json(),
    )
    if json_bytes(claimed) > ENTRY_BYTES:
        count = len(request.instances or ())
        raise InvalidEventError(
            [Problem("instances", f"{count} IDs make one request too long for the journal", "Use select, or split it.")]
        )
    return claimed


def is_of(state: RunState, scope: RunScope) -> bool:
    """Whether the run is this scope's. One that was begun by a version that did not say is anybody's."""
    return state.scope in (None, scope)


def too_old(state: RunState, now: datetime, limit_s: float) -> str | None:
    """Why its record must not be built on any more, in words; None if it may."""
    if state.began_at is None or now.timestamp() - state.began_at <= limit_s:
        return None
    return f"its record was begun at {iso_at(state.began_at)}, more than {days(limit_s)} ago, and would lapse before its end"


def acquire_run(journal: Journal, asked: Claimed, scope: RunScope, clock: Clock, log: Log, terms: LeaseTerms) -> Acquisition:
    """Begin the run, or find out whose it is. A run whose owner has died is taken over here."""
    run_id = asked["run_id"]
    # No `append_next`: the claim has to be written by the stream that holds its lease, which then knows the next place and its owner.
    for _ in range(TRIES):
        state, next_seq = read_run(journal, run_id)
        if state.claimed is not None and not state.released:
            if state.claimed["same_as"] != asked["same_as"]:
                reason = f"{run_id} stands for {state.claimed['asked']!r} already, and this event asks for {asked['asked']!r}"
                return Acquisition(AcquisitionStatus.REUSED, state, reason=reason)
            if state.rests:  # the event has come again: that is nobody's word to go on
                return Acquisition(AcquisitionStatus.STOPPED, state)
            return resume_run(journal, run_id, scope, clock, log, terms)
        if why := too_old(state, clock.now(), CLAIM_S):
            return Acquisition(AcquisitionStatus.TOO_OLD, state, reason=f"{run_id} cannot be used again: {why}")
        # The index first: a run that is claimed but not listed would never be found by a sweep.
        register_run(journal, scope, run_id, clock.now())
        writer = RunWriter(clock, log, LeasedStream(journal, run_id, clock, lease_s=terms.lease_s, next_seq=next_seq), state)
        try:
            writer.append(asked)
        except FencedError:
            continue
        return Acquisition(AcquisitionStatus.OURS, writer.state, writer)
    raise JournalError(f"{run_stream(run_id)}: too many invocations want this run at once. Send the event again.")


def resume_run(
    journal: Journal, run_id: str, scope: RunScope, clock: Clock, log: Log, terms: LeaseTerms, *, by_person: bool = False
) -> Acquisition:
    """Go on with a run that was handed over, or whose lease has lapsed. `by_person`: what a person has stopped is sent after all."""
    state, next_seq = read_run(journal, run_id)
    if refusal := _unfit(state, run_id, scope, clock.now()):
        return refusal
    writer = RunWriter(clock, log, LeasedStream(journal, run_id, clock, lease_s=terms.lease_s, next_seq=next_seq), state)
    if state.reported is not None:
        return Acquisition(AcquisitionStatus.OVER, state, writer)
    until = state.live_until(terms.grace_s)
    if clock.now().timestamp() < until:
        return Acquisition(
            AcquisitionStatus.RUNNING, state, reason=f"another invocation works on {run_id}; it may be taken over from {iso_at(until)} on"
        )
    # As before a claim: a run that goes on day after day is on the index of each.
    register_run(journal, scope, run_id, clock.now())
    try:
        writer.taken_over(resumed=by_person and state.is_stopped_by_person)
    except FencedError:
        return Acquisition(AcquisitionStatus.RUNNING, state, reason=f"another invocation has just taken {run_id} over")
    return Acquisition(AcquisitionStatus.OURS, writer.state, writer)


def _unfit(state: RunState, run_id: str, scope: RunScope, now: datetime) -> Acquisition | None:
    """Why a run cannot be gone on with here, whoever works on it."""
    if state.claimed is None:
        return Acquisition(AcquisitionStatus.MISSING, state, reason=f"no run {run_id} is on record")
    if not is_of(state, scope):
        return Acquisition(AcquisitionStatus.FOREIGN, state, reason=f"{run_id} belongs to {state.scope}; this is {scope}")
    if state.released:
        reason = f"{run_id} ended before anything was sent; send its event again instead"
        return Acquisition(AcquisitionStatus.MISSING, state, reason=reason)
    if state.reported is None and (why := too_old(state, now, GO_ON_S)):
        return Acquisition(AcquisitionStatus.TOO_OLD, state, reason=f"{run_id} does not go on: {why}")
    return None
