"""Reviewed plans and alarm rules: `plans.json` beside `handler.py`, read at the start of every invocation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from dcs_upkeep.domain.errors import InvalidEventError, Problem, SettingsError
from dcs_upkeep.domain.problems import suggest_or_list
from dcs_upkeep.domain.request import Request, parse_request
from dcs_upkeep.triggers.json_input import InvalidJsonError, parse_untrusted_json

ALARM_COOLDOWN_S = 3600  # a restart raises alarms of its own; without a cooldown they would ask for the next restart
NOT_IN_PLANS = ("plan", "run_id", "approve", "dry_run")
# What a rule may say beside its conditions; the instance comes from the alarm.
RULE_FIELDS = ("action", "watch", "window", "backup", "respect_maintenance_window", "cooldown_s", "expires_after_s", "requested_by")
CONDITIONS = ("name", "metric")
_ANY_ID = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """Which Cloud Eye alarms ask for what. `name` is a glob over the alarm's name; both conditions must hold where given."""

    name: str | None
    metric: str | None
    request: Mapping[str, Any]

    def matches(self, name: str, metric: str) -> bool:
        """Whether this rule maps the alarm."""
        return (self.name is None or fnmatchcase(name, self.name)) and (self.metric is None or metric == self.metric)

    def request_for(self, instance_id: str) -> Request:
        """The request for one instance. Raises InvalidEventError where the ID is none."""
        return parse_request({**self.request, "instances": [instance_id]})


@dataclass(frozen=True, slots=True)
class PlansFile:
    """All of `plans.json`. Of several rules that match an alarm the first counts."""

    requests: Mapping[str, Request] = field(default_factory=dict)
    alarms: tuple[AlarmRule, ...] = ()

    def rule_for(self, name: str, metric: str) -> AlarmRule | None:
        """The rule that maps this alarm, if any."""
        return next((rule for rule in self.alarms if rule.matches(name, metric)), None)


def load_plans(text: str | bytes) -> PlansFile:
    """Read `plans.json`. Raises: SettingsError with every problem and its place."""
    try:
        raw = parse_untrusted_json(text)
    except InvalidJsonError as err:
        raise SettingsError([Problem("plans.json", str(err), "Mend the file; `python -m dcs_upkeep check` reads it again.")]) from None
    if not isinstance(raw, dict):
        raise SettingsError([Problem("plans.json", "this is no object", 'Write {"plans": {...}, "alarms": [...]}.')])
    problems = [
        Problem(f"plans.json: {key}", "no field has this name", suggest_or_list(str(key), ("plans", "alarms")))
        for key in raw
        if key not in ("plans", "alarms")
    ]
    requests = _read_requests(raw.get("plans", {}), problems)
    alarms = _read_alarms(raw.get("alarms", []), problems)
    if problems:
        raise SettingsError(problems)
    return PlansFile(requests, alarms)


def _read_requests(raw: object, problems: list[Problem]) -> dict[str, Request]:
    if not isinstance(raw, dict):
        problems.append(Problem("plans.json: plans", "this is no object", 'Write {"<name>": {request}, ...}.'))
        return {}
    requests: dict[str, Request] = {}
    for name, plan in raw.items():
        path = f"plans.json: plans.{name}"
        if not name or len(name) > 128:
            problems.append(Problem(path, "this is no name", "Write 1 to 128 characters."))
        if isinstance(plan, dict):
            problems += [
                Problem(f"{path}.{key}", "a reviewed plan cannot hold this", "Leave it to the event that names the plan.")
                for key in NOT_IN_PLANS
                if key in plan
            ]
        asked = {key: value for key, value in plan.items() if key not in NOT_IN_PLANS} if isinstance(plan, dict) else plan
        try:
            requests[name] = parse_request(asked, path)
        except InvalidEventError as err:
            problems += err.problems
    return requests


def _read_alarms(raw: object, problems: list[Problem]) -> tuple[AlarmRule, ...]:
    if not isinstance(raw, list):
        problems.append(Problem("plans.json: alarms", "this is no list", 'Write [{"name": "<glob>", "action": "restart"}].'))
        return ()
    rules = []
    for number, rule in enumerate(raw):
        path = f"plans.json: alarms[{number}]"
        if not isinstance(rule, dict):
            problems.append(Problem(path, "this is no object", 'Write {"name": "<glob>", "action": "restart"}.'))
            continue
        known = (*CONDITIONS, *RULE_FIELDS)
        problems += [
            Problem(f"{path}.{key}", "no field of a rule has this name", suggest_or_list(str(key), known))
            for key in rule
            if key not in known
        ]
        conditions = {key: rule[key] for key in CONDITIONS if rule.get(key) is not None}
        problems += [
            Problem(f"{path}.{key}", "this is no text", "Write text in quotes.")
            for key, value in conditions.items()
            if not isinstance(value, str) or not value
        ]
        if not conditions:
            problems.append(Problem(path, "no condition says which alarms are meant", "Write name (a glob) or metric, or both."))
        request = {"cooldown_s": ALARM_COOLDOWN_S, **{key: rule[key] for key in RULE_FIELDS if key in rule}}
        try:
            parse_request({**request, "instances": [_ANY_ID]}, path)
        except InvalidEventError as err:
            problems += err.problems
            continue
        rules.append(AlarmRule(conditions.get("name"), conditions.get("metric"), request))
    return tuple(rules)


def plans_schema() -> dict[str, Any]:
    """The JSON Schema of `plans.json`."""
    request = Request.model_json_schema()
    definitions = request.pop("$defs")
    fields = {key: value for key, value in request["properties"].items() if key not in NOT_IN_PLANS}
    text = {"type": "string", "minLength": 1}
    plan = {
        "type": "object",
        "additionalProperties": False,
        "properties": fields,
        "required": ["action"],
        "oneOf": [{"required": ["instances"]}, {"required": ["select"]}],
    }
    rule = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "name": {**text, "description": "A glob over the alarm's name."},
            "metric": {**text, "description": "The alarm's metric, such as memory_usage."},
            **{key: fields[key] for key in RULE_FIELDS},
        },
        "required": ["action"],
        "anyOf": [{"required": ["name"]}, {"required": ["metric"]}],
    }
    return {
        "title": "DCS Upkeep plans.json",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "plans": {"type": "object", "additionalProperties": plan, "description": "Name -> reviewed request."},
            "alarms": {
                "type": "array",
                "items": rule,
                "description": "Cloud Eye alarms and what they ask for; the first that matches counts.",
            },
        },
        "$defs": definitions,
    }
