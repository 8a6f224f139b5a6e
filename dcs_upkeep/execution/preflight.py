"""What happens just before a wave: the pause, the wave read again, and every guard asked again. A wave may shrink, never grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Instance, Outcome, OutcomeKind
from dcs_upkeep.execution.backup import back_up
from dcs_upkeep.execution.context import RunContext
from dcs_upkeep.execution.lock_rules import still_ours
from dcs_upkeep.execution.stop_conditions import StopConditions
from dcs_upkeep.guards import before_reading, evaluate
from dcs_upkeep.guards.before_reading import EventFacts
from dcs_upkeep.guards.evaluate import evaluate_instance
from dcs_upkeep.journal.entries import Baseline
from dcs_upkeep.journal.run_state import Progress, Stage
from dcs_upkeep.planning.readings import classify, firing_alarms
from dcs_upkeep.reporting.run_log import log_outcome

BEGIN_S = 4.0  # less is not worth beginning a wave with: it has to be read, sent and answered
Shown = Mapping[str, Instance]


class Preflight:
    """Lets one wave after the other begin."""

    def __init__(self, context: RunContext, stops: StopConditions) -> None:
        self._context = context
        self._stops = stops

    def check_wave(self, number: int) -> bool:
        """Whether anything of this wave may be sent now. What leaves it gets its outcome here; the rest has its baseline on record."""
        context = self._context
        if not self._stops.may_send() or not self._pause() or not self._stops.may_send():
            return False
        if not context.deadline.covers(BEGIN_S):
            self._stops.out_of_time(f"too little time was left in this invocation to begin wave {number}")
            return False
        pending = context.state.at_stage(Stage.PENDING, wave=number)
        shown = self._read([progress.instance_id for progress in pending])
        if shown is None:
            return False
        self._note_evidence(pending, shown)
        ids = [progress.instance_id for progress in pending if progress.stage is Stage.PENDING]
        refused = self._guard_again(number, ids, shown)
        left = [one for one in ids if one not in refused]
        baseline = {one: Baseline(status=shown[one].status, launched_at=shown[one].launched_at) for one in left}
        context.writer.guarded(number, list(refused.values()), baseline)
        for outcome in refused.values():
            log_outcome(context.ports, outcome)
        return bool(left) and self._stops.may_send()

    def _pause(self) -> bool:
        """Wait until `pause_s` after the wave before; as much of it as this invocation has time for."""
        context = self._context
        pause_s, settled_at = context.plan.pause_s, context.state.settled_at
        if not pause_s or settled_at is None or not context.state.waves_begun:
            return True
        wait_s = settled_at + pause_s - context.writer.now()
        if wait_s <= 0:
            return True
        room_s = context.deadline.keep(BEGIN_S).remaining_s()
        context.sleep(max(0.0, min(wait_s, room_s)))
        if wait_s > room_s:
            self._stops.out_of_time(f"the pause of {pause_s:g} s between two waves is longer than the time left")
            return False
        return True

    def _read(self, ids: list[str]) -> Shown | None:
        """The wave as it is now. Before the first attempt a failure fails the run; later it only ends the sending."""
        try:
            return self._context.ports.dcs.read(ids)
        except CloudError as err:
            if not self._context.state.may_have_sent():
                raise
            self._context.writer.stop("unreadable", OutcomeKind.NOT_ATTEMPTED, f"the next wave could not be read: {err}")
            return None

    def _note_evidence(self, pending: Sequence[Progress], shown: Shown) -> None:
        """What an earlier invocation sent, and thought not executed, may show its effect after all: then it is not sent again."""
        verifier = self._context.verifier
        evidence = {
            progress.instance_id: reason
            for progress in pending
            if progress.attempts and (reason := verifier.evidence(progress, shown.get(progress.instance_id)))
        }
        self._context.writer.seen([one for one in evidence if shown[one].status == verifier.rule.busy], evidence)

    def _guard_again(self, number: int, ids: Sequence[str], shown: Shown) -> dict[str, Outcome]:
        """Those that must not be acted on now, each with the guard that says so. What one guard refuses, the next is not asked about."""
        context = self._context
        now = context.ports.clock.now()
        alarm_id, veto = context.spec.alarm_id, context.settings.alarm_veto
        firing = firing_alarms(context.ports, ids, "alarm_veto") if veto else None
        refused = self._alarm_over(number, ids)
        for instance_id in [one for one in ids if one not in refused]:
            found = evaluate_instance(
                shown.get(instance_id), instance_id, context.policy, now, wave=number, firing=firing, triggered_by=alarm_id
            )
            if found is not None:
                refused[instance_id] = found

        def left() -> list[str]:
            return [one for one in ids if one not in refused]

        if context.locks is not None and left():
            rule = still_ours(context.spec.run_id, now)
            for one, verdict in context.locks.verify(left(), rule).items():
                refused[one] = context.refuse(one, number, verdict.guard, verdict.reason)
        for one, reason in self._changed_class({one: shown[one] for one in left()}).items():
            refused[one] = context.refuse(one, number, "approval", reason)
        for one, reason in self._back_up(left()).items():
            refused[one] = context.refuse(one, number, "backup", reason)
        return refused

    def _alarm_over(self, number: int, ids: Sequence[str]) -> dict[str, Outcome]:
        """Those whose alarm asked for this run and is not firing any more: a run may have waited for days since it was planned."""
        context, alarm_id = self._context, self._context.spec.alarm_id
        if alarm_id is None or not context.settings.alarm_verify:
            return {}
        firing = firing_alarms(context.ports, ids, "alarm_verify")
        verdicts = {one: evaluate.first(before_reading.GUARDS, EventFacts(alarm_id, (one,), firing)) for one in ids}
        return {one: context.refuse(one, number, said.guard, said.reason) for one, said in verdicts.items() if not said.allowed}

    def _changed_class(self, shown: Shown) -> dict[str, str]:
        """Those that would lose their data now and did not when the plan was approved."""
        context = self._context
        safe = [instance for one, instance in shown.items() if context.plan.instances[one].loses_data is False]
        if context.request.approve is None or not safe:
            return {}
        classes = classify(context.ports.dcs, context.plan.action, safe)
        return {one: f"not approved so: {reason}" for one, (loses, reason) in classes.items() if loses is not False}

    def _back_up(self, ids: Sequence[str]) -> dict[str, str]:
        """Back up what would lose its data, if the request asks for it. Returns those without a backup, and why."""
        context = self._context
        losing = [one for one in ids if context.plan.instances[one].loses_data is not False]
        if context.request.backup != "before" or not losing:
            return {}
        return {one: reason for one, reason in back_up(context, losing).items() if reason is not None}
