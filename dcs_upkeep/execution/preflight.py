"""What happens just before a wave: the pause, the wave read again, and every guard asked again. A wave may shrink, never grow."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Instance, Outcome, OutcomeKind, Plan
from dcs_upkeep.domain.ports import Clock, Ports
from dcs_upkeep.domain.request import Request
from dcs_upkeep.execution.backup import back_up
from dcs_upkeep.execution.lock_rules import still_ours
from dcs_upkeep.execution.stop_conditions import StopConditions
from dcs_upkeep.execution.verification import Verifier
from dcs_upkeep.guards.evaluate import evaluate_instance
from dcs_upkeep.guards.policy import Policy
from dcs_upkeep.journal.entries import Baseline
from dcs_upkeep.journal.instance_locks import InstanceLocks
from dcs_upkeep.journal.run_state import Progress, Stage
from dcs_upkeep.journal.run_writer import RunWriter
from dcs_upkeep.planning import readings
from dcs_upkeep.planning.readings import firing_alarms
from dcs_upkeep.reporting.run_log import log_outcome

BEGIN_S = 4.0  # less is not worth beginning a wave with: it has to be read, sent and answered


class Preflight:
    """Lets one wave after the other begin."""

    def __init__(
        self,
        plan: Plan,
        request: Request,
        policy: Policy,
        watcher: Verifier,
        recorder: RunWriter,
        ports: Ports,
        claims: InstanceLocks | None,
        gate: StopConditions,
        *,
        alarm_id: str | None,
        poll_s: float,
        left_s: Callable[[], float],
    ) -> None:
        """`left_s`: seconds left for calls to DCS. `alarm_id`: the alarm that asked for this run."""
        self._plan = plan
        self._request = request
        self._policy = policy
        self._watcher = watcher
        self._recorder = recorder
        self._ports = ports
        self._claims = claims
        self._gate = gate
        self._alarm_id = alarm_id
        self._poll_s = poll_s
        self._left_s = left_s

    def check_wave(self, number: int) -> bool:
        """Whether anything of this wave may be sent now. What leaves it gets its outcome here; the rest has its baseline on record."""
        if not self._gate.may_send() or not self._pause() or not self._gate.may_send():
            return False
        if self._left_s() < BEGIN_S:
            self._gate.out_of_time(f"too little time was left in this invocation to begin wave {number}")
            return False
        pending = self._recorder.state.at_stage(Stage.PENDING, wave=number)
        shown = self._read([one.instance_id for one in pending])
        if shown is None:
            return False
        self._note_evidence(pending, shown)
        pending = [one for one in pending if one.stage is Stage.PENDING]
        left = self._guard_again(number, pending, shown)
        gone = {outcome.instance_id for outcome in left}
        baseline = {
            one.instance_id: Baseline(status=shown[one.instance_id].status, launched_at=shown[one.instance_id].launched_at)
            for one in pending
            if one.instance_id not in gone
        }
        self._recorder.guarded(number, left, baseline)
        for outcome in left:
            log_outcome(self._ports, outcome)
        return bool(baseline) and self._gate.may_send()

    def _pause(self) -> bool:
        """Wait until `pause_s` after the wave before; as much of it as this invocation has time for."""
        settled_at = self._recorder.state.settled_at
        if not self._plan.pause_s or settled_at is None or not self._recorder.state.waves_begun:
            return True
        wait_s = settled_at + self._plan.pause_s - self._recorder.now()
        if wait_s <= 0:
            return True
        room_s = self._left_s() - BEGIN_S
        self._recorder.sleep(max(0.0, min(wait_s, room_s)))
        if wait_s > room_s:
            self._gate.out_of_time(f"the pause of {self._plan.pause_s:g} s between two waves is longer than the time left")
            return False
        return True

    def _read(self, ids: list[str]) -> Mapping[str, Instance] | None:
        """The wave as it is now. Before the first attempt a failure fails the run; later it only ends the sending."""
        try:
            return self._ports.dcs.read(ids)
        except CloudError as err:
            if not self._recorder.state.may_have_sent():
                raise
            self._recorder.stop("unreadable", OutcomeKind.NOT_ATTEMPTED, f"the next wave could not be read: {err}")
            return None

    def _note_evidence(self, pending: list[Progress], shown: Mapping[str, Instance]) -> None:
        """What an earlier invocation sent, and thought not executed, may show its effect after all: then it is not sent again."""
        evidence = {
            one.instance_id: reason
            for one in pending
            if one.attempts and (reason := self._watcher.evidence(one, shown.get(one.instance_id)))
        }
        self._recorder.seen([one for one in evidence if shown[one].status == self._watcher.rule.busy], evidence)

    def _guard_again(self, number: int, pending: list[Progress], shown: Mapping[str, Instance]) -> list[Outcome]:
        """Those that must not be acted on now, each with the guard that says so."""
        ids = [one.instance_id for one in pending]
        now = self._ports.clock.now()
        firing = firing_alarms(self._ports, ids)
        refused: dict[str, Outcome] = {}
        for one in ids:
            found = evaluate_instance(shown.get(one), one, self._policy, now, wave=number, firing=firing, triggered_by=self._alarm_id)
            if found is not None:
                refused[one] = found
        left = [one for one in ids if one not in refused]
        if self._claims is not None and left:
            claimed = self._recorder.state.claimed
            rule = still_ours(claimed["run_id"] if claimed else "", self._ports.clock.now())
            for one, verdict in self._claims.verify(left, rule).items():
                refused[one] = self._refuse(one, number, verdict.guard, verdict.reason)
        left = [one for one in left if one not in refused]
        for one, reason in self._changed_class({one: shown[one] for one in left}).items():
            refused[one] = self._refuse(one, number, "approval", reason)
        left = [one for one in left if one not in refused]
        for one, reason in self._back_up(left).items():
            refused[one] = self._refuse(one, number, "backup", reason)
        return list(refused.values())

    def _refuse(self, instance_id: str, number: int, guard: str, reason: str) -> Outcome:
        planned = self._plan.instances[instance_id]
        return Outcome(instance_id, planned.name, OutcomeKind.REFUSED, reason, guard=guard, wave=number, loses_data=planned.loses_data)

    def _changed_class(self, shown: Mapping[str, Instance]) -> dict[str, str]:
        """Those that would lose their data now and did not when the plan was approved."""
        safe = [instance for one, instance in shown.items() if self._plan.instances[one].loses_data is False]
        if self._request.approve is None or not safe:
            return {}
        classes = readings.classify(self._ports.dcs, self._plan.action, safe)
        return {one: f"not approved so: {reason}" for one, (loses, reason) in classes.items() if loses is not False}

    def _back_up(self, ids: list[str]) -> dict[str, str]:
        """Back up what would lose its data, where the request asks for it. Returns those without a backup, and why."""
        losing = [one for one in ids if self._plan.instances[one].loses_data is not False]
        if self._request.backup != "before" or not losing:
            return {}
        if self._ports.backups is None:
            return dict.fromkeys(losing, "backups cannot be made here")
        claimed = self._recorder.state.claimed
        done = back_up(
            losing,
            self._ports.backups,
            _LeasedClock(self._ports.clock, self._recorder),
            left_s=self._left_s,
            timeout_s=self._watcher.timeout_s,
            poll_s=self._poll_s,
            log=self._ports.log,
            run_id=claimed["run_id"] if claimed else "unjournalled",
        )
        return {one: reason for one, reason in done.items() if reason is not None}


class _LeasedClock:
    """The clock, whose sleep renews the run's lease as it goes: backups take minutes."""

    def __init__(self, clock: Clock, recorder: RunWriter) -> None:
        self.now = clock.now
        self.monotonic = clock.monotonic
        self.sleep = recorder.sleep
