"""Times as text and back: ISO 8601 in UTC, and what a stranger writes for it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from dcs_upkeep.domain.problems import shorten


def utc_text(moment: datetime) -> str:
    """`2026-12-24T18:00Z`; seconds if there are any."""
    plain = read_moment(moment).replace(tzinfo=None)
    return plain.isoformat(timespec="seconds" if plain.second else "minutes") + "Z"


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, such as 2026-11-23T02:30:00.000Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_at(epoch_s: float) -> str:
    """The same for seconds since 1970."""
    return iso(datetime.fromtimestamp(epoch_s, UTC))


def read_time(value: object) -> datetime | None:
    """An event's time: ISO 8601, or seconds or milliseconds since 1970. None if there is none. Raises: ValueError."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:18])
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value) / 1000 if abs(value) >= 100_000_000_000 else float(value)
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, OSError, ValueError):
            raise ValueError("this is not a valid time") from None
    if not isinstance(value, str) or not _EVENT_MOMENT.fullmatch(value):
        raise ValueError("this is not a valid time")
    # Python 3.11 reads six digits of a second and an offset with a colon.
    text = re.sub(r"(\.\d{6})\d+", r"\1", value.replace("Z", "+00:00"))
    text = re.sub(r"([+-]\d{2})(\d{2})$", r"\1:\2", text)
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


EVER = datetime.max.replace(tzinfo=UTC)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?", re.ASCII)
_EVENT_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:?\d{2})?", re.ASCII)


def read_moment(value: datetime | str) -> datetime:
    """A time of the journal or the cloud, in UTC; text without zone is UTC. Raises: ValueError if it cannot be read."""
    if isinstance(value, datetime):
        return aware(value).astimezone(UTC)
    text = value.strip()
    if not _MOMENT.fullmatch(text):
        raise ValueError(f"{shorten(value)} is not a valid time. Write it like 2026-12-24T18:00Z")
    return limits_of(text)[0]


def limits_of(value: str) -> tuple[datetime, datetime]:
    """First moment and end of a date (a day in UTC), or a moment twice."""
    text = value.strip()
    try:
        if _DATE.fullmatch(text):
            begin = datetime.combine(date.fromisoformat(text), time(), UTC)
            return begin, begin + timedelta(days=1) if begin.date() < date.max else EVER
        if _MOMENT.fullmatch(text):
            moment = datetime.fromisoformat(text)
            moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
            return moment, moment
    except (ValueError, OverflowError):
        pass  # the form is right and the numbers are not, such as 2026-02-30: the message below fits
    raise ValueError(f"{shorten(value)} is neither a date nor a time. Write 2026-12-24 or 2026-12-24T18:00Z")


def aware(now: datetime) -> datetime:
    """The time itself. Raises: ValueError if it has no zone, since then nobody can say which moment it is."""
    if now.tzinfo is None:
        raise ValueError("the clock has no time zone")
    return now
