"""Backups on huaweicloudsdkdcs: begun once each, and found again by their remark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from dcs_upkeep.adapters.dcs import read_answers
from dcs_upkeep.adapters.dcs.session import Session
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.ports import Tick, no_tick
from dcs_upkeep.domain.timestamps import read_moment

LATEST = 50  # records of one instance that are looked at: ours is among the latest
USABLE = frozenset({"waiting", "backuping", "succeed"})
COPY, LIST = "copy_instance", "list_backup_records"
# What the code asks of DCS here, for the shipped policies and for messages.
PERMISSIONS = {COPY: "dcs:instance:backupData", LIST: "dcs:instance:getDataBackupLog"}


class HuaweiBackups:
    """Implements ports.Backups. Connected by its first call."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def begin(self, instance_ids: Sequence[str], remark: str, not_before: datetime, tick: Tick = no_tick) -> Mapping[str, str | CloudError]:
        """Begin a backup of each with this remark, or find the one that it has begun since `not_before`, 16 at a time.

        Instance ID -> the backup's id, or why it has none.
        """
        return self._session.each(COPY, instance_ids, lambda instance_id: self._begin(instance_id, remark, not_before), tick)

    def _begin(self, instance_id: str, remark: str, not_before: datetime) -> str:
        """Source: CopyInstance, POST /v2/{project_id}/instances/{instance_id}/backups.

        Sent once: a lost answer is settled by looking, since a second backup would only make the first one's instance busy for longer.
        """
        before = self._records(instance_id)
        if (found := _id_of(row for row in _usable(before, remark) if _began_since(row, not_before))) is not None:
            return found
        try:
            return self._copy(instance_id, remark)
        except CloudError as err:
            if err.status is not None and err.status < 500:
                raise
            # What was not there before was begun by this call, whatever the clocks say.
            seen = {row.get("backup_id") for row in before}
            if (found := _id_of(row for row in _usable(self._records(instance_id), remark) if row.get("backup_id") not in seen)) is None:
                raise
            return found

    def states(self, backup_ids: Mapping[str, str], tick: Tick = no_tick) -> Mapping[str, str]:
        """Instance ID -> status of the backup of that id. Source: ListBackupRecords. Raises: CloudError."""
        found = self._session.each(LIST, list(backup_ids), self._records, tick, stop=True)
        return {
            instance_id: str(row.get("status"))
            for instance_id, rows in found.items()
            if not isinstance(rows, CloudError)
            for row in rows
            if str(row.get("backup_id")) == backup_ids[instance_id]
        }

    def _records(self, instance_id: str) -> list[dict[str, Any]]:
        return self._session.ask(
            LIST,
            PERMISSIONS[LIST],
            lambda client, make: client.list_backup_records(make("ListBackupRecordsRequest", instance_id=instance_id, limit=LATEST)),
            _rows,
        )

    def _copy(self, instance_id: str, remark: str) -> str:
        return self._session.ask(
            COPY,
            PERMISSIONS[COPY],
            lambda client, make: client.copy_instance(
                make("CopyInstanceRequest", instance_id=instance_id, body=make("BackupInstanceBody", remark=remark))
            ),
            _backup_id,
            once=True,
        )


def _usable(rows: Sequence[Mapping[str, Any]], remark: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if row.get("remark") == remark and row.get("status") in USABLE]


def _id_of(rows: Iterable[Mapping[str, Any]]) -> str | None:
    return next((str(row["backup_id"]) for row in rows), None)


def _began_since(row: Mapping[str, Any], moment: datetime) -> bool:
    """Whether a backup was begun then or later. One that does not say when is too old."""
    try:
        # Some records of DCS are cut to whole seconds.
        return read_moment(str(row.get("created_at"))) >= moment.replace(microsecond=0)
    except ValueError:
        return False


def _rows(content: object) -> list[dict[str, Any]]:
    rows = read_answers.body_of(content).get("backup_record_response")
    if not isinstance(rows, list):
        raise read_answers.UnreadableError("the answer holds no list of backups")
    return [row for row in rows if isinstance(row, dict)]


def _backup_id(content: object) -> str:
    backup_id = read_answers.body_of(content).get("backup_id")
    if not isinstance(backup_id, str) or not backup_id:
        raise read_answers.UnreadableError("the answer names no backup")
    return backup_id
