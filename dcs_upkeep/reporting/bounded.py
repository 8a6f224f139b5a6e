"""A report cut to what its channel takes: what goes first is what is fine, and what was left out is told with where it is. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dcs_upkeep.domain.bounds import ANSWER_BYTES, cut, in_utf8, size_of
from dcs_upkeep.domain.model import OutcomeKind, RunStatus

ROOM = 2_000  # for the sentences on what was left out
WHERE_ROWS = "counts has their numbers, plan.waves the IDs, and the log a line (instance.verified) for each that was judged alone"
Size = Callable[[object], int]


def as_json(value: object) -> int:
    """Bytes as JSON; a host may escape what is not ASCII."""
    return len(json.dumps(value, default=str))


def as_text_in_json(value: object) -> int:
    """The same for JSON text inside JSON, as the body of an HTTP answer is: each quote takes two bytes there."""
    return as_json(json.dumps(value, default=str))


def bounded_answer(body: Mapping[str, Any], *, in_text: bool = False, most: int = ANSWER_BYTES) -> dict[str, Any]:
    """What a host takes for an answer: a report, several of them, or what a command has found."""
    size = as_text_in_json if in_text else as_json
    if size(body) <= most:
        return dict(body)
    if isinstance(runs := body.get("runs"), list) and "command" not in body:
        share = (most - ROOM) // max(1, len(runs))
        return {**body, "runs": [bounded_answer(run, in_text=in_text, most=share) for run in runs]}
    if "report" in body:
        rest = {key: value for key, value in body.items() if key != "report"}
        return {**rest, "report": bounded_answer(body["report"], in_text=in_text, most=most - size(rest))}
    if "instances" in body and "plan" in body:
        return _bounded_report(body, size, most)
    return _bounded_lists(body, size, most)


def sendable(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer as any host can send it. A stranger's text may hold half of a pair, which JSON can write as an escape and UTF-8 cannot."""
    text = json.dumps(answer, ensure_ascii=False, default=str)
    whole = in_utf8(text)
    found: dict[str, Any] = answer if whole == text else json.loads(whole)
    return found


def _bounded_report(report: Mapping[str, Any], size: Size, most: int) -> dict[str, Any]:
    rest = {**report, "instances": []}
    left_out: list[str] = []
    if size(rest) > most - ROOM:
        waves = report["plan"]["waves"]
        rest["plan"] = {**report["plan"], "waves": []}
        left_out.append(
            f"plan.waves: the IDs of {len(waves)} waves; the log has a line (instance.verified) for each instance that was sent"
        )
    if size(rest) > most - ROOM:
        rest["next"] = brief_next(report, 4_000)
        left_out.append("next: the event is too long to be written out here")
    if size(rest) > most - ROOM:
        rest = _bounded_lists(rest, size, most - ROOM)
        left_out += rest.pop("left_out", [])
    rows: Sequence[Mapping[str, Any]] = report["instances"]
    kept = rows_that_fit(rows, most - ROOM - size(rest), size)
    if len(kept) < len(rows):
        left_out.append(rows_left_out(rows, kept))
    return {**rest, "instances": kept, "left_out": left_out}


def rows_that_fit(rows: Sequence[Mapping[str, Any]], room: int, size: Size = as_json) -> list[Mapping[str, Any]]:
    """As many rows as fit, those that are not fine before the others, in their order."""
    chosen: set[int] = set()
    for place in sorted(range(len(rows)), key=lambda place: (_is_fine(rows[place]), place)):
        room -= size(rows[place]) + 2
        if room < 0:
            break
        chosen.add(place)
    return [row for place, row in enumerate(rows) if place in chosen]


def rows_left_out(rows: Sequence[Mapping[str, Any]], kept: Sequence[Mapping[str, Any]]) -> str:
    """How many instances are not listed, of which outcome, and where they are."""
    missing = Counter(row["outcome"] for row in rows) - Counter(row["outcome"] for row in kept)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(missing.items()))
    return f"instances: {len(rows) - len(kept)} of {len(rows)} ({kinds}); {WHERE_ROWS}"


def brief_next(report: Mapping[str, Any], most: int) -> str:
    """The report's `next`; if its event is too long for this place, how to make that event, and where it is written out."""
    step: str = report["next"]
    if size_of(step) <= most:
        return step
    lead = cut(step[: step.find("{")] if "{" in step else step, most // 2).strip()
    plan = report.get("plan") or {}
    if report["status"] in (RunStatus.PLANNED, RunStatus.REJECTED) and plan.get("digest"):
        approve = plan["digest"] + (f".{plan['showing']}" if "showing" in plan else "")
        return (
            f'{lead} the event that was sent, without dry_run and with "approve": "{approve}". '
            "(Written out it is too long for this place; the answer of the invocation has it, if it fits there.)"
        )
    return f"{lead} (The event is too long for this place; the answer of the invocation has it. It is about the rest.)"


def _bounded_lists(body: Mapping[str, Any], size: Size, most: int) -> dict[str, Any]:
    """Anything else: its largest values are cut until it fits."""
    cut_body, left_out = dict(body), []
    for key in sorted(body, key=lambda key: -size(body[key])):
        over = size(cut_body) - most + ROOM
        if over <= 0:
            break
        value, room = body[key], max(1_000, size(body[key]) - over)
        cut_body[key] = shortened(value, room, size)
        count = f"{len(value) - len(cut_body[key])} of {len(value)} entries" if isinstance(value, list | dict) else "the end of a long text"
        left_out.append(f"{key}: {count}")
    return {**cut_body, "left_out": left_out} if left_out else cut_body


def shortened(value: Any, room: int, size: Size = as_json) -> Any:
    """The beginning of a list, an object or a text that takes no more than `room`."""
    if isinstance(value, list | tuple | dict):
        kept: list[Any] = []
        for item in value.items() if isinstance(value, dict) else value:
            room -= size(item) + 4
            if room < 0:
                break
            kept.append(item)
        return dict(kept) if isinstance(value, dict) else kept
    return cut(str(value), room // 6)  # (a sign may take six bytes as an escape)


def _is_fine(row: Mapping[str, Any]) -> bool:
    return any(kind.fine for kind in OutcomeKind if kind == row["outcome"])
