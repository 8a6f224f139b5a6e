"""Guards about one instance as it is now: they may only shrink what was approved."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from dcs_upkeep.domain import time_windows, timestamps
from dcs_upkeep.domain.actions import RULES, TRANSIENT_STATES, Action
from dcs_upkeep.domain.model import Verdict
from dcs_upkeep.domain.problems import list_some, plain, shorten
from dcs_upkeep.domain.timestamps import utc_text
from dcs_upkeep.guards.guard import Unreadable

HOLD_TAG = "upkeep-hold"
_STATES_IN_WORDS: Mapping[str, str] = {
    "RUNNING": "it is running already",
    "CLOSED": "it is stopped",
    "ERROR": "it is faulty",
    "FROZEN": "it is frozen, for arrears or by the provider; settle that first",
    "FREEZING": "it is being frozen, for arrears or by the provider; settle that first",
    "PAYING": "its order is not paid yet",
    "CREATEFAILED": "its creation failed; delete it and create it again",
    "DELETED": "it is deleted",
}


# --- time-dependent guards: they may only shrink what was approved -----------------------------------------------


def is_skip(action: Action, status: str) -> bool:
    """Whether the instance is already where the action leads: skipped, which is no refusal. Ask before `state`."""
    return status == RULES[action].skipped_on


def state(action: Action, status: str) -> Verdict:
    """Whether the action may begin from this status. One that `is_skip` holds for is not allowed either."""
    rule = RULES[action]
    if status in rule.allowed_from:
        return Verdict(True, "state")
    needed = " or ".join(sorted(rule.allowed_from))
    if status in TRANSIENT_STATES:
        why = f"it is {status} now, and {action} needs {needed}; try again when that is over"
    elif status in _STATES_IN_WORDS:
        why = f"{_STATES_IN_WORDS[status]} ({status}), and {action} needs {needed}"
    else:
        why = f"its state {shorten(status)} is not known here, and {action} needs {needed}"
    return Verdict(False, "state", why)


def hold(tags: Mapping[str, str], now: datetime) -> Verdict:
    """Whether the tag `upkeep-hold` asks to leave the instance alone: until a time, or to the end of a date in UTC.

    An empty or unreadable value holds. Letter case of the tag's key does not count; of several the strictest does.
    """
    for key, value in tags.items():
        if plain(key) != HOLD_TAG:
            continue
        try:
            until = time_windows.held_until(value)
            if now < until:
                return Verdict(False, "hold", f"the tag {HOLD_TAG} holds it until {utc_text(until)}")
        except (ValueError, TypeError):
            what = "without a date" if not value.strip() else f"with {shorten(value)}, which is no date or time,"
            return Verdict(False, "hold", f"the tag {HOLD_TAG} {what} holds it; write a date such as 2026-12-24, or take the tag away")
    return Verdict(True, "hold")


def maintenance_window(begin: str | None, end: str | None, now: datetime) -> Verdict:
    """Whether the instance's own window, in UTC, is open. DCS itself does not hold a restart to it, so this does."""
    try:
        if time_windows.inside_maintenance(begin, end, now):
            return Verdict(True, "maintenance_window")
    except ValueError as err:
        return Verdict(False, "maintenance_window", f"its maintenance window cannot be read: {err}")
    return Verdict(False, "maintenance_window", f"it is outside its own maintenance window, {begin} to {end} UTC")


def cooldown(last_reached_at: datetime | str | Unreadable | None, cooldown_s: float, now: datetime) -> Verdict:
    """Whether this action reached the instance less than `cooldown_s` seconds ago. None: never, as far as the journal goes."""
    if cooldown_s == 0 or last_reached_at is None:
        return Verdict(True, "cooldown")
    try:
        if isinstance(last_reached_at, Unreadable):
            raise ValueError
        last = timestamps.read_moment(last_reached_at)
        # Not a subtraction of the two: a time to come, from a clock that is ahead, must refuse too.
        if now >= last + timedelta(seconds=cooldown_s):
            return Verdict(True, "cooldown")
    except (ValueError, OverflowError):
        return Verdict(False, "cooldown", "when this action last reached it cannot be read, and cooldown_s asks for it")
    return Verdict(False, "cooldown", f"this action reached it at {utc_text(last)}, less than {cooldown_s:g} s ago")


def claims(
    holder_run_id: str | Unreadable | None, until: datetime | str | None = None, *, run_id: str | None = None, now: datetime | None = None
) -> Verdict:
    """Whether another run has claimed the instance. None: nobody has. A claim of `run_id` itself is its own.

    With `until` and `now`, a claim that has run out counts no more; without either it stands.
    """
    if isinstance(holder_run_id, Unreadable):
        return Verdict(False, "claims", "whether another run works on it cannot be read")
    if holder_run_id is None or holder_run_id == run_id:
        return Verdict(True, "claims")
    try:
        ends = None if until is None else timestamps.read_moment(until)
    except (ValueError, OverflowError):
        return Verdict(False, "claims", f"the run {shorten(holder_run_id)} has claimed it, until a time that cannot be read")
    if ends is not None and now is not None and ends <= now:
        return Verdict(True, "claims")
    return Verdict(False, "claims", f"the run {shorten(holder_run_id)} has claimed it" + (f" until {utc_text(ends)}" if ends else ""))


def alarm_veto(firing: Mapping[str, str] | Unreadable, triggered_by: str | None = None) -> Verdict:
    """Whether the instance has a firing alarm other than the one that triggered the run. `firing`: alarm id -> name."""
    if isinstance(firing, Unreadable):
        return Verdict(False, "alarm_veto", "whether an alarm is firing for it cannot be read")
    others = {alarm_id: name for alarm_id, name in firing.items() if alarm_id != triggered_by}
    if not others:
        return Verdict(True, "alarm_veto")
    listed = list_some(shorten(name or alarm_id) for alarm_id, name in sorted(others.items()))
    return Verdict(False, "alarm_veto", f"{'alarms are' if len(others) > 1 else 'an alarm is'} firing for it: {listed}")
