"""Guards that are asked before every call that writes: lever, breaker, blackouts, window. They refuse a whole plan too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from dcs_upkeep.domain import time_windows
from dcs_upkeep.domain.model import WindowRule
from dcs_upkeep.domain.problems import list_some, shorten
from dcs_upkeep.domain.time_windows import Blackout
from dcs_upkeep.domain.timestamps import utc_text
from dcs_upkeep.guards.guard import PlanGuard, Unreadable

HaltRecord = Mapping[str, object] | Unreadable | None  # what the journal says of a halt (`id`, `reason`); None: there is none
FailureRecord = Mapping[str, int] | Unreadable | None  # run -> its failed and unknown instances within the hour; None: no breaker


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What decides whether a call may be made now. `window` None: every hour will do. `breaker`: how many failures are too many."""

    now: datetime
    halt: HaltRecord
    blackouts: Sequence[Blackout]
    window: WindowRule | None
    failures: FailureRecord = None
    breaker: int = 0


def halt(record: HaltRecord) -> str | None:
    """Whether the halt lever is pulled."""
    if record is None:
        return None
    if not isinstance(record, Mapping):
        return "whether a halt is in force cannot be read, so it counts as in force"
    name = f"halt {shorten(record['id'])}" if record.get("id") else "a halt"
    by = f", pulled by {shorten(_puller(str(record['by'])))}" if record.get("by") else ""
    return f"{name} is in force{by}" + (f": {shorten(record['reason'])}" if record.get("reason") else "")


def _puller(by: str) -> str:
    """Who pulled it, in short: the person if the trigger shows one, else the kind of the trigger."""
    if by.startswith("circuit breaker"):
        return "the circuit breaker"
    trigger, _, person = by.partition(" by ")
    return person or trigger.partition(":")[0]


def _release(facts: CallFacts) -> str:
    if facts.halt is not None and not isinstance(facts.halt, Mapping):
        return "Mend the journal, so that the halt lever can be read; then send the event again."
    halt_id = facts.halt.get("id") if isinstance(facts.halt, Mapping) else None
    return f'Release the halt when it is safe: {{"command": "release", "halt": "{halt_id or "<id>"}"}}; then send the event again.'


HALT: PlanGuard[CallFacts] = PlanGuard(
    name="halt",
    setting='`{"command": "halt"}`',
    default="no halt",
    refuses_when="a halt is in force, or whether one is cannot be read; asked before every call that writes",
    how_to_lift='`{"command": "release", "halt": "<id>"}`, with the id that `status` shows',
    check=lambda facts: halt(facts.halt),
    next=_release,
    only_told_in_dry_run=True,
)


def breaker(failures: FailureRecord, most: int) -> str | None:
    """Whether too many instances failed, or are unknown, within the last hour, over all runs. `most` 0: never."""
    if most <= 0 or failures is None:
        return None
    if not isinstance(failures, Mapping):
        return "how many instances failed within the last hour cannot be read, so it counts as too many"
    count = sum(failures.values())
    if count < most:
        return None
    runs = list_some(shorten(run_id) for run_id in sorted(failures))
    return f"{count} failed or unknown within an hour, and UPKEEP_BREAKER stops everything at {most}; in the runs {runs}"


BREAKER: PlanGuard[CallFacts] = PlanGuard(
    name="breaker",
    setting="`UPKEEP_BREAKER`",
    default="5",
    refuses_when="so many instances failed, or are unknown, within an hour, over all runs of the function in its region and project, "
    "or how many cannot be read; asked before every call that writes. The tool then pulls the halt lever itself. "
    "Without a journal there is no breaker",
    how_to_lift='Look at what failed, then `{"command": "release", "halt": "<id>"}`, with the id that the message and `status` show: '
    "counting begins anew",
    check=lambda facts: breaker(facts.failures, facts.breaker),
    next="Look at the instances that failed before you release the halt.",
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

GUARDS: Final = (HALT, BREAKER, BLACKOUT, WINDOW)  # in the order in which they are asked
