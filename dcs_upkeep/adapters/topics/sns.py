"""A topic of Amazon SNS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dcs_upkeep.adapters.topics.smn import ATTEMPTS, _fit
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.ports import Message

# What the code asks of the cloud here, for the shipped policies.
PERMISSIONS = {"publish": "sns:Publish"}


class SnsTopic:
    """A topic of Amazon SNS, with the function's own role. Its region is that of its ARN."""

    def __init__(self, name: str, left: Callable[[], float]) -> None:
        self.name = name
        self._left = left

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
            raise CloudError(
                "publish", f"no answer came ({type(err).__name__})", "Check credentials and the network path to SNS."
            ) from None

    def client(self) -> Any:
        """boto3's client for the topic's region."""
        import boto3
        from botocore.config import Config

        connect_s, read_s = _fit(self._left())
        config = Config(connect_timeout=connect_s, read_timeout=read_s, retries={"total_max_attempts": ATTEMPTS})
        return boto3.client("sns", region_name=self.name.split(":")[3], config=config)
