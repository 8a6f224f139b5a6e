"""One simulation, readable: every effect with its time and whose it was."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.simulation.world import World

MOST = 170
# Polls and renewals fill pages and say little.
QUIET = ("log wave.polled", "append renewed")


def lines_of(world: World, *, everything: bool = False) -> Iterator[str]:
    """One line per effect; polls and the like only if `everything` is asked for."""
    for at, who, what, details in world.trace:
        if not everything and what.startswith(QUIET):
            continue
        told = "" if details in (None, "") else f" {_short(details)}"
        yield f"{at:10.3f}  {who:22} {what}{told}"[:MOST]


def _short(details: object) -> str:
    if isinstance(details, dict):
        dropped = ("run_id", "dry_run", "action", "at", "owner", "lease_until", "kind", "same_as", "asked", "trigger")
        details = {key: value for key, value in details.items() if key not in dropped and value not in (None, "")}
    return json.dumps(details, default=str).replace("-0000-4000-8000-000000000000", "").replace('"', "")
