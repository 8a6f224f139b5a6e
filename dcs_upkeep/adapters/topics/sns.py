"""A topic of Amazon SNS."""

from __future__ import annotations

import json
from typing import Any

from dcs_upkeep.domain.bounds import CHAT_BYTES, SMS_SIGNS, cut
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.ports import Message

# What the code asks of SNS here, for the shipped policies.
PERMISSIONS = {"publish": "sns:Publish"}
CONNECT_S, READ_S = 2.0, 3.0
ATTEMPTS = 2
_MACHINES = ("lambda", "sqs", "http", "https")  # who reads the report as JSON


class SnsTopic:
    """A topic of Amazon SNS, with the function's own role. Its region is that of its ARN."""

    def __init__(self, name: str, deadline: Deadline) -> None:
        self.name = name
        self._deadline = deadline

    def publish(self, message: Message) -> str:
        """Publish, twice at most. Raises: CloudError."""
        from dcs_upkeep.adapters import aws_sdk

        try:
            sent = self.client().publish(
                TopicArn=self.name,
                Subject=message.subject,
                Message=structure_of(message),
                MessageStructure="json",
                MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in message.attributes.items()},
            )
            return str(sent["MessageId"])
        except aws_sdk.FAULTS as err:
            code, status, request_id = aws_sdk.code_of(err), *aws_sdk.answer_of(err)
            if status is None:
                fix = "Check the AWS credentials and the network path to SNS."
                raise CloudError("publish", f"no answer came ({code})", fix) from None
            fix = f"Check the topic, and that {PERMISSIONS['publish']} is granted on it."
            raise CloudError("publish", f"answered {status} {code}", fix, status=status, code=code, request_id=request_id) from None

    def client(self) -> Any:
        """boto3's client for the topic's region."""
        from dcs_upkeep.adapters import aws_sdk

        return aws_sdk.build_client("sns", self.name.split(":")[3], self._deadline.remaining_s, (CONNECT_S, READ_S), attempts=ATTEMPTS)


def structure_of(message: Message) -> str:
    """A text for each protocol, and `default` for all others (Publish, `MessageStructure`: json)."""
    texts = {
        "default": message.brief or cut(message.text, CHAT_BYTES),
        "email": message.text,
        "sms": message.sms or message.subject[:SMS_SIGNS],
    }
    texts |= dict.fromkeys(_MACHINES, message.data) if message.data else {}
    return json.dumps(texts, ensure_ascii=False)
