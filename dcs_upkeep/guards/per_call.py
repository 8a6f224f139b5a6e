"""Guards that are asked before every call that writes: the halt lever, the window, blackouts. They refuse a whole plan as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from dcs_upkeep.domain import time_windows
from dcs_upkeep.domain.model import WindowRule
from dcs_upkeep.domain.problems import shorten
from dcs_upkeep.domain.time_windows import Blackout
from dcs_upkeep.domain.timestamps import utc_text
from dcs_upkeep.guards.guard import PlanGuard, Unreadable

HaltRecord = Mapping[str, object] | Unreadable | None  # what the journal says of a halt (`id`, `reason`); None: there is none


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What decides whether a call may be made now. `window` None: every hour will do."""

    now: datetime
    halt: HaltRecord
    blackouts: Sequence[Blackout]
    window: WindowRule | None


def halt(record: HaltRecord) -> str | None:
    """Whether the halt lever is pulled."""
    if record is None:
        return None
    if not isinstance(record, Mapping):
        return "whether a halt is in force cannot be read, so it counts as in force"
    name = f"halt {shorten(record['id'])}" if record.get("id") else "a halt"
    return f"{name} is in force" + (f": {shorten(record['reason'])}" if record.get("reason") else "")


HALT: PlanGuard[CallFacts] = PlanGuard(
    name="halt",
    setting='`{"command": "halt"}`',
    default="no halt",
    refuses_when="a halt is in force, or whether one is cannot be read; asked before every call that writes",
    how_to_lift='`{"command": "release", "halt": "<id>"}`, with the id that `status` shows',
    check=lambda facts: halt(facts.halt),
    next='Release the halt when it is safe: {"command": "release", "halt": "<id>"}; then send the event again.',
    only_told_in_dry_run=True,
)


def blackout(blackouts: Sequence[Blackout], now: datetime) -> str | None:
    """Whether the operator forbids maintenance now."""
    current = time_windows.current_blackout(blackouts, now)
    return None if current is None else f"the blackout {current.text} lasts until {utc_text(current.end)}"


BLACKOUT: PlanGuard[CallFacts] = PlanGuard(
    name="blackout",
    setting="`UPKEEP_BLACKOUT`",
    default="none",
    refuses_when="the time is in one of these dates (whole days in UTC, both ends of an interval included) "
    "or intervals of times (end not included)",
    how_to_lift="Wait until it is over, or remove it from the setting",
    check=lambda facts: blackout(facts.blackouts, facts.now),
    next="Send the event again when the blackout is over.",
    only_told_in_dry_run=True,
)


def window(rule: WindowRule, now: datetime) -> str | None:
    """Whether the plan's window is open; see `time_windows` for midnight and clock changes."""
    try:
        if time_windows.inside(rule, now):
            return None
        opens = utc_text(time_windows.next_opening(rule, now))
    except ValueError as err:
        return f"the window cannot be read: {err}"
    days = ", ".join(day for day in time_windows.DAYS if day in rule.days)
    return f"the window ({days} {rule.start} to {rule.end} {rule.timezone}) is closed; it opens at {opens}"


WINDOW: PlanGuard[CallFacts] = PlanGuard(
    name="window",
    setting="`window`",
    default="none",
    refuses_when="the wall clock of the window's zone shows a time outside it, or the window cannot be read",
    how_to_lift="Send the event inside the window, or with `on_miss: defer` to leave the rest to its next opening",
    check=lambda facts: None if facts.window is None else window(facts.window, facts.now),
    next="Send the event again inside the window.",
    only_told_in_dry_run=True,
)

GUARDS: Final = (HALT, BLACKOUT, WINDOW)  # in the order in which they are asked
