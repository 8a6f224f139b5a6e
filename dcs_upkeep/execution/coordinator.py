"""From a record of an event to a run: claimed, taken over, replayed, or somebody else's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from dcs_upkeep.domain.deadline import LONGEST_PUT_S
from dcs_upkeep.domain.errors import InvalidEventError, JournalError, Problem, describe_error
from dcs_upkeep.domain.model import Location, OutcomeKind, RunStatus, Trigger, TriggerKind
from dcs_upkeep.domain.ports import Journal, Ports, with_fields
from dcs_upkeep.domain.problems import list_some
from dcs_upkeep.domain.request import parse_request
from dcs_upkeep.domain.run import Disposition, RunResult, RunScope, RunSpec
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.domain.stopping import ENDED
from dcs_upkeep.execution.context import bind_log, make_context
from dcs_upkeep.execution.refused_events import is_told, kind_of
from dcs_upkeep.execution.run import Run
from dcs_upkeep.guards import per_call
from dcs_upkeep.journal.run_lease import Acquisition, AcquisitionStatus, LeaseTerms, acquire_run, is_of, make_claim, resume_run
from dcs_upkeep.journal.run_state import RunState
from dcs_upkeep.journal.run_stream import read_run
from dcs_upkeep.journal.run_writer import RunWriter
from dcs_upkeep.reporting.build import Telling, build_report, refusal_report, replayed_report
from dcs_upkeep.reporting.publisher import publish
from dcs_upkeep.reporting.report import Report

REPLAYED = (
    "Nothing was done now: this run has ended before, and this is its report. To have it done again, send the request as a new message or "
    "timer event, or with a run_id or an Idempotency-Key that was not used yet. Its report said:"
)
LOOK_AT_RUNS = "Look at the runs with the command status."
# Why a run is not gone on with here -> what to do instead.
HOW_TO_GO_ON: Mapping[AcquisitionStatus, str] = {
    AcquisitionStatus.MISSING: LOOK_AT_RUNS,
    AcquisitionStatus.FOREIGN: "Send the event to that function; its own sweep goes on with the run.",
    AcquisitionStatus.TOO_OLD: "Look at what it did with the command show, and send what is left as a new event.",
}


class RunCoordinator:
    """Carries out the runs of one invocation."""

    def __init__(self, settings: Settings, scope: RunScope, ports: Ports) -> None:
        self._settings = settings
        self.scope = scope
        self._ports = ports
        self._terms = LeaseTerms(self._lease_s, LONGEST_PUT_S + settings.skew_s)

    @property
    def grace_s(self) -> float:
        """How long after the end of its lease a run may be taken over."""
        return self._terms.grace_s

    def start(self, spec: RunSpec) -> RunResult:
        """Run it, if it is this invocation's to run."""
        ports = bind_log(self._ports, spec)
        if ports.stop.by is not None:
            return self._not_begun(spec, ports.stop.by)
        if ports.journal is None or spec.request.dry_run:
            return self._run(spec, RunWriter(ports.clock, ports.log))
        try:
            asked = make_claim(spec, self.scope, ports.clock.now().timestamp())
            acquired = acquire_run(ports.journal, asked, self.scope, ports.clock, ports.log, self._terms)
        except InvalidEventError as err:
            return self.refuse(spec.trigger, spec.run_id, err.problems)
        except JournalError as err:
            return self._unavailable(spec, err)
        return self._go_on(spec, acquired)

    def resume(self, run_id: str, journal: Journal, trigger: Trigger, *, by_person: bool = False, ends: str | None = None) -> RunResult:
        """Go on with a run that was begun before. `by_person`: also where a person has stopped it.

        `ends`: why nothing more of it is sent; what was sent is watched, and then it is over.
        """
        log = with_fields(self._ports.log, run_id=run_id)
        try:
            acquired = resume_run(journal, run_id, self.scope, self._ports.clock, log, self._terms, by_person=by_person)
            if ends is not None and acquired.status is AcquisitionStatus.OURS and acquired.writer is not None:
                acquired.writer.stop(ENDED, OutcomeKind.NOT_ATTEMPTED, ends, guard=per_call.HALT.name)
        except JournalError as err:
            report = self._refusal(trigger, run_id, str(err), RunStatus.FAILED)
            return RunResult(Disposition.FAULT, report, fault=err)
        if acquired.status in HOW_TO_GO_ON or acquired.state.claimed is None:
            return self.refuse(trigger, run_id, (Problem("resume", acquired.reason, HOW_TO_GO_ON[acquired.status]),))
        return self._go_on(spec_on_record(acquired.state), acquired)

    def show(self, run_id: str, journal: Journal, trigger: Trigger) -> RunResult:
        """The report of a run as it is on record, whoever works on it, of another scope too. Writes nothing."""
        state, _ = read_run(journal, run_id)
        if state.claimed is None:
            return self.refuse(trigger, run_id, (Problem("run", f"no run {run_id} is on record", LOOK_AT_RUNS),))
        spec = spec_on_record(state)
        if state.rests:
            report = self._stopped(state)
        elif state.reported is None:
            report = self._running(spec, run_id, state, "as far as it is on record")
        else:
            report = replayed_report(spec, self._location_of(state), state, self._telling(state))
        if not is_of(state, self.scope):
            report["notes"].append(f"this run belongs to {state.scope}")
        return RunResult(Disposition.DONE, report)

    def delivered_again(self, spec: RunSpec) -> RunResult | None:
        """What an event that is too old to begin this run is answered, if it began it when it came in time; else None. Writes nothing."""
        journal = self._ports.journal
        if journal is None or spec.request.dry_run:
            return None
        try:
            state, _ = read_run(journal, spec.run_id)
            asked = make_claim(spec, self.scope, self._ports.clock.now().timestamp())
        except InvalidEventError:
            return None  # too long for any journal, so that it began nothing
        except JournalError as err:
            self._ports.log("journal.failed", level="warning", run_id=spec.run_id, reason=str(err))
            return None
        if state.claimed is None or state.released or state.claimed["same_as"] != asked["same_as"] or not is_of(state, self.scope):
            return None
        first = spec_on_record(state)
        if state.reported is None:
            why = "this event is too old to go on with it; the sweep does where nobody works on it"
            return RunResult(Disposition.RUNNING, self._running(first, spec.run_id, state, why))
        report = replayed_report(first, self._location_of(state), state, self._telling(state))
        report["next"] = f"{REPLAYED} {report['next']}"
        return RunResult(Disposition.DONE, report, may_have_sent=state.may_have_sent())

    def refuse(
        self, trigger: Trigger, run_id: str, problems: Sequence[Problem], disposition: Disposition = Disposition.REFUSED
    ) -> RunResult:
        """What a person asked for and does not get: logged, published, and not one call made to DCS."""
        report = self._refused(trigger, run_id, problems)
        publish(self._ports, report)
        return RunResult(disposition, report)

    def refuse_event(self, trigger: Trigger, run_id: str, problems: Sequence[Problem], foreign: str | None = None) -> RunResult:
        """An event that is no valid request. With a journal the topics hear of the first of its kind in an hour.

        `foreign`: what sort of another service's event it is; None if it may have been meant for us.
        """
        report = self._refused(trigger, run_id, problems)
        if is_told(self._ports, self.scope, kind_of(trigger, problems, foreign), report):
            publish(self._ports, report)
        return RunResult(Disposition.REFUSED, report)

    def _refused(self, trigger: Trigger, run_id: str, problems: Sequence[Problem]) -> Report:
        for problem in problems:
            self._ports.log("event.refused", level="warning", run_id=run_id, path=problem.path, reason=problem.what, next=problem.fix)
        step = f"Nothing was sent; mend the event and send it again: {list_some(map(str, problems), separator='; ')}"
        return self._refusal(trigger, run_id, step, RunStatus.REJECTED, problems)

    def _go_on(self, spec: RunSpec, acquired: Acquisition) -> RunResult:
        """What to do about a run, by what came of asking for it. `spec`: what this event asks for."""
        match acquired.status:
            case AcquisitionStatus.OURS if acquired.writer is not None:
                return self._run(spec, acquired.writer)
            case AcquisitionStatus.OVER if acquired.writer is not None:
                return self._replay(acquired.writer)
            case AcquisitionStatus.REUSED:
                fix = "Give the new request a run_id of its own, or send the first one again for its report."
                return self.refuse(spec.trigger, spec.run_id, (Problem("run_id", acquired.reason, fix),), Disposition.REUSED)
            case AcquisitionStatus.STOPPED:
                kind = Disposition.DONE if acquired.state.may_have_sent() else Disposition.REFUSED
                return RunResult(kind, self._stopped(acquired.state), acquired.state.may_have_sent())
            case AcquisitionStatus.FOREIGN | AcquisitionStatus.TOO_OLD:
                fix = "Give the request a run_id of its own."
                return self.refuse(spec.trigger, spec.run_id, (Problem("run_id", acquired.reason, fix),), Disposition.REUSED)
            case _:
                first = spec_on_record(acquired.state)
                return RunResult(Disposition.RUNNING, self._running(first, spec.run_id, acquired.state, acquired.reason))

    def _run(self, spec: RunSpec, writer: RunWriter) -> RunResult:
        return Run(make_context(spec, self._settings, self.scope, self._ports, writer, self._terms)).execute()

    def _replay(self, writer: RunWriter) -> RunResult:
        """The stored report again; a topic that an earlier invocation may not have reached is told now."""
        state = writer.state
        spec = spec_on_record(state)
        ports = bind_log(self._ports, spec)
        report = replayed_report(spec, self._location_of(state), state, self._telling(state))
        if "publishing" in state.topics.values():
            try:
                publish(ports, report, writer, only_failed=True)
            except JournalError as err:  # also if another replay publishes what had failed: the report is the same
                ports.log("journal.failed", level="warning", reason=str(err))
                report = replayed_report(spec, self._location_of(state), state, self._telling(state))
        report["next"] = f"{REPLAYED} {report['next']}"  # on record it stays as it was told
        return RunResult(Disposition.DONE, report, may_have_sent=state.may_have_sent())

    def _stopped(self, state: RunState) -> Report:
        """The report of a run that a person has stopped and nobody works on, as it was told."""
        return {**build_report(spec_on_record(state), self._location_of(state), state, self._telling(state)), "replayed": True}

    def _not_begun(self, spec: RunSpec, by: str) -> RunResult:
        """A person stops this process before the run is claimed: nothing is on record of it, and nobody is told."""
        step = f"Nothing was sent: {by} before this run was begun. To have it done, send the event again."
        return RunResult(Disposition.REFUSED, self._refusal(spec.trigger, spec.run_id, step, RunStatus.HALTED))

    def _running(self, first: RunSpec, run_id: str, state: RunState, why: str) -> Report:
        """What is known of a run that another invocation works on. `first`: as it was asked for when it began."""
        if state.plan is not None:
            report = build_report(first, self._location_of(state), state, self._telling(state, goes_on=True))
        else:
            report = refusal_report(first.trigger, run_id, self._location_of(state), self._ports.clock.now(), "", RunStatus.RUNNING)
        report["status"], report["next"] = RunStatus.RUNNING.value, f"Wait for the report of that run: {why}."
        self._ports.log("run.duplicated", run_id=run_id, reason=why)
        return report

    def _unavailable(self, spec: RunSpec, err: JournalError) -> RunResult:
        """The journal failed before anything was sent: nothing will be."""
        self._ports.log("journal.failed", level="error", run_id=spec.run_id, reason=describe_error(err))
        step = f"Nothing was sent; mend the journal and send the event again. {describe_error(err)}"
        report = self._refusal(spec.trigger, spec.run_id, step, RunStatus.FAILED)
        publish(self._ports, report)
        return RunResult(Disposition.FAULT, report, fault=err)

    def _telling(self, state: RunState, *, goes_on: bool = False) -> Telling:
        """For a run that this invocation does not carry out: none of its calls were made here."""
        now, claimed = self._ports.clock.now(), state.claimed
        began_at = datetime.fromtimestamp(claimed["at"], UTC) if claimed else now
        return Telling(now=now, began_at=began_at, calls={}, goes_on=goes_on)

    def _location_of(self, state: RunState) -> Location:
        """Where the run's fleet is: that of its own scope, which may be another."""
        return (state.scope or self.scope).location

    def _refusal(self, trigger: Trigger, run_id: str, step: str, status: RunStatus, problems: Sequence[Problem] = ()) -> Report:
        return refusal_report(trigger, run_id, self.scope.location, self._ports.clock.now(), step, status, problems)

    def _lease_s(self) -> float:
        """The lease of an entry written now: it ends no later than this invocation surely has."""
        return min(self._settings.lease_s, max(0.0, self._ports.deadline.remaining_s()) + self._settings.skew_s)


def spec_on_record(state: RunState) -> RunSpec:
    """What was asked for, as the run's first entry has it."""
    claimed = state.claimed
    if claimed is None:
        raise AssertionError("only a run on record has a spec on record")
    told = claimed["trigger"]
    at = datetime.fromisoformat(told["time"]).astimezone(UTC) if told["time"] else None
    trigger = Trigger(TriggerKind(told["kind"]), told["id"], at, told.get("principal"))
    return RunSpec(parse_request(claimed["request"]), trigger, claimed["run_id"], claimed["named"], claimed["alarm_id"])
