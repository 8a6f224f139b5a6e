"""What an event turns out to be: records, each of which asks for a run, commands, is ignored, or is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dcs_upkeep.domain.errors import Problem
from dcs_upkeep.domain.model import Trigger, TriggerKind
from dcs_upkeep.domain.run import ControlCommand, RunSpec


@dataclass(frozen=True, slots=True)
class RunIdScope:
    """What makes a run id unique beside its trigger, and this invocation's own id. `function` is without its version.

    `user`: who works at this host, if it knows; such a person sends direct events.
    """

    host: str
    function: str
    region: str
    project_id: str
    request_id: str
    user: str | None = None


@dataclass(frozen=True, slots=True)
class StartRun:
    """One record that asks for a run. `record`: the SQS message that it came in."""

    spec: RunSpec
    record: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """One record that asks for nothing, and why it was ignored. `http_code`: for HTTP callers."""

    trigger: Trigger
    reason: str
    record: str | None = None
    run_id: str = ""
    http_code: int | None = None


@dataclass(frozen=True, slots=True)
class Invalid:
    """One record that is not valid, with everything that is wrong.

    `kind`: of what sort it is, if it has nothing to do with this function: of many of one sort one is told. None: it may be meant for us.
    `http_code`: for HTTP callers, in place of what every refused request is answered. `late`: nothing else is wrong than that it is too
    old for this run, which it may have begun when it was delivered before.
    """

    trigger: Trigger
    problems: tuple[Problem, ...]
    run_id: str
    record: str | None = None
    kind: str | None = None
    http_code: int | None = None
    late: RunSpec | None = None


DeliveryItem = StartRun | ControlCommand | Ignored | Invalid


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event. `several`: its envelope held more than one record; `http` and `sqs`: how the answer is to be wrapped.

    `groups`: message of SQS -> the FIFO group in which nothing may be carried out after one that failed.
    `header_lists`: the HTTP answer gives each header as a list.
    """

    kind: TriggerKind
    items: tuple[DeliveryItem, ...]
    several: bool = False
    http: bool = False
    sqs: bool = False
    groups: Mapping[str, str] = field(default_factory=dict)
    header_lists: bool = False
