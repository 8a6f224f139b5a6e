"""Gathers what a plan is made of: the fleet, what its data-loss classes are, firing alarms, the lever, earlier approvals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dcs_upkeep.domain.model import Instance, Location, Plan, ShownPlan
from dcs_upkeep.domain.ports import Ports, Tick, no_tick
from dcs_upkeep.domain.run import RunSpec
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.guards.policy import Policy
from dcs_upkeep.journal.approvals import load_shown_plan
from dcs_upkeep.planning.plan import PlanReadings, make_plan, to_classify
from dcs_upkeep.planning.readings import classify, firing_alarms, halt_record
from dcs_upkeep.planning.selection import selected


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
        ports, request, policy = self.ports, self.spec.request, self.policy
        fleet = self._fleet()
        ids = selected(request, fleet)
        waiting = to_classify(ids, fleet, policy)
        found = PlanReadings(
            project_id=self.location.project_id,
            journalled=ports.journal is not None,
            on_host=ports.host.kind != "local",
            halt=halt_record(ports.journal),
            classified=classify(ports.dcs, policy.action, waiting, self.tick),
            firing=firing_alarms(ports, [instance_id for instance_id in ids if instance_id in fleet]),
            triggered_by=self.spec.alarm_id,
            approved=self._approved(),
        )
        return make_plan(request, ids, fleet, self.settings, policy, ports.clock.now(), found)

    def _fleet(self) -> Mapping[str, Instance]:
        request = self.spec.request
        if request.instances is not None:
            return self.ports.dcs.read(request.instances, self.tick)
        return {instance.instance_id: instance for instance in self.ports.dcs.snapshot(self.tick)}

    def _approved(self) -> ShownPlan | None:
        request = self.spec.request
        if request.approve is None or self.ports.journal is None:
            return None
        return load_shown_plan(self.ports.journal, request.approve)
