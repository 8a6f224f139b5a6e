"""The one pen of a run: every change is an entry, written down and then taken into account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dcs_upkeep.journal import Baseline, Entry, Guarded, Planned, RunState, Seen, Sending, Sent, Stopped, Watched, outcome_to_json, plan_to_json
from dcs_upkeep.model import Answer, Outcome, OutcomeKind, Plan
from dcs_upkeep.ports import Clock


class Recorder:
    """Writes entries and holds what they add up to. Used by one thread alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.state = RunState()

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        return self._clock.now().timestamp()

    def append(self, entry: Entry) -> None:
        """Write one entry down and take it into account."""
        self.state.apply(entry)

    def planned(self, plan: Plan) -> None:
        """The plan is decided."""
        self.append(Planned(kind="planned", at=self.now(), plan=plan_to_json(plan)))

    def guarded(self, wave: int, outcomes: Sequence[Outcome], baseline: Mapping[str, Baseline]) -> None:
        """A wave begins: who left it, and what the others showed just now."""
        self.append(
            Guarded(
                kind="guarded", at=self.now(), wave=wave, outcomes=[outcome_to_json(one) for one in outcomes], baseline=dict(baseline)
            )
        )

    def sending(self, wave: int, ids: Sequence[str]) -> int:
        """An attempt is about to leave. Returns its number."""
        attempt = self.state.attempts + 1
        self.append(Sending(kind="sending", at=self.now(), wave=wave, attempt=attempt, ids=list(ids)))
        return attempt

    def sent(self, attempt: int, verdicts: Mapping[str, str], answer: Answer) -> None:
        """An attempt has its answer, or surely lost it."""
        self.append(
            Sent(
                kind="sent",
                at=self.now(),
                attempt=attempt,
                verdicts=dict(verdicts),
                what=answer.what,
                code=answer.code,
                request_id=answer.request_id,
            )
        )

    def seen(self, busy: Sequence[str], evidence: Mapping[str, str]) -> None:
        """A reading showed something new about instances that have no outcome yet."""
        if busy or evidence:
            self.append(Seen(kind="seen", at=self.now(), busy=list(busy), evidence=dict(evidence)))

    def watched(self, outcomes: Sequence[Outcome]) -> None:
        """Instances have come to their outcome."""
        if outcomes:
            self.append(Watched(kind="watched", at=self.now(), outcomes=[outcome_to_json(one) for one in outcomes]))

    def stop(self, why: str, rest: OutcomeKind, reason: str, guard: str | None = None) -> None:
        """Nothing more is sent in this run; the first reason stands."""
        if self.state.stop is None:
            self.append(Stopped(kind="stopped", at=self.now(), why=why, rest=rest.value, guard=guard, reason=reason))
