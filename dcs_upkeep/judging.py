"""Request and settings as the guards need them, and every guard about one instance. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from dcs_upkeep import guards
from dcs_upkeep.model import Action, Instance, Outcome, OutcomeKind, Verdict, WindowRule
from dcs_upkeep.request import Request
from dcs_upkeep.settings import Settings
from dcs_upkeep.windows import Blackout

Firing = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Policy:
    """What request and settings allow, apart from any one instance. Made once per run, used before every wave."""

    action: Action
    protected_tags: tuple[tuple[str, str], ...]
    disposable_tags: tuple[tuple[str, str], ...]
    window: WindowRule | None
    defers: bool
    blackouts: tuple[Blackout, ...]
    respect_maintenance_window: bool


def make_policy(request: Request, settings: Settings) -> Policy:
    """Gather what the guards need from request and settings."""
    window = request.window
    return Policy(
        action=action_of(request),
        protected_tags=settings.protected_tags,
        disposable_tags=settings.disposable_tags,
        window=WindowRule(window.days, window.start, window.end, window.timezone) if window else None,
        defers=window is not None and window.on_miss == "defer",
        blackouts=settings.blackout,
        respect_maintenance_window=request.respect_maintenance_window,
    )


def action_of(request: Request) -> Action:
    """The action of a request that has one; a named plan has been replaced by its reviewed request before."""
    if request.action is None:
        raise ValueError("a request that names a plan has no action of its own")
    return request.action


def permanent_verdict(instance: Instance | None, instance_id: str, policy: Policy) -> Verdict:
    """The first permanent guard that refuses: what passes these is what a digest covers."""
    return _first(
        [
            lambda: guards.checked("found", guards.found, instance_id, instance),
            lambda: guards.checked("engine", guards.engine, policy.action, _there(instance)),
            lambda: guards.checked("protected", guards.protected, _there(instance).tags, policy.protected_tags),
        ]
    )


def timely_verdict(instance: Instance, policy: Policy, now: datetime) -> Verdict:
    """The first time-dependent guard that refuses: these may only shrink what was approved."""
    checks: list[Callable[[], Verdict]] = [
        lambda: guards.checked("state", guards.state, policy.action, instance.status),
        lambda: guards.checked("hold", guards.hold, instance.tags, now),
    ]
    if policy.respect_maintenance_window:
        begin, end = instance.maintain_begin, instance.maintain_end
        checks.append(lambda: guards.checked("maintenance_window", guards.maintenance_window, begin, end, now))
    return _first(checks)


def judge(
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
        if guards.is_skip(policy.action, instance.status):
            reason = f"already {instance.status}, which is where {policy.action} leads"
            return Outcome(instance_id, name, OutcomeKind.SKIPPED, reason, guard="state", wave=wave, loses_data=False)
        verdict = timely_verdict(instance, policy, now)
        if verdict.allowed and firing is not None:
            known = firing.get(instance_id, guards.UNREADABLE)
            verdict = guards.checked("alarm_veto", guards.alarm_veto, known, triggered_by)
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
