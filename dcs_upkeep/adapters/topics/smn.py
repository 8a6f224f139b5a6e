"""A topic of Huawei Cloud SMN."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dcs_upkeep.adapters import endpoints
from dcs_upkeep.adapters.account import Account, Key
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.ports import Message

# What the code asks of SMN here, for the shipped policies.
PERMISSIONS = {"publish_message": "smn:topic:publish"}
CONNECT_S, READ_S = 2.0, 3.0
ATTEMPTS = 2
BETWEEN_S = 0.2


class SmnTopic:
    """A topic of Huawei Cloud SMN. Its region and project are those of its URN, `urn:smn:<region>:<project>:<name>`."""

    def __init__(self, name: str, account: Account, endpoint: str, deadline: Deadline) -> None:
        self.name = name
        self._account = account
        self._endpoint = endpoint
        self._deadline = deadline

    def publish(self, message: Message) -> str:
        """Publish, twice at most: a repeated notification is better than none. Raises: CloudError.

        Source: PublishMessage, POST /v2/{project_id}/notifications/topics/{topic_urn}/publish; bad input answers 403.
        """
        from huaweicloudsdksmn.v2 import PublishMessageRequest, PublishMessageRequestBody

        request = PublishMessageRequest(self.name, PublishMessageRequestBody(subject=message.subject, message=message.text))
        for _ in range(ATTEMPTS - 1):
            try:
                return self._publish(request)
            except CloudError as err:
                if not self._worth_another(err):
                    raise
        return self._publish(request)

    def _publish(self, request: Any) -> str:
        from dcs_upkeep.adapters import huawei_sdk

        with huawei_sdk.translated(
            "publish_message",
            refused=f"Check the topic, and that {PERMISSIONS['publish_message']} is granted.",
            unreachable="UPKEEP_SMN_ENDPOINT",
        ):
            message_id = self.call("publish_message", lambda client: client.publish_message(request)).message_id
        if not message_id:  # the SDK takes an answer that is no JSON for an empty one
            raise CloudError("publish_message", "the answer names no message", "Check UPKEEP_SMN_ENDPOINT.")
        return str(message_id)

    def _worth_another(self, err: CloudError) -> bool:
        """Whether the same again may help: after a fault of SMN, and after no answer if there is time to wait for one."""
        if err.status is not None:
            return err.status >= 500
        if not self._deadline.covers(BETWEEN_S + CONNECT_S + READ_S):
            return False
        time.sleep(BETWEEN_S)
        return True

    def call(self, operation: str, make: Callable[[Any], Any]) -> Any:
        """Make a call with the SDK's client for the topic's region and project. Raises: CloudError, or what the SDK raises."""
        return self._account.call(operation, self._deadline, (CONNECT_S, READ_S), lambda key: make(self._client(key)))

    def _client(self, key: Key) -> Any:
        from huaweicloudsdksmn.v2 import SmnClient

        from dcs_upkeep.adapters import huawei_sdk

        _, _, region, project_id, _ = self.name.split(":", 4)
        endpoint = self._endpoint or endpoints.of_service("smn", region)
        return huawei_sdk.build_client(SmnClient, key.pair, project_id, endpoint, self._account.wire)
