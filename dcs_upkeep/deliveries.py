"""What an event turns out to be: records, each of which asks for a run, commands, is ignored, or is refused."""

from __future__ import annotations

from dataclasses import dataclass

from dcs_upkeep.errors import Problem
from dcs_upkeep.model import Trigger, TriggerKind
from dcs_upkeep.request import Request


@dataclass(frozen=True, slots=True)
class Scope:
    """What makes a run id unique beside its trigger, and this invocation's own id. `function` is without its version."""

    host: str
    function: str
    region: str
    project_id: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Run:
    """One record that asks for a run. `record`: the SQS message it came in; `named`: the reviewed plan; `alarm_id`: the alarm."""

    trigger: Trigger
    request: Request
    run_id: str
    record: str | None = None
    named: str | None = None
    alarm_id: str | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """One command: `halt`, `release`, `status`, `sweep`; `show` and `resume` with the run that they name."""

    trigger: Trigger
    command: str
    run_id: str
    reason: str | None = None
    halt_id: str | None = None
    about: str | None = None
    record: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """One record that is none of our business, and why."""

    trigger: Trigger
    reason: str
    record: str | None = None
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class Invalid:
    """One record that cannot be a request, with everything that is wrong."""

    trigger: Trigger
    problems: tuple[Problem, ...]
    run_id: str
    record: str | None = None


Item = Run | Control | Ignored | Invalid


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event. `several`: its envelope held more than one record; `http` and `sqs`: how the answer is to be wrapped."""

    kind: TriggerKind
    items: tuple[Item, ...]
    several: bool = False
    http: bool = False
    sqs: bool = False
