"""The instances over time: states follow from the clock at each look, so no thread moves them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

from .fleet import Change, Instance
from .truth import Execution, Truth

# action -> (states it may start from, busy state, end state)
ACTIONS = {
    "restart": ({"RUNNING", "ERROR"}, "RESTARTING", "RUNNING"),
    "soft_restart": ({"RUNNING", "ERROR"}, "RESTARTING", "RUNNING"),
    "flush": ({"RUNNING"}, "FLUSHING", "RUNNING"),
    "stop": ({"RUNNING"}, "CLOSING", "CLOSED"),
    "start": ({"CLOSED"}, "STARTING", "RUNNING"),
}
AGE_AT_START_S = 30 * 86400.0


class FleetState:
    """The fleet under one clock. Every method takes the lock, so any thread may call any of them."""

    def __init__(self, fleet: Iterable[Instance], clock: Callable[[], float], base_date: datetime, truth: Truth) -> None:
        self.lock = threading.RLock()
        self._clock = clock
        self._truth = truth
        self._started_at = clock()
        self._base_date = base_date
        self._instances: dict[str, Instance] = {}
        for one in fleet:
            self.add(one)

    def now(self) -> float:
        return self._clock()

    def iso(self, at: float | None) -> str:
        """The clock as DCS writes a time: UTC, milliseconds, Z."""
        moment = self._base_date + timedelta(seconds=(at or 0.0) - self._started_at)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

    def add(self, one: Instance) -> None:
        """Take a copy in, so that one fleet list can serve many emulators."""
        with self.lock:
            if one.instance_id in self._instances:
                raise ValueError(f"instance id {one.instance_id} is twice in the fleet")
            mine = one.copy()
            born = self._started_at - AGE_AT_START_S
            mine.created_at = born if mine.created_at is None else mine.created_at
            mine.launched_at = mine.created_at if mine.launched_at is None else mine.launched_at
            mine.updated_at = mine.created_at if mine.updated_at is None else mine.updated_at
            self._instances[mine.instance_id] = mine

    def find(self, instance_id: str) -> Instance | None:
        """A snapshot of one instance as a reader sees it now, or None."""
        with self.lock:
            one = self._instances.get(instance_id)
            return None if one is None else self._seen(one)

    def all(self) -> list[Instance]:
        with self.lock:
            return [self._seen(one) for one in self._instances.values()]

    def edit(self, instance_id: str, **changes: Any) -> None:
        """Set fields from outside, e.g. an operator's tag edit: `updated_at` moves, `launched_at` does not."""
        with self.lock:
            one = self._instances[instance_id]
            self._settle(one)
            known = {each.name for each in fields(Instance)}
            for name, value in changes.items():
                if name not in known:
                    raise ValueError(f"an Instance has no field {name!r}")
                setattr(one, name, value)
            if "status" in changes:
                one.change = None
            one.updated_at = changes.get("updated_at", self.now())

    def remove(self, instance_id: str) -> None:
        with self.lock:
            del self._instances[instance_id]

    def execute(self, instance_id: str, action: str, *, by: str = "api") -> None:
        """Begin an action for real. What it may start from was checked before: this only does it."""
        with self.lock:
            one = self._instances[instance_id]
            self._settle(one)
            now = self.now()
            _, busy, end = ACTIONS[action]
            busy_from = now + one.lag_s
            busy_s = one.busy_s / 2 if action == "soft_restart" else one.busy_s
            one.change = Change(action, now, busy, busy_from, busy_from + busy_s, one.ends_in or end)
            lost = one.loses_data_on(action)
            one.data_alive = one.data_alive and not lost
            self._truth.add_execution(Execution(instance_id, action, now, by), lost_data=lost)

    def _seen(self, one: Instance) -> Instance:
        self._settle(one)
        snapshot = one.copy()
        if one.change and self.now() >= one.change.busy_from:
            snapshot.status = one.change.busy
            snapshot.updated_at = max(one.change.busy_from, one.updated_at or 0.0)
        return snapshot

    def _settle(self, one: Instance) -> None:
        """Close a change whose time is over."""
        change = one.change
        if change is None or change.ends_in == "stuck" or self.now() < change.busy_until:
            return
        one.status, one.change, one.updated_at = change.ends_in, None, change.busy_until
        if change.action in ("restart", "soft_restart", "start"):
            one.launched_at = change.busy_until
