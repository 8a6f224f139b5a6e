"""What the readers of all envelopes share: an event's trigger, and its records one by one with what each carries."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dcs_upkeep.domain.errors import Problem
from dcs_upkeep.domain.model import Trigger, TriggerKind
from dcs_upkeep.domain.problems import shorten
from dcs_upkeep.domain.timestamps import read_time
from dcs_upkeep.triggers.delivery import DeliveryItem
from dcs_upkeep.triggers.payload import PayloadParser, id_text

Event = Mapping[str, Any]
MAX_RECORDS = 100


@dataclass(frozen=True, slots=True)
class Part:
    """One record of an envelope: what it carries, and where that stands. `item`: what became of it already, whatever it carries.

    `record` and `group`: SQS's own id of the message, and the group in which its order must be kept. `key_problem`: why the key that
    its sender gave cannot be used. `within`: the event whose source and type say what its content is about.
    """

    trigger: Trigger
    content: object = None
    path: str = ""
    item: DeliveryItem | None = None
    record: str | None = None
    group: str | None = None
    key_problem: Problem | None = None
    within: Event | None = None


def source_of(event: Event) -> str | None:
    """Which service `Records` come from: SNS writes EventSource, the others eventSource."""
    records = event.get("Records")
    first = records[0] if isinstance(records, list) and records else None
    if not isinstance(first, dict):
        return None
    source = first.get("EventSource") or first.get("eventSource")
    return source if isinstance(source, str) else None


def make_trigger(kind: TriggerKind, key: str, time: object, path: str, parser: PayloadParser) -> tuple[Trigger, DeliveryItem | None]:
    """The trigger, and a refusal if its time cannot be read. Without a key, the id of what it came in stands in."""
    trigger = Trigger(kind, key or parser.scope.request_id)
    try:
        return Trigger(kind, trigger.id, read_time(time)), None
    except ValueError:
        return trigger, parser.refuse(trigger, path, f"{shorten(time)} is not a valid time", "Write it as ISO 8601.")


def moment(time: object) -> datetime | None:
    """The time as a part of a key; None if it cannot be read, of which `make_trigger` tells."""
    try:
        return read_time(time)
    except ValueError:
        return None


def two_part_key(first: str, last: str) -> str:
    """One key of two texts, different for any two different pairs; empty if there is no last part, which is what tells events apart."""
    if not last:
        return ""
    return f"{first}/{last}" if "/" not in last else json.dumps([first, last])


def without_id(kind: TriggerKind, parser: PayloadParser) -> Trigger:
    """The trigger of a record that has no id of its own."""
    return Trigger(kind, parser.scope.request_id)


def text_at(event: Event, key: str) -> str:
    """The text or whole number in this field; empty if it holds anything else."""
    return id_text(event.get(key))


def refused_part(kind: TriggerKind, path: str, what: str, parser: PayloadParser, *, record: str | None = None) -> Part:
    """A record that is none of its kind."""
    trigger = without_id(kind, parser)
    return Part(trigger, item=parser.refuse(trigger, path, what), record=record)


def read_each(kind: TriggerKind, records: object, path: str, parser: PayloadParser, read: Callable[[Any, str], Part]) -> tuple[Part, ...]:
    """Each record on its own: a bad one never stops the others."""
    if not isinstance(records, list) or not 1 <= len(records) <= MAX_RECORDS:
        count = len(records) if isinstance(records, list) else 0
        what = f"{count} records are too many" if count else "there are no records"
        trigger = without_id(kind, parser)
        return (Part(trigger, item=parser.refuse(trigger, path, what, f"Send 1 to {MAX_RECORDS} records in one event.")),)
    return tuple(read(record, f"{path}[{number}]") for number, record in enumerate(records))
