"""One wave: its batches are sent, and its instances watched until each has an outcome, in one loop.

One thread decides and writes the journal; only the PUTs themselves run in others. Sending and watching share the loop
so that a busy instance can wait for its turn while the effect on the healthy ones is being seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from dcs_upkeep.domain.actions import TRANSIENT_STATES, Action
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Answer, AnswerKind, OutcomeKind, Plan
from dcs_upkeep.domain.ports import Ports
from dcs_upkeep.execution.retry_policy import (
    LOOK_AFTER_S,
    MAX_REFUSED_CONNECTIONS,
    Batch,
    SendRate,
    bisect,
    busy_wait_s,
    split,
    throttle_wait_s,
    verdicts,
)
from dcs_upkeep.execution.verification import Verifier
from dcs_upkeep.execution.watcher import WaveWatcher
from dcs_upkeep.journal.run_state import Stage
from dcs_upkeep.journal.run_writer import RunWriter


class Wave:
    """Sends and watches the pending instances of one wave of a plan."""

    def __init__(
        self,
        number: int,
        plan: Plan,
        recorder: RunWriter,
        ports: Ports,
        pace: SendRate,
        watcher: Verifier,
        *,
        poll_s: float,
        skew_s: float,
        may_send: Callable[[], bool],
        left_s: Callable[[], float],
    ) -> None:
        """`may_send` runs before every attempt and records why not; `left_s`: seconds left for this wave's calls."""
        self._number = number
        self._plan = plan
        self._recorder = recorder
        self._ports = ports
        self._pace = pace
        self._watcher = watcher
        self._poll_s = poll_s
        self._skew_s = skew_s
        self._may_send = may_send
        self._left_s = left_s
        self._queue: deque[Batch] = deque()
        self._in_flight: dict[Future[Answer], tuple[int, Batch]] = {}
        self._poller = WaveWatcher(number, plan, recorder, ports, watcher, poll_s)
        self._send_deadline = ports.clock.monotonic() + watcher.timeout_s

    def run(self) -> None:
        """Go on until every instance of the wave has its outcome, or time is up, or sending was stopped and nothing is left to watch."""
        pending = [one.instance_id for one in self._poller.stage(Stage.PENDING)]
        self._queue.extend(Batch(ids) for ids in split(pending, self._pace.batch_size))
        if self._poller.watched():  # taken over from an earlier invocation
            self._poller.now()
        with ThreadPoolExecutor(max_workers=max(1, self._pace.parallel), thread_name_prefix="send") as pool:
            while True:
                self._recorder.renew_if_due()
                self._launch(pool)
                self._poller.poll_if_due(sum(len(batch.ids) for batch in self._queue))
                if not self._in_flight and (not self._work_left() or self._left_s() <= 0):
                    return
                self._wait()

    def _work_left(self) -> bool:
        return bool(self._queue) or bool(self._poller.watched())

    # --- sending -------------------------------------------------------------------------------------------------

    def _launch(self, pool: ThreadPoolExecutor) -> None:
        clock = self._ports.clock
        if self._recorder.state.stop:
            self._queue.clear()
        while self._queue and len(self._in_flight) < self._pace.parallel:
            batch = min(self._queue, key=lambda one: one.due)
            if max(batch.due, self._pace.next_at) > clock.monotonic():
                return
            self._queue.remove(batch)
            if batch.refused is not None:
                self._look(batch, batch.refused)
                continue
            if not self._may_send():
                self._queue.clear()
                return
            if len(batch.ids) > self._pace.batch_size:
                self._queue.extend(Batch(ids) for ids in split(batch.ids, self._pace.batch_size))
                continue
            attempt = self._recorder.sending(self._number, batch.ids)
            if attempt is None:
                self._queue.clear()
                return
            self._pace.next_at = clock.monotonic() + self._pace.gap_s
            self._in_flight[pool.submit(self._send, batch.ids)] = (attempt, batch)

    def _send(self, ids: tuple[str, ...]) -> Answer:
        """One attempt, in a thread of its own. It leaves only if it is sure to end while nobody else may act on this run.

        Asked here, after `sending` was written: a process that was stopped in between must not send when it wakes.
        What remains is the moment between this question and the socket.
        """
        timeout_s = self._ports.dcs.put_timeout_s()
        if timeout_s <= 0:
            return Answer(AnswerKind.NOT_SENT, "not sent: too little time was left in this invocation")
        if not self._recorder.lease_covers(timeout_s + self._skew_s):
            return Answer(AnswerKind.NOT_SENT, "not sent: the lease on this run would end too soon")
        return self._ports.dcs.send(self._plan.action, ids)

    def _collect(self, done: Iterable[Future[Answer]]) -> None:
        for future in done:
            attempt, batch = self._in_flight.pop(future)
            answer = future.result()
            self._recorder.sent(attempt, verdicts(self._plan.action, batch.ids, answer), answer)
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
            self._after(batch, answer)
            self._poller.answered()

    def _after(self, batch: Batch, answer: Answer) -> None:
        """Decide what follows for the IDs that were proven not executed."""
        again = tuple(one.instance_id for one in self._poller.progress(batch.ids) if one.stage is Stage.PENDING)
        if not again:
            return
        now = self._ports.clock.monotonic()
        if answer.kind is AnswerKind.TOO_MANY:
            self._pace.shrink()
        match answer.kind:
            case AnswerKind.TOO_MANY | AnswerKind.ONE_BAD_ID if self._plan.action is Action.FLUSH:
                self._poller.fail(again, f"{answer.what}; it was not executed, and a flush is not tried again after a refusal")
            case AnswerKind.THROTTLED:
                self._pace.slow_down()
                due = now + throttle_wait_s(batch.throttled + 1, self._ports.random())
                self._retry(Batch(again, due, batch.throttled + 1, batch.refused_connections), answer)
            case AnswerKind.NOT_SENT:
                self._queue.append(Batch(again, now, batch.throttled, batch.refused_connections, batch.busy_waits))
            case AnswerKind.NOT_CONNECTED if batch.refused_connections < MAX_REFUSED_CONNECTIONS:
                due = now + throttle_wait_s(batch.refused_connections + 1, self._ports.random())
                self._retry(Batch(again, due, batch.throttled, batch.refused_connections + 1), answer)
            case AnswerKind.TOO_MANY if len(again) > 1:
                self._queue.extend(Batch(ids) for ids in split(again, min(self._pace.batch_size, (len(again) + 1) // 2)))
            case AnswerKind.ONE_BAD_ID:
                self._queue.append(Batch(again, now + LOOK_AFTER_S, refused=answer, busy_waits=batch.busy_waits))
            case AnswerKind.BAD_REQUEST:
                self._recorder.stop("request", OutcomeKind.REFUSED, f"the API refuses the request itself: {answer.what}", guard="request")
            case AnswerKind.DENIED:
                self._poller.fail(again, f"{answer.what}; it was not executed")
                self._recorder.stop("denied", OutcomeKind.NOT_ATTEMPTED, answer.what)
            case _:
                self._poller.fail(again, f"{answer.what}; it was not executed")

    def _retry(self, batch: Batch, answer: Answer) -> None:
        if batch.due > self._send_deadline:
            self._poller.fail(batch.ids, f"{answer.what}; it was not executed, and the time for retrying is over")
        else:
            self._queue.append(batch)

    def _look(self, batch: Batch, refused: Answer) -> None:
        """After a 400 that one ID can cause: read the batch, take aside what the reading explains, queue the rest.

        What shows this action's effect counts as accepted and is not sent again. Only a busy culprit waits.
        """
        now = self._ports.clock.monotonic()
        try:
            shown = self._ports.dcs.read(batch.ids)
        except CloudError as err:
            self._ports.log("wave.read_failed", level="warning", wave=self._number, reason=str(err))
            self._wait_for(batch.ids, batch, refused, "it cannot be read")
            return
        evidence: dict[str, str] = {}
        fit: list[str] = []
        aside = 0
        for one in self._poller.progress(batch.ids):
            instance = shown.get(one.instance_id)
            if reason := self._watcher.evidence(one, instance):
                evidence[one.instance_id] = reason
            elif instance is None:
                self._poller.fail((one.instance_id,), f"{refused.what}; it is no longer listed")
            elif instance.status in self._watcher.rule.allowed_from:
                fit.append(one.instance_id)
                continue
            elif instance.status in TRANSIENT_STATES:
                self._wait_for((one.instance_id,), batch, refused, f"it is {instance.status}")
            else:
                self._poller.fail((one.instance_id,), f"{refused.what}; it is {instance.status}")
            aside += one.instance_id not in evidence
        self._recorder.seen([one for one in evidence if shown[one].status == self._watcher.rule.busy], evidence)
        self._queue_fit(tuple(fit), batch, refused, culprit_found=aside > 0, now=now)

    def _queue_fit(self, fit: tuple[str, ...], batch: Batch, refused: Answer, *, culprit_found: bool, now: float) -> None:
        if not fit:
            return
        if len(batch.ids) > 1:
            parts = [fit] if culprit_found or len(fit) == 1 else bisect(fit)
            self._queue.extend(Batch(ids, now) for ids in parts)
        elif batch.waited:
            self._queue.append(Batch(fit, now, busy_waits=batch.busy_waits))
        elif refused.busy:
            self._wait_for(fit, batch, refused, "it is still busy")
        else:
            self._poller.fail(fit, f"{refused.what}; it was not executed")

    def _wait_for(self, ids: tuple[str, ...], batch: Batch, refused: Answer, why: str) -> None:
        """Let only these wait for their turn, and read them again before it."""
        due = self._ports.clock.monotonic() + busy_wait_s(batch.busy_waits, self._poll_s)
        if due > self._send_deadline:
            self._poller.fail(ids, f"{refused.what}; it was not executed: {why}, and the time for waiting is over")
            return
        self._queue.append(Batch(ids, due, busy_waits=batch.busy_waits + 1, refused=refused, waited=True))

    # --- waiting -------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Sleep until the next thing is due, or until an answer comes."""
        now = self._ports.clock.monotonic()
        moments: list[float] = []
        if self._queue and len(self._in_flight) < self._pace.parallel:
            moments.append(max(min(batch.due for batch in self._queue), self._pace.next_at))
        if self._poller.due is not None and self._poller.watched():
            moments.append(self._poller.due)
        if self._in_flight:
            done, _ = wait(self._in_flight, max(0.0, min(moments) - now) if moments else None, FIRST_COMPLETED)
            self._collect(done)
        elif moments and min(moments) > now:
            self._recorder.sleep(min(min(moments) - now, max(0.0, self._left_s())))
