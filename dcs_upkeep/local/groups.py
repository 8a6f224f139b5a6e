"""Instances by what became of them: each reason once, with those that it is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dcs_upkeep.domain.model import OutcomeKind
from dcs_upkeep.domain.problems import list_some, one_line
from dcs_upkeep.guards.approval import APPROVAL, NOT_APPROVED
from dcs_upkeep.local.cells import fit
from dcs_upkeep.local.texts import Texts

Part = RenderableType  # a plain `str` is to be copied, and is never broken into lines by us
Row = Mapping[str, Any]

MOST_NAMES = 30  # of one group; --all has every one
MOST_ROWS = 20
MOST_GROUPS = 12
NAME_CELLS = 24
REASON_CHARS = 420  # a few lines; the report has the rest
INDENT = 4


def is_fine(outcome: object) -> bool:
    """A word that is no outcome here, as in the report of a later version, is not."""
    return any(kind.fine for kind in OutcomeKind if kind == outcome)


def was_sent(outcome: object) -> bool:
    """The same: what is not known here may have been."""
    return not any(kind == outcome and not kind.sent for kind in OutcomeKind)


def name_of(row: Row) -> str:
    """What a person calls it."""
    return one_line(str(row["name"] or row["instance_id"]))


def names_of(rows: Iterable[Row], most: int = MOST_NAMES) -> str:
    """The first of them, each cut, and how many more."""
    return list_some((fit(name_of(row), NAME_CELLS) for row in rows), most=most)


def brief_reason(guard: str, reason: str, *, everything: bool) -> str:
    """A reason in a few lines. Whom it is about stands beside it; the report has the rest."""
    if everything:
        return one_line(reason)
    if guard == APPROVAL.name:
        head, found, _ = reason.partition(f" {NOT_APPROVED}:")
        reason = f"{head} {NOT_APPROVED}" if found else reason
    return one_line(reason if len(reason) <= REASON_CHARS else f"{reason[:REASON_CHARS].rstrip()} …")


def grouped(rows: Iterable[Row], texts: Texts, *, everything: bool = False) -> Iterator[Part]:
    """A line for each reason, the most urgent first, and below it its instances: by name, or with a row each if they were sent."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["outcome"], row["guard"] or "", row["reason"]), []).append(row)
    ordered = sorted(groups.items(), key=lambda item: _place(item[0][0]))
    for (outcome, guard, reason), found in ordered if everything else ordered[:MOST_GROUPS]:
        words = outcome.replace("_", " ")
        told = brief_reason(guard, reason, everything=everything)
        head = texts("group.head", count=len(found), outcome=words, guard=f" [{guard}]" if guard else "", reason=told)
        yield Text(head, "green" if is_fine(outcome) else "yellow" if not was_sent(outcome) else "red")
        below = _rows(found, texts, everything=everything) if was_sent(outcome) else _names(found, everything)
        yield Padding(below, (0, 0, 0, INDENT), expand=False)
    if not everything and (left := ordered[MOST_GROUPS:]):
        yield Text(texts("more", count=sum(len(found) for _, found in left)))


def table(rows: Sequence[Row], texts: Texts) -> Table:
    """Every instance with its outcome, for --all."""
    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for key in ("name", "instance", "wave", "outcome", "after"):
        made.add_column(texts(f"table.{key}"), justify="right" if key in ("wave", "after") else "left", no_wrap=True)
    for row in rows:
        outcome = Text(str(row["outcome"]), "green" if is_fine(row["outcome"]) else "red")
        made.add_row(Text(fit(name_of(row), NAME_CELLS)), Text(str(row["instance_id"])[:36]), _wave(row), outcome, _after(row, texts))
    return made


def _place(outcome: str) -> int:
    return next((kind.place for kind in OutcomeKind if kind == outcome), 0)


def _names(rows: Sequence[Row], everything: bool) -> Text:
    return Text(names_of(rows, len(rows) if everything else MOST_NAMES))


def _rows(rows: Sequence[Row], texts: Texts, *, everything: bool) -> Table:
    """Name, whole id and wave: 76 cells and no more."""
    shown = rows if everything else rows[:MOST_ROWS]
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column(no_wrap=True)
    made.add_column(no_wrap=True)
    for row in shown:
        wave = texts("plan.wave", number=row["wave"]) if row["wave"] else ""
        made.add_row(Text(fit(name_of(row), NAME_CELLS - 4)), Text(str(row["instance_id"])[:36]), Text(wave))
    if len(shown) < len(rows):
        made.add_row(Text(texts("more", count=len(rows) - len(shown))))
    return made


def _wave(row: Row) -> str:
    return str(row["wave"] or "")


def _after(row: Row, texts: Texts) -> str:
    return texts.duration(row["elapsed_s"]) if row["elapsed_s"] is not None else ""
