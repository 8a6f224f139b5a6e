"""One run, as far as one invocation carries it: plan -> locks -> waves -> report. The shell around the pure core."""

from __future__ import annotations

import math

from dcs_upkeep.domain.deadline import LONGEST_PUT_S, PUBLISH_S
from dcs_upkeep.domain.errors import FencedError, StopAskedError, ThrottledError, describe_error
from dcs_upkeep.domain.model import Outcome, OutcomeKind
from dcs_upkeep.domain.run import RunResult
from dcs_upkeep.domain.stopping import AtWork
from dcs_upkeep.execution.approval import settle_approval
from dcs_upkeep.execution.completion import RunCompletion
from dcs_upkeep.execution.context import RunContext
from dcs_upkeep.execution.lock_rules import may_acquire
from dcs_upkeep.execution.preflight import Preflight
from dcs_upkeep.execution.stop_conditions import StopConditions
from dcs_upkeep.execution.wave import Wave
from dcs_upkeep.journal.progress import UNDER_WAY, Stage
from dcs_upkeep.journal.run_writer import TRY_AGAIN_S
from dcs_upkeep.planning.planner import Planner
from dcs_upkeep.reporting import messages
from dcs_upkeep.reporting.publisher import publish_progress
from dcs_upkeep.reporting.run_log import log_outcome, log_plan

JOURNAL_WAIT_S = 60.0


class Run:
    """One run in one invocation."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._ports = context.ports
        self._stops = StopConditions(context)
        self._preflight = Preflight(context, self._stops)
        self._completion = RunCompletion(context)

    def execute(self) -> RunResult:
        """Carry the request out as far as guards, budget and time allow; ends in a report, or hands over to the next invocation."""
        stop = self._ports.stop
        stop.worker = self
        try:
            with self._ports.pace.ticking(self._context.tick):
                return self._execute()
        finally:
            stop.worker, stop.breaks = None, False

    def at_work(self) -> AtWork:
        """See domain.stopping.Worker."""
        context, state = self._context, self._context.state
        plan = state.plan
        names = [plan.instances[one.instance_id].name or one.instance_id for one in state.open()] if plan else []
        waiting = len(state.at_stage(Stage.PENDING))
        journal = self._ports.journal.name if self._ports.journal else ""
        return AtWork(context.spec.run_id, names, waiting, context.keeps_what_is_left and not context.request.dry_run, journal)

    def abandon(self) -> float | None:
        """See domain.stopping.Worker."""
        context, by = self._context, self._ports.stop.by
        until = context.writer.abandon(self._ports.dcs.calls(), by or "its process was stopped")
        if until is None or not context.state.open_attempts:
            return until
        return until + LONGEST_PUT_S + context.settings.skew_s  # so long the last attempt may be under way

    def _execute(self) -> RunResult:
        context, state = self._context, self._context.state
        requested_by = context.request.requested_by
        self._ports.log(
            "run.claimed",
            journal=context.writer.journalled,
            hops=state.hops,
            requested_by=requested_by,
            principal=context.spec.trigger.principal,
        )
        if self._ports.journal is None and not context.request.dry_run:
            self._ports.log("journal.absent", level="warning", reason="a repeated delivery of this event cannot be told from a new one")
        fault: Exception | None = None
        try:
            self._do_what_is_left()
        except FencedError as err:
            return self._completion.overtaken(err)
        except ThrottledError as err:
            if context.writer.journalled or state.may_have_sent():
                self._stops.throttled(err)
            else:
                fault = err
        except Exception as err:
            fault = err
            if state.may_have_sent():
                # A write may have happened: the report must come back, or a retry of the platform would run half a plan again.
                self._ports.log("run.failed", level="error", reason=describe_error(err))
                context.writer.stop("fault", OutcomeKind.NOT_ATTEMPTED, describe_error(err))
                fault = None
        self._ports.stop.breaks = False
        try:
            self._wait_for_the_journal()
            if fault is None and self._completion.waits_for_person(self._stops):
                return self._completion.let_go()
            if fault is None and self._completion.goes_on(self._stops):
                return self._completion.hand_over(self._stops.not_before, self._stops.waits_for)
            return self._completion.finish(fault)
        except FencedError as err:
            return self._completion.overtaken(err)

    def _do_what_is_left(self) -> None:
        """Plan, and carry the plan out; whenever nothing is open a person may break it off."""
        context, state = self._context, self._context.state
        self._ports.stop.breaks = True
        try:
            if not context.request.dry_run:
                context.breaker.check(state)  # what an earlier invocation had no time to note; a plan is made after that
            if state.plan is None:
                if state.stop is not None:
                    return
                context.tick()
                self._make_plan()
            self._carry_out()
        except StopAskedError:
            self._stops.heed()

    def _wait_for_the_journal(self) -> None:
        """What is told should be on record first: a journal that fails is given a minute, if there is one."""
        writer = self._context.writer
        ends = self._ports.clock.monotonic() + min(JOURNAL_WAIT_S, self._context.deadline.remaining_s())
        while not writer.catch_up() and self._ports.clock.monotonic() + TRY_AGAIN_S <= ends:
            writer.sleep(TRY_AGAIN_S)

    def _make_plan(self) -> None:
        """Read, decide, settle whose the approval is, put the decision on record, and log it."""
        context = self._context
        planner = Planner(context.spec, context.settings, context.location, context.policy, self._ports, context.tick)
        plan = settle_approval(context, planner.make())
        log_plan(self._ports, plan)
        context.writer.planned(plan)
        self._notify("start", "started")

    def _carry_out(self) -> None:
        state, plan = self._context.state, self._context.plan
        if plan.refusal is not None:
            return
        self._acquire_locks()
        if plan.dry_run:
            return
        for number in range(1, len(plan.waves) + 1):
            if not state.at_stage(Stage.PENDING, *UNDER_WAY, wave=number):
                continue
            may_begin = state.stop is None and bool(state.at_stage(Stage.PENDING, wave=number)) and self._preflight.check_wave(number)
            # Whether or not more of it may be sent: what was sent of this wave is watched to its end.
            if may_begin or state.at_stage(*UNDER_WAY, wave=number):
                self._run_wave(number)
            if state.stop is not None or self._stops.time_is_up:
                return

    def _acquire_locks(self) -> None:
        """Lock what is still to be acted on; what another run holds, or a cooldown protects, is refused here. A dry run only looks."""
        locks, plan = self._context.locks, self._context.plan
        pending = [progress.instance_id for progress in self._context.state.at_stage(Stage.PENDING)]
        if locks is None or not pending:
            return
        spec, now = self._context.spec, self._ports.clock.now()
        rule = may_acquire(spec.run_id, plan.action, float(spec.request.cooldown_s), now)
        refused = locks.peek(pending, rule) if plan.dry_run else locks.acquire(pending, rule, self._context.state.takeovers)
        outcomes = [
            Outcome(instance_id, plan.instances[instance_id].name, OutcomeKind.REFUSED, verdict.reason, guard=verdict.guard)
            for instance_id, verdict in refused.items()
        ]
        self._context.writer.watched(outcomes)
        for outcome in outcomes:
            log_outcome(self._ports, outcome)

    def _run_wave(self, number: int) -> None:
        state, plan = self._context.state, self._context.plan
        pending = state.at_stage(Stage.PENDING, wave=number)
        self._ports.log("wave.started", wave=number, waves=len(plan.waves), instances=len(pending))
        Wave(self._context, number, self._stops, self._preflight).run()
        done = [progress.outcome.outcome for progress in state.at_stage(Stage.DONE, wave=number) if progress.outcome is not None]
        counts = {kind.value: done.count(kind) for kind in OutcomeKind if kind in done}
        self._ports.log("wave.settled", wave=number, waves=len(plan.waves), counts=counts, failures=state.failures())
        self._notify("wave", "wave_settled", wave=number, waves=len(plan.waves))
        if not self._stops.time_is_up and state.stop is None and state.at_stage(Stage.PENDING, wave=number):
            self._stops.out_of_time(f"time was up before all of wave {number} could be sent")
        if plan.watch_timeout_s is not None and state.at_stage(*UNDER_WAY, wave=number):
            self._stops.out_of_time(f"time was up before wave {number} was seen to be back")

    def _notify(self, when: str, key: str, **fields: object) -> None:
        """A short word to the topics, if UPKEEP_NOTIFY asks for it and there is time. `key`: what happened, in the catalogue."""
        plan = self._context.plan
        if when in self._context.settings.notify and plan.refusal is None and not plan.dry_run and not self._is_late():
            publish_progress(self._ports, messages.progress(key, self._completion.report(goes_on=True), self._ports.reader, **fields))

    def _is_late(self) -> bool:
        left_s = self._context.deadline.remaining_s()
        return not math.isinf(left_s) and left_s < PUBLISH_S
