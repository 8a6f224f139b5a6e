"""Asks guards: the first that refuses, every one that refuses, and all of them about one instance. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TypeVar

from dcs_upkeep.domain.model import Instance, Outcome, OutcomeKind, Verdict
from dcs_upkeep.guards import current, permanent
from dcs_upkeep.guards.current import CurrentFacts
from dcs_upkeep.guards.guard import Guard, ask
from dcs_upkeep.guards.permanent import InstanceFacts
from dcs_upkeep.guards.policy import Firing, Policy

S = TypeVar("S")


def first(guards: Iterable[Guard[S]], subject: S) -> Verdict:
    """The first refusal, in the order of the guards; an allowing verdict if there is none. No guard after a refusal is asked."""
    return next(_refusals(guards, subject), Verdict(True, ""))


def every(guards: Iterable[Guard[S]], subject: S) -> tuple[Verdict, ...]:
    """All refusals, in the order of the guards."""
    return tuple(_refusals(guards, subject))


def _refusals(guards: Iterable[Guard[S]], subject: S) -> Iterator[Verdict]:
    for guard in guards:
        if guard.check is not None and not (verdict := ask(guard.name, guard.check, subject)).allowed:
            yield verdict


def permanent_verdict(instance: Instance | None, instance_id: str, policy: Policy) -> Verdict:
    """The first permanent guard that refuses: what passes these is what a digest covers."""
    return first(permanent.GUARDS, InstanceFacts(instance_id, instance, policy))


def evaluate_instance(
    instance: Instance | None,
    instance_id: str,
    policy: Policy,
    now: datetime,
    *,
    wave: int | None = None,
    firing: Firing | None = None,
    triggered_by: str | None = None,
) -> Outcome | None:
    """Every guard about one instance: None if it may be acted on now, else why not (or that there is nothing to do)."""
    verdict = permanent_verdict(instance, instance_id, policy)
    name = instance.name if instance else None
    if instance is not None and verdict.allowed:
        if current.is_skip(policy.action, instance.status):
            reason = f"it is {instance.status} already, and {policy.action} would not change that"
            return Outcome(instance_id, name, OutcomeKind.SKIPPED, reason, guard="state", wave=wave, loses_data=False)
        verdict = first(current.GUARDS, CurrentFacts(instance, policy, now, firing, triggered_by))
    if verdict.allowed:
        return None
    return Outcome(instance_id, name, OutcomeKind.REFUSED, verdict.reason, guard=verdict.guard, wave=wave)
