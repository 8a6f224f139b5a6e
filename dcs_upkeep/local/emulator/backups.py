"""The backup routes: begin one (CopyInstance), and list those of an instance (ListBackupRecords)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from .exchange import Answer, Call, Route, dcs_error
from .fleet_state import FleetState

BACKED_UP = frozenset({"ha", "cluster", "proxy", "ha_rw_split"})


@dataclass
class BackupService:
    """Keeps the backups of every instance. `backup_s`: how long one takes; `ends_in`: instance ID -> how its backups end."""

    state: FleetState
    backup_s: float = 20.0
    ends_in: dict[str, str] = field(default_factory=dict)
    records: dict[str, list[dict[str, object]]] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        path = "/v2/{project_id}/instances/{instance_id}/backups"
        return [Route("POST", path, "copy", self.copy), Route("GET", path, "backups", self.list_records)]

    def copy(self, call: Call) -> Answer:
        one = self.state.find(call.path_values["instance_id"])
        if one is None:
            return dcs_error(404, "DCS.3022", "The instance does not exist.")
        if one.cache_mode not in BACKED_UP:
            return dcs_error(400, "DCS.4086", "Only master/standby and cluster instances support this operation.")
        if one.status != "RUNNING":
            return dcs_error(400, "DCS.4049", "The instance is not running.")
        with self.state.lock:
            rows = self.records.setdefault(one.instance_id, [])
            backup_id = f"{len(rows) + 1:08x}-{one.instance_id[9:]}"
            body = json.loads(call.body or b"{}")
            began = self.state.now()
            rows.append({"backup_id": backup_id, "remark": body.get("remark"), "began": began, "instance_id": one.instance_id})
        return Answer(200, {"backup_id": backup_id})

    def list_records(self, call: Call) -> Answer:
        instance_id = call.path_values["instance_id"]
        if self.state.find(instance_id) is None:
            return dcs_error(404, "DCS.3022", "The instance does not exist.")
        offset, limit = int(call.query.get("offset", "0")), int(call.query.get("limit", "10"))
        rows = list(reversed(self.records.get(instance_id, [])))
        shown = [self._shown(row) for row in rows[offset : offset + limit]]
        return Answer(200, {"total_num": len(rows), "backup_record_response": shown})

    def _shown(self, row: dict[str, object]) -> dict[str, object]:
        age_s = self.state.now() - float(str(row["began"]))
        status = "backuping" if age_s < self.backup_s else self.ends_in.get(str(row["instance_id"]), "succeed")
        return {
            "backup_id": row["backup_id"],
            "backup_name": f"backup_{row['backup_id']}",
            "instance_id": row["instance_id"],
            "remark": row["remark"],
            "status": status,
            "progress": "100.00" if status == "succeed" else "50.00",
            "backup_type": "manual",
            "backup_format": "rdb",
            "created_at": self.state.iso(float(str(row["began"]))),
        }
