"""Gathers what a plan is made of: the fleet, what its data-loss classes are, firing alarms, the lever, earlier approvals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dcs_upkeep.domain.errors import JournalError
from dcs_upkeep.domain.model import Instance, Plan, ShownPlan
from dcs_upkeep.domain.ports import Ports
from dcs_upkeep.domain.request import Request
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.journal import approvals
from dcs_upkeep.planning import readings
from dcs_upkeep.planning.plan import PlanReadings, make_plan, to_classify
from dcs_upkeep.planning.readings import firing_alarms, halt_record
from dcs_upkeep.planning.selection import selected
from dcs_upkeep.reporting.run_log import log_outcome


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes the plan of one run. Raises CloudError where the fleet cannot be read: nothing was sent yet."""

    request: Request
    settings: Settings
    project_id: str
    ports: Ports
    alarm_id: str | None = None

    def make(self) -> Plan:
        """Read, decide, and log the decision."""
        ports, request = self.ports, self.request
        fleet = self._fleet()
        facts = PlanReadings(
            project_id=self.project_id,
            journalled=ports.journal is not None,
            on_host=ports.host.kind != "local",
            halt=halt_record(ports.journal),
            classified=readings.classify(ports.dcs, request.action, waiting)
            if request.action and (waiting := self._unclassified(fleet))
            else {},
            firing=firing_alarms(ports, [one for one in selected(request, fleet) if one in fleet]),
            triggered_by=self.alarm_id,
            approved=self._approved(),
        )
        plan = make_plan(request, fleet, self.settings, ports.clock.now(), facts)
        self._log(plan)
        if plan.dry_run and ports.journal is not None:
            self._put_on_record(plan)
        return plan

    def _fleet(self) -> Mapping[str, Instance]:
        if self.request.instances is not None:
            return self.ports.dcs.read(self.request.instances)
        return {one.instance_id: one for one in self.ports.dcs.snapshot()}

    def _unclassified(self, fleet: Mapping[str, Instance]) -> tuple[Instance, ...]:
        return to_classify(self.request, fleet, self.settings)

    def _approved(self) -> ShownPlan | None:
        if self.request.approve is None or self.ports.journal is None:
            return None
        return approvals.load_shown_plan(self.ports.journal, self.request.approve)

    def _put_on_record(self, plan: Plan) -> None:
        """What a person is about to see. Without it the approval still works, but does not lapse and a drift is not told."""
        if self.ports.journal is None:
            return
        try:
            approvals.save_shown_plan(self.ports.journal, plan.digest, plan.covered, self.ports.clock.now())
        except JournalError as err:
            self.ports.log("journal.failed", level="warning", reason=str(err))

    def _log(self, plan: Plan) -> None:
        self.ports.log(
            "plan.made",
            instances=len(plan.instances),
            waves=[len(wave) for wave in plan.waves],
            settled=len(plan.settled),
            digest=plan.digest,
            guard=plan.refusal.guard if plan.refusal else None,
            reason=plan.refusal.reason if plan.refusal else None,
        )
        for outcome in plan.settled:
            log_outcome(self.ports, outcome)
