"""The DCS routes that tell of the whole project in one answer: flavors, statistics, and how many are in which state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from .exchange import Answer, Call, Route
from .fleet import Instance
from .fleet_state import FleetState
from .rows import flavor_row, statistics_row

# The states that the answer has a number for (SDK, StatusStatistic); the others are not counted anywhere.
COUNTED = (
    "PAYING", "FREEZING", "MIGRATING", "FLUSHING", "UPGRADING", "RESTORING", "EXTENDING", "CREATING", "RUNNING", "ERROR",
    "FROZEN", "CREATEFAILED", "RESTARTING",
)  # fmt: skip


class OverviewService:
    """Reads over one fleet. Its routes go before those of single instances, whose patterns would match them too."""

    def __init__(self, state: FleetState) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        root = "/v2/{project_id}"
        return [
            Route("GET", root + "/flavors", "flavors", self.list_flavors),
            Route("GET", root + "/instances/statistic", "statistics", self.list_statistics),
            Route("GET", root + "/instances/status", "counts", self.count_by_status),
        ]

    def list_flavors(self, call: Call) -> Answer:
        """One row a spec code of the fleet, but for old ones that the region no longer lists."""
        found = {one.spec_code: flavor_row(one) for one in self._state.all() if one.flavor_listed}
        names = ("spec_code", "cache_mode", "engine", "engine_version", "cpu_type")
        return Answer(200, {"flavors": [row for row in found.values() if _fits(row, call.query, names)]})

    def list_statistics(self, _: Call) -> Answer:
        rows = [statistics_row(one) for one in self._state.listed() if one.status == "RUNNING"]
        return Answer(200, {"statistics": rows})

    def count_by_status(self, call: Call) -> Answer:
        with_failed = call.query.get("include_failure") == "true"
        seen = [one for one in self._state.listed() if with_failed or one.status != "CREATEFAILED"]
        by_engine = {name: [one for one in seen if one.engine.lower() == name] for name in ("redis", "memcached")}
        return Answer(200, {**_counts(seen), **{name: _counts(ones) for name, ones in by_engine.items()}})


def _fits(row: Mapping[str, object], query: Mapping[str, str], names: Iterable[str]) -> bool:
    return all(str(row[name]).lower() == query[name].lower() for name in names if query.get(name))


def _counts(instances: Iterable[Instance]) -> dict[str, int]:
    found = Counter(one.status for one in instances)
    return {f"{status.lower()}_count": found[status] for status in COUNTED}
