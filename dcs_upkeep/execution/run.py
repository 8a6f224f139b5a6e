"""One run, as far as one invocation carries it: plan -> claims -> waves -> report. The shell around the pure core."""

from __future__ import annotations

import math

from dcs_upkeep.domain.deadline import CLOSE_S, PUBLISH_S
from dcs_upkeep.domain.errors import FencedError, describe_error
from dcs_upkeep.domain.model import Outcome, OutcomeKind, Plan
from dcs_upkeep.domain.ports import Ports
from dcs_upkeep.domain.run import Result, RunSpec
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.execution.completion import RunCompletion
from dcs_upkeep.execution.lock_rules import may_acquire
from dcs_upkeep.execution.preflight import Preflight
from dcs_upkeep.execution.retry_policy import SendRate
from dcs_upkeep.execution.stop_conditions import StopConditions
from dcs_upkeep.execution.verification import Verifier
from dcs_upkeep.execution.wave import Wave
from dcs_upkeep.guards.policy import action_of, make_policy
from dcs_upkeep.journal.instance_locks import InstanceLocks
from dcs_upkeep.journal.run_lease import LeaseTerms
from dcs_upkeep.journal.run_state import Stage
from dcs_upkeep.journal.run_writer import RunWriter
from dcs_upkeep.planning.planner import Planner
from dcs_upkeep.reporting import messages
from dcs_upkeep.reporting.publisher import publish_progress
from dcs_upkeep.reporting.run_log import log_outcome

UNWATCHED_RETRY_S = 300.0  # how long a busy instance may be waited for where no watch gives a limit
UNDER_WAY = (Stage.ACCEPTED, Stage.DOUBT, Stage.API_FAILED)


class Run:
    """One run in one invocation."""

    def __init__(self, task: RunSpec, settings: Settings, project_id: str, ports: Ports, recorder: RunWriter, terms: LeaseTerms) -> None:
        self._task = task
        self._request = task.request
        self._settings = settings
        self._ports = ports
        self._recorder = recorder
        journal = ports.journal if recorder.journalled or task.request.dry_run else None
        self._claims = InstanceLocks(journal, project_id, task.run_id, ports.clock, terms) if journal else None
        watch = task.request.watch
        self._watcher = Verifier(
            action_of(task.request), settings.settle_s, UNWATCHED_RETRY_S if watch is False else float(watch.timeout_s)
        )
        self._policy = make_policy(task.request, settings)
        self._pace = SendRate(settings.batch_size, settings.parallel_calls)
        self._reserve_s = CLOSE_S + (PUBLISH_S if settings.topics else 0.0)
        self._planner = Planner(task.request, settings, project_id, ports, task.alarm_id)
        self.ending = RunCompletion(
            task, settings, project_id, ports, recorder, self._watcher, None if task.request.dry_run else self._claims
        )
        self._gate: StopConditions | None = None

    def execute(self) -> Result:
        """Carry the request out as far as guards, budget and time allow; ends in a report, or hands over to the next invocation."""
        state = self._recorder.state
        self._ports.log("run.claimed", journal=self._recorder.journalled, hops=state.hops, requested_by=self._request.requested_by)
        if self._ports.journal is None and not self._request.dry_run:
            self._ports.log("journal.absent", level="warning", reason="a repeated delivery of this event cannot be told from a new one")
        fault: Exception | None = None
        try:
            if state.plan is None:
                self._recorder.planned(self._planner.make())
                self._tell("start", "started")
            self._carry_out()
        except FencedError as err:
            return self.ending.overtaken(err)
        except Exception as err:
            fault = err
            if state.may_have_sent():
                # A write may have happened: the report must come back, or a retry of the platform would run half a plan again.
                self._ports.log("run.failed", level="error", reason=describe_error(err))
                self._recorder.stop("fault", OutcomeKind.NOT_ATTEMPTED, describe_error(err))
                fault = None
        try:
            if fault is None and self.ending.goes_on(time_is_up=self._gate is not None and self._gate.time_is_up):
                return self.ending.hand_over(self._gate.not_before if self._gate else None)
            return self.ending.finish(fault)
        except FencedError as err:
            return self.ending.overtaken(err)

    def left_s(self) -> float:
        """Seconds left for calls to DCS: what the host gives, less what closing the run needs."""
        return self._ports.host.remaining_s() - self._reserve_s

    def _carry_out(self) -> None:
        state = self._recorder.state
        plan = state.plan
        if plan is None or plan.refusal is not None:
            return
        self._take_claims(plan)
        if plan.dry_run:
            return
        gate = self._gate = StopConditions(plan, self._policy, self._recorder, self._ports)
        turn = Preflight(
            plan,
            self._request,
            self._policy,
            self._watcher,
            self._recorder,
            self._ports,
            self._claims,
            gate,
            alarm_id=self._task.alarm_id,
            poll_s=self._settings.poll_s,
            left_s=self.left_s,
        )
        for number in range(1, len(plan.waves) + 1):
            if not state.at_stage(Stage.PENDING, *UNDER_WAY, wave=number):
                continue
            may_begin = state.stop is None and bool(state.at_stage(Stage.PENDING, wave=number)) and turn.check_wave(number)
            # Whether or not more of it may be sent: what was sent of this wave is watched to its end.
            if not may_begin and not state.at_stage(*UNDER_WAY, wave=number):
                if state.stop is not None or gate.time_is_up:
                    return
                continue
            self._wave(plan, number, gate)
            if not gate.time_is_up and state.stop is None and state.at_stage(Stage.PENDING, wave=number):
                gate.out_of_time(f"time was up before all of wave {number} could be sent")
            if plan.watch_timeout_s is not None and state.at_stage(*UNDER_WAY, wave=number):
                gate.out_of_time(f"time was up before wave {number} was seen to be back")
            if state.stop is not None or gate.time_is_up:
                return

    def _take_claims(self, plan: Plan) -> None:
        """Claim what is still to be acted on; what another run holds, or a cooldown protects, is refused here. A dry run only looks."""
        pending = [one.instance_id for one in self._recorder.state.at_stage(Stage.PENDING)]
        if self._claims is None or not pending:
            return
        ask = self._claims.peek if plan.dry_run else self._claims.acquire
        rule = may_acquire(self._task.run_id, plan.action, float(self._request.cooldown_s), self._ports.clock.now())
        refused = ask(pending, rule)
        outcomes = [
            Outcome(one, plan.instances[one].name, OutcomeKind.REFUSED, verdict.reason, guard=verdict.guard)
            for one, verdict in refused.items()
        ]
        self._recorder.watched(outcomes)
        for outcome in outcomes:
            log_outcome(self._ports, outcome)

    def _wave(self, plan: Plan, number: int, gate: StopConditions) -> None:
        state = self._recorder.state
        pending = state.at_stage(Stage.PENDING, wave=number)
        self._ports.log("wave.started", wave=number, waves=len(plan.waves), instances=len(pending))
        Wave(
            number,
            plan,
            self._recorder,
            self._ports,
            self._pace,
            self._watcher,
            poll_s=self._settings.poll_s,
            skew_s=self._settings.skew_s,
            may_send=gate.may_send,
            left_s=self.left_s,
        ).run()
        done = [one.outcome for one in state.progress.values() if one.wave == number and one.outcome is not None]
        counts = {kind.value: n for kind in OutcomeKind if (n := sum(1 for one in done if one.outcome is kind))}
        self._ports.log("wave.settled", wave=number, waves=len(plan.waves), counts=counts, failures=state.failures())
        self._tell("wave", f"wave {number} of {len(plan.waves)} settled")

    def _tell(self, when: str, what: str) -> None:
        """A short word to the topics, where UPKEEP_NOTIFY asks for it and there is time."""
        plan = self._recorder.state.plan
        if when in self._settings.notify and plan is not None and plan.refusal is None and not plan.dry_run and not self._is_late():
            publish_progress(self._ports, messages.progress(what, self.ending.report(goes_on=True)))

    def _is_late(self) -> bool:
        return not math.isinf(left_s := self.left_s()) and left_s < PUBLISH_S
