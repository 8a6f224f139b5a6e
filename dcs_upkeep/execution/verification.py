"""What a reading of an instance proves. Pure; "completed" is said here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from dcs_upkeep.domain.actions import RULES, Action, ActionRule, Sign
from dcs_upkeep.domain.model import Evidence, Instance, OutcomeKind
from dcs_upkeep.journal.run_state import Progress

NOT_ALONE = "another actor cannot be excluded"


@dataclass(frozen=True, slots=True)
class Verifier:
    """What judging needs to know about the run. Seconds."""

    action: Action
    settle_s: float
    timeout_s: float

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

    def doubt_over(self, progress: Progress, now: float) -> bool:
        """Whether a lost answer has had its time to show an effect."""
        return now - (progress.answered_at or now) >= self.settle_s

    def overdue(self, progress: Progress, now: float) -> bool:
        """Whether the effect should have been seen by now."""
        return now - (progress.sent_at or now) >= self.timeout_s

    def judge_effect(
        self, progress: Progress, instance: Instance | None, held_s: float, now: float
    ) -> tuple[OutcomeKind, str, Evidence | None] | None:
        """What an accepted instance has come to; None while it is to be watched on.

        `held_s`: how long it has shown the end state at every reading since it was sent.
        """
        status = instance.status if instance else None
        doubtful = "" if progress.explicit else f" ({progress.note})"
        if status == self.rule.end and progress.seen_busy:
            return OutcomeKind.COMPLETED, f"{self.rule.busy} was seen, then {status}{doubtful}", Evidence.OBSERVED
        if status == self.rule.end and held_s >= self.settle_s:
            held = f"{status} held for {self.settle_s:g} s and {self.rule.busy} was never seen"
            if progress.explicit:
                return OutcomeKind.COMPLETED, f"the API said success and {held}: completion is inferred", Evidence.SETTLED
            return OutcomeKind.ACCEPTED, f"{held}{doubtful}", None
        was_error = progress.baseline is not None and progress.baseline["status"] == "ERROR"
        if status == "ERROR" and (progress.seen_busy or not was_error):
            return OutcomeKind.FAILED, f"it ended in ERROR{doubtful}", None
        if self.overdue(progress, now):
            last = f"its last state is {status}" if status else "it is no longer listed"
            return OutcomeKind.FAILED, f"not {self.rule.end} within {self.timeout_s:g} s; {last}{doubtful}", None
        return None
