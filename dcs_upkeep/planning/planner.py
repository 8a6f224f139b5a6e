"""Gathers what a plan is made of: the fleet, what its data-loss classes are, firing alarms, lever and breaker, earlier approvals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dcs_upkeep.domain.approval import ShownPlan, split_approval
from dcs_upkeep.domain.errors import RecordError
from dcs_upkeep.domain.model import Instance, Location, Plan, Refusal
from dcs_upkeep.domain.ports import Ports, Tick, no_tick
from dcs_upkeep.domain.run import RunSpec
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.guards import whole_plan
from dcs_upkeep.guards.before_reading import EventFacts
from dcs_upkeep.guards.policy import Policy
from dcs_upkeep.journal.approvals import load_showing
from dcs_upkeep.planning.plan import PlanReadings, make_plan, to_classify
from dcs_upkeep.planning.readings import classify, failure_record, firing_alarms, halt_record
from dcs_upkeep.planning.selection import selected
from dcs_upkeep.planning.unread import refuse_unread


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
        """Read, and decide."""
        ports, request, policy, settings = self.ports, self.spec.request, self.policy, self.settings
        read_at = ports.clock.now().timestamp()
        refusals = self._refused_unread()
        if refusals and not request.dry_run:
            return refuse_unread(request, policy, refusals)
        fleet = self._fleet()
        ids = selected(request, fleet)
        classes = classify(ports.dcs, policy.action, to_classify(ids, fleet, policy), self.tick)
        fleet = {one: instance for one, instance in fleet.items() if one not in classes.gone}
        found = PlanReadings(
            project_id=self.location.project_id,
            journalled=ports.journal is not None,
            on_host=ports.host.kind != "local",
            halt=halt_record(ports.journal),
            failures=failure_record(ports, self.location, settings.breaker),
            classified=classes.known,
            unread=classes.unread,
            firing=firing_alarms(ports, [one for one in ids if one in fleet], "alarm_veto") if settings.alarm_veto else None,
            triggered_by=self.spec.alarm_id,
            shown=self._shown(),
            run_id=self.spec.run_id,
            refusals=refusals,
        )
        return replace(make_plan(request, ids, fleet, settings, policy, ports.clock.now(), found), read_at=read_at)

    def _refused_unread(self) -> tuple[Refusal, ...]:
        """Whether Cloud Eye shows the alarm that asks for this as firing: whoever may publish to the topic could have sent it."""
        alarm_id, ids = self.spec.alarm_id, self.spec.request.instances or ()
        asked = alarm_id is not None and self.settings.alarm_verify
        firing = firing_alarms(self.ports, ids, "alarm_verify") if asked else None
        return tuple(whole_plan.event_refusals(EventFacts(alarm_id, ids, firing)))

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
