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

from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Answer, AnswerKind, Instance, OutcomeKind
from dcs_upkeep.execution import retry_policy
from dcs_upkeep.execution.awaited import Awaited
from dcs_upkeep.execution.context import RunContext
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
from dcs_upkeep.journal.run_state import Stage


class Wave:
    """Sends and watches the pending instances of one wave of a plan."""

    def __init__(self, context: RunContext, number: int, stops: StopConditions) -> None:
        """`stops` is asked before every attempt, and records why not."""
        self._context = context
        self._number = number
        self._stops = stops
        self._ports = context.ports
        self._rate = context.rate
        self._queue: deque[Batch] = deque()
        self._in_flight: dict[Future[Answer], tuple[int, Batch]] = {}
        self._watcher = WaveWatcher(context, number)
        self._awaited = Awaited(context, number)
        self._send_deadline = self._now() + context.verifier.timeout_s

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
                self._watcher.poll_if_due(sum(len(batch.ids) for batch in self._queue))
                if not self._in_flight and (not self._work_left() or self._context.deadline.remaining_s() <= 0):
                    return
                self._wait()

    def _work_left(self) -> bool:
        return bool(self._queue) or bool(self._watcher.watched())

    def _now(self) -> float:
        return self._ports.clock.monotonic()

    def _enqueue(self, parts: Iterable[tuple[str, ...]], like: Batch, due: float = 0.0) -> None:
        """These IDs wait for their turn, with what `like` has been through; nothing of them is set aside."""
        self._queue.extend(replace(like, ids=ids, due=due, refused=None, waited=False) for ids in parts)

    # --- sending -------------------------------------------------------------------------------------------------

    def _launch(self, pool: ThreadPoolExecutor) -> None:
        if self._context.state.stop:
            self._queue.clear()
        while self._queue and len(self._in_flight) < self._rate.parallel:
            batch = min(self._queue, key=lambda waiting: waiting.due)
            if max(batch.due, self._rate.next_at) > self._now():
                return
            self._queue.remove(batch)
            if batch.refused is not None:
                self._read_refused(batch, batch.refused)
                continue
            if not self._stops.may_send():
                self._queue.clear()
                return
            if batch.awaited:
                self._look_at_awaited(batch)
                continue
            if len(batch.ids) > self._rate.batch_size:
                self._enqueue(retry_policy.split(batch.ids, self._rate.batch_size), Batch(()))
                continue
            attempt = self._context.writer.sending(self._number, batch.ids)
            if attempt is None:
                self._queue.clear()
                return
            self._rate.next_at = self._now() + self._rate.gap_s
            self._in_flight[pool.submit(self._send, batch.ids)] = (attempt, batch)

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
        for future in done:
            attempt, batch = self._in_flight.pop(future)
            answer = future.result()
            reaction = retry_policy.reaction(answer.kind, self._context.verifier.rule, batch, self._ports.random())
            self._context.writer.sent(attempt, retry_policy.verdicts(reaction, batch.ids, answer), answer)
            self._ports.log(
                "wave.sent",
                level="info" if answer.kind is AnswerKind.RESULTS else "warning",
                wave=self._number,
                attempt=attempt,
                instances=len(batch.ids),
                answer=answer.kind.value,
                reason=answer.what,
                error_code=answer.code,
                request_id=answer.request_id,
            )
            again = tuple(one for one in batch.ids if self._context.state.progress[one].stage is Stage.PENDING)
            if again:
                self._react(reaction, replace(batch.with_count(answer.kind), ids=again), answer)
            self._watcher.expect_soon()

    def _react(self, reaction: Reaction, batch: Batch, answer: Answer) -> None:
        """Carry out what the table says for the IDs of a batch that were proven not executed. `batch.ids`: those."""
        if answer.kind is AnswerKind.THROTTLED:
            self._rate.slow_down()
        if answer.kind is AnswerKind.TOO_MANY:
            self._rate.shrink()
        match reaction:
            case Watch() | Doubt():
                return
            case RetryAfter(wait_s, within_watch):
                due = self._now() + wait_s
                if within_watch and due > self._send_deadline:
                    self._context.fail(batch.ids, f"{answer.what}; {NOT_EXECUTED}, and the time for retrying is over")
                else:
                    self._enqueue([batch.ids], batch, due)
            case ReadFirst(after_s):
                self._queue.append(replace(batch, due=self._now() + after_s, refused=answer))
            case Bisect():
                self._enqueue(retry_policy.bisect(batch.ids), batch, self._now())
            case HalveBatches():
                size = min(self._rate.batch_size, (len(batch.ids) + 1) // 2)
                self._enqueue(retry_policy.split(batch.ids, size), Batch(()))
            case Fail(for_its_kind):
                never = f", and a {self._context.plan.action} is not sent again after a refusal" if for_its_kind else ""
                self._context.fail(batch.ids, f"{answer.what}; {NOT_EXECUTED}{never}")
            case StopRun(refuses=True):
                reason = f"the API refuses the request itself: {answer.what}"
                self._context.writer.stop("request", OutcomeKind.REFUSED, reason, guard="request")
            case StopRun():
                self._context.fail(batch.ids, f"{answer.what}; {NOT_EXECUTED}")
                self._context.writer.stop("denied", OutcomeKind.NOT_ATTEMPTED, answer.what)
            case _:
                assert_never(reaction)

    # --- after a refusal that one ID can cause -------------------------------------------------------------------

    def _read_refused(self, batch: Batch, refused: Answer) -> None:
        """Read the batch, take aside what the reading explains, queue the rest.

        What shows this action's effect counts as accepted and is not sent again. Only a busy culprit waits.
        """
        try:
            shown = self._ports.dcs.read(batch.ids)
        except CloudError as err:
            self._ports.log("wave.read_failed", level="warning", wave=self._number, reason=str(err))
            self._wait_for(batch.ids, batch, refused, "it cannot be read")
            return
        verifier, progress = self._context.verifier, self._context.state.progress
        evidence = {one: reason for one in batch.ids if (reason := verifier.evidence(progress[one], shown.get(one)))}
        unexplained = [one for one in batch.ids if one not in evidence]
        fit = tuple(one for one in unexplained if not self._set_aside(one, shown.get(one), batch, refused))
        self._context.writer.seen([one for one in evidence if shown[one].status == verifier.rule.busy], evidence)
        if fit:
            self._after_reading(fit, batch, refused, culprit_found=len(fit) < len(unexplained))

    def _set_aside(self, instance_id: str, instance: Instance | None, batch: Batch, refused: Answer) -> bool:
        """Whether the reading shows why this ID was refused: it then fails, or waits until it is no longer busy."""
        if instance is None:
            self._context.fail((instance_id,), f"{refused.what}; it is no longer listed")
        elif busy := self._context.verifier.busy_with(instance):
            self._wait_for((instance_id,), batch, refused, busy)
        elif instance.status in self._context.verifier.rule.allowed_from:
            return False
        else:
            self._context.fail((instance_id,), f"{refused.what}; it is {instance.status or 'without a status in the answer'}")
        return True

    def _after_reading(self, fit: tuple[str, ...], batch: Batch, refused: Answer, *, culprit_found: bool) -> None:
        poll_s = self._context.settings.poll_s
        reaction = retry_policy.reaction_to_reading(batch, len(fit), poll_s, culprit_found=culprit_found)
        if isinstance(reaction, ReadFirst):
            self._wait_for(fit, batch, refused, "it is still busy")
        else:
            self._react(reaction, replace(batch, ids=fit), refused)

    def _wait_for(self, ids: tuple[str, ...], batch: Batch, refused: Answer, why: str) -> None:
        """Let only these wait for their turn, and read them again before it."""
        due = self._now() + retry_policy.busy_wait_s(batch.busy_waits, self._context.settings.poll_s)
        if due > self._send_deadline:
            self._context.fail(ids, f"{refused.what}; {NOT_EXECUTED}: {why}, and the time for waiting is over")
            return
        self._queue.append(replace(batch, ids=ids, due=due, busy_waits=batch.busy_waits + 1, refused=refused, waited=True))

    # --- waiting -------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Sleep until the next thing is due, or until an answer comes."""
        now = self._now()
        moments: list[float] = []
        if self._queue and len(self._in_flight) < self._rate.parallel:
            moments.append(max(min(batch.due for batch in self._queue), self._rate.next_at))
        if self._watcher.due is not None and self._watcher.watched():
            moments.append(self._watcher.due)
        if self._in_flight:
            done, _ = wait(self._in_flight, max(0.0, min(moments) - now) if moments else None, FIRST_COMPLETED)
            self._collect(done)
        elif moments and min(moments) > now:
            self._context.sleep(min(min(moments) - now, max(0.0, self._context.deadline.remaining_s())))
