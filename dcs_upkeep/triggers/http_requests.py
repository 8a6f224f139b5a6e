"""An HTTP request, as APIG, API Gateway, Lambda function URLs and load balancers hand it on: its body, and the key that its caller gave."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from dcs_upkeep.domain.errors import Problem
from dcs_upkeep.domain.model import Trigger, TriggerKind
from dcs_upkeep.domain.problems import join, shorten
from dcs_upkeep.triggers.http_access import turned_away
from dcs_upkeep.triggers.payload import PayloadParser, keyed_by_caller
from dcs_upkeep.triggers.principal import http_principal
from dcs_upkeep.triggers.records import Event, Part, text_at
from dcs_upkeep.triggers.shapes import value_at

KEY_HEADER = "idempotency-key"
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,255}", re.ASCII)  # that of the field run_id
_KEY_FORM = "Write 1 to 256 letters, digits or ._:/@+-, starting with a letter or digit, or leave the header out."


def http(event: Event, path: str, parser: PayloadParser) -> tuple[Part, ...]:
    """The body, plain or base64. The key of its run is the request's run_id, else the Idempotency-Key header, else the request's id."""
    trigger = http_trigger(event, parser)
    if (turned := turned_away(event, path, trigger, parser)) is not None:
        return (Part(trigger, item=turned),)
    key, problem = _caller_key(event, path)
    if key is not None:
        trigger = keyed_by_caller(trigger, key)
    where = join(path, "body")
    content = event.get("body")
    if not isinstance(content, str | dict) or content == "":
        return (Part(trigger, item=parser.refuse(trigger, where, "the request has no body")),)
    if isinstance(content, str) and event.get("isBase64Encoded"):
        try:
            content = base64.b64decode(content, validate=True)
        except (binascii.Error, ValueError):
            what = "isBase64Encoded is true, but the body is not valid base64"
            return (Part(trigger, item=parser.refuse(trigger, where, what)),)
    return (Part(trigger, content, where, key_problem=problem),)


def http_trigger(event: Event, parser: PayloadParser) -> Trigger:
    """The request's own id, and who sent it."""
    context = event.get("requestContext")
    request_id = text_at(context, "requestId") if isinstance(context, dict) else ""
    return Trigger(TriggerKind.HTTP, request_id or parser.scope.request_id, principal=http_principal(event))


def header_lists(event: Event) -> bool:
    """Whether the answer must give each header as a list: a load balancer with multi-value headers enabled reads no others.

    Its requests have `multiValueHeaders` in place of `headers`, never both. (API Gateway's may have both, and it reads either.)
    """
    return (
        value_at(event, "requestContext/elb") is not None and isinstance(event.get("multiValueHeaders"), dict) and not event.get("headers")
    )


def _caller_key(event: Event, path: str) -> tuple[str | None, Problem | None]:
    """The Idempotency-Key header, and what is wrong with it."""
    given = list(_header_values(event, KEY_HEADER))
    if not given:
        return None, None
    where = join(join(path, "headers"), "Idempotency-Key")
    if any(value != given[0] for value in given):
        return None, Problem(where, "the header has several values that differ", "Send it once.")
    key = given[0]
    if isinstance(key, str):
        key = key.strip()
        key = key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key  # its standard form is a quoted string
        if _KEY.fullmatch(key):
            return key, None
    return None, Problem(where, f"{shorten(given[0])} is not a valid key", _KEY_FORM)


def _header_values(event: Event, name: str) -> Iterator[object]:
    """What a header holds, however it is written (`X-` before it, another letter case, underscores), one value or a list of them."""
    for field in ("headers", "multiValueHeaders"):
        headers = event.get(field)
        for key, value in headers.items() if isinstance(headers, dict) else ():
            if isinstance(key, str) and key.strip().lower().replace("_", "-").removeprefix("x-") == name:
                yield from value if isinstance(value, list) else (value,)
