"""Who asked, as each trigger shows it. What a platform writes into its event is worth more than what a sender writes into a message:
the outer sender comes first, what stands in its message follows in parentheses. Pure; never raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dcs_upkeep.domain.model import Trigger, TriggerKind
from dcs_upkeep.domain.problems import list_some
from dcs_upkeep.triggers.delivery import DeliveryItem, StartRun
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
    "authorizer/jwt/claims/azp",
    "authorizer/jwt/claims/email",
    "authorizer/claims/sub",
    "authorizer/claims/client_id",
    "authorizer/claims/azp",
    "authorizer/claims/email",
    "authorizer/principalId",
    "authorizer/lambda/principalId",
    "authorizer/lambda/sub",
    "authentication/clientCert/subjectDN",
    "identity/clientCert/subjectDN",
)
# Who is let in although the authorizer names nobody.
_UNNAMED: Mapping[str, str] = {
    "authorizer/jwt/claims": "a token that names nobody",
    "authorizer/claims": "a token that names nobody",
    "authorizer/lambda": "a Lambda authorizer that names nobody",
}
_NOBODY = frozenset({"anonymous", "none", "null", "undefined", "unauthenticated", "*", "-"})


def http_principal(event: Event) -> str | None:
    """Whom an authorizer of AWS let in. Huawei Cloud's APIG shows nobody."""
    context = event.get("requestContext")
    if _is_guest(context):
        return None
    for path in _HTTP_PATHS:
        if (found := line(value_at(context, path))) and found.lower() not in _NOBODY:
            return found
    return next((name for path, name in _UNNAMED.items() if isinstance(value_at(context, path), dict) and value_at(context, path)), None)


def _is_guest(context: object) -> bool:
    """Whether Cognito lent its role for guests: it signs for whoever knows the identity pool."""
    kinds = value_at(context, "authorizer/iam/cognitoIdentity/amr")
    told = [value_at(context, "identity/cognitoAuthenticationType"), *(kinds if isinstance(kinds, list) else ())]
    return "unauthenticated" in told


def senders(kind: TriggerKind, event: Event, count: int) -> list[str | None]:
    """Who sent each of the records of an envelope."""
    name = {TriggerKind.SMN: "record", TriggerKind.SNS: "Records", TriggerKind.SQS: "Records", TriggerKind.EVENTGRID: "events"}.get(kind)
    held = event.get(name) if name else None
    records: list[object] = held if isinstance(held, list) and "specversion" not in event else [event]
    return [_sender(kind, record) for record in records] if len(records) == count else [None] * count


def _sender(kind: TriggerKind, record: object) -> str | None:
    match kind:
        case TriggerKind.HTTP if isinstance(record, dict):
            return http_principal(record)
        case TriggerKind.SMN:
            topic = line(value_at(record, "smn/topic_urn")) or line(value_at(record, "topic_urn"))
            subscription = line(value_at(record, "event_subscription_urn"))
            return _joined(topic, subscription and f"subscription {subscription}")
        case TriggerKind.SNS:
            return line(value_at(record, "Sns/TopicArn")) or line(value_at(record, "TopicArn"))
        case TriggerKind.SQS:
            return line(value_at(record, "attributes/SenderId"))
        case TriggerKind.EVENTGRID:
            return line(value_at(record, "source"))
        case TriggerKind.EVENTBRIDGE:
            account, rules = line(value_at(record, "account")), value_at(record, "resources")
            by = list_some(str(rule)[:MOST] for rule in rules[:2]) if isinstance(rules, list) else None
            return _joined(account and f"account {account}", by)
        case TriggerKind.SCHEDULER:
            key = value_at(record, "run_id")
            return line(key.rsplit("/", 1)[0]) if isinstance(key, str) and key.startswith("arn:") else None
    return None


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
