"""What happens just before anything is sent: the instances read again, every guard asked again. A wave may shrink, never grow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dcs_upkeep.domain.actions import RULES, DataLoss
from dcs_upkeep.domain.deadline import BEGIN_S
from dcs_upkeep.domain.errors import CloudError, ThrottledError, UnauthorizedError
from dcs_upkeep.domain.model import Instance, Outcome, OutcomeKind, Verdict
from dcs_upkeep.execution.backup import back_up
from dcs_upkeep.execution.class_rules import class_verdict, needs_reading
from dcs_upkeep.execution.context import RunContext
from dcs_upkeep.execution.lock_rules import still_ours
from dcs_upkeep.execution.stop_conditions import StopConditions
from dcs_upkeep.guards import before_reading
from dcs_upkeep.guards.before_reading import EventFacts
from dcs_upkeep.guards.data_loss import disposable
from dcs_upkeep.guards.evaluate import evaluate_instance, first
from dcs_upkeep.journal.entries import Baseline
from dcs_upkeep.journal.progress import Stage
from dcs_upkeep.journal.run_state import UNREADABLE
from dcs_upkeep.planning.readings import Classes, classify, firing_alarms
from dcs_upkeep.reporting.run_log import log_outcome

LOOK_S = 60.0  # so often a pause looks at the halt lever
POLLS = 2  # what the guards said is good for so many
Shown = Mapping[str, Instance]


class Preflight:
    """Lets one wave after the other begin, and asks again about whoever has waited since."""

    def __init__(self, context: RunContext, stops: StopConditions) -> None:
        self._context = context
        self._stops = stops
        self._asked: dict[str, tuple[float, float, int]] = {}  # instance ID -> when by both clocks, and under which term of the lease

    def check_wave(self, number: int) -> bool:
        """Whether anything of this wave may be sent now. What leaves it gets its outcome here; the rest has its baseline on record."""
        context = self._context
        if not self._stops.may_send() or not self._pause() or not self._stops.may_send():
            return False
        if not context.deadline.covers(BEGIN_S):
            self._stops.out_of_time(f"too little time was left in this invocation to begin wave {number}")
            return False
        return bool(self._unless_nothing_can_be_read(lambda: self._prepare(number))) and self._stops.may_send()

    def ask_again(self, number: int, ids: Sequence[str]) -> tuple[str, ...]:
        """Those of these instances that may be sent now: asked again if the guards' last word is older than two polls."""
        if all(self._is_fresh(one) for one in ids):
            return tuple(ids)
        return tuple(self._unless_nothing_can_be_read(lambda: self._ask(number, ids)))

    def _is_fresh(self, instance_id: str) -> bool:
        """By both clocks: the monotonic one stands still while a machine sleeps, and the other one may be set."""
        context, most_s = self._context, POLLS * self._context.settings.poll_s
        mono, wall, term = self._asked.get(instance_id, (float("-inf"), float("-inf"), -1))
        age_s = max(context.ports.clock.monotonic() - mono, context.writer.now() - wall)
        return age_s <= most_s and term == context.state.takeovers

    def _unless_nothing_can_be_read(self, ask: Callable[[], list[str]]) -> list[str]:
        """What `ask` returns; nothing if the account is throttled for too long, or the key pair is refused for good."""
        try:
            return ask()
        except ThrottledError as err:
            self._stops.throttled(err)
        except UnauthorizedError as err:
            self._stops.unauthorized(err)
        return []

    def _prepare(self, number: int) -> list[str]:
        """Those of the wave that may be sent now, backed up if that was asked for."""
        context = self._context
        left = self._ask(number, [progress.instance_id for progress in context.state.at_stage(Stage.PENDING, wave=number)])
        to_back_up = [one for one in left if context.plan.instances[one].loses_data is not False]
        if context.request.backup == "before" and to_back_up:
            left = self._back_up(number, left, to_back_up)
        return left

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
        ends = context.ports.clock.monotonic() + max(0.0, min(wait_s, room_s))
        while (left_s := ends - context.ports.clock.monotonic()) > 0:
            context.sleep(min(left_s, LOOK_S))
            if left_s > LOOK_S and not self._stops.may_send():  # whoever pulls the lever is not to wait for the end of a pause
                return False
        if wait_s > room_s:
            self._stops.out_of_time(f"the pause of {pause_s:g} s between two waves is longer than the time left")
            return False
        return True

    def _ask(self, number: int, ids: Sequence[str]) -> list[str]:
        """Read these instances, and ask every guard about each. Returns those that are left, their baseline on record."""
        context = self._context
        asked = context.ports.clock.monotonic(), context.writer.now(), context.state.takeovers
        shown = self._read(list(ids))
        if shown is None:
            return []
        ids = self._without_evidence(ids, shown)
        refused, classified_at = self._refusals(number, ids, shown)
        left = [one for one in ids if one not in refused]
        baseline = {one: Baseline(status=shown[one].status, launched_at=shown[one].launched_at) for one in left}
        context.writer.guarded(number, list(refused.values()), baseline, classified_at)
        for outcome in refused.values():
            log_outcome(context.ports, outcome)
        self._asked |= dict.fromkeys(left, asked)
        return left

    def _read(self, ids: list[str]) -> Shown | None:
        """The instances as they are now. Before the first attempt a failure fails the run; later it only ends the sending."""
        try:
            return self._context.ports.dcs.read(ids, self._context.tick)
        except (ThrottledError, UnauthorizedError):
            raise
        except CloudError as err:
            if not self._context.state.may_have_sent():
                raise
            self._context.writer.stop(UNREADABLE, OutcomeKind.NOT_ATTEMPTED, f"the next wave could not be read: {err}")
            return None

    def _without_evidence(self, ids: Sequence[str], shown: Shown) -> list[str]:
        """What was sent before, and thought not executed, may show its effect after all: then it is not sent again."""
        context = self._context
        tried = [context.state.progress[one] for one in ids if context.state.progress[one].attempts]
        evidence = context.own_evidence(tried, shown)
        context.writer.seen([one for one in evidence if shown[one].status == context.verifier.rule.busy], evidence)
        return [one for one in ids if context.state.progress[one].stage is Stage.PENDING]

    def _refusals(self, number: int, ids: Sequence[str], shown: Shown) -> tuple[dict[str, Outcome], float | None]:
        """Those that must not be acted on now, each with the guard that says so; and when the other classes were read, if they were.

        What one guard refuses, the next is not asked about.
        """
        context = self._context
        now, alarm_id = context.ports.clock.now(), context.spec.alarm_id
        firing = firing_alarms(context.ports, ids, "alarm_veto") if context.settings.alarm_veto else None
        refused = self._alarm_over(number, ids)
        for one in [one for one in ids if one not in refused]:
            found = evaluate_instance(shown.get(one), one, context.policy, now, wave=number, firing=firing, triggered_by=alarm_id)
            if found is not None:
                refused[one] = found
        left = [one for one in ids if one not in refused]
        if context.locks is not None and left:
            verdicts = context.locks.acquire(left, still_ours(context.spec.run_id, now), context.state.takeovers)
            refused |= {one: context.refuse(one, number, verdict.guard, verdict.reason) for one, verdict in verdicts.items()}
        left = [one for one in left if one not in refused]
        refusals, classified_at = self._class_refusals({one: shown[one] for one in left})
        refused |= {one: context.refuse(one, number, refusal.guard, refusal.reason) for one, refusal in refusals.items()}
        return refused, classified_at

    def _alarm_over(self, number: int, ids: Sequence[str]) -> dict[str, Outcome]:
        """Those whose alarm asked for this run and is not firing any more: a run may have waited for days since it was planned."""
        context, alarm_id = self._context, self._context.spec.alarm_id
        if alarm_id is None or not context.settings.alarm_verify:
            return {}
        firing = firing_alarms(context.ports, ids, "alarm_verify")
        verdicts = {one: first(before_reading.GUARDS, EventFacts(alarm_id, (one,), firing)) for one in ids}
        return {one: context.refuse(one, number, verdict.guard, verdict.reason) for one, verdict in verdicts.items() if not verdict.allowed}

    def _class_refusals(self, shown: Shown) -> tuple[dict[str, Verdict], float | None]:
        """Those whose data would be lost now and that nobody has approved so, and when their classes were read, if they had to be."""
        context, plan = self._context, self._context.plan
        approved, now = context.request.approve is not None, context.writer.now()
        exempt = {one: disposable(instance.tags, context.policy.disposable_tags) for one, instance in shown.items()}
        waiting = [
            instance
            for one, instance in shown.items()
            if needs_reading(
                plan.instances[one],
                approved=approved,
                disposable=exempt[one],
                age_s=now - (context.state.progress[one].classified_at or 0.0),
                recheck_s=context.settings.recheck_s,
            )
        ]
        found = Classes()
        if RULES[plan.action].data_loss is not DataLoss.NEVER:
            found = classify(context.ports.dcs, plan.action, waiting, context.tick)
        verdicts = {one: class_verdict(plan.instances[one], one, approved=approved, disposable=exempt[one], classes=found) for one in shown}
        return {one: verdict for one, verdict in verdicts.items() if not verdict.allowed}, now if waiting else None

    def _back_up(self, number: int, left: Sequence[str], to_back_up: Sequence[str]) -> list[str]:
        """Back up what would lose its data; ask the guards again about all, since that takes minutes."""
        context = self._context
        failed = {one: reason for one, reason in back_up(context, to_back_up).items() if reason is not None}
        refused = [context.refuse(one, number, "backup", reason) for one, reason in failed.items()]
        context.writer.watched(refused)
        for outcome in refused:
            log_outcome(context.ports, outcome)
        return list(self.ask_again(number, [one for one in left if one not in failed]))
