"""How long an invocation has left. What a context says of it is cross-checked: published runtimes mistake the units of both methods.

OTC's runtime gives `getRunningTimeInSeconds` in milliseconds; openyuanrong adds seconds to milliseconds, so that a function of 900 s
begins with 900 "ms" left. Where RUNTIME_TIMEOUT is text, what is left raises TypeError, and OTC's limit is that text a thousand times.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator

from dcs_upkeep.domain.settings import LONGEST_INVOCATION_S, SHORTEST_INVOCATION_S, Lookup, read_time_limit

AGREES = 0.75  # of the configured time is left at the beginning, in whatever unit; it is nearly all of it
SLACK_S = 1.0  # for rounding, the other way round
ROUNDING_S = 0.1  # a host rounds, and asks its own clock
MS = 1000.0
Asked = Callable[[], object]


class TimeLeft:
    """Counts down from what one invocation surely has, by a clock of our own. Never raises, and is never endless.

    `left_ms`, `limit_s`: the context's methods, by what their names promise: what is left, and what was configured.
    `setting`: where UPKEEP_TIME_LIMIT_S is looked up, which overrules both. `told_s`: what the context's words come to, None without any.
    """

    def __init__(self, left_ms: Asked, limit_s: Asked, setting: Lookup, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._left_ms: Asked | None = None
        left, limit = _number(left_ms), _number(limit_s)
        found_s = time_at_start_s(left, limit)
        self.told_s = None if left is None and limit is None else found_s
        overruled_s = _time_limit(setting)
        self._overruled = overruled_s is not None
        if overruled_s is not None:
            self._had_s = overruled_s
            return
        self._had_s = found_s
        if left is not None and self._had_s <= left / MS <= self._had_s + SLACK_S:
            self._left_ms = left_ms  # it means what its name says, so that it may go on telling

    @property
    def source(self) -> str:
        """Whose word it is, in words."""
        if self._overruled:
            return "as UPKEEP_TIME_LIMIT_S says"
        if self._left_ms is not None:
            return "as the host says, its units cross-checked"
        if self.told_s is not None:
            return "counted from what the host said at the beginning, which it does not say as documented"
        return "the shortest timeout, since the host says nothing usable"

    def remaining_s(self) -> float:
        """Seconds until the kill; negative when they are over."""
        counted_s = self._had_s - (self._clock() - self._began)
        told = _number(self._left_ms) if self._left_ms is not None else None
        return counted_s if told is None or told / MS > counted_s + ROUNDING_S else told / MS


def time_at_start_s(left: float | None, limit: float | None) -> float:
    """Seconds that an invocation has at its beginning, by what its context says is left and was configured. Pure.

    Each may be in milliseconds or in seconds. At the beginning nearly all of the configured time is left, so the units in which both
    agree are the right ones. If they agree in none, or one is missing, the smallest time counts that an invocation can have.
    """
    limits = list(_limits(limit))
    readings = [] if left is None else [left / MS, left]
    agreeing = [min(one, most) for one in readings for most in limits if AGREES * most <= one <= most + SLACK_S]
    if agreeing:
        return min(agreeing)
    plausible = [*limits, *_lefts(left, limits)]
    return min(plausible, default=SHORTEST_INVOCATION_S)


def _limits(limit: float | None) -> Iterator[float]:
    """What the configured time can be: seconds, or milliseconds, which end in three zeros since it is set in whole seconds."""
    if limit is None:
        return
    if _possible(limit):
        yield limit
    if limit % MS == 0 and _possible(limit / MS):
        yield limit / MS


def _lefts(left: float | None, limits: list[float]) -> Iterator[float]:
    """What can be left: milliseconds, unless that is no beginning of anything; then seconds, unless more than was configured."""
    if left is None or not 0 < left <= LONGEST_INVOCATION_S * MS:
        return
    if left >= MS:
        yield left / MS
    elif _possible(left) and (not limits or left <= max(limits) + SLACK_S):
        yield left
    elif _possible(left):
        yield left / MS


def _possible(seconds: float) -> bool:
    return SHORTEST_INVOCATION_S <= seconds <= LONGEST_INVOCATION_S


def _number(ask: Asked) -> float | None:
    """The answer as a number. None if there is none, whatever the reason."""
    try:
        told = ask()
        if isinstance(told, str) and re.fullmatch(r"\d{1,12}(\.\d{1,6})?", text := _once(told.strip())):
            told = float(text)
        found = float(told) if isinstance(told, int | float) and not isinstance(told, bool) else None
    except Exception:  # it is a stranger's method: whatever it raises, the run must be told how long it has
        return None
    return found if found is not None and math.isfinite(found) else None


def _once(text: str) -> str:
    """Text that was to be a thousand times a number, and became a thousand times the text."""
    part = text[: len(text) // int(MS)]
    return part if part and part * int(MS) == text else text


def _time_limit(setting: Lookup) -> float | None:
    try:
        return read_time_limit(setting)
    except Exception:  # the host cannot tell its settings; whoever reads them all says so
        return None
