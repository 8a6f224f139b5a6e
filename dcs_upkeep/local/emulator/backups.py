"""The backup routes: begin one (CopyInstance), and list those of an instance (ListBackupRecords)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from .exchange import Answer, Call, RefusalError, Route, read_page, refusable
from .fleet_state import FleetState

BACKED_UP = frozenset({"ha", "cluster", "proxy", "ha_rw_split"})


@dataclass(frozen=True)
class Backup:
    """One backup. `began` and `finishes`: clock values. `remark`: as it was sent, None if it was not."""

    backup_id: str
    instance_id: str
    remark: str | None
    began: float
    finishes: float
    ends_in: str


@dataclass
class BackupService:
    """Keeps the backups of every instance. `backup_s`: how long one takes; `ends_in`: instance ID -> how its backups end."""

    state: FleetState
    backup_s: float = 20.0
    ends_in: dict[str, str] = field(default_factory=dict)
    records: dict[str, list[Backup]] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        path = "/v2/{project_id}/instances/{instance_id}/backups"
        return [
            Route("POST", path, "copy", refusable(self.copy)),
            Route("GET", path, "backups", refusable(self.list_records)),
        ]

    def begin(self, instance_id: str, remark: str | None = None, *, seconds_ago: float = 0.0) -> Backup:
        """Begin a backup, as an operator or an earlier run would; `seconds_ago` puts it into the past."""
        with self.state.lock:
            rows = self.records.setdefault(instance_id, [])
            began = self.state.now() - seconds_ago
            backup_id = f"{len(rows) + 1:08x}-{instance_id[9:]}"
            ends_in = self.ends_in.get(instance_id, "succeed")
            rows.append(Backup(backup_id, instance_id, remark, began, began + self.backup_s, ends_in))
            rows.sort(key=lambda row: row.began)
            return next(row for row in rows if row.backup_id == backup_id)

    def copy(self, call: Call) -> Answer:
        one = self.state.find_for_caller(call.path_values["instance_id"])
        if one.cache_mode not in BACKED_UP:
            raise RefusalError(400, "DCS.4086", "Only master/standby and cluster instances support this operation.")
        if one.status != "RUNNING":
            raise RefusalError(400, "DCS.4049", "The instance is not running.")
        backup = self.begin(one.instance_id, json.loads(call.body or b"{}").get("remark"))
        return Answer(200, {"backup_id": backup.backup_id})

    def list_records(self, call: Call) -> Answer:
        one = self.state.find_for_caller(call.path_values["instance_id"])
        offset, limit = read_page(call.query)
        rows = list(reversed(self.records.get(one.instance_id, [])))
        shown = [self._shown(row) for row in rows[offset : offset + limit]]
        return Answer(200, {"total_num": len(rows), "backup_record_response": shown})

    def _shown(self, row: Backup) -> dict[str, object]:
        """`updated_at` is when the backup was finished (SDK, BackupRecordResponse); until then, when it began."""
        is_over = self.state.now() >= row.finishes
        status = row.ends_in if is_over else "backuping"
        return {
            "backup_id": row.backup_id,
            "backup_name": f"backup_{row.backup_id}",
            "instance_id": row.instance_id,
            "remark": row.remark,
            "status": status,
            "progress": "100.00" if status == "succeed" else "50.00",
            "backup_type": "manual",
            "backup_format": "rdb",
            "created_at": self.state.iso(row.began),
            "execution_at": self.state.iso(row.began),
            "updated_at": self.state.iso(row.finishes if is_over else row.began),
        }
