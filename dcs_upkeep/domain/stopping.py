"""A person asks this process to stop: what was asked, and what the run at work can say and do about it. Only a laptop is ever asked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

# Why a run was stopped, the `why` of its `stopped` entry: a person stopped it, and may let it go on; or ended it for good.
PERSON = "person"
ENDED = "ended"


def ended_words(record: Mapping[str, object]) -> str:
    """Why nothing more of a run is sent, if somebody has ended it. `record`: of that, with `by` and `reason`."""
    return f"this run was ended for good by {record['by']}: {record['reason']}"


@dataclass(frozen=True, slots=True)
class AtWork:
    """A run as it stands. `open`: instances that were sent and not seen back, by name. `waiting`: how many were not sent yet.

    `keeps`: what it leaves is on record, so that it can be gone on with. `journal`: the journal's name.
    """

    run_id: str
    open: Sequence[str]
    waiting: int
    keeps: bool
    journal: str


class Worker(Protocol):
    """A run that this process works on."""

    def at_work(self) -> AtWork:
        """How it stands now. Reads nothing."""
        ...

    def abandon(self) -> float | None:
        """Note that its owner leaves at this moment, in one entry. Returns when it may be gone on with, in seconds since 1970.

        None if that could not be noted: its lease has to lapse first.
        """
        ...


@dataclass(slots=True)
class StopRequest:
    """Whether this process was asked to stop. `by`: who asked and how, in words; set once, also from a signal handler.

    `look_s`: how often a wait looks at it, in the clock's seconds; infinity where nobody ever asks. `worker`: the run at work.
    `breaks`: whether what is being done now may be broken off at its next look.
    """

    by: str | None = None
    look_s: float = math.inf
    worker: Worker | None = None
    breaks: bool = False
