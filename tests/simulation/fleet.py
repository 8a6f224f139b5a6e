"""The instances and the truth about them: what was really executed, what was lost, what was unavailable when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# action -> (states it may begin in, busy state, end state)
ACTIONS = {
    "restart": ({"RUNNING", "ERROR"}, "RESTARTING", "RUNNING"),
    "soft_restart": ({"RUNNING"}, "RESTARTING", "RUNNING"),
    "flush": ({"RUNNING"}, "FLUSHING", "RUNNING"),
    "stop": ({"RUNNING"}, "CLOSING", "CLOSED"),
    "start": ({"CLOSED"}, "STARTING", "RUNNING"),
}
FOREVER = float("inf")


@dataclass
class Execution:
    """An action that really began. `put`: the number of the PUT that asked for it; None for somebody else's."""

    instance_id: str
    action: str
    at: float
    back_at: float
    ends_in: str
    lost_data: bool
    put: int | None = None


@dataclass
class SimInstance:
    """`ends_in`: per execution the state that it ends in, instead of the usual one ("stuck": never); then the usual one."""

    instance_id: str
    name: str
    project: str
    status: str = "RUNNING"
    tags: dict[str, str] = field(default_factory=dict)
    cache_mode: str = "ha"
    replica_count: int = 2
    appendonly: str = "yes"
    busy_s: float = 30.0
    lag_s: float = 1.0
    ends_in: list[str] = field(default_factory=list)
    launched_at: float = -86_400.0
    updated_at: float = -86_400.0
    data_alive: bool = True
    gone: bool = False
    seen_status: str = ""
    _change: Execution | None = None

    def loses_data_on(self, action: str) -> bool:
        if action == "start":
            return False
        alone = self.cache_mode == "single" or (self.cache_mode == "cluster" and self.replica_count <= 1)
        return action == "flush" or alone or self.appendonly != "yes"

    def look(self, now: float) -> SimInstance:
        """Itself, with `seen_status` as a reader sees it now."""
        change = self._change
        if change is not None and now >= change.back_at:
            self.status, self.updated_at, self._change = change.ends_in, change.back_at, None
            if change.action in ("restart", "soft_restart", "start"):
                self.launched_at = change.back_at
            change = None
        self.seen_status = ACTIONS[change.action][1] if change is not None and now >= change.at + self.lag_s else self.status
        return self

    def may(self, action: str, now: float) -> bool:
        return self.look(now).seen_status in ACTIONS[action][0]


@dataclass
class Edit:
    """One change from outside, by the operators: `what` is a field or `tag:<key>`."""

    at: float
    instance_id: str
    what: str
    old: Any
    new: Any


class Fleet:
    """All instances of all projects."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.instances = {row["instance_id"]: SimInstance(**{**row, "tags": dict(row.get("tags", {}))}) for row in rows}
        self.endings = {one.instance_id: list(one.ends_in) for one in self.instances.values()}
        self.executions: list[Execution] = []
        self.edits: list[Edit] = []

    def of(self, project: str, now: float) -> list[SimInstance]:
        return [one.look(now) for one in self.instances.values() if one.project == project and not one.gone]

    def find(self, instance_id: str, project: str, now: float) -> SimInstance | None:
        one = self.instances.get(instance_id)
        return None if one is None or one.gone or one.project != project else one.look(now)

    def execute(self, instance_id: str, action: str, now: float, put: int | None) -> None:
        """Begin an action for real."""
        one = self.instances[instance_id].look(now)
        endings = self.endings[instance_id]
        ending = (endings.pop(0) if endings else "") or ACTIONS[action][2]
        back_at = FOREVER if ending == "stuck" else now + one.lag_s + one.busy_s
        lost = one.loses_data_on(action)
        done = Execution(instance_id, action, now, back_at, ending, lost, put)
        one.data_alive = one.data_alive and not lost
        one._change = done
        self.executions.append(done)

    def edit(self, instance_id: str, changes: dict[str, Any], now: float) -> None:
        """What operators change: `tags` are merged, a tag of None is taken away."""
        one = self.instances[instance_id].look(now)
        for key, value in changes.items():
            if key == "tags":
                for tag, word in value.items():
                    self.edits.append(Edit(now, instance_id, f"tag:{tag}", one.tags.get(tag), word))
                    one.tags.pop(tag, None)
                    if word is not None:
                        one.tags[tag] = word
            else:
                self.edits.append(Edit(now, instance_id, key, getattr(one, key), value))
                setattr(one, key, value)
        one.updated_at = now
