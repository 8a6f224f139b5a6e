"""The one tree of exceptions. One instance failing is a value (`Outcome`); a run failing is one of these.

UpkeepError
├── InvalidEventError   the event is not a valid request; carries every problem found
├── RefusedError        refused whole, nothing was sent; carries the `rejected` report
├── SettingsError       the settings are not valid; carries every problem found
├── CloudError          a cloud call failed, and nothing was written by it
│   ├── ThrottledError     the account is throttled for longer than this invocation can wait
│   └── UnauthorizedError  the key pair is refused, and so is what was fetched in its place: nothing more is asked with it
├── StopAskedError      a person asks this process to stop, and nothing is open that has to be watched
├── UnexpectedError     anything else, as it leaves an invocation: its kind and place, without its text
└── JournalError        the journal could not be read or written
    ├── RecordError     what is on record there cannot be used; a person has to judge it
    ├── SeqTakenError   that place of the stream is taken already
    └── FencedError     another owner has taken the run over: this one must stop at once
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dcs_upkeep.domain.bounds import ERROR_BYTES, cut, in_utf8

LONGEST_NAME = 80


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
        super().__init__(in_utf8(cut(message, ERROR_BYTES, "the log has the rest")))


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


class ThrottledError(CloudError):
    """The account is throttled, and waiting that out does not fit into the time left. `opens_in_s`: when it may be asked again."""

    def __init__(self, operation: str, opens_in_s: float) -> None:
        self.opens_in_s = opens_in_s
        what = f"the account is throttled (429) for {opens_in_s:.0f} s more, which does not fit into the time left"
        super().__init__(operation, what, "Try again then, or give the function a longer timeout.", status=429)


class UnauthorizedError(CloudError):
    """Two calls in a row were refused with 401, the second with credentials that were fetched anew. Five would lock the key."""

    def __init__(self, operation: str, what: str, *, code: str | None, request_id: str | None = None) -> None:
        fix = "Check the key pair, its token, its project and this machine's clock; nothing more is asked with it in this invocation."
        super().__init__(operation, what, fix, status=401, code=code, request_id=request_id)


class JournalError(UpkeepError):
    """The journal could not be read or written."""


class RecordError(JournalError):
    """The store answers, and what is on record in a stream cannot be used: a gap, past its time, or not of this version."""


class SeqTakenError(JournalError):
    """That place of the stream holds an entry already: somebody else was first."""


class FencedError(JournalError):
    """An append found its place taken: another owner works on this run, and this one ends for good."""


class StopAskedError(UpkeepError):
    """A person asks this process to stop, while what it does may be broken off."""


class UnexpectedError(UpkeepError):
    """An exception that is not ours, as it may be shown: its text may hold a key, or end the line, or fill the log."""


def describe_error(err: BaseException) -> str:
    """Words of ours as they are; of a stranger's exception only kind and place, since its text may hold anything."""
    if isinstance(err, UpkeepError):
        return str(err)
    return f"an unexpected {kind_of(err)}{_place_of(err)}, which is a fault of this tool"


def as_ours(err: BaseException) -> UpkeepError:
    """What may leave an invocation in place of this exception. Raise it `from None`: platforms print the text of causes too."""
    if isinstance(err, UpkeepError):
        return err
    return UnexpectedError(describe_error(err)).with_traceback(err.__traceback__)


def kind_of(err: BaseException) -> str:
    """The name of its class, which is a name and short even where the class was made up."""
    name = type(err).__name__
    return name if name.isidentifier() and len(name) <= LONGEST_NAME else "exception"


def _place_of(err: BaseException) -> str:
    """The last line of this package on its way: ` (execution/wave.py:120)`; empty if there is none."""
    place, frames = "", err.__traceback__
    while frames is not None:
        _, package, file = frames.tb_frame.f_code.co_filename.replace("\\", "/").rpartition("/dcs_upkeep/")
        place = f" ({file}:{frames.tb_lineno})" if package else place
        frames = frames.tb_next
    return place
