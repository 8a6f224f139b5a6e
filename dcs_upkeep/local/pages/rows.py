"""The rows of a page: each instance of a report as plain data, grouped by reason, and whose data is gone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dcs_upkeep.domain.bounds import cut
from dcs_upkeep.domain.model import OutcomeKind
from dcs_upkeep.domain.problems import one_line
from dcs_upkeep.execution.verification import NOT_EXECUTED
from dcs_upkeep.local.pages.record import Record

MOST_NAMES = 12
NAME_BYTES, REASON_BYTES, CELL_BYTES = 200, 2_000, 280


@dataclass(frozen=True, slots=True)
class Row:
    """One instance. `place` tells it from every other on the page; times are seconds since 1970."""

    place: int
    instance_id: str
    name: str
    outcome: str
    fine: bool
    wave: int | None
    guard: str
    reason: str
    loses_data: bool | None
    error_code: str
    request_id: str
    sent_at: float | None
    done_at: float | None
    elapsed_s: float | None
    keys_before: int | None
    keys_after: int | None

    @property
    def label(self) -> str:
        """Its name, or its ID if nobody gave it one."""
        return self.name or self.instance_id

    @property
    def cell(self) -> str:
        """The reason as far as a table has room for it; whole, it is told once with all that it is about."""
        return cut(self.reason, CELL_BYTES)


@dataclass(frozen=True, slots=True)
class Group:
    """One reason, once, with the instances that it is about."""

    outcome: str
    guard: str
    reason: str
    rows: tuple[Row, ...]

    @property
    def some(self) -> tuple[Row, ...]:
        """As many as are named."""
        return self.rows[:MOST_NAMES]


@dataclass(frozen=True, slots=True)
class Loss:
    """What was, or would be, lost. `maybe`: acted on or not, nobody knows. `keys` and `megabytes` are None where nobody read them."""

    rows: tuple[Row, ...]
    maybe: tuple[Row, ...]
    unread: tuple[Row, ...]
    keys: int | None
    megabytes: float | None
    would: bool


def row_of(place: int, raw: Mapping[str, Any], record: Record | None) -> Row:
    """One instance of the report."""
    marks = record.marks.get(raw["instance_id"]) if record else None
    elapsed_s = raw["elapsed_s"]
    sent_at = seconds(raw["sent_at"])
    done_at = (marks.done_at if marks else None) or seconds(raw["completed_at"])
    return Row(
        place=place,
        instance_id=clean(raw["instance_id"], NAME_BYTES),
        name=clean(raw["name"] or "", NAME_BYTES),
        outcome=clean(raw["outcome"], 40),
        fine=any(kind.fine for kind in OutcomeKind if kind == raw["outcome"]),
        wave=raw["wave"],
        guard=clean(raw["guard"] or "", 80),
        reason=clean(raw["reason"], REASON_BYTES),
        loses_data=raw["loses_data"],
        error_code=clean(raw["error_code"] or "", 80),
        request_id=clean(raw["request_id"] or "", 80),
        sent_at=sent_at,
        done_at=done_at,
        elapsed_s=elapsed_s if elapsed_s is not None else _took(sent_at, done_at),
        keys_before=count_in(raw.get("keys_before")),
        keys_after=count_in(raw.get("keys_after")),
    )


def loss_of(report: Mapping[str, Any], rows: Sequence[Row], record: Record | None = None) -> Loss:
    """Whose data is gone, or would be. What was surely not executed lost nothing."""
    would = report["status"] in ("planned", "rejected")
    told = [row for row in rows if (row.outcome == "planned" if report["status"] == "planned" else _at_stake(row, record, would=would))]
    losing = tuple(row for row in told if row.loses_data and row.outcome != "unknown")
    stake = report.get("at_stake") or {}
    keys, memory = (count_in(stake.get("keys")), stake.get("used_memory_mb")) if would else (None, None)
    if not would and losing and all(row.keys_before is not None for row in losing):
        keys = sum((row.keys_before or 0) - (row.keys_after or 0) for row in losing)
    return Loss(
        rows=losing,
        maybe=tuple(row for row in told if row.loses_data and row.outcome == "unknown"),
        unread=tuple(row for row in told if row.loses_data is None and row.outcome != "refused"),
        keys=keys,
        megabytes=float(memory) if isinstance(memory, int | float) and not isinstance(memory, bool) else None,
        would=would,
    )


def _was_begun(row: Row, record: Record | None) -> bool:
    """Whether a failed one was acted on. What was surely not executed is where it was."""
    if row.outcome != "failed":
        return False
    progress = record.state.progress.get(row.instance_id) if record else None
    if record is not None and progress is not None:
        return progress.explicit or progress.seen_busy or record.marks[row.instance_id].evidence_at is not None
    return not row.error_code and NOT_EXECUTED not in row.reason


def _at_stake(row: Row, record: Record | None, *, would: bool) -> bool:
    if would:
        return row.guard == "approval"
    return row.outcome in ("accepted", "completed", "unknown") or _was_begun(row, record)


def groups_of(rows: Iterable[Row]) -> tuple[Group, ...]:
    """Each reason once, the most urgent first."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.outcome, row.guard, row.reason), []).append(row)
    order = {kind.value: kind.place for kind in OutcomeKind}
    groups = [Group(*about, tuple(some)) for about, some in found.items()]
    return tuple(sorted(groups, key=lambda group: (order.get(group.outcome, 0), group.guard, -len(group.rows))))


def clean(text: object, most_bytes: int) -> str:
    """A stranger's text: one line, nothing in it turns it round, and not long."""
    return cut(one_line(str(text)[: most_bytes + 1]), most_bytes)  # (what is cut anyway is not looked at)


def seconds(text: str | None) -> float | None:
    """A time of the report in seconds since 1970; None if it has none that can be read."""
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except (ValueError, OverflowError, OSError):
        return None


def _took(sent_at: float | None, done_at: float | None) -> float | None:
    return round(done_at - sent_at, 3) if sent_at is not None and done_at is not None and done_at >= sent_at else None


def count_in(value: object) -> int | None:
    """A whole number of a report that may lack it."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number_in(value: object) -> float | None:
    """Any number of a report that may lack it."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
