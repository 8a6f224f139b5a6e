"""What the readers of all envelopes share: an event's trigger, its records one by one, and the content of a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from dcs_upkeep.domain.model import Trigger, TriggerKind
from dcs_upkeep.domain.problems import shorten
from dcs_upkeep.domain.timestamps import read_time
from dcs_upkeep.triggers.alarms import is_alarm, read_alarm
from dcs_upkeep.triggers.delivery import Delivery, DeliveryItem
from dcs_upkeep.triggers.json_input import InvalidJsonError, parse_untrusted_json
from dcs_upkeep.triggers.payload import PayloadParser, id_text
from dcs_upkeep.triggers.principal import record_principal, sign

Event = Mapping[str, Any]
MAX_RECORDS = 100


def source_of(event: Event) -> str | None:
    """Which service `Records` come from: SNS writes EventSource, the others eventSource."""
    records = event.get("Records")
    first = records[0] if isinstance(records, list) and records else None
    if not isinstance(first, dict):
        return None
    source = first.get("EventSource") or first.get("eventSource")
    return source if isinstance(source, str) else None


def make_trigger(
    kind: TriggerKind, key: str, time: object, path: str, parser: PayloadParser, *, timed: bool = False, record: str | None = None
) -> tuple[Trigger, DeliveryItem | None]:
    """The trigger, and a refusal if its time cannot be read. Without a key, the invocation's own id stands in.

    `timed`: the time is part of the key.
    """
    at: datetime | None = None
    fault = None
    try:
        at = read_time(time)
    except ValueError:
        trigger = Trigger(kind, key or parser.scope.request_id)
        fault = parser.refuse(trigger, path, f"{shorten(time)} is not a valid time", "Write it as ISO 8601.", record)
    if timed:
        key = f"{key}{at.strftime('%Y-%m-%dT%H:%M:%SZ') if at else parser.scope.request_id}"
    return Trigger(kind, key or parser.scope.request_id, at), fault


def without_id(kind: TriggerKind, parser: PayloadParser) -> Trigger:
    """The trigger of a record that has no id of its own."""
    return Trigger(kind, parser.scope.request_id)


def text_at(event: Event, key: str) -> str:
    """The text or whole number in this field; empty if it holds anything else."""
    return id_text(event.get(key))


def single(item: DeliveryItem, trigger: Trigger) -> Delivery:
    """A delivery of one record."""
    return Delivery(trigger.kind, (item,))


def read_each(kind: TriggerKind, records: object, path: str, parser: PayloadParser, read: Callable[[Any, str], DeliveryItem]) -> Delivery:
    """Each record on its own: a bad one never stops the others."""
    if not isinstance(records, list) or not 1 <= len(records) <= MAX_RECORDS:
        count = len(records) if isinstance(records, list) else 0
        what = f"{count} records are too many" if count else "there are no records"
        return Delivery(kind, (parser.refuse(without_id(kind, parser), path, what, f"Send 1 to {MAX_RECORDS} records in one event."),))
    items = tuple(sign(read(record, f"{path}[{number}]"), record_principal(kind, record)) for number, record in enumerate(records))
    return Delivery(kind, items, several=len(items) > 1)


def read_message(text: object, path: str, trigger: Trigger, parser: PayloadParser, record: str | None = None) -> DeliveryItem:
    """A topic's message: a Cloud Eye alarm, or what every other trigger may carry."""
    inner = as_object(text)
    if inner is not None and is_alarm(inner):
        return read_alarm(inner, path, parser, record)
    return parser.text(text, path, trigger, record)


def read_content(value: object, path: str, trigger: Trigger, parser: PayloadParser) -> DeliveryItem:
    """Content that is an object in some deliveries and its JSON text in others."""
    if isinstance(value, dict) and is_alarm(value):
        return read_alarm(value, path, parser, None)
    if isinstance(value, str):
        return read_message(value, path, trigger, parser)
    return parser.value(value, path, trigger)


def as_object(text: object) -> dict[str, Any] | None:
    """The JSON object in a text, or None. (What is wrong with a text is said by `PayloadParser.text`.)"""
    if not isinstance(text, str):
        return None
    try:
        value = parse_untrusted_json(text)
    except InvalidJsonError:
        return None
    return value if isinstance(value, dict) else None
