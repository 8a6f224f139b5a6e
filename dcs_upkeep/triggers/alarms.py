"""Cloud Eye alarms, which come through SMN: a rule of `plans.json` says what each asks for.

Source: captured messages of Cloud Eye (alarm notification, JSON); namespace and dimensions: DCS metrics.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dcs_upkeep.domain.model import Trigger, TriggerKind
from dcs_upkeep.domain.request import normal_id
from dcs_upkeep.domain.timestamps import read_time
from dcs_upkeep.triggers.delivery import DeliveryItem, Ignored
from dcs_upkeep.triggers.payload import PayloadParser, id_text

NAMESPACE = "SYS.DCS"
_DIMENSION = re.compile(r"dcs_instance_id\W{1,3}([0-9a-fA-F-]{32,36})", re.ASCII)


def is_alarm(body: Mapping[str, Any]) -> bool:
    """Whether this is a Cloud Eye notification."""
    return "alarm_status" in body and ("alarm_id" in body or "alarm_name" in body)


def read_alarm(body: Mapping[str, Any], path: str, parser: PayloadParser, record: str | None) -> DeliveryItem:
    """The run that a rule makes of an alarm; nothing for one that is over."""
    variables = body.get("template_variable")
    details: Mapping[str, Any] = variables if isinstance(variables, dict) else {}
    alarm_id = id_text(body.get("alarm_id")) or id_text(details.get("AlarmId"))
    began = details.get("AlarmTime") or body.get("time")
    time = body.get("time")
    trigger = Trigger(TriggerKind.ALARM, f"{alarm_id}/{id_text(began)}" if alarm_id else parser.scope.request_id)
    try:
        trigger = Trigger(TriggerKind.ALARM, trigger.id, read_time(time))
    except ValueError:
        return parser.refuse(trigger, f"{path}.time", f"{str(time)[:60]!r} is no time", "Use Cloud Eye's own message form.", record)
    status = body.get("alarm_status")
    if status == "ok":
        return Ignored(trigger, "the alarm is over; only one that begins asks for anything", record, parser.run_id(trigger))
    if status != "alarm":
        return parser.refuse(
            trigger, f"{path}.alarm_status", f"{str(status)[:40]!r} is no state of an alarm", "Only alarm and ok are known.", record
        )
    if not alarm_id:
        return parser.refuse(trigger, f"{path}.alarm_id", "the alarm has no id", "Use Cloud Eye's own message form.", record)
    if (namespace := body.get("namespace")) != NAMESPACE:
        fix = f"Send alarms of {NAMESPACE} alone to this function."
        return parser.refuse(trigger, f"{path}.namespace", f"the alarm is about {str(namespace)[:40]!r}, not about DCS", fix, record)
    name, metric = id_text(body.get("alarm_name")), id_text(body.get("metric_name"))
    rule = parser.plans.rule_for(name, metric) if parser.plans else None
    if rule is None:
        what = f"no rule maps the alarm {name[:60]!r} on {metric[:60]!r}"
        return parser.refuse(trigger, f"{path}.alarm_name", what, "Add one under alarms in plans.json.", record)
    instance_id = _instance_of(body, details)
    if instance_id is None:
        fix = "The rule must watch instances or their nodes (dcs_instance_id)."
        return parser.refuse(trigger, f"{path}.dimension", "the alarm names no DCS instance, or several", fix, record)
    return parser.request({**rule.request, "instances": [instance_id]}, path, trigger, record, alarm_id)


def refuse_cloudwatch(body: Mapping[str, Any], path: str, trigger: Trigger, parser: PayloadParser, record: str | None) -> DeliveryItem:
    """A CloudWatch alarm knows nothing of DCS instances; a rule would have nothing to act on."""
    what = f"this is the CloudWatch alarm {str(body.get('AlarmName'))[:60]!r}, which names no DCS instance"
    return parser.refuse(trigger, path, what, "Let Cloud Eye watch DCS; its alarms are mapped by rules in plans.json.", record)


def _instance_of(body: Mapping[str, Any], details: Mapping[str, Any]) -> str | None:
    """The one instance that the alarm is about.

    `ResourceId` is it, or begins with it where the alarm is about a node. How Cloud Eye joins several dimensions in its text
    is documented nowhere, so the instance's own is looked for, whatever stands around it. Two different answers are none.
    """
    found: set[str] = set()
    for text in (details.get("ResourceId"), body.get("resource_id")):
        if isinstance(text, str):
            found |= {one for part in re.split(r"[,;|/\s]+", text[:400]) if (one := normal_id(part))} if "dcs" not in text else set()
    for text in (body.get("dimension"), details.get("ResourceId"), details.get("Dimension")):
        if isinstance(text, str):
            named = {one for match in _DIMENSION.findall(text[:1000]) if (one := normal_id(match))}
            found = named or found
    return found.pop() if len(found) == 1 else None
