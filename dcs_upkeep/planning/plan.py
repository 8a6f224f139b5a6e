"""Request + fleet + settings + clock -> plan. Pure: the same four give the same plan, and the same digest, on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import Instance, Plan, PlannedInstance, Refusal
from dcs_upkeep.domain.request import Request
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.guards import data_loss, whole_plan
from dcs_upkeep.guards.evaluate import evaluate_instance, permanent_verdict
from dcs_upkeep.guards.policy import Classified, PlanFacts, Policy
from dcs_upkeep.planning.waves import failure_budget, make_waves


def to_classify(ids: Sequence[str], fleet: Mapping[str, Instance], policy: Policy) -> tuple[Instance, ...]:
    """The selected instances whose data-loss class has to be read: not for flush and start, not if a tag says disposable."""
    if policy.action in (Action.FLUSH, Action.START):
        return ()
    return tuple(
        fleet[one]
        for one in ids
        if permanent_verdict(fleet.get(one), one, policy).allowed and not data_loss.disposable(fleet[one].tags, policy.disposable_tags)
    )


def make_plan(
    request: Request,
    ids: Sequence[str],
    fleet: Mapping[str, Instance],
    settings: Settings,
    policy: Policy,
    now: datetime,
    facts: PlanFacts,
) -> Plan:
    """Decide everything that can be decided before anything is sent.

    `ids`: the selected instances, in the order of the plan. `fleet`: instance ID -> instance as it is now; for a selection, all of it.
    """
    covered = {one: fleet[one] for one in ids if permanent_verdict(fleet.get(one), one, policy).allowed}
    classes = {one: _class_of(policy, instance, facts.classified) for one, instance in covered.items()}
    outcomes = {
        one: evaluate_instance(fleet.get(one), one, policy, now, firing=facts.firing, triggered_by=facts.triggered_by) for one in ids
    }
    targets = [fleet[one] for one in ids if outcomes[one] is None]
    planned = {one.instance_id: classes[one.instance_id] for one in targets}
    digest = make_digest(policy.action, settings.region, facts.project_id, {one: held.loses_data for one, held in classes.items()})
    watch_timeout_s = None if request.watch is False else float(request.watch.timeout_s)
    refusals = [
        *whole_plan.limit_refusals(request, policy, settings, facts, planned=len(planned), matched=len(ids), fleet=len(fleet)),
        *whole_plan.time_refusals(policy, now, facts),
        *whole_plan.approval_refusals(request, policy, settings, facts, planned=planned, covered=classes, digest=digest, now=now),
    ]
    hindering = [one for one in refusals if not (request.dry_run and one.guard in whole_plan.NOT_IN_DRY_RUN)]
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
    is_disposable = data_loss.disposable(instance.tags, policy.disposable_tags)
    if policy.action in (Action.FLUSH, Action.START):
        known = data_loss.loses_data(policy.action, cache_mode=None, replica_count=None, appendonly=None, spec_code=instance.spec_code)
    elif is_disposable:
        known = (None, "disposable by its tag, so it was not asked whether its data would be lost")
    else:
        known = classified.get(instance.instance_id, (None, "whether its data would be lost was not read"))
    return PlannedInstance(instance.instance_id, instance.name, *known, disposable=is_disposable)


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
