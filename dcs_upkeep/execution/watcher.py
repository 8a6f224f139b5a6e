"""Reading a wave again and again until each of its instances has its outcome: one reading for the whole wave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Evidence, Instance, OutcomeKind, Plan
from dcs_upkeep.domain.ports import Ports
from dcs_upkeep.execution.verification import Verifier
from dcs_upkeep.journal.run_state import Progress, Stage
from dcs_upkeep.journal.run_writer import RunWriter
from dcs_upkeep.reporting.build import outcome_of
from dcs_upkeep.reporting.run_log import log_outcome

FIRST_POLL_S = 3.0  # soon after the first answer, so that a short restart's busy state is not missed
Settled = tuple[Progress, OutcomeKind, str, Evidence | None]


class WaveWatcher:
    """Watches the instances of one wave. `due` is on the monotonic clock, None while there was no answer yet."""

    def __init__(self, number: int, plan: Plan, recorder: RunWriter, ports: Ports, watcher: Verifier, poll_s: float) -> None:
        self._number = number
        self._plan = plan
        self._recorder = recorder
        self._ports = ports
        self._watcher = watcher
        self._poll_s = poll_s
        self._end_since: dict[str, float] = {}
        self.due: float | None = None

    def stage(self, *stages: Stage) -> list[Progress]:
        """The wave's instances at these stages."""
        return self._recorder.state.at_stage(*stages, wave=self._number)

    def progress(self, ids: Iterable[str]) -> list[Progress]:
        """Where these instances stand."""
        return [self._recorder.state.progress[instance_id] for instance_id in ids]

    def watched(self) -> list[Progress]:
        """What still needs reading: everything without its outcome; accepted ones only where the plan watches."""
        stages = [Stage.DOUBT, Stage.API_FAILED]
        if self._plan.watch_timeout_s is not None:
            stages.append(Stage.ACCEPTED)
        return self.stage(*stages)

    def answered(self) -> None:
        """An answer has come: the first poll follows soon."""
        if self.due is None:
            self.due = self._ports.clock.monotonic() + min(FIRST_POLL_S, self._poll_s)

    def now(self) -> None:
        """Poll at once: the wave was taken over from an earlier invocation."""
        self.due = self._ports.clock.monotonic()

    def poll_if_due(self, queued: int) -> None:
        """One reading of all that is watched, if its time has come. `queued`: instances that still wait to be sent."""
        watched = self.watched()
        now = self._ports.clock.monotonic()
        if not watched or self.due is None or now < self.due:
            return
        self.due = now + self._poll_s
        doubtful = [one.instance_id for one in watched if one.stage is Stage.DOUBT]
        others = [one.instance_id for one in watched if one.stage is not Stage.DOUBT]
        try:
            shown = {**(self._ports.dcs.read(others) if others else {}), **(self._ports.dcs.show(doubtful) if doubtful else {})}
        except CloudError as err:
            self._ports.log("wave.read_failed", level="warning", wave=self._number, reason=str(err))
            self._give_up_unread(watched, str(err))
            return
        self._take_in(watched, shown)
        self._ports.log(
            "wave.polled",
            wave=self._number,
            states=dict(Counter(shown[one.instance_id].status if one.instance_id in shown else "GONE" for one in watched)),
            completed=sum(1 for one in self.stage(Stage.DONE)),
            waiting=len(self.watched()) + queued,
        )

    def _take_in(self, watched: Sequence[Progress], shown: Mapping[str, Instance]) -> None:
        """Note what one reading of the wave shows, and give their outcome to those that it settles."""
        now = self._recorder.now()
        watcher = self._watcher
        evidence = {
            one.instance_id: reason
            for one in watched
            if one.stage is Stage.DOUBT and (reason := watcher.evidence(one, shown.get(one.instance_id)))
        }
        busy = [
            one.instance_id
            for one in watched
            if one.stage is not Stage.API_FAILED
            and not one.seen_busy
            and one.instance_id in shown
            and shown[one.instance_id].status == watcher.rule.busy
        ]
        self._recorder.seen(busy, evidence)
        settled: list[Settled] = []
        for one in watched:
            instance = shown.get(one.instance_id)
            status = instance.status if instance else "no longer listed"
            if one.stage is Stage.API_FAILED:
                settled.append((one, OutcomeKind.FAILED, f"the API said failed, without a reason; it is {status} now", None))
            elif one.stage is Stage.DOUBT:
                if watcher.doubt_over(one, now):
                    reason = f"{one.note}; no evidence within {watcher.settle_s:g} s that it was acted on; it is {status} now"
                    settled.append((one, OutcomeKind.UNKNOWN, reason, None))
            elif self._plan.watch_timeout_s is not None:
                held_s = now - self._end_since.setdefault(one.instance_id, now) if status == watcher.rule.end else 0.0
                if status != watcher.rule.end:
                    self._end_since.pop(one.instance_id, None)
                if verdict := watcher.judge_effect(one, instance, held_s, now):
                    settled.append((one, *verdict))
        self.finish(settled)

    def _give_up_unread(self, watched: Sequence[Progress], why: str) -> None:
        """Where reading fails until the time is over, say what is known, and let no further wave begin on that."""
        now = self._recorder.now()
        overdue = [one for one in watched if self._watcher.overdue(one, now)]
        kinds = {Stage.DOUBT: OutcomeKind.UNKNOWN, Stage.API_FAILED: OutcomeKind.FAILED, Stage.ACCEPTED: OutcomeKind.ACCEPTED}
        self.finish([(one, kinds[one.stage], f"{one.note}; its state could not be read: {why}", None) for one in overdue])
        if overdue:
            self._recorder.stop("unreadable", OutcomeKind.NOT_ATTEMPTED, f"the effect of wave {self._number} could not be read")

    def finish(self, settled: Sequence[Settled]) -> None:
        """Give these instances their outcomes, on record and in the log."""
        now = self._recorder.now()
        outcomes = [
            outcome_of(one, self._plan.instances[one.instance_id], kind, reason, now, evidence) for one, kind, reason, evidence in settled
        ]
        self._recorder.watched(outcomes)
        for outcome in outcomes:
            log_outcome(self._ports, outcome)

    def fail(self, ids: Iterable[str], reason: str) -> None:
        """These were proven not executed, and will not be sent again."""
        self.finish([(one, OutcomeKind.FAILED, reason, None) for one in self.progress(ids)])
