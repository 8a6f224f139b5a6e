"""From a raw event of any shape to records that each ask for something, or are refused by name. Pure; never raises.

What each envelope looks like, and how its run id is made, is in docs/triggers.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dcs_upkeep.domain.model import Trigger, TriggerKind
from dcs_upkeep.triggers.delivery import Delivery, RunIdScope
from dcs_upkeep.triggers.envelopes import ENVELOPES
from dcs_upkeep.triggers.foreign import recognise
from dcs_upkeep.triggers.json_input import InvalidJsonError, check_depth, parse_untrusted_json
from dcs_upkeep.triggers.payload import PayloadParser
from dcs_upkeep.triggers.plans_file import PlansFile
from dcs_upkeep.triggers.principal import line, signed
from dcs_upkeep.triggers.records import single


def parse(
    event: object, scope: RunIdScope, plans: PlansFile | None, now: datetime, *, plans_only: bool = False, http_anonymous: bool = False
) -> Delivery:
    """What an event asks for. `now`: for its age. `plans_only`: requests that are written out are refused.

    `http_anonymous`: an HTTP request of AWS is taken although nobody's identity was checked.
    """
    parser = PayloadParser(scope, plans, now, plans_only, http_anonymous)
    direct = Trigger(TriggerKind.DIRECT, scope.request_id, principal=line(scope.user))
    try:
        value = parse_untrusted_json(event) if isinstance(event, str | bytes | bytearray | memoryview) else event
        check_depth(value)
    except InvalidJsonError as err:
        if isinstance(event, str) and plans is not None and event.strip() in plans.requests:
            return single(parser.value(event.strip(), "", direct), direct)
        return single(parser.refuse(direct, "", str(err)), direct)
    if isinstance(value, list) and value and isinstance(value[0], dict) and (found := recognise(value[0])) is not None:
        return single(parser.foreign(direct, "[0]", found), direct)  # AppSync resolves several fields in one call
    if not isinstance(value, dict):
        return single(parser.value(value, "", direct), direct)
    return _read(value, parser, direct)


def _read(event: Mapping[str, Any], parser: PayloadParser, direct: Trigger) -> Delivery:
    """What is surely another service's is named; else the first envelope that recognises the event reads it, or it is a direct event."""
    if (found := recognise(event)) is not None:
        return single(parser.foreign(direct, "", found), direct)
    for envelope in ENVELOPES:
        if envelope.recognises(event):
            return signed(envelope.read(event, parser), event)
    return single(parser.value(event, "", direct), direct)
