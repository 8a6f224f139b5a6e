"""One run as it is asked for, one command of an operator, and what either came to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from dcs_upkeep.domain.model import Location, Trigger
from dcs_upkeep.domain.request import Request

SHORT_CHARS = 8


@dataclass(frozen=True, slots=True)
class RunScope:
    """Whose a run is: the function that began it, without its version, and the project that it acts on. Several may share one journal."""

    host: str
    function: str
    region: str
    project_id: str

    @property
    def key(self) -> str:
        """A short text that stands for all four, for the names of streams."""
        text = json.dumps([self.host, self.function, self.region, self.project_id])
        return hashlib.sha256(text.encode("ascii")).hexdigest()[:12]

    @property
    def location(self) -> Location:
        """Where its fleet is."""
        return Location(self.region, self.project_id)

    def as_json(self) -> dict[str, str]:
        """The four parts by their names."""
        return asdict(self)

    def __str__(self) -> str:
        return f"the function {self.function} on {self.host}, region {self.region}, project {self.project_id}"


def short_id(run_id: str) -> str:
    """What stands for a run where a person reads or types it: the first signs of its digest."""
    return digest_of(run_id)[:SHORT_CHARS]


def digest_of(run_id: str) -> str:
    """The digest whose first signs stand for the run."""
    return hashlib.sha256(run_id.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What is to be run. `plan_name`: the reviewed plan that the request came from; `alarm_id`: the alarm that asks for it."""

    request: Request
    trigger: Trigger
    run_id: str
    plan_name: str | None = None
    alarm_id: str | None = None


@dataclass(frozen=True, slots=True)
class ControlCommand:
    """One command: `halt`, `release`, `status`, `sweep`, `doctor`; `about`: the run that `show`, `resume` or `halt` names.

    `by_self`: this tool has called itself, so that it is nobody's word.
    """

    trigger: Trigger
    command: str
    run_id: str
    reason: str | None = None
    halt_id: str | None = None
    about: str | None = None
    record: str | None = None
    by_self: bool = False


class Disposition(StrEnum):
    """How one record ended, as far as the host's answer goes."""

    DONE = "done"
    REFUSED = "refused"  # nothing was sent
    REUSED = "reused"  # the same, since its key stands for another request
    RUNNING = "running"  # another invocation has it
    FAULT = "fault"  # a fault of ours or of the cloud, before the first write
    IGNORED = "ignored"
    HELD_BACK = "held_back"  # one before it in its FIFO group failed


@dataclass(frozen=True, slots=True)
class RunResult:
    """What one record came to. `body` is its report, or for an ignored record the reason.

    `may_have_sent`: an attempt was begun, so that the platform must not run the event again. `fault`: what went wrong before that.
    `record`: the queue's own id of the record, if it has one. `http_code`: for HTTP callers, in place of the
    disposition's.
    """

    disposition: Disposition
    body: Mapping[str, Any]
    may_have_sent: bool = False
    fault: Exception | None = None
    record: str | None = None
    http_code: int | None = None
