"""From a raw event of any shape to records that each ask for something, or are refused by name. Pure; never raises.

What each envelope looks like, and how its run id is made, is in docs/triggers.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from dcs_upkeep.domain.model import Trigger, TriggerKind
from dcs_upkeep.domain.request import Request
from dcs_upkeep.triggers import envelopes
from dcs_upkeep.triggers.alarms import is_alarm, read_alarm
from dcs_upkeep.triggers.delivery import Delivery, RunIdScope
from dcs_upkeep.triggers.json_input import InvalidJsonError, check_depth, parse_untrusted_json
from dcs_upkeep.triggers.payload import PayloadParser
from dcs_upkeep.triggers.plans_file import PlansFile

# What the events of other services look like: (a key, its value or None for any) -> what it is.
_FOREIGN: tuple[tuple[str, object, str], ...] = (
    ("cts", None, "a CTS event (an audit trail of FunctionGraph)"),
    ("lts", None, "an LTS event (a log of FunctionGraph)"),
    ("trigger_type", None, "an event of a FunctionGraph trigger that is not taken here"),
    ("Records", None, "an event of S3, OBS or another service that sends Records"),
    ("records", None, "a record batch that is not of Kafka on FunctionGraph"),
    ("awslogs", None, "a CloudWatch Logs event"),
    ("AlarmName", None, "a CloudWatch alarm"),
    ("rawPath", None, "an HTTP request without its context"),
    ("httpMethod", None, "an HTTP request without its context"),
    ("detail-type", None, "an EventBridge event without a detail"),
    ("Type", "Notification", "an SNS notification outside its envelope"),
    ("smn", None, "an SMN record outside its envelope"),
    ("responsePayload", None, "a destination's record of an earlier invocation"),
    ("response_payload", None, "a destination's record of an earlier invocation"),
)


def parse(event: object, scope: RunIdScope, plans: PlansFile | None, now: datetime, *, plans_only: bool = False) -> Delivery:
    """What an event asks for. `now`: for its age. `plans_only`: requests that are written out are refused."""
    reader = PayloadParser(scope, plans, now, plans_only)
    direct = Trigger(TriggerKind.DIRECT, scope.request_id)
    try:
        value = parse_untrusted_json(event) if isinstance(event, str | bytes | bytearray | memoryview) else event
        check_depth(value)
    except InvalidJsonError as err:
        if isinstance(event, str) and plans is not None and event.strip() in plans.requests:
            return Delivery(TriggerKind.DIRECT, (reader.value(event.strip(), "", direct),))
        return Delivery(TriggerKind.DIRECT, (reader.refuse(direct, "", str(err)),))
    if not isinstance(value, dict):
        return Delivery(TriggerKind.DIRECT, (reader.value(value, "", direct),))
    return _read(value, reader, direct)


def _read(event: Mapping[str, Any], reader: PayloadParser, direct: Trigger) -> Delivery:
    """By what an event has, in an order in which the more particular comes first."""
    records = event.get("Records")
    source = _source(records)
    known: tuple[tuple[bool, Callable[[], Delivery]], ...] = (
        (event.get("trigger_type") == "TIMER", lambda: envelopes.timer(event, reader)),
        (
            event.get("trigger_type") in ("KAFKA", "DMS4KAFKA", "DMS") and isinstance(event.get("records"), list),
            lambda: envelopes.kafka(event, reader),
        ),
        (isinstance(event.get("record"), list), lambda: envelopes.smn(event, reader)),
        (source == "aws:sns", lambda: envelopes.sns(event, reader)),
        (source == "aws:sqs", lambda: envelopes.sqs(event, reader)),
        ("specversion" in event, lambda: envelopes.eventgrid([event], reader)),
        (isinstance(event.get("events"), list), lambda: envelopes.eventgrid(event["events"], reader)),
        (isinstance(event.get("requestContext"), dict), lambda: envelopes.http(event, reader)),
        ("detail-type" in event and "detail" in event, lambda: envelopes.eventbridge(event, reader)),
        ("request" in event, lambda: envelopes.scheduler(event, reader)),
        (is_alarm(event), lambda: Delivery(TriggerKind.ALARM, (read_alarm(event, "", reader, None),))),
    )
    for fits, read in known:
        if fits:
            return read()
    if not any(key in event for key in ("command", "resume", "report_version", *Request.model_fields)):
        looks = _looks_like(event)
        return Delivery(
            TriggerKind.DIRECT, (reader.refuse(direct, "", f"this looks like {looks}, and asks for nothing that this function does"),)
        )
    return Delivery(TriggerKind.DIRECT, (reader.value(event, "", direct),))


def _source(records: object) -> str | None:
    """What service `Records` are of: SNS writes EventSource, the others eventSource."""
    first = records[0] if isinstance(records, list) and records else None
    if not isinstance(first, dict):
        return None
    source = first.get("EventSource") or first.get("eventSource")
    return source if isinstance(source, str) else None


def _looks_like(event: Mapping[str, Any]) -> str:
    source = _source(event.get("Records"))
    if source:
        return f"an event of {source[:60]!r}"
    for key, value, what in _FOREIGN:
        if key in event and value in (None, event[key]):
            return f"{what} ({event[key][:40]!r})" if key == "trigger_type" and isinstance(event[key], str) else what
    if not event:
        return "an empty object"
    return f"no event known here (its fields: {', '.join(str(key)[:30] for key in list(event)[:6])})"
