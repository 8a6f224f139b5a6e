"""Which fault meets which call: the n-th call of an operation, or every call in a stretch of time.

A fault is a dict: `kind` (`api`, `journal`, `topic`, `self`, `backup`, `die`, `stall`, `suspend`, `expire`), `op` (what it
meets, "*" for any of its kind; an append also goes by its entry, as in `append sent`), `mode`, and either `nth` (from 1)
with `times`, or `from` with `for`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any


class Faults:
    """The faults of one simulation, and how often each operation was called."""

    def __init__(self, faults: Sequence[dict[str, Any]]) -> None:
        self._by_kind: dict[str, list[dict[str, Any]]] = {}
        for one in faults:
            self._by_kind.setdefault(one["kind"], []).append(one)
        self._calls: Counter[tuple[str, str]] = Counter()
        self.met: list[dict[str, Any]] = []

    def meet(self, kind: str, now: float, *ops: str) -> dict[str, Any] | None:
        """The fault that this call meets, if any. `ops`: the names it goes by."""
        listed = self._by_kind.get(kind)
        if listed is None:
            return None
        names = (*ops, "*")
        for name in names:
            self._calls[kind, name] += 1
        for one in listed:
            if one["op"] not in names:
                continue
            if "nth" in one:
                fits = one["nth"] <= self._calls[kind, one["op"]] < one["nth"] + one.get("times", 1)
            else:
                fits = one["from"] <= now < one["from"] + one["for"]
            if fits:
                self.met.append(one)
                return one
        return None

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Every fault of this kind."""
        return self._by_kind.get(kind, [])

    @staticmethod
    def over_at(faults: Sequence[dict[str, Any]]) -> float:
        """When the last stretch of time with a fault ends."""
        return max((one["from"] + one["for"] for one in faults if "from" in one), default=0.0)


class Quota:
    """So many calls in five minutes; who asks more is throttled, which costs nothing of it."""

    WINDOW_S = 300.0

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._window = -1
        self._used = 0

    def allows(self, now: float) -> bool:
        if self._most is None:
            return True
        window = int(now // self.WINDOW_S)
        if window != self._window:
            self._window, self._used = window, 0
        if self._used >= self._most:
            return False
        self._used += 1
        return True
