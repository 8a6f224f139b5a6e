"""Which HTTP requests are turned away before anybody reads what they ask: those that ask for nothing, and those of nobody.

AWS says in the event whom an authorizer let in. Huawei Cloud's APIG does not, so what protects it is set up there (docs/security.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dcs_upkeep.domain.model import Trigger
from dcs_upkeep.domain.problems import join
from dcs_upkeep.triggers.delivery import Ignored, Invalid
from dcs_upkeep.triggers.payload import PayloadParser
from dcs_upkeep.triggers.shapes import value_at

Event = Mapping[str, Any]
LOOKING = frozenset({"GET", "HEAD", "OPTIONS"})
SETTING = "UPKEEP_HTTP_ANONYMOUS"
# What no event of APIG has, and at least one of which stands in each of API Gateway, function URLs and load balancers.
_OF_AWS = ("http", "identity", "elb", "accountId", "domainName", "authorizer", "authentication", "resourcePath", "routeKey")


def turned_away(event: Event, path: str, trigger: Trigger, parser: PayloadParser) -> Ignored | Invalid | None:
    """Why this request is not read; None if it is."""
    method = event.get("httpMethod") or value_at(event, "requestContext/http/method")
    if isinstance(method, str) and method.upper() in LOOKING and event.get("body") in (None, ""):
        reason = f"a {method} request asks for nothing; send a POST with the request as its body"
        return Ignored(trigger, reason, run_id=parser.run_id(trigger), http_code=405)
    if parser.http_anonymous or not _is_of_aws(event) or trigger.principal is not None:
        return None
    if value_at(event, "requestContext/elb") is not None:
        what = "this is a request by an Application Load Balancer, which does not show to the function who asks"
        fix = f"Use a function URL or API Gateway with IAM authorisation; {SETTING}=1 takes whatever reaches the load balancer."
    else:
        what = "nobody's identity was checked: this request came through no authorizer"
        fix = f"Set the function URL or the API to IAM authorisation (AWS_IAM); {SETTING}=1 takes requests from whoever knows the address."
    refused = parser.refuse(trigger, join(path, "requestContext.authorizer"), what, fix)
    return replace(refused, kind="HTTP request without identity", http_code=403)


def _is_of_aws(event: Event) -> bool:
    """Whether an address of AWS took this request. (Its form shows it: only who may invoke the function sends another.)"""
    context = event.get("requestContext")
    keys = context if isinstance(context, dict) else {}
    return event.get("version") in ("1.0", "2.0") or any(key in keys for key in _OF_AWS)
