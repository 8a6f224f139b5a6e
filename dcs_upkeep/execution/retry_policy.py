"""What one answer to a status PUT means, and how fast to go on. Pure; the design's table under "Sending" is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import Answer, AnswerKind
from dcs_upkeep.journal.run_state import Stage

AGAIN = "again"
MAX_REFUSED_CONNECTIONS = 4
# After a 400 to a whole batch nothing documents whether the healthy ones were acted on. What was would show its busy state
# within moments; reading at once could still see the state before.
LOOK_AFTER_S = 3.0
THROTTLE_FIRST_S = 2.0
THROTTLE_MOST_S = 60.0


@dataclass(slots=True)
class Batch:
    """The IDs of one PUT to come. `due` is on the monotonic clock.

    `refused`: the 400 that this batch got, so that it is read before anything of it is sent again; `waited`: it was
    set aside as busy and has waited for its turn.
    """

    ids: tuple[str, ...]
    due: float = 0.0
    throttled: int = 0
    refused_connections: int = 0
    busy_waits: int = 0
    refused: Answer | None = None
    waited: bool = False


@dataclass(slots=True)
class SendRate:
    """How fast the rest of the run may send. It only ever slows down."""

    batch_size: int
    parallel: int
    gap_s: float = 0.0
    next_at: float = field(default=0.0)

    def slow_down(self) -> None:
        """After a 429: fewer calls at a time, and a growing gap between two."""
        self.parallel = max(1, self.parallel // 2)
        self.gap_s = min(10.0, max(0.5, self.gap_s * 2))

    def shrink(self) -> None:
        """After DCS.4100: half as many IDs per call."""
        self.batch_size = max(1, self.batch_size // 2)


def split(ids: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """n IDs -> ceil(n / size) tuples, order kept."""
    return [tuple(ids[start : start + size]) for start in range(0, len(ids), size)]


def bisect(ids: Sequence[str]) -> list[tuple[str, ...]]:
    """Two halves, the first the larger one."""
    return split(ids, (len(ids) + 1) // 2)


def verdicts(action: Action, ids: Sequence[str], answer: Answer) -> dict[str, str]:
    """ID -> what this answer means for it: a stage of the journal, or `again` where it was proven not executed."""
    match answer.kind:
        case AnswerKind.RESULTS:
            words = {"success": Stage.ACCEPTED.value, "failed": Stage.API_FAILED.value}
            return {one: words.get(answer.results.get(one, ""), Stage.DOUBT.value) for one in ids}
        case AnswerKind.LOST:
            return dict.fromkeys(ids, Stage.DOUBT.value)
        case AnswerKind.ONE_BAD_ID if action is Action.FLUSH and len(ids) > 1:
            # Nothing documents what became of the others, and a flush is sent again only where it surely did not happen.
            return dict.fromkeys(ids, Stage.DOUBT.value)
        case (
            AnswerKind.ONE_BAD_ID
            | AnswerKind.THROTTLED
            | AnswerKind.NOT_SENT
            | AnswerKind.NOT_CONNECTED
            | AnswerKind.TOO_MANY
            | AnswerKind.BAD_REQUEST
            | AnswerKind.DENIED
        ):
            return dict.fromkeys(ids, AGAIN)
        case _:
            assert_never(answer.kind)


def throttle_wait_s(times: int, random: float) -> float:
    """Full jitter, growing: a random share of 2 s, 4 s, 8 s... up to 60 s; never under half a second."""
    return max(0.5, random * min(THROTTLE_MOST_S, THROTTLE_FIRST_S * 2.0 ** min(times - 1, 10)))


def busy_wait_s(times: int, poll_s: float) -> float:
    """How long a busy instance is left alone before the next try: one poll, then longer, up to a minute."""
    return min(max(60.0, poll_s), poll_s * 1.5 ** min(times, 10))
