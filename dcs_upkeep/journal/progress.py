"""Where each instance of a run stands, as far as the run's entries tell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dcs_upkeep.domain.model import Outcome
from dcs_upkeep.journal.entries import Baseline


class Stage(StrEnum):
    """Where one instance of a plan stands."""

    PENDING = "pending"  # its turn has not come, or it was proven not executed and may be sent again
    SENDING = "sending"  # an attempt with it has begun and has no answer yet
    DOUBT = "doubt"  # the answer was lost: evidence decides, never another PUT
    API_FAILED = "api_failed"  # the API said failed and gives no reason: its state is to be read
    ACCEPTED = "accepted"  # the API took it, or evidence says so: being watched
    DONE = "done"


UNDER_WAY = (Stage.ACCEPTED, Stage.DOUBT, Stage.API_FAILED)


@dataclass(slots=True)
class Progress:
    """One instance of the plan on its way. `explicit`: the API itself said success, so an end state that holds may count."""

    instance_id: str
    wave: int
    stage: Stage = Stage.PENDING
    attempts: int = 0
    term: int = 0  # of the lease under which it was sent last: how often it was taken over or anew by then
    classified_at: float | None = None
    sent_at: float | None = None
    answered_at: float | None = None
    explicit: bool = False
    seen_busy: bool = False
    note: str = ""
    code: str | None = None
    request_id: str | None = None
    baseline: Baseline | None = None
    guarded_at: float | None = None  # when it was read just before its wave, for the first time
    outcome: Outcome | None = None
    done_at: float | None = None
