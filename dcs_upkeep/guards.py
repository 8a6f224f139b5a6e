"""What says no. Each guard is a pure function -> `Verdict(allowed, guard, reason)`; `GUARDS` lists them all.

A guard that cannot decide refuses: what is missing, unknown or unreadable counts as a reason, and `checked` turns a guard
that raises into a refusal of its own. Reasons never carry the text of a stranger's exception, which may hold anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from fractions import Fraction
from typing import Final, ParamSpec

from dcs_upkeep import windows
from dcs_upkeep.guard_list import GUARDS, GuardInfo
from dcs_upkeep.losses import disposable, loses_data
from dcs_upkeep.model import RULES, TRANSIENT_STATES, Action, Instance, Verdict, WindowRule
from dcs_upkeep.windows import Blackout, next_opening, parse_blackout, shorten

# The list, the data-loss rules and the two readings of windows live in files of their own; callers find them here too.
__all__ = [
    "GUARDS", "HOLD_TAG", "UNREADABLE", "Blackout", "GuardInfo", "Unreadable", "alarm_veto", "allowed_action", "approval", "blackout",
    "blast_radius_count", "blast_radius_share", "checked", "claims", "cooldown", "disposable", "engine", "found", "halt", "hold",
    "is_skip", "loses_data", "maintenance_window", "next_opening", "parse_blackout", "protected", "state", "window",
]  # fmt: skip

P = ParamSpec("P")
HOLD_TAG = "upkeep-hold"
NAMED = 5  # so many names stand in a reason; the report has the rest

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


class Unreadable(Enum):
    """Stands for what was asked for and could not be read, which is not the same as there being nothing."""

    UNREADABLE = "unreadable"


UNREADABLE: Final = Unreadable.UNREADABLE


def checked(guard: str, decide: Callable[P, Verdict], *args: P.args, **kwargs: P.kwargs) -> Verdict:
    """Ask a guard; one that raises refuses, naming itself and the type of what it raised."""
    try:
        verdict = decide(*args, **kwargs)
    except Exception as err:  # whatever it is: an undecided guard must not let anything through
        return Verdict(False, guard, f"the guard {guard} failed with {type(err).__name__}, and what cannot be decided is refused")
    if type(verdict) is not Verdict:  # a guard written wrong, which the types alone do not stop
        return Verdict(False, guard, f"the guard {guard} gave no verdict, and what cannot be decided is refused")
    return verdict


# --- permanent guards: what passes them is what a digest covers --------------------------------------------------


def found(instance_id: str, instance: Instance | None) -> Verdict:
    """Whether DCS lists the instance in this region and project."""
    if instance is not None:
        return Verdict(True, "found")
    return Verdict(False, "found", f"no instance {shorten(instance_id)} in this region and project")


def engine(action: Action, instance: Instance) -> Verdict:
    """Flush, stop and start need Redis 4.0 or later (RestartOrFlushInstances); restarts take every engine."""
    if not RULES[action].needs_redis_4:
        return Verdict(True, "engine")
    if instance.engine.strip().casefold() != "redis":
        return Verdict(False, "engine", f"{action} needs Redis 4.0 or later, and the engine is {shorten(instance.engine)}")
    version = re.fullmatch(r"(\d{1,4})(?:\.\d{1,6})*", instance.engine_version.strip(), re.ASCII)
    if not version:
        shown = shorten(instance.engine_version)
        return Verdict(False, "engine", f"{action} needs Redis 4.0 or later, and the version {shown} cannot be read")
    if int(version[1]) < 4:
        return Verdict(False, "engine", f"{action} needs Redis 4.0 or later, and this is {version[0]}")
    return Verdict(True, "engine")


def protected(tags: Mapping[str, str], pairs: Iterable[tuple[str, str]]) -> Verdict:
    """Whether a tag of the operator's puts the instance out of reach. A value `*` stands for any.

    Letter case and outer spaces do not count: `Upkeep=Never` was meant to protect, and a mistaken refusal is soon undone.
    """
    for key, value in tags.items():
        for wanted_key, wanted in pairs:
            if _plain(key) == _plain(wanted_key) and (wanted == "*" or _plain(value) == _plain(wanted)):
                return Verdict(False, "protected", f"the tag {shorten(f'{key}={value}')} protects it")
    return Verdict(True, "protected")


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
        if _plain(key) != HOLD_TAG:
            continue
        try:
            until = windows.held_until(value)
            if now < until:
                return Verdict(False, "hold", f"the tag {HOLD_TAG} holds it until {_utc(until)}")
        except (ValueError, TypeError):
            what = "without a date" if not value.strip() else f"with {shorten(value)}, which is no date or time,"
            return Verdict(False, "hold", f"the tag {HOLD_TAG} {what} holds it; write a date such as 2026-12-24, or take the tag away")
    return Verdict(True, "hold")


def window(rule: WindowRule, now: datetime) -> Verdict:
    """Whether the plan's window is open; see `windows` for midnight and clock changes."""
    try:
        if windows.inside(rule, now):
            return Verdict(True, "window")
        opens = _utc(windows.next_opening(rule, now))
    except ValueError as err:
        return Verdict(False, "window", f"the window cannot be judged: {err}")
    days = ", ".join(day for day in windows.DAYS if day in rule.days)
    shown = f"{days} {rule.start} to {rule.end} {rule.timezone}"
    return Verdict(False, "window", f"the window ({shown}) is closed; it opens at {opens}")


def maintenance_window(begin: str | None, end: str | None, now: datetime) -> Verdict:
    """Whether the instance's own window, in UTC, is open. DCS itself does not hold a restart to it, so this does."""
    try:
        if windows.inside_maintenance(begin, end, now):
            return Verdict(True, "maintenance_window")
    except ValueError as err:
        return Verdict(False, "maintenance_window", f"its maintenance window cannot be read: {err}")
    return Verdict(False, "maintenance_window", f"it is outside its own maintenance window, {begin} to {end} UTC")


def blackout(blackouts: Sequence[Blackout], now: datetime) -> Verdict:
    """Whether the operator forbids maintenance now."""
    current = windows.current_blackout(blackouts, now)
    if current is None:
        return Verdict(True, "blackout")
    return Verdict(False, "blackout", f"the blackout {current.text} lasts until {_utc(current.end)}")


def cooldown(last_reached_at: datetime | str | Unreadable | None, cooldown_s: float, now: datetime) -> Verdict:
    """Whether this action reached the instance less than `cooldown_s` seconds ago. None: never, as far as the journal goes."""
    if cooldown_s == 0 or last_reached_at is None:
        return Verdict(True, "cooldown")
    try:
        if isinstance(last_reached_at, Unreadable):
            raise ValueError
        last = windows.read_moment(last_reached_at)
        # Not a subtraction of the two: a time to come, from a clock that is ahead, must refuse too.
        if now >= last + timedelta(seconds=cooldown_s):
            return Verdict(True, "cooldown")
    except (ValueError, OverflowError):
        return Verdict(False, "cooldown", "when this action last reached it cannot be read, and cooldown_s asks for it")
    return Verdict(False, "cooldown", f"this action reached it at {_utc(last)}, less than {cooldown_s:g} s ago")


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
        ends = None if until is None else windows.read_moment(until)
    except (ValueError, OverflowError):
        return Verdict(False, "claims", f"the run {shorten(holder_run_id)} has claimed it, until a time that cannot be read")
    if ends is not None and now is not None and ends <= now:
        return Verdict(True, "claims")
    return Verdict(False, "claims", f"the run {shorten(holder_run_id)} has claimed it" + (f" until {_utc(ends)}" if ends else ""))


def halt(record: Mapping[str, object] | Unreadable | None) -> Verdict:
    """Whether the halt lever is pulled. `record`: what the journal says of it (`id`, `reason`); None where it is not."""
    if record is None:
        return Verdict(True, "halt")
    if not isinstance(record, Mapping):
        return Verdict(False, "halt", "whether the halt lever is pulled cannot be read, which counts as pulled")
    name = f"halt {shorten(record['id'])}" if record.get("id") else "a halt"
    return Verdict(False, "halt", f"{name} is in force" + (f": {shorten(record['reason'])}" if record.get("reason") else ""))


def alarm_veto(firing: Mapping[str, str] | Unreadable, triggered_by: str | None = None) -> Verdict:
    """Whether the instance has a firing alarm other than the one that triggered the run. `firing`: alarm id -> name."""
    if isinstance(firing, Unreadable):
        return Verdict(False, "alarm_veto", "whether an alarm is firing for it cannot be read")
    others = {alarm_id: name for alarm_id, name in firing.items() if alarm_id != triggered_by}
    if not others:
        return Verdict(True, "alarm_veto")
    listed = _listed(shorten(name or alarm_id) for alarm_id, name in sorted(others.items()))
    return Verdict(False, "alarm_veto", f"{'alarms are' if len(others) > 1 else 'an alarm is'} firing for it: {listed}")


# --- guards over the whole plan ----------------------------------------------------------------------------------


def allowed_action(action: Action, allowed: Collection[str]) -> Verdict:
    """Whether the operator allows this action here at all."""
    if action in allowed:
        return Verdict(True, "allowed_action")
    return Verdict(False, "allowed_action", f"{action} is not allowed here; allowed: {_listed(sorted(allowed)) or 'nothing'}")


def blast_radius_count(planned: int, most: int) -> Verdict:
    """Whether the plan acts on more instances than the cap. Refused whole, never cut: which to leave out is no guess of ours."""
    if planned <= most:
        return Verdict(True, "blast_radius_count")
    return Verdict(False, "blast_radius_count", f"the plan would act on {planned} instances, more than the {most} allowed")


def blast_radius_share(planned: int, fleet: int, share: float | None) -> Verdict:
    """Whether the plan acts on more than this share (0 to 1, rounded down to instances) of the fleet it was selected from."""
    if share is None or planned == 0:
        return Verdict(True, "blast_radius_share")
    if not 0 <= share <= 1 or not 0 <= planned <= fleet:
        return Verdict(False, "blast_radius_share", f"a share of {share:g} of {planned} out of {fleet} instances cannot be judged")
    # 29 % of 100 is 28.999999999999996 in floating point.
    most = int(Fraction(share).limit_denominator(1_000_000) * fleet)
    if planned <= most:
        return Verdict(True, "blast_radius_share")
    why = f"the plan would act on {planned} of {fleet} instances, more than the {most} that {share * 100:g}% of the fleet allow"
    return Verdict(False, "blast_radius_share", why)


def approval(given: str | None, digest: str, losing: Collection[str], action: Action) -> Verdict:
    """Whether a person has approved exactly this plan. `losing`: instances that lose data, or may, and are not disposable.

    A digest that is given must fit even where nothing is lost: whoever gave it saw another plan.
    """
    if given is not None and (not digest or given != digest):
        return Verdict(False, "approval", f"the approval is for another plan: {shorten(given)} was approved, and this is {shorten(digest)}")
    if given is not None or not losing:
        return Verdict(True, "approval")
    count = f"{len(losing)} instances" if len(losing) > 1 else "1 instance"
    return Verdict(False, "approval", f"{action} loses the data of {count} and is not approved: {_listed(losing)}")


def _plain(text: str) -> str:
    return text.strip().casefold()


def _listed(words: Iterable[str]) -> str:
    """The first few, and how many more."""
    # Names come from people; a report's line stays one line whatever they hold.
    every = ["".join(sign if sign.isprintable() else "?" for sign in word) for word in words]
    return ", ".join(every[:NAMED]) + (f" and {len(every) - NAMED} more" if len(every) > NAMED else "")


def _utc(moment: datetime) -> str:
    """`2026-12-24T18:00Z`; seconds where there are any."""
    plain = windows.read_moment(moment).replace(tzinfo=None)
    return plain.isoformat(timespec="seconds" if plain.second else "minutes") + "Z"
