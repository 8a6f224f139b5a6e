"""Reading a wave again and again until each of its instances has its outcome: one reading for the whole wave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from dcs_upkeep.domain.errors import CloudError, FencedError, JournalError, ThrottledError, UnauthorizedError
from dcs_upkeep.domain.model import Instance, OutcomeKind
from dcs_upkeep.execution.context import RunContext, Settled
from dcs_upkeep.execution.stop_conditions import StopConditions
from dcs_upkeep.execution.verification import looks
from dcs_upkeep.journal.progress import Progress, Stage
from dcs_upkeep.journal.run_state import UNREADABLE

FIRST_POLL_S = 3.0  # soon after the first answer, so that a short restart's busy state is not missed


class WaveWatcher:
    """Watches the instances of one wave. `due` is on the monotonic clock, None while there was no answer yet."""

    def __init__(self, context: RunContext, number: int, stops: StopConditions) -> None:
        """`stops` is told if the account is throttled for longer than this invocation can wait: `is_held`, and nothing more is read."""
        self._context = context
        self._number = number
        self._stops = stops
        self.is_held = False
        self._verifier = context.verifier
        self._ports = context.ports
        self._held: dict[str, tuple[str, float]] = {}  # what each showed last, and since when, on the monotonic clock
        self._unread_since: float | None = None
        self.due: float | None = None

    def watched(self, aside: Collection[str] = ()) -> list[Progress]:
        """What still needs reading: everything without its outcome; accepted ones only if the plan watches.

        `aside`: instances whose refused batch is still to be read by whoever sent it.
        """
        stages = [Stage.DOUBT, Stage.API_FAILED]
        if self._context.plan.watch_timeout_s is not None:
            stages.append(Stage.ACCEPTED)
        found = self._context.state.at_stage(*stages, wave=self._number)
        return [progress for progress in found if progress.instance_id not in aside]

    def expect_soon(self) -> None:
        """An answer has come: the first poll follows soon."""
        if self.due is None:
            self.due = self._ports.clock.monotonic() + min(FIRST_POLL_S, self._context.settings.poll_s)

    def expect_now(self) -> None:
        """Poll at once: the wave was taken over from an earlier invocation."""
        self.due = self._ports.clock.monotonic()

    def poll_if_due(self, queued: int, aside: Collection[str] = ()) -> None:
        """One reading of all that is watched, if its time has come. `queued`: instances that still wait to be sent."""
        watched = self.watched(aside)
        now = self._ports.clock.monotonic()
        if not watched or self.due is None or now < self.due:
            return
        self.due = now + self._context.settings.poll_s
        doubtful = [progress.instance_id for progress in watched if progress.stage is Stage.DOUBT]
        others = [progress.instance_id for progress in watched if progress.stage is not Stage.DOUBT]
        dcs = self._ports.dcs
        try:
            tick = self._context.writer.renew_if_due
            shown = {**(dcs.read(others, tick) if others else {}), **(dcs.show(doubtful, tick) if doubtful else {})}
        except ThrottledError as err:
            self._stops.throttled(err)
            self.is_held = True
            return
        except CloudError as err:
            self._ports.log("wave.read_failed", level="warning", wave=self._number, reason=str(err))
            if isinstance(err, UnauthorizedError):  # no later reading can succeed
                self._give_up_unread(watched, str(err))
                return
            self._unread_since = now if self._unread_since is None else self._unread_since
            # Not at the first reading that fails: a run that is taken over late has had no other.
            if now - self._unread_since >= self._verifier.settle_s:
                at = self._context.writer.now()
                self._give_up_unread([progress for progress in watched if self._verifier.overdue(progress, at)], str(err))
            return
        self._unread_since = None
        self._take_in(watched, shown)
        self._ports.log(
            "wave.polled",
            wave=self._number,
            states=dict(Counter(shown[one.instance_id].status if one.instance_id in shown else "GONE" for one in watched)),
            completed=len(self._context.state.at_stage(Stage.DONE, wave=self._number)),
            waiting=len(self.watched(aside)) + queued,
        )

    def _take_in(self, watched: Sequence[Progress], shown: Mapping[str, Instance]) -> None:
        """Note what one reading of the wave shows, and give their outcome to those that it settles."""
        self._note_signs(watched, shown)
        now = self._context.writer.now()
        settled = [found for progress in watched if (found := self._settle(progress, shown.get(progress.instance_id), now))]
        self._context.give_outcomes(settled)

    def _note_signs(self, watched: Sequence[Progress], shown: Mapping[str, Instance]) -> None:
        """Put on record who was seen busy, and whose lost answer is settled by evidence."""
        doubtful = [progress for progress in watched if progress.stage is Stage.DOUBT]
        try:
            evidence = self._context.own_evidence(doubtful, shown)
        except FencedError:
            raise
        except JournalError as err:
            self._context.ports.log("journal.failed", level="warning", reason=str(err))
            evidence = {}  # they stay in doubt
        busy = [
            progress.instance_id
            for progress in watched
            if progress.stage is not Stage.API_FAILED
            and not progress.seen_busy
            and progress.instance_id in shown
            and shown[progress.instance_id].status == self._verifier.rule.busy
        ]
        self._context.writer.seen(busy, evidence)

    def _settle(self, progress: Progress, instance: Instance | None, now: float) -> Settled | None:
        """The outcome that this reading gives an instance; None while it is to be watched on."""
        status = instance.status if instance else "no longer listed"
        if progress.stage is Stage.API_FAILED:
            return progress, OutcomeKind.FAILED, f"the API said failed, without a reason; it is {status} now", None
        if progress.stage is Stage.DOUBT:
            if not self._verifier.doubt_over(progress, now):
                return None
            settle_s = self._verifier.settle_s
            reason = f"{progress.note}; no evidence within {settle_s:g} s that it was acted on; it is {status} now"
            return progress, OutcomeKind.UNKNOWN, reason, None
        if self._context.plan.watch_timeout_s is None:
            return None
        found = self._verifier.judge_effect(progress, instance, self._held_s(progress.instance_id, instance), now)
        return (progress, *found) if found else None

    def _held_s(self, instance_id: str, instance: Instance | None) -> float:
        """How long every reading of this invocation has shown what this one shows."""
        shown, now = looks(instance), self._ports.clock.monotonic()
        before, since = self._held.get(instance_id, ("", now))
        if before != shown:
            since = now
        self._held[instance_id] = shown, since
        return now - since

    def _give_up_unread(self, unread: Sequence[Progress], why: str) -> None:
        """Say what is known of those that could not be read until their time was over, and let no further wave begin on that."""
        if not unread:
            return
        kinds = {Stage.DOUBT: OutcomeKind.UNKNOWN, Stage.API_FAILED: OutcomeKind.FAILED, Stage.ACCEPTED: OutcomeKind.ACCEPTED}
        self._context.give_outcomes(
            [(progress, kinds[progress.stage], f"{progress.note}; its state could not be read: {why}", None) for progress in unread]
        )
        reason = f"the effect of wave {self._number} could not be read: {why}"
        self._context.writer.stop(UNREADABLE, OutcomeKind.NOT_ATTEMPTED, reason)
