"""One execution of one plan: fleet -> plan -> claims -> waves -> report -> topics. The shell around the pure core."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from dcs_upkeep import closing
from dcs_upkeep.claiming import Terms
from dcs_upkeep.claims import Claims
from dcs_upkeep.control import halt_verdict
from dcs_upkeep.errors import CloudError, FencedError, JournalError
from dcs_upkeep.journal import Stage
from dcs_upkeep.model import Instance, Outcome, OutcomeKind, Plan, RunStatus, Trigger
from dcs_upkeep.plan import Surroundings, action_of, make_plan, make_policy
from dcs_upkeep.ports import Ports
from dcs_upkeep.publishing import publish, said
from dcs_upkeep.record import Recorder
from dcs_upkeep.report import Frame, Report, status_of, summarize
from dcs_upkeep.request import Request
from dcs_upkeep.sending import Pace
from dcs_upkeep.settings import Settings
from dcs_upkeep.turn import Turn
from dcs_upkeep.watching import Watcher
from dcs_upkeep.wave import Wave, log_outcome

CLOSE_S = 3.0  # kept back for the report and the log
PUBLISH_S = 5.0  # and for the topics, where there are any
UNWATCHED_RETRY_S = 300.0  # how long a busy instance may be waited for where no watch gives a limit


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be run. `named`: the reviewed plan that the request came from; `alarm_id`: the alarm that asks for it."""

    request: Request
    trigger: Trigger
    run_id: str
    named: str | None = None
    alarm_id: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A report, and what the platform should make of this invocation.

    `fault`: a fault of ours or of the cloud before the first write. `may_have_sent`: an attempt was begun.
    """

    report: Report
    may_have_sent: bool = False
    fault: Exception | None = None


class Run:
    """One run, as far as one invocation carries it."""

    def __init__(self, task: Task, settings: Settings, project_id: str, ports: Ports, recorder: Recorder, terms: Terms) -> None:
        self._task = task
        self._request = task.request
        self._settings = settings
        self._project_id = project_id
        self._ports = ports
        self._recorder = recorder
        self._time_is_up = False
        journal = ports.journal if recorder.journalled else None
        self._claims = Claims(journal, project_id, task.run_id, ports.clock, terms) if journal else None
        watch = task.request.watch
        self._watcher = Watcher(action_of(task.request), settings.settle_s, UNWATCHED_RETRY_S if watch is False else float(watch.timeout_s))
        self._policy = make_policy(task.request, settings)
        self._pace = Pace(settings.batch_size, settings.parallel_calls)
        self._reserve_s = CLOSE_S + (PUBLISH_S if settings.topics else 0.0)
        claimed = recorder.state.claimed
        self._frame = Frame(
            run_id=task.run_id,
            trigger=task.trigger,
            region=settings.region,
            project_id=project_id,
            requested_by=task.request.requested_by,
            name=task.request.name or task.named,
            action=task.request.action,
            dry_run=task.request.dry_run,
            started_at=datetime.fromtimestamp(claimed["at"], UTC) if claimed else ports.clock.now(),
        )

    def execute(self) -> Result:
        """Carry the request out as far as guards, budget and time allow; ends in a report, or hands over to the next invocation."""
        state = self._recorder.state
        self._ports.log("run.claimed", journal=self._recorder.journalled, hops=state.hops, requested_by=self._request.requested_by)
        fault: Exception | None = None
        try:
            if state.plan is None:
                self._make_plan()
            self._carry_out()
        except FencedError as err:
            return self._overtaken(err)
        except Exception as err:
            fault = err
            if state.may_have_sent():
                # A write may have happened: the report must come back, or a retry of the platform would run half a plan again.
                self._ports.log("run.failed", level="error", reason=said(err))
                self._recorder.stop("fault", OutcomeKind.NOT_ATTEMPTED, said(err))
                fault = None
        try:
            return self._hand_over() if self._goes_on(fault) else self._finish(fault)
        except FencedError as err:
            return self._overtaken(err)

    def left_s(self) -> float:
        """Seconds left for calls to DCS: what the host gives, less what closing the run needs."""
        return self._ports.host.remaining_s() - self._reserve_s

    def _plan(self) -> Plan:
        plan = self._recorder.state.plan
        if plan is None:
            raise AssertionError("the run has no plan yet")
        return plan

    def _make_plan(self) -> None:
        around = Surroundings(
            project_id=self._project_id,
            journalled=self._recorder.journalled,
            on_host=self._ports.host.kind != "local",
            halt=halt_verdict(self._ports.journal),
        )
        plan = make_plan(self._request, self._fleet(), self._settings, self._ports.clock.now(), around)
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
        plan, state = self._plan(), self._recorder.state
        if plan.dry_run or plan.refusal is not None:
            return
        self._take_claims()
        turn = Turn(
            plan, self._request, self._policy, self._watcher, self._recorder, self._ports, self._claims, left_s=self.left_s, may_send=self._may_send
        )
        for number in range(1, len(plan.waves) + 1):
            pending = state.at_stage(Stage.PENDING, wave=number)
            if not pending and not state.at_stage(Stage.ACCEPTED, Stage.DOUBT, Stage.API_FAILED, wave=number):
                continue
            if pending and state.stop is None and turn.begin(number):
                pass  # the wave's baseline is on record now; whatever else it holds is watched on in any case
            elif not state.at_stage(Stage.ACCEPTED, Stage.DOUBT, Stage.API_FAILED, wave=number):
                return
            self._wave(number)
            if plan.watch_timeout_s is not None and state.at_stage(Stage.ACCEPTED, Stage.DOUBT, wave=number):
                self._out_of_time(f"time was up before wave {number} was seen to be back")
            if state.stop is not None or self._time_is_up:
                return

    def _take_claims(self) -> None:
        """Claim what is still to be acted on; what another run holds, or a cooldown protects, is refused here."""
        pending = [one.instance_id for one in self._recorder.state.at_stage(Stage.PENDING)]
        if self._claims is None or not pending:
            return
        plan = self._plan()
        refused = self._claims.take(pending, plan.action, float(self._request.cooldown_s))
        outcomes = [
            Outcome(one, plan.instances[one].name, OutcomeKind.REFUSED, verdict.reason, guard=verdict.guard) for one, verdict in refused.items()
        ]
        self._recorder.watched(outcomes)
        for outcome in outcomes:
            log_outcome(self._ports, outcome)

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
            skew_s=self._settings.skew_s,
            may_send=self._may_send,
            left_s=self.left_s,
        ).run()
        done = [one.outcome for one in state.progress.values() if one.wave == number and one.outcome is not None]
        counts = {kind.value: n for kind in OutcomeKind if (n := sum(1 for one in done if one.outcome is kind))}
        self._ports.log("wave.settled", wave=number, waves=len(plan.waves), counts=counts, failures=state.failures())

    def _may_send(self) -> bool:
        """Asked before every attempt: the error budget, the halt lever, the time. Writes down why not."""
        state, plan = self._recorder.state, self._plan()
        if state.stop is None and (failures := state.failures()) > plan.max_failures:
            reason = f"{failures} failed or unknown, more than the {plan.max_failures} that max_failures allows"
            self._recorder.stop("budget", OutcomeKind.NOT_ATTEMPTED, reason)
        if state.stop is None and not (verdict := halt_verdict(self._ports.journal)).allowed:
            self._recorder.stop("halt", OutcomeKind.NOT_ATTEMPTED, verdict.reason, guard=verdict.guard)
        if state.stop is None and self._ports.dcs.put_timeout_s() <= 0:
            self._out_of_time("too little time is left in this invocation to send and to report")
        return state.stop is None and not self._time_is_up

    def _out_of_time(self, reason: str) -> None:
        """With a journal the next invocation goes on; without one the rest is deferred for a person to send."""
        self._time_is_up = True
        if not self._recorder.journalled:
            self._recorder.stop("time", OutcomeKind.DEFERRED, reason)

    def _goes_on(self, fault: Exception | None) -> bool:
        """Whether anything is left that a further invocation of this run is to do."""
        state = self._recorder.state
        if fault is not None or not self._recorder.journalled or state.plan is None or state.plan.dry_run or state.plan.refusal is not None:
            return False
        watched = state.at_stage(Stage.DOUBT, Stage.API_FAILED, *([Stage.ACCEPTED] if state.plan.watch_timeout_s is not None else []))
        pending = state.stop is None and self._time_is_up and bool(state.at_stage(Stage.PENDING))
        if not (watched and self._time_is_up) and not pending:
            return False
        if state.hops < self._settings.max_hops:
            return True
        self._recorder.stop("hops", OutcomeKind.DEFERRED, f"the run went on {state.hops} times, which is UPKEEP_MAX_HOPS")
        return False

    def _hand_over(self) -> Result:
        """Give the run to the next invocation. Where that cannot be called, the report says how to go on by hand."""
        self._recorder.yielded()
        event = {"resume": self._task.run_id}
        report = self._report(None, goes_on=True)
        try:
            if self._ports.call_self is None:
                raise CloudError("call_self", "this host cannot call the function again", "Send the event in `next`.")
            self._ports.call_self(event)
        except CloudError as err:
            self._ports.log("run.deferred", level="error", reason=str(err))
            report["next"] = f'ACTION NEEDED: send {{"resume": "{self._task.run_id}"}} to go on with this run, or let the sweep do it.'
            report["notes"].append(str(err))
            publish(self._ports, report)
        else:
            self._ports.log("run.deferred", hops=report["hops"], remaining_ms=self._remaining_ms())
        return Result(report, self._recorder.state.may_have_sent())

    def _finish(self, fault: Exception | None) -> Result:
        state = self._recorder.state
        may_have_sent = state.may_have_sent()
        report = self._report(fault)
        if not self._recorder.journalled and self._ports.journal is not None and not self._request.dry_run:
            report["notes"].append("the journal is behind: it does not show how this run ended")
        try:
            self._leave_claims()
            publish(self._ports, report, self._recorder if self._recorder.journalled else None)
            if fault is not None or (not may_have_sent and report["status"] != RunStatus.SUCCEEDED):
                self._recorder.released(report["next"][:500])
            else:
                self._recorder.reported(report["status"], report["next"], report["calls"], report["notes"])
        except FencedError:
            raise
        except JournalError as err:
            self._ports.log("journal.failed", level="error", reason=str(err))
            report["notes"].append(f"the journal is behind: {err}")
        return Result(report, may_have_sent, fault)

    def _leave_claims(self) -> None:
        if self._claims is not None and self._recorder.state.plan is not None and self._recorder.state.plan.refusal is None:
            self._claims.leave(closing.reached_at(self._recorder.state), self._plan().action)

    def _overtaken(self, err: FencedError) -> Result:
        """Another invocation has the run: its report will be the report."""
        self._ports.log("run.overtaken", level="warning", reason=str(err))
        report = self._report(None, goes_on=True)
        report["status"] = RunStatus.RUNNING.value
        report["next"] = "Wait for the report of the invocation that has taken this run over."
        return Result(report, self._recorder.state.may_have_sent())

    def _report(self, fault: Exception | None, *, goes_on: bool = False) -> Report:
        """The report of what is on record; a fault before the first write has no outcomes and says so."""
        now, state = self._ports.clock.now(), self._recorder.state
        plan, calls = state.plan, self._ports.dcs.calls()
        if plan is None or fault is not None:
            step = f"Nothing was sent; mend the cause and send the event again. {said(fault) if fault else ''}".strip()
            outcomes = plan.settled if plan else ()
            return summarize(self._frame, plan, outcomes, status=RunStatus.FAILED, next_step=step, ended_at=now, calls=calls, hops=state.hops)
        outcomes = closing.close(state, self._watcher, self._recorder.now(), goes_on=goes_on)
        refused_by = plan.refusal.guard if plan.refusal else None
        halted = refused_by == "halt" or bool(state.stop and state.stop["why"] == "halt")
        status = RunStatus.DEFERRED if goes_on else status_of(outcomes, halted=halted, refused=plan.refusal is not None)
        stop_reason = state.stop["reason"] if state.stop else None
        step = "Nothing: the run goes on in a further invocation." if goes_on else ""
        step = step or closing.next_step(self._request, plan, outcomes, status, stop_reason, named=self._task.named)
        notes = [*plan.notes, *([stop_reason] if stop_reason else [])]
        if not self._recorder.journalled and not plan.dry_run:
            notes.append("without a journal a repeated delivery of this event cannot be told from a new one")
        return summarize(
            self._frame, plan, outcomes, status=status, next_step=step, ended_at=now, calls=calls, hops=state.hops, notes=notes
        )

    def _remaining_ms(self) -> int | None:
        remaining_s = self._ports.host.remaining_s()
        return None if math.isinf(remaining_s) else int(remaining_s * 1000)


