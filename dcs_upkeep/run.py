"""One execution of one plan: fleet -> plan -> waves -> report -> topics. The shell around the pure core."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dcs_upkeep import closing, guards, messages
from dcs_upkeep.errors import CloudError, UpkeepError
from dcs_upkeep.journal import Baseline, Stage
from dcs_upkeep.model import Instance, Outcome, OutcomeKind, Plan, RunStatus, Trigger
from dcs_upkeep.plan import action_of, judge, make_plan, make_policy
from dcs_upkeep.ports import Ports
from dcs_upkeep.record import Recorder
from dcs_upkeep.report import Frame, Report, status_of, summarize
from dcs_upkeep.request import Request
from dcs_upkeep.sending import Pace
from dcs_upkeep.settings import Settings
from dcs_upkeep.watching import Watcher
from dcs_upkeep.wave import Wave, log_outcome

CLOSE_S = 3.0  # kept back for the report and the log
PUBLISH_S = 5.0  # and for the topics, where there are any
UNWATCHED_RETRY_S = 300.0  # how long a busy instance may be waited for where no watch gives a limit


@dataclass(frozen=True, slots=True)
class Result:
    """A report, and whether the platform should see this invocation as failed.

    `fault`: a fault of ours or of the cloud before the first write. `may_have_sent`: an attempt was begun.
    """

    report: Report
    may_have_sent: bool = False
    fault: Exception | None = None


class Run:
    """One run, in one invocation."""

    def __init__(self, request: Request, trigger: Trigger, run_id: str, settings: Settings, project_id: str, ports: Ports) -> None:
        self._request = request
        self._settings = settings
        self._ports = ports
        self._project_id = project_id
        self._recorder = Recorder(ports.clock)
        self._started_at = ports.clock.now()
        self._frame = Frame(
            run_id=run_id,
            trigger=trigger,
            region=settings.region,
            project_id=project_id,
            requested_by=request.requested_by,
            name=request.name,
            action=request.action,
            dry_run=request.dry_run,
            started_at=self._started_at,
        )
        watch = request.watch
        self._watcher = Watcher(action_of(request), settings.settle_s, UNWATCHED_RETRY_S if watch is False else float(watch.timeout_s))
        self._policy = make_policy(request, settings)
        self._pace = Pace(settings.batch_size, settings.parallel_calls)
        self._reserve_s = CLOSE_S + (PUBLISH_S if settings.topics else 0.0)

    def execute(self) -> Result:
        """Carry the request out as far as guards, budget and time allow; always ends in a report, which is also published."""
        self._ports.log("run.claimed", trigger=self._frame["trigger"].kind.value, requested_by=self._request.requested_by)
        fault: Exception | None = None
        try:
            self._make_plan()
            self._carry_out()
        except Exception as err:
            fault = err
            if self._recorder.state.may_have_sent():
                # A write may have happened: the report must come back, or a retry of the platform would run half a plan again.
                self._ports.log("run.failed", level="error", reason=_said(err))
                self._recorder.stop("fault", OutcomeKind.NOT_ATTEMPTED, _said(err))
        report = self._report(fault)
        publish(self._ports, report)
        return Result(report, self._recorder.state.may_have_sent(), fault if not self._recorder.state.may_have_sent() else None)

    def left_s(self) -> float:
        """Seconds left for calls to DCS: what the host gives, less what closing the run needs."""
        return self._ports.host.remaining_s() - self._reserve_s

    def _plan(self) -> Plan:
        plan = self._recorder.state.plan
        if plan is None:
            raise AssertionError("the run has no plan yet")
        return plan

    def _make_plan(self) -> None:
        fleet = self._fleet()
        plan = make_plan(self._request, fleet, self._settings, self._ports.clock.now(), project_id=self._project_id)
        self._recorder.planned(plan)
        self._ports.log(
            "plan.made",
            instances=len(plan.instances),
            waves=[len(wave) for wave in plan.waves],
            settled=len(plan.settled),
            digest=plan.digest,
            guard=plan.refusal.guard if plan.refusal else None,
            reason=plan.refusal.reason if plan.refusal else None,
        )
        for outcome in plan.settled:
            log_outcome(self._ports, outcome)

    def _fleet(self) -> Mapping[str, Instance]:
        if self._request.instances is not None:
            return self._ports.dcs.read(self._request.instances)
        return {one.instance_id: one for one in self._ports.dcs.snapshot()}

    def _carry_out(self) -> None:
        plan = self._plan()
        if plan.dry_run or plan.refusal is not None:
            return
        for number in range(1, len(plan.waves) + 1):
            if not self._may_begin(number) or not self._guard_again(number):
                return
            self._wave(number)
            if plan.watch_timeout_s is not None and self._recorder.state.at_stage(Stage.ACCEPTED, Stage.DOUBT, wave=number):
                self._recorder.stop("time", OutcomeKind.DEFERRED, f"time was up before wave {number} was seen to be back")

    def _wave(self, number: int) -> None:
        plan, state = self._plan(), self._recorder.state
        pending = state.at_stage(Stage.PENDING, wave=number)
        self._ports.log("wave.started", wave=number, waves=len(plan.waves), instances=len(pending), remaining_ms=self._remaining_ms())
        Wave(
            number,
            plan,
            self._recorder,
            self._ports,
            self._pace,
            self._watcher,
            poll_s=self._settings.poll_s,
            may_send=self._may_send,
            left_s=self.left_s,
        ).run()
        done = [one.outcome for one in state.progress.values() if one.wave == number and one.outcome is not None]
        counts = {kind.value: n for kind in OutcomeKind if (n := sum(1 for one in done if one.outcome is kind))}
        self._ports.log("wave.settled", wave=number, waves=len(plan.waves), counts=counts, failures=state.failures())

    def _may_begin(self, number: int) -> bool:
        """Whether this wave may begin: budget, time, the pause before it, and the plan's window."""
        plan, clock = self._plan(), self._ports.clock
        if not self._may_send():
            return False
        if number > 1 and plan.pause_s:
            if plan.pause_s >= self.left_s():
                self._recorder.stop("time", OutcomeKind.DEFERRED, f"no time is left for the pause before wave {number}")
                return False
            clock.sleep(plan.pause_s)
        if self._policy.window is None:
            return self._may_send()
        verdict = guards.checked("window", guards.window, self._policy.window, clock.now())
        if not verdict.allowed:
            missed = self._request.window is not None and self._request.window.on_miss == "defer"
            rest = OutcomeKind.DEFERRED if missed else OutcomeKind.NOT_ATTEMPTED
            self._recorder.stop("window", rest, verdict.reason, guard=verdict.guard)
        return self._may_send()

    def _may_send(self) -> bool:
        """Asked before every attempt: writes down why not."""
        state, plan = self._recorder.state, self._plan()
        if state.stop is None and (failures := state.failures()) > plan.max_failures:
            reason = f"{failures} failed or unknown, more than the {plan.max_failures} that max_failures allows"
            self._recorder.stop("budget", OutcomeKind.NOT_ATTEMPTED, reason)
        if state.stop is None and self._ports.dcs.put_timeout_s() <= 0:
            self._recorder.stop("time", OutcomeKind.DEFERRED, "too little time is left in this invocation to send and to report")
        return state.stop is None

    def _guard_again(self, number: int) -> bool:
        """Read the wave's instances and run every guard on them again; the wave may shrink, never grow.

        Returns False where reading failed: then nothing more is sent. Raises CloudError before the first write.
        """
        state = self._recorder.state
        pending = [one.instance_id for one in state.at_stage(Stage.PENDING, wave=number)]
        try:
            shown = self._ports.dcs.read(pending) if pending else {}
        except CloudError as err:
            if not state.may_have_sent():
                raise
            self._recorder.stop("unreadable", OutcomeKind.NOT_ATTEMPTED, f"wave {number} could not be read before sending: {err}")
            return False
        now = self._ports.clock.now()
        judged = {one: judge(shown.get(one), one, self._policy, now, wave=number) for one in pending}
        left = [outcome for outcome in judged.values() if outcome is not None]
        baseline = {
            one: Baseline(status=shown[one].status, launched_at=shown[one].launched_at) for one, outcome in judged.items() if outcome is None
        }
        self._recorder.guarded(number, left, baseline)
        for outcome in left:
            log_outcome(self._ports, outcome)
        return True

    def _report(self, fault: Exception | None) -> Report:
        """The report of what is on record; a fault before the first write has no outcomes and says so."""
        now = self._ports.clock.now()
        state = self._recorder.state
        plan = state.plan
        calls = self._ports.dcs.calls()
        if plan is None or (fault is not None and not state.may_have_sent()):
            outcomes = plan.settled if plan else ()
            step = f"Nothing was sent; mend the cause and send the event again. {_said(fault) if fault else ''}".strip()
            return summarize(self._frame, plan, outcomes, status=RunStatus.FAILED, next_step=step, ended_at=now, calls=calls)
        outcomes = closing.close(state, self._watcher, self._recorder.now())
        status = status_of(outcomes, halted=bool(state.stop and state.stop["why"] == "halt"), refused=plan.refusal is not None)
        stop_reason = state.stop["reason"] if state.stop else None
        step = closing.next_step(self._request, plan, outcomes, status, stop_reason)
        notes = [*plan.notes, *([stop_reason] if stop_reason else [])]
        return summarize(self._frame, plan, outcomes, status=status, next_step=step, ended_at=now, calls=calls, notes=notes)

    def _remaining_ms(self) -> int | None:
        remaining_s = self._ports.host.remaining_s()
        return None if math.isinf(remaining_s) else int(remaining_s * 1000)


def publish(ports: Ports, report: Report) -> None:
    """Send the report to every topic. One that fails is logged, noted in the returned report, and changes nothing else."""
    try:
        topics = ports.topics()
    except UpkeepError as err:
        _not_published(ports, report, "the topics", err)
        return
    for topic in topics:
        try:
            message_id = topic.publish(messages.compose(report))
            ports.log("topic.published", topic=topic.name, message_id=message_id)
        except Exception as err:  # whatever a topic does, the others still get the report
            _not_published(ports, report, topic.name, err)


def _not_published(ports: Ports, report: Report, where: str, err: Exception) -> None:
    ports.log("topic.failed", level="error", topic=where, reason=_said(err))
    report["calls"]["publish_failed"] = report["calls"].get("publish_failed", 0) + 1
    report["notes"].append(f"the report could not be published to {where}: {_said(err)}")


def _said(err: Exception) -> str:
    """Words of ours as they are; of a stranger's exception only the type, since its text may hold anything."""
    return str(err) if isinstance(err, UpkeepError) else f"an unexpected {type(err).__name__}, which is a fault of this tool"


def refusal_frame(run_id: str, trigger: Trigger, settings: Settings, project_id: str, now: datetime) -> Frame:
    """The frame of a report about an event that never became a run."""
    return Frame(
        run_id=run_id,
        trigger=trigger,
        region=settings.region,
        project_id=project_id,
        requested_by=None,
        name=None,
        action=None,
        dry_run=False,
        started_at=now,
    )


def refused_whole(outcomes: Sequence[Outcome], report: Report) -> bool:
    """Whether the platform should see this as failed: nothing was sent and something was refused."""
    return report["status"] == RunStatus.REJECTED and bool(outcomes or report["problems"])
