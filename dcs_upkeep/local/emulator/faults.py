"""Faults on purpose: which request meets one, and what it does to the request and to the answer."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from .jsonfile import make_all

# Each kind and what the emulator does. "executed" means the action really began.
KINDS = {
    # nothing is executed
    "429": "throttled by the gateway: APIGW.0308; `retry_after_s` adds the header",
    "401": "refused by the gateway: APIGW.0301",
    "403": "no permission: DCS.2003",
    "ungranted": "403 DCS.2003 for a request that names one of `ids`; others do not meet it",
    "500": "DCS.5000 in JSON",
    "503": "too much at once: SlowDown of OBS; a page of a proxy from others",
    "502_html": "an HTML page of a proxy",
    "error": "the given status, code and message",
    "hang": "the request is read and never answered",
    "drop": "the connection is closed without an answer",
    # executed in full, the answer is lost or spoiled
    "500_executed": "executed, then DCS.5000",
    "hang_executed": "executed, never answered",
    "lost_answer": "executed, the connection is closed without an answer",
    "truncated": "executed, half the body is sent and the connection closed",
    "slow": "executed and answered after delay_s seconds of the emulator's `sleep`: real ones, unless it is told",
    "trickle": "executed, the head is sent at once and the body a byte every delay_s (as slow)",
    "slow_head": "executed, the head is sent a line every delay_s (as slow), then the body at once",
    # the fleet changes just before the answer; `page`: before this page of a list is read
    "deleted": "`ids` (else the first of the list) are deleted: the rows behind them move up",
    "created": "a twin of the first instance is created in front of it: all rows move down",
    # what is true is told wrong or not at all
    "task": "a show tells of a `task` under way",
    "no_field": "`field` is missing from the rows `ids` (else all), or from a show",
    "null_field": "`field` is null in them",
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
    # executed, and it takes another course than usual
    "flap": "the instances are in ERROR for `for_s` seconds before they are RUNNING",
    "gone": "the instances are deleted `for_s` seconds after",
    "busy": "the busy state lasts `for_s` seconds",
    # some IDs are answered `failed` and not executed
    "half_success": "every second ID failed",
    "failed": "`ids` (else all) failed",
}
PUT_ONLY = frozenset({"odd_result", "nameless_rows", "extra_ids", "wrong_id", "half_success", "failed", "flap", "gone", "busy"})


@dataclass(frozen=True)
class Fault:
    """One planned failure; `KINDS` says what each kind does.

    `operation`: "put", "list", "show", "configs", "tasks", "flavors", "statistics", "counts", "copy", "backups", "alarms",
    "publish", "attributes", "subscriptions"; of OBS "append", "get_object", "put_object", "head_object", "delete_object", "list_objects",
    "get_lifecycle", "get_versioning"; or "any".
    It skips the first `after` matching requests, then fires `times` times (None: always). `instance_id`: only requests
    that name this ID, or this key of an object, match. `page`: only lists of this page match, counted from 1. The rest
    belongs to single kinds: `ids` (rows and PUT results), `word` (odd_result), `field` (no_field, null_field), `executed`
    (2xx kinds), `status`, `code` and `message` (error), `retry_after_s` (429), `for_s` (flap, gone, busy), `delay_s` (slow,
    trickle, slow_head).
    Requests refused for their signature or their quota meet no fault.
    """

    operation: str
    kind: str
    times: int | None = 1
    after: int = 0
    instance_id: str | None = None
    page: int | None = None
    ids: Sequence[str] = ()
    executed: bool = True
    word: str = "pending"
    status: int = 400
    code: str = "DCS.4026"
    message: str = "a fault on purpose"
    field: str = "tags"
    retry_after_s: float | None = None
    for_s: float = 8.0
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault kind {self.kind!r}; known: {', '.join(KINDS)}")
        if self.kind in PUT_ONLY and self.operation not in ("put", "any"):
            raise ValueError(f"fault kind {self.kind!r} is about the status PUT, not {self.operation!r}")
        if self.kind == "ungranted" and not self.ids:
            raise ValueError("fault kind 'ungranted' needs the ids that are not granted")

    def concerns(self, operation: str, ids: Collection[str], page: int | None = None) -> bool:
        """Whether a request is one of those that this fault counts and may spoil."""
        if self.operation not in (operation, "any") or (self.kind in PUT_ONLY and operation != "put"):
            return False
        if self.page is not None and self.page != page:
            return False
        if self.kind == "ungranted" and not set(self.ids) & set(ids):
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

    def take(self, operation: str, ids: Sequence[str], page: int | None = None) -> Fault | None:
        """The fault this request meets, used up by one."""
        due: Fault | None = None
        with self._lock:
            for fault, tally in self._planned:
                if not fault.concerns(operation, ids, page):
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
