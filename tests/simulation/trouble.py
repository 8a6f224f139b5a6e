"""What goes wrong in a scenario: faults at every seam, as the items that faults.py describes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

PUT_MODES = (
    *("429", "refused", "lost_done", "lost_not", "lost_later", "500_done", "500_not"),
    *("400_busy", "400_request", "400_many", "401", "403", "half", "missing", "missing_not", "garbage"),
)
READ_MODES = ("429", "500", "lost", "401", "403", "slow")
READS = ("list", "show", "configurations", "backup", "backups", "*")
# Where a process may stop: before and after each effect that changes something, and between any two others.
STOPS = ("append", "append.done", "put.done", "sleep", "show", "read", "publish", "publish.done", "self", "self.done", "*")
# The entries of the journal, those twice about which more can go wrong.
KINDS = (
    *("claimed", "planned", "held", "guarded", "sending", "sending", "sent", "sent", "watched", "stopped"),
    *("yielded", "taken_over", "publishing", "published", "reported", "released", "left"),
)


class Trouble:
    """Makes the faults of one scenario. `moment`: some time while runs are under way; `suspends`: a person's own machine."""

    def __init__(self, chance: random.Random, moment: Callable[[], float], *, suspends: bool) -> None:
        self.chance = chance
        self.moment = moment
        self.suspends = suspends

    def make(self) -> list[dict[str, Any]]:
        """None to a handful."""
        faults = [self._fault() for _ in range(self.chance.choice((0, 1, 1, 2, 2, 3, 5)))]
        if self._maybe(0.4):
            # What is hardest to get right: an odd answer to a PUT, and trouble in writing down what it means.
            faults += [self._put_fault(), self._trouble_at(self.chance.choice(KINDS))]
        return faults

    def _maybe(self, share: float) -> bool:
        return self.chance.random() < share

    def _fault(self) -> dict[str, Any]:
        chance = self.chance
        kind = chance.choice(("api", "api", "api", "journal", "journal", "topic", "self", "die", "die", "stall", "expire", "backup"))
        if kind == "expire":
            return {"kind": kind, "op": "*", "at": self.moment()}
        fault: dict[str, Any] = {"kind": kind, "op": "*", **self._when()}
        match kind:
            case "api" if self._maybe(0.6):
                return self._put_fault()
            case "api":
                fault |= {"op": chance.choice(READS), "mode": chance.choice(READ_MODES)}
            case "journal":
                fault |= {
                    "op": chance.choice(("append", "append", "append", "read", "*")),
                    "mode": chance.choice(("fail", "fail", "lost", "late", "slow")),
                }
                fault |= {"seconds": chance.choice((2.0, 20.0, 100.0))}
            case "topic":
                fault |= {"op": chance.choice(("1", "2", "*")), "mode": chance.choice(("fail", "fail", "lost"))}
            case "self":
                fault |= {"mode": chance.choice(("fail", "lost", "doubled"))}
            case "die" | "stall" | "suspend":
                fault = self._stop(kind, chance.choice(STOPS), chance.randint(1, chance.choice((3, 12, 60))))
        return fault

    def _put_fault(self) -> dict[str, Any]:
        chance = self.chance
        nth, times = chance.choice((1, 1, 1, 2, 2, 3)), chance.choice((1, 1, 2, 6))
        return {
            "kind": "api",
            "op": "put",
            "mode": chance.choice(PUT_MODES),
            "nth": nth,
            "times": times,
            "seconds": chance.choice((2.0, 20.0, 50.0)),
        }

    def _trouble_at(self, entry: str) -> dict[str, Any]:
        """Something happens before, while or after this entry is written."""
        chance = self.chance
        nth = chance.choice((1, 1, 1, 2, 3))
        if self._maybe(0.4):
            times, seconds = chance.choice((1, 1, 2, 8)), chance.choice((2.0, 20.0, 100.0))
            mode = chance.choice(("fail", "fail", "lost", "late", "slow"))
            return {"kind": "journal", "op": f"append {entry}", "mode": mode, "nth": nth, "times": times, "seconds": seconds}
        return self._stop(chance.choice(("die", "die", "stall")), f"append {entry}{chance.choice(('', '.done'))}", nth)

    def _stop(self, kind: str, op: str, nth: int) -> dict[str, Any]:
        """The process dies, freezes, or its machine goes to sleep, which only a person's own machine does."""
        fault: dict[str, Any] = {"kind": kind, "op": op, "nth": nth}
        if kind != "die":
            fault["seconds"] = self.chance.choice((20.0, 100.0, 150.0, 250.0, 600.0))
            if self.suspends:
                fault["kind"] = "suspend"
        return fault

    def _when(self) -> dict[str, Any]:
        chance = self.chance
        if self._maybe(0.35):
            return {"from": self.moment(), "for": chance.choice((5.0, 40.0, 120.0, 400.0))}
        return {"nth": chance.randint(1, chance.choice((3, 10, 30))), "times": chance.choice((1, 1, 2, 4))}
