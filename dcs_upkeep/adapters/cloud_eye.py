"""Cloud Eye: which alarms are firing for which instances. huaweicloudsdkces is imported when it is first asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Credentials

# What the code asks of Cloud Eye, for the shipped policies.
PERMISSIONS = {"list_alarm_histories": "ces:alarmHistory:list"}
CONNECT_S, READ_S = 3.0, 10.0
PAGE = 100
MAX_PAGES = 100
NAMESPACE = "SYS.DCS"
DIMENSION = "dcs_instance_id"
_OPERATION = "list_alarm_histories"


class CloudEye:
    """Implements ports.Alarms."""

    def __init__(self, credentials: Credentials, *, region: str, project_id: str, endpoint: str, left: Callable[[], float]) -> None:
        self._credentials = credentials
        self._project_id = project_id
        self._endpoint = endpoint or f"https://ces.{region}.myhuaweicloud.com"
        self._left = left

    def firing(self, instance_ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Instance ID -> alarm id -> name. An alarm about a node counts for its instance. Raises: CloudError.

        Source: ListAlarmHistories, GET /v2/{project_id}/alarm-histories, records whose status is `alarm`.
        """
        wanted = set(instance_ids)
        found: dict[str, dict[str, str]] = {one: {} for one in instance_ids}
        client = self._client()
        for page in range(MAX_PAGES):
            rows = self._page(client, page * PAGE)
            for row in rows:
                for instance_id in wanted & _instances_of(row):
                    found[instance_id][str(row.alarm_id)] = str(row.name or row.alarm_id)
            if len(rows) < PAGE:
                return found
        raise CloudError(
            _OPERATION, "the list of firing alarms does not come to an end", "Look at Cloud Eye; thousands of alarms are firing."
        )

    def _page(self, client: Any, offset: int) -> list[Any]:
        from huaweicloudsdkces.v2 import ListAlarmHistoriesRequest
        from huaweicloudsdkcore.exceptions.exceptions import SdkException, ServiceResponseException

        request = ListAlarmHistoriesRequest(status=["alarm"], namespace=NAMESPACE, offset=offset, limit=PAGE)
        try:
            rows = client.list_alarm_histories(request).alarm_histories
        except ServiceResponseException as err:
            fix = f"Check that {PERMISSIONS[_OPERATION]} is granted."
            raise CloudError(
                _OPERATION, f"answered {err.status_code} {err.error_code}", fix, status=err.status_code, code=err.error_code
            ) from None
        except (
            SdkException,
            OSError,
            ValueError,
            TypeError,
            AttributeError,
        ) as err:  # the SDK's models raise the last three at odd answers
            raise CloudError(
                _OPERATION, f"no usable answer came ({type(err).__name__})", "Check UPKEEP_CES_ENDPOINT and the path to it."
            ) from None
        if not isinstance(rows, list):
            raise CloudError(_OPERATION, "the answer holds no list of alarms", "Check UPKEEP_CES_ENDPOINT.")
        return [row for row in rows if getattr(row, "status", None) == "alarm"]

    def _client(self) -> Any:
        from huaweicloudsdkces.v2 import CesClient
        from huaweicloudsdkcore.auth.credentials import BasicCredentials
        from huaweicloudsdkcore.http.http_config import HttpConfig

        pair = self._credentials
        basic = BasicCredentials(pair.ak, pair.sk, self._project_id)
        if pair.security_token:
            basic.with_security_token(pair.security_token)
        share = max(0.2, min(1.0, self._left() / 30.0))
        config = HttpConfig(retry_times=0, timeout=(CONNECT_S * share, READ_S * share), user_agent="dcs-upkeep")
        return CesClient.new_builder().with_http_config(config).with_credentials(basic).with_endpoint(self._endpoint).build()


def _instances_of(row: Any) -> set[str]:
    """The instances that a record is about: by its dimension, alone or with a node."""
    dimensions = getattr(getattr(row, "metric", None), "dimensions", None) or ()
    return {str(one.value).lower() for one in dimensions if getattr(one, "name", None) == DIMENSION}
