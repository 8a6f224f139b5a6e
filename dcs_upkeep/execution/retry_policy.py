"""What one answer to a status PUT means, and what is done about it: the one table of what is sent again and what never. Pure.

Whatever is not proven unexecuted is never sent again. `flush` is sent again only after a 429, or if no connection was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from dcs_upkeep.domain.actions import ActionRule
from dcs_upkeep.domain.model import Answer, AnswerKind
from dcs_upkeep.domain.ports import Pace
from dcs_upkeep.journal.progress import Stage

AGAIN, FINAL = "again", "final"
MAX_REFUSED_CONNECTIONS = 4
NEVER_AGAIN = "it was not executed, and this action is not sent again after a refusal"
TOO_LATE = "it was not executed, and the time for retrying is over"
# After a 400 to a whole batch nothing documents whether the healthy ones were acted on. What was would show its busy state
# within moments; reading at once could still see the state before.
READ_AFTER_S = 3.0
AT_ONCE = 0.0  # before anything else is sent
THROTTLE_FIRST_S = 2.0
KEPT_BACK_S = 5.0  # what was not sent for want of lease or time waits, so that the journal is not filled with tries
THROTTLE_MOST_S = 60.0


@dataclass(frozen=True, slots=True)
class Batch:
    """The IDs of one PUT to come. `due` is on the monotonic clock.

    `refused`: the 400 or 403 that this batch got, so that it is read before anything of it is sent again; `was_read`: it was, so that
    what is left of it is known not to be executed; `waited`: it was set aside as busy and has waited for its turn.
    `awaited`: on its way to where the action may begin, so that it is read before its first attempt, `busy_waits` times so far.
    """

    ids: tuple[str, ...]
    due: float = 0.0
    throttled: int = 0
    refused_connections: int = 0
    busy_waits: int = 0
    refused: Answer | None = None
    was_read: bool = False
    waited: bool = False
    awaited: bool = False

    def with_count(self, kind: AnswerKind) -> Batch:
        """The same after one more answer of this kind."""
        return replace(
            self,
            throttled=self.throttled + (kind is AnswerKind.THROTTLED),
            refused_connections=self.refused_connections + (kind is AnswerKind.NOT_CONNECTED),
        )


@dataclass(slots=True)
class SendRate:
    """How fast the rest of the run may send. It only ever slows down. `pace`: the account's, which every call waits for."""

    batch_size: int
    parallel: int
    pace: Pace | None = None
    gap_s: float = 0.0
    next_at: float = field(default=0.0)

    @property
    def ready_at(self) -> float:
        """When the next attempt may leave, on the monotonic clock."""
        return self.next_at if self.pace is None else max(self.next_at, self.pace.opens_at)

    def slow_down(self) -> None:
        """After a 429: fewer calls at a time, and a growing gap between two."""
        self.parallel = max(1, self.parallel // 2)
        self.gap_s = min(10.0, max(0.5, self.gap_s * 2))

    def shrink(self) -> None:
        """After DCS.4100: half as many IDs per call."""
        self.batch_size = max(1, self.batch_size // 2)


@dataclass(frozen=True, slots=True)
class Watch:
    """Each ID is judged by its own row of the answer; what was accepted is watched."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Nobody knows whether it was executed: evidence decides, never another PUT."""


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Not executed: the same again after so many seconds. `within_watch`: only while the wave's watch time is not over."""

    wait_s: float
    within_watch: bool = True


@dataclass(frozen=True, slots=True)
class ReadFirst:
    """Not executed as a whole, and nothing is known of the single IDs: read them after so many seconds, then decide."""

    after_s: float


@dataclass(frozen=True, slots=True)
class Bisect:
    """Not executed, and one ID spoils the batch though a reading shows none: in two halves."""


@dataclass(frozen=True, slots=True)
class HalveBatches:
    """Not executed since it holds too many IDs: smaller batches from now on."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Not executed, and not sent again. `why`: in words, after the answer's own."""

    why: str = "it was not executed"


@dataclass(frozen=True, slots=True)
class StopRun:
    """Not executed, and nothing else of this run would be. `refuses`: the request itself is at fault, not a right or an instance."""

    refuses: bool


Reaction = Watch | Doubt | RetryAfter | ReadFirst | Bisect | HalveBatches | Fail | StopRun


def reaction(kind: AnswerKind, rule: ActionRule, batch: Batch, random: float) -> Reaction:
    """What follows from an answer of this kind to this batch. `random`: 0 to 1, for full jitter."""
    match kind:
        case AnswerKind.RESULTS:
            return Watch()
        case AnswerKind.LOST:
            return Doubt()
        case AnswerKind.THROTTLED:
            return RetryAfter(throttle_wait_s(batch.throttled + 1, random))
        case AnswerKind.NOT_SENT:  # kept back by ourselves, so no try of the cloud's patience
            return RetryAfter(KEPT_BACK_S, within_watch=False)
        case AnswerKind.NOT_CONNECTED:
            if batch.refused_connections >= MAX_REFUSED_CONNECTIONS:
                return Fail()
            return RetryAfter(throttle_wait_s(batch.refused_connections + 1, random))
        case AnswerKind.ONE_BAD_ID:
            if rule.again_after_refusal:
                return ReadFirst(READ_AFTER_S)
            # Nothing documents what became of the others in the batch.
            return Doubt() if len(batch.ids) > 1 else Fail(NEVER_AGAIN)
        case AnswerKind.TOO_MANY:
            if not rule.again_after_refusal:
                return Fail(NEVER_AGAIN)
            return HalveBatches() if len(batch.ids) > 1 else Fail()
        case AnswerKind.BAD_REQUEST:
            return StopRun(refuses=True)
        case AnswerKind.DENIED:
            # One ID outside of what is granted spoils the batch. A flush is not sent again, so that nothing would follow from knowing it.
            if len(batch.ids) > 1 and rule.again_after_refusal:
                return ReadFirst(AT_ONCE)
            return StopRun(refuses=False)
        case AnswerKind.UNAUTHORIZED:
            return StopRun(refuses=False)
        case _:
            assert_never(kind)


def reaction_to_reading(batch: Batch, fit: int, poll_s: float, *, culprit_found: bool) -> Reaction:
    """What follows for the `fit` IDs of a refused batch that, as a reading shows, were not acted on and could be."""
    if batch.refused is not None and batch.refused.kind is AnswerKind.DENIED and not culprit_found:
        return StopRun(refuses=False)
    if len(batch.ids) > 1:
        return RetryAfter(0.0, within_watch=False) if culprit_found or fit == 1 else Bisect()
    if batch.waited:
        return RetryAfter(0.0, within_watch=False)
    if batch.refused is not None and batch.refused.busy:
        return ReadFirst(busy_wait_s(batch.busy_waits, poll_s))
    return Fail()


def verdicts(reaction: Reaction, ids: Sequence[str], answer: Answer) -> dict[str, str]:
    """ID -> what the journal says of it: a stage, `again` if it may be sent again, or `final` if its outcome stands in the same entry."""
    match reaction:
        case Watch():
            words = {"success": Stage.ACCEPTED.value, "failed": Stage.API_FAILED.value}
            return {one: words.get(answer.results.get(one, ""), Stage.DOUBT.value) for one in ids}
        case Doubt() | ReadFirst():  # until it was read, nobody knows of any single ID
            return dict.fromkeys(ids, Stage.DOUBT.value)
        case Fail() | StopRun():
            return dict.fromkeys(ids, FINAL)
        case RetryAfter() | Bisect() | HalveBatches():
            return dict.fromkeys(ids, AGAIN)
        case _:
            assert_never(reaction)


def split(ids: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """n IDs -> ceil(n / size) tuples, order kept."""
    return [tuple(ids[start : start + size]) for start in range(0, len(ids), size)]


def bisect(ids: Sequence[str]) -> list[tuple[str, ...]]:
    """Two halves, the first the larger one."""
    return split(ids, (len(ids) + 1) // 2)


def throttle_wait_s(times: int, random: float) -> float:
    """Full jitter, growing: a random share of 2 s, 4 s, 8 s... up to 60 s; never under half a second."""
    return max(0.5, random * min(THROTTLE_MOST_S, THROTTLE_FIRST_S * 2.0 ** min(times - 1, 10)))


def busy_wait_s(times: int, poll_s: float) -> float:
    """How long a busy instance is left alone before the next try: one poll, then longer, up to a minute."""
    return min(max(60.0, poll_s), poll_s * 1.5 ** min(times, 10))
