"""What a page says, as plain data: from a report, and from what the journal shows of the run if there is that. Pure; no words yet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dcs_upkeep.domain.bounds import cut
from dcs_upkeep.domain.problems import escape
from dcs_upkeep.local.pages.record import Record
from dcs_upkeep.local.pages.rows import (
    NAME_BYTES,
    REASON_BYTES,
    Group,
    Loss,
    Row,
    clean,
    groups_of,
    loss_of,
    number_in,
    row_of,
    seconds,
)
from dcs_upkeep.local.pages.timeline import Timeline, draw
from dcs_upkeep.local.pages.verdict import PageVerdict, judge

MOST_ROWS = 5_000
MOST_GROUPS = 40
MOST_NOTES = 50
EVENT_BYTES = 60_000


@dataclass(frozen=True, slots=True)
class Check:
    """One value that a gate looked at."""

    wave: int | None
    verdict: str
    metric: str
    instance_id: str
    before: float | None
    after: float | None
    limit: str


@dataclass(frozen=True, slots=True)
class Page:
    """All that a page shows. `facts`: name -> value of what tells this run from others; `event`: what its reader may send now."""

    report: Mapping[str, Any]
    verdict: PageVerdict
    began_at: float | None
    ended_at: float | None
    counts: Mapping[str, int]
    rows: tuple[Row, ...]
    left_out_rows: int
    groups: tuple[Group, ...]
    refusals: tuple[Group, ...]
    left_out_groups: int
    loss: Loss
    timeline: Timeline | None
    gates: tuple[Check, ...]
    calls: Mapping[str, int]
    notes: tuple[str, ...]
    problems: tuple[tuple[str, str, str], ...]
    facts: Mapping[str, str]
    next_step: str
    event: str | None
    record: Record | None
    waves: tuple[tuple[Row, ...], ...] = field(default=())

    @property
    def is_plan(self) -> bool:
        """Whether nothing was done, and nothing was to be."""
        return self.verdict.kind in ("plan", "plan_loses", "plan_empty", "plan_unread")


def build_page(report: Mapping[str, Any], record: Record | None = None) -> Page:
    """The page of a report. `record`: what the journal shows of the same run."""
    every = tuple(row_of(place, raw, record) for place, raw in enumerate(report["instances"]))
    kept = (
        every if len(every) <= MOST_ROWS else tuple(sorted(sorted(every, key=lambda row: row.fine)[:MOST_ROWS], key=lambda row: row.place))
    )
    open_groups = groups_of(row for row in every if not row.fine and row.outcome != "refused")
    refusals = groups_of(row for row in every if row.outcome == "refused")
    sentence, event = split_event(report["next"])
    loss = loss_of(report, every, record)
    dry_run = bool(report["plan"]["dry_run"])
    began, ended = seconds(report["started_at"]), seconds(report["ended_at"])
    return Page(
        report=report,
        verdict=judge(report, every, loss, sentence),
        began_at=began,
        ended_at=ended,
        counts={clean(name, 40): count for name, count in report["counts"].items()},
        rows=kept,
        left_out_rows=len(every) - len(kept),
        groups=open_groups[:MOST_GROUPS],
        refusals=refusals[:MOST_GROUPS],
        left_out_groups=max(0, len(open_groups) - MOST_GROUPS) + max(0, len(refusals) - MOST_GROUPS),
        loss=loss,
        timeline=None if dry_run else draw(every, record, (began, ended), _gate_ends(report)),
        gates=tuple(_checks(report)),
        calls={clean(name, 80): count for name, count in sorted(report["calls"].items(), key=lambda call: (-call[1], call[0]))[:50]},
        notes=tuple(note for note in _notes(report) if note not in {group.reason for group in (*open_groups, *refusals)}),
        problems=tuple(
            (clean(one["path"], 200), clean(one["what"], REASON_BYTES), clean(one["fix"], REASON_BYTES)) for one in report["problems"][:50]
        ),
        facts=_facts(report),
        next_step=clean(sentence, REASON_BYTES),
        event=cut(event, EVENT_BYTES) if event else None,
        record=record,
        waves=_waves(report, every) if dry_run else (),
    )


def split_event(step: str) -> tuple[str, str | None]:
    """What a report's `next` says, and the event in it as its reader would send it, set out over lines; None if there is none."""
    begin = step.find("{")
    if begin < 0:
        return step, None
    try:
        event, end = json.JSONDecoder().raw_decode(step, begin)
    except (json.JSONDecodeError, RecursionError):
        return step, None
    lines = json.dumps(event, ensure_ascii=False, indent=2).splitlines()
    return f"{step[:begin].rstrip()} {step[end:].strip()}".strip(), "\n".join(escape(line) for line in lines)


def _notes(report: Mapping[str, Any]) -> list[str]:
    """What the report says besides, and what was left out of it."""
    return [clean(note, REASON_BYTES) for note in (*report["notes"], *report.get("left_out", ()))[:MOST_NOTES]]


def _waves(report: Mapping[str, Any], rows: Sequence[Row]) -> tuple[tuple[Row, ...], ...]:
    by_id = {raw["instance_id"]: row for raw, row in zip(report["instances"], rows, strict=True)}
    return tuple(tuple(by_id[one] for one in wave if one in by_id) for wave in report["plan"]["waves"])


def _facts(report: Mapping[str, Any]) -> dict[str, str]:
    trigger, plan = report["trigger"], report["plan"]
    told = {
        "run": report["run_id"],
        "action": plan["action"],
        "plan": plan["name"],
        "region": report["region"],
        "project": report["project_id"],
        "trigger": f"{trigger['kind']} {trigger['id']}",
        "principal": trigger.get("principal"),
        "requested_by": report["requested_by"],
        "digest": plan["digest"],
        "hops": report["hops"] or None,
        "version": report["tool_version"],
    }
    return {name: clean(value, 400) for name, value in told.items() if value}


def _checks(report: Mapping[str, Any]) -> Iterable[Check]:
    for gate in list(report.get("gates") or ())[:200]:
        verdict, wave = clean(gate.get("verdict", ""), 40), gate.get("wave")
        for check in list(gate.get("checks") or [{}])[:50]:
            yield Check(
                wave=wave if isinstance(wave, int) else None,
                verdict=clean(check.get("verdict") or verdict, 40),
                metric=clean(check.get("metric") or "", 80),
                instance_id=clean(check.get("instance_id") or "", NAME_BYTES),
                before=number_in(check.get("before")),
                after=number_in(check.get("after")),
                limit=clean(check.get("limit") if check.get("limit") is not None else "", 80),
            )


def _gate_ends(report: Mapping[str, Any]) -> dict[int, str]:
    return {gate["wave"]: clean(gate.get("verdict", ""), 40) for gate in report.get("gates") or () if isinstance(gate.get("wave"), int)}
