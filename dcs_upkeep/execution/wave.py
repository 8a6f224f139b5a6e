"""One wave: its batches are sent, and its instances watched until each has an outcome, in one loop.

One thread decides and writes the journal; only the PUTs themselves run in others. Sending and watching share the loop
so that a busy instance can wait for its turn while the effect on the healthy ones is being seen. What an answer means
is in `retry_policy`; this file carries it out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import assert_never

from dcs_upkeep.domain.errors import ThrottledError
from dcs_upkeep.domain.model import Answer, AnswerKind, Outcome, OutcomeKind
from dcs_upkeep.domain.problems import list_some
from dcs_upkeep.execution import retry_policy
from dcs_upkeep.execution.awaited import Awaited
from dcs_upkeep.execution.context import RunContext
from dcs_upkeep.execution.preflight import Preflight
from dcs_upkeep.execution.refused_batch import OUTSIDE, RefusedBatches
from dcs_upkeep.execution.retry_policy import (
    Batch,
    Bisect,
    Doubt,
    Fail,
    HalveBatches,
    Reaction,
    ReadFirst,
    RetryAfter,
    StopRun,
    Watch,
)
from dcs_upkeep.execution.stop_conditions import StopConditions
from dcs_upkeep.execution.verification import NOT_EXECUTED
from dcs_upkeep.execution.watcher import WaveWatcher
from dcs_upkeep.journal.progress import Stage
from dcs_upkeep.reporting.run_log import log_outcome

BAD_REQUEST = "the API refuses the request itself"


class Wave:
    """Sends and watches the pending instances of one wave of a plan."""

    def __init__(self, context: RunContext, number: int, stops: StopConditions, preflight: Preflight) -> None:
        """`stops` is asked before every attempt, and records why not; `preflight` again about each instance, if it was asked long ago."""
        self._context = context
        self._number = number
        self._stops = stops
        self._preflight = preflight
        self._ports = context.ports
        self._rate = context.rate
        self._queue: deque[Batch] = deque()
        self._in_flight: dict[Future[Answer], tuple[int, Batch]] = {}
        self._watcher = WaveWatcher(context, number, stops)
        self._awaited = Awaited(context, number, stops)
        self._send_deadline = self._now() + context.verifier.timeout_s
        self._refused = RefusedBatches(context, number, self._send_deadline)

    def run(self) -> None:
        """Go on until every instance of the wave has its outcome, or time is up, or sending was stopped and nothing is left to watch."""
        pending = self._context.state.at_stage(Stage.PENDING, wave=self._number)
        awaited = tuple(progress.instance_id for progress in pending if self._awaited.concerns(progress))
        ready = [progress.instance_id for progress in pending if progress.instance_id not in awaited]
        self._enqueue(retry_policy.split(ready, self._rate.batch_size), Batch(()))
        if awaited:
            self._queue.append(Batch(awaited, due=self._now() + self._context.settings.poll_s, awaited=True, busy_waits=1))
        if self._watcher.watched():  # taken over from an earlier invocation
            self._watcher.expect_now()
        with ThreadPoolExecutor(max_workers=max(1, self._rate.parallel), thread_name_prefix="send") as pool:
            while True:
                self._context.writer.renew_if_due()
                self._launch(pool)
                self._watcher.poll_if_due(sum(len(batch.ids) for batch in self._queue), self._aside())
                is_over = not self._work_left() or self._is_held() or self._context.deadline.remaining_s() <= 0
                if is_over and not self._in_flight:
                    return
                self._wait()

    def _work_left(self) -> bool:
        # A journal that does not answer is not waited for once everything that was sent is seen to its end.
        return bool(self._watcher.watched()) or (bool(self._queue) and not self._context.writer.behind)

    def _is_held(self) -> bool:
        """Whether the account is throttled for longer than this invocation lasts, and nothing else is left to do here."""
        wait_s = self._rate.ready_at - self._now()
        if self._queue and not self._watcher.watched() and self._context.deadline.remaining_s() < wait_s:
            self._stops.throttled(ThrottledError("restart_or_flush_instances", wait_s))
            return True
        return self._watcher.is_held

    def _aside(self) -> set[str]:
        """The instances of refused batches that nobody has read yet: in doubt until then."""
        return {instance_id for batch in self._queue if _unread(batch) for instance_id in batch.ids}

    def _now(self) -> float:
        return self._ports.clock.monotonic()

    def _enqueue(self, parts: Iterable[tuple[str, ...]], like: Batch, due: float = 0.0) -> None:
        """These IDs wait for their turn, with what `like` has been through; nothing of them is set aside."""
        self._queue.extend(replace(like, ids=ids, due=due, refused=None, was_read=False, waited=False) for ids in parts)

    # --- sending -------------------------------------------------------------------------------------------------

    def _launch(self, pool: ThreadPoolExecutor) -> None:
        self._stops.heed()
        if self._context.state.stop:
            self._drop_unsent()
        while self._queue and len(self._in_flight) < self._rate.parallel:
            batch = min(self._queue, key=lambda waiting: waiting.due)
            if max(batch.due, self._rate.ready_at) > self._now():
                return
            self._queue.remove(batch)
            if batch.refused is not None:
                self._read_refused(batch, batch.refused)  # nothing is sent for it, so nothing stops it
            elif len(batch.ids) > self._rate.batch_size:
                self._enqueue(retry_policy.split(batch.ids, self._rate.batch_size), Batch(()))
            elif not self._stops.may_send():
                self._drop_unsent()
                return
            elif batch.awaited:
                self._look_at_awaited(batch)
            else:
                self._attempt(batch, pool)

    def _drop_unsent(self) -> None:
        """Nothing more is sent. A batch that was refused and not read yet is still read: nobody knows of its instances until then."""
        self._queue = deque(batch for batch in self._queue if _unread(batch))

    def _attempt(self, batch: Batch, pool: ThreadPoolExecutor) -> None:
        """Send a batch, or what the guards leave of it if they were asked too long ago."""
        ids = self._preflight.ask_again(self._number, batch.ids)
        if not ids or self._stops.heed():  # reading takes its time
            return
        attempt = self._context.writer.sending(self._number, ids)
        if attempt is None:
            # The journal does not take it, or the lease has lapsed just now: it waits, and the guards are asked again.
            self._queue.append(replace(batch, ids=ids, due=self._now() + retry_policy.KEPT_BACK_S))
            return
        self._rate.next_at = self._now() + self._rate.gap_s
        self._in_flight[pool.submit(self._send, ids)] = (attempt, replace(batch, ids=ids))

    def _read_refused(self, batch: Batch, refused: Answer) -> None:
        found = self._refused.read(batch, refused)
        self._queue.extend(found.waiting)
        if found.reaction is not None:
            if isinstance(found.reaction, StopRun):
                self._context.fail(found.fit, f"{refused.what}; {NOT_EXECUTED}")
            self._react(found.reaction, replace(batch, ids=found.fit), refused)

    def _look_at_awaited(self, batch: Batch) -> None:
        """Those that have come to where the action may begin are sent; only the others wait on."""
        found = self._awaited.look(batch.ids, batch.busy_waits)
        self._enqueue(retry_policy.split(found.ready, self._rate.batch_size), Batch(()))
        if found.waiting:
            self._queue.append(replace(batch, ids=found.waiting, due=found.due, busy_waits=batch.busy_waits + 1))

    def _send(self, ids: tuple[str, ...]) -> Answer:
        """One attempt, in a thread of its own. It leaves only if it is sure to end while nobody else may act on this run.

        Asked here, after `sending` was written: a process that was stopped in between must not send when it wakes.
        What remains is the moment between this question and the socket.
        """
        timeout_s = self._ports.dcs.put_timeout_s()
        if timeout_s <= 0:
            return Answer(AnswerKind.NOT_SENT, "not sent: too little time was left in this invocation")
        if not self._context.writer.lease_covers(timeout_s + self._context.settings.skew_s):
            return Answer(AnswerKind.NOT_SENT, "not sent: the lease on this run would end too soon")
        return self._ports.dcs.send(self._context.plan.action, ids)

    def _collect(self, done: Iterable[Future[Answer]]) -> None:
        # What is read for a refusal comes last, so that no other answer waits for it.
        for future in sorted(done, key=lambda one: one.result().kind is AnswerKind.DENIED):
            attempt, batch = self._in_flight.pop(future)
            answer = future.result()
            reaction = self._decide(batch, answer)
            outcomes = self._final_outcomes(reaction, batch.ids, answer)
            self._context.writer.sent(attempt, retry_policy.verdicts(reaction, batch.ids, answer), answer, outcomes)
            self._ports.log(
                "wave.sent",
                level="info" if answer.kind is AnswerKind.RESULTS else "warning",
                wave=self._number,
                attempt=attempt,
                instances=len(batch.ids),
                answer=answer.kind.value,
                reason=answer.what,
                error_code=answer.code,
                dcs_request_id=answer.request_id,
            )
            for outcome in outcomes:
                log_outcome(self._ports, outcome)
            self._react(reaction, batch.with_count(answer.kind), answer)
            self._watcher.expect_soon()

    def _decide(self, batch: Batch, answer: Answer) -> Reaction:
        """The table's reaction, unless it would come too late."""
        reaction = retry_policy.reaction(answer.kind, self._context.verifier.rule, batch, self._ports.random())
        if isinstance(reaction, RetryAfter) and reaction.within_watch and self._now() + reaction.wait_s > self._send_deadline:
            return Fail(retry_policy.TOO_LATE)
        return reaction

    def _final_outcomes(self, reaction: Reaction, ids: tuple[str, ...], answer: Answer) -> list[Outcome]:
        """What the answer decides for good. It stands in the same entry as the answer: nothing in between can take it back."""
        match reaction:
            case Fail(why):
                return [self._context.outcome(one, OutcomeKind.FAILED, f"{answer.what}; {why}", answer) for one in ids]
            case StopRun(refuses=True):
                reason = f"{BAD_REQUEST}: {answer.what}"
                return [self._context.outcome(one, OutcomeKind.REFUSED, reason, answer, "request") for one in ids]
            case StopRun():
                return self._denied(ids, answer)
            case _:
                return []

    def _denied(self, ids: tuple[str, ...], answer: Answer) -> list[Outcome]:
        """Nothing of these is sent again. Of a batch it is said for which of them it was refused, if a reading shows that."""
        outside = self._refused.outside(ids) if answer.kind is AnswerKind.DENIED else set()
        why = dict.fromkeys(outside, f"{NOT_EXECUTED}: {OUTSIDE}")
        others = f"{NOT_EXECUTED}, as nothing of its batch was: {list_some(sorted(outside))} outside of what is granted"
        return [
            self._context.outcome(one, OutcomeKind.FAILED, f"{answer.what}; {why.get(one, others if outside else NOT_EXECUTED)}", answer)
            for one in ids
        ]

    def _react(self, reaction: Reaction, batch: Batch, answer: Answer) -> None:
        """Carry out what the table says for the IDs of a batch, after the answer is on record."""
        if answer.kind is AnswerKind.THROTTLED:
            self._rate.slow_down()
        if answer.kind is AnswerKind.TOO_MANY:
            self._rate.shrink()
        match reaction:
            case Watch() | Doubt() | Fail():
                return
            case RetryAfter(wait_s):
                self._enqueue([batch.ids], batch, self._now() + wait_s)
            case ReadFirst(after_s):
                due = self._now() + after_s if after_s else 0.0
                self._queue.appendleft(replace(batch, due=due, refused=answer, was_read=False))
            case Bisect():
                self._enqueue(retry_policy.bisect(batch.ids), batch, self._now())
            case HalveBatches():
                size = min(self._rate.batch_size, (len(batch.ids) + 1) // 2)
                self._enqueue(retry_policy.split(batch.ids, size), Batch(()))
            case StopRun(refuses=True):
                self._context.writer.stop("request", OutcomeKind.REFUSED, f"{BAD_REQUEST}: {answer.what}", guard="request")
            case StopRun():
                self._context.writer.stop("denied", OutcomeKind.NOT_ATTEMPTED, answer.what)
            case _:
                assert_never(reaction)

    # --- waiting -------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Sleep until the next thing is due, or until an answer comes."""
        now = self._now()
        moments: list[float] = []
        if self._queue and len(self._in_flight) < self._rate.parallel:
            moments.append(max(min(batch.due for batch in self._queue), self._rate.ready_at))
        if self._watcher.due is not None and self._watcher.watched(self._aside()):
            moments.append(self._watcher.due)
        if self._in_flight:
            done, _ = wait(self._in_flight, max(0.0, min(moments) - now) if moments else None, FIRST_COMPLETED)
            self._collect(done)
        elif moments and min(moments) > now:
            self._context.sleep(min(min(moments) - now, max(0.0, self._context.deadline.remaining_s())))


def _unread(batch: Batch) -> bool:
    """Whether the batch was refused, and nobody has looked yet what became of its instances."""
    return batch.refused is not None and not batch.was_read
