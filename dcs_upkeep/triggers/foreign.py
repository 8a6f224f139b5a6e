"""What the events of other services look like, so that a refusal can say what has arrived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcs_upkeep.domain.problems import list_some, shorten
from dcs_upkeep.triggers.records import source_of

# A key, its value (None: any), and what an event with it is. The first that fits counts.
FOREIGN: tuple[tuple[str, object, str], ...] = (
    ("cts", None, "a CTS event (an audit trail of FunctionGraph)"),
    ("lts", None, "an LTS event (a log of FunctionGraph)"),
    ("trigger_type", None, "an event of an unsupported FunctionGraph trigger"),
    ("Records", None, "an event of S3, OBS or another service that sends Records"),
    ("records", None, "a batch of records that is not from Kafka on FunctionGraph"),
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


def describe_foreign(event: Mapping[str, Any]) -> str:
    """What this event looks like."""
    if source := source_of(event):
        return f"an event of {shorten(source)}"
    for key, value, what in FOREIGN:
        if key in event and value in (None, event[key]):
            return f"{what} ({shorten(event[key])})" if key == "trigger_type" and isinstance(event[key], str) else what
    if not event:
        return "an empty object"
    return f"an unknown event (its fields: {list_some(str(key) for key in event)})"
