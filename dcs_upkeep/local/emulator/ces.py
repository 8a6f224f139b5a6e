"""The Cloud Eye route: alarm records (ListAlarmHistories, v2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from .exchange import Answer, Call, Route


@dataclass
class AlarmService:
    """Keeps alarm records; tests fire and settle them."""

    records: list[dict[str, object]] = field(default_factory=list)

    def routes(self) -> list[Route]:
        return [Route("GET", "/v2/{project_id}/alarm-histories", "alarms", self.list_histories)]

    def fire(self, instance_id: str, alarm_id: str, name: str, *, node: str | None = None, status: str = "alarm") -> None:
        """An alarm about an instance, or about one of its nodes."""
        dimensions = [{"name": "dcs_instance_id", "value": instance_id}]
        if node:
            dimensions.append({"name": "dcs_cluster_redis_node", "value": node})
        metric = {"namespace": "SYS.DCS", "metric_name": "memory_usage", "dimensions": dimensions}
        self.records.append(
            {"record_id": f"ah{len(self.records):022d}", "alarm_id": alarm_id, "name": name, "status": status, "metric": metric}
        )

    def list_histories(self, call: Call) -> Answer:
        offset, limit = int(call.query.get("offset", "0")), int(call.query.get("limit", "100"))
        if not 1 <= limit <= 100:
            return Answer(400, {"error_code": "ces.0014", "error_msg": "The limit is invalid."})
        wanted = call.query.get("status")
        found = [one for one in self.records if wanted is None or one["status"] == wanted]
        return Answer(200, {"alarm_histories": found[offset : offset + limit], "count": len(found)})
