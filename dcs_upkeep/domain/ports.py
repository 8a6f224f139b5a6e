"""What the core needs from outside, as protocols. Adapters implement them; tests use the emulator or small fakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Answer, Credentials, Instance
from dcs_upkeep.domain.reader import ENGLISH, Reader
from dcs_upkeep.domain.stopping import StopRequest


class Clock(Protocol):
    """Time, passed in so that tests never wait."""

    def now(self) -> datetime:
        """The time of day, in UTC, with its zone."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""
        ...


class Log(Protocol):
    """One structured line: `event` is `noun.past_verb`, the rest are its fields."""

    def __call__(self, event: str, *, level: str = "info", **fields: object) -> None:
        """Write one line."""
        ...


def with_fields(log: Log, **fixed: object) -> Log:
    """The same log with these fields on every line."""

    def write(event: str, *, level: str = "info", **fields: object) -> None:
        log(event, level=level, **{**fixed, **fields})

    return write


Tick = Callable[[], None]


def no_tick() -> None:
    """Nothing has to be done meanwhile."""


class Pace(Protocol):
    """How fast the calls to one account may follow each other. A 429 to any of them holds them all."""

    @property
    def opens_at(self) -> float:
        """When the next call may leave, on the monotonic clock; in the past if it may now."""
        ...

    def ticking(self, tick: Tick) -> AbstractContextManager[None]:
        """While it is open, whoever waits for the account calls this every few seconds, on the thread that waits."""
        ...


class Dcs(Protocol):
    """Huawei Cloud DCS. Reads retry freely and raise `CloudError`; `send` never raises for an answer of the cloud.

    A read waits while the account is throttled, and raises `ThrottledError` if that does not fit into the time left; once the key pair
    was refused twice, everything raises `UnauthorizedError` without a call. `tick`: called in the caller's own thread after each page or
    instance, and every few seconds of a wait, for what must not wait so long.
    """

    def snapshot(self, tick: Tick = no_tick) -> tuple[Instance, ...]:
        """The whole fleet as listed now, in pages of 1000."""
        ...

    def read(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Mapping[str, Instance]:
        """These instances as they are now: one `show` each for up to 5, list pages for more. What is gone is absent."""
        ...

    def show(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Mapping[str, Instance]:
        """These instances with the fields of `show_instance`, in parallel, whatever their number. What is gone is absent."""
        ...

    def show_each(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Mapping[str, Instance | CloudError]:
        """The same, each for itself: one that cannot be read has its error in its place."""
        ...

    def configurations(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Mapping[str, Mapping[str, str] | CloudError]:
        """Instance ID -> its Redis parameters, name -> value, such as `appendonly` -> `yes`; or why it could not be read."""
        ...

    def send(self, action: Action, instance_ids: Sequence[str]) -> Answer:
        """One status PUT, sent once. At most 50 IDs. Thread-safe."""
        ...

    def put_timeout_s(self) -> float:
        """The longest time that a PUT sent now may take, in seconds; 0 if too little time is left to send one."""
        ...

    def calls(self) -> Mapping[str, int]:
        """Operation -> number of HTTP requests so far."""
        ...


class Backups(Protocol):
    """Backups of DCS instances."""

    def begin(self, instance_ids: Sequence[str], remark: str, not_before: datetime, tick: Tick = no_tick) -> Mapping[str, str | CloudError]:
        """Begin a backup of each, or find the one that this remark has begun since then. Instance ID -> its id, or why it has none."""
        ...

    def states(self, backup_ids: Mapping[str, str], tick: Tick = no_tick) -> Mapping[str, str]:
        """Instance ID -> status of the backup of that id. Raises `CloudError`."""
        ...


class Alarms(Protocol):
    """Cloud Eye."""

    def firing(self, instance_ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Instance ID -> alarm id -> name, of the alarms that are firing now. Raises `CloudError` if that cannot be told."""
        ...


class Journal(Protocol):
    """The append-only record of runs. One conditional write is the lock, the lease and the write-ahead log."""

    @property
    def name(self) -> str:
        """What it is, without secrets, for logs."""
        ...

    @property
    def durable(self) -> bool:
        """Whether it outlives this process."""
        ...

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        """Write `entry` at place `seq` of `stream`, if that place is free.

        Raises: SeqTakenError if it is not; JournalError if the store cannot tell or be reached.
        """
        ...

    def read(self, stream: str, after: int = -1) -> list[tuple[int, dict[str, object]]]:
        """All entries after that place, in order, as of now.

        Raises: JournalError if the store cannot be reached, or the stream has a gap or is past its time to live.
        """
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to a topic, in the forms that its subscribers read: UTF-8, without control and direction characters.

    `subject`: one line of under 100 characters (SNS; SMN takes 512 bytes). `text`: for mails. `brief`: for chats, and for whoever has no
    form of his own. `sms`: at most 490 characters, no square brackets. `data`: JSON for functions, queues and addresses. A form that is
    empty is made from the text. `attributes`: for filter policies. All together stay under 250 KB.
    """

    subject: str
    text: str
    brief: str = ""
    sms: str = ""
    data: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


class Topic(Protocol):
    """One SMN or SNS topic."""

    @property
    def name(self) -> str:
        """Its URN or ARN."""
        ...

    def publish(self, message: Message) -> str:
        """Publish and return the message id. Raises `CloudError`."""
        ...


class Host(Protocol):
    """FunctionGraph, Lambda or local."""

    @property
    def kind(self) -> str:
        """`functiongraph`, `lambda` or `local`."""
        ...

    @property
    def function(self) -> str:
        """The function's name without its version: part of a run id's scope."""
        ...

    @property
    def request_id(self) -> str:
        """The platform's id of this invocation; a retry may carry another one."""
        ...

    def remaining_s(self) -> float:
        """Seconds until the platform kills this invocation; infinity if nothing does."""
        ...

    def setting(self, name: str) -> str | None:
        """One setting's text, or None if it is not set."""
        ...

    def credentials(self) -> Credentials:
        """The key pair for this invocation, fetched now. Raises `SettingsError` if none is complete."""
        ...

    @property
    def keeps_files(self) -> bool:
        """Whether a file that is written now is still there for a later invocation."""
        ...

    def call_self(self, event: Mapping[str, object]) -> None:
        """Hand an event to another invocation of this function; returns once that is sure. Raises `CloudError`."""
        ...

    def next_event(self) -> Mapping[str, object] | None:
        """The next event that `call_self` kept for this process; None if there is none, or if the platform takes them itself."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """All that a run may touch. `topics` is built on first use, so that a run that cannot publish yet pays nothing.

    `deadline`: the host's own end, nothing kept back yet. `pace`: that of the account whose fleet it is. `examine`: looks for what
    would go wrong in a run, and returns what it found; never raises because of it. `stop`: whether a person asks this process to stop.
    `tells_only_what_was_sent`: somebody sits in front of it, so that the topics hear of nothing but what was really done. `reader`: for
    whom messages are written.
    """

    dcs: Dcs
    host: Host
    deadline: Deadline
    clock: Clock
    log: Log
    topics: Callable[[], Sequence[Topic]]
    random: Callable[[], float]
    pace: Pace
    journal: Journal | None = None
    backups: Backups | None = None
    alarms: Alarms | None = None
    examine: Callable[[], Mapping[str, object]] = dict
    stop: StopRequest = field(default_factory=StopRequest)
    tells_only_what_was_sent: bool = False
    reader: Reader = ENGLISH
