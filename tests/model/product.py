"""What the model takes from the product itself: its own pure functions, asked with ticks for seconds.

Each answer is kept, since the model asks the same few questions millions of times.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, cast

from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.actions import RULES, Action
from dcs_upkeep.domain.model import Answer, AnswerKind, Instance, Outcome, OutcomeKind, Plan, PlannedInstance, Verdict
from dcs_upkeep.execution import lock_rules, retry_policy
from dcs_upkeep.execution.verification import Verifier
from dcs_upkeep.journal.entries import FORMAT, Entry, outcome_to_json, plan_to_json
from dcs_upkeep.journal.instance_locks import HANDED_OVER_S, InstanceLocks
from dcs_upkeep.journal.lease import Lease
from dcs_upkeep.journal.progress import Stage
from dcs_upkeep.journal.run_lease import LeaseTerms
from dcs_upkeep.journal.run_state import RunState, fold
from tests.fakes import FakeClock

# A tick is as long as these few need it to be; only how they compare with one another matters.
LEASE, PUT, SKEW = 4, 1, 1
GRACE = PUT + SKEW
SETTLE = PUT + 1  # a PUT that left so many ticks ago is over
HANDED_OVER = 3
TICK_S = HANDED_OVER_S / HANDED_OVER
START = datetime(2026, 11, 2, 2, 30, tzinfo=UTC)
ID, ME, OTHER = "i", "me", "other"
ACTION = Action.RESTART
VERIFIER = Verifier(ACTION, settle_s=SETTLE * TICK_S, timeout_s=1000 * TICK_S, poll_s=TICK_S)


class Core(NamedTuple):
    """What the entries of a run add up to, as far as the model looks. `stage` None: nobody has claimed it."""

    stage: Stage | None = None
    outcome: OutcomeKind | None = None
    stopped: bool = False
    handed_over: bool = False
    ended: bool = False


class Held(NamedTuple):
    """The stream of the instance: which run held it last, whether that one has left, and whether the other's older claim is on record."""

    last: str = ""
    left: bool = False
    older: bool = False


# --- the run's stream --------------------------------------------------------------------------------------------------


@cache
def after(core: Core, kind: str, detail: str = "") -> Core:
    """What the product makes of one more entry. A run is claimed and planned in one."""
    state = _state(core)
    state.apply(_entry(kind, detail))
    if kind == "claimed":
        state.apply(_entry("planned"))
    return _core(state)


@cache
def taken_over(core: Core) -> Core:
    """After `taken_over`: what was under way is in doubt, as `RunWriter.taken_over` writes it."""
    core = after(core, "taken_over")
    return after(core, "sent", Stage.DOUBT.value) if core.stage is Stage.SENDING else core


@cache
def may_take_over(core: Core, left: int, grace: int, ahead: int) -> bool:
    """Whether an invocation finds that nobody works on the run. `left`: ticks of its lease; `ahead`: how far its own clock is."""
    state = replace(_state(core), lease_until=left * TICK_S)
    return not ahead * TICK_S < state.live_until(grace * TICK_S)


def _state(core: Core) -> RunState:
    state = fold(list(_entries(core)))
    if _core(state) != core:
        raise AssertionError(f"no entries lead to {core}: {_core(state)}")
    return state


def _core(state: RunState) -> Core:
    if state.claimed is None:
        return Core()
    progress = state.progress[ID]
    outcome = progress.outcome.outcome if progress.outcome else None
    return Core(progress.stage, outcome, state.stop is not None, state.handed_over, state.ended)


def _entries(core: Core) -> Iterator[Entry]:
    """A short history that adds up to it."""
    if core.stage is None:
        return
    yield _entry("claimed")
    yield _entry("planned")
    if core.outcome and core.stage is not Stage.DONE:  # only where a line is taken away: an outcome, and then another attempt
        yield _entry("watched", core.outcome.value)
    if core.stage is not Stage.DONE and (core.stage is not Stage.PENDING or core.outcome):
        yield _entry("sending")
    if core.stage not in (Stage.SENDING, Stage.DONE) and (core.stage is not Stage.PENDING or core.outcome):
        yield _entry("sent", "again" if core.stage is Stage.PENDING else core.stage.value)
    if core.outcome and core.stage is Stage.DONE:
        yield _entry("watched", core.outcome.value)
    if core.stopped:
        yield _entry("stopped")
    if core.handed_over:
        yield _entry("yielded")
    if core.ended:
        yield _entry("reported")


@cache
def _entry(kind: str, detail: str = "") -> Entry:
    at = {"kind": kind, "at": 0.0, "owner": "o", "lease_until": 0.0}
    match kind:
        case "claimed":
            more: dict[str, Any] = {"format": FORMAT}
        case "planned":
            more = {"part": 0, "parts": 1, "text": json.dumps(plan_to_json(_PLAN))}
        case "sending":
            more = {"wave": 1, "attempt": 1, "ids": [ID]}
        case "sent":
            more = {"attempt": 1, "verdicts": {ID: detail}, "what": "", "code": None, "request_id": None}
        case "watched":
            more = {"outcomes": [outcome_to_json(Outcome(ID, None, OutcomeKind(detail), ""))]}
        case "stopped":
            more = {"why": "halt", "rest": OutcomeKind.NOT_ATTEMPTED.value, "guard": "halt", "reason": ""}
        case "yielded":
            more = {"token": "", "calls": {}}
        case _:
            more = {}
    return cast("Entry", {**at, **more})


_PLAN = Plan(ACTION, None, False, "", ((ID,),), {ID: PlannedInstance(ID, ID, False)})


# --- the lease ---------------------------------------------------------------------------------------------------------


@cache
def has_lapsed(left: int, clock: str = "") -> frozenset[bool]:
    """Whether an owner finds its lease lapsed, with so many ticks left of it: every answer that its clocks may lead to."""
    return frozenset(_LEASE.lapsed(*reading) for reading in _readings(left, clock))


@cache
def is_covered(left: int, ticks: int, clock: str = "") -> frozenset[bool]:
    """Whether an owner finds that its lease outlives what takes so many ticks: every answer that its clocks may lead to."""
    return frozenset(_LEASE.covers(ticks, *reading) for reading in _readings(left, clock))


def _readings(left: int, clock: str) -> list[tuple[float, float]]:
    """What the monotonic clock and the time of day may say has passed; with `clock` only this one is looked at.

    One of the two may have stood still or been set back since the lease began, never both.
    """
    age = float(LEASE - left)
    readings = [(age, age), (0.0, age), (age, 0.0)]
    return [(reading[clock == "wall"],) * 2 for reading in readings] if clock else readings


_LEASE = Lease(0.0, 0.0, float(LEASE))


# --- the instance's stream ---------------------------------------------------------------------------------------------


@cache
def claim_rules(held: Held, other: Core, left: int, grace: int, ahead: int) -> tuple[bool, bool]:
    """For `me`: whether the instance may be claimed, and whether a claim of `me` is still good."""
    now = START + timedelta(seconds=ahead * TICK_S)
    clock = FakeClock(now)
    journal = MemoryJournal(clock)
    lease_until = START.timestamp() + left * TICK_S
    for seq, entry in enumerate(_entries(other)):
        journal.append(f"run/{OTHER}", seq, {**entry, "lease_until": lease_until})
    locks = InstanceLocks(journal, "project", ME, clock, LeaseTerms(lambda: 0.0, grace * TICK_S))
    first = {ME: OTHER, OTHER: ME}.get(held.last)
    acquire = {ME: locks, OTHER: InstanceLocks(journal, "project", OTHER, clock, LeaseTerms(lambda: 0.0, 0.0))}
    for run_id in [first] * held.older + [held.last] * bool(held.last):
        acquire[str(run_id)].acquire([ID], lambda _: Verdict(True, "claims"))
    if held.left:
        acquire[held.last].release({ID: None}, ACTION)
    may = not locks.peek([ID], lock_rules.may_acquire(ME, ACTION, 0.0, now))
    return may, not locks.peek([ID], lock_rules.still_ours(ME, now))


@cache
def is_held_by_me(held: Held) -> bool:
    """Whether the stream shows `me` as the one that holds it."""
    return held.last == ME and not held.left


# --- answers and evidence ----------------------------------------------------------------------------------------------


@cache
def verdict(answer: str) -> str:
    """What the journal says of the ID after this answer: `success`, or the kind of an answer that is no result."""
    kind = AnswerKind.RESULTS if answer == "success" else AnswerKind(answer)
    given = Answer(kind, "", {ID: "success"} if kind is AnswerKind.RESULTS else {})
    batch = retry_policy.Batch((ID,))
    return retry_policy.verdicts(retry_policy.reaction(kind, RULES[ACTION], batch, 0.5), (ID,), given)[ID]


@cache
def is_evidence(baseline: int, launches: int) -> bool:
    """Whether an instance that was launched so often since the model began proves an attempt with that baseline."""
    progress = _state(Core(Stage.DOUBT)).progress[ID]
    progress.baseline = {"status": "RUNNING", "launched_at": f"launch {baseline}"} if baseline >= 0 else None
    shown = Instance(ID, ID, "RUNNING", launched_at=f"launch {launches}")
    return VERIFIER.evidence(progress, shown) is not None


@cache
def doubt_is_over(ticks: int) -> bool:
    """Whether an attempt without evidence is given up, so long after its answer was lost."""
    progress = _state(Core(Stage.DOUBT)).progress[ID]
    progress.answered_at = TICK_S
    return VERIFIER.doubt_over(progress, TICK_S + ticks * TICK_S)


def forget() -> None:
    """Ask the product everything anew."""
    for kept in list(globals().values()):
        if hasattr(kept, "cache_clear"):
            kept.cache_clear()
