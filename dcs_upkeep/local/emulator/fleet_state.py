"""The instances over time: states follow from the clock at each look, so no thread moves them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from .exchange import RefusalError
from .fleet import Change, Instance
from .timeline import Timeline
from .truth import Execution, Truth

# action -> (states it may start from, busy state, end state)
ACTIONS = {
    "restart": ({"RUNNING", "ERROR"}, "RESTARTING", "RUNNING"),
    "soft_restart": ({"RUNNING", "ERROR"}, "RESTARTING", "RUNNING"),
    "flush": ({"RUNNING"}, "FLUSHING", "RUNNING"),
    "stop": ({"RUNNING"}, "CLOSING", "CLOSED"),
    "start": ({"CLOSED"}, "STARTING", "RUNNING"),
}
LAUNCHING = ("RESTARTING", "STARTING")  # the states after which the process is a new one
AGE_AT_START_S = 30 * 86400.0


class FleetState:
    """The fleet under one clock. Every method takes the lock, so any thread may call any of them."""

    def __init__(self, fleet: Iterable[Instance], timeline: Timeline, truth: Truth) -> None:
        self.lock = timeline.lock
        self._timeline = timeline
        self._truth = truth
        self._instances: dict[str, Instance] = {}
        for one in fleet:
            self.add(one)

    def now(self) -> float:
        return self._timeline.now()

    def iso(self, at: float | None) -> str:
        return self._timeline.iso(at)

    def add(self, one: Instance, *, first: bool = False) -> None:
        """Take a copy in, so that one fleet list can serve many emulators. `first`: before all others in the list."""
        with self.lock:
            if one.instance_id in self._instances:
                raise ValueError(f"instance id {one.instance_id} is twice in the fleet")
            mine = one.copy()
            born = self._timeline.started_at - AGE_AT_START_S
            mine.created_at = born if mine.created_at is None else mine.created_at
            mine.launched_at = mine.created_at if mine.launched_at is None else mine.launched_at
            mine.updated_at = mine.created_at if mine.updated_at is None else mine.updated_at
            mine.task_until = self.now() + mine.task_s if mine.task_until is None else mine.task_until
            if mine.status_s is not None:
                mine.change = self._passing(mine.status, mine.status_s, mine.status_then)
            if first:
                self._instances = {mine.instance_id: mine, **self._instances}
            self._instances[mine.instance_id] = mine

    def find(self, instance_id: str) -> Instance | None:
        """A snapshot of one instance as a reader sees it now, or None."""
        with self.lock:
            one = self._instances.get(instance_id)
            return None if one is None else self._seen(one)

    def find_for_caller(self, instance_id: str) -> Instance:
        """The same for a request: refused if it does not exist, or lies outside what is granted."""
        one = self.find(instance_id)
        if one is None or one.status == "DELETED" or one.granted == "404":
            raise RefusalError(404, "DCS.3022", "The DCS instance does not exist.")
        if one.granted == "403":
            raise not_granted()
        return one

    def all(self) -> list[Instance]:
        with self.lock:
            return [self._seen(one) for one in self._instances.values()]

    def listed(self) -> list[Instance]:
        """Those that a list may show to the caller."""
        return [one for one in self.all() if one.granted in ("yes", "read")]

    def edit(self, instance_id: str, **changes: Any) -> None:
        """Set fields from outside, e.g. an operator's tag edit: `updated_at` moves, `launched_at` does not."""
        with self.lock:
            one = self._instances[instance_id]
            self._settle(one)
            known = {each.name for each in fields(Instance)}
            usual = one.spec_code == one.usual_spec_code()
            for name, value in changes.items():
                if name not in known:
                    raise ValueError(f"an Instance has no field {name!r}")
                setattr(one, name, value)
            if usual and "spec_code" not in changes:
                one.spec_code = one.usual_spec_code()
            one.check()
            if "status" in changes:
                for_s = changes.get("status_s")
                one.change = None if for_s is None else self._passing(one.status, for_s, changes.get("status_then"))
            if "task_s" in changes:
                one.task_until = self.now() + one.task_s
            one.updated_at = changes.get("updated_at", self.now())

    def remove(self, instance_id: str) -> None:
        with self.lock:
            del self._instances[instance_id]

    def execute(self, instance_id: str, action: str, *, by: str = "api", **temper: Any) -> None:
        """Begin an action for real. What it may start from was checked before: this only does it.

        `temper`: Instance fields that hold for this time only, e.g. flap_s=8.
        """
        with self.lock:
            one = self._instances[instance_id]
            self._settle(one)
            moody = one.copy()
            for name, value in temper.items():
                setattr(moody, name, value)
            lost = one.loses_data_on(action)
            one.change = _begin(moody, action, self.now(), lost=lost)
            one.data_alive = one.data_alive and not lost
            self._truth.add_execution(Execution(instance_id, action, self.now(), by), lost_data=lost)

    def _passing(self, status: str, for_s: float, then: str | None) -> Change:
        now = self.now()
        end = then or ("CLOSED" if status == "CLOSING" else "RUNNING")
        return Change(None, now, status, now, now + for_s, now + for_s, end)

    def _seen(self, one: Instance) -> Instance:
        self._settle(one)
        snapshot = one.copy()
        if one.change and (status := one.change.status_at(self.now())):
            snapshot.status = status
            snapshot.updated_at = max(one.change.busy_from, one.updated_at or 0.0)
            if one.change.loses_data:
                snapshot.keys = snapshot.used_memory = 0
        return snapshot

    def _settle(self, one: Instance) -> None:
        """Close a change whose time is over."""
        change, now = one.change, self.now()
        if change is None:
            return
        if change.gone_at is not None and now >= change.gone_at:
            one.status, one.change, one.updated_at = "DELETED", None, change.gone_at
            return
        if change.ends_in == "stuck" or now < change.over_at:
            return
        one.status, one.change, one.updated_at = change.ends_in, None, change.over_at
        if change.busy in LAUNCHING:
            one.launched_at = change.over_at
        if change.loses_data:
            one.keys = one.used_memory = 0
        if change.action and one.task_tail_s:
            one.task_until = max(one.task_until or 0.0, change.over_at + one.task_tail_s)


def _begin(one: Instance, action: str, now: float, *, lost: bool) -> Change:
    """The course that an action takes on an instance of this temper."""
    _, busy, end = ACTIONS[action]
    busy_from = now + one.lag_s
    busy_until = busy_from + (one.busy_s / 2 if action == "soft_restart" else one.busy_s)
    gone_at = None if one.gone_after_s is None else now + one.gone_after_s
    return Change(action, now, busy, busy_from, busy_until, busy_until + one.flap_s, one.ends_in or end, gone_at, lost)


def not_granted() -> RefusalError:
    """What IAM says of an instance in an enterprise project that is not granted."""
    return RefusalError(403, "DCS.2003", "You do not have permission to perform this operation on the instance.")
