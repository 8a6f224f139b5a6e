"""How one invocation of a run ends: its report to the topics and on record, or the run handed to the next invocation."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from dcs_upkeep.domain.errors import CloudError, FencedError, JournalError, describe_error
from dcs_upkeep.domain.model import OutcomeKind, RunStatus
from dcs_upkeep.domain.ports import Ports
from dcs_upkeep.domain.run import Result, RunSpec
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.domain.timestamps import iso_at
from dcs_upkeep.execution.verification import Verifier
from dcs_upkeep.journal.instance_locks import InstanceLocks
from dcs_upkeep.journal.run_state import Stage
from dcs_upkeep.journal.run_writer import RunWriter
from dcs_upkeep.reporting import build, next_step
from dcs_upkeep.reporting.publisher import publish
from dcs_upkeep.reporting.report import Frame, Report, status_of, summarize


def frame_of(task: RunSpec, settings: Settings, project_id: str, started_at: datetime) -> Frame:
    """What every report of this run says."""
    return Frame(
        run_id=task.run_id,
        trigger=task.trigger,
        region=settings.region,
        project_id=project_id,
        requested_by=task.request.requested_by,
        name=task.request.name or task.named,
        action=task.request.action,
        dry_run=task.request.dry_run,
        started_at=started_at,
    )


class RunCompletion:
    """Ends one invocation of one run."""

    def __init__(
        self,
        task: RunSpec,
        settings: Settings,
        project_id: str,
        ports: Ports,
        recorder: RunWriter,
        watcher: Verifier,
        claims: InstanceLocks | None,
    ) -> None:
        self._task = task
        self._settings = settings
        self._ports = ports
        self._recorder = recorder
        self._watcher = watcher
        self._claims = claims
        claimed = recorder.state.claimed
        began = datetime.fromtimestamp(claimed["at"], UTC) if claimed else ports.clock.now()
        self._frame = frame_of(task, settings, project_id, began)

    def goes_on(self, *, time_is_up: bool) -> bool:
        """Whether anything is left that a further invocation of this run is to do."""
        state, plan = self._recorder.state, self._recorder.state.plan
        if not time_is_up or not self._recorder.journalled or plan is None or plan.dry_run or plan.refusal is not None:
            return False
        watched = state.at_stage(Stage.DOUBT, Stage.API_FAILED, *([Stage.ACCEPTED] if plan.watch_timeout_s is not None else []))
        pending = state.stop is None and bool(state.at_stage(Stage.PENDING))
        if not watched and not pending:
            return False
        if state.hops < self._settings.max_hops:
            return True
        self._recorder.stop("hops", OutcomeKind.DEFERRED, f"the run went on {state.hops} times, which is UPKEEP_MAX_HOPS")
        return False

    def hand_over(self, not_before: float | None) -> Result:
        """Give the run to the next invocation. Where that cannot be called, the report says how to go on by hand."""
        self._recorder.yielded(self._ports.dcs.calls(), not_before)
        report = self.report(goes_on=True)
        if not_before is not None:
            # A call to itself now would only find the window shut again; the sweep takes the run up when it opens.
            report["next"] = f"Nothing: the sweep goes on with this run when its window opens, at {iso_at(not_before)}."
            publish(self._ports, report)
            self._ports.log("run.deferred", hops=report["hops"], not_before=iso_at(not_before))
            return Result(report, self._recorder.state.may_have_sent())
        try:
            self._ports.host.call_self({"resume": self._task.run_id})
        except CloudError as err:
            self._ports.log("run.deferred", level="error", reason=str(err))
            report["next"] = f'ACTION NEEDED: send {{"resume": "{self._task.run_id}"}} to go on with this run, or let the sweep do it.'
            report["notes"].append(str(err))
            publish(self._ports, report)
        else:
            self._ports.log("run.deferred", hops=report["hops"])
        return Result(report, self._recorder.state.may_have_sent())

    def finish(self, fault: Exception | None) -> Result:
        """The run is over: let go of its instances, tell the topics, put the report on record."""
        may_have_sent = self._recorder.state.may_have_sent()
        report = self.report(fault)
        if self._recorder.behind:
            report["notes"].append("the journal is behind: it does not show how this run ended")
        ignored = self._is_echo(report)
        try:
            self._leave_claims()
            if not ignored and self._is_told(report, fault):
                publish(self._ports, report, self._recorder if self._recorder.journalled else None)
            if fault is not None or (not may_have_sent and report["status"] != RunStatus.SUCCEEDED):
                self._recorder.released(report["next"][:500])
            else:
                self._recorder.reported(
                    report["status"], report["next"], report["calls"], report["notes"], report["ended_at"], report["elapsed_s"]
                )
        except FencedError:
            raise
        except JournalError as err:
            self._ports.log("journal.failed", level="error", reason=str(err))
            report["notes"].append(f"the journal is behind: {err}")
        return Result(report, may_have_sent, fault, ignored)

    def overtaken(self, err: FencedError) -> Result:
        """Another invocation has the run: its report will be the report."""
        self._ports.log("run.overtaken", level="warning", reason=str(err))
        report = self.report(goes_on=True)
        report["status"] = RunStatus.RUNNING.value
        report["next"] = "Wait for the report of the invocation that has taken this run over."
        return Result(report, self._recorder.state.may_have_sent())

    def replay(self) -> Report:
        """The report that is on record, made again from the same entries."""
        reported = self._recorder.state.reported
        if reported is None:
            raise AssertionError("nothing was reported yet")
        report = self.report()
        report["replayed"] = True
        report["status"], report["next"], report["calls"] = reported["status"], reported["next"], dict(reported["calls"])
        report["notes"], report["ended_at"] = list(reported["notes"]), reported["ended_at"]
        report["elapsed_s"] = reported["elapsed_s"]
        if "publishing" in self._recorder.state.topics.values():
            publish(self._ports, report, self._recorder, only_failed=True)
        return report

    def report(self, fault: Exception | None = None, *, goes_on: bool = False) -> Report:
        """The report of what is on record; a fault before the first write has no outcomes and says so."""
        now, state = self._ports.clock.now(), self._recorder.state
        plan = state.plan
        calls = dict(Counter(state.calls) + Counter({} if goes_on else self._ports.dcs.calls()))
        if plan is None or fault is not None:
            step = f"Nothing was sent; mend the cause and send the event again. {describe_error(fault) if fault else ''}".strip()
            outcomes = plan.settled if plan else ()
            return summarize(
                self._frame, plan, outcomes, status=RunStatus.FAILED, next_step=step, ended_at=now, calls=calls, hops=state.hops
            )
        outcomes = build.final_outcomes(state, self._recorder.now(), goes_on=goes_on)
        refused_by = plan.refusal.guard if plan.refusal else None
        halted = refused_by == "halt" or bool(state.stop and state.stop["why"] == "halt")
        status = RunStatus.DEFERRED if goes_on else status_of(outcomes, halted=halted, refused=plan.refusal is not None)
        stop_reason = state.stop["reason"] if state.stop else None
        step = "Nothing: the run goes on in a further invocation." if goes_on else ""
        step = step or next_step.next_step(self._task.request, plan, outcomes, status, stop_reason, named=self._task.named)
        notes = [*plan.notes, *([stop_reason] if stop_reason else [])]
        if self._ports.journal is None and not plan.dry_run:
            notes.append("without a journal a repeated delivery of this event cannot be told from a new one")
        return summarize(
            self._frame, plan, outcomes, status=status, next_step=step, ended_at=now, calls=calls, hops=state.hops, notes=notes
        )

    def _is_told(self, report: Report, fault: Exception | None) -> bool:
        """What UPKEEP_NOTIFY asks for; refusals and faults always."""
        notify, status = self._settings.notify, report["status"]
        if fault is not None or "end" in notify or status in (RunStatus.REJECTED, RunStatus.HALTED):
            return True
        return "stop" in notify and (self._recorder.state.stop is not None or status not in (RunStatus.SUCCEEDED, RunStatus.PLANNED))

    def _is_echo(self, report: Report) -> bool:
        """Whether an alarm asked for what was just done: restarts raise alarms of their own, and acting on those would never end."""
        guards = {one["guard"] for one in report["instances"]}
        return (
            self._task.alarm_id is not None and report["status"] == RunStatus.REJECTED and bool(guards) and guards <= {"cooldown", "claims"}
        )

    def _leave_claims(self) -> None:
        plan = self._recorder.state.plan
        if self._claims is not None and plan is not None and plan.refusal is None:
            self._claims.release(build.last_reached(self._recorder.state), plan.action)
