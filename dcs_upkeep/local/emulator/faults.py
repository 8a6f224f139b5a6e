"""Faults on purpose: which request meets one, and what it does to the request and to the answer."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .exchange import SMN_OPERATIONS, Answer, Call, Transport, dcs_error, gateway_error, smn_error
from .jsonfile import make_all

# Each kind and what the emulator does. "executed" means the action really began.
KINDS = {
    # nothing is executed
    "429": "throttled by the gateway: APIGW.0308",
    "401": "refused by the gateway: APIGW.0301",
    "403": "no permission: DCS.2003",
    "500": "DCS.5000 in JSON",
    "502_html": "an HTML page of a proxy",
    "error": "the given status, code and message",
    "hang": "the request is read and never answered",
    "drop": "the connection is closed without an answer",
    # executed in full, the answer is lost or spoiled
    "500_executed": "executed, then DCS.5000",
    "hang_executed": "executed, never answered",
    "lost_answer": "executed, the connection is closed without an answer",
    "truncated": "executed, half the body is sent and the connection closed",
    "slow": "executed and answered after delay_s real seconds; for benches",
    # executed unless `executed` is False; the answer is 2xx and says nothing usable
    "garbage": "200 with text that is no JSON",
    "empty_object": "200 with {}",
    "null_results": "200 with null in place of the list",
    "204": "204 without a body",
    # results of the status PUT; executed unless `executed` is False
    "odd_result": "the result of each row is `word`, a word nobody documents",
    "nameless_rows": "the rows have no `instance`",
    "missing_ids": "`ids` (else every second one) are missing from the answer; of a list, too",
    "extra_ids": "rows for `ids` (else a made-up one) that nobody asked for are added",
    "wrong_id": "the rows carry `ids` (else made-up ones) in place of those asked for",
    # some IDs are answered `failed` and not executed
    "half_success": "every second ID failed",
    "failed": "`ids` (else all) failed",
}
PUT_ONLY = frozenset({"odd_result", "nameless_rows", "extra_ids", "wrong_id", "half_success", "failed"})
LISTS = ("results", "instances", "redis_config", "tasks")
MADE_UP = "00000000-dead-4bad-8bad-{:012d}"


@dataclass(frozen=True)
class Fault:
    """One planned failure; `KINDS` says what each kind does.

    `operation`: "put", "list", "show", "configs", "tasks", "copy", "backups", "alarms", "publish", "attributes", or "any".
    It skips the first `after` matching requests, then fires `times` times (None: always). `instance_id`: only requests
    that name this ID match. The rest belongs to single kinds: `ids` and `word` (PUT results), `executed` (2xx kinds),
    `status`, `code` and `message` (error), `delay_s` (slow; real seconds). Requests refused for their signature meet no fault.
    """

    operation: str
    kind: str
    times: int | None = 1
    after: int = 0
    instance_id: str | None = None
    ids: Sequence[str] = ()
    executed: bool = True
    word: str = "pending"
    status: int = 400
    code: str = "DCS.4026"
    message: str = "a fault on purpose"
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault kind {self.kind!r}; known: {', '.join(KINDS)}")
        if self.kind in PUT_ONLY and self.operation not in ("put", "any"):
            raise ValueError(f"fault kind {self.kind!r} is about the status PUT, not {self.operation!r}")

    def concerns(self, operation: str, ids: Iterable[str]) -> bool:
        if self.operation not in (operation, "any") or (self.kind in PUT_ONLY and operation != "put"):
            return False
        return self.instance_id is None or self.instance_id in ids


class FaultPlan:
    """The faults in order. The first that is due fires; every matching request counts towards `after` of each."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._planned: list[tuple[Fault, list[int]]] = []  # [seen, used]
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._planned.append((fault, [0, 0]))

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()

    def take(self, operation: str, ids: Sequence[str]) -> Fault | None:
        """The fault this request meets, used up by one."""
        due: Fault | None = None
        with self._lock:
            for fault, tally in self._planned:
                if not fault.concerns(operation, ids):
                    continue
                tally[0] += 1
                if due is None and tally[0] > fault.after and (fault.times is None or tally[1] < fault.times):
                    tally[1] += 1
                    due = fault
        return due


def read_faults(document: object) -> list[Fault]:
    """Make faults from a JSON list of objects. Raises ValueError that says where."""
    if not isinstance(document, list):
        raise ValueError("expected a list of faults")
    return make_all(Fault, document, {"operation", "kind"})


def short_circuit(fault: Fault, call: Call) -> Answer | None:
    """The answer of a fault that keeps the request from the service; None if the service is to see it."""
    request_id = call.record.request_id
    match fault.kind:
        case "429":
            message = "The throttling threshold has been reached: policy user over ratelimit,limit:200,time:5 minute"
            return gateway_error(429, "APIGW.0308", message, request_id)
        case "401":
            return gateway_error(401, "APIGW.0301", "Incorrect IAM authentication information", request_id)
        case "403":
            if call.record.operation in SMN_OPERATIONS:
                return smn_error(403, "SMN.0001", "You do not have permission to perform this operation.", request_id)
            return dcs_error(403, "DCS.2003", "You do not have permission to perform this operation.")
        case "500":
            return _internal_error(call)
        case "502_html":
            page = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
            return Answer(502, text=page, content_type="text/html")
        case "error":
            return dcs_error(fault.status, fault.code, fault.message)
        case "hang":
            return Answer(0, transport="hang")
        case "drop":
            return Answer(0, transport="close")
    return None


def arm(fault: Fault, call: Call) -> None:
    """Tell the service, through the call, what to leave alone."""
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
        return answer
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
    return rows


def _internal_error(call: Call) -> Answer:
    if call.record.operation in SMN_OPERATIONS:
        return gateway_error(500, "APIGW.0601", "Internal server error.", call.record.request_id)
    return dcs_error(500, "DCS.5000", "Internal service error.")
