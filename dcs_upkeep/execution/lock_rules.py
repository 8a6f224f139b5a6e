"""When a run may take an instance, and when a claim of its own is still good: what the guards say to a lock's record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import Verdict
from dcs_upkeep.domain.timestamps import iso_at
from dcs_upkeep.guards import current, guard
from dcs_upkeep.journal.instance_locks import LockRecord


def may_acquire(run_id: str, action: Action, cooldown_s: float, now: datetime) -> Callable[[LockRecord], Verdict]:
    """The rule for claiming: no other run that is at work holds it, and its cooldown is over."""

    def decide(record: LockRecord) -> Verdict:
        verdict = _free(record, run_id, now)
        if not verdict.allowed:
            return verdict
        last = record.reached_at.get(action.value)
        last_at = datetime.fromtimestamp(last, UTC) if last is not None else None
        return guard.ask("cooldown", current.cooldown, last_at, cooldown_s, now)

    return decide


def still_ours(run_id: str, now: datetime) -> Callable[[LockRecord], Verdict]:
    """The rule for going on: this run's claim is on record, and no other run at work has claimed the instance since."""

    def decide(record: LockRecord) -> Verdict:
        if record.holder is None and not record.ours:
            return Verdict(False, "claims", "this run's claim on it is not on record")
        return _free(record, run_id, now)

    return decide


def _free(record: LockRecord, run_id: str, now: datetime) -> Verdict:
    until = iso_at(record.until) if record.until is not None else None
    return guard.ask("claims", current.claims, record.holder, until, run_id=run_id, now=now)
