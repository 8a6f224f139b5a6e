"""The words of the trade as plain data. No I/O, no clock, no dependencies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from dcs_upkeep.domain.actions import Action, LossClass


class TriggerKind(StrEnum):
    """Where an event came from. `direct` is a person's test event, an API invocation or the CLI."""

    DIRECT = "direct"
    TIMER = "timer"
    SCHEDULER = "scheduler"
    SMN = "smn"
    SNS = "sns"
    SQS = "sqs"
    EVENTGRID = "eventgrid"
    EVENTBRIDGE = "eventbridge"
    ALARM = "alarm"
    KAFKA = "kafka"
    ROCKETMQ = "rocketmq"
    RABBITMQ = "rabbitmq"
    HTTP = "http"
    SELF = "self"


@dataclass(frozen=True, slots=True)
class Trigger:
    """Where the event came from. `id`: stable over repeated deliveries; `time`: its own; `principal`: who asked, if that is shown."""

    kind: TriggerKind
    id: str
    time: datetime | None = None
    principal: str | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """Where a fleet is. `region`: Huawei Cloud's name for it; empty strings if not known."""

    region: str
    project_id: str


@dataclass(frozen=True, slots=True)
class Instance:
    """One DCS instance as the API shows it now. A None field was not in the answer that it was read from; to have no tags is another thing.

    `has_task`: whether DCS still works on it, whatever its status. Source: ListInstances, and ShowInstance, which alone has the last four.
    """

    instance_id: str
    name: str
    status: str
    engine: str = "Redis"
    engine_version: str = ""
    tags: Mapping[str, str] | None = field(default_factory=dict)
    spec_code: str = ""
    updated_at: str | None = None
    maintain_begin: str | None = None
    maintain_end: str | None = None
    launched_at: str | None = None
    cache_mode: str | None = None
    replica_count: int | None = None
    has_task: bool | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one guard says. `guard` is its name in reports and docs, `reason` one sentence a person understands."""

    allowed: bool
    guard: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WindowRule:
    """When sending is allowed. `start` and `end` are HH:MM; `end` at or before `start` means the next day."""

    days: tuple[str, ...]
    start: str
    end: str
    timezone: str


class OutcomeKind(StrEnum):
    """What became of one instance."""

    PLANNED = "planned"
    SKIPPED = "skipped"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    DEFERRED = "deferred"
    NOT_ATTEMPTED = "not_attempted"

    @property
    def fine(self) -> bool:
        """Whether nobody has to do anything about it."""
        return _WORTH[self].fine

    @property
    def sent(self) -> bool:
        """Whether an attempt was made."""
        return _WORTH[self].sent

    @property
    def place(self) -> int:
        """Where it stands in a message: the most urgent first."""
        return _WORTH[self].place

    @property
    def words(self) -> str:
        """As a person reads it: `not attempted`."""
        return self.value.replace("_", " ")

    @property
    def advice(self) -> str:
        """What to do about it before anything else; empty if the reason says it."""
        return _WORTH[self].advice


@dataclass(frozen=True, slots=True)
class _Worth:
    """What one outcome is worth to its reader: the properties of `OutcomeKind`."""

    fine: bool
    sent: bool
    place: int
    advice: str = ""


_WORTH: Mapping[OutcomeKind, _Worth] = MappingProxyType(
    {
        OutcomeKind.FAILED: _Worth(fine=False, sent=True, place=1),
        OutcomeKind.UNKNOWN: _Worth(
            fine=False, sent=True, place=2, advice="look in the console whether it was acted on before you send it again"
        ),
        OutcomeKind.REFUSED: _Worth(fine=False, sent=False, place=3),
        OutcomeKind.DEFERRED: _Worth(fine=False, sent=False, place=4),
        OutcomeKind.NOT_ATTEMPTED: _Worth(fine=False, sent=False, place=5),
        OutcomeKind.ACCEPTED: _Worth(fine=True, sent=True, place=6),
        OutcomeKind.COMPLETED: _Worth(fine=True, sent=True, place=7),
        OutcomeKind.SKIPPED: _Worth(fine=True, sent=False, place=8),
        OutcomeKind.PLANNED: _Worth(fine=True, sent=False, place=9),
    }
)


class Evidence(StrEnum):
    """How `completed` is known: the busy state was seen and then the end state, or the end state held for the settle time."""

    OBSERVED = "observed"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one instance, and why, in words. Times are ISO 8601 in UTC; `elapsed_s` is wall-clock seconds."""

    instance_id: str
    name: str | None
    outcome: OutcomeKind
    reason: str
    guard: str | None = None
    wave: int | None = None
    evidence: Evidence | None = None
    loses_data: bool | None = None
    error_code: str | None = None
    request_id: str | None = None
    sent_at: str | None = None
    completed_at: str | None = None
    elapsed_s: float | None = None


class RunStatus(StrEnum):
    """What became of one run; the first that fits, in this order."""

    RUNNING = "running"
    HALTED = "halted"
    DEFERRED = "deferred"
    PLANNED = "planned"
    REJECTED = "rejected"
    FAILED = "failed"
    PARTIAL = "partial"
    SUCCEEDED = "succeeded"


class AnswerKind(StrEnum):
    """What one answer to a status PUT means for the IDs in it: the first column of the table in docs/architecture.md, as classes."""

    RESULTS = "results"  # a result list; each ID is judged by its own row
    THROTTLED = "throttled"  # 429: not executed
    NOT_SENT = "not_sent"  # we ourselves kept it back
    NOT_CONNECTED = "not_connected"  # no connection was made: not executed
    ONE_BAD_ID = "one_bad_id"  # 400/404 that one ID can cause: not executed, the rest of the batch undocumented
    TOO_MANY = "too_many"  # DCS.4100: not executed
    BAD_REQUEST = "bad_request"  # 400 about the request itself: not executed
    DENIED = "denied"  # 403: not executed; one ID of the batch may have caused it
    UNAUTHORIZED = "unauthorized"  # 401: not executed, and no call with these keys would be
    LOST = "lost"  # read timeout, connection lost, 5xx, no result list: nobody knows


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a status PUT, translated once. `results`: instance ID -> `success` or `failed`, asked-for IDs only."""

    kind: AnswerKind
    what: str
    results: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    code: str | None = None
    request_id: str | None = None
    busy: bool = False  # the code says that the instance is busy now, so waiting may help


@dataclass(frozen=True, slots=True)
class PlannedInstance:
    """One instance that a plan would act on. `loses_data` None means that nobody could tell."""

    instance_id: str
    name: str
    loses_data: bool | None
    loses_data_reason: str = ""
    disposable: bool = False

    @property
    def loss_class(self) -> LossClass:
        """What an approval is bound to: unknown counts as loses."""
        return LossClass.KEEPS if self.loses_data is False else LossClass.DISPOSABLE if self.disposable else LossClass.LOSES


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a whole plan is refused, by which guard, and what to do about it."""

    guard: str
    reason: str
    next: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Request + fleet + settings + clock, decided. Plain data: a dry run is another reader of it.

    `waves` holds instance IDs; `settled` the outcomes known before anything is sent; `covered` what the digest is about; `max_failures` is
    a count already (a percentage of the whole plan, rounded down); `watch_timeout_s` None means to stop at `accepted`. `showing` and
    `shown_at`: the record of this plan that a person was shown, or is about to be; `needs_showing`: the digest alone approves nothing here.
    """

    action: Action
    name: str | None
    dry_run: bool
    digest: str
    waves: tuple[tuple[str, ...], ...]
    instances: Mapping[str, PlannedInstance]
    settled: tuple[Outcome, ...] = ()
    covered: Mapping[str, LossClass] = field(default_factory=dict)
    max_failures: int = 0
    pause_s: float = 0.0
    watch_timeout_s: float | None = 1800.0
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    read_at: float | None = None  # when its readings began, in seconds since 1970
    showing: str | None = None
    shown_at: float | None = None
    needs_showing: bool = False

    @property
    def refusal(self) -> Refusal | None:
        """All refusals as one, under the name of the first guard: the form in which the journal and the report hold them."""
        if not self.refusals:
            return None
        reasons = [one.reason if len(self.refusals) == 1 else f"{one.guard}: {one.reason}" for one in self.refusals]
        return Refusal(self.refusals[0].guard, "; ".join(reasons), " ".join(dict.fromkeys(one.next for one in self.refusals)))


@dataclass(frozen=True, slots=True)
class Credentials:
    """A Huawei Cloud key pair. Its text never shows the secret parts, so that no log or traceback can."""

    ak: str = field(repr=False)
    sk: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)
    project_id: str | None = None
    source: str = ""
    keep_s: float = 60.0  # it is used for so long before its source is asked again
    ends_at: datetime | None = None  # if the source says so


REPORT_MARK = "DCS Upkeep report"  # every message begins so: a function subscribed to its own topic must know its own words
