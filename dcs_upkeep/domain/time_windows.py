"""When things may happen: plan windows, maintenance windows, blackouts and holds, as plain arithmetic on times.

Everything here is pure and takes the clock as an argument. What cannot be read raises ValueError that says what to
write instead; `guards` turns that into a refusal. Only strict ISO 8601 is read, so that every Python reads the same.

A plan window is judged by what the wall clock in its zone shows, not by how long it lasts. So, when clocks change:
a time that is skipped never comes (02:30 to 04:00 opens when 03:00 follows 02:00; 02:10 to 02:50 does not open that day),
and a time that is shown twice counts both times (02:15 to 02:45 opens twice, 02:00 to 03:00 lasts two hours).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from dcs_upkeep.domain.model import WindowRule
from dcs_upkeep.domain.problems import shorten
from dcs_upkeep.domain.timestamps import _DATE, aware, limits_of

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_MAINTAIN = re.compile(r"(\d{1,2})(?::([0-5]\d)(?::([0-5]\d))?)?", re.ASCII)
SEARCH_DAYS = 22  # a weekly window that a clock change swallows comes a week later; the rest is for zones that skipped a whole day


@dataclass(frozen=True, slots=True)
class Blackout:
    """A time without maintenance, in UTC: `begin` is inside, `end` is not. `text` is what the operator wrote."""

    begin: datetime
    end: datetime
    text: str


def inside(rule: WindowRule, now: datetime) -> bool:
    """Whether the wall clock of the window's zone shows a time inside it.

    `days` are the days on which a window begins; `end` at or before `start` is on the next day. The start is inside, the end is not.
    Raises: ValueError if the rule or the clock cannot be read.
    """
    shown = aware(now).astimezone(_zone(rule.timezone))
    return _shows_open(rule, *_bounds(rule), shown)


def next_opening(rule: WindowRule, now: datetime) -> datetime:
    """The first moment from which sending is allowed, in UTC: `now` itself if the window is open.

    Raises: ValueError if the rule or the clock cannot be read, or if the window does not open within three weeks.
    """
    start, end = _bounds(rule)
    zone = _zone(rule.timezone)
    now = aware(now)
    if _shows_open(rule, start, end, now.astimezone(zone)):
        return now
    first = now.astimezone(zone).date()
    moments: list[datetime] = []
    for shift in range(-1, SEARCH_DAYS):
        day = first + timedelta(days=shift)
        # Both readings of a doubled time. For a skipped one they come too late, and the change itself, below, comes first.
        moments += [datetime.combine(day, start, zone).replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
        moments += _clock_changes(day, zone)
    for moment in sorted(moments):
        if moment > now and _shows_open(rule, start, end, moment.astimezone(zone)):
            return moment
    raise ValueError("the window does not open within three weeks. Check its days and times")


def inside_maintenance(begin: str | None, end: str | None, now: datetime) -> bool:
    """Whether `now` lies in an instance's own window: `HH:mm:ss` in UTC, or bare hours; the end may be on the next day.

    Source: maintain_begin and maintain_end of ListInstances; bare hours in ListMaintenanceWindows.
    Raises: ValueError if it is missing, cannot be read, or begins and ends at the same time.
    """
    first, last = _maintain(begin), _maintain(end)
    if first == last:
        raise ValueError("it begins and ends at the same time")
    shown = aware(now).astimezone(UTC).time()
    return first <= shown < last if first < last else shown >= first or shown < last


def held_until(value: str) -> datetime:
    """Until when a hold lasts. A date lasts to the end of that day in UTC; a time without zone is UTC.

    Raises: ValueError if the value is neither.
    """
    return limits_of(value)[1]


def parse_blackout(text: str) -> tuple[Blackout, ...]:
    """Read the setting: ISO dates and intervals, separated by commas; empty text is none.

    A date is the whole day in UTC, and an interval of dates holds both its ends. A time without zone is UTC.
    Raises: ValueError that names the first part it cannot read and says what to write.
    """
    return tuple(_read_blackout(part.strip()) for part in text.split(",") if part.strip())


def current_blackout(blackouts: Sequence[Blackout], now: datetime) -> Blackout | None:
    """The blackout in which `now` lies; of several the one that ends last."""
    now = aware(now)
    return max(
        (blackout for blackout in blackouts if blackout.begin <= now < blackout.end), key=lambda blackout: blackout.end, default=None
    )


def _read_blackout(text: str) -> Blackout:
    example = "Write dates or intervals such as 2026-12-24, 2026-12-24/2026-12-26 or 2026-12-24T18:00Z/2026-12-25T06:00Z"
    first, slash, last = (part.strip() for part in text.partition("/"))
    if not slash and not _DATE.fullmatch(first):
        raise ValueError(f"{shorten(text)} is neither a date nor an interval. {example}")
    try:
        begin, end = limits_of(first)[0], limits_of(last if slash else first)[1]
    except ValueError as err:
        raise ValueError(f"{shorten(text)} cannot be read: {str(err).partition('. ')[0]}. {example}") from err
    if end <= begin:
        raise ValueError(f"{shorten(text)} ends before it begins. {example}")
    return Blackout(begin, end, text)


def _bounds(rule: WindowRule) -> tuple[time, time]:
    if not rule.days or (unknown := [day for day in rule.days if day not in DAYS]):
        what = f"{shorten(unknown[0])} is not a valid day" if rule.days else "the list of days is empty"
        raise ValueError(f"{what}. Write one or more of {', '.join(DAYS)}")
    return _clock(rule.start), _clock(rule.end)


def _clock(text: str) -> time:
    match = _CLOCK.fullmatch(text)
    if not match:
        raise ValueError(f"{shorten(text)} is not a valid time of day. Write HH:MM, such as 02:30")
    return time(int(match[1]), int(match[2]))


def _maintain(text: str | None) -> time:
    if not text:
        raise ValueError("it is missing")
    match = _MAINTAIN.fullmatch(text.strip())
    if not match or int(match[1]) > 24:
        raise ValueError(f"{shorten(text)} is not a valid time of day")
    hour, minute, second = (int(part or 0) for part in match.groups())
    if hour == 24 and (minute or second):
        raise ValueError(f"{shorten(text)} is not a valid time of day")
    return time(hour % 24, minute, second)


def _shows_open(rule: WindowRule, start: time, end: time, shown: datetime) -> bool:
    clock, today = shown.time(), DAYS[shown.weekday()]
    if start < end:
        return today in rule.days and start <= clock < end
    yesterday = DAYS[shown.weekday() - 1]
    return (today in rule.days and clock >= start) or (yesterday in rule.days and clock < end)


def _clock_changes(day: date, zone: tzinfo) -> list[datetime]:
    """The moment in this day of UTC at which the zone's clocks change; empty on nearly every day."""
    low = datetime.combine(day, time(), UTC)
    high = low + timedelta(days=1)
    before = low.astimezone(zone).utcoffset()
    if before == high.astimezone(zone).utcoffset():
        return []
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return [high]


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo  # here, not above: most requests name no zone, and the import costs start-up time

    try:
        return ZoneInfo(name)
    except Exception as err:  # KeyError, ValueError or OSError, by the kind of nonsense
        raise ValueError(f"{shorten(name)} is not a known time zone. Write an IANA name such as Europe/Berlin or UTC") from err
