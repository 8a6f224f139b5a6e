"""Moments as people read them, in the time zone of UPKEEP_TIMEZONE."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo


def zone_of(lookup: Callable[[str], str | None]) -> tuple[tzinfo, str]:
    """The zone and its name; UTC where none is set or it is not known (whoever reads all settings says so)."""
    name = (lookup("UPKEEP_TIMEZONE") or "").strip()
    if name:
        from zoneinfo import ZoneInfo

        try:
            return ZoneInfo(name), name
        except (ValueError, OSError, LookupError):
            pass
    return UTC, "UTC"


def local_time(iso: str, zone: tzinfo) -> str:
    """`2026-11-24 09:45`."""
    return datetime.fromisoformat(iso).astimezone(zone).strftime("%Y-%m-%d %H:%M")
