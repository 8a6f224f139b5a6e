"""Reads an event of `events/`: its placeholders `{now}` and `{now_ms}` become the time, since an old event is refused as stale."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from dcs_upkeep.triggers.json_input import parse_untrusted_json


def fill_in(text: str, now: datetime) -> str:
    """The event's text with its placeholders replaced: ISO 8601 in UTC, and milliseconds since 1970."""
    iso = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return text.replace("{now}", iso).replace("{now_ms}", str(int(now.timestamp() * 1000)))


def load_event(path: Path, now: datetime) -> object:
    """The event in a file. Raises: OSError, UnreadableTextError, UnicodeDecodeError."""
    return parse_untrusted_json(fill_in(path.read_text(encoding="utf-8"), now))
