"""The envelopes of both clouds: how each is recognised, and where it keeps its content, its id and its time.

A new trigger: a function here, a row in `ENVELOPES`, and a `TriggerKind`. What an envelope carries may be an envelope again: `parser` opens
each by its own row.
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
from dcs_upkeep.domain.timestamps import iso
from dcs_upkeep.triggers.alarms import is_alarm, read_alarm
from dcs_upkeep.triggers.delivery import DeliveryItem, StartRun
from dcs_upkeep.triggers.foreign import EVENTBRIDGE, OURS, recognise
from dcs_upkeep.triggers.http_requests import http
from dcs_upkeep.triggers.json_input import InvalidJsonError, parse_twice_encoded
from dcs_upkeep.triggers.payload import PayloadParser, id_text
from dcs_upkeep.triggers.records import (
    Event,
    Part,
    make_trigger,
    moment,
    read_each,
    refused_part,
    source_of,
    text_at,
    two_part_key,
)

UNEXPANDED = "<aws.scheduler."
NOTICES = ("notification", "subscriptionconfirmation", "unsubscribeconfirmation")  # in any letter case
MOST_WRAPPERS = 3  # one inside the other
# Where a message of a queue keeps its content if its sender wraps it once more.
WRAPPERS = ("message", "value", "payload", "body", "data", "content")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One kind of trigger: whether an event is of this kind, and its records if so. `read` gets the event's own path."""

    kind: TriggerKind
    recognises: Callable[[Event], bool]
    read: Callable[[Event, str, PayloadParser], tuple[Part, ...]]


def timer(event: Event, path: str, parser: PayloadParser) -> tuple[Part, ...]:
    """FunctionGraph TIMER: `user_event` is the text that was typed in, JSON or the name of a plan."""
    at = moment(event.get("time"))
    key = f"{text_at(event, 'trigger_name')}/{at.strftime('%Y-%m-%dT%H:%M:%SZ') if at else parser.scope.request_id}"
    trigger, fault = make_trigger(TriggerKind.TIMER, key, event.get("time"), join(path, "time"), parser)
    return (Part(trigger, event.get("user_event"), join(path, "user_event"), fault),)


def scheduler(event: Event, path: str, parser: PayloadParser) -> tuple[Part, ...]:
    """EventBridge Scheduler: whatever its `Input` says; ours holds the request and the scheduled time as its key."""
    trigger, fault = make_trigger(TriggerKind.SCHEDULER, text_at(event, "run_id"), event.get("time"), join(path, "time"), parser)
    where = join(path, "run_id")
    if fault is None and UNEXPANDED in json.dumps([event.get("run_id"), event.get("time")]):
        fault = parser.refuse(trigger, where, "EventBridge Scheduler has not replaced a placeholder", "Set the input as template.yml does.")
    extra = sorted(str(key) for key in event if key not in ("request", "run_id", "time"))
    if fault is None and extra:
        fix = "Move it into request, or remove it."
        fault = parser.refuse(trigger, join(path, extra[0]), "only request, run_id and time are allowed here", fix)
    if fault is None and not text_at(event, "run_id"):
        fix = 'Write "<aws.scheduler.schedule-arn>/<aws.scheduler.scheduled-time>".'
        fault = parser.refuse(trigger, where, "the run_id is missing", fix)
    return (Part(trigger, event["request"], join(path, "request"), fault),)


@dataclass(frozen=True, slots=True)
class TopicForm:
    """How one cloud's topics write a message. `held`: where its trigger keeps the records, and in each record the message."""

    kind: TriggerKind
    service: str
    held: tuple[str, str]
    message_id: str
    time: str
    type: str
    content: str


def topic_messages(form: TopicForm) -> Callable[[Event, str, PayloadParser], tuple[Part, ...]]:
    """The records of a topic's trigger, or the one message that the topic puts into a queue or posts to an HTTPS address."""
    records, held = form.held

    def read(event: Event, path: str, parser: PayloadParser) -> tuple[Part, ...]:
        def read_record(record: Any, where: str) -> Part:
            body = record.get(held) if isinstance(record, dict) else None
            where = f"{where}.{held}"
            if not isinstance(body, dict):
                return refused_part(form.kind, where, f"this is not an {form.service} record", parser)
            return read_message(body, where)

        def read_message(body: Event, where: str) -> Part:
            trigger, fault = make_trigger(form.kind, text_at(body, form.message_id), body.get(form.time), join(where, form.time), parser)
            fault = fault or _not_a_notification(body.get(form.type), form.service, join(where, form.type), trigger, parser)
            return Part(trigger, body.get(form.content), join(where, form.content), fault)

        if isinstance(event.get(records), list):
            return read_each(form.kind, event[records], join(path, records), parser, read_record)
        return (read_message(event, path),)

    return read


SMN = TopicForm(TriggerKind.SMN, "SMN", ("record", "smn"), "message_id", "timestamp", "type", "message")
SNS = TopicForm(TriggerKind.SNS, "SNS", ("Records", "Sns"), "MessageId", "Timestamp", "Type", "Message")


def sqs(event: Event, path: str, parser: PayloadParser) -> tuple[Part, ...]:
    """Amazon SQS: each message its own."""

    def read(record: Any, where: str) -> Part:
        if not isinstance(record, dict) or not isinstance(record.get("messageId"), str):
            return refused_part(TriggerKind.SQS, f"{where}.messageId", "this is not an SQS record", parser, record="")
        message_id: str = record["messageId"]
        attributes = record["attributes"] if isinstance(record.get("attributes"), dict) else {}
        time_path = f"{where}.attributes.SentTimestamp"
        trigger, fault = make_trigger(TriggerKind.SQS, id_text(message_id), attributes.get("SentTimestamp"), time_path, parser)
        group = _message_group(record.get("eventSourceARN"), attributes.get("MessageGroupId"))
        return Part(trigger, record.get("body"), f"{where}.body", fault, message_id, group)

    return read_each(TriggerKind.SQS, event["Records"], join(path, "Records"), parser, read)


def eventgrid(event: Event, path: str, parser: PayloadParser) -> tuple[Part, ...]:
    """Huawei EventGrid: CloudEvents, bare or wrapped in `{"events": [...]}`; the request is in `data`."""

    def read(inner: Any, where: str) -> Part:
        if not isinstance(inner, dict) or "specversion" not in inner:
            return refused_part(TriggerKind.EVENTGRID, where, "this is not a CloudEvent", parser)
        # Who emits CloudEvents chooses their ids: only source and id together tell two of them apart.
        key = two_part_key(text_at(inner, "source"), text_at(inner, "id"))
        trigger, fault = make_trigger(TriggerKind.EVENTGRID, key, inner.get("time"), join(where, "time"), parser)
        if fault is None and "data" not in inner and isinstance(inner.get("data_base64"), str):
            return _in_base64(inner["data_base64"], join(where, "data_base64"), trigger, parser)
        return Part(trigger, inner.get("data"), join(where, "data"), fault, within=inner)

    if "specversion" in event:
        return (read(event, path),)
    return read_each(TriggerKind.EVENTGRID, event["events"], join(path, "events"), parser, read)


def eventbridge(event: Event, path: str, parser: PayloadParser) -> tuple[Part, ...]:
    """An EventBridge rule: the request is in `detail`."""
    key = two_part_key(text_at(event, "source"), text_at(event, "id"))
    trigger, fault = make_trigger(TriggerKind.EVENTBRIDGE, key, event.get("time"), join(path, "time"), parser)
    where = join(path, "detail")
    if fault is None and not event["detail"]:
        what = f"the detail of this {shorten(event.get('detail-type'))} event from {shorten(event.get('source'))} is empty"
        fix = "Use EventBridge Scheduler with an input, or give the rule's target an input with the request."
        fault = replace(parser.refuse(trigger, where, what, fix), kind=EVENTBRIDGE)
    return (Part(trigger, event["detail"], where, fault, within=event),)


def queue_messages(kind: TriggerKind) -> Callable[[Event, str, PayloadParser], tuple[Part, ...]]:
    """Kafka, RocketMQ and RabbitMQ of FunctionGraph: messages by topic. A message has no id, so its place and its digest are its key.

    RabbitMQ has an exchange in place of the topic, and the instance in each record.
    """

    def read_all(event: Event, path: str, parser: PayloadParser) -> tuple[Part, ...]:
        sent_at = moment(event.get("event_time"))
        sent = iso(sent_at) if sent_at else "-"
        flat: list[tuple[str, str, Any, str]] = []
        for number, record in enumerate(event["records"]):
            inner = record.get("messages") if isinstance(record, dict) else None
            topic = _queue_of(record, event) if isinstance(record, dict) else text_at(event, "instance_id") + "/"
            messages = inner if isinstance(inner, list) else [None]
            flat += [
                (topic, f"{number}.{place}", message, f"records[{number}].messages[{place}]") for place, message in enumerate(messages)
            ]

        def read(row: Any, _: str) -> Part:
            topic, place, message, where = row
            text = message if isinstance(message, str) else json.dumps(message, sort_keys=True, default=str)
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
            key = f"{topic}/{sent}/{place}/{digest}"
            trigger, fault = make_trigger(kind, key, event.get("event_time"), join(path, "event_time"), parser)
            content, where = _unwrapped(message, join(path, where))
            return Part(trigger, content, where, fault)

        return read_each(kind, flat, join(path, "records"), parser, read)

    return read_all


def _queue_of(record: Event, event: Event) -> str:
    """Instance and topic."""
    topic = next((found for name in ("topic_id", "topic", "exchange") if (found := text_at(record, name))), "")
    return f"{text_at(event, 'instance_id') or text_at(record, 'instance_id')}/{topic}"


def alarm(event: Event, path: str, parser: PayloadParser) -> tuple[Part, ...]:
    """A Cloud Eye alarm. (Most come as the message of an SMN topic.)"""
    item = read_alarm(event, path, parser)
    return (Part(item.spec.trigger if isinstance(item, StartRun) else item.trigger, item=item),)


def _not_a_notification(kind: object, service: str, path: str, trigger: Trigger, parser: PayloadParser) -> DeliveryItem | None:
    """The refusal of a topic's message that only asks whether it may send, or says that it will not any more."""
    lowered = kind.lower() if isinstance(kind, str) else kind
    if lowered in (None, "notification"):
        return None
    fix = "Send the request as a message of the topic."
    if lowered == "subscriptionconfirmation":
        fix = (
            "If the topic is meant to reach this function, open the address in this message's own subscribe URL (good for 48 hours at SMN, "
            "for two days at SNS), or better: subscribe the function itself, which needs no confirmation."
        )
    elif lowered == "unsubscribeconfirmation":
        fix = "Nothing, if the subscription was meant to end; otherwise subscribe again."
    return parser.refuse(trigger, path, f"an {service} message of type {shorten(kind)} is not a notification", fix)


def _message_group(arn: object, group: object) -> str | None:
    """Whose order SQS keeps: the message's group; of a FIFO queue whose records do not say, all of them."""
    queue = arn if isinstance(arn, str) else ""
    if isinstance(group, str) and group:
        return f"{queue}/{group}"
    return queue if queue.endswith(".fifo") else None


def _in_base64(text: str, path: str, trigger: Trigger, parser: PayloadParser) -> Part:
    try:
        return Part(trigger, base64.b64decode(text, validate=True), path)
    except (binascii.Error, ValueError):
        return Part(trigger, item=parser.refuse(trigger, path, "this is not valid base64"))


def _unwrapped(message: object, path: str, deep: int = 0) -> tuple[object, str]:
    """What is in a message that only wraps it, such as `{"message": "<json>"}`, and where that stands. `deep`: in how many wrappers."""
    value = message
    if isinstance(message, str):
        try:
            value = parse_twice_encoded(message)
        except InvalidJsonError:
            return message, path
    if not isinstance(value, dict) or not OURS.isdisjoint(value) or find_envelope(value) or recognise(value):
        return message, path
    key = next((key for key in WRAPPERS if isinstance(value.get(key), str | dict)), None)
    return _unwrapped(value[key], join(path, key), deep + 1) if key and deep < MOST_WRAPPERS else (message, path)


def _is_topic_message(event: Event, kind: str, message_id: str, topic: str) -> bool:
    """Whether this is the one message that a topic posts to an HTTPS address."""
    told = event.get(kind)
    return isinstance(told, str) and told.lower() in NOTICES and (message_id in event or topic in event)


def _is_batch(event: Event, *kinds: str) -> bool:
    return event.get("trigger_type") in kinds and isinstance(event.get("records"), list)


def _holds_cloud_events(events: object) -> bool:
    return isinstance(events, list) and (not events or any(isinstance(event, dict) and "specversion" in event for event in events))


# The first that recognises an event reads it, so what is more particular comes first.
ENVELOPES: tuple[Envelope, ...] = (
    Envelope(TriggerKind.TIMER, lambda event: event.get("trigger_type") == "TIMER", timer),
    Envelope(
        TriggerKind.KAFKA, lambda event: _is_batch(event, "KAFKA", "OPENSOURCEKAFKA", "DMS4KAFKA", "DMS"), queue_messages(TriggerKind.KAFKA)
    ),
    Envelope(TriggerKind.ROCKETMQ, lambda event: _is_batch(event, "ROCKETMQ", "DMS4ROCKETMQ"), queue_messages(TriggerKind.ROCKETMQ)),
    Envelope(TriggerKind.RABBITMQ, lambda event: _is_batch(event, "RABBITMQ", "DMS4RABBITMQ"), queue_messages(TriggerKind.RABBITMQ)),
    Envelope(
        TriggerKind.SMN,
        lambda event: isinstance(event.get("record"), list) or _is_topic_message(event, "type", "message_id", "topic_urn"),
        topic_messages(SMN),
    ),
    Envelope(
        TriggerKind.SNS,
        lambda event: source_of(event) == "aws:sns" or _is_topic_message(event, "Type", "MessageId", "TopicArn"),
        topic_messages(SNS),
    ),
    Envelope(TriggerKind.SQS, lambda event: source_of(event) == "aws:sqs", sqs),
    Envelope(TriggerKind.EVENTGRID, lambda event: "specversion" in event or _holds_cloud_events(event.get("events")), eventgrid),
    Envelope(TriggerKind.HTTP, lambda event: isinstance(event.get("requestContext"), dict), http),
    Envelope(TriggerKind.EVENTBRIDGE, lambda event: "detail-type" in event and "detail" in event, eventbridge),
    Envelope(TriggerKind.SCHEDULER, lambda event: "request" in event, scheduler),
    Envelope(TriggerKind.ALARM, is_alarm, alarm),
)


def find_envelope(event: Event) -> Envelope | None:
    """The envelope that an event is, if any."""
    return next((envelope for envelope in ENVELOPES if envelope.recognises(event)), None)
