"""Request + fleet + settings + clock -> plan. Pure: the same four give the same plan, and the same digest, on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from fractions import Fraction

from dcs_upkeep import guards
from dcs_upkeep.model import Action, Instance, Outcome, OutcomeKind, Plan, PlannedInstance, Refusal, Verdict, WindowRule
from dcs_upkeep.request import Request, Select
from dcs_upkeep.settings import Settings

DEFAULT_CANARY = 1
DEFAULT_WAVE_SIZE = 50
Classified = Mapping[str, tuple[bool | None, str]]


@dataclass(frozen=True, slots=True)
class Policy:
    """What request and settings allow, apart from any one instance. Made once per run, used before every wave."""

    action: Action
    protected_tags: tuple[tuple[str, str], ...]
    window: WindowRule | None
    respect_maintenance_window: bool


def make_policy(request: Request, settings: Settings) -> Policy:
    """Gather what the guards need from request and settings."""
    window = request.window
    return Policy(
        action=action_of(request),
        protected_tags=settings.protected_tags,
        window=WindowRule(window.days, window.start, window.end, window.timezone) if window else None,
        respect_maintenance_window=request.respect_maintenance_window,
    )


def action_of(request: Request) -> Action:
    """The action of a request that has one; a named plan has been replaced by its reviewed request before."""
    if request.action is None:
        raise ValueError("a request that names a plan has no action of its own")
    return request.action


def matches(select: Select, instance: Instance) -> bool:
    """Whether every condition of the selection holds for this instance."""
    return (
        all(instance.tags.get(key) == value for key, value in (select.tags or {}).items())
        and (select.name is None or fnmatchcase(instance.name, select.name))
        and (select.engine_versions is None or any(_version_fits(instance.engine_version, wanted) for wanted in select.engine_versions))
        and not any(instance.tags.get(key) == value for key, value in select.exclude_tags.items())
        and instance.instance_id not in select.exclude_instances
    )


def _version_fits(version: str, wanted: str) -> bool:
    """`5` and `5.0` both mean 5.0; `5` does not mean 50."""
    return version == wanted or version.startswith(f"{wanted}.")


def selected(request: Request, fleet: Mapping[str, Instance]) -> tuple[str, ...]:
    """The IDs that the request means, in an order that does not depend on how DCS lists them."""
    if request.instances is not None:
        return request.instances
    select = request.select
    if select is None:
        return ()
    found = [one for one in fleet.values() if matches(select, one)]
    return tuple(one.instance_id for one in sorted(found, key=lambda one: (one.name, one.instance_id)))


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


def judge(instance: Instance | None, instance_id: str, policy: Policy, now: datetime, wave: int | None = None) -> Outcome | None:
    """Every guard about one instance: None if it may be acted on now, else why not (or that there is nothing to do)."""
    verdict = permanent_verdict(instance, instance_id, policy)
    name = instance.name if instance else None
    if instance is not None and verdict.allowed:
        if guards.is_skip(policy.action, instance.status):
            reason = f"already {instance.status}, which is where {policy.action} leads"
            return Outcome(instance_id, name, OutcomeKind.SKIPPED, reason, guard="state", wave=wave)
        verdict = timely_verdict(instance, policy, now)
    if verdict.allowed:
        return None
    return Outcome(instance_id, name, OutcomeKind.REFUSED, verdict.reason, guard=verdict.guard, wave=wave)


def make_plan(
    request: Request, fleet: Mapping[str, Instance], settings: Settings, now: datetime, *, project_id: str, classified: Classified | None = None
) -> Plan:
    """Decide everything that can be decided before anything is sent.

    `fleet`: instance ID -> instance as it is now; for a selection, the whole fleet. `classified`: instance ID ->
    (whether the action loses its data or None, why), for those that passed the permanent guards.
    """
    policy = make_policy(request, settings)
    ids = selected(request, fleet)
    covered = [one for one in ids if permanent_verdict(fleet.get(one), one, policy).allowed]
    loses = _loses(policy.action, classified or {}, covered)
    outcomes = {one: judge(fleet.get(one), one, policy, now) for one in ids}
    targets = [fleet[one] for one in ids if outcomes[one] is None]
    planned = {one.instance_id: PlannedInstance(one.instance_id, one.name, *loses[one.instance_id]) for one in targets}
    digest = make_digest(policy.action, settings.region, project_id, {one: loses[one][0] for one in covered})
    watch_timeout_s = None if request.watch is False else float(request.watch.timeout_s)
    return Plan(
        action=policy.action,
        name=request.name,
        dry_run=request.dry_run,
        digest=digest,
        waves=make_waves(targets, request),
        instances=planned,
        settled=tuple(outcome for outcome in outcomes.values() if outcome is not None),
        max_failures=failure_budget(request.rollout.max_failures, len(targets)),
        pause_s=float(request.rollout.pause_s),
        watch_timeout_s=watch_timeout_s,
        refusal=_refusal(request, policy, settings, now, planned, digest, len(ids)),
    )


def _refusal(
    request: Request, policy: Policy, settings: Settings, now: datetime, planned: Mapping[str, PlannedInstance], digest: str, matched: int
) -> Refusal | None:
    """Why the whole plan is refused, the first reason; None if it may run."""
    action = policy.action
    verdict = guards.checked("allowed_action", guards.allowed_action, action, settings.allowed_actions)
    if not verdict.allowed:
        return Refusal(verdict.guard, verdict.reason, f"If {action} is meant to be possible here, add it to UPKEEP_ALLOWED_ACTIONS.")
    if not matched and not request.allow_empty:
        return Refusal("empty", "the selection matches no instance, and allow_empty is false", "Check the conditions of the selection.")
    verdict = guards.checked("max_instances", guards.blast_radius_count, len(planned), settings.max_instances)
    if not verdict.allowed:
        return Refusal(verdict.guard, verdict.reason, "Narrow the selection, or raise UPKEEP_MAX_INSTANCES.")
    if request.dry_run:
        return None  # what follows depends on the hour or asks for the digest, and a dry run is how the digest is got
    if policy.window is not None:
        verdict = guards.checked("window", guards.window, policy.window, now)
        if not verdict.allowed:
            return Refusal(verdict.guard, verdict.reason, "Send it inside the window.")
    losing = sorted(one.instance_id for one in planned.values() if one.loses_data is True and not one.disposable)
    verdict = guards.checked("approval", guards.approval, request.approve, digest, losing, action)
    if not verdict.allowed:
        return Refusal(verdict.guard, verdict.reason, "Make a dry run, look at what would be lost, and send the event that it prints.")
    return None


def make_waves(targets: Sequence[Instance], request: Request) -> tuple[tuple[str, ...], ...]:
    """Split targets into waves small enough to fail safely.

    n targets -> tuple of waves of IDs; order kept as far as `spread_by` lets it, no ID lost or doubled. Without
    watching there is one wave: nothing would be learnt between two.
    """
    if not targets:
        return ()
    if request.watch is False:
        return (tuple(one.instance_id for one in targets),)
    rollout = request.rollout
    canary = DEFAULT_CANARY if rollout.canary is None else rollout.canary
    size = DEFAULT_WAVE_SIZE if rollout.wave_size is None else rollout.wave_size
    waves: list[tuple[str, ...]] = []
    rest = list(targets)
    while rest:
        room = canary if canary and not waves else size
        wave = _take(rest, min(room, size) if canary and not waves else room, rollout.spread_by)
        taken = set(wave)
        rest = [one for one in rest if one.instance_id not in taken]
        waves.append(wave)
    return tuple(waves)


def _take(rest: Sequence[Instance], room: int, spread_by: str | None) -> tuple[str, ...]:
    """The next wave: the first `room` instances, no two of them with one value of the tag `spread_by`.

    Instances without the tag count as having one value in common: whether they belong together cannot be told.
    """
    if spread_by is None:
        return tuple(one.instance_id for one in rest[:room])
    wave: list[str] = []
    values: set[str | None] = set()
    for one in rest:
        value = one.tags.get(spread_by)
        if len(wave) < room and value not in values:
            values.add(value)
            wave.append(one.instance_id)
    return tuple(wave)


def failure_budget(max_failures: int | str, planned: int) -> int:
    """A count, or a share of the whole plan such as "5%", rounded down: 5% of 39 instances is 1."""
    if isinstance(max_failures, int):
        return max_failures
    return int(Fraction(max_failures.rstrip("%")) * planned / 100)


def make_digest(action: Action, region: str, project_id: str, loses_data: Mapping[str, bool | None]) -> str:
    """What an approval is bound to: action, region, project and, per instance, its ID and whether it loses data.

    Nothing else enters, so that a dry run in the afternoon approves the night's run. Unknown counts as loses.
    """
    form = {
        "action": action.value,
        "region": region,
        "project_id": project_id,
        "instances": sorted([one, loses is not False] for one, loses in loses_data.items()),
    }
    text = json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"v1:{hashlib.sha256(text.encode('ascii')).hexdigest()}"


def _loses(action: Action, classified: Classified, covered: Iterable[str]) -> dict[str, tuple[bool | None, str]]:
    if action is Action.FLUSH:
        return dict.fromkeys(covered, (True, "flush clears all data"))
    if action is Action.START:
        return dict.fromkeys(covered, (False, ""))
    return {one: classified.get(one, (None, "")) for one in covered}


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
