"""The envelopes of both clouds: where each keeps its content, its id and its time. One function per kind of trigger."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from dcs_upkeep.domain.model import Trigger, TriggerKind
from dcs_upkeep.domain.timestamps import read_time
from dcs_upkeep.triggers.alarms import is_alarm, read_alarm, refuse_cloudwatch
from dcs_upkeep.triggers.delivery import Delivery, DeliveryItem
from dcs_upkeep.triggers.json_input import InvalidJsonError, parse_untrusted_json
from dcs_upkeep.triggers.payload import PayloadParser, word

Event = Mapping[str, Any]
MAX_RECORDS = 100
UNEXPANDED = "<aws.scheduler."


def timer(event: Event, reader: PayloadParser) -> Delivery:
    """FunctionGraph TIMER: `user_event` is the text that was typed in, JSON or the name of a plan."""
    trigger, problem = _trigger(TriggerKind.TIMER, f"{_word(event, 'trigger_name')}/", event.get("time"), "time", reader, timed=True)
    return _one(problem or reader.text(event.get("user_event"), "user_event", trigger), trigger)


def scheduler(event: Event, reader: PayloadParser) -> Delivery:
    """EventBridge Scheduler: whatever its `Input` says; ours holds the request and the scheduled time as its key."""
    trigger, problem = _trigger(TriggerKind.SCHEDULER, _word(event, "run_id"), event.get("time"), "time", reader)
    if problem is None and UNEXPANDED in json.dumps([event.get("run_id"), event.get("time")]):
        problem = reader.refuse(
            trigger, "run_id", "a placeholder of EventBridge Scheduler was not filled in", "Set the input as template.yml does."
        )
    extra = sorted(set(event) - {"request", "run_id", "time"})
    if problem is None and extra:
        problem = reader.refuse(trigger, extra[0][:60], "nothing else stands beside request, run_id and time", "Put it into request.")
    if problem is None and not _word(event, "run_id"):
        problem = reader.refuse(
            trigger, "run_id", "the run_id is missing", 'Write "<aws.scheduler.schedule-arn>/<aws.scheduler.scheduled-time>".'
        )
    return _one(problem or reader.value(event["request"], "request", trigger), trigger)


def smn(event: Event, reader: PayloadParser) -> Delivery:
    """SMN: one record or several, each its own; `message` is text."""

    def read(record: Any, path: str) -> DeliveryItem:
        body = record.get("smn") if isinstance(record, dict) else None
        if not isinstance(body, dict):
            return reader.refuse(_nameless(TriggerKind.SMN, reader), f"{path}.smn", "this is no SMN record")
        trigger, problem = _trigger(TriggerKind.SMN, _word(body, "message_id"), body.get("timestamp"), f"{path}.smn.timestamp", reader)
        if problem is not None:
            return problem
        if (kind := body.get("type")) not in (None, "notification", "Notification"):
            return reader.refuse(
                trigger,
                f"{path}.smn.type",
                f"an SMN {str(kind)[:40]!r} is no notification",
                "Nothing to do: SMN triggers confirm themselves.",
            )
        return _message(body.get("message"), f"{path}.smn.message", trigger, reader)

    return _each(TriggerKind.SMN, event["record"], "record", reader, read)


def sns(event: Event, reader: PayloadParser) -> Delivery:
    """Amazon SNS: each record its own; `Message` is text."""

    def read(record: Any, path: str) -> DeliveryItem:
        body = record.get("Sns") if isinstance(record, dict) else None
        if not isinstance(body, dict):
            return reader.refuse(_nameless(TriggerKind.SNS, reader), f"{path}.Sns", "this is no SNS record")
        return _sns_body(body, f"{path}.Sns", reader, None)

    return _each(TriggerKind.SNS, event["Records"], "Records", reader, read)


def sqs(event: Event, reader: PayloadParser) -> Delivery:
    """Amazon SQS: each message its own, with the SNS notification inside where there is one."""

    def read(record: Any, path: str) -> DeliveryItem:
        if not isinstance(record, dict) or not isinstance(record.get("messageId"), str):
            return reader.refuse(_nameless(TriggerKind.SQS, reader), f"{path}.messageId", "this is no SQS record", record="")
        name: str = record["messageId"]
        attributes = record.get("attributes")
        sent = attributes.get("SentTimestamp") if isinstance(attributes, dict) else None
        trigger, problem = _trigger(TriggerKind.SQS, name, sent, f"{path}.attributes.SentTimestamp", reader, record=name)
        if problem is not None:
            return problem
        body = record.get("body")
        inner = _as_object(body)
        if inner is not None and inner.get("Type") == "Notification" and "Message" in inner:
            return _sns_body(inner, f"{path}.body", reader, name)
        return reader.text(body, f"{path}.body", trigger, name)

    delivery = _each(TriggerKind.SQS, event["Records"], "Records", reader, read)
    return Delivery(delivery.kind, delivery.items, delivery.several, sqs=True)


def eventgrid(events: Any, reader: PayloadParser) -> Delivery:
    """Huawei EventGrid: CloudEvents, bare or wrapped in `{"events": [...]}`; the request is in `data`."""

    def read(event: Any, path: str) -> DeliveryItem:
        if not isinstance(event, dict) or "specversion" not in event:
            return reader.refuse(_nameless(TriggerKind.EVENTGRID, reader), path, "this is no CloudEvent")
        trigger, problem = _trigger(TriggerKind.EVENTGRID, _word(event, "id"), event.get("time"), f"{path}.time", reader)
        return problem or _any(event.get("data"), f"{path}.data", trigger, reader)

    return _each(TriggerKind.EVENTGRID, events, "events", reader, read)


def eventbridge(event: Event, reader: PayloadParser) -> Delivery:
    """An EventBridge rule: the request is in `detail`."""
    trigger, problem = _trigger(TriggerKind.EVENTBRIDGE, _word(event, "id"), event.get("time"), "time", reader)
    if problem is None and not event["detail"]:
        what = f"this {str(event.get('detail-type'))[:60]!r} of {str(event.get('source'))[:60]!r} carries nothing in its detail"
        fix = "Use EventBridge Scheduler with an input, or give the rule's target an input with the request."
        problem = reader.refuse(trigger, "detail", what, fix)
    return _one(problem or _any(event["detail"], "detail", trigger, reader), trigger)


def http(event: Event, reader: PayloadParser) -> Delivery:
    """APIG, API Gateway (both versions) and Lambda function URLs: the body, plain or base64."""
    context = event["requestContext"] if isinstance(event.get("requestContext"), dict) else {}
    trigger = Trigger(TriggerKind.HTTP, _word(context, "requestId") or reader.scope.request_id)
    body = event.get("body")
    item: DeliveryItem
    if not isinstance(body, str | dict) or body == "":
        item = reader.refuse(trigger, "body", "the request has no body")
    elif isinstance(body, dict):
        item = reader.value(body, "body", trigger)
    elif event.get("isBase64Encoded"):
        try:
            item = reader.text(base64.b64decode(body, validate=True), "body", trigger)
        except (binascii.Error, ValueError):
            item = reader.refuse(trigger, "body", "isBase64Encoded is set, and the body is no base64")
    else:
        item = reader.text(body, "body", trigger)
    return Delivery(TriggerKind.HTTP, (item,), http=True)


def kafka(event: Event, reader: PayloadParser) -> Delivery:
    """Kafka and DMS of FunctionGraph: messages by topic; a message has no id, so its digest is its key."""
    flat: list[tuple[str, Any, str]] = []
    records = event["records"]
    for number, record in enumerate(records):
        inner = record.get("messages") if isinstance(record, dict) else None
        topic = _word(record, "topic_id") if isinstance(record, dict) else ""
        messages = inner if isinstance(inner, list) else [None]
        flat += [(topic, message, f"records[{number}].messages[{place}]") for place, message in enumerate(messages)]

    def read(one: Any, _: str) -> DeliveryItem:
        topic, message, path = one
        text = message if isinstance(message, str) else json.dumps(message, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        key = f"{_word(event, 'instance_id')}/{topic}/{digest}"
        trigger, problem = _trigger(TriggerKind.KAFKA, key, event.get("event_time"), "event_time", reader)
        return problem or _any(message, path, trigger, reader)

    return _each(TriggerKind.KAFKA, flat, "records", reader, read)


def _sns_body(body: Event, path: str, reader: PayloadParser, record: str | None) -> DeliveryItem:
    trigger, problem = _trigger(
        TriggerKind.SNS, _word(body, "MessageId"), body.get("Timestamp"), f"{path}.Timestamp", reader, record=record
    )
    if problem is not None:
        return problem
    if (kind := body.get("Type")) not in (None, "Notification"):
        return reader.refuse(
            trigger, f"{path}.Type", f"an SNS {str(kind)[:40]!r} is no notification", "Confirm subscriptions by hand.", record
        )
    return _message(body.get("Message"), f"{path}.Message", trigger, reader, record)


def _message(text: Any, path: str, trigger: Trigger, reader: PayloadParser, record: str | None = None) -> DeliveryItem:
    """A topic's message: an alarm of either cloud, or what every other trigger may carry."""
    inner = _as_object(text)
    if inner is not None and is_alarm(inner):
        return read_alarm(inner, path, reader, record)
    if inner is not None and "AlarmName" in inner and "NewStateValue" in inner:
        return refuse_cloudwatch(inner, path, trigger, reader, record)
    return reader.text(text, path, trigger, record)


def _any(value: Any, path: str, trigger: Trigger, reader: PayloadParser) -> DeliveryItem:
    """Content that is an object in some deliveries and its text in others."""
    if isinstance(value, dict) and is_alarm(value):
        return read_alarm(value, path, reader, None)
    if isinstance(value, str):
        return _message(value, path, trigger, reader)
    return reader.value(value, path, trigger)


def _each(kind: TriggerKind, records: Any, path: str, reader: PayloadParser, read: Callable[[Any, str], DeliveryItem]) -> Delivery:
    """Each record for itself: one that is bad never stops the others."""
    if not isinstance(records, list) or not 1 <= len(records) <= MAX_RECORDS:
        count = len(records) if isinstance(records, list) else 0
        fix = f"Send 1 to {MAX_RECORDS}." if count else "Send what the trigger's page shows."
        return Delivery(kind, (reader.refuse(_nameless(kind, reader), path, f"there are {count or 'no'} records here", fix),))
    items = tuple(read(record, f"{path}[{number}]") for number, record in enumerate(records))
    return Delivery(kind, items, several=len(items) > 1)


def _trigger(
    kind: TriggerKind, key: str, time: object, path: str, reader: PayloadParser, *, timed: bool = False, record: str | None = None
) -> tuple[Trigger, DeliveryItem | None]:
    """The trigger, and the refusal where its time cannot be read or its key is missing. `timed`: the time is part of the key."""
    at: datetime | None = None
    fault = None
    try:
        at = read_time(time)
    except ValueError:
        fault = reader.refuse(
            Trigger(kind, key or reader.scope.request_id), path, f"{str(time)[:60]!r} is no time", "Write it as ISO 8601.", record
        )
    if timed:
        key = f"{key}{at.strftime('%Y-%m-%dT%H:%M:%SZ') if at else reader.scope.request_id}"
    return Trigger(kind, key or reader.scope.request_id, at), fault


def _nameless(kind: TriggerKind, reader: PayloadParser) -> Trigger:
    return Trigger(kind, reader.scope.request_id)


def _one(item: DeliveryItem, trigger: Trigger) -> Delivery:
    return Delivery(trigger.kind, (item,))


def _word(event: Event, key: str) -> str:
    return word(event.get(key))


def _as_object(text: Any) -> dict[str, Any] | None:
    """The JSON object in a text, or None: whoever reads it for good says what is wrong with it."""
    if not isinstance(text, str):
        return None
    try:
        value = parse_untrusted_json(text)
    except InvalidJsonError:
        return None
    return value if isinstance(value, dict) else None
