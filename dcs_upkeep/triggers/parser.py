"""From a raw event of any shape to records that each ask for something, or are refused by name. Pure; never raises.

What each envelope looks like, and how its run id is made, is in docs/triggers.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dcs_upkeep.domain.model import Trigger, TriggerKind
from dcs_upkeep.domain.request import Request
from dcs_upkeep.triggers.delivery import Delivery, RunIdScope
from dcs_upkeep.triggers.envelopes import ENVELOPES
from dcs_upkeep.triggers.foreign import describe_foreign
from dcs_upkeep.triggers.json_input import InvalidJsonError, check_depth, parse_untrusted_json
from dcs_upkeep.triggers.payload import PayloadParser
from dcs_upkeep.triggers.plans_file import PlansFile
from dcs_upkeep.triggers.records import single

# An event with none of these, and in no envelope, is not meant for this function.
_OURS = frozenset({"command", "resume", "report_version", *Request.model_fields})


def parse(event: object, scope: RunIdScope, plans: PlansFile | None, now: datetime, *, plans_only: bool = False) -> Delivery:
    """What an event asks for. `now`: for its age. `plans_only`: requests that are written out are refused."""
    parser = PayloadParser(scope, plans, now, plans_only)
    direct = Trigger(TriggerKind.DIRECT, scope.request_id)
    try:
        value = parse_untrusted_json(event) if isinstance(event, str | bytes | bytearray | memoryview) else event
        check_depth(value)
    except InvalidJsonError as err:
        if isinstance(event, str) and plans is not None and event.strip() in plans.requests:
            return single(parser.value(event.strip(), "", direct), direct)
        return single(parser.refuse(direct, "", str(err)), direct)
    if not isinstance(value, dict):
        return single(parser.value(value, "", direct), direct)
    return _read(value, parser, direct)


def _read(event: Mapping[str, Any], parser: PayloadParser, direct: Trigger) -> Delivery:
    """The first envelope that recognises the event reads it; what is in none is a direct event, or foreign."""
    for envelope in ENVELOPES:
        if envelope.recognises(event):
            return envelope.read(event, parser)
    if _OURS.isdisjoint(event):
        what = f"this looks like {describe_foreign(event)}, which this function does not handle"
        return single(parser.refuse(direct, "", what), direct)
    return single(parser.value(event, "", direct), direct)
