"""What really happened, for tests and demos to compare with what the tool believes."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .smn_forms import read_object, undelivered


@dataclass
class Record:
    """One HTTP request. `status` stays None while nothing has been answered, for good if nothing ever is.

    `refused`: why the gateway did not let it in: "quota", "signature", "locked_key", "expired_key", "unknown_key",
    "token", "date" or "unsigned". `access_key`: the key it says it was signed with.
    """

    number: int
    operation: str
    method: str
    path: str
    query: Mapping[str, str]
    at: float
    connection: int
    ids: tuple[str, ...] = ()
    action: str | None = None
    status: int | None = None
    error_code: str | None = None
    fault: str | None = None
    executed: tuple[str, ...] = ()
    access_key: str = ""
    refused: str | None = None

    @property
    def was_executed(self) -> bool:
        """Whether this request changed anything at all."""
        return bool(self.executed)

    @property
    def request_id(self) -> str:
        return f"{self.number:032x}"


@dataclass(frozen=True)
class Execution:
    """An action that really began. `by` is "api", or "other" for the pretended second actor of `Emulator.act`."""

    instance_id: str
    action: str
    at: float
    by: str = "api"


@dataclass
class QuotaRefusal:
    """A time in which the account was over its quota, and the calls that were refused in it."""

    began: float
    until: float
    records: list[Record] = field(default_factory=list)

    @property
    def called_again(self) -> list[Record]:
        """The calls by somebody who could know: later than the first refusal."""
        return [record for record in self.records if record.at > self.began]


@dataclass(frozen=True)
class KeyLock:
    """A key that wrong signatures locked."""

    access_key: str
    began: float
    until: float


@dataclass(frozen=True)
class Message:
    """A message that SMN accepted."""

    topic_urn: str
    subject: str | None
    message: str
    message_id: str
    at: float
    body: Mapping[str, object] = field(default_factory=dict)

    @property
    def forms(self) -> Mapping[str, str]:
        """Protocol -> what its subscribers get; `default` for all others."""
        if "message_structure" not in self.body:
            return {"default": self.message}
        return {protocol: str(form) for protocol, form in read_object(self.body["message_structure"]).items()}

    def text(self, protocol: str = "email") -> str:
        """What the subscribers of one protocol get."""
        return self.forms.get(protocol, self.forms["default"])

    @property
    def undelivered(self) -> list[str]:
        """Protocols whose subscribers would not get it, since it breaks a rule that SMN does not check."""
        return undelivered(self.forms)


@dataclass
class Truth:
    """Everything the emulator saw and did, in order. The lists are live; the methods are safe from any thread."""

    requests: list[Record] = field(default_factory=list)
    executed: list[Execution] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    lost_data: set[str] = field(default_factory=set)
    quota_refusals: list[QuotaRefusal] = field(default_factory=list)
    key_locks: list[KeyLock] = field(default_factory=list)
    connections: int = 0
    in_flight: int = 0
    max_in_flight: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    @property
    def puts(self) -> list[Record]:
        """The requests that asked to change a status: `PUT .../instances/status`."""
        return self.of("put")

    def of(self, operation: str) -> list[Record]:
        """The requests of one operation ("put", "list", "show", "configs", "tasks", "publish", ...)."""
        with self._lock:
            return [record for record in self.requests if record.operation == operation]

    def count(self, operation: str | None = None) -> int:
        """How many requests of this operation arrived, refused ones too; without a name, of all."""
        with self._lock:
            return len(self.requests) if operation is None else len(self.of(operation))

    def executions(self, instance_id: str) -> list[Execution]:
        """What the API really executed on one instance. Two entries for one wish is the bug this file exists for."""
        with self._lock:
            return [done for done in self.executed if done.instance_id == instance_id and done.by == "api"]

    def refused(self, reason: str | None = None) -> list[Record]:
        """The requests that the gateway did not let in, for this reason or for any."""
        with self._lock:
            return [record for record in self.requests if record.refused and reason in (None, record.refused)]

    @property
    def called_while_refused(self) -> list[Record]:
        """The calls that were made although the account had already been told 429, within the same window."""
        with self._lock:
            return [record for refusal in self.quota_refusals for record in refusal.called_again]

    def forget(self) -> None:
        """Start counting anew, between two phases of a test."""
        with self._lock:
            for kept in (self.requests, self.executed, self.messages, self.quota_refusals, self.key_locks):
                kept.clear()
            self.lost_data.clear()

    def open_connection(self) -> int:
        with self._lock:
            self.connections += 1
            return self.connections

    def begin(self, operation: str, method: str, path: str, query: Mapping[str, str], at: float, connection: int) -> Record:
        with self._lock:
            record = Record(next(self._numbers), operation, method, path, query, at, connection)
            self.requests.append(record)
            self.in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self.in_flight)
            return record

    def end(self) -> None:
        with self._lock:
            self.in_flight -= 1

    def add_execution(self, execution: Execution, *, lost_data: bool) -> None:
        with self._lock:
            self.executed.append(execution)
            if lost_data:
                self.lost_data.add(execution.instance_id)

    def add_quota_refusal(self, refusal: QuotaRefusal) -> None:
        with self._lock:
            self.quota_refusals.append(refusal)

    def add_key_lock(self, lock: KeyLock) -> None:
        with self._lock:
            self.key_locks.append(lock)

    def add_message(self, message: Message) -> None:
        with self._lock:
            self.messages.append(message)
