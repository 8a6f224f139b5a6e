"""Guards that are asked before every call that writes: the halt lever, the window, blackouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from dcs_upkeep.domain import time_windows
from dcs_upkeep.domain.model import Verdict, WindowRule
from dcs_upkeep.domain.problems import shorten
from dcs_upkeep.domain.time_windows import Blackout
from dcs_upkeep.domain.timestamps import utc_text
from dcs_upkeep.guards.guard import Unreadable


def window(rule: WindowRule, now: datetime) -> Verdict:
    """Whether the plan's window is open; see `windows` for midnight and clock changes."""
    try:
        if time_windows.inside(rule, now):
            return Verdict(True, "window")
        opens = utc_text(time_windows.next_opening(rule, now))
    except ValueError as err:
        return Verdict(False, "window", f"the window cannot be judged: {err}")
    days = ", ".join(day for day in time_windows.DAYS if day in rule.days)
    shown = f"{days} {rule.start} to {rule.end} {rule.timezone}"
    return Verdict(False, "window", f"the window ({shown}) is closed; it opens at {opens}")


def blackout(blackouts: Sequence[Blackout], now: datetime) -> Verdict:
    """Whether the operator forbids maintenance now."""
    current = time_windows.current_blackout(blackouts, now)
    if current is None:
        return Verdict(True, "blackout")
    return Verdict(False, "blackout", f"the blackout {current.text} lasts until {utc_text(current.end)}")


def halt(record: Mapping[str, object] | Unreadable | None) -> Verdict:
    """Whether the halt lever is pulled. `record`: what the journal says of it (`id`, `reason`); None where it is not."""
    if record is None:
        return Verdict(True, "halt")
    if not isinstance(record, Mapping):
        return Verdict(False, "halt", "whether the halt lever is pulled cannot be read, which counts as pulled")
    name = f"halt {shorten(record['id'])}" if record.get("id") else "a halt"
    return Verdict(False, "halt", f"{name} is in force" + (f": {shorten(record['reason'])}" if record.get("reason") else ""))
