"""Words, times and numbers as the reader of a page writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from dcs_upkeep.local.pages import texts_en, texts_zh_cn

LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": texts_en.TEXTS, "zh-CN": texts_zh_cn.TEXTS}
JOINTS = {"en": ", ", "zh-CN": "、"}


@dataclass(frozen=True, slots=True)
class Words:
    """One language and one time zone. `zone_name`: as the reader knows it."""

    language: str
    zone: tzinfo = UTC
    zone_name: str = "UTC"

    def say(self, key: str, **fields: object) -> str:
        """The text of this key; with `n=1` its form for one, if it has one. What it has no text for is said as it is."""
        texts = LANGUAGES[self.language]
        text = texts.get(f"{key}.one") if fields.get("n") == 1 or fields.get("waves") == 1 else None
        text = text or texts.get(key)
        if text is None:
            return key.partition(".")[2]
        return text.format(**{name: self.number(value) if isinstance(value, int) else value for name, value in fields.items()})

    def number(self, value: float) -> str:
        """Digits in groups of three."""
        return f"{value:,}" if isinstance(value, int) else f"{value:,.10g}"

    def moment(self, at: float | None) -> str:
        """Date and time."""
        return self._format(at, "%Y-%m-%d %H:%M:%S")

    def time(self, at: float | None) -> str:
        """Time of day."""
        return self._format(at, "%H:%M:%S")

    def machine(self, at: float) -> str:
        """As a machine reads it."""
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")

    def took(self, seconds: float | None) -> str:
        """A length of time in its two largest units."""
        if seconds is None:
            return ""
        if seconds < 60:
            return self.say("s.s", s=f"{seconds:.1f}".removesuffix(".0") if seconds < 10 else f"{seconds:.0f}")
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        days, hours_left = divmod(hours, 24)
        if days:
            return self.say("s.d", d=days, h=hours_left) if hours_left else self.say("s.dd", d=days)
        if hours:
            return self.say("s.h", h=hours, m=minutes) if minutes else self.say("s.hh", h=hours)
        return self.say("s.m", m=minutes, s=rest) if rest else self.say("s.mm", m=minutes)

    def listed(self, names: Iterable[str], every: int | None = None) -> str:
        """Names in a row, and how many more there are."""
        told = list(names)
        text = JOINTS[self.language].join(told)
        left = (every if every is not None else len(told)) - len(told)
        return f"{text} {self.say('more', n=left)}" if left > 0 else text

    def _format(self, at: float | None, form: str) -> str:
        return datetime.fromtimestamp(at, self.zone).strftime(form) if at is not None else ""


def words_for(language: str | None, zone_name: str | None) -> Words:
    """These words. Raises: ValueError, saying what to write instead."""
    wanted = (language or "en").replace("_", "-").casefold()
    found = next((name for name in LANGUAGES if name.casefold() == wanted), None)
    if found is None:
        raise ValueError(f"{language!r} is not a language of this tool. Write one of {', '.join(LANGUAGES)}.")
    if not zone_name or zone_name == "UTC":
        return Words(found)
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return Words(found, ZoneInfo(zone_name), zone_name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{zone_name!r} is not a time zone. Write a name such as Asia/Shanghai.") from None
