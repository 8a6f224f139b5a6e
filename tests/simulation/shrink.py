"""A failing scenario made smaller: whatever can be left out, with the same promise still broken, is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from tests.simulation.judge import judge
from tests.simulation.scenario import Scenario
from tests.simulation.world import World

MOST_TRIES = 400


def breaks(scenario: Scenario, invariant: str, *, everything: bool) -> bool:
    """Whether this promise is broken in it."""
    try:
        return any(one.invariant == invariant for one in judge(World(scenario).run(), everything=everything))
    except Exception:  # a scenario that makes no sense any more breaks nothing
        return False


def shrink(scenario: Scenario, invariant: str, *, everything: bool = False) -> Scenario:
    """The smallest scenario found that breaks the same promise."""
    tries = 0

    def still(candidate: Scenario) -> bool:
        nonlocal tries
        tries += 1
        return tries <= MOST_TRIES and breaks(candidate, invariant, everything=everything)

    before = None
    while before != scenario:
        before = scenario
        for name in ("faults", "events", "fleet"):
            rows = _fewer(getattr(scenario, name), partial(_with, still, scenario, name))
            scenario = replace(scenario, **{name: rows})
        scenario = _simpler(scenario, still)
    return scenario


def _with(still: Callable[[Scenario], bool], scenario: Scenario, name: str, rows: list[dict[str, Any]]) -> bool:
    return still(replace(scenario, **{name: rows}))


def _fewer(rows: list[dict[str, Any]], still: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Leave out halves, then quarters, down to single rows."""
    size = len(rows)
    while size:
        start = 0
        while start < len(rows):
            fewer = rows[:start] + rows[start + size :]
            if still(fewer):
                rows = fewer
            else:
                start += size
        size //= 2
    return rows


def _simpler(scenario: Scenario, still: Callable[[Scenario], bool]) -> Scenario:
    """The plain form of what can be had plain."""
    changes: list[dict[str, Any]] = [{"quota": None}, {"partial": False}, {"functions": scenario.functions[:1]}]
    changes += [
        {"events": [{**one, "event": _without(one["event"], key)} if one is event else one for one in scenario.events]}
        for event in scenario.events
        for key in (event.get("event") or ())
        if key not in ("action", "instances", "select", "run_id", "dry_run")
    ]
    for change in changes:
        candidate = replace(scenario, **change)
        if candidate != scenario and still(candidate):
            return candidate
    return scenario


def _without(body: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != key}
