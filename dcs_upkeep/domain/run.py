"""One run as it is asked for, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dcs_upkeep.domain.model import Trigger
from dcs_upkeep.domain.request import Request


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
    """One command: `halt`, `release`, `status`, `sweep`; `show` and `resume` with the run that they name."""

    trigger: Trigger
    command: str
    run_id: str
    reason: str | None = None
    halt_id: str | None = None
    about: str | None = None
    record: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A report, and what the platform should make of this invocation.

    `fault`: a fault of ours or of the cloud before the first write. `may_have_sent`: an attempt was begun.
    `ignored`: an alarm about an instance that was acted on a moment ago, which is this tool's own echo.
    """

    report: Mapping[str, Any]
    may_have_sent: bool = False
    fault: Exception | None = None
    ignored: bool = False


class Disposition(StrEnum):
    """How one record ended, as far as the host's answer goes."""

    DONE = "done"
    REFUSED = "refused"  # nothing was sent
    REUSED = "reused"  # the same, since its key stands for another request
    RUNNING = "running"  # another invocation has it
    FAULT = "fault"  # a fault of ours or of the cloud, before the first write
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Ended:
    """How one record ended. `body` is its report, or, if it was ignored, why."""

    end: Disposition
    body: Mapping[str, Any]
    record: str | None = None
    may_have_sent: bool = False
    fault: Exception | None = None
