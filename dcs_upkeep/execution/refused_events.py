"""Whether the topics are told of an event that is no valid request: of each kind the first in an hour."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dcs_upkeep.domain.errors import JournalError, Problem
from dcs_upkeep.domain.model import Trigger
from dcs_upkeep.domain.ports import Ports
from dcs_upkeep.domain.request import FIELD_NAMES
from dcs_upkeep.domain.run import RunScope
from dcs_upkeep.journal.refusals import Counted, count_refusal
from dcs_upkeep.reporting.report import Report

LONGEST = 200
MOST_PARTS = 5
# What differs between two events of one kind: quoted words, IDs and other numbers.
_VALUES = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\d[\d.:TZ+-]*""")


def is_told(ports: Ports, scope: RunScope, kind: str, report: Report) -> bool:
    """Count it, and say in log and report what was counted. Without a journal, or if it fails, each one is told."""
    if ports.journal is None:
        return True
    try:
        counted = count_refusal(ports.journal, scope.key, kind, ports.clock.now().timestamp())
    except (JournalError, KeyError, TypeError, ValueError) as err:
        ports.log("journal.failed", level="warning", run_id=report["run_id"], reason=f"refusals cannot be counted: {err}")
        return True
    if not counted.tell:
        ports.log("refusal.counted", level="warning", run_id=report["run_id"], kind=kind, times=counted.times, at_least=counted.at_least)
        report["notes"].append("the topics were not told of this one: they are told of the first of a kind in an hour, and the log has all")
        return False
    report["notes"] += _notes(counted)
    return True


def kind_of(trigger: Trigger, problems: Sequence[Problem], foreign: str | None) -> str:
    """A short text that is the same for events with the same thing wrong, whatever stands in them.

    `foreign`: what sort of another service's event it is, which nothing in it can vary.
    """
    if foreign is not None:
        return f"{trigger.kind}: {foreign}"[:LONGEST]
    parts = dict.fromkeys(_part(problem) for problem in problems)
    return f"{trigger.kind}: {'; '.join(sorted(parts)[:MOST_PARTS])}"[:LONGEST]


def _part(problem: Problem) -> str:
    path = ".".join(step for step in re.split(r"[.\[\]]+", problem.path) if step in FIELD_NAMES)
    what = _VALUES.sub("*", problem.what)
    return f"{path}: {what}" if path else what


def _notes(counted: Counted) -> list[str]:
    notes = ["further events of this kind are only logged until the hour (UTC) is over"]
    if counted.untold:
        least = "at least " if counted.at_least else ""
        notes.append(f"{least}{counted.untold} more of this kind were refused since the last message about it, and only logged")
    return notes
