"""The one tree of exceptions. One instance failing is a value (`Outcome`); a run failing is one of these.

UpkeepError
├── InvalidEventError   the event is not a valid request; carries every problem found
├── RefusedError        refused whole, nothing was sent; carries the `rejected` report
├── SettingsError       the settings are not valid; carries every problem found
├── CloudError          a cloud call failed, and nothing was written by it
└── JournalError        the journal could not be read or written
    ├── RecordError     what is on record there cannot be used; a person has to judge it
    ├── SeqTakenError   that place of the stream is taken already
    └── FencedError     another owner has taken the run over: this one must stop at once
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dcs_upkeep.domain.bounds import ERROR_BYTES, cut


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with what a person wrote: where it is, what is wrong, what to write instead."""

    path: str
    what: str
    fix: str

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{where}{self.what}. {self.fix}"


class UpkeepError(Exception):
    """Base of everything this package raises on purpose. Its text is what a platform shows of a failed invocation, and never longer."""

    def __init__(self, message: str) -> None:
        super().__init__(cut(message, ERROR_BYTES, "the log has the rest"))


class InvalidEventError(UpkeepError):
    """The event is not a valid request. `problems` holds all that are told, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class RefusedError(UpkeepError):
    """Refused whole; nothing was sent. Raised so that the platform marks the invocation failed and keeps the event."""

    def __init__(self, message: str, report: Mapping[str, object]) -> None:
        self.report = report
        super().__init__(message)


class SettingsError(UpkeepError):
    """The settings are not valid. `problems` holds all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class CloudError(UpkeepError):
    """A cloud call failed. `code`, `status` and `request_id` are the cloud's own words, or None if it gave none."""

    def __init__(
        self,
        operation: str,
        what: str,
        fix: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        self.operation = operation
        self.status = status
        self.code = code
        self.request_id = request_id
        super().__init__(f"{operation}: {what}. {fix}")


class JournalError(UpkeepError):
    """The journal could not be read or written."""


class RecordError(JournalError):
    """The store answers, and what is on record in a stream cannot be used: a gap, past its time, or not of this version."""


class SeqTakenError(JournalError):
    """That place of the stream holds an entry already: somebody else was first."""


class FencedError(JournalError):
    """An append found its place taken: another owner works on this run, and this one ends for good."""


def describe_error(err: BaseException) -> str:
    """Words of ours as they are; of a stranger's exception only the type, since its text may hold anything."""
    return str(err) if isinstance(err, UpkeepError) else f"an unexpected {type(err).__name__}, which is a fault of this tool"
