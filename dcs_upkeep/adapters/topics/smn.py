"""A topic of Huawei Cloud SMN."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from dcs_upkeep.adapters import endpoints
from dcs_upkeep.adapters.account import Account, Key
from dcs_upkeep.domain.bounds import CHAT_BYTES, LONG_CHAT_BYTES, SMS_SIGNS, cut, cut_in_json, size_in_json
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.ports import Message

# What the code asks of SMN here, for the shipped policies.
PERMISSIONS = {"publish_message": "smn:topic:publish"}
CONNECT_S, READ_S = 2.0, 3.0
ATTEMPTS = 2
BETWEEN_S = 0.2
# Who reads the report as JSON. SMN's pages call the protocol of functions `functionstage` in one place and `functiongraph` in another.
_MACHINES = ("http", "https", "functionstage", "functiongraph")
# Chat robots and what each takes, in bytes: the rules of DingTalk, WeCom, Feishu; of WeLink none is published.
_ROBOTS: Mapping[str, int] = {"dingding": LONG_CHAT_BYTES, "feishu": LONG_CHAT_BYTES, "wechat": CHAT_BYTES, "welink": CHAT_BYTES}
_LONGEST_VALUE = 32


class SmnTopic:
    """A topic of Huawei Cloud SMN. Its region and project are those of its URN, `urn:smn:<region>:<project>:<name>`."""

    def __init__(self, name: str, account: Account, endpoint: str, deadline: Deadline) -> None:
        self.name = name
        self._account = account
        self._endpoint = endpoint
        self._deadline = deadline

    def publish(self, message: Message) -> str:
        """Publish, twice at most: a repeated notification is better than none. Raises: CloudError.

        Source: PublishMessage, POST /v2/{project_id}/notifications/topics/{topic_urn}/publish; bad input answers 403. If it refuses the
        forms for each protocol, the mail's text goes to all.
        """
        from huaweicloudsdksmn.v2 import MessageAttribute, PublishMessageRequest, PublishMessageRequestBody

        body = PublishMessageRequestBody(
            subject=message.subject,
            message_structure=structure_of(message),
            message_attributes=[MessageAttribute(name, "STRING", value) for name, value in attributes_of(message).items()] or None,
        )
        try:
            return self._publish_twice(PublishMessageRequest(self.name, body))
        except CloudError as err:
            if err.status not in (400, 403):
                raise
            # Bad input looks like a missing right. A region may know less of all this than the newest pages: tell people all the same.
            plain = PublishMessageRequestBody(subject=message.subject, message=message.text)
            return self._publish_twice(PublishMessageRequest(self.name, plain))

    def _publish_twice(self, request: Any) -> str:
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


def structure_of(message: Message) -> str:
    """`message_structure`: a text for each protocol, and `default` for all others.

    Source: PublishMessage, `message_structure`: robots take an object with `msgType`, of which all know `text`. Its further fields are not
    on the public pages; `content` is what the service's message templates call theirs.
    """
    brief = message.brief or cut(message.text, CHAT_BYTES)
    texts = {"default": brief, "email": message.text, "sms": message.sms or _for_telephones(message.subject)}
    texts |= dict.fromkeys(_MACHINES, message.data) if message.data else {}
    for protocol, most in _ROBOTS.items():
        text = brief if most <= CHAT_BYTES else message.text
        # As JSON in JSON a quote takes four bytes, and all forms share one limit.
        texts[protocol] = _for_robots(cut_in_json(cut(text, most), 2 * CHAT_BYTES + most, lambda told: size_in_json(_for_robots(told))))
    return json.dumps(texts, ensure_ascii=False)


def _for_robots(text: str) -> str:
    return json.dumps({"msgType": "text", "content": text}, ensure_ascii=False)


def attributes_of(message: Message) -> dict[str, str]:
    """The message's attributes as SMN takes them: letters, digits, Chinese characters and `_`, at most 32 of them (MessageAttribute)."""
    found = {name: re.sub(r"[^0-9A-Za-z_\u4e00-\u9fff]", "_", value)[:_LONGEST_VALUE] for name, value in message.attributes.items()}
    return {name: value for name, value in found.items() if value}


def _for_telephones(text: str) -> str:
    return text.translate(str.maketrans("[]【】", "()()"))[:SMS_SIGNS]
