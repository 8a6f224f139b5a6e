"""Request and settings as the guards need them, and every guard about one instance. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from dcs_upkeep.domain.model import Instance, Outcome, OutcomeKind, Verdict
from dcs_upkeep.guards import current, guard, permanent
from dcs_upkeep.guards.policy import Firing, Policy


def permanent_verdict(instance: Instance | None, instance_id: str, policy: Policy) -> Verdict:
    """The first permanent guard that refuses: what passes these is what a digest covers."""
    return _first(
        [
            lambda: guard.ask("found", permanent.found, instance_id, instance),
            lambda: guard.ask("engine", permanent.engine, policy.action, _there(instance)),
            lambda: guard.ask("protected", permanent.protected, _there(instance).tags, policy.protected_tags),
        ]
    )


def timely_verdict(instance: Instance, policy: Policy, now: datetime) -> Verdict:
    """The first time-dependent guard that refuses: these may only shrink what was approved."""
    checks: list[Callable[[], Verdict]] = [
        lambda: guard.ask("state", current.state, policy.action, instance.status),
        lambda: guard.ask("hold", current.hold, instance.tags, now),
    ]
    if policy.respect_maintenance_window:
        begin, end = instance.maintain_begin, instance.maintain_end
        checks.append(lambda: guard.ask("maintenance_window", current.maintenance_window, begin, end, now))
    return _first(checks)


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
            reason = f"already {instance.status}, which is where {policy.action} leads"
            return Outcome(instance_id, name, OutcomeKind.SKIPPED, reason, guard="state", wave=wave, loses_data=False)
        verdict = timely_verdict(instance, policy, now)
        if verdict.allowed and firing is not None:
            known = firing.get(instance_id, guard.UNREADABLE)
            verdict = guard.ask("alarm_veto", current.alarm_veto, known, triggered_by)
    if verdict.allowed:
        return None
    return Outcome(instance_id, name, OutcomeKind.REFUSED, verdict.reason, guard=verdict.guard, wave=wave)


def _there(instance: Instance | None) -> Instance:
    if instance is None:
        raise LookupError("the instance is gone")  # `found` stands first, so nobody gets here
    return instance


def _first(checks: Iterable[Callable[[], Verdict]]) -> Verdict:
    """The first refusal; an allowing verdict if there is none. Lazy, so that no guard runs on what one before refused."""
    verdict = Verdict(True, "")
    for check in checks:
        verdict = check()
        if not verdict.allowed:
            return verdict
    return verdict
