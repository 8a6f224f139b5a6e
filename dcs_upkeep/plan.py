"""Request + fleet + settings + clock -> plan. Pure: the same four give the same plan, and the same digest, on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from fractions import Fraction

from dcs_upkeep import losses, refusing
from dcs_upkeep.judging import Policy, judge, make_policy, permanent_verdict
from dcs_upkeep.model import Action, Instance, Plan, PlannedInstance, Refusal
from dcs_upkeep.refusing import Classified, Surroundings
from dcs_upkeep.request import Request, Select
from dcs_upkeep.settings import Settings

DEFAULT_CANARY = 1
DEFAULT_WAVE_SIZE = 50


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


def to_classify(request: Request, fleet: Mapping[str, Instance], settings: Settings) -> tuple[Instance, ...]:
    """The instances whose data-loss class has to be read: not for flush and start, not where a tag says disposable."""
    policy = make_policy(request, settings)
    if policy.action in (Action.FLUSH, Action.START):
        return ()
    return tuple(
        fleet[one]
        for one in selected(request, fleet)
        if permanent_verdict(fleet.get(one), one, policy).allowed and not losses.disposable(fleet[one].tags, policy.disposable_tags)
    )


def make_plan(request: Request, fleet: Mapping[str, Instance], settings: Settings, now: datetime, around: Surroundings) -> Plan:
    """Decide everything that can be decided before anything is sent.

    `fleet`: instance ID -> instance as it is now; for a selection, the whole fleet.
    """
    policy = make_policy(request, settings)
    ids = selected(request, fleet)
    covered = {one: fleet[one] for one in ids if permanent_verdict(fleet.get(one), one, policy).allowed}
    classes = {one: _class_of(policy, instance, around.classified) for one, instance in covered.items()}
    outcomes = {one: judge(fleet.get(one), one, policy, now, firing=around.firing, triggered_by=around.triggered_by) for one in ids}
    targets = [fleet[one] for one in ids if outcomes[one] is None]
    planned = {one.instance_id: classes[one.instance_id] for one in targets}
    digest = make_digest(policy.action, settings.region, around.project_id, {one: held.loses_data for one, held in classes.items()})
    watch_timeout_s = None if request.watch is False else float(request.watch.timeout_s)
    refusals = [
        *refusing.limits(request, policy, settings, around, planned=len(planned), matched=len(ids), fleet=len(fleet)),
        *refusing.timely(policy, now, around),
        *refusing.approval(request, policy, settings, around, planned=planned, covered=classes, digest=digest, now=now),
    ]
    hindering = [one for one in refusals if not (request.dry_run and one.guard in refusing.NOT_IN_DRY_RUN)]
    waves = make_waves(targets, request)
    told = [f"sent now it would be refused, {one.guard}: {one.reason}" for one in refusals if one not in hindering]
    if request.dry_run and waves:
        told.append(_cost(waves, settings.batch_size, float(request.rollout.pause_s), watch_timeout_s))
    return Plan(
        action=policy.action,
        name=request.name,
        dry_run=request.dry_run,
        digest=digest,
        waves=waves,
        instances=planned,
        settled=tuple(outcome for outcome in outcomes.values() if outcome is not None),
        covered={one: held.loses_data is not False for one, held in classes.items()},
        max_failures=failure_budget(request.rollout.max_failures, len(targets)),
        pause_s=float(request.rollout.pause_s),
        watch_timeout_s=watch_timeout_s,
        refusal=_together(hindering),
        notes=tuple(told),
    )


def _cost(waves: Sequence[Sequence[str]], batch_size: int, pause_s: float, timeout_s: float | None) -> str:
    """How many calls the plan takes, and how long at most."""
    calls = sum(-(-len(wave) // batch_size) for wave in waves)
    if timeout_s is None:
        return f"it takes {calls} status calls, and its effect is not watched"
    longest = len(waves) * timeout_s + (len(waves) - 1) * pause_s
    polls = "one reading of the wave per poll"
    return (
        f"it takes {calls} status calls in {len(waves)} waves, {polls}, and {longest:g} s at most if every wave needs its whole watch time"
    )


def _together(refusals: Sequence[Refusal]) -> Refusal | None:
    """All reasons at once, under the name of the first guard."""
    if not refusals:
        return None
    reasons = [one.reason if len(refusals) == 1 else f"{one.guard}: {one.reason}" for one in refusals]
    return Refusal(refusals[0].guard, "; ".join(reasons), " ".join(dict.fromkeys(one.next for one in refusals)))


def _class_of(policy: Policy, instance: Instance, classified: Classified) -> PlannedInstance:
    """The instance with its data-loss class. What nobody has read counts as loses."""
    is_disposable = losses.disposable(instance.tags, policy.disposable_tags)
    if policy.action in (Action.FLUSH, Action.START):
        known = losses.loses_data(policy.action, cache_mode=None, replica_count=None, appendonly=None, spec_code=instance.spec_code)
    elif is_disposable:
        known = (None, "disposable by its tag, so it was not asked whether its data would be lost")
    else:
        known = classified.get(instance.instance_id, (None, "whether its data would be lost was not read"))
    return PlannedInstance(instance.instance_id, instance.name, *known, disposable=is_disposable)


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
