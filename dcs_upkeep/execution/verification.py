"""What a reading of an instance proves. Pure; "completed" is said here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from dcs_upkeep.domain.actions import RULES, TRANSIENT_STATES, Action, ActionRule, Sign
from dcs_upkeep.domain.model import Evidence, Instance, OutcomeKind
from dcs_upkeep.journal.progress import Progress

NOT_EXECUTED = "it was not executed"
NOT_ALONE = "another actor cannot be excluded"
GONE = "DELETED"
NEARLY = 0.9  # of a poll: two readings are a poll apart, up to what clocks round


@dataclass(frozen=True, slots=True)
class Verifier:
    """What judging needs to know about the run. Seconds. `poll_s`: how far apart two readings are."""

    action: Action
    settle_s: float
    timeout_s: float
    poll_s: float
    longest_put_s: float = 0.0  # after its answer was lost a call may still be carried out for so long, clocks apart included

    @property
    def rule(self) -> ActionRule:
        """The row of this action."""
        return RULES[self.action]

    def evidence(self, progress: Progress, instance: Instance | None) -> str | None:
        """Why a lost answer counts as accepted after all; None while nothing says so."""
        if instance is None:
            return None
        if Sign.BUSY in self.rule.evidence and instance.status == self.rule.busy:
            return f"{progress.note}; {self.rule.busy} was seen after sending, so it counts as accepted, though {NOT_ALONE}"
        before = progress.baseline["launched_at"] if progress.baseline else None
        if Sign.LAUNCHED_AT in self.rule.evidence and before and instance.launched_at and instance.launched_at != before:
            return f"{progress.note}; launched_at moved after sending, so it counts as accepted, though {NOT_ALONE}"
        if Sign.END in self.rule.evidence and instance.status == self.rule.end:
            return f"{progress.note}; it is {self.rule.end} now, so it counts as accepted, though {NOT_ALONE}"
        return None

    def busy_with(self, instance: Instance) -> str | None:
        """What keeps the action from beginning and ends by itself, so that it is worth waiting for; None if nothing does."""
        if instance.status in TRANSIENT_STATES:
            return f"it is {instance.status}"
        if instance.status in self.rule.allowed_from and instance.has_task:
            return f"it is {instance.status}, and DCS is still working on it (a background task)"
        return None

    def never_began(self, why: str, *, watched: bool) -> str:
        """Why an instance that was waited for is given up. `why`: what it was busy with at the last look."""
        time = "the whole watch time" if watched else f"{self.timeout_s:g} s"
        return f"{why.replace('it is', 'it was', 1)} for {time}; {NOT_EXECUTED}"

    def doubt_over(self, progress: Progress, now: float) -> bool:
        """Whether a lost answer has had its time to show an effect."""
        is_settled = now - (progress.answered_at or now) >= self.settle_s
        return is_settled and now - (progress.sent_at or now) >= self.longest_put_s

    def overdue(self, progress: Progress, now: float) -> bool:
        """Whether the effect should have been seen by now."""
        return now - (progress.sent_at or now) >= self.timeout_s

    def judge_effect(
        self, progress: Progress, instance: Instance | None, held_s: float, now: float
    ) -> tuple[OutcomeKind, str, Evidence | None] | None:
        """What an accepted instance has come to; None while it is to be watched on.

        `held_s`: how long every reading has shown what this one shows (`looks`); 0 at the first such reading of this invocation. ERROR
        and absence may pass, after a failover or while a list moves, so they count when a second reading shows them too.
        """
        doubtful = "" if progress.explicit else f" ({progress.note})"
        if instance is not None and instance.status == self.rule.end and not instance.has_task:
            # Also when time is over: who comes late, after a takeover, must not call failed what is back.
            return self._judge_end(progress, held_s, doubtful)
        seen_twice = held_s >= self.poll_s * NEARLY
        if looks(instance) == GONE and seen_twice:
            return OutcomeKind.FAILED, f"it is gone: DCS does not list it any more{doubtful}", None
        was_error = progress.baseline is not None and progress.baseline["status"] == "ERROR"
        if instance is not None and instance.status == "ERROR" and seen_twice and (progress.seen_busy or not was_error):
            return OutcomeKind.FAILED, f"it ended in ERROR{doubtful}", None
        if self.overdue(progress, now):
            return OutcomeKind.FAILED, f"not {self.rule.end} within {self.timeout_s:g} s; {_last(instance)}{doubtful}", None
        return None

    def _judge_end(self, progress: Progress, held_s: float, doubtful: str) -> tuple[OutcomeKind, str, Evidence | None] | None:
        end, busy = self.rule.end, self.rule.busy
        if progress.seen_busy:
            return OutcomeKind.COMPLETED, f"{busy} was seen, then {end}{doubtful}", Evidence.OBSERVED
        if held_s < self.settle_s:
            return None
        held = f"{end} held for {self.settle_s:g} s and {busy} was never seen"
        if progress.explicit:
            return OutcomeKind.COMPLETED, f"the API said success and {held}: completion is inferred", Evidence.SETTLED
        return OutcomeKind.ACCEPTED, f"{held}{doubtful}", None


def looks(instance: Instance | None) -> str:
    """What a reading shows, as far as it matters how long it holds: an end state under a background task is none yet."""
    if instance is None or instance.status == GONE:
        return GONE
    return f"{instance.status} with a task" if instance.has_task else instance.status


def _last(instance: Instance | None) -> str:
    if instance is None:
        return "it is no longer listed"
    task = ", and DCS is still working on it (a background task)" if instance.has_task else ""
    return f"its last state is {instance.status or 'missing in the answer'}{task}"
