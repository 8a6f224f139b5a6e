"""Gathers what a plan is made of: the fleet, what its data-loss classes are, firing alarms, lever and breaker, earlier approvals."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from dcs_upkeep.domain.approval import ShownPlan, split_approval
from dcs_upkeep.domain.errors import RecordError
from dcs_upkeep.domain.model import Instance, Location, Plan, Refusal
from dcs_upkeep.domain.ports import Ports, Tick, no_tick
from dcs_upkeep.domain.run import RunSpec
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.guards import whole_plan
from dcs_upkeep.guards.before_reading import EventFacts
from dcs_upkeep.guards.evaluate import evaluate_instance
from dcs_upkeep.guards.per_call import FailureRecord, HaltRecord
from dcs_upkeep.guards.policy import Policy
from dcs_upkeep.guards.whole_plan import PlanFacts
from dcs_upkeep.journal.approvals import load_showing
from dcs_upkeep.planning.plan import PlanReadings, call_facts, make_plan, to_classify
from dcs_upkeep.planning.readings import classify, failure_record, firing_alarms, halt_record
from dcs_upkeep.planning.selection import selected
from dcs_upkeep.planning.unread import refuse_listed, refuse_unread


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes the plan of one run. Raises CloudError if the fleet cannot be read: nothing was sent yet."""

    spec: RunSpec
    settings: Settings
    location: Location
    policy: Policy
    ports: Ports
    tick: Tick = no_tick  # renews the run's lease: a large fleet takes longer to read than that lasts

    def make(self) -> Plan:
        """Read, and decide. What is refused anyway is refused before it costs; a dry run reads on all the same."""
        ports, request, policy, settings = self.ports, self.spec.request, self.policy, self.settings
        read_at = ports.clock.now().timestamp()
        halt, failures = halt_record(ports.journal), failure_record(ports, self.location, settings.breaker)
        refusals = self._refused_unread(halt, failures)
        if refusals and not request.dry_run:
            return refuse_unread(request, policy, refusals)
        fleet = self._fleet()
        ids = selected(request, fleet)
        if request.select is not None:
            now = ports.clock.now()
            targets = [one for one in ids if evaluate_instance(fleet[one], one, policy, now) is None]
            refusals += whole_plan.listed_refusals(self._facts(targets, len(ids), len(fleet)))
            if refusals and not request.dry_run:
                return refuse_listed(request, policy, refusals, ids, fleet, now)
        classes = classify(ports.dcs, policy.action, to_classify(ids, fleet, policy), self.tick)
        fleet = {one: instance for one, instance in fleet.items() if one not in classes.gone}
        found = PlanReadings(
            project_id=self.location.project_id,
            journalled=ports.journal is not None,
            on_host=ports.host.kind != "local",
            halt=halt,
            failures=failures,
            classified=classes.known,
            unread=classes.unread,
            firing=firing_alarms(ports, [one for one in ids if one in fleet], "alarm_veto") if settings.alarm_veto else None,
            triggered_by=self.spec.alarm_id,
            shown=self._shown(),
            run_id=self.spec.run_id,
            refusals=tuple(refusals),
        )
        return replace(make_plan(request, ids, fleet, settings, policy, ports.clock.now(), found), read_at=read_at)

    def _refused_unread(self, halt: HaltRecord, failures: FailureRecord) -> list[Refusal]:
        """What is clear before anything is read. Last, and only if nothing else refuses, whether Cloud Eye shows the alarm that asks
        for this as firing: that is a call, and whoever may publish to the topic could have sent the event.
        """
        request, settings, alarm_id = self.spec.request, self.settings, self.spec.alarm_id
        ids = request.instances or ()
        call = call_facts(self.policy, settings, self.ports.clock.now(), halt, failures)
        refusals = [*whole_plan.unread_refusals(self._facts(ids, len(ids), len(ids))), *whole_plan.time_refusals(call)]
        if alarm_id is not None and settings.alarm_verify and (request.dry_run or not refusals):
            firing = firing_alarms(self.ports, ids, "alarm_verify")
            refusals += whole_plan.event_refusals(EventFacts(alarm_id, ids, firing))
        return refusals

    def _facts(self, planned: Collection[str], matched: int, fleet: int) -> PlanFacts:
        return PlanFacts(
            request=self.spec.request,
            action=self.policy.action,
            settings=self.settings,
            planned=planned,
            matched=matched,
            fleet=fleet,
            journalled=self.ports.journal is not None,
            on_host=self.ports.host.kind != "local",
        )

    def _fleet(self) -> Mapping[str, Instance]:
        request = self.spec.request
        if request.instances is not None:
            return self.ports.dcs.read(request.instances, self.tick)
        return {instance.instance_id: instance for instance in self.ports.dcs.snapshot(self.tick)}

    def _shown(self) -> ShownPlan | None:
        """The showing that the request names. One that cannot be used, as past its time, is as good as none."""
        digest, showing = split_approval(self.spec.request.approve or "")
        if showing is None or self.ports.journal is None:
            return None
        try:
            return load_showing(self.ports.journal, digest, showing)
        except RecordError as err:
            self.ports.log("journal.failed", level="warning", reason=str(err))
            return None
