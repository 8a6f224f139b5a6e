"""What a page says first: how bad it is, about how many, and what to do. By harm, as messages have it; words are elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dcs_upkeep.local.pages.rows import Loss, Row
from dcs_upkeep.reporting.urgency import is_down

# Kind -> how it looks: `bad` wants a person now, `warn` wants one, `wait` goes on by itself, `calm` asks for nothing.
LEVELS: Mapping[str, str] = {
    "down": "bad",
    "lost": "bad",
    "check": "bad",
    "failed": "bad",
    "fault": "bad",
    "approve": "warn",
    "halted": "warn",
    "stopped": "warn",
    "action_needed": "warn",
    "nothing": "warn",
    "refused": "warn",
    "refused_event": "warn",
    "unseen": "warn",
    "waiting": "wait",
    "running": "wait",
    "plan": "calm",
    "plan_loses": "warn",
    "plan_unread": "warn",
    "plan_empty": "warn",
    "emptied": "calm",
    "ok": "calm",
}
NAMED = 4


@dataclass(frozen=True, slots=True)
class PageVerdict:
    """`kind`: one of LEVELS. `n` of `every` instances, of which `some` are to be named. `fields`: what its words name besides."""

    kind: str
    n: int
    every: int
    some: tuple[Row, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def level(self) -> str:
        """How it looks."""
        return LEVELS[self.kind]


def judge(report: Mapping[str, Any], rows: Sequence[Row], loss: Loss, sentence: str) -> PageVerdict:
    """The first that fits, the greatest harm first. `sentence`: the report's `next`, without its event."""
    status, every = report["status"], len(rows)
    # The messages' own word, so that a page never says otherwise than the mail about the same run.
    not_back = {row["instance_id"] for row in report["instances"] if is_down(row, report["plan"]["action"])}
    down = [row for row in rows if row.instance_id in not_back]
    failed = [row for row in rows if row.outcome == "failed" and row.instance_id not in not_back]
    unknown = [row for row in rows if row.outcome == "unknown" and row.instance_id not in not_back]
    wave = {"wave": str(max((row.wave or 0 for row in rows if row.sent_at is not None), default=0))}
    if status == "planned":
        return _plan(report, rows, loss)
    if status == "running":
        return PageVerdict("running", sum(1 for row in rows if row.done_at is not None), every)
    if down:
        return _about("down", down, every)
    if loss.rows and not loss.would and report["plan"]["action"] != "flush":
        return _about("lost", loss.rows, every)
    if unknown:
        return _about("check", unknown, every)
    if failed:
        return _about("failed", failed, every, wave)
    if status == "halted":
        return PageVerdict("halted", _waiting(rows), every)
    if status == "rejected":
        return _refused(rows, report)
    if status == "deferred":
        kind = "action_needed" if sentence.startswith("ACTION NEEDED") else "waiting"
        return PageVerdict(kind, sum(1 for row in rows if row.outcome == "deferred"), every)
    if left := [row for row in rows if row.outcome in ("not_attempted", "refused")]:
        stopped = any(row.outcome == "not_attempted" for row in left)
        return _about("stopped" if stopped else "refused", left, every, wave)
    if status == "failed":
        return PageVerdict("fault", 0, every)
    if not rows:
        return PageVerdict("nothing", 0, 0)
    if unseen := [row for row in rows if row.outcome == "accepted"]:
        return _about("unseen", unseen, every)
    return PageVerdict("emptied" if report["plan"]["action"] == "flush" and loss.rows else "ok", sum(1 for row in rows if row.fine), every)


def _plan(report: Mapping[str, Any], rows: Sequence[Row], loss: Loss) -> PageVerdict:
    planned = [row for row in rows if row.outcome == "planned"]
    waves = {"waves": str(len(report["plan"]["waves"]))}
    if not planned:
        return PageVerdict("plan_empty", 0, len(rows), fields=waves)
    if loss.unread:
        return _about("plan_unread", loss.unread, len(planned), waves)
    if loss.rows:
        return _about("plan_loses", loss.rows, len(planned), waves)
    return PageVerdict("plan", len(planned), len(rows), fields=waves)


def _refused(rows: Sequence[Row], report: Mapping[str, Any]) -> PageVerdict:
    refused = [row for row in rows if row.outcome == "refused"]
    if wanting := [row for row in refused if row.guard == "approval"]:
        losing = [row for row in wanting if row.loses_data]
        return _about("approve", losing or wanting, len(rows))
    if not rows:
        return PageVerdict("refused_event", len(report["problems"]), 0)
    return _about("refused", refused, len(rows), {"wave": "0"})


def _about(kind: str, some: Sequence[Row], every: int, fields: Mapping[str, str] | None = None) -> PageVerdict:
    return PageVerdict(kind, len(some), every, tuple(some[:NAMED]), fields or {})


def _waiting(rows: Sequence[Row]) -> int:
    return sum(1 for row in rows if row.outcome in ("not_attempted", "refused", "deferred"))
