"""A topic of Amazon SNS."""

from __future__ import annotations

from typing import Any

from dcs_upkeep.adapters import timeouts
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.ports import Message

# What the code asks of SNS here, for the shipped policies.
PERMISSIONS = {"publish": "sns:Publish"}
CONNECT_S, READ_S = 2.0, 3.0
ATTEMPTS = 2


class SnsTopic:
    """A topic of Amazon SNS, with the function's own role. Its region is that of its ARN."""

    def __init__(self, name: str, deadline: Deadline) -> None:
        self.name = name
        self._deadline = deadline

    def publish(self, message: Message) -> str:
        """Publish, twice at most. Raises: CloudError."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return str(self.client().publish(TopicArn=self.name, Subject=message.subject, Message=message.text)["MessageId"])
        except ClientError as err:
            code, meta = err.response["Error"]["Code"], err.response["ResponseMetadata"]
            fix = f"Check the topic, and that {PERMISSIONS['publish']} is granted on it."
            status, request_id = meta.get("HTTPStatusCode"), meta.get("RequestId")
            raise CloudError("publish", f"answered {status} {code}", fix, status=status, code=code, request_id=request_id) from None
        except BotoCoreError as err:
            what, fix = f"no answer came ({type(err).__name__})", "Check the AWS credentials and the network path to SNS."
            raise CloudError("publish", what, fix) from None

    def client(self) -> Any:
        """boto3's client for the topic's region."""
        import boto3
        from botocore.config import Config

        connect_s, read_s = timeouts.fit(self._deadline.remaining_s(), CONNECT_S, READ_S, ATTEMPTS)
        config = Config(connect_timeout=connect_s, read_timeout=read_s, retries={"total_max_attempts": ATTEMPTS})
        return boto3.client("sns", region_name=self.name.split(":")[3], config=config)
