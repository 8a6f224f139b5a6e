"""What the topics hear of the halt lever: pulled, released, or one run ended for good. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dcs_upkeep.domain.model import REPORT_MARK, Location
from dcs_upkeep.domain.ports import Message
from dcs_upkeep.reporting.messages import message

MOST_RUNS = 50


def halt_pulled(halt: Mapping[str, str], location: Location, stops: Sequence[Mapping[str, Any]] | None) -> Message:
    """A person has pulled the lever. `stops`: the runs that it stops (`run_overview.live_runs`); None if they could not be read."""
    release = f'{{"command": "release", "halt": "{halt["id"]}"}}'
    lines = [
        f"{REPORT_MARK}: HALTED by {halt['by']}",
        "",
        f"Why:     {halt['reason']}",
        f"What:    {_stopping(stops)}; nothing new is begun until {halt['id']} is released. What was sent is watched to its end.",
        f"Where:   every function that keeps its journal with that of {_where(location)}",
        f"Next:    when it is safe, send {release}",
        f"         or: python -m dcs_upkeep release {halt['id']} --cloud",
        f"When:    {halt['at']}",
        *_runs(stops or ()),
    ]
    return message(f"HALTED by {halt['by']} in {location.region or 'no region'}: {halt['reason']}", lines)


def halt_released(halt: Mapping[str, str], location: Location, by: str, at: str) -> Message:
    """The lever is let go of. `halt`: the one that was in force."""
    lines = [
        f"{REPORT_MARK}: the halt {halt['id']} was released by {by}",
        "",
        "What:    new runs begin again. Those that were stopped do not go on; send what they left as new events.",
        f"Was:     pulled by {halt['by']} at {halt['at']}: {halt['reason']}",
        f"Where:   every function that keeps its journal with that of {_where(location)}",
        f"When:    {at}",
    ]
    return message(f"Halt released by {by} in {location.region or 'no region'} ({halt['id']}: {halt['reason']})", lines)


def _where(location: Location) -> str:
    return f"{location.region or 'no region'} / {location.project_id or 'no project'}"


def _stopping(stops: Sequence[Mapping[str, Any]] | None) -> str:
    if stops is None:
        return "every run stops before its next write (which runs are live could not be read)"
    return f"{len(stops)} live run(s) stop before their next write" if stops else "no run is live"


def _runs(stops: Sequence[Mapping[str, Any]]) -> list[str]:
    if not stops:
        return []
    lines = ["", "Live runs:", *(f"  {run_line(row)}" for row in stops[:MOST_RUNS])]
    return [*lines, f"  ... and {len(stops) - MOST_RUNS} more"] if len(stops) > MOST_RUNS else lines


def run_line(row: Mapping[str, Any]) -> str:
    """One live run in a line: its short id first."""
    if row["status"] == "unreadable":
        return f"{row['short_id']} unreadable: {row['reason']} ({row['run_id']})"
    wave = f"wave {row['wave']} of {row['waves']}" if row["wave"] else "before its first wave"
    scope = row.get("scope")
    whose = f" of {scope['function']} on {scope['host']}" if scope else ""
    action, status = row["action"] or "a plan", f", {row['status']}" if row["status"] != "running" else ""
    return (
        f"{row['short_id']} {action}{whose}, {wave}, {row['open']} open, {row['done']} of {row['instances']} done{status} ({row['run_id']})"
    )
