"""The Cloud Eye route: alarm records (ListAlarmHistories, v2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .exchange import Answer, Call, Route
from .timeline import Timeline

NAMESPACE = "SYS.DCS"
LEVEL = 2


@dataclass
class Alarm:
    """One record: an alarm of a rule about one resource. `alarm_id` is the rule's id, the same for all its resources.

    `changes`: (clock value from which it shows, status), in order.
    """

    record_id: str
    alarm_id: str
    name: str
    dimensions: list[dict[str, str]]
    changes: list[tuple[float, str]]

    @property
    def resource_id(self) -> str:
        """The values of its dimensions, in the order of their names."""
        return ",".join(one["value"] for one in sorted(self.dimensions, key=lambda one: one["name"]))

    def changed_at(self, now: float) -> float:
        """When what shows now began to show."""
        return max(at for at, _ in self.changes if at <= now)

    def status_at(self, now: float) -> str | None:
        """None as long as Cloud Eye does not show it."""
        seen = [status for at, status in self.changes if at <= now]
        return seen[-1] if seen else None


@dataclass
class AlarmService:
    """Keeps alarm records; tests fire and settle them. `late_s`: how much later than it happens a change shows."""

    timeline: Timeline
    late_s: float = 0.0
    records: list[Alarm] = field(default_factory=list)

    def routes(self) -> list[Route]:
        return [Route("GET", "/v2/{project_id}/alarm-histories", "alarms", self.list_histories)]

    def fire(self, instance_id: str, alarm_id: str, name: str, *, node: str | None = None, status: str = "alarm") -> None:
        """A new record about an instance, or about one of its nodes."""
        with self.timeline.lock:
            record_id = f"ah{len(self.records):022d}"
            changes = [(self.timeline.now() + self.late_s, status)]
            self.records.append(Alarm(record_id, alarm_id, name, _dimensions(instance_id, node), changes))

    def set(self, instance_id: str, alarm_id: str, status: str, *, name: str | None = None, node: str | None = None) -> None:
        """Let the newest record of this rule and resource change its status; without one that fires, a new one begins."""
        with self.timeline.lock:
            dimensions = _dimensions(instance_id, node)
            mine = [one for one in self.records if one.alarm_id == alarm_id and one.dimensions == dimensions]
            is_firing = bool(mine) and mine[-1].changes[-1][1] == "alarm"
            if is_firing and status != "alarm":
                mine[-1].changes.append((self.timeline.now() + self.late_s, status))
            elif not is_firing and status == "alarm":
                self.fire(instance_id, alarm_id, name or (mine[-1].name if mine else alarm_id), node=node)

    def list_histories(self, call: Call) -> Answer:
        offset, limit = int(call.query.get("offset", "0")), int(call.query.get("limit", "100"))
        if not 1 <= limit <= 100:
            return Answer(400, {"error_code": "ces.0014", "error_msg": "The limit is invalid."})
        found = [row for one in self.records if (row := self._shown(one, call.query))]
        return Answer(200, {"alarm_histories": found[offset : offset + limit], "count": len(found)})

    def _shown(self, one: Alarm, query: Mapping[str, str]) -> dict[str, object] | None:
        now = self.timeline.now()
        status = one.status_at(now)
        if status is None or not _fits(one, status, query):
            return None
        began, changed = one.changes[0][0], one.changed_at(now)
        if not _is_within(self.timeline.date(changed), query):
            return None
        over = None if status == "alarm" else self.timeline.iso(changed)
        return {
            "record_id": one.record_id,
            "alarm_id": one.alarm_id,
            "name": one.name,
            "status": status,
            "level": LEVEL,
            "type": "MULTI_INSTANCE",
            "action_enabled": True,
            "begin_time": self.timeline.iso(began),
            "end_time": over,
            "first_alarm_time": self.timeline.iso(began),
            "last_alarm_time": self.timeline.iso(began),
            "alarm_recovery_time": over,
            "metric": {"namespace": NAMESPACE, "metric_name": "memory_usage", "dimensions": one.dimensions},
        }


def _dimensions(instance_id: str, node: str | None) -> list[dict[str, str]]:
    found = [{"name": "dcs_instance_id", "value": instance_id}]
    return [*found, {"name": "dcs_cluster_redis_node", "value": node}] if node else found


def _fits(one: Alarm, status: str, query: Mapping[str, str]) -> bool:
    """`alarm_id` and `status` are lists with commas; the name is part of the whole; the rest is exact."""
    exact = {"record_id": one.record_id, "resource_id": one.resource_id, "namespace": NAMESPACE, "level": str(LEVEL)}
    several = {"alarm_id": one.alarm_id, "status": status}
    return (
        all(query[name] == value for name, value in exact.items() if query.get(name))
        and all(value in query[name].split(",") for name, value in several.items() if query.get(name))
        and query.get("name", "") in one.name
    )


def _is_within(changed: datetime, query: Mapping[str, str]) -> bool:
    """`from` and `to` ask for when a record last changed, e.g. 2022-02-10T10:05:46+08:00."""
    since, until = (datetime.fromisoformat(query[name]) if query.get(name) else changed for name in ("from", "to"))
    return since <= changed <= until
