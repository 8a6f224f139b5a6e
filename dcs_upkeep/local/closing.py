"""The end of a run on a screen: what is not fine, each reason once, what was lost, how it ended, and what to do now."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from dcs_upkeep.domain.model import OutcomeKind
from dcs_upkeep.domain.problems import one_line, shorten
from dcs_upkeep.domain.run import short_id
from dcs_upkeep.local.groups import Part, grouped, is_fine, names_of, table, was_sent
from dcs_upkeep.local.texts import Texts
from dcs_upkeep.local.when import local_time, zone_of
from dcs_upkeep.reporting.bounded import brief_next

NEXT_BYTES = 1_200  # an event that is longer is told as the event that was sent, with the approval
MOST_NOTES = 5
MOST_PROBLEMS = 8


def closing(
    report: Mapping[str, Any], texts: Texts, *, everything: bool = False, step: list[Part] | None = None, headed: bool = False
) -> Iterator[Part]:
    """All of it. `step`: what to do now, if whoever shows this knows better than the report. `headed`: with what was asked, and when."""
    rows = report["instances"]
    if headed:
        yield _head(report, texts)
    if everything and rows:
        yield table(rows, texts)
    yield from grouped((row for row in rows if not is_fine(row["outcome"])), texts, everything=everything)
    problems = report["problems"] if everything else report["problems"][:MOST_PROBLEMS]
    for problem in problems:
        where = f"{problem['path']}: " if problem["path"] else ""
        yield Text(one_line(texts("end.problem", problem=f"{where}{problem['what']}. {problem['fix']}")))
    if len(problems) < len(report["problems"]):
        yield Text(texts("more", count=len(report["problems"]) - len(problems)))
    told = {row["reason"] for row in rows}  # why the run stopped is a note too
    notes = [note for note in report["notes"] if note not in told]
    for note in notes if everything else notes[:MOST_NOTES]:
        yield Text(one_line(texts("end.note", note=note)))
    for what in report.get("left_out", ()):
        yield Text(one_line(texts("end.left_out", what=what)))
    yield from _lost(report, texts)
    yield _how_it_ended(report, texts)
    if report["replayed"] and not headed:
        yield Text(texts("end.replayed"))
    yield one_line(texts("end.run", run_id=report["run_id"]))
    yield from step if step is not None else [one_line(texts("end.next", next=brief_next(report, NEXT_BYTES)))]


def _head(report: Mapping[str, Any], texts: Texts) -> Table:
    """Who asked for what, when, and where it was done."""
    plan, trigger = report["plan"], report["trigger"]
    zone, zone_name = zone_of(os.environ.get)
    who = trigger["principal"] or report["requested_by"] or trigger["kind"]
    name = f" {shorten(plan['name'])}" if plan["name"] else ""
    times = {"began": local_time(report["started_at"], zone), "ended": f"{local_time(report['ended_at'], zone)} {zone_name}"}
    where = {"region": report["region"] or "-", "project": report["project_id"] or "-"}
    facts = Table.grid(padding=(0, 2, 0, 0))
    for label, value in (
        ("show.asked", texts("show.asked.value", action=plan["action"] or "-", name=name, who=one_line(str(who)))),
        ("show.when", texts("show.when.value", **times)),
        ("plan.where", texts("plan.where.value", **where)),
    ):
        facts.add_row(Text(texts(label), "dim"), Text(one_line(value)))
    return facts


def _how_it_ended(report: Mapping[str, Any], texts: Texts) -> Text:
    counts = texts("list.comma").join(f"{count} {kind.replace('_', ' ')}" for kind, count in report["counts"].items())
    elapsed, short = texts.duration(report["elapsed_s"]), short_id(report["run_id"])
    said = texts("end.line", status=report["status"], counts=counts or texts("end.nothing"), elapsed=elapsed, short=short)
    good = report["status"] in ("succeeded", "planned")
    return Text(one_line(said), "bold green" if good else "bold red" if report["status"] in ("failed", "partial") else "bold yellow")


def _lost(report: Mapping[str, Any], texts: Texts) -> Iterator[Text]:
    """What is gone, and what may be: the action reached it, or nobody can tell whether."""
    reached = [row for row in report["instances"] if was_sent(row["outcome"]) and row["loses_data"] is not False]
    lost = [row for row in reached if row["loses_data"] and row["outcome"] == OutcomeKind.COMPLETED]
    may_be = [row for row in reached if not (row["loses_data"] and row["outcome"] == OutcomeKind.COMPLETED)]
    if lost:
        yield Text(texts("end.lost", count=len(lost), names=names_of(lost)), "bold red")
    if may_be:
        yield Text(texts("end.may_be_lost", count=len(may_be), names=names_of(may_be)), "bold red")
