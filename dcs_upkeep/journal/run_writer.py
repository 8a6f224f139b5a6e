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
from dcs_upkeep.domain.model import Answer, AnswerKind, Outcome, OutcomeKind, Plan
from dcs_upkeep.domain.ports import Clock, Log
from dcs_upkeep.domain.stopping import PERSON
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
from dcs_upkeep.journal.run_stream import LeasedStream, with_nonce

TRY_AGAIN_S = 5.0  # between two tries of a journal that fails


class RunWriter:
    """Writes entries and holds what they add up to. Used by one thread alone.

    If the journal fails once an attempt was begun, the run goes on watching: what could not be written is kept, and written in
    order when an append works again. Until then nothing more is sent (`behind`).
    """

    def __init__(self, clock: Clock, log: Log, store: LeasedStream | None = None, state: RunState | None = None) -> None:
        self._clock = clock
        self._log = log
        self._store = store
        self._kept: list[Entry] = []
        self._try_again_at = 0.0
        self.state = state or RunState()

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        return self._clock.now().timestamp()

    @property
    def journalled(self) -> bool:
        """Whether there is a journal that outlives this process."""
        return self._store is not None

    @property
    def behind(self) -> bool:
        """Whether the journal lacks something that happened."""
        return bool(self._kept)

    def append(self, entry: Entry) -> bool:
        """Write one entry down and take it into account. False if the journal did not take it, and it is kept.

        A lease that has lapsed is taken anew first, if nobody else has the run: `state.takeovers` tells that it was.
        Raises: FencedError, always; JournalError only while no attempt was begun.
        """
        entry = fit(entry)
        if self._store is None:
            self.state.apply(entry)
            return True
        entry = with_nonce(entry)
        if not self._kept:
            try:
                self._take_anew_if_lapsed()
                self.state.apply(self._store.write(entry))
                return True
            except FencedError:
                raise
            except JournalError as err:
                if not self.state.may_have_sent():
                    raise
                self._try_again_at = self._clock.monotonic() + TRY_AGAIN_S
                self._log("journal.failed", level="error", reason=str(err))
        self._kept.append(entry)
        self.state.apply(entry)
        return False

    def catch_up(self) -> bool:
        """Try to write what was kept, in order. Returns whether nothing is left. Raises: FencedError."""
        while self._kept and self._store is not None:
            try:
                self._take_anew_if_lapsed()
                self._store.write(self._kept[0])
            except FencedError:
                raise
            except JournalError:
                self._try_again_at = self._clock.monotonic() + TRY_AGAIN_S
                return False
            self._kept.pop(0)
            if not self._kept:
                self._log("journal.recovered", level="warning", reason="what could not be written is on record now")
        return True

    def not_durable(self) -> set[str]:
        """The instances whose refusal is not on record: a further invocation would ask the guards again, and may act on them."""
        rows = [row for entry in self._kept if entry["kind"] in ("watched", "sent") for row in entry.get("outcomes", [])]
        return {row["instance_id"] for row in rows if row["outcome"] == OutcomeKind.REFUSED}

    def lapsed(self) -> bool:
        """Whether the lease has ended: nothing may be sent before every guard and claim was asked again."""
        return self._store is not None and self._store.lapsed()

    def lease_covers(self, seconds: float) -> bool:
        """Whether an attempt that takes so long would end within the lease. Safe to ask from any thread."""
        return self._store is None or self._store.covers(seconds)

    def renew_if_due(self) -> None:
        """Renew the lease if half of it is gone; write what was kept, if it is time to try again.

        Not once the run is handed over or has ended: telling of it may take minutes, and an entry would take it back.
        """
        if self._store is None:
            return
        if self._kept:
            if self._clock.monotonic() >= self._try_again_at:
                self.catch_up()
        elif self._store.renew_in_s() <= 0 and not self.state.handed_over and not self.state.ended:
            self.append(Renewed(kind="renewed", at=self.now()))

    def sleep(self, seconds: float) -> None:
        """Let time pass, and renew the lease as it does."""
        ends = self._clock.monotonic() + seconds
        while (left_s := ends - self._clock.monotonic()) > 0:
            self._clock.sleep(min(left_s, max(self._due_in_s(left_s), 0.05)))
            self.renew_if_due()

    def _due_in_s(self, left_s: float) -> float:
        if self._store is None:
            return left_s
        return self._try_again_at - self._clock.monotonic() if self._kept else self._store.renew_in_s()

    def _take_anew_if_lapsed(self) -> None:
        """An owner whose lease has lapsed writes nothing more but this, which fails if anybody else has the run."""
        if self._store is not None and self._store.lapsed():
            self.state.apply(self._store.write(with_nonce(TakenOver(kind="taken_over", at=self.now()))))

    def taken_over(self, *, resumed: bool = False) -> None:
        """This invocation goes on with the run; what was under way in the one before is in doubt.

        `resumed`: a person asked for it, which ends a stop by a person.
        """
        entry = TakenOver(kind="taken_over", at=self.now())
        self.append({**entry, "resumed": True} if resumed else entry)
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

    def guarded(self, wave: int, outcomes: Sequence[Outcome], baseline: Mapping[str, Baseline], classified_at: float | None = None) -> None:
        """The guards were asked again: who left the wave, what the others showed, and when their classes were read, if they were."""
        self.watched(outcomes)
        for piece in list(cut(baseline.items())) or [[]]:
            entry = Guarded(kind="guarded", at=self.now(), wave=wave, baseline=dict(piece))
            if classified_at is not None:
                entry["classified_at"] = classified_at
            self.append(entry)

    def sending(self, wave: int, ids: Sequence[str]) -> int | None:
        """An attempt is about to leave. Returns its number; None if it must not: that could not be written, or the lease has lapsed."""
        if self.behind or self.lapsed():
            return None
        attempt = self.state.attempts + 1
        if self.append(Sending(kind="sending", at=self.now(), wave=wave, attempt=attempt, ids=list(ids))):
            return attempt
        # It may be durable all the same: then it has to be known that it never left.
        self.sent(attempt, dict.fromkeys(ids, "again"), Answer(AnswerKind.NOT_SENT, "not sent: the journal did not take it"))
        return None

    def sent(self, attempt: int, verdicts: Mapping[str, str], answer: Answer, outcomes: Sequence[Outcome] = ()) -> None:
        """An attempt has its answer, or surely lost it. `outcomes`: of the IDs whose verdict is `final`."""
        entry = Sent(
            kind="sent",
            at=self.now(),
            attempt=attempt,
            verdicts=dict(verdicts),
            what=answer.what,
            code=answer.code,
            request_id=answer.request_id,
        )
        if outcomes:
            entry["outcomes"] = [outcome_to_json(outcome) for outcome in outcomes]
        self.append(entry)

    def seen(self, busy: Sequence[str], evidence: Mapping[str, str], unexecuted: Sequence[str] = ()) -> None:
        """A reading showed something new about instances that have no outcome yet."""
        for piece in cut([*((one, None) for one in busy), *evidence.items()]):
            shown_busy = [one for one, reason in piece if reason is None]
            settled = {one: reason for one, reason in piece if reason is not None}
            self.append(Seen(kind="seen", at=self.now(), busy=shown_busy, evidence=settled))
        for free in cut(unexecuted):
            self.append(Seen(kind="seen", at=self.now(), busy=[], evidence={}, unexecuted=list(free)))

    def watched(self, outcomes: Sequence[Outcome]) -> None:
        """Instances have come to their outcome."""
        for piece in cut(outcome_to_json(outcome) for outcome in outcomes):
            self.append(Watched(kind="watched", at=self.now(), outcomes=piece))

    def stop(self, why: str, rest: OutcomeKind, reason: str, guard: str | None = None) -> None:
        """Nothing more is sent in this run. The first reason stands, but for a person's, which another person could take back."""
        if self.state.stop is None or (self.state.is_stopped_by_person and why != PERSON):
            self.append(Stopped(kind="stopped", at=self.now(), why=why, rest=rest.value, guard=guard, reason=reason))

    def yielded(self, calls: Mapping[str, int], not_before: float | None = None, stopped_by: str | None = None) -> None:
        """The next invocation may go on at once, or from then on. `calls`: those of this invocation. `stopped_by`: who stopped the run."""
        entry = Yielded(kind="yielded", at=self.now(), token=uuid.uuid4().hex, calls=dict(calls))
        if not_before is not None:
            entry["not_before"] = not_before
        if stopped_by is not None:
            entry["stopped_by"] = stopped_by
        self.append(entry)

    def abandon(self, calls: Mapping[str, int], stopped_by: str) -> float | None:
        """This process ends at once. Returns from when on the run may be taken over: now, unless an attempt waits for its answer.

        One entry at most, and not one if it could stand before another that is to come. None: the lease has to lapse.
        """
        state, store = self.state, self._store
        if store is None or self._kept or state.ended or state.handed_over or store.lapsed():
            return None
        try:
            if not state.open_attempts:  # a hand-over says that each attempt has its answer
                self.yielded(calls, stopped_by=stopped_by)
            elif state.stop is None:
                rest = OutcomeKind.DEFERRED.value
                entry = Stopped(kind="stopped", at=self.now(), why=PERSON, rest=rest, guard=None, reason=stopped_by)
                state.apply(store.write(entry, ends_now=True))
            else:
                state.apply(store.write(Renewed(kind="renewed", at=self.now()), ends_now=True))
        except JournalError:
            return None
        return None if self._kept else self.now()

    def publishing(self, topic: str, status: str) -> None:
        """A report with this status is about to be told."""
        self.append(Publishing(kind="publishing", at=self.now(), topic=topic, status=status))

    def published(self, topic: str, status: str) -> None:
        """It was."""
        self.append(Published(kind="published", at=self.now(), topic=topic, status=status))

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
