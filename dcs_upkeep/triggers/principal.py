"""Who asked, as each trigger shows it. What a platform writes into its event is worth more than what a sender writes into a message:
the outer sender comes first, what stands in its message follows in parentheses. Pure; never raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dcs_upkeep.domain.model import Trigger, TriggerKind
from dcs_upkeep.domain.problems import list_some
from dcs_upkeep.triggers.delivery import Delivery, DeliveryItem, StartRun
from dcs_upkeep.triggers.json_input import InvalidJsonError, parse_untrusted_json
from dcs_upkeep.triggers.shapes import value_at

Event = Mapping[str, Any]
MOST = 512  # characters; the longest name of a topic and of its subscription fit
# Where AWS shows whom an authorizer let in, the surest first. (`authorizer/claims`: REST APIs; `jwt` and `iam`: HTTP APIs, function URLs.)
_HTTP_PATHS = (
    "authorizer/iam/userArn",
    "authorizer/iam/userId",
    "authorizer/iam/callerId",
    "identity/userArn",
    "identity/caller",
    "authorizer/jwt/claims/sub",
    "authorizer/jwt/claims/client_id",
    "authorizer/claims/sub",
    "authorizer/claims/client_id",
    "authorizer/principalId",
    "authorizer/lambda/principalId",
    "authorizer/lambda/sub",
    "authentication/clientCert/subjectDN",
    "identity/clientCert/subjectDN",
)
A_LAMBDA_AUTHORIZER = "a Lambda authorizer that names nobody"


def http_principal(event: Event) -> str | None:
    """Whom an authorizer of AWS let in. Huawei Cloud's APIG shows nobody."""
    context = event.get("requestContext")
    for path in _HTTP_PATHS:
        if found := line(value_at(context, path)):
            return found
    by_lambda = value_at(context, "authorizer/lambda")
    return A_LAMBDA_AUTHORIZER if isinstance(by_lambda, dict) and by_lambda else None


def record_principal(kind: TriggerKind, record: object) -> str | None:
    """Who sent one record of a batch."""
    match kind:
        case TriggerKind.SMN:
            topic, subscription = line(value_at(record, "smn/topic_urn")), line(value_at(record, "event_subscription_urn"))
            return _joined(topic, subscription and f"subscription {subscription}")
        case TriggerKind.SNS:
            return line(value_at(record, "Sns/TopicArn"))
        case TriggerKind.SQS:
            return _joined(line(value_at(record, "attributes/SenderId")), _topic_of(value_at(record, "body")))
        case TriggerKind.EVENTGRID:
            return line(value_at(record, "source"))
    return None


def event_principal(kind: TriggerKind, event: Event) -> str | None:
    """Who sent an event that is one record."""
    match kind:
        case TriggerKind.HTTP:
            return http_principal(event)
        case TriggerKind.EVENTBRIDGE:
            rules = event.get("resources")
            by = list_some((str(rule) for rule in rules), most=2) if isinstance(rules, list) and rules else None
            return _joined(line(event.get("account")) and f"account {line(event.get('account'))}", by)
        case TriggerKind.SCHEDULER:
            key = event.get("run_id")
            return line(key.rsplit("/", 1)[0]) if isinstance(key, str) and key.startswith("arn:") else None
    return None


def signed(delivery: Delivery, event: Event) -> Delivery:
    """The delivery with who asked, where that stands in the event as a whole."""
    principal = event_principal(delivery.kind, event)
    return delivery if principal is None else replace(delivery, items=tuple(sign(item, principal) for item in delivery.items))


def sign(item: DeliveryItem, principal: str | None) -> DeliveryItem:
    """The item with who asked. What it shows already came from inside of what this principal sent."""
    if principal is None:
        return item
    if isinstance(item, StartRun):
        return replace(item, spec=replace(item.spec, trigger=_signed(item.spec.trigger, principal)))
    return replace(item, trigger=_signed(item.trigger, principal))


def line(value: object) -> str | None:
    """A stranger's name as one short line; None if it is no text."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = list_some((str(value)[: MOST + 1],)).strip() if isinstance(value, str) or value.bit_length() < 200 else ""
    return (text if len(text) <= MOST else f"{text[: MOST - 3]}...") or None


def _signed(trigger: Trigger, principal: str) -> Trigger:
    inner = trigger.principal
    whole = principal if inner is None or inner in principal else _joined(principal, inner)
    return replace(trigger, principal=line(whole))


def _joined(outer: str | None, inner: str | None) -> str | None:
    return line(f"{outer} ({inner})") if outer and inner else outer or inner


def _topic_of(body: object) -> str | None:
    """The SNS topic whose notification this message is."""
    if not isinstance(body, str) or "TopicArn" not in body:
        return None
    try:
        return line(value_at(parse_untrusted_json(body), "TopicArn"))
    except InvalidJsonError:
        return None
