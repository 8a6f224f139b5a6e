"""Reads an event of `events/`: its placeholders `{now}` and `{now_ms}` become the time, since an old event is refused as stale."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from dcs_upkeep import triggers
from dcs_upkeep.domain.errors import SettingsError
from dcs_upkeep.domain.run import RunSpec
from dcs_upkeep.triggers import RunIdScope, StartRun
from dcs_upkeep.triggers.plans_file import load_plans


def fill_in(text: str, now: datetime) -> str:
    """The event's text with its placeholders replaced: ISO 8601 in UTC, and milliseconds since 1970."""
    iso = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return text.replace("{now}", iso).replace("{now_ms}", str(int(now.timestamp() * 1000)))


def runs_in(event: object, plans_path: Path, now: datetime) -> list[RunSpec]:
    """The runs that an event may ask for, whatever the settings make of it: who is to be asked is to be asked rather once too often."""
    try:
        plans = load_plans(plans_path.read_bytes())
    except (OSError, SettingsError):
        plans = None  # whoever handles the event says what is wrong with the file
    nowhere = RunIdScope(host="local", function="", region="", project_id="", request_id="")
    delivery = triggers.parse(event, nowhere, plans, now, plans_only=False, http_anonymous=True)
    return [item.spec for item in delivery.items if isinstance(item, StartRun)]
