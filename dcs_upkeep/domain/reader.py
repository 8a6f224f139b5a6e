"""Who reads what people are told: in which language, and by which clock. What machines read is the same for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from dcs_upkeep.domain.problems import shorten, suggest

LANGUAGES = ("en", "zh-CN")


@dataclass(frozen=True, slots=True)
class Reader:
    """Language (one of `LANGUAGES`) and IANA time zone of the people who read messages."""

    language: str = "en"
    timezone: str = "UTC"


ENGLISH = Reader()


def parse_language(raw: str) -> str:
    """The language as it is named here, whatever the letters' case and the separator. Raises: ValueError."""
    by_plain = {language.casefold(): language for language in LANGUAGES}
    found = by_plain.get(raw.replace("_", "-").casefold())
    if found is None:
        raise ValueError(f"Write {' or '.join(LANGUAGES)}")
    return found


def parse_timezone(raw: str) -> str:
    """The name of a time zone. Raises: ValueError that names the nearest if there is none of that name."""
    try:
        zone(raw)
    except ValueError:
        from zoneinfo import available_timezones  # reads the whole data base: for a mistake alone

        near = suggest(raw, sorted(available_timezones()))
        raise ValueError(f"{near} Write an IANA name such as Asia/Shanghai or UTC".strip()) from None
    return raw


def zone(name: str) -> tzinfo:
    """The rules of a time zone. Raises: ValueError if there is none of that name."""
    from zoneinfo import ZoneInfo  # here, not above: its tables cost start-up time

    try:
        return ZoneInfo(name)
    except Exception as err:  # KeyError, ValueError or OSError, by the kind of nonsense
        raise ValueError(f"{shorten(name)} is not a known time zone") from err
