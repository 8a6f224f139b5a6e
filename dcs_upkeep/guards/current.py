"""Guards about one instance as it is now: they may only shrink what was approved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dcs_upkeep.domain import time_windows, timestamps
from dcs_upkeep.domain.actions import RULES, TRANSIENT_STATES, Action
from dcs_upkeep.domain.model import Instance
from dcs_upkeep.domain.problems import list_some, plain, shorten
from dcs_upkeep.domain.timestamps import utc_text
from dcs_upkeep.guards.guard import UNREADABLE, Guard, Unreadable
from dcs_upkeep.guards.policy import Firing, Policy

HOLD_TAG = "upkeep-hold"
_STATES_IN_WORDS: Mapping[str, str] = {
    "RUNNING": "it is already running",
    "CLOSED": "it is stopped",
    "ERROR": "it is faulty",
    "FROZEN": "it is frozen, because of arrears or by the provider; resolve that first",
    "FREEZING": "it is being frozen, because of arrears or by the provider; resolve that first",
    "PAYING": "its order is not paid yet",
    "CREATEFAILED": "its creation failed; delete it and create it again",
    "DELETED": "it is deleted",
}


@dataclass(frozen=True, slots=True)
class CurrentFacts:
    """One instance as it was read just now. `firing` None: the alarm veto is off; an instance missing from it could not be read."""

    instance: Instance
    policy: Policy
    now: datetime
    firing: Firing | None = None
    triggered_by: str | None = None  # the alarm that asked for this run


def is_skip(action: Action, status: str) -> bool:
    """Whether the instance is already where the action leads: skipped, which is no refusal. Ask before `state`."""
    return status == RULES[action].skipped_on


def state(action: Action, status: str, *, has_task: bool | None = None) -> str | None:
    """Whether the action may begin from this status, or from one that leads there by itself. One that `is_skip` holds for may not.

    `has_task` None: the answer did not tell, as lists do not.
    """
    rule = RULES[action]
    if status in rule.allowed_from:
        return _task(status) if has_task else None
    if status in rule.waits_for:
        return None
    if not status:
        return f"the answer of DCS has no status of this instance, and {action} requires {' or '.join(sorted(rule.allowed_from))}"
    needed = f"{action} requires {' or '.join(sorted(rule.allowed_from))}"
    if status in TRANSIENT_STATES:
        return f"its status is {status}, and {needed}; try again when that operation has ended"
    if status in _STATES_IN_WORDS:
        return f"{_STATES_IN_WORDS[status]} (status {status}), and {needed}"
    return f"its status {shorten(status)} is unknown to this tool, and {needed}"


def _task(status: str) -> str:
    return f"DCS is still working on it (a background task), though its status is {status}; try again when that has ended"


STATE: Guard[CurrentFacts] = Guard(
    name="state",
    setting="-",
    default="on",
    refuses_when="the action cannot begin from the instance's status (`restart`: RUNNING or ERROR; "
    "`soft_restart`, `flush`, `stop`: RUNNING; `start`: CLOSED), the status is missing or unknown to this tool, or DCS shows a "
    "background task (`task` of `show_instance`; the list by which more than five are read does not tell). "
    "`start` waits for CLOSING and `stop` for STARTING within the watch time",
    how_to_lift="Wait until the operation has ended, or repair the instance; one already in the action's end state is skipped, not refused",
    check=lambda facts: state(facts.policy.action, facts.instance.status, has_task=facts.instance.has_task),
)


def hold(tags: Mapping[str, str] | None, now: datetime) -> str | None:
    """Whether the tag `upkeep-hold` asks to leave the instance alone: until a time, or to the end of a date in UTC.

    An empty or unreadable value holds. Letter case of the tag's key does not count; of several the strictest does.
    `tags` None: DCS did not tell them, so nobody knows.
    """
    if tags is None:
        return f"whether it is on hold cannot be told: the answer of DCS has no tags of this instance (such as {HOLD_TAG}) that can be read"
    for key, value in tags.items():
        if plain(key) != HOLD_TAG:
            continue
        try:
            until = time_windows.held_until(value)
            if now < until:
                return f"it is on hold until {utc_text(until)} (tag {HOLD_TAG})"
        except (ValueError, TypeError):
            what = "has no date" if not value.strip() else f"has the value {shorten(value)}, which is not a date or time"
            return f"it is on hold: its tag {HOLD_TAG} {what}; set it to a date such as 2026-12-24, or remove it"
    return None


HOLD: Guard[CurrentFacts] = Guard(
    name="hold",
    setting="tag `upkeep-hold` on the instance",
    default="no tag",
    refuses_when="the tag's date (to the end of that day in UTC) or time (UTC if it names no zone) has not passed; "
    "an empty or unreadable value holds too, and so does an answer of DCS without the field `tags`",
    how_to_lift="Remove the tag, or wait",
    check=lambda facts: hold(facts.instance.tags, facts.now),
)


def maintenance_window(begin: str | None, end: str | None, now: datetime) -> str | None:
    """Whether the instance's own window, in UTC, is open. DCS itself does not hold a restart to it, so this does."""
    try:
        if time_windows.inside_maintenance(begin, end, now):
            return None
    except ValueError as err:
        return f"its maintenance window cannot be read: {err}"
    return f"it is outside its own maintenance window, {begin} to {end} UTC"


def _own_window(facts: CurrentFacts) -> str | None:
    if not facts.policy.respect_maintenance_window:
        return None
    return maintenance_window(facts.instance.maintain_begin, facts.instance.maintain_end, facts.now)


MAINTENANCE_WINDOW: Guard[CurrentFacts] = Guard(
    name="maintenance_window",
    setting="`respect_maintenance_window`",
    default="false",
    refuses_when="the time is outside the instance's own `maintain_begin` to `maintain_end` (UTC), "
    "or they are missing, equal or unreadable",
    how_to_lift="Wait for it, change it in the console, or leave the field out",
    check=_own_window,
)


def alarm_veto(firing: Mapping[str, str] | Unreadable, triggered_by: str | None = None) -> str | None:
    """Whether the instance has a firing alarm other than the one that triggered the run. `firing`: alarm id -> name."""
    if isinstance(firing, Unreadable):
        return "whether an alarm is firing for it cannot be read from Cloud Eye"
    others = {alarm_id: name for alarm_id, name in firing.items() if alarm_id != triggered_by}
    if not others:
        return None
    listed = list_some(shorten(name or alarm_id) for alarm_id, name in sorted(others.items()))
    return f"{'alarms are' if len(others) > 1 else 'an alarm is'} firing for it: {listed}"


def _alarms(facts: CurrentFacts) -> str | None:
    if facts.firing is None:
        return None
    return alarm_veto(facts.firing.get(facts.instance.instance_id, UNREADABLE), facts.triggered_by)


ALARM_VETO: Guard[CurrentFacts] = Guard(
    name="alarm_veto",
    setting="`UPKEEP_ALARM_VETO`",
    default="off",
    refuses_when="a Cloud Eye alarm other than the one that triggered the run is firing for the instance, or Cloud Eye does not answer",
    how_to_lift="Resolve the alarm, or unset the setting",
    check=_alarms,
)

GUARDS: Final = (STATE, HOLD, MAINTENANCE_WINDOW, ALARM_VETO)  # in the order in which they are asked


# --- what the journal says about one instance --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LockFacts:
    """What the journal says about one instance. `holder_run_id` None: nobody holds it. `last_reached_at` None: never reached."""

    holder_run_id: str | Unreadable | None
    until: datetime | str | None  # when the holder's claim ends
    run_id: str  # of the run that asks
    last_reached_at: datetime | str | Unreadable | None  # by this action
    cooldown_s: float
    now: datetime


def claims(
    holder_run_id: str | Unreadable | None, until: datetime | str | None = None, *, run_id: str | None = None, now: datetime | None = None
) -> str | None:
    """Whether another run has claimed the instance. None: nobody has. A claim of `run_id` itself is its own.

    With `until` and `now`, a claim that has run out counts no more; without either it stands.
    """
    if isinstance(holder_run_id, Unreadable):
        return "whether another run has claimed it cannot be read from the journal"
    if holder_run_id is None or holder_run_id == run_id:
        return None
    claimed = f"it is claimed by the run {shorten(holder_run_id)}"
    try:
        ends = None if until is None else timestamps.read_moment(until)
    except (ValueError, OverflowError):
        return f"{claimed}, until a time that cannot be read"
    if ends is not None and now is not None and ends <= now:
        return None
    return claimed + (f" until {utc_text(ends)}" if ends else "")


CLAIMS: Guard[LockFacts] = Guard(
    name="claims",
    setting="`UPKEEP_JOURNAL`",
    default="on with a journal",
    refuses_when="another run has claimed the instance, or the journal cannot be read",
    how_to_lift="Let that run end; its id is in the reason",
    check=lambda facts: claims(facts.holder_run_id, facts.until, run_id=facts.run_id, now=facts.now),
)


def cooldown(last_reached_at: datetime | str | Unreadable | None, cooldown_s: float, now: datetime) -> str | None:
    """Whether this action reached the instance less than `cooldown_s` seconds ago. None: never, as far as the journal goes."""
    if cooldown_s == 0 or last_reached_at is None:
        return None
    try:
        if isinstance(last_reached_at, Unreadable):
            raise ValueError
        last = timestamps.read_moment(last_reached_at)
        # Not a subtraction of the two: a time to come, from a clock that is ahead, must refuse too.
        if now >= last + timedelta(seconds=cooldown_s):
            return None
    except (ValueError, OverflowError):
        return "cooldown_s is set, and when this action last reached the instance cannot be read"
    return f"this action last reached it at {utc_text(last)}, less than {cooldown_s:g} s ago"


COOLDOWN: Guard[LockFacts] = Guard(
    name="cooldown",
    setting="`cooldown_s`",
    default="0",
    refuses_when="this action reached the instance less than so many seconds ago, or the journal cannot be read",
    how_to_lift="Wait, or lower the field",
    check=lambda facts: cooldown(facts.last_reached_at, facts.cooldown_s, facts.now),
)

LOCK_GUARDS: Final = (CLAIMS, COOLDOWN)  # in the order in which they are asked
