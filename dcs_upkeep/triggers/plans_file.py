"""Reviewed plans and alarm rules: `plans.json` beside `handler.py`, read at the start of every invocation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from dcs_upkeep.domain.errors import InvalidEventError, Problem, SettingsError
from dcs_upkeep.domain.problems import join, suggest_or_list
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
    """Which Cloud Eye alarms ask for what. `name` is a glob over the alarm's name; each condition must hold if it is given."""

    name: str | None
    metric: str | None
    request: Mapping[str, Any]

    def matches(self, name: str, metric: str) -> bool:
        """Whether this rule maps the alarm."""
        return (self.name is None or fnmatchcase(name, self.name)) and (self.metric is None or metric == self.metric)


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
        raise SettingsError([Problem("plans.json", str(err), "Correct the file; `python -m dcs_upkeep check` reads it again.")]) from None
    if not isinstance(raw, dict):
        raise SettingsError([Problem("plans.json", "must be a JSON object", 'Write {"plans": {...}, "alarms": [...]}.')])
    problems = [
        Problem(f"plans.json: {join('', key)}", "unknown field", suggest_or_list(str(key), ("plans", "alarms")))
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
        problems.append(Problem("plans.json: plans", "must be a JSON object", 'Write {"<name>": {request}, ...}.'))
        return {}
    requests: dict[str, Request] = {}
    for name, plan in raw.items():
        path = join("plans.json: plans", name)
        if not name or len(name) > 128:
            problems.append(Problem(path, "the name must have 1 to 128 characters", "Choose another name."))
        if isinstance(plan, dict):
            problems += [
                Problem(f"{path}.{key}", "not allowed in a reviewed plan", "Set it in the event that names the plan.")
                for key in NOT_IN_PLANS
                if key in plan
            ]
        written = {key: value for key, value in plan.items() if key not in NOT_IN_PLANS} if isinstance(plan, dict) else plan
        try:
            requests[name] = parse_request(written, path)
        except InvalidEventError as err:
            problems += err.problems
    return requests


def _read_alarms(raw: object, problems: list[Problem]) -> tuple[AlarmRule, ...]:
    if not isinstance(raw, list):
        problems.append(Problem("plans.json: alarms", "must be a list", 'Write [{"name": "<glob>", "action": "restart"}].'))
        return ()
    rules = []
    for number, rule in enumerate(raw):
        path = f"plans.json: alarms[{number}]"
        if not isinstance(rule, dict):
            problems.append(Problem(path, "must be a JSON object", 'Write {"name": "<glob>", "action": "restart"}.'))
            continue
        known = (*CONDITIONS, *RULE_FIELDS)
        problems += [
            Problem(join(path, key), "unknown field of a rule", suggest_or_list(str(key), known)) for key in rule if key not in known
        ]
        conditions = {key: rule[key] for key in CONDITIONS if rule.get(key) is not None}
        problems += [
            Problem(f"{path}.{key}", "must be a string that is not empty", "Write it in double quotes.")
            for key, value in conditions.items()
            if not isinstance(value, str) or not value
        ]
        if not conditions:
            problems.append(Problem(path, "at least one condition is required", "Write name (a glob) or metric, or both."))
        request = {"cooldown_s": ALARM_COOLDOWN_S, **{key: rule[key] for key in RULE_FIELDS if key in rule}}
        try:
            parse_request({**request, "instances": [_ANY_ID]}, path)
        except InvalidEventError as err:
            problems += err.problems
            continue
        rules.append(AlarmRule(conditions.get("name"), conditions.get("metric"), request))
    return tuple(rules)
