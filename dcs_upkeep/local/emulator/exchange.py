"""What one call asks and what is answered: the words the routes, the faults and the server share."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

from .truth import Record

Transport = Literal["send", "half", "trickle", "slow_head", "close", "hang"]
# Their errors have a shape of their own.
SMN_OPERATIONS = ("publish", "attributes", "subscriptions")
OBS_OPERATIONS = (
    "append", "put_object", "get_object", "head_object", "delete_object", "list_objects", "get_lifecycle", "get_versioning",
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, and how its bytes go out.

    `payload` is sent as JSON unless `text` or, as it is, `raw` is given. `transport`: `send` all of it, send `half` of it and close,
    `trickle` the body a byte every `pause_s`, send the head a line every `pause_s` (`slow_head`), `close` without a
    byte, or `hang` until the client or the emulator goes away.
    """

    status: int
    payload: object = None
    text: str | None = None
    raw: bytes | None = None
    content_type: str = "application/json"
    transport: Transport = "send"
    pause_s: float = 0.0
    extra_headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        if self.status == 204:
            return b""
        if self.raw is not None:
            return self.raw
        text = json.dumps(self.payload) if self.text is None else self.text
        return text.encode()

    def headers(self, request_id: str) -> dict[str, str]:
        """What stands before the body, but for what is the connection's own."""
        of_body = {} if self.status == 204 else {"Content-Type": self.content_type, "Content-Length": str(len(self.body()))}
        return {"X-Request-Id": request_id, **of_body, **self.extra_headers}

    def error_code(self) -> str | None:
        """The error code in the payload, in the DCS, the SMN or the OBS shape."""
        if self.text is not None and self.content_type == "application/xml":
            found = re.search(r"<Code>(\w+)</Code>", self.text)
            return found[1] if found else None
        if not isinstance(self.payload, Mapping):
            return None
        code = self.payload.get("error_code", self.payload.get("code"))
        return code if isinstance(code, str) else None


@dataclass
class Call:
    """One request on its way through a route.

    A fault may set, before the route runs: `dry` (answer, but do nothing), `spared` (IDs to leave alone), `temper`
    (Instance fields that hold for what is executed now).
    """

    path_values: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    record: Record
    headers: Mapping[str, str] = field(default_factory=dict)
    dry: bool = False
    spared: frozenset[str] = field(default_factory=frozenset)
    temper: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    """`pattern` is a path with `{names}`; `operation` is what faults and `truth.count()` call it."""

    method: str
    pattern: str
    operation: str
    reply: Callable[[Call], Answer]

    def match(self, method: str, path: str) -> dict[str, str] | None:
        found = _compile(self.pattern).fullmatch(path) if method == self.method else None
        return found.groupdict() if found else None


@lru_cache
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern))


def dcs_error(status: int, code: str, message: str) -> Answer:
    """An error of the DCS service."""
    return Answer(status, {"error_code": code, "error_msg": message, "error_ext_msg": None})


def gateway_error(status: int, code: str, message: str, request_id: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An error of the API gateway in front of every service."""
    body = {"error_msg": message, "error_code": code, "request_id": request_id}
    return Answer(status, body, extra_headers=headers or {})


class RefusalError(Exception):
    """A request that DCS refuses, carrying the answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status, self.code, self.message = status, code, message


def refusable(reply: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
    """The same reply, which answers what it refuses instead of raising."""

    def reply_or_refuse(call: Call) -> Answer:
        try:
            return reply(call)
        except RefusalError as refusal:
            return dcs_error(refusal.status, refusal.code, refusal.message)

    return reply_or_refuse


def read_page(query: Mapping[str, str]) -> tuple[int, int]:
    """`offset` from 0 up, `limit` from 1 to 1000; the default limit is 10, which surprises."""
    page = []
    for name, default, low, high in (("offset", "0", 0, None), ("limit", "10", 1, 1000)):
        text = query.get(name, default)
        number = int(text) if re.fullmatch(r"\d{1,9}", text) else -1
        if number < low or (high is not None and number > high):
            raise RefusalError(400, "DCS.4800", f"Invalid {name} in the request.")
        page.append(number)
    return page[0], page[1]


def smn_error(status: int, code: str, message: str, request_id: str) -> Answer:
    """An SMN error: other key names than DCS (SMN API reference, exception response)."""
    return Answer(status, {"request_id": request_id, "code": code, "message": message})


def spell_with_digits(answer: Answer) -> Answer:
    """The same DCS error in its second spelling: DCS.4100 (HTTP 400) is 111400100."""
    code = answer.error_code() or ""
    # DCS.4049 is listed in the DCS spelling alone (OTC DCS error_codes.rst).
    if not code.startswith("DCS.") or code == "DCS.4049" or not isinstance(answer.payload, Mapping):
        return answer
    return replace(answer, payload={**answer.payload, "error_code": f"111{answer.status}{code[-3:]}"})


def obs_error(status: int, code: str, call: Call, message: str = "") -> Answer:
    """An error of OBS: XML, with the code and no more than a sentence (API reference, error response)."""
    request_id = call.record.request_id
    text = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message or code}</Message>'
    text += f"<RequestId>{request_id}</RequestId></Error>"
    return Answer(status, text=text, content_type="application/xml", extra_headers={"x-obs-request-id": request_id})
