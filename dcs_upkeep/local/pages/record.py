"""What the journal shows of a run: when each instance was sent and seen, where nobody was at work, which faults were met. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from dcs_upkeep.domain.bounds import cut
from dcs_upkeep.domain.problems import list_some, one_line
from dcs_upkeep.journal.entries import Entry, Seen, Sending, Sent, Watched
from dcs_upkeep.journal.run_state import RunState, fold

MOST_LINES = 200  # of the journal on a page: the first and the last half of them
MOST_FAULTS = 100
TEXT_BYTES = 600


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call with an instance in it. `verdict`: what its answer meant for this instance; None if no answer is on record."""

    number: int
    begun_at: float
    ended_at: float | None = None
    verdict: str | None = None


@dataclass(slots=True)
class Marks:
    """What is on record of one instance; times are seconds since 1970."""

    attempts: list[Attempt] = field(default_factory=list)
    busy_at: float | None = None
    evidence_at: float | None = None
    done_at: float | None = None


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time of the whole run. `kind`: `handed_over` to a further invocation, or `unattended`: its lease had lapsed."""

    kind: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Fault:
    """One answer that was not what was hoped for. `verdicts`: what it meant -> for how many instances."""

    at: float
    attempt: int
    what: str
    code: str
    request_id: str
    verdicts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Line:
    """One entry, or several `renewed` in a row (`times`). `fields` are what its sentence names."""

    seq: int
    at: float
    kind: str
    fields: Mapping[str, Any]
    times: int = 1


@dataclass(frozen=True, slots=True)
class Record:
    """The run as the journal has it. `lines`: its entries as far as they are shown, `left_out` how many are not, after `lines[cut_at]`."""

    state: RunState
    marks: Mapping[str, Marks]
    bands: tuple[Band, ...]
    faults: tuple[Fault, ...]
    left_out_faults: int
    lines: tuple[Line, ...]
    left_out: int
    cut_at: int


def read_record(entries: Sequence[Mapping[str, Any]], where: str = "") -> Record:
    """What these entries show. Raises: RecordError if they make no sense, naming the stream `where`."""
    typed = cast("Sequence[Entry]", entries)
    state = fold(typed, where)
    faults = list(_faults(typed))
    lines = _collapse(Line(seq, entry["at"], entry["kind"], _fields(entry)) for seq, entry in enumerate(typed))
    half = MOST_LINES // 2
    left_out = max(0, len(lines) - MOST_LINES)
    return Record(
        state=state,
        marks=_marks(typed),
        bands=tuple(_bands(typed)),
        faults=tuple(faults[:MOST_FAULTS]),
        left_out_faults=max(0, len(faults) - MOST_FAULTS),
        lines=tuple([*lines[:half], *lines[-half:]] if left_out else lines),
        left_out=left_out,
        cut_at=half,
    )


def _marks(entries: Iterable[Entry]) -> dict[str, Marks]:
    marks: dict[str, Marks] = {}
    for entry in entries:
        match entry["kind"]:
            case "claimed":
                marks = {}  # a key that was released and is claimed again begins anew
            case "sending":
                _sending(marks, entry)
            case "sent":
                _sent(marks, entry)
            case "seen":
                _seen(marks, entry)
            case "watched":
                _watched(marks, entry)
            case _:
                pass
    return marks


def _sending(marks: dict[str, Marks], entry: Sending) -> None:
    for one in entry["ids"]:
        marks.setdefault(one, Marks()).attempts.append(Attempt(entry["attempt"], entry["at"]))


def _sent(marks: dict[str, Marks], entry: Sent) -> None:
    for one, verdict in entry["verdicts"].items():
        attempts = marks.setdefault(one, Marks()).attempts
        for place, attempt in enumerate(attempts):
            if attempt.number == entry["attempt"]:
                attempts[place] = Attempt(attempt.number, attempt.begun_at, entry["at"], verdict)
    for outcome in entry.get("outcomes", ()):
        marks.setdefault(outcome["instance_id"], Marks()).done_at = entry["at"]


def _seen(marks: dict[str, Marks], entry: Seen) -> None:
    for one in entry["busy"]:
        mark = marks.setdefault(one, Marks())
        mark.busy_at = mark.busy_at or entry["at"]
    for one in entry["evidence"]:
        marks.setdefault(one, Marks()).evidence_at = entry["at"]


def _watched(marks: dict[str, Marks], entry: Watched) -> None:
    for outcome in entry["outcomes"]:
        marks.setdefault(outcome["instance_id"], Marks()).done_at = entry["at"]


def _bands(entries: Iterable[Entry]) -> Iterable[Band]:
    """Where nobody was at work: between a hand-over, or the end of a lease, and the takeover."""
    before: Entry | None = None
    for entry in entries:
        if entry["kind"] == "taken_over" and before is not None:
            if before["kind"] == "yielded":
                yield Band("handed_over", before["at"], entry["at"])
            else:
                begin = min(entry["at"], max(before["at"], before.get("lease_until", before["at"])))
                yield Band("unattended", begin, entry["at"])
        before = entry


def _faults(entries: Iterable[Entry]) -> Iterable[Fault]:
    """Answers by which nothing, or nobody knows what, was done."""
    for entry in entries:
        if entry["kind"] != "sent":
            continue
        verdicts: dict[str, int] = {}
        for verdict in entry["verdicts"].values():
            verdicts[verdict] = verdicts.get(verdict, 0) + 1
        if entry["code"] or set(verdicts) - {"accepted"}:
            yield Fault(
                at=entry["at"],
                attempt=entry["attempt"],
                what=_text(entry["what"]),
                code=_text(entry["code"] or ""),
                request_id=_text(entry["request_id"] or ""),
                verdicts=verdicts,
            )


def _collapse(lines: Iterable[Line]) -> list[Line]:
    found: list[Line] = []
    for line in lines:
        if line.kind == "renewed" and found and found[-1].kind == "renewed":
            found[-1] = Line(found[-1].seq, found[-1].at, "renewed", {}, found[-1].times + 1)
        else:
            found.append(line)
    return found


def _fields(entry: Entry) -> dict[str, Any]:
    """What a line about this entry names."""
    match entry["kind"]:
        case "claimed":
            return {"asked": _text(entry["asked"])}
        case "planned":
            return {"part": entry["part"] + 1, "parts": entry["parts"]}
        case "guarded":
            return {"wave": entry["wave"], "n": len(entry["baseline"])}
        case "sending":
            return {"wave": entry["wave"], "attempt": entry["attempt"], "n": len(entry["ids"])}
        case "sent":
            return {"attempt": entry["attempt"], "verdicts": _verdicts(entry), "what": _text(entry["what"])}
        case "seen":
            return {"busy": len(entry["busy"]), "evidence": len(entry["evidence"])}
        case "watched":
            return {"outcomes": _outcomes(entry)}
        case "stopped":
            return {"reason": _text(entry["reason"])}
        case "publishing" | "published":
            return {"topic": _text(entry["topic"])}
        case "reported":
            return {"status": _text(entry["status"])}
        case "released":
            return {"reason": _text(entry["reason"])}
        case _:
            return {}


def _verdicts(entry: Sent) -> str:
    counts: dict[str, int] = {}
    for verdict in entry["verdicts"].values():
        counts[verdict] = counts.get(verdict, 0) + 1
    return ", ".join(f"{count} {_text(verdict)}" for verdict, count in counts.items())


def _outcomes(entry: Watched) -> str:
    counts: dict[str, int] = {}
    for outcome in entry["outcomes"]:
        counts[outcome["outcome"]] = counts.get(outcome["outcome"], 0) + 1
    names = list_some((_text(one["name"] or one["instance_id"]) for one in entry["outcomes"]), most=5)
    return f"{', '.join(f'{count} {_text(kind)}' for kind, count in counts.items())}: {names}"


def _text(text: str) -> str:
    return cut(one_line(text), TEXT_BYTES)
