"""What a reader is to do now, in sentences of the catalogue, each with what to copy. Pure.

What is copied stands in the report's `next`: an approving event, the release of a halt, the event for what is left. It is taken from
there as it is, so that message and report never differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dcs_upkeep.domain.bounds import size_of
from dcs_upkeep.domain.problems import json_line
from dcs_upkeep.reporting.bounded import brief_next
from dcs_upkeep.reporting.report import Report
from dcs_upkeep.reporting.urgency import Claim, Urgency, halt_id, is_fault

MOST_EVENTS = 2
_WHY = " The run stopped: "  # what follows holds the words of strangers: no event is taken from there
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?Z")
_HALT = '{"command": "halt", "reason": "..."}'


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. `key`: its sentence, with `fields`. `event` and `command`: to copy. `detail`: in English, as the report has it."""

    key: str
    event: str = ""
    command: str = ""
    detail: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


def steps_of(report: Report, claims: Sequence[Claim], most_bytes: int) -> list[Step]:
    """What is to be done, the most urgent first. `most_bytes`: an event that is longer is told by what makes it."""
    found = [step for claim in claims for step in _steps(report, claim, claims, most_bytes)]
    steps = list({step.key: step for step in reversed(found)}.values())[::-1]  # each once
    return steps or [Step("next.ok")]


def _steps(report: Report, claim: Claim, claims: Sequence[Claim], most_bytes: int) -> Iterable[Step]:
    match claim.urgency:
        case Urgency.DOWN | Urgency.DATA_LOST | Urgency.CHECK | Urgency.FAILED | Urgency.NOTHING_MATCHED:
            yield Step(f"next.{claim.key}")
        case Urgency.APPROVE | Urgency.PLANNED:
            yield _approving(report, claim, most_bytes)
        case Urgency.STOPPED:
            yield _with_event("next.rest", report, events_in(report)[:1], most_bytes)
        case Urgency.HALTED:
            yield from _release(report, most_bytes)
        case Urgency.ACTION_NEEDED:
            yield _by_hand(report, most_bytes)
        case Urgency.REFUSED if claim is claims[0] or claim.key == "refused_some":
            generic = claim.key == "refused_some" or bool(report["problems"])
            yield Step(f"next.{'problems' if report['problems'] else claim.key}", detail="" if generic else report["next"])
        case Urgency.WAITING:
            when = _TIME.search(report["next"])
            yield Step("next.waiting", event=_HALT, fields={"time": when[0]}) if when else Step("next.goes_on")
        case _:
            return


def events_in(report: Report) -> list[str]:
    """The events of the report's `next`, each as JSON on one line."""
    text = report["next"].partition(_WHY)[0]
    found: list[str] = []
    while (start := text.find("{")) >= 0 and len(found) < MOST_EVENTS:
        try:
            value, end = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            break
        found.append(json_line(value))
        text = text[end:]
    return found


def _with_event(key: str, report: Report, events: Sequence[str], most_bytes: int) -> Step:
    if not events:
        return Step(key if key != "next.rest" else "next.again")
    if size_of(events[0]) > most_bytes:
        return Step(key, detail=brief_next(report, most_bytes))
    return Step(key, event=events[0])


def _approving(report: Report, claim: Claim, most_bytes: int) -> Step:
    events, plan = events_in(report), report["plan"]
    if not events:
        return Step("next.no_approval", detail=report["next"])
    if size_of(events[0]) > most_bytes:
        showing = f".{plan['showing']}" if "showing" in plan else ""
        return Step("next.too_long", event=f'"approve": "{plan["digest"]}{showing}"')
    return Step("next.approve" if claim.urgency is Urgency.APPROVE else "next.planned", event=events[0])


def _release(report: Report, most_bytes: int) -> Iterable[Step]:
    halt, events = halt_id(report), [event for event in events_in(report) if '"command"' not in event]
    if halt is None:  # whether there is one could not be read
        yield Step("next.fault", detail=report["next"])
        return
    yield release_of(halt)
    yield _with_event("next.rest", report, events[:1], most_bytes)


def release_of(halt: str, key: str = "next.release") -> Step:
    """How to let go of this halt."""
    return Step(key, event=json_line({"command": "release", "halt": halt}), command=f"python -m dcs_upkeep release {halt} --cloud")


def _by_hand(report: Report, most_bytes: int) -> Step:
    if is_fault(report):
        return Step("next.fault", detail=report["next"])
    events = events_in(report)
    if events and events[0].startswith('{"resume"'):
        return Step("next.resume", event=events[0], command=f"python -m dcs_upkeep resume {report['run_id']} --cloud")
    if events and '"command":"halt"' in events[0]:
        return Step("next.behind", event=events[0])
    return _with_event("next.deferred", report, events[:1], most_bytes)
