"""A topic of Huawei Cloud SMN."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Credentials
from dcs_upkeep.domain.ports import Message

# What the code asks of each cloud here, for the shipped policies.
PERMISSIONS = {"publish_message": "smn:topic:publish"}
CONNECT_S, READ_S = 2.0, 3.0
ATTEMPTS = 2
BETWEEN_S = 0.2


class SmnTopic:
    """A topic of Huawei Cloud SMN. Its region and project are those of its URN, `urn:smn:<region>:<project>:<name>`."""

    def __init__(self, name: str, credentials: Callable[[], Credentials], endpoint: str, left: Callable[[], float]) -> None:
        self.name = name
        self._credentials = credentials
        self._endpoint = endpoint
        self._left = left

    def publish(self, message: Message) -> str:
        """Publish, twice at most: a repeated notification is better than none. Raises: CloudError.

        Source: PublishMessage, POST /v2/{project_id}/notifications/topics/{topic_urn}/publish; bad input answers 403.
        """
        from huaweicloudsdkcore.exceptions.exceptions import SdkException, ServiceResponseException
        from huaweicloudsdksmn.v2 import PublishMessageRequest, PublishMessageRequestBody

        client = self.client()
        request = PublishMessageRequest(self.name, PublishMessageRequestBody(subject=message.subject, message=message.text))
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return str(client.publish_message(request).message_id)
            except ServiceResponseException as err:
                if err.status_code >= 500 and attempt < ATTEMPTS:
                    continue
                fix = f"Check the topic, and that {PERMISSIONS['publish_message']} is granted."
                what = f"answered {err.status_code} {err.error_code}"
                raise CloudError(
                    "publish_message", what, fix, status=err.status_code, code=err.error_code, request_id=err.request_id
                ) from None
            except (SdkException, OSError) as err:  # requests' own errors are OSErrors, and some escape the SDK untranslated
                if attempt < ATTEMPTS and self._left() > CONNECT_S + READ_S:
                    time.sleep(BETWEEN_S)
                    continue
                what = f"no answer came ({type(err).__name__})"
                raise CloudError("publish_message", what, "Check UPKEEP_SMN_ENDPOINT and the network path to it.") from None
        raise AssertionError("the last attempt returns or raises")

    def client(self) -> Any:
        """The SDK's client for the topic's region and project."""
        from huaweicloudsdkcore.auth.credentials import BasicCredentials
        from huaweicloudsdkcore.http.http_config import HttpConfig
        from huaweicloudsdksmn.v2 import SmnClient

        _, _, region, project_id, _ = self.name.split(":", 4)
        pair = self._credentials()
        basic = BasicCredentials(pair.ak, pair.sk, project_id)
        if pair.security_token:
            basic.with_security_token(pair.security_token)
        config = HttpConfig(retry_times=0, timeout=_fit(self._left()), user_agent="dcs-upkeep")
        endpoint = self._endpoint or f"https://smn.{region}.myhuaweicloud.com"
        return SmnClient.new_builder().with_http_config(config).with_credentials(basic).with_endpoint(endpoint).build()


def _fit(left_s: float) -> tuple[float, float]:
    """(connect, read) in seconds: the usual ones, or what is left shared between two attempts."""
    share = max(0.5, min(left_s, CONNECT_S + READ_S) / (CONNECT_S + READ_S))
    return CONNECT_S * share, READ_S * share
