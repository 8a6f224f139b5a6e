"""How one invocation of a run ends: its report to the topics and on record, or the run handed to the next invocation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from dcs_upkeep.domain.deadline import BEGIN_S, LONGEST_PUT_S
from dcs_upkeep.domain.errors import CloudError, FencedError, JournalError
from dcs_upkeep.domain.model import OutcomeKind, Plan, RunStatus
from dcs_upkeep.domain.run import Disposition, RunResult
from dcs_upkeep.domain.timestamps import iso_at
from dcs_upkeep.execution.context import RunContext
from dcs_upkeep.execution.stop_conditions import THROTTLED, StopConditions
from dcs_upkeep.journal.progress import Stage
from dcs_upkeep.journal.run_index import register_run
from dcs_upkeep.journal.run_state import RunState
from dcs_upkeep.journal.run_stream import read_run
from dcs_upkeep.reporting.build import BEHIND_NOTE, Telling, build_report, final_outcomes, last_reached
from dcs_upkeep.reporting.publisher import publish
from dcs_upkeep.reporting.report import Report, matched_nothing

MOST_IDLE_HOPS = 2


class RunCompletion:
    """Ends one invocation of one run."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._writer = context.writer
        self._ports = context.ports

    def report(self, fault: Exception | None = None, *, goes_on: bool = False, state: RunState | None = None) -> Report:
        """The report as of now. `state`: of the run, if not as this invocation knows it."""
        context = self._context
        telling = Telling(
            now=self._ports.clock.now(),
            began_at=context.began_at,
            calls={} if goes_on else self._ports.dcs.calls(),
            goes_on=goes_on,
            fault=fault,
            has_journal=self._ports.journal is not None,
            not_durable=self._writer.not_durable() if self._writer.behind else None,
        )
        return build_report(context.spec, context.location, state or context.state, telling)

    def waits_for_person(self, stops: StopConditions) -> bool:
        """Whether a person has stopped the run, with something left that a person may let go on, and nothing is left to watch."""
        state = self._context.state
        is_kept = self._context.keeps_what_is_left and not self._writer.behind
        is_seen = not state.open() or not stops.time_is_up
        return state.waits_for_person and is_kept and is_seen and state.stop is not None and state.stop["rest"] == OutcomeKind.DEFERRED

    def let_go(self) -> RunResult:
        """Tell that the run was stopped, and let go of it until a person asks for it.

        Told first: if this process dies in between, a sweep finds the run stopped, sends nothing of it, and tells it again.
        """
        state = self._context.state
        report = self.report()
        if state.may_have_sent():
            self._context.breaker.check(state)
        if self._is_told(report, None):
            publish(self._ports, report)
        self._keep_books(report, self._release_what_is_free)
        by = state.stop["reason"] if state.stop else ""
        self._keep_books(report, lambda: self._writer.yielded(self._ports.dcs.calls(), stopped_by=by))
        if self._writer.behind:
            report["notes"].append(BEHIND_NOTE)
        self._ports.log("run.stopped", level="warning", reason=by, waiting=len(state.at_stage(Stage.PENDING)), hops=report["hops"])
        return RunResult(_disposition(report, None, may_have_sent=state.may_have_sent()), report, state.may_have_sent())

    def goes_on(self, stops: StopConditions) -> bool:
        """Whether anything is left that a further invocation of this run is to do, and is likely to get done."""
        state, plan = self._context.state, self._context.state.plan
        if not stops.time_is_up or not self._writer.journalled or self._writer.behind:
            return False
        if plan is not None and not self._is_anything_left(plan):
            return False
        if state.hops >= self._context.settings.max_hops:
            most = f"the run went on {state.hops} times, which is UPKEEP_MAX_HOPS"
            self._writer.stop("hops", OutcomeKind.DEFERRED, f"{most}: {stops.why.rstrip('.')}" if stops.why else most)
        elif stops.not_before is None and state.idle_after(self._writer.now()) >= MOST_IDLE_HOPS:
            self._writer.stop("progress", OutcomeKind.DEFERRED, _no_progress(self._context, stops.why.rstrip(".")))
        else:
            return True
        return False

    def _is_anything_left(self, plan: Plan) -> bool:
        state = self._context.state
        if plan.dry_run or plan.refusal is not None:
            return False
        watched = state.at_stage(Stage.DOUBT, Stage.API_FAILED, *([Stage.ACCEPTED] if plan.watch_timeout_s is not None else []))
        pending = state.stop is None and bool(state.at_stage(Stage.PENDING))
        return bool(watched) or pending

    def hand_over(self, not_before: float | None, waits_for: str) -> RunResult:
        """Give the run to the next invocation. If that cannot be called, the report says how to go on by hand.

        `not_before`: when going on is of use again, and `waits_for` what happens then.
        """
        told_before = self._context.state.waited_until
        if not_before is None or self._list_for(not_before):
            self._writer.yielded(self._ports.dcs.calls(), not_before)
        report = self.report(goes_on=True)
        if not_before is None:
            self._call_next(report)
        else:
            # A call to itself now would only find the same again; the sweep takes the run up when it has changed.
            report["next"] = f"Nothing: the sweep goes on with this run {waits_for}, at {iso_at(not_before)}."
            # Whoever was told that it waits until then, or that the account is throttled, is not told again.
            if told_before != not_before and not (told_before and waits_for == THROTTLED):
                publish(self._ports, report)
            self._ports.log("run.deferred", hops=report["hops"], not_before=iso_at(not_before))
        return RunResult(Disposition.DONE, report, self._context.state.may_have_sent())

    def _list_for(self, not_before: float) -> bool:
        """Put the run on the index of the day on which it goes on, before it says that it waits: in between it is on that of today.

        False if that cannot be done. Then it does not wait: the next sweep takes it up when its lease has lapsed, and puts it off again.
        """
        context, journal = self._context, self._ports.journal
        if journal is None:
            return True
        try:
            register_run(journal, context.scope, context.spec.run_id, self._ports.clock.now(), on=datetime.fromtimestamp(not_before, UTC))
        except JournalError as err:
            self._ports.log("journal.failed", level="warning", reason=str(err))
            return False
        return True

    def _call_next(self, report: Report) -> None:
        run_id = self._context.spec.run_id
        if self._context.state.is_stopped_by_person:  # called so, a person's word would be taken for it; the sweep watches what is open
            return
        try:
            self._ports.host.call_self({"resume": run_id})
        except CloudError as err:
            self._ports.log("run.deferred", level="error", reason=str(err))
            report["next"] = f'ACTION NEEDED: send {{"resume": "{run_id}"}} to go on with this run, or let the sweep do it.'
            report["notes"].append(str(err))
            publish(self._ports, report)
        else:
            self._ports.log("run.deferred", hops=report["hops"])

    def finish(self, fault: Exception | None) -> RunResult:
        """The run is over: let go of its instances, tell the topics, put the report on record."""
        state = self._context.state
        may_have_sent = state.may_have_sent()
        if may_have_sent:
            self._context.breaker.check(state, final_outcomes(state, self._writer.now()))
        report = self.report(fault)
        ignored = self._is_echo(report)
        # Telling a person comes before book-keeping, and nothing of the latter keeps the rest from being tried.
        if not ignored and self._is_told(report, fault):
            publish(self._ports, report, self._writer if self._writer.journalled else None)
        if not self._writer.behind:
            self._keep_books(report, self._release_locks)
            self._keep_books(report, lambda: self._put_on_record(report, nothing_sent=fault is not None or not may_have_sent))
        if self._writer.behind and BEHIND_NOTE not in report["notes"]:
            report["notes"].append(BEHIND_NOTE)  # it failed after the report was made: a sweep ends this run once more, and tells how
        if ignored:
            return RunResult(Disposition.IGNORED, _ignored(report), may_have_sent, fault)
        return RunResult(_disposition(report, fault, may_have_sent=may_have_sent), report, may_have_sent, fault)

    def _keep_books(self, report: Report, write: Callable[[], None]) -> None:
        try:
            write()
        except FencedError:
            raise
        except JournalError as err:
            self._ports.log("journal.failed", level="error", reason=str(err))
            report["notes"].append(f"the journal is behind: {err}")

    def _put_on_record(self, report: Report, *, nothing_sent: bool) -> None:
        """The run is over. If nothing was sent, its key may be claimed again."""
        if nothing_sent and report["status"] != RunStatus.SUCCEEDED:
            self._writer.released(report["next"][:500])
        else:
            self._writer.reported(
                report["status"], report["next"], report["calls"], report["notes"], report["ended_at"], report["elapsed_s"]
            )

    def overtaken(self, err: FencedError) -> RunResult:
        """Another invocation has the run: its report will be the report."""
        self._ports.log("run.overtaken", level="warning", reason=str(err))
        report = self.report(goes_on=True, state=self._on_record())
        report["status"] = RunStatus.RUNNING.value
        report["next"] = "Wait for the report of the invocation that has taken this run over."
        return RunResult(Disposition.RUNNING, report, self._context.state.may_have_sent())

    def _on_record(self) -> RunState | None:
        """What the run has come to under its new owner, who may act on what this one had given up. None if that cannot be read."""
        if self._ports.journal is None:
            return None
        try:
            return read_run(self._ports.journal, self._context.spec.run_id)[0]
        except JournalError as err:
            self._ports.log("journal.failed", level="warning", reason=str(err))
            return None

    def _is_told(self, report: Report, fault: Exception | None) -> bool:
        """What UPKEEP_NOTIFY asks for; refusals, faults and empty selections always."""
        notify, status, state = self._context.settings.notify, report["status"], self._context.state
        if fault is None and state.is_stopped_by_person and not state.may_have_sent() and "start" not in notify:
            return False  # whoever stopped it knows, and nobody else has heard of it
        if fault is not None or "end" in notify or status in (RunStatus.REJECTED, RunStatus.HALTED) or matched_nothing(report):
            return True
        return "stop" in notify and (state.stop is not None or status not in (RunStatus.SUCCEEDED, RunStatus.PLANNED))

    def _is_echo(self, report: Report) -> bool:
        """Whether an alarm asked for what was just done: restarts raise alarms of their own, and acting on those would never end."""
        guards = {row["guard"] for row in report["instances"]}
        rejected = report["status"] == RunStatus.REJECTED
        return self._context.spec.alarm_id is not None and rejected and bool(guards) and guards <= {"cooldown", "claims"}

    def _release_what_is_free(self) -> None:
        """What has its outcome, and what was never sent: for as long as the run rests others may act on it."""
        locks, state = self._context.locks, self._context.state
        free = {one.instance_id for one in state.progress.values() if one.stage is Stage.DONE or not one.attempts}
        if locks is not None and free:
            locks.release({one: at for one, at in last_reached(state).items() if one in free}, self._context.plan.action)

    def _release_locks(self) -> None:
        locks, plan = self._context.locks, self._context.state.plan
        if locks is not None and plan is not None and plan.refusal is None and not plan.dry_run:
            locks.release(last_reached(self._context.state), plan.action)


def _no_progress(context: RunContext, why: str) -> str:
    """Why a run that gets nothing done ends, and what it needs."""
    needs_s = context.deadline.kept_s + BEGIN_S + LONGEST_PUT_S + context.settings.poll_s
    idle = f"{MOST_IDLE_HOPS} further invocations in a row got nothing done"
    if context.had_s >= needs_s:
        return f"{idle}: {why}"
    return (
        f"{idle}: {why}. This one had {context.had_s:.0f} s, and a run needs {needs_s:.0f} s or more in each: raise the function's "
        "timeout, or set UPKEEP_TIME_LIMIT_S if the host is wrong about its time"
    )


def _disposition(report: Report, fault: Exception | None, *, may_have_sent: bool) -> Disposition:
    if fault is not None:
        return Disposition.FAULT
    status = report["status"]
    refused = status == RunStatus.REJECTED or (status == RunStatus.HALTED and not may_have_sent)
    return Disposition.REFUSED if refused else Disposition.DONE


def _ignored(report: Report) -> dict[str, str]:
    reasons = "; ".join(row["reason"] for row in report["instances"])
    return {"ignored": f"an alarm about what this tool has just done: {reasons}", "run_id": report["run_id"]}
