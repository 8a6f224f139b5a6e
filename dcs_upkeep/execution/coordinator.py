"""From a record of an event to a run: claimed, taken over, replayed, or somebody else's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dcs_upkeep.domain.errors import InvalidEventError, JournalError, Problem, describe_error
from dcs_upkeep.domain.model import RunStatus, Trigger, TriggerKind
from dcs_upkeep.domain.ports import Journal, Ports, with_fields
from dcs_upkeep.domain.request import parse_request
from dcs_upkeep.domain.run import Disposition, Ended, Result, RunSpec
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.execution.completion import RunCompletion
from dcs_upkeep.execution.run import UNWATCHED_RETRY_S, Run
from dcs_upkeep.execution.verification import Verifier
from dcs_upkeep.guards.policy import action_of
from dcs_upkeep.journal.run_lease import Acquisition, AcquisitionStatus, LeaseTerms, acquire_run, make_claim, resume_run
from dcs_upkeep.journal.run_stream import read_run
from dcs_upkeep.journal.run_writer import RunWriter
from dcs_upkeep.reporting.publisher import publish
from dcs_upkeep.reporting.report import Frame, ProblemReport, Report, summarize

LONGEST_PUT_S = 35.0  # connecting and reading, as the DCS adapter sets them; a last attempt may be under way for so long


class RunCoordinator:
    """Carries out the runs of one invocation."""

    def __init__(self, settings: Settings, project_id: str, ports: Ports) -> None:
        self._settings = settings
        self._project_id = project_id
        self._ports = ports
        self._terms = LeaseTerms(self._lease_s, LONGEST_PUT_S + settings.skew_s)

    @property
    def grace_s(self) -> float:
        """How long after the end of its lease a run may be taken over."""
        return self._terms.grace_s

    def start(self, task: RunSpec) -> Ended:
        """Run it, if it is this invocation's to run."""
        ports = self._bound(task)
        if ports.journal is None or task.request.dry_run:
            return self._run(task, RunWriter(ports.clock, ports.log), ports)
        try:
            at = ports.clock.now().timestamp()
            asked = make_claim(task.run_id, task.request, task.plan_name, task.trigger, at, task.alarm_id)
            hold = acquire_run(ports.journal, asked, ports.clock, ports.log, self._terms)
        except InvalidEventError as err:
            return self.refuse(task.trigger, task.run_id, err.problems)
        except JournalError as err:
            return self._unavailable(task, err)
        return self._held(task, hold, ports)

    def resume(self, run_id: str, journal: Journal, trigger: Trigger) -> Ended:
        """Go on with a run that was begun before."""
        ports = self._ports
        try:
            hold = resume_run(journal, run_id, ports.clock, with_fields(ports.log, run_id=run_id), self._terms)
        except JournalError as err:
            return Ended(Disposition.FAULT, self._refusal(trigger, run_id, (), str(err), RunStatus.FAILED), fault=err)
        if hold.holding is AcquisitionStatus.MISSING or hold.state.claimed is None:
            return self.refuse(trigger, run_id, (Problem("resume", hold.said, "Look at the runs with the command status."),))
        task = task_of(hold)
        return self._held(task, hold, self._bound(task))

    def show(self, run_id: str, journal: Journal, trigger: Trigger) -> Ended:
        """The report of a run as it is on record, whoever works on it. Writes nothing."""
        state, _ = read_run(journal, run_id)
        if state.claimed is None:
            return self.refuse(
                trigger, run_id, (Problem("run", f"no run {run_id} is on record", "Look at the runs with the command status."),)
            )
        hold = Acquisition(AcquisitionStatus.RUNNING, state, said="as far as it is on record")
        if state.reported is None:
            return Ended(Disposition.DONE, self._running(task_of(hold), hold))
        recorder = RunWriter(self._ports.clock, self._ports.log, None, state)
        return Ended(Disposition.DONE, self._ending(task_of(hold), recorder, replace(self._ports, topics=tuple)).replay())

    def refuse(self, trigger: Trigger, run_id: str, problems: Sequence[Problem], end: Disposition = Disposition.REFUSED) -> Ended:
        """An event that is no valid request: said, published, and not one call made to DCS."""
        for problem in problems:
            self._ports.log("event.refused", level="warning", run_id=run_id, path=problem.path, reason=problem.what, next=problem.fix)
        step = f"Nothing was sent; mend the event and send it again: {'; '.join(str(one) for one in problems[:5])}"
        report = self._refusal(trigger, run_id, problems, step, RunStatus.REJECTED)
        publish(self._ports, report)
        return Ended(end, report)

    def _held(self, task: RunSpec, hold: Acquisition, ports: Ports) -> Ended:
        match hold.holding:
            case AcquisitionStatus.OURS if hold.recorder is not None:
                return self._run(task, hold.recorder, ports)
            case AcquisitionStatus.OVER if hold.recorder is not None:
                first = task_of(hold)
                try:
                    report = self._ending(first, hold.recorder, ports).replay()
                except JournalError as err:  # also where another replay publishes what had failed: the report is the same
                    ports.log("journal.failed", level="warning", reason=str(err))
                    report = self._ending(first, hold.recorder, replace(ports, topics=tuple)).replay()
                return Ended(Disposition.DONE, report, may_have_sent=hold.state.may_have_sent())
            case AcquisitionStatus.REUSED:
                fix = "Give the new request a run_id of its own, or send the first one again for its report."
                return self.refuse(task.trigger, task.run_id, (Problem("run_id", hold.said, fix),), Disposition.REUSED)
            case _:
                return Ended(Disposition.RUNNING, self._running(task, hold), may_have_sent=False)

    def _run(self, task: RunSpec, recorder: RunWriter, ports: Ports) -> Ended:
        result = Run(task, self._settings, self._project_id, ports, recorder, self._terms).execute()
        return Ended(_end_of(result), _body_of(result), may_have_sent=result.may_have_sent, fault=result.fault)

    def _ending(self, task: RunSpec, recorder: RunWriter, ports: Ports) -> RunCompletion:
        watch = task.request.watch
        timeout_s = UNWATCHED_RETRY_S if watch is False else float(watch.timeout_s)
        watcher = Verifier(action_of(task.request), self._settings.settle_s, timeout_s)
        return RunCompletion(task, self._settings, self._project_id, ports, recorder, watcher, None)

    def _running(self, task: RunSpec, hold: Acquisition) -> Report:
        """What is known of a run that another invocation works on."""
        first = task_of(hold)
        state, ports = hold.state, self._ports
        recorder = RunWriter(ports.clock, ports.log, None, state)
        if state.plan is not None:
            report = self._ending(first, recorder, ports).report(goes_on=True)
        else:
            report = self._refusal(first.trigger, task.run_id, (), "", RunStatus.RUNNING)
        report["status"], report["next"] = RunStatus.RUNNING.value, f"Wait for the report of that run: {hold.said}."
        ports.log("run.duplicated", run_id=task.run_id, reason=hold.said)
        return report

    def _unavailable(self, task: RunSpec, err: JournalError) -> Ended:
        """The journal failed before anything was sent: nothing will be."""
        self._ports.log("journal.failed", level="error", run_id=task.run_id, reason=describe_error(err))
        report = self._refusal(
            task.trigger,
            task.run_id,
            (),
            f"Nothing was sent; mend the journal and send the event again. {describe_error(err)}",
            RunStatus.FAILED,
        )
        publish(self._ports, report)
        return Ended(Disposition.FAULT, report, fault=err)

    def _refusal(self, trigger: Trigger, run_id: str, problems: Sequence[Problem], step: str, status: RunStatus) -> Report:
        now = self._ports.clock.now()
        frame = Frame(
            run_id=run_id,
            trigger=trigger,
            region=self._settings.region,
            project_id=self._project_id,
            requested_by=None,
            name=None,
            action=None,
            dry_run=False,
            started_at=now,
        )
        told = [ProblemReport(path=one.path, what=one.what, fix=one.fix) for one in problems]
        return summarize(frame, None, (), status=status, next_step=step, ended_at=now, problems=told)

    def _lease_s(self) -> float:
        """The lease of an entry written now: it ends no later than this invocation surely has."""
        return min(self._settings.lease_s, max(0.0, self._ports.host.remaining_s()) + self._settings.skew_s)

    def _bound(self, task: RunSpec) -> Ports:
        """The ports, with the run named on every line of the log."""
        action = task.request.action
        fixed = {"run_id": task.run_id, "action": action.value if action else None, "dry_run": task.request.dry_run}
        return replace(self._ports, log=with_fields(self._ports.log, **fixed))


def task_of(hold: Acquisition) -> RunSpec:
    """The task as its first entry has it."""
    claimed = hold.state.claimed
    if claimed is None:
        raise AssertionError("only a run on record has a task on record")
    told = claimed["trigger"]
    at = datetime.fromisoformat(told["time"]).astimezone(UTC) if told["time"] else None
    trigger = Trigger(TriggerKind(told["kind"]), told["id"], at)
    return RunSpec(parse_request(claimed["request"]), trigger, claimed["run_id"], claimed["named"], claimed["alarm_id"])


def _end_of(result: Result) -> Disposition:
    if result.ignored:
        return Disposition.IGNORED
    if result.fault is not None:
        return Disposition.FAULT
    status = result.report["status"]
    if status == RunStatus.RUNNING:
        return Disposition.RUNNING
    refused = status == RunStatus.REJECTED or (status == RunStatus.HALTED and not result.may_have_sent)
    return Disposition.REFUSED if refused else Disposition.DONE


def _body_of(result: Result) -> Mapping[str, Any]:
    if not result.ignored:
        return result.report
    reasons = "; ".join(one["reason"] for one in result.report["instances"])
    return {"ignored": f"an alarm about what this tool has just done: {reasons}", "run_id": result.report["run_id"]}
