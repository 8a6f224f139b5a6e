"""The envelopes of both clouds: how each is recognised, and where it keeps its content, its id and its time.

A new trigger: a function here, a row in `ENVELOPES`, and a `TriggerKind`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from dcs_upkeep.domain.model import Trigger, TriggerKind
from dcs_upkeep.domain.problems import join, shorten
from dcs_upkeep.triggers.alarms import is_alarm, read_alarm
from dcs_upkeep.triggers.delivery import Delivery, DeliveryItem
from dcs_upkeep.triggers.foreign import EVENTBRIDGE
from dcs_upkeep.triggers.http_access import turned_away
from dcs_upkeep.triggers.payload import PayloadParser
from dcs_upkeep.triggers.records import (
    Event,
    as_object,
    make_trigger,
    read_content,
    read_each,
    read_message,
    single,
    source_of,
    text_at,
    without_id,
)

UNEXPANDED = "<aws.scheduler."


@dataclass(frozen=True, slots=True)
class Envelope:
    """One kind of trigger: whether an event is of this kind, and what it carries if so."""

    kind: TriggerKind
    recognises: Callable[[Event], bool]
    read: Callable[[Event, PayloadParser], Delivery]


def timer(event: Event, parser: PayloadParser) -> Delivery:
    """FunctionGraph TIMER: `user_event` is the text that was typed in, JSON or the name of a plan."""
    trigger, problem = make_trigger(TriggerKind.TIMER, f"{text_at(event, 'trigger_name')}/", event.get("time"), "time", parser, timed=True)
    return single(problem or parser.text(event.get("user_event"), "user_event", trigger), trigger)


def scheduler(event: Event, parser: PayloadParser) -> Delivery:
    """EventBridge Scheduler: whatever its `Input` says; ours holds the request and the scheduled time as its key."""
    trigger, problem = make_trigger(TriggerKind.SCHEDULER, text_at(event, "run_id"), event.get("time"), "time", parser)
    if problem is None and UNEXPANDED in json.dumps([event.get("run_id"), event.get("time")]):
        problem = parser.refuse(
            trigger, "run_id", "EventBridge Scheduler has not replaced a placeholder", "Set the input as template.yml does."
        )
    extra = sorted(str(key) for key in event if key not in ("request", "run_id", "time"))
    if problem is None and extra:
        problem = parser.refuse(
            trigger, join("", extra[0]), "only request, run_id and time are allowed here", "Move it into request, or remove it."
        )
    if problem is None and not text_at(event, "run_id"):
        problem = parser.refuse(
            trigger, "run_id", "the run_id is missing", 'Write "<aws.scheduler.schedule-arn>/<aws.scheduler.scheduled-time>".'
        )
    return single(problem or parser.value(event["request"], "request", trigger), trigger)


def smn(event: Event, parser: PayloadParser) -> Delivery:
    """SMN: one record or several, each its own; `message` is text."""

    def read(record: Any, path: str) -> DeliveryItem:
        body = record.get("smn") if isinstance(record, dict) else None
        if not isinstance(body, dict):
            return parser.refuse(without_id(TriggerKind.SMN, parser), f"{path}.smn", "this is not an SMN record")
        trigger, problem = make_trigger(
            TriggerKind.SMN, text_at(body, "message_id"), body.get("timestamp"), f"{path}.smn.timestamp", parser
        )
        if problem is not None:
            return problem
        if (kind := body.get("type")) not in (None, "notification", "Notification"):
            what = f"an SMN message of type {shorten(kind)} is not a notification"
            return parser.refuse(trigger, f"{path}.smn.type", what, "No action is needed: SMN triggers confirm themselves.")
        return read_message(body.get("message"), f"{path}.smn.message", trigger, parser)

    return read_each(TriggerKind.SMN, event["record"], "record", parser, read)


def sns(event: Event, parser: PayloadParser) -> Delivery:
    """Amazon SNS: each record its own; `Message` is text."""

    def read(record: Any, path: str) -> DeliveryItem:
        body = record.get("Sns") if isinstance(record, dict) else None
        if not isinstance(body, dict):
            return parser.refuse(without_id(TriggerKind.SNS, parser), f"{path}.Sns", "this is not an SNS record")
        return _sns_body(body, f"{path}.Sns", parser, None)

    return read_each(TriggerKind.SNS, event["Records"], "Records", parser, read)


def sqs(event: Event, parser: PayloadParser) -> Delivery:
    """Amazon SQS: each message its own, or the SNS notification in it."""

    def read(record: Any, path: str) -> DeliveryItem:
        if not isinstance(record, dict) or not isinstance(record.get("messageId"), str):
            return parser.refuse(without_id(TriggerKind.SQS, parser), f"{path}.messageId", "this is not an SQS record", record="")
        message_id: str = record["messageId"]
        attributes = record.get("attributes")
        sent = attributes.get("SentTimestamp") if isinstance(attributes, dict) else None
        trigger, problem = make_trigger(TriggerKind.SQS, message_id, sent, f"{path}.attributes.SentTimestamp", parser, record=message_id)
        if problem is not None:
            return problem
        body = record.get("body")
        inner = as_object(body)
        if inner is not None and inner.get("Type") == "Notification" and "Message" in inner:
            return _sns_body(inner, f"{path}.body", parser, message_id)
        return parser.text(body, f"{path}.body", trigger, message_id)

    delivery = read_each(TriggerKind.SQS, event["Records"], "Records", parser, read)
    return Delivery(delivery.kind, delivery.items, delivery.several, sqs=True)


def eventgrid(event: Event, parser: PayloadParser) -> Delivery:
    """Huawei EventGrid: CloudEvents, bare or wrapped in `{"events": [...]}`; the request is in `data`."""

    def read(inner: Any, path: str) -> DeliveryItem:
        if not isinstance(inner, dict) or "specversion" not in inner:
            return parser.refuse(without_id(TriggerKind.EVENTGRID, parser), path, "this is not a CloudEvent")
        trigger, problem = make_trigger(TriggerKind.EVENTGRID, text_at(inner, "id"), inner.get("time"), f"{path}.time", parser)
        data = inner.get("data")
        return parser.named(problem or read_content(data, f"{path}.data", trigger, parser), inner, data)

    events = [event] if "specversion" in event else event["events"]
    return read_each(TriggerKind.EVENTGRID, events, "events", parser, read)


def eventbridge(event: Event, parser: PayloadParser) -> Delivery:
    """An EventBridge rule: the request is in `detail`."""
    trigger, problem = make_trigger(TriggerKind.EVENTBRIDGE, text_at(event, "id"), event.get("time"), "time", parser)
    if problem is None and not event["detail"]:
        what = f"the detail of this {shorten(event.get('detail-type'))} event from {shorten(event.get('source'))} is empty"
        fix = "Use EventBridge Scheduler with an input, or give the rule's target an input with the request."
        problem = replace(parser.refuse(trigger, "detail", what, fix), kind=EVENTBRIDGE)
    item = problem or read_content(event["detail"], "detail", trigger, parser)
    return single(parser.named(item, event, event["detail"]), trigger)


def http(event: Event, parser: PayloadParser) -> Delivery:
    """APIG, API Gateway (both versions) and Lambda function URLs: the body, plain or base64."""
    context = event["requestContext"] if isinstance(event.get("requestContext"), dict) else {}
    trigger = Trigger(TriggerKind.HTTP, text_at(context, "requestId") or parser.scope.request_id)
    body = event.get("body")
    item: DeliveryItem
    if (refused := turned_away(event, trigger, parser)) is not None:
        return Delivery(TriggerKind.HTTP, (refused,), http=True)
    if not isinstance(body, str | dict) or body == "":
        item = parser.refuse(trigger, "body", "the request has no body")
    elif isinstance(body, dict):
        item = parser.value(body, "body", trigger)
    elif event.get("isBase64Encoded"):
        try:
            item = parser.text(base64.b64decode(body, validate=True), "body", trigger)
        except (binascii.Error, ValueError):
            item = parser.refuse(trigger, "body", "isBase64Encoded is true, but the body is not valid base64")
    else:
        item = parser.text(body, "body", trigger)
    return Delivery(TriggerKind.HTTP, (item,), http=True)


def kafka(event: Event, parser: PayloadParser) -> Delivery:
    """Kafka and DMS of FunctionGraph: messages by topic; a message has no id, so its digest is its key."""
    flat: list[tuple[str, Any, str]] = []
    records = event["records"]
    for number, record in enumerate(records):
        inner = record.get("messages") if isinstance(record, dict) else None
        topic = text_at(record, "topic_id") if isinstance(record, dict) else ""
        messages = inner if isinstance(inner, list) else [None]
        flat += [(topic, message, f"records[{number}].messages[{place}]") for place, message in enumerate(messages)]

    def read(row: Any, _: str) -> DeliveryItem:
        topic, message, path = row
        text = message if isinstance(message, str) else json.dumps(message, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        key = f"{text_at(event, 'instance_id')}/{topic}/{digest}"
        trigger, problem = make_trigger(TriggerKind.KAFKA, key, event.get("event_time"), "event_time", parser)
        return problem or read_content(message, path, trigger, parser)

    return read_each(TriggerKind.KAFKA, flat, "records", parser, read)


def _sns_body(body: Event, path: str, parser: PayloadParser, record: str | None) -> DeliveryItem:
    trigger, problem = make_trigger(
        TriggerKind.SNS, text_at(body, "MessageId"), body.get("Timestamp"), f"{path}.Timestamp", parser, record=record
    )
    if problem is not None:
        return problem
    if (kind := body.get("Type")) not in (None, "Notification"):
        what = f"an SNS message of type {shorten(kind)} is not a notification"
        return parser.refuse(trigger, f"{path}.Type", what, "Confirm subscriptions by hand.", record)
    return read_message(body.get("Message"), f"{path}.Message", trigger, parser, record)


def alarm(event: Event, parser: PayloadParser) -> Delivery:
    """A Cloud Eye alarm on its own. (Most come as the message of an SMN topic.)"""
    return Delivery(TriggerKind.ALARM, (read_alarm(event, "", parser, None),))


# The first that recognises an event reads it, so what is more particular comes first.
ENVELOPES: tuple[Envelope, ...] = (
    Envelope(TriggerKind.TIMER, lambda event: event.get("trigger_type") == "TIMER", timer),
    Envelope(
        TriggerKind.KAFKA,
        lambda event: event.get("trigger_type") in ("KAFKA", "DMS4KAFKA", "DMS") and isinstance(event.get("records"), list),
        kafka,
    ),
    Envelope(TriggerKind.SMN, lambda event: isinstance(event.get("record"), list), smn),
    Envelope(TriggerKind.SNS, lambda event: source_of(event) == "aws:sns", sns),
    Envelope(TriggerKind.SQS, lambda event: source_of(event) == "aws:sqs", sqs),
    Envelope(TriggerKind.EVENTGRID, lambda event: "specversion" in event or isinstance(event.get("events"), list), eventgrid),
    Envelope(TriggerKind.HTTP, lambda event: isinstance(event.get("requestContext"), dict), http),
    Envelope(TriggerKind.EVENTBRIDGE, lambda event: "detail-type" in event and "detail" in event, eventbridge),
    Envelope(TriggerKind.SCHEDULER, lambda event: "request" in event, scheduler),
    Envelope(TriggerKind.ALARM, is_alarm, alarm),
)
