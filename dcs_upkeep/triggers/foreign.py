"""Events of other services, named as what they are: by source and type, first by the particular, then by the general.

A new service: a row in `foreign_aws.py` or `foreign_huawei.py`. Each row is strict enough that no event of ours fits it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import REPORT_MARK
from dcs_upkeep.domain.problems import list_some
from dcs_upkeep.domain.request import Request
from dcs_upkeep.triggers import foreign_aws, foreign_huawei
from dcs_upkeep.triggers.shapes import Shape, shape, show

UNKNOWN: Final = "unknown event"
MOST_OF_A_NAME: Final = 60  # characters of a field's name
EVENTBRIDGE: Final = "EventBridge event"
# A value with none of these asks for nothing that this function does.
SHAPES: tuple[Shape, ...] = (*foreign_huawei.SHAPES, *foreign_aws.SHAPES)
OURS = frozenset({"command", "resume", "report_version", *Request.model_fields})
_KNOWN_BY = frozenset({"command", "resume", "plan", "action", "instances", "select"})
_ACTIONS = (*Action, "reboot", "clear")
_COMMON = frozenset({"name"})  # a word of all services
# Nearly `instances`, and yet in half of what services say of themselves.
_NO_TYPOS = frozenset({"instance_id", "instance-id", "instanceid"})

# What an event looks like that fits no row, and asks for nothing.
GENERAL = (
    shape("an event of an unsupported FunctionGraph trigger", "trigger_type", details="trigger_type"),
    shape("an event of S3, OBS or another service that sends Records", "Records"),
    shape("a CloudWatch alarm", "AlarmName", details="AlarmName"),
    shape("an HTTP request without its context", "rawPath", details="rawPath"),
    shape("an HTTP request without its context", "httpMethod", details="httpMethod path"),
    shape("an HTTP response", "statusCode", "body", details="statusCode"),
    shape("an HTTP response", "statusCode", "headers", details="statusCode"),
    shape("a response to another service", "messageVersion", "response"),
    shape("a Lex response", "sessionState", "messages"),
    shape("a Lex response", "dialogAction", details="dialogAction/type"),
    shape("an authorizer's response", "policyDocument", details="principalId"),
    shape("an authorizer's response", "policyDocuments", details="principalId"),
    shape("an authorizer's response", "isAuthorized"),
    shape("an IoT provisioning response", "allowProvisioning"),
    shape("an S3 batch operations response", "invocationSchemaVersion", "results"),
    shape("a response to Firehose or Kinesis Analytics", "records/0/recordId", "records/0/result", details="records/0/result"),
    shape("a Batch job", "jobId", details="jobName jobId"),
    shape("a batch of records that is not from Kafka on FunctionGraph", "records"),
    shape("an EventBridge event without a detail", "detail-type", details="source detail-type"),
    shape("an SNS notification outside its envelope", "Type=Notification"),
    shape("an SNS record outside its envelope", "Sns"),
    shape("an SMN record outside its envelope", "smn"),
    shape("a destination's record of an earlier invocation", "requestPayload"),
    shape("a destination's record of an earlier invocation", "request_payload"),
    shape("a destination's record of an earlier invocation", "responsePayload"),
    shape("a destination's record of an earlier invocation", "response_payload"),
    shape("an event of another service", "eventSource", details="eventSource"),
    shape("an event of another service", "event_source", details="event_source"),
)
FIXES: Mapping[str, str] = {
    "CloudWatch alarm": "It is about no DCS instance: use Cloud Eye alarms, and add a rule under alarms in plans.json.",
}
FIX = 'Point it at the function that it is meant for. To ask this one: {"action": "restart", "instances": ["<id>"]}.'
_CARRIERS = frozenset({"aws:sns", "aws:sqs"})  # what is in them is looked at record by record


@dataclass(frozen=True, slots=True)
class Foreign:
    """What has arrived in place of a request. `kind`: the same for all events of one sort, so that they can be counted.

    `http`: its sender waits for an HTTP response.
    """

    kind: str
    what: str
    fix: str = FIX
    http: bool = False


def recognise(event: Mapping[str, Any]) -> Foreign | None:
    """The service's event that this surely is."""
    if is_carrier(event):
        return None
    for row in SHAPES:
        if row.fits(event):
            return _found(row, event)
    return None


def is_own_notice(value: Mapping[str, object]) -> bool:
    """Whether this is what this tool tells machines beside its reports, such as that the circuit breaker has tripped."""
    return isinstance(notice := value.get("notice"), str) and notice.startswith(REPORT_MARK)


def look_closer(value: Mapping[str, Any]) -> Foreign | None:
    """What an object looks like that is no service's event for sure; None if it may be meant for us, and is only wrong."""
    if "report_version" in value or is_own_notice(value) or _is_addressed(value):
        return None
    for row in GENERAL:
        if row.fits(value):
            return Foreign(_kind(row), f"this looks like {row.describe(value)}, which this function does not handle")
    if not value:
        return Foreign(UNKNOWN, "this looks like an empty object, which this function does not handle")
    fields = list_some(str(key)[:MOST_OF_A_NAME] for key in value)
    return Foreign(UNKNOWN, f"this looks like an unknown event (its fields: {fields}), which this function does not handle")


def by_source(envelope: Mapping[str, Any], content: object, *, is_named: bool, is_opened: bool) -> Foreign | None:
    """What a refused event of EventBridge or EventGrid is, by its source and type; None if its content may be meant for us.

    `is_named`: what it carries was found foreign by itself; `is_opened`: it was an envelope again. Nobody but the clouds may send as
    `aws.*` and `HC.*`, and what they send has fields that ours has too: the event of a pipeline has an `action`.
    """
    is_cloud_event = "specversion" in envelope
    source, name = envelope.get("source"), envelope.get("type" if is_cloud_event else "detail-type")
    is_official = isinstance(source, str) and source.startswith(("aws.", "HC.", "hc."))
    if not isinstance(content, dict) or not content:
        return None
    if not is_named and (is_opened or _is_meant(content, is_official=is_official)):
        return None
    told = " from ".join(shown for value in (name, source) if (shown := show(value)))
    kind = "EventGrid event" if is_cloud_event else EVENTBRIDGE
    return Foreign(kind, _says(f"an {kind}{f' ({told})' if told else ''}"))


def is_carrier(event: Mapping[str, Any]) -> bool:
    """Whether this is an event of SNS, SQS or SMN, whatever its messages hold."""
    records = event.get("Records")
    first = records[0] if isinstance(records, list) and records else None
    source = (first.get("EventSource") or first.get("eventSource")) if isinstance(first, dict) else None
    return isinstance(event.get("record"), list) or (isinstance(source, str) and source in _CARRIERS)


def _is_meant(content: Mapping[str, Any], *, is_official: bool) -> bool:
    """Whether this was written for us, well or not."""
    if not {"command", "resume", "plan", "alarm_status"}.isdisjoint(content):
        return True
    if is_official:
        return "action" in content and not {"instances", "select"}.isdisjoint(content)
    return _is_addressed(content)


def _found(row: Shape, event: Mapping[str, Any]) -> Foreign:
    kind = _kind(row)
    return Foreign(kind, _says(row.describe(event)), FIXES.get(kind, FIX), row.http)


def _kind(row: Shape) -> str:
    """The row's name without its article."""
    return row.name.split(" ", 1)[1]


def _says(what: str) -> str:
    return f"this is {what}, and asks for nothing that this function does"


def _is_addressed(value: Mapping[str, Any]) -> bool:
    """Whether this may be a request, however badly written. An `action` alone is none: webhooks and chats of all kinds have one."""
    telling = value.keys() - _COMMON
    if len(OURS & telling) * 2 > len(telling):
        return True
    known = _KNOWN_BY & value.keys()
    if known - {"action"} or ("action" in known and _is_action(value["action"])):
        return True
    return _is_misspelt({key: None for key in value if key != "action"})


def _is_action(value: object) -> bool:
    """Whether this is an action, or nearly."""
    return isinstance(value, str) and bool(difflib.get_close_matches(value[:20].lower(), _ACTIONS, 1, 0.7))


def _is_misspelt(value: Mapping[str, Any]) -> bool:
    """Whether a field is nearly one of those by which a request is known."""
    names = (str(key)[:20].lower() for key in list(value)[:20])
    return any(difflib.get_close_matches(name, _KNOWN_BY, 1, 0.8) for name in names if name not in _NO_TYPOS)
