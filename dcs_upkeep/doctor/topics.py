"""A topic looked at without publishing to it: by its attributes. For `doctor`; the function itself never asks for them."""

from __future__ import annotations

from dcs_upkeep.adapters.topics.smn import SmnTopic
from dcs_upkeep.adapters.topics.sns import SnsTopic
from dcs_upkeep.doctor.finding import Finding
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.ports import Topic

# What `doctor` asks of each cloud here. (SMN: `smn:topic:listAttributes` is the newer name of the same right.)
PERMISSIONS = {"list_topic_attributes": "smn:topic:list", "get_topic_attributes": "sns:GetTopicAttributes"}


def look_at(topic: Topic) -> Finding:
    """Whether it exists, and for SNS whether somebody is subscribed."""
    match topic:
        case SmnTopic():
            return _smn(topic)
        case SnsTopic():
            return _sns(topic)
    raise TypeError(f"{topic.name} is no topic of a cloud")


def _smn(topic: SmnTopic) -> Finding:
    """Source: ListTopicAttributes, GET /v2/{project_id}/notifications/topics/{topic_urn}/attributes."""
    from huaweicloudsdksmn.v2 import ListTopicAttributesRequest

    from dcs_upkeep.adapters import huawei_sdk

    right = PERMISSIONS["list_topic_attributes"]
    request = ListTopicAttributesRequest(topic_urn=topic.name, name="access_policy")
    try:
        with huawei_sdk.translated("list_topic_attributes", refused=f"Grant {right}.", unreachable="UPKEEP_SMN_ENDPOINT"):
            topic.call("list_topic_attributes", lambda client: client.list_topic_attributes(request))
    except CloudError as err:
        return Finding("fail", topic.name, str(err)) if err.status is None else _refused(topic, err.status, err.code or "", right)
    return Finding("ok", topic.name, "exists")


def _sns(topic: SnsTopic) -> Finding:
    """Source: Amazon SNS API, GetTopicAttributes."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        attributes = topic.client().get_topic_attributes(TopicArn=topic.name)["Attributes"]
    except ClientError as err:
        status = err.response["ResponseMetadata"].get("HTTPStatusCode")
        return _refused(topic, status, err.response["Error"]["Code"], PERMISSIONS["get_topic_attributes"])
    except BotoCoreError as err:
        said = f"no answer came ({type(err).__name__})"
        return Finding("fail", topic.name, said, "Check the AWS credentials and the network path to SNS.")
    confirmed, pending = (int(attributes.get(name, "0")) for name in ("SubscriptionsConfirmed", "SubscriptionsPending"))
    if not confirmed:
        said = "nobody is subscribed" + (f", {pending} subscriptions are not confirmed yet" if pending else "")
        return Finding("look", topic.name, said, "Subscribe and confirm it, or reports reach no one.")
    return Finding("ok", topic.name, f"exists, {confirmed} subscribed")


def _refused(topic: Topic, status: int | None, code: str, right: str) -> Finding:
    """Not allowed to look says nothing about publishing; what does not exist cannot be published to."""
    said = f"answered {status} {code}"
    if status == 403:
        return Finding("look", topic.name, said, f"Grant {right} to whoever runs this, to have it checked. Publishing needs another right.")
    return Finding("fail", topic.name, said, "Correct UPKEEP_TOPICS, or make the topic.")
