"""A plan in a file: the event, what was shown of it, and where. `run` carries out exactly that, or says what has moved since."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dcs_upkeep import __version__
from dcs_upkeep.domain.problems import one_line, shorten
from dcs_upkeep.domain.timestamps import iso
from dcs_upkeep.local.groups import name_of
from dcs_upkeep.local.texts import Texts

MARK = "dcs_upkeep_plan"
FORMAT = 1
MOST_TOLD = 20
FACTS = ("region", "project_id")
PLAN_FACTS = ("action", "name", "digest")


class UnreadablePlanError(ValueError):
    """A file that says that it is a plan and is none that this version knows."""


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """`event`: as it was read, its placeholders filled in. `reports`: what was shown, one for each run. `cloud`: of the real cloud."""

    event: object
    reports: tuple[Mapping[str, Any], ...]
    cloud: bool


def is_saved(event: object) -> bool:
    """Whether this is a plan, not an event."""
    return isinstance(event, dict) and MARK in event


def approval(report: Mapping[str, Any]) -> str | None:
    """What approves exactly the plan of this report; None if nothing can, since it was not put on record."""
    plan = report["plan"]
    return f"{plan['digest']}.{plan['showing']}" if plan["digest"] and plan.get("showing") else None


def write(path: Path, plan: SavedPlan, now: datetime) -> None:
    """Raises: OSError."""
    body = {MARK: FORMAT, "made_at": iso(now), "tool_version": __version__, "cloud": plan.cloud, "event": plan.event}
    path.write_text(json.dumps({**body, "reports": list(plan.reports)}, indent=2, default=str) + "\n", encoding="utf-8")


def read(value: object) -> SavedPlan:
    """What is_saved has found. Raises: UnreadablePlanError."""
    try:
        if not isinstance(value, dict) or value[MARK] != FORMAT:
            raise UnreadablePlanError(f"its form is {shorten(value.get(MARK) if isinstance(value, dict) else value)}, known is {FORMAT}")
        plan = SavedPlan(value["event"], tuple(value["reports"]), value["cloud"] is True)
        for report in plan.reports:
            approval(report)
            facts(report)
    except KeyError as err:
        raise UnreadablePlanError(f"it has no {err.args[0]}") from err
    except (TypeError, AttributeError) as err:
        raise UnreadablePlanError("what was shown is not whole") from err
    return plan


def facts(report: Mapping[str, Any]) -> tuple[dict[str, object], dict[str, Mapping[str, Any]]]:
    """What must be as it was shown: what is done where, and what becomes of each instance."""
    about = {name: report[name] for name in FACTS} | {name: report["plan"][name] for name in PLAN_FACTS}
    rows = {str(row["instance_id"]): row for row in report["instances"]}
    for row in rows.values():
        _said(row)
    return about, rows


def moved(then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], texts: Texts) -> list[str]:
    """How these plans differ, in words; empty if they are the same."""
    if len(then) != len(now):
        return [texts("moved.records", then=len(then), now=len(now))]
    found = [words for before, after in zip(then, now, strict=True) for words in _moved(before, after, texts)]
    return [*found[:MOST_TOLD], *([texts("moved.more", count=len(found) - MOST_TOLD)] if len(found) > MOST_TOLD else [])]


def _moved(then: Mapping[str, Any], now: Mapping[str, Any], texts: Texts) -> Iterator[str]:
    (about_then, rows_then), (about_now, rows_now) = facts(then), facts(now)
    rows_differ = False
    for instance_id, row in rows_now.items():
        before = rows_then.get(instance_id)
        if before is None:
            rows_differ = True
            yield texts("moved.added", name=name_of(row), now=_words(row, texts))
        elif _said(before) != _said(row):
            rows_differ = True
            yield texts("moved.changed", name=name_of(row), then=_words(before, texts), now=_words(row, texts))
    for instance_id, row in rows_then.items():
        if instance_id not in rows_now:
            rows_differ = True
            yield texts("moved.gone", name=name_of(row), then=_words(row, texts))
    for name, was in about_then.items():
        # The digest says nothing that the instances have not said already.
        if was != about_now[name] and not (name == "digest" and rows_differ):
            yield texts("moved.fact", name=name, then=shorten(was), now=shorten(about_now[name]))


def _said(row: Mapping[str, Any]) -> tuple[object, ...]:
    return row["name"], row["outcome"], row["guard"], row["wave"], row["loses_data"]


def _words(row: Mapping[str, Any], texts: Texts) -> str:
    wave = texts("moved.row.wave", wave=row["wave"]) if row["wave"] else ""
    loss = "" if row["loses_data"] is False or not row["wave"] else "moved.row.loses" if row["loses_data"] else "moved.row.unknown"
    guard = f" [{row['guard']}]" if row["guard"] else ""
    return one_line(texts("moved.row", outcome=row["outcome"], guard=guard, wave=wave, loss=texts(loss) if loss else ""))
