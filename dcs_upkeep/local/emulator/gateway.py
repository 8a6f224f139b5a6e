"""The gateway in front of every service: it records each request, checks who asks, and lets a due fault have its way."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, unquote

from . import obs_signature
from .exchange import SMN_OPERATIONS, Answer, Call, Route, dcs_error, gateway_error, obs_error, smn_error, spell_with_digits
from .fault_effects import arm, change_fleet, corrupt, short_circuit
from .faults import FaultPlan
from .fleet_state import FleetState
from .keys import KeyRing
from .obs import ObsService
from .quota import Quota
from .signature import SignedRequest
from .timeline import Timeline
from .truth import Record, Truth

OBS_CODES = {"signature": "SignatureDoesNotMatch", "locked_key": "InvalidAccessKeyId", "expired_key": "InvalidAccessKeyId"}


@dataclass(frozen=True)
class Gateway:
    """All that a connection needs to answer a request."""

    routes: list[Route]
    obs: ObsService
    keys: KeyRing
    quota: Quota | None
    state: FleetState
    project_id: str
    plan: FaultPlan
    truth: Truth
    timeline: Timeline
    wall_clock: Callable[[], datetime]
    wait: Callable[[float], object]
    latency_s: float
    numeric_codes: bool
    on_request: Callable[[Record], None] | None

    def answer(self, request: SignedRequest, connection: int) -> tuple[Record, Answer]:
        """Record the request, check who asks, let a due fault have its way, and ask the service."""
        self.timeline.catch_up()
        path = unquote(request.path)
        of_obs = self.obs.concerns(request)
        route, values = self.obs.find_route(request, path) if of_obs else self._find_route(request.method, path)
        query = _read_query(request.query)
        operation = route.operation if route else "unknown"
        record = self.truth.begin(operation, request.method, path, query, self.timeline.now(), connection)
        call = Call(values, query, request.body, record, request.headers)
        record.ids, record.action = _named_ids(call), _named_action(call)
        if self.on_request:
            self.on_request(record)
        if self.latency_s:
            self.wait(self.latency_s)
            self.timeline.catch_up()
        answer = self._refuse_at_obs(request, route, call) if of_obs else self._refuse(request, route, values, record)
        if answer is None and route is not None:
            answer = self._serve(route, call)
        assert answer is not None
        if self.numeric_codes:
            answer = spell_with_digits(answer)
        if answer.transport not in ("close", "hang"):
            record.status, record.error_code = answer.status, answer.error_code()
        return record, answer

    def _find_route(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        for route in self.routes:
            if (values := route.match(method, path)) is not None:
                return route, values
        return None, {}

    def _refuse(self, request: SignedRequest, route: Route | None, values: Mapping[str, str], record: Record) -> Answer | None:
        record.access_key = request.access_key
        if refusal := self.keys.refuse(request):
            record.refused = refusal.reason
            message = f"Incorrect IAM authentication information: {refusal.text}"
            return gateway_error(401, "APIGW.0301", message, record.request_id)
        if self.quota and (over := self.quota.refuse(record, self.timeline.now)):
            return over
        if route is None:
            return gateway_error(404, "APIGW.0101", "The API does not exist.", record.request_id)
        if values["project_id"] == self.project_id:
            return None
        if route.operation in SMN_OPERATIONS:
            return smn_error(403, "SMN.0001", "No permission for this project.", record.request_id)
        return dcs_error(401, "DCS.1004", "The project ID in the URL does not match the token.")

    def _refuse_at_obs(self, request: SignedRequest, route: Route | None, call: Call) -> Answer | None:
        """OBS is a service of its own: it has no share in the quota of the gateway, knows no project, and refuses with 403."""
        call.record.access_key = obs_signature.access_key(request)
        if refusal := self.keys.refuse(request, obs_now=self.obs.now() if self.obs.now else self.wall_clock()):
            call.record.refused = refusal.reason
            return obs_error(403, OBS_CODES.get(refusal.reason, refusal.text), call)
        return obs_error(405, "MethodNotAllowed", call) if route is None else None

    def _serve(self, route: Route, call: Call) -> Answer:
        fault = self.plan.take(route.operation, call.record.ids, _page(call))
        if fault is None:
            return route.reply(call)
        call.record.fault = fault.kind
        if instead := short_circuit(fault, call):
            return instead
        change_fleet(fault, self.state)
        arm(fault, call)
        answer = corrupt(fault, call, route.reply(call))
        if fault.delay_s and not answer.pause_s:
            self.wait(fault.delay_s)
        return answer


def _read_query(text: str) -> dict[str, str]:
    """The query, lists joined with commas: the SDK sends a list as one pair for each of its values."""
    query: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    return query


def _page(call: Call) -> int | None:
    """Which page of a list this is, from 1; None if it is no list, or a bad page."""
    offset, limit = call.query.get("offset", "0"), call.query.get("limit", "10")
    is_list = call.record.method == "GET" and offset.isdecimal() and limit.isdecimal() and int(limit) > 0
    return int(offset) // int(limit) + 1 if is_list else None


def _named_ids(call: Call) -> tuple[str, ...]:
    """The instance IDs a request names: in its path, its query, or the body of a status PUT; at OBS the key of the object."""
    ids = _put_body(call).get("instances", [])
    in_body = [one for one in ids if isinstance(one, str)] if isinstance(ids, list) else []
    elsewhere = (call.path_values.get("instance_id"), call.query.get("instance_id"), call.path_values.get("key"))
    return tuple(in_body + [one for one in elsewhere if one])


def _named_action(call: Call) -> str | None:
    action = _put_body(call).get("action")
    return action if isinstance(action, str) else None


def _put_body(call: Call) -> dict[str, object]:
    body: object = None
    if call.record.operation == "put":
        with contextlib.suppress(ValueError):
            body = json.loads(call.body)
    return body if isinstance(body, dict) else {}
