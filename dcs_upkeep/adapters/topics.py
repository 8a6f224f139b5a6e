"""Topics: SMN on huaweicloudsdksmn, SNS on boto3. Each SDK is imported when the first message to its kind of topic goes out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from dcs_upkeep.errors import CloudError
from dcs_upkeep.model import Credentials
from dcs_upkeep.ports import Message, Topic

# What the code asks of each cloud here, for the shipped policies.
PERMISSIONS = {"publish_message": "smn:topic:publish", "publish": "sns:Publish"}

CONNECT_S, READ_S = 2.0, 3.0
ATTEMPTS = 2
BETWEEN_S = 0.2


def build_topics(
    names: Sequence[str],
    *,
    credentials: Callable[[], Credentials],
    smn_endpoint: str = "",
    left: Callable[[], float],
) -> tuple[Topic, ...]:
    """The topics of these URNs and ARNs. `credentials` is asked when something goes to SMN; `left`: seconds left for calls."""
    return tuple(SnsTopic(name, left) if name.startswith("arn:") else SmnTopic(name, credentials, smn_endpoint, left) for name in names)


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


def _fit(left_s: float) -> tuple[float, float]:
    """(connect, read) in seconds: the usual ones, or what is left shared between two attempts."""
    share = max(0.5, min(left_s, CONNECT_S + READ_S) / (CONNECT_S + READ_S))
    return CONNECT_S * share, READ_S * share
