"""A plan at a glance: what, where, how many, what is lost, how long, how many calls; then wave by wave, those that lose data marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dcs_upkeep.domain.model import OutcomeKind
from dcs_upkeep.domain.problems import list_some, one_line, shorten
from dcs_upkeep.local import estimate
from dcs_upkeep.local.cells import grid
from dcs_upkeep.local.groups import INDENT, NAME_CELLS, Part, Row, brief_reason, grouped, name_of, names_of
from dcs_upkeep.local.texts import Texts
from dcs_upkeep.planning.plan import COST, SENT_NOW

MOST_NAMED = 10  # in the line on what is lost; they are marked below it
MOST_LINES = 10  # of all waves
MOST_NOTES = 5
MARKS: Mapping[bool | None, str] = {True: "!", None: "?", False: " "}  # by `loses_data`


@dataclass(frozen=True, slots=True)
class Terms:
    """What a report does not say of its plan. `made`: the log's line on it; None if this command has not made it."""

    made: Mapping[str, Any] | None
    batch_size: int
    poll_s: float


def would_be_refused(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(guard, reason) of what only a dry run goes on after."""
    told = (note.removeprefix(SENT_NOW).partition(": ") for note in report["notes"] if note.startswith(SENT_NOW))
    return [(guard, reason) for guard, _, reason in told]


def planned_rows(report: Mapping[str, Any]) -> list[Row]:
    """Those that would be acted on."""
    return [row for row in report["instances"] if row["outcome"] == OutcomeKind.PLANNED]


def losing(rows: Sequence[Row], loses_data: bool | None = True) -> list[Row]:
    """Those of which is known that they lose their data; with None, those of which nobody knows."""
    return [row for row in rows if row["loses_data"] is loses_data]


def plan_view(report: Mapping[str, Any], terms: Terms, texts: Texts, width: int, *, everything: bool = False) -> Iterator[Part]:
    """All of it but the last word, which says how to carry it out."""
    rows = planned_rows(report)
    plan = report["plan"]
    name = f" {shorten(plan['name'])}" if plan["name"] else ""
    yield Text(texts("plan.title", action=plan["action"] or "", name=name), "bold")
    yield Padding(_facts(report, rows, terms, texts), (0, 0, 0, 2), expand=False)
    yield from _waves(rows, texts, width, everything=everything)
    yield from grouped((row for row in report["instances"] if row["outcome"] != OutcomeKind.PLANNED), texts, everything=everything)
    for guard, reason in would_be_refused(report):
        yield Text(texts("plan.not_now", guard=guard, reason=brief_reason(guard, reason, everything=everything)), "yellow")
    notes = [note for note in report["notes"] if not note.startswith((SENT_NOW, COST))]
    for note in notes if everything else notes[:MOST_NOTES]:
        yield Text(one_line(texts("end.note", note=note)))


def _facts(report: Mapping[str, Any], rows: Sequence[Row], terms: Terms, texts: Texts) -> Table:
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    where = texts("plan.where.value", region=report["region"] or "-", project=report["project_id"] or "-")
    sizes = _sizes(rows)
    facts.add_row(Text(texts("plan.where"), "dim"), Text(one_line(where)))
    facts.add_row(Text(texts("plan.what"), "dim"), Text(_what(report, rows, sizes, texts)))
    if not rows:
        return facts
    facts.add_row(Text(texts("plan.loss"), "dim"), _loss(rows, texts))
    if terms.made is not None:
        pause_s, watch_s = float(terms.made["pause_s"]), terms.made["watch_timeout_s"]
        found = estimate.duration(report["plan"]["action"], len(sizes), pause_s, watch_s)
        said = {"likely": texts.duration(found.likely_s), "action": report["plan"]["action"], "each": texts.duration(found.each_s)}
        if found.most_s is None:
            facts.add_row(Text(texts("plan.time"), "dim"), Text(texts("plan.time.unwatched", **said)))
        else:
            facts.add_row(Text(texts("plan.time"), "dim"), Text(texts("plan.time.value", most=texts.duration(found.most_s), **said)))
        acting, reading = estimate.calls(sizes, terms.batch_size, sum(report["calls"].values()), found.each_s, terms.poll_s)
        facts.add_row(Text(texts("plan.calls"), "dim"), Text(texts("plan.calls.value", acting=acting, reading=reading)))
    return facts


def _what(report: Mapping[str, Any], rows: Sequence[Row], sizes: Sequence[int], texts: Texts) -> str:
    selected = texts.count("instances", len(report["instances"]))
    if not report["instances"]:
        return texts("plan.what.empty")
    if not rows:
        return texts("plan.what.none", selected=selected)
    told = list_some((str(size) for size in sizes), most=20)
    return texts("plan.what.value", planned=len(rows), selected=selected, waves=texts.count("waves", len(sizes)), sizes=told)


def _loss(rows: Sequence[Row], texts: Texts) -> Text:
    sure, unknown = losing(rows), losing(rows, None)
    if not sure and not unknown:
        return Text(texts("plan.loss.none"), "green")
    told = [
        texts(key, count=len(found), planned=len(rows), names=names_of(found, MOST_NAMED))
        for key, found in (("plan.loss.value", sure), ("plan.loss.unknown", unknown))
        if found
    ]
    return Text("; ".join(told), "bold red")


def _sizes(rows: Sequence[Row]) -> list[int]:
    sizes: dict[int, int] = {}
    for row in rows:
        sizes[row["wave"]] = sizes.get(row["wave"], 0) + 1
    return [sizes[number] for number in sorted(sizes)]


def _waves(rows: Sequence[Row], texts: Texts, width: int, *, everything: bool) -> Iterator[Part]:
    """Each wave with its instances side by side, in the order of the plan."""
    waves: dict[int, list[Row]] = {}
    for row in rows:
        waves.setdefault(row["wave"], []).append(row)
    numbers = sorted(waves)
    lead = max((cell_len(texts("plan.wave", number=number)) for number in numbers), default=0) + INDENT
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column()
    marked = any(row["loses_data"] is not False for row in rows)
    room, shown = MOST_LINES, 0
    for number in numbers:
        words = [f"{MARKS[row['loses_data']]} {name_of(row)}" if marked else name_of(row) for row in waves[number]]
        lines = grid(words, width - lead, NAME_CELLS + 2)
        if not everything:
            lines = _cut(lines, max(2, room), len(words), texts)
            room -= len(lines)
        made.add_row(Text(texts("plan.wave", number=number)), _coloured(lines))
        shown += 1
        if room <= 0:
            break
    if shown:
        yield Padding(made, (0, 0, 0, 2), expand=False)
    if left := numbers[shown:]:
        instances = texts.count("instances", sum(len(waves[number]) for number in left))
        yield Padding(
            Text(texts("plan.more_waves", instances=instances, waves=texts.count("waves", len(left)))), (0, 0, 0, 2), expand=False
        )


def _cut(lines: list[str], most: int, count: int, texts: Texts) -> list[str]:
    """So many lines of one wave; the last one says how many instances are left out."""
    if len(lines) <= most:
        return lines
    in_a_line = -(-count // len(lines))
    return [*lines[: most - 1], texts("more", count=count - (most - 1) * in_a_line)]


def _coloured(lines: Sequence[str]) -> Text:
    told = Text("\n".join(lines), no_wrap=True)
    told.highlight_regex(r"(?m)(?:^|(?<=  ))! [^\n]*?(?=  |$)", "bold red")
    return told
