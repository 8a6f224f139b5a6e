"""How long a plan takes and how many calls it needs, as far as anybody can say before. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dcs_upkeep.domain.actions import Action

# What one instance is assumed to take: an ordinary one, not the longest. (A restart: 10 s to 30 min, says the manual.)
ASSUMED_S: Mapping[str, float] = {
    Action.RESTART: 60.0,
    Action.SOFT_RESTART: 30.0,
    Action.FLUSH: 30.0,
    Action.STOP: 60.0,
    Action.START: 60.0,
}
UNWATCHED_S = 5.0  # of a wave that is sent and not looked at again


@dataclass(frozen=True, slots=True)
class Duration:
    """`each_s`: what a wave is assumed to take. `most_s`: None if nothing is watched."""

    likely_s: float
    each_s: float
    most_s: float | None


def duration(action: str, waves: int, pause_s: float, watch_s: float | None) -> Duration:
    """Of a whole plan: its waves one after the other, and the pauses between them."""
    each_s = UNWATCHED_S if watch_s is None else min(watch_s, ASSUMED_S.get(action, 60.0))
    pauses_s = max(0, waves - 1) * pause_s
    return Duration(waves * each_s + pauses_s, each_s, None if watch_s is None else waves * watch_s + pauses_s)


def left_s(waves_left: float, pause_s: float, took_s: Sequence[float], each_s: float) -> float:
    """Of a run that is under way. `took_s`: what its waves have taken so far; as long as there are none, the assumption."""
    wave_s = sum(took_s) / len(took_s) if took_s else each_s
    return waves_left * wave_s + max(0, math.ceil(waves_left) - 1) * pause_s


def calls(waves: Sequence[int], batch_size: int, reads: int, each_s: float, poll_s: float) -> tuple[int, int]:
    """(calls that act, calls that read) of a whole plan. `reads`: what it took to make the plan, which a run makes anew.

    Just before its wave each instance is read, and from then on the wave about once a poll.
    """
    acting = sum(-(-size // batch_size) for size in waves)
    polls = len(waves) * math.ceil(each_s / poll_s)
    return acting, reads + sum(waves) + polls
