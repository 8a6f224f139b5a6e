"""A topic looked at without publishing to it: whether it exists, and whether somebody is subscribed. A run never asks for either."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dcs_upkeep.adapters import huawei_sdk
from dcs_upkeep.adapters.topics.smn import SmnTopic
from dcs_upkeep.adapters.topics.sns import SnsTopic
from dcs_upkeep.doctor.finding import Finding
from dcs_upkeep.domain.errors import CloudError, ThrottledError, UnauthorizedError
from dcs_upkeep.domain.ports import Topic

# What `doctor` alone asks, so that a run needs none of it. (SMN: policies know one right for both, identity policies two.)
PERMISSIONS = {
    "list_topic_attributes": "smn:topic:list",
    "list_subscriptions_by_topic": "smn:topic:list",
    "get_topic_attributes": "sns:GetTopicAttributes",
}
IN_IDENTITY_POLICIES = {
    "list_topic_attributes": "smn:topic:listAttributes",
    "list_subscriptions_by_topic": "smn:topic:listSubscriptionsByTopic",
}
PENDING, CONFIRMED = 0, 1  # a subscription's status at SMN; 3 is one that was given up
PAGE, MOST_PAGES = 100, 5
CONFIRM = "Open the link in the mail that the cloud sent, which is good for 48 hours; after that subscribe again."


def look_at(topic: Topic) -> Finding:
    """Whether it exists, and whether somebody is subscribed who has confirmed it."""
    match topic:
        case SmnTopic():
            return _smn(topic)
        case SnsTopic():
            return _sns(topic)
    raise TypeError(f"{topic.name} is no topic of a cloud")


def _smn(topic: SmnTopic) -> Finding:
    """Source: ListTopicAttributes, GET /v2/{project_id}/notifications/topics/{topic_urn}/attributes."""
    from huaweicloudsdksmn.v2 import ListTopicAttributesRequest

    request = ListTopicAttributesRequest(topic_urn=topic.name, name="access_policy")
    try:
        _ask(topic, "list_topic_attributes", lambda client: client.list_topic_attributes(request))
    except (ThrottledError, UnauthorizedError):
        raise
    except CloudError as err:
        if err.status is None:
            return Finding("fail", topic.name, str(err))
        return _refused(topic, err.status, err.code or "", _right("list_topic_attributes"))
    try:
        return _subscribed(topic, *_counted(_statuses(topic)))
    except CloudError as err:
        said = str(err) if err.status is None else f"answered {err.status} {err.code}"
        grant = f"Grant {_right('list_subscriptions_by_topic')} to whoever runs this, or look" if err.status == 403 else "Look"
        return Finding("look", topic.name, f"exists; who is subscribed is not known: {said}", f"{grant} at them in the console.")


def _right(operation: str) -> str:
    return f"{PERMISSIONS[operation]} (in identity policies {IN_IDENTITY_POLICIES[operation]})"


def _statuses(topic: SmnTopic) -> Iterable[object]:
    """Of its first 500 subscriptions. Source: ListSubscriptionsByTopic, GET .../topics/{topic_urn}/subscriptions, at most 100 a page."""
    from huaweicloudsdksmn.v2 import ListSubscriptionsByTopicRequest

    for page in range(MOST_PAGES):
        rows = _page(topic, ListSubscriptionsByTopicRequest(topic_urn=topic.name, offset=page * PAGE, limit=PAGE))
        if not isinstance(rows, list):
            raise CloudError("list_subscriptions_by_topic", "the answer holds no list", "Check UPKEEP_SMN_ENDPOINT.")
        yield from (getattr(row, "status", None) for row in rows)
        if len(rows) < PAGE:
            return


def _page(topic: SmnTopic, request: Any) -> Any:
    return _ask(topic, "list_subscriptions_by_topic", lambda client: client.list_subscriptions_by_topic(request)).subscriptions


def _counted(statuses: Iterable[object]) -> tuple[int, int]:
    """How many are confirmed, and how many are not yet."""
    found = list(statuses)
    return found.count(CONFIRMED), found.count(PENDING)


def _ask(topic: SmnTopic, operation: str, call: Callable[[Any], Any]) -> Any:
    """Raises: CloudError."""
    with huawei_sdk.translated(operation, refused=f"Grant {_right(operation)}.", unreachable="UPKEEP_SMN_ENDPOINT"):
        return topic.call(operation, call)


def _sns(topic: SnsTopic) -> Finding:
    """Source: Amazon SNS API, GetTopicAttributes."""
    from dcs_upkeep.adapters import aws_sdk

    try:
        attributes = topic.client().get_topic_attributes(TopicArn=topic.name)["Attributes"]
    except aws_sdk.FAULTS as err:
        code, (status, _) = aws_sdk.code_of(err), aws_sdk.answer_of(err)
        if status is None:
            return Finding("fail", topic.name, f"no answer came ({code})", "Check the AWS credentials and the network path to SNS.")
        return _refused(topic, status, code, PERMISSIONS["get_topic_attributes"])
    return _subscribed(topic, *(int(attributes.get(name, "0")) for name in ("SubscriptionsConfirmed", "SubscriptionsPending")))


def _subscribed(topic: Topic, confirmed: int, pending: int) -> Finding:
    """A cloud delivers nothing to whoever has not confirmed, and tells the publisher nothing of it."""
    if not confirmed and not pending:
        return Finding("look", topic.name, "nobody is subscribed", "Subscribe and confirm it, or reports reach no one.")
    if not confirmed:
        return Finding("fail", topic.name, f"reports reach no one: {pending} subscriptions are not confirmed yet", CONFIRM)
    if pending:
        said = f"exists, {confirmed} subscribed, and {pending} not confirmed yet, which get nothing until they are"
        return Finding("look", topic.name, said, CONFIRM)
    return Finding("ok", topic.name, f"exists, {confirmed} subscribed")


def _refused(topic: Topic, status: int | None, code: str, right: str) -> Finding:
    """Not allowed to look says nothing about publishing; what does not exist cannot be published to."""
    said = f"answered {status} {code}"
    if status == 403:
        return Finding("look", topic.name, said, f"Grant {right} to whoever runs this, to have it checked. Publishing needs another right.")
    if status is None or status >= 500:
        return Finding("look", topic.name, said, "Its service has a fault; look again later.")
    return Finding("fail", topic.name, said, "Correct UPKEEP_TOPICS, or make the topic.")
