"""Request + fleet + settings + clock -> plan. Pure: the same four give the same plan, and the same digest, on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

from dcs_upkeep.domain.actions import RULES, DataLoss, LossClass
from dcs_upkeep.domain.approval import FORM, ShownPlan, make_about, split_approval
from dcs_upkeep.domain.model import Instance, Outcome, OutcomeKind, Plan, PlannedInstance, Refusal
from dcs_upkeep.domain.request import Request
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.guards import data_loss, whole_plan
from dcs_upkeep.guards.approval import ApprovalFacts
from dcs_upkeep.guards.evaluate import evaluate_instance, permanent_verdict
from dcs_upkeep.guards.per_call import CallFacts, FailureRecord, HaltRecord
from dcs_upkeep.guards.policy import Firing, Policy
from dcs_upkeep.guards.whole_plan import PlanFacts
from dcs_upkeep.planning.selection import idle_exclusions
from dcs_upkeep.planning.waves import failure_budget, make_waves

# How notes of a dry run begin: by what it would be refused, and what it would cost.
SENT_NOW = "if it were sent now, it would be refused by "
COST = "it needs "
Classified = Mapping[str, tuple[bool | None, str]]  # instance ID -> whether the action loses its data (None: unknown), and why


@dataclass(frozen=True, slots=True)
class PlanReadings:
    """What was read for the plan, beside the fleet."""

    project_id: str
    journalled: bool = False
    on_host: bool = False
    halt: HaltRecord = None
    failures: FailureRecord = None
    classified: Classified = field(default_factory=dict)  # those that `to_classify` names
    unread: Mapping[str, str] = field(default_factory=dict)  # those whose class could not be read, and why
    firing: Firing | None = None  # None: the alarm veto is off
    triggered_by: str | None = None  # the alarm that asked for this run
    shown: ShownPlan | None = None  # the showing that `approve` names, if it is on record
    run_id: str = ""  # of the run that the plan is for
    refusals: tuple[Refusal, ...] = ()  # what was clear before; a dry run goes on all the same


def to_classify(ids: Sequence[str], fleet: Mapping[str, Instance], policy: Policy) -> tuple[Instance, ...]:
    """The selected instances whose data-loss class has to be read: none if the action alone decides, none that a tag calls disposable."""
    if RULES[policy.action].data_loss is not DataLoss.DEPENDS:
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
    found: PlanReadings,
) -> Plan:
    """Decide everything that can be decided before anything is sent.

    `ids`: the selected instances, in the order of the plan. `fleet`: instance ID -> instance as it is now; for a selection, all of it.
    """
    unread = {one: found.unread[one] for one in ids if one in found.unread}
    held = {
        one: _class_of(policy, fleet[one], found.classified)
        for one in ids
        if one not in unread and permanent_verdict(fleet.get(one), one, policy).allowed
    }
    outcomes = {
        one: evaluate_instance(fleet.get(one), one, policy, now, firing=found.firing, triggered_by=found.triggered_by)
        or (_unread(fleet[one], unread[one]) if one in unread else None)
        for one in ids
    }
    # What is to be waited for comes last, so that nothing that is ready waits with it, the canary least of all.
    waits_for = RULES[policy.action].waits_for
    targets = sorted((fleet[one] for one in ids if outcomes[one] is None), key=lambda instance: instance.status in waits_for)
    instances = {instance.instance_id: held[instance.instance_id] for instance in targets}
    facts = PlanFacts(
        request=request,
        action=policy.action,
        settings=settings,
        planned=instances,
        matched=len(ids),
        fleet=len(fleet),
        journalled=found.journalled,
        on_host=found.on_host,
        unread=unread,
    )
    asked = _approval_facts(facts, instances, held, now, found)
    refusals = _once(
        found.refusals,
        whole_plan.limit_refusals(facts),
        whole_plan.time_refusals(call_facts(policy, settings, now, found.halt, found.failures)),
        [] if unread else whole_plan.approval_refusals(asked),  # without a digest there is nothing that anybody could approve
    )
    only_told = [refusal for refusal in refusals if request.dry_run and refusal.guard in whole_plan.ONLY_TOLD_IN_DRY_RUN]
    waves = make_waves(targets, request)
    watch_timeout_s = None if request.watch is False else float(request.watch.timeout_s)
    notes = [f"{SENT_NOW}{refusal.guard}: {refusal.reason}" for refusal in only_told]
    if request.select is not None:
        notes += idle_exclusions(request.select, fleet.values())
    if request.dry_run and waves:
        notes.append(_cost(waves, settings.batch_size, float(request.rollout.pause_s), watch_timeout_s))
    return Plan(
        action=policy.action,
        name=request.name,
        dry_run=request.dry_run,
        digest=asked.digest,
        waves=waves,
        instances=instances,
        settled=tuple(outcome for outcome in outcomes.values() if outcome is not None),
        covered=asked.covered,
        max_failures=failure_budget(request.rollout.max_failures, len(targets)),
        pause_s=float(request.rollout.pause_s),
        watch_timeout_s=watch_timeout_s,
        refusals=tuple(refusal for refusal in refusals if refusal not in only_told),
        notes=tuple(notes),
        needs_showing=found.journalled,
        **_showing(asked, refusals),
    )


def call_facts(policy: Policy, settings: Settings, now: datetime, halt: HaltRecord, failures: FailureRecord) -> CallFacts:
    """What the guards about the hour judge. A window that defers refuses nothing: the run waits for its opening."""
    window = None if policy.defers else policy.window
    return CallFacts(now, halt, policy.blackouts, window, failures, settings.breaker)


def _once(*asked: Iterable[Refusal]) -> list[Refusal]:
    """All refusals, each guard's first word alone: some were asked before everything was read, and a dry run went on."""
    first: dict[str, Refusal] = {}
    for refusal in chain.from_iterable(asked):
        first.setdefault(refusal.guard, refusal)
    return list(first.values())


def _approval_facts(
    facts: PlanFacts, instances: Mapping[str, PlannedInstance], held: Mapping[str, PlannedInstance], now: datetime, found: PlanReadings
) -> ApprovalFacts:
    about = make_about(facts.action, facts.settings.region, found.project_id, facts.request.backup)
    covered = {one: instance.loss_class for one, instance in held.items()}
    digest = "" if facts.unread else make_digest(about, covered)
    return ApprovalFacts(
        action=facts.action,
        given=facts.request.approve,
        planned=instances,
        about=about,
        covered=covered,
        digest=digest,
        run_id=found.run_id,
        settings=facts.settings,
        now=now,
        journalled=facts.journalled,
        shown=found.shown,
    )


def _showing(asked: ApprovalFacts, refusals: Sequence[Refusal]) -> dict[str, Any]:
    """The showing that approves the plan, as fields of a plan; none if nothing was given, or the plan is refused."""
    if asked.given is None or asked.shown is None or refusals:
        return {}
    return {"showing": split_approval(asked.given)[1], "shown_at": asked.shown.at}


def _unread(instance: Instance, why: str) -> Outcome:
    reason = f"whether its data would be lost could not be read: {why}"
    return Outcome(instance.instance_id, instance.name, OutcomeKind.REFUSED, reason, guard=whole_plan.UNREAD.name)


def _cost(waves: Sequence[Sequence[str]], batch_size: int, pause_s: float, timeout_s: float | None) -> str:
    """How many calls the plan takes, and how long at most."""
    calls = sum(-(-len(wave) // batch_size) for wave in waves)
    if timeout_s is None:
        return f"{COST}{calls} status calls, and its effect is not watched"
    longest = len(waves) * timeout_s + (len(waves) - 1) * pause_s
    return (
        f"{COST}{calls} status calls in {len(waves)} waves, one read of the wave per poll, "
        f"and at most {longest:g} s if every wave uses its whole watch time"
    )


def _class_of(policy: Policy, instance: Instance, classified: Classified) -> PlannedInstance:
    """The instance with its data-loss class. What nobody has read counts as loses."""
    is_disposable = data_loss.disposable(instance.tags, policy.disposable_tags)
    if RULES[policy.action].data_loss is not DataLoss.DEPENDS:
        known = data_loss.loses_data(policy.action, cache_mode=None, replica_count=None, appendonly=None, spec_code=instance.spec_code)
    elif is_disposable:
        known = (None, "disposable by its tag, so whether its data would be lost was not checked")
    else:
        known = classified.get(instance.instance_id, (None, "whether its data would be lost is unknown"))
    return PlannedInstance(instance.instance_id, instance.name, *known, disposable=is_disposable)


def make_digest(about: Mapping[str, str], classes: Mapping[str, LossClass]) -> str:
    """What an approval is bound to: action, region, project, backups and, per instance, its ID and its class.

    Nothing else enters, so that a dry run in the afternoon approves the night's run.
    """
    form = {**about, "instances": sorted([one, word.value] for one, word in classes.items())}
    text = json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"{FORM}{hashlib.sha256(text.encode('ascii')).hexdigest()}"
