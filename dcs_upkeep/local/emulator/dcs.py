"""The DCS v2 routes: list, show, configs, tasks, and the status PUT with its official refusals."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from .exchange import Answer, Call, RefusalError, Route, read_page, refusable
from .fleet import Instance
from .fleet_state import ACTIONS, FleetState, not_granted
from .rows import has_task, list_item, show_body

BATCH_LIMIT = 50
ID_FORMAT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

# The state an instance is in -> the refusal of an action that needs another one (error codes table of the DCS API).
REFUSAL_BY_STATE = {
    "RESTARTING": ("DCS.4111", "The instance is restarting."),
    "EXTENDING": ("DCS.4113", "The instance is being scaled."),
    "UPGRADING": ("DCS.4116", "The instance is being upgraded."),
    "ROLLBACKING": ("DCS.4117", "The instance is being rolled back."),
    "CREATING": ("DCS.4118", "The instance is being created."),
    "FROZEN": ("DCS.4120", "The instance is frozen."),
    "FREEZING": ("DCS.4120", "The instance is being frozen."),
    "RESTORING": ("DCS.4097", "The instance is being restored."),
    "CLOSED": ("DCS.4049", "The instance is not running."),
    "ERROR": ("DCS.4049", "The instance is not running."),
}
OTHER_STATE = ("DCS.4026", "This operation is not allowed in the current instance state.")


@dataclass(frozen=True)
class Rules:
    """What the documents leave open, so that the tool can be tried against each reading.

    `partial_execution`: a batch refused for one ID has executed the healthy ones before it.
    `region_knows_stop_start`: False answers stop and start with DCS.4064.
    `numeric_codes`: errors are spelled 111400100 instead of DCS.4100.
    `lag_refuses`: a second PUT while the first does not show yet is answered DCS.4017, instead of executed again.
    `task_refuses`: a PUT while show tells of a `task` is answered DCS.4017, too.
    `instance_num_counts_page`: `instance_num` counts the page instead of all matches.
    """

    partial_execution: bool = False
    region_knows_stop_start: bool = True
    numeric_codes: bool = False
    lag_refuses: bool = False
    task_refuses: bool = False
    instance_num_counts_page: bool = False


class DcsService:
    """Answers for the DCS endpoints over one fleet."""

    def __init__(self, state: FleetState, rules: Rules) -> None:
        self._state = state
        self._rules = rules

    def routes(self) -> list[Route]:
        root = "/v2/{project_id}/instances"
        return [
            Route("PUT", root + "/status", "put", refusable(self.put_status)),
            Route("GET", root, "list", refusable(self.list_instances)),
            Route("GET", root + "/{instance_id}", "show", refusable(self.show_instance)),
            Route("GET", root + "/{instance_id}/configs", "configs", refusable(self.list_configs)),
            Route("GET", root + "/{instance_id}/tasks", "tasks", refusable(self.list_tasks)),
        ]

    def list_instances(self, call: Call) -> Answer:
        offset, limit = read_page(call.query)
        with self._state.lock:
            matches = [one for one in self._state.listed() if _matches(one, call.query)]
        page = matches[offset : offset + limit]
        counted = page if self._rules.instance_num_counts_page else matches
        rows = [list_item(one, self._state.iso) for one in page]
        return Answer(200, {"instance_num": len(counted), "instances": rows})

    def show_instance(self, call: Call) -> Answer:
        one = self._find(call.path_values["instance_id"])
        return Answer(200, show_body(one, self._state.iso, self._state.now()))

    def list_configs(self, call: Call) -> Answer:
        one = self._find(call.path_values["instance_id"])
        rows = [
            _parameter("1", "timeout", "0", "Integer", "0-7200"),
            _parameter("2", "maxmemory-policy", "volatile-lru", "Enum", "volatile-lru,allkeys-lru,noeviction"),
        ]
        if one.appendonly is not None:
            rows.append(_parameter("3", "appendonly", one.appendonly, "Enum", "yes,no"))
        return Answer(
            200,
            {
                "instance_id": one.instance_id,
                "config_time": self._state.iso(one.updated_at),
                "config_status": "SUCCESS",
                "status": one.status,
                "redis_config": rows,
            },
        )

    def list_tasks(self, call: Call) -> Answer:
        one = self._find(call.path_values["instance_id"])
        offset, limit = read_page(call.query)
        # task_count is a string in the official shape; restart and flush have no documented task name.
        return Answer(200, {"task_count": str(len(one.tasks)), "tasks": one.tasks[offset : offset + limit]})

    def put_status(self, call: Call) -> Answer:
        """Check the whole batch, then execute it; the spared IDs are answered `failed` and left alone."""
        ids, action = self._read_put(call.body)
        with self._state.lock:
            self._check_granted(ids)
            healthy: list[str] = []
            for instance_id in ids:
                try:
                    self._check_may(instance_id, action)
                except RefusalError:
                    if self._rules.partial_execution:
                        self._execute(call, healthy, action)
                    raise
                healthy.append(instance_id)
            self._execute(call, healthy, action)
        rows = [{"instance": one, "result": "failed" if one in call.spared else "success"} for one in ids]
        return Answer(200, {"results": rows})

    def _execute(self, call: Call, ids: list[str], action: str) -> None:
        if call.dry:
            return
        done = tuple(one for one in ids if one not in call.spared)
        for instance_id in done:
            self._state.execute(instance_id, action, **call.temper)
        call.record.executed = done

    def _read_put(self, body: bytes) -> tuple[list[str], str]:
        if not body:
            raise RefusalError(400, "DCS.4004", "The request body is empty.")
        try:
            document = json.loads(body)
        except ValueError:
            raise RefusalError(400, "DCS.4005", "The request body is not JSON.") from None
        ids = document.get("instances") if isinstance(document, Mapping) else None
        if not isinstance(ids, list) or not ids:
            raise RefusalError(400, "DCS.4065", "The instances parameter is null or absent.")
        if len(ids) > BATCH_LIMIT:
            raise RefusalError(400, "DCS.4100", "The number of instance IDs in an instances array cannot exceed 50.")
        action = document.get("action")
        known = [name for name in ACTIONS if self._rules.region_knows_stop_start or name not in ("stop", "start")]
        if action not in known:
            raise RefusalError(400, "DCS.4064", "The action must be start, stop, or restart.")
        for one in ids:
            _check_id(one)
        return list(dict.fromkeys(ids)), action

    def _check_granted(self, ids: list[str]) -> None:
        """IAM looks at the whole batch before DCS looks at any of it."""
        found = [self._state.find(instance_id) for instance_id in ids]
        if any(one is not None and one.granted != "yes" for one in found):
            raise not_granted()

    def _check_may(self, instance_id: str, action: str) -> None:
        one = self._find(instance_id)
        if action in ("flush", "stop", "start") and (one.engine != "Redis" or one.engine_version.startswith("3.")):
            raise RefusalError(400, "DCS.4007", "This operation is not supported by the instance type.")
        if one.status not in ACTIONS[action][0]:
            code, message = REFUSAL_BY_STATE.get(one.status, OTHER_STATE)
            raise RefusalError(400, code, message)
        waits_for_change = self._rules.lag_refuses and one.change is not None
        waits_for_task = self._rules.task_refuses and has_task(one, self._state.now())
        if waits_for_change or waits_for_task:
            raise RefusalError(400, "DCS.4017", "A job of this instance is still running.")

    def _find(self, instance_id: str) -> Instance:
        _check_id(instance_id)
        return self._state.find_for_caller(instance_id)


def _check_id(instance_id: object) -> None:
    if not isinstance(instance_id, str) or not ID_FORMAT.fullmatch(instance_id):
        raise RefusalError(400, "DCS.4061", "The instance ID format is invalid.")


def _matches(one: Instance, query: Mapping[str, str]) -> bool:
    if one.status == "CREATEFAILED" and query.get("include_failure") != "true":
        return False
    if one.status == "DELETED" and query.get("include_delete") != "true":
        return False
    name = query.get("name", "")
    named = one.name == name if name and query.get("name_equal") == "true" else name in one.name
    # The v1.0 page of the same query writes `tags={key}={value}`; commas mean AND.
    pairs = [pair.partition("=")[::2] for pair in query.get("tags", "").split(",") if pair]
    tagged = all(key in one.tags and (not value or one.tags[key] == value) for key, value in pairs)
    exact = {"instance_id": one.instance_id, "status": one.status, "ip": one.ip}
    return named and tagged and all(query.get(key, value) == value for key, value in exact.items())


def _parameter(param_id: str, name: str, value: str, kind: str, span: str) -> dict[str, str]:
    return {
        "param_id": param_id,
        "param_name": name,
        "param_value": value,
        "default_value": value,
        "value_type": kind,
        "value_range": span,
        "description": name,
    }
