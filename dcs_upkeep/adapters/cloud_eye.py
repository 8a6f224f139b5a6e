"""Cloud Eye: which alarms are firing for which instances. huaweicloudsdkces is imported when it is first asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dcs_upkeep.adapters import endpoints
from dcs_upkeep.adapters.account import Account, Key
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Location

# What the code asks of Cloud Eye, for the shipped policies.
PERMISSIONS = {"list_alarm_histories": "ces:alarmHistory:list"}
CONNECT_S, READ_S = 3.0, 10.0
PAGE = 100
MAX_PAGES = 100
NAMESPACE = "SYS.DCS"
DIMENSION = "dcs_instance_id"
_OPERATION = "list_alarm_histories"


class CloudEye:
    """Implements ports.Alarms. Credentials and location are asked at the first call."""

    def __init__(self, account: Account, location: Callable[[], Location], *, endpoint: str, deadline: Deadline) -> None:
        self._account = account
        self._location = location
        self._endpoint = endpoint
        self._deadline = deadline
        self._made: tuple[Key, Any] | None = None

    def firing(self, instance_ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Instance ID -> alarm id -> name. An alarm about a node counts for its instance. Raises: CloudError.

        Source: ListAlarmHistories, GET /v2/{project_id}/alarm-histories, records whose status is `alarm`.
        """
        wanted = set(instance_ids)
        found: dict[str, dict[str, str]] = {instance_id: {} for instance_id in instance_ids}
        for page in range(MAX_PAGES):
            rows = self._page(page * PAGE)
            for row in rows:
                for instance_id in wanted & _instances_of(row):
                    found[instance_id][str(row.alarm_id)] = str(row.name or row.alarm_id)
            if len(rows) < PAGE:
                return found
        what = "the list of firing alarms does not come to an end"
        raise CloudError(_OPERATION, what, "Look at Cloud Eye; thousands of alarms are firing.")

    def _page(self, offset: int) -> list[Any]:
        from huaweicloudsdkces.v2 import ListAlarmHistoriesRequest

        from dcs_upkeep.adapters import huawei_sdk

        request = ListAlarmHistoriesRequest(status=["alarm"], namespace=NAMESPACE, offset=offset, limit=PAGE)
        with huawei_sdk.translated(
            _OPERATION, refused=f"Check that {PERMISSIONS[_OPERATION]} is granted.", unreachable="UPKEEP_CES_ENDPOINT"
        ):
            answer = self._account.call(
                _OPERATION, self._deadline, (CONNECT_S, READ_S), lambda key: self._client(key).list_alarm_histories(request)
            )
            rows = answer.alarm_histories
        if not isinstance(rows, list):
            raise CloudError(_OPERATION, "the answer holds no list of alarms", "Check UPKEEP_CES_ENDPOINT.")
        return [row for row in rows if getattr(row, "status", None) == "alarm"]

    def _client(self, key: Key) -> Any:
        """The SDK's client for this key; the pages of one question share it."""
        if self._made is None or self._made[0] != key:
            from huaweicloudsdkces.v2 import CesClient

            from dcs_upkeep.adapters import huawei_sdk

            location = self._location()
            endpoint = self._endpoint or endpoints.of_service("ces", location.region)
            self._made = key, huawei_sdk.build_client(CesClient, key.pair, location.project_id, endpoint, self._account.wire)
        return self._made[1]


def _instances_of(row: Any) -> set[str]:
    """The instances that a record is about: by its dimension, alone or with a node."""
    dimensions = getattr(getattr(row, "metric", None), "dimensions", None) or ()
    return {str(one.value).lower() for one in dimensions if getattr(one, "name", None) == DIMENSION}
