"""The one pen of a run: every change is an entry, written down first and taken into account after.

With a store behind it, writing is also the lock and the lease: an entry goes to the next place of the run's stream, and
whoever finds that place taken is not the owner any more and ends for good.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dcs_upkeep.domain.errors import FencedError, JournalError
from dcs_upkeep.domain.model import Answer, Outcome, OutcomeKind, Plan
from dcs_upkeep.domain.ports import Clock, Log
from dcs_upkeep.journal.entries import (
    Baseline,
    Entry,
    Guarded,
    Planned,
    Published,
    Publishing,
    Released,
    Renewed,
    Reported,
    Seen,
    Sending,
    Sent,
    Stopped,
    TakenOver,
    Watched,
    Yielded,
    outcome_to_json,
    plan_to_json,
)
from dcs_upkeep.journal.pieces import cut, cut_text, fit
from dcs_upkeep.journal.run_state import RunState
from dcs_upkeep.journal.run_stream import LeasedStream


class RunWriter:
    """Writes entries and holds what they add up to. Used by one thread alone."""

    def __init__(self, clock: Clock, log: Log, store: LeasedStream | None = None, state: RunState | None = None) -> None:
        self._clock = clock
        self._log = log
        self._store = store
        self.state = state or RunState()
        self.behind = False

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        return self._clock.now().timestamp()

    @property
    def journalled(self) -> bool:
        """Whether what is written outlives this process."""
        return self._store is not None and not self.behind

    def append(self, entry: Entry) -> bool:
        """Write one entry down and take it into account. False if the journal does not take it any more.

        Raises: FencedError, always; JournalError only while no attempt was begun. After that the run goes on watching
        without its journal and says so, since a report from memory is better than none.
        """
        entry = fit(entry)
        if self._store is not None and not self.behind:
            try:
                entry = self._store.write(entry)
            except FencedError:
                raise
            except JournalError as err:
                if not self.state.may_have_sent():
                    raise
                self.behind = True
                self._log("journal.failed", level="error", reason=str(err))
        if not (self.behind and entry["kind"] == "sending"):
            self.state.apply(entry)
        if self.behind and self.state.stop is None:
            reason = "the journal cannot be written any more, so nothing more is sent"
            rest = OutcomeKind.NOT_ATTEMPTED.value
            self.state.apply(Stopped(kind="stopped", at=self.now(), why="journal", rest=rest, guard=None, reason=reason))
        return not self.behind

    def lease_covers(self, seconds: float) -> bool:
        """Whether an attempt that takes so long would end within the lease. Safe to ask from any thread."""
        return self._store is None or self._store.lease_left_s() >= seconds

    def renew_if_due(self) -> None:
        """Renew the lease if half of it is gone."""
        if self.journalled and self._store is not None and self._store.renew_in_s() <= 0:
            self.append(Renewed(kind="renewed", at=self.now()))

    def sleep(self, seconds: float) -> None:
        """Let time pass, and renew the lease as it does."""
        ends = self._clock.monotonic() + seconds
        while (left_s := ends - self._clock.monotonic()) > 0:
            renew_in_s = self._store.renew_in_s() if self._store is not None and self.journalled else left_s
            self._clock.sleep(min(left_s, max(renew_in_s, 0.05)))
            self.renew_if_due()

    def taken_over(self) -> None:
        """This invocation goes on with the run; what was under way in the one before is in doubt."""
        self.append(TakenOver(kind="taken_over", at=self.now()))
        for attempt, ids in sorted(self.state.open_attempts.items()):
            doubt = dict.fromkeys(ids, "doubt")
            what = "the invocation that sent it ended before an answer came"
            self.append(Sent(kind="sent", at=self.now(), attempt=attempt, verdicts=doubt, what=what, code=None, request_id=None))

    def planned(self, plan: Plan) -> None:
        """The plan is decided. Written in pieces, since a plan of thousands is longer than one entry may be."""
        pieces = cut_text(json.dumps(plan_to_json(plan), separators=(",", ":")))
        for number, piece in enumerate(pieces):
            self.append(Planned(kind="planned", at=self.now(), part=number, parts=len(pieces), text=piece))
        if self.state.plan is not None:
            # The journal's form joins the refusals into one; here each is known still, and with it what the reader should do.
            self.state.plan = replace(self.state.plan, refusals=plan.refusals)

    def guarded(self, wave: int, outcomes: Sequence[Outcome], baseline: Mapping[str, Baseline]) -> None:
        """A wave begins: who left it, and what the others showed just now."""
        self.watched(outcomes)
        for piece in list(cut(baseline.items())) or [[]]:
            self.append(Guarded(kind="guarded", at=self.now(), wave=wave, baseline=dict(piece)))

    def sending(self, wave: int, ids: Sequence[str]) -> int | None:
        """An attempt is about to leave. Returns its number; None if that could not be written, and it must not leave."""
        attempt = self.state.attempts + 1
        written = self.append(Sending(kind="sending", at=self.now(), wave=wave, attempt=attempt, ids=list(ids)))
        return attempt if written else None

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
        for piece in cut([*((one, None) for one in busy), *evidence.items()]):
            shown_busy = [one for one, reason in piece if reason is None]
            settled = {one: reason for one, reason in piece if reason is not None}
            self.append(Seen(kind="seen", at=self.now(), busy=shown_busy, evidence=settled))

    def watched(self, outcomes: Sequence[Outcome]) -> None:
        """Instances have come to their outcome."""
        for piece in cut(outcome_to_json(outcome) for outcome in outcomes):
            self.append(Watched(kind="watched", at=self.now(), outcomes=piece))

    def stop(self, why: str, rest: OutcomeKind, reason: str, guard: str | None = None) -> None:
        """Nothing more is sent in this run; the first reason stands."""
        if self.state.stop is None:
            self.append(Stopped(kind="stopped", at=self.now(), why=why, rest=rest.value, guard=guard, reason=reason))

    def yielded(self, calls: Mapping[str, int], not_before: float | None = None) -> None:
        """The next invocation may go on at once, or from then on. `calls`: those of this invocation."""
        entry = Yielded(kind="yielded", at=self.now(), token=uuid.uuid4().hex, calls=dict(calls))
        if not_before is not None:
            entry["not_before"] = not_before
        self.append(entry)

    def publishing(self, topic: str) -> None:
        """A publication is about to happen."""
        self.append(Publishing(kind="publishing", at=self.now(), topic=topic))

    def published(self, topic: str) -> None:
        """It happened."""
        self.append(Published(kind="published", at=self.now(), topic=topic))

    def reported(
        self, status: str, next_step: str, calls: Mapping[str, int], notes: Sequence[str], ended_at: str, elapsed_s: float
    ) -> None:
        """The run is over."""
        self.append(
            Reported(
                kind="reported",
                at=self.now(),
                status=status,
                next=next_step,
                calls=dict(calls),
                notes=list(notes),
                ended_at=ended_at,
                elapsed_s=elapsed_s,
            )
        )

    def released(self, reason: str) -> None:
        """The run is over and nothing was ever sent: the same key may be claimed again."""
        self.append(Released(kind="released", at=self.now(), reason=reason))
