"""Cloud Eye alarms, which come through SMN: a rule of `plans.json` says what to do about each.

Source: captured messages of Cloud Eye (alarm notification, JSON); namespace and dimensions: DCS metrics.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dcs_upkeep.domain.model import Trigger, TriggerKind
from dcs_upkeep.domain.problems import join, shorten
from dcs_upkeep.domain.request import normal_id
from dcs_upkeep.domain.timestamps import read_time
from dcs_upkeep.triggers.delivery import DeliveryItem, Ignored
from dcs_upkeep.triggers.payload import PayloadParser, id_text

NAMESPACE = "SYS.DCS"
# What an alarm may be beside firing. Nothing is done about it, and nobody has to be told.
NOTHING_TO_DO: Mapping[str, str] = {
    "ok": "the alarm has ended",
    "ok_manual": "somebody has ended the alarm by hand",
    "insufficient_data": "Cloud Eye has too little data to tell whether the alarm is firing",
    "invalid": "the alarm is no longer valid",
}
_DIMENSION = re.compile(r"dcs_instance_id\W{1,3}([0-9a-fA-F-]{32,36})", re.ASCII)


def is_alarm(body: Mapping[str, Any]) -> bool:
    """Whether this is a Cloud Eye notification."""
    return "alarm_status" in body and ("alarm_id" in body or "alarm_name" in body)


def read_alarm(body: Mapping[str, Any], path: str, parser: PayloadParser) -> DeliveryItem:
    """The run that a rule makes of an alarm. An alarm that has ended is ignored."""
    variables = body.get("template_variable")
    details: Mapping[str, Any] = variables if isinstance(variables, dict) else {}
    alarm_id = id_text(body.get("alarm_id")) or id_text(details.get("AlarmId"))
    began = details.get("AlarmTime") or body.get("time")
    time = body.get("time")
    trigger = Trigger(TriggerKind.ALARM, f"{alarm_id}/{id_text(began)}" if alarm_id else parser.scope.request_id)
    try:
        trigger = Trigger(TriggerKind.ALARM, trigger.id, read_time(time))
    except ValueError:
        what = f"{shorten(time)} is not a valid time"
        return parser.refuse(trigger, join(path, "time"), what, "Use Cloud Eye's own message format.")
    status = body.get("alarm_status")
    status = status.strip().lower() if isinstance(status, str) else status
    if reason := NOTHING_TO_DO.get(status) if isinstance(status, str) else None:
        return Ignored(trigger, f"{reason}; only an alarm that begins starts a run", run_id=parser.run_id(trigger))
    if status != "alarm":
        what = f"{shorten(status)} is not a valid alarm status"
        return parser.refuse(trigger, join(path, "alarm_status"), what, f"Only alarm and {', '.join(NOTHING_TO_DO)} are known.")
    if not alarm_id:
        return parser.refuse(trigger, join(path, "alarm_id"), "the alarm has no ID", "Use Cloud Eye's own message format.")
    if (namespace := body.get("namespace")) != NAMESPACE:
        fix = f"Send only alarms of {NAMESPACE} to this function."
        return parser.refuse(trigger, join(path, "namespace"), f"the alarm is about {shorten(namespace)}, not about DCS", fix)
    name, metric = id_text(body.get("alarm_name")), id_text(body.get("metric_name"))
    rule = parser.plans.rule_for(name, metric) if parser.plans else None
    if rule is None:
        what = f"no rule matches the alarm {shorten(name)} on {shorten(metric)}"
        return parser.refuse(trigger, join(path, "alarm_name"), what, "Add a rule under alarms in plans.json.")
    instance_id = _instance_of(body, details)
    if instance_id is None:
        fix = "The rule must watch instances or their nodes (dcs_instance_id)."
        return parser.refuse(trigger, join(path, "dimension"), "the alarm must be about exactly one DCS instance", fix)
    # One rule over all instances fires under one id, and for several of them in the same second.
    trigger = replace(trigger, id=f"{trigger.id}/{instance_id}")
    return parser.request({**rule.request, "instances": [instance_id]}, path, trigger, alarm_id)


def _instance_of(body: Mapping[str, Any], details: Mapping[str, Any]) -> str | None:
    """The instance that the alarm is about; None if that is not clear.

    `ResourceId` is its ID, or begins with it if the alarm is about a node. How Cloud Eye joins several dimensions in its text
    is not documented, so the instance's own dimension is searched for in the text. Two different IDs are as good as none.
    """
    found: set[str] = set()
    for text in (details.get("ResourceId"), body.get("resource_id")):
        if isinstance(text, str):
            parts = re.split(r"[,;|/\s]+", text[:400]) if "dcs" not in text else []
            found |= {instance_id for part in parts if (instance_id := normal_id(part))}
    for text in (body.get("dimension"), details.get("ResourceId"), details.get("Dimension")):
        if isinstance(text, str):
            by_dimension = {instance_id for match in _DIMENSION.findall(text[:1000]) if (instance_id := normal_id(match))}
            found = by_dimension or found
    return found.pop() if len(found) == 1 else None
