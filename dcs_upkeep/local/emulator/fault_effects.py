"""What a fault that is due does: to the request, to the fleet, and to the answer."""

from __future__ import annotations

import random
import uuid
from dataclasses import replace

from .exchange import OBS_OPERATIONS, SMN_OPERATIONS, Answer, Call, Transport, dcs_error, gateway_error, obs_error, smn_error
from .faults import Fault
from .fleet_state import FleetState
from .quota import over_quota
from .rows import task_of

LISTS = (
    "results", "instances", "redis_config", "tasks", "flavors", "statistics", "alarm_histories", "backup_record_response",
)  # fmt: skip
# Of the kinds that the gateway would answer otherwise: what OBS answers.
OBS_ERRORS = {
    "429": (429, "TooManyRequests"),
    "401": (403, "InvalidAccessKeyId"),
    "403": (403, "AccessDenied"),
    "500": (500, "InternalError"),
    "503": (503, "SlowDown"),
}
MADE_UP = "00000000-dead-4bad-8bad-{:012d}"


def short_circuit(fault: Fault, call: Call) -> Answer | None:
    """The answer of a fault that keeps the request from the service; None if the service is to see it."""
    request_id = call.record.request_id
    if call.record.operation in OBS_OPERATIONS and fault.kind in OBS_ERRORS:
        return obs_error(*OBS_ERRORS[fault.kind], call)
    match fault.kind:
        case "429":
            return over_quota(call.record, 200, 300, fault.retry_after_s)
        case "401":
            return gateway_error(401, "APIGW.0301", "Incorrect IAM authentication information", request_id)
        case "403" | "ungranted":
            if call.record.operation in SMN_OPERATIONS:
                return smn_error(403, "SMN.0001", "You do not have permission to perform this operation.", request_id)
            return dcs_error(403, "DCS.2003", "You do not have permission to perform this operation.")
        case "503":
            return Answer(503, text="<html><body>503 Service Unavailable</body></html>", content_type="text/html")
        case "500":
            return _internal_error(call)
        case "502_html":
            page = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
            return Answer(502, text=page, content_type="text/html")
        case "error" if call.record.operation in OBS_OPERATIONS:
            return obs_error(fault.status, fault.code, call, fault.message)
        case "error":
            return dcs_error(fault.status, fault.code, fault.message)
        case "hang":
            return Answer(0, transport="hang")
        case "drop":
            return Answer(0, transport="close")
    return None


def change_fleet(fault: Fault, state: FleetState) -> None:
    """Move the rows of a list under its reader."""
    first = next(iter(state.listed()), None)
    if fault.kind == "deleted":
        for instance_id in fault.ids or ([first.instance_id] if first else []):
            state.remove(instance_id)
    if fault.kind == "created" and first:
        number = len(state.all())
        made_up = random.Random(f"created-{number}").getrandbits(128)
        twin = replace(first, instance_id=str(uuid.UUID(int=made_up, version=4)), name=f"created-{number}", change=None)
        state.add(twin, first=True)


def arm(fault: Fault, call: Call) -> None:
    """Tell the service, through the call, what to leave alone and what to do in another way."""
    tempers = {"flap": "flap_s", "gone": "gone_after_s", "busy": "busy_s"}
    if fault.kind in tempers:
        call.temper = {tempers[fault.kind]: fault.for_s}
    call.dry = not fault.executed and fault.kind not in ("500_executed", "hang_executed", "lost_answer")
    if fault.kind == "half_success":
        call.spared = frozenset(call.record.ids[1::2])
    if fault.kind == "failed":
        call.spared = frozenset(fault.ids or call.record.ids)


def corrupt(fault: Fault, call: Call, answer: Answer) -> Answer:
    """What becomes of the answer of a request that the service has seen."""
    transports: dict[str, Transport] = {"hang_executed": "hang", "lost_answer": "close", "truncated": "half"}
    match fault.kind:
        case "500_executed":
            return _internal_error(call)
        case "hang_executed" | "lost_answer" | "truncated":
            return replace(answer, transport=transports[fault.kind])
        case "trickle":
            return replace(answer, transport="trickle", pause_s=fault.delay_s)
        case "slow_head":
            return replace(answer, transport="slow_head", pause_s=fault.delay_s)
        case "garbage":
            return Answer(200, text="~~ this is no JSON ~~", content_type="text/plain")
        case "empty_object":
            return Answer(200, {})
        case "204":
            return Answer(204)
    if answer.status != 200 or not isinstance(answer.payload, dict):
        return answer
    name = next((name for name in LISTS if name in answer.payload), None)
    if name is None:
        return replace(answer, payload=_corrupt_row(fault, answer.payload))
    rows = _corrupt_rows(fault, call, answer.payload[name])
    return replace(answer, payload={**answer.payload, name: rows})


def _corrupt_rows(fault: Fault, call: Call, rows: list[dict[str, object]]) -> list[dict[str, object]] | None:
    match fault.kind:
        case "null_results":
            return None
        case "odd_result":
            return [{**row, "result": fault.word} for row in rows]
        case "nameless_rows":
            return [{"result": row["result"]} for row in rows]
        case "missing_ids":
            ids = [row.get("instance", row.get("instance_id")) for row in rows]
            gone = set(fault.ids) if fault.ids else set(ids[1::2] or ids)
            return [row for row, one in zip(rows, ids, strict=True) if one not in gone]
        case "extra_ids":
            extra = fault.ids or [MADE_UP.format(0)]
            return rows + [{"instance": one, "result": "success"} for one in extra]
        case "wrong_id":
            others = fault.ids or [MADE_UP.format(number) for number in range(len(rows))]
            return [{"instance": one, "result": "success"} for one in others]
    return [_corrupt_row(fault, row) for row in rows]


def _corrupt_row(fault: Fault, row: dict[str, object]) -> dict[str, object]:
    """One row of a list, or the body of a show."""
    instance_id = str(row.get("instance", row.get("instance_id")))
    if fault.ids and instance_id not in fault.ids:
        return row
    match fault.kind:
        case "task":
            return {**row, "task": task_of(instance_id)}
        case "no_field":
            return {name: value for name, value in row.items() if name != fault.field}
        case "null_field":
            return {**row, fault.field: None} if fault.field in row else row
    return row


def _internal_error(call: Call) -> Answer:
    if call.record.operation in OBS_OPERATIONS:
        return obs_error(500, "InternalError", call)
    if call.record.operation in SMN_OPERATIONS:
        return gateway_error(500, "APIGW.0601", "Internal server error.", call.record.request_id)
    return dcs_error(500, "DCS.5000", "Internal service error.")
