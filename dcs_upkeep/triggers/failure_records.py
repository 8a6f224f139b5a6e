"""The record that a platform makes of an invocation that failed: the event that it was about is in it, and may be sent again with it.

Sources: asynchronous invocation destinations of AWS Lambda; asynchronous notification of FunctionGraph.
"""

from __future__ import annotations

from datetime import datetime

from dcs_upkeep.domain.model import Trigger, TriggerKind
from dcs_upkeep.domain.problems import join
from dcs_upkeep.domain.timestamps import read_time
from dcs_upkeep.triggers.delivery import Ignored
from dcs_upkeep.triggers.payload import PayloadParser
from dcs_upkeep.triggers.records import Event, Part, text_at

# Field of the payload, of its context, and the context's field of the invocation's id: Lambda's names, and FunctionGraph's.
FORMS = (("requestPayload", "requestContext", "requestId"), ("request_payload", "request_context", "request_id"))

# What a person who sends the record again may write beside its payload: when. The event's age counts from then.
SENT_AGAIN = "sent_again_at"


def is_failure_record(event: Event) -> bool:
    """Whether this is a destination's record that still has its payload."""
    return any(payload in event and isinstance(event.get(context), dict) for payload, context, _ in FORMS)


def sent_again_at(event: Event) -> datetime | None:
    """When a person sent this record again; None if it does not say. Raises: ValueError if it cannot be read."""
    return read_time(event.get(SENT_AGAIN))


def read_failure_record(event: Event, path: str, sender: Trigger, parser: PayloadParser) -> Part:
    """The event in the record, with the id of the invocation that failed. What succeeded is not carried out once more.

    `sender`: the trigger by which the record came.
    """
    payload, context_name, id_name = next(form for form in FORMS if form[0] in event and isinstance(event.get(form[1]), dict))
    context = event[context_name]
    trigger = Trigger(TriggerKind.DIRECT, text_at(context, id_name) or parser.scope.request_id, principal=sender.principal)
    condition = context.get("condition")
    if isinstance(condition, str) and condition.strip().lower() == "success":
        reason = "this is the record of an invocation that succeeded; only the event of one that failed is carried out"
        return Part(trigger, item=Ignored(trigger, reason, run_id=parser.run_id(trigger)))
    return Part(trigger, event[payload], join(path, payload))
