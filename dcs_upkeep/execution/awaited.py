"""Instances that are on their way to where the action may begin: read again before their first attempt, until they are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dcs_upkeep.domain.errors import CloudError, UnauthorizedError
from dcs_upkeep.domain.model import Instance
from dcs_upkeep.execution.context import RunContext
from dcs_upkeep.execution.retry_policy import busy_wait_s
from dcs_upkeep.execution.stop_conditions import StopConditions
from dcs_upkeep.guards.evaluate import evaluate_instance
from dcs_upkeep.journal.progress import Progress
from dcs_upkeep.planning.readings import firing_alarms
from dcs_upkeep.reporting.run_log import log_outcome


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look at them has shown. `ready` may be sent now; `waiting` are to be looked at again at `due` (monotonic)."""

    ready: tuple[str, ...]
    waiting: tuple[str, ...]
    due: float


class Awaited:
    """Those of one wave. Each is given the wave's watch time, counted from the first reading just before the wave."""

    def __init__(self, context: RunContext, number: int, stops: StopConditions) -> None:
        self._context = context
        self._number = number
        self._stops = stops

    def concerns(self, progress: Progress) -> bool:
        """Whether an instance, as it was read just before the wave, is to be waited for."""
        return progress.baseline is not None and progress.baseline["status"] in self._context.verifier.rule.waits_for

    def look(self, ids: Sequence[str], looks: int) -> Looked:
        """Read them, ask the guards about those that wait no longer, and give up those whose time is over. `looks`: those before."""
        context = self._context
        try:
            shown = context.ports.dcs.read(ids, context.tick)
            busy = {one: why for one in ids if (why := self._busy_with(shown.get(one)))}
            refused = self._refused([one for one in ids if one not in busy], shown)
        except UnauthorizedError as err:
            self._stops.unauthorized(err)
            return Looked((), (), 0.0)
        except CloudError as err:
            context.ports.log("wave.read_failed", level="warning", wave=self._number, reason=str(err))
            return self._wait_on(dict.fromkeys(ids, "it could not be read"), (), looks)
        return self._wait_on(busy, tuple(one for one in ids if one not in busy and one not in refused), looks)

    def _busy_with(self, instance: Instance | None) -> str | None:
        return self._context.verifier.busy_with(instance) if instance is not None else None

    def _refused(self, ids: Sequence[str], shown: Mapping[str, Instance]) -> set[str]:
        """They have waited, so what the guards said before the wave is old."""
        context = self._context
        firing = firing_alarms(context.ports, ids, "alarm_veto") if context.settings.alarm_veto else None
        now, alarm_id = context.ports.clock.now(), context.spec.alarm_id
        found = [
            evaluate_instance(shown.get(one), one, context.policy, now, wave=self._number, firing=firing, triggered_by=alarm_id)
            for one in ids
        ]
        outcomes = [outcome for outcome in found if outcome is not None]
        context.writer.watched(outcomes)
        for outcome in outcomes:
            log_outcome(context.ports, outcome)
        return {outcome.instance_id for outcome in outcomes}

    def _wait_on(self, busy: Mapping[str, str], ready: tuple[str, ...], looks: int) -> Looked:
        """Fail those whose time is over; the others are read again, for the last time at its end."""
        context = self._context
        left_s = {one: self._left_s(context.state.progress[one]) for one in busy}
        for one, why in busy.items():
            if left_s[one] <= 0:
                context.fail((one,), context.verifier.never_began(why, watched=context.plan.watch_timeout_s is not None))
        waiting = tuple(one for one in busy if left_s[one] > 0)
        wait_s = min([busy_wait_s(looks, context.settings.poll_s), *(left_s[one] for one in waiting)])
        if waiting:
            context.ports.log("wave.waited", wave=self._number, waiting=len(waiting), reason=busy[waiting[0]])
        return Looked(ready, waiting, context.ports.clock.monotonic() + wait_s)

    def _left_s(self, progress: Progress) -> float:
        begun_at = progress.guarded_at if progress.guarded_at is not None else self._context.writer.now()
        return begun_at + self._context.verifier.timeout_s - self._context.writer.now()
