"""Who asked: for every trigger that shows it, in claim, report, log, halt and message; and HTTP requests of nobody, which are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dcs_upkeep.execution.coordinator import spec_on_record
from dcs_upkeep.journal.run_stream import read_run
from dcs_upkeep.triggers.delivery import Ignored, Invalid, RunIdScope, StartRun
from dcs_upkeep.triggers.parser import parse
from dcs_upkeep.triggers.principal import MOST
from tests.triggers.test_triggers import NOW, PLANS, REQUEST, SCOPE, TEXT, alarm, apig, cloud_event, kafka, one, smn, sns_body, spec, timer
from tests.world import world

USER = "arn:aws:iam::123456789012:user/ann"
TOPIC = "urn:smn:cn-north-4:p:requests"
SCHEDULE = "arn:aws:scheduler:eu-central-1:123456789012:schedule/default/nightly"


def url(**context: Any) -> dict[str, Any]:
    """A request to a function URL or an HTTP API."""
    return {"version": "2.0", "rawPath": "/", "requestContext": {"http": {"method": "POST"}, "requestId": "r1", **context}, "body": TEXT}


def rest(**context: Any) -> dict[str, Any]:
    """A request to a REST API."""
    return {"resource": "/", "httpMethod": "POST", "requestContext": {"requestId": "r1", "resourcePath": "/", **context}, "body": TEXT}


def smn_from(topic: str, message: Any = TEXT) -> dict[str, Any]:
    event = smn(message, topic_urn=topic, timestamp=None)
    event["record"][0]["event_subscription_urn"] = "urn:fss:f"
    return event


def queued(body: str) -> dict[str, Any]:
    return {"Records": [{"messageId": "q", "eventSource": "aws:sqs", "attributes": {"SenderId": "AIDAX:deploy"}, "body": body}]}


ASKED: dict[str, tuple[Any, str | None]] = {
    "function url with IAM": (url(authorizer={"iam": {"userArn": USER, "userId": "u"}}), USER),
    "HTTP API with a JWT": (url(authorizer={"jwt": {"claims": {"sub": "user-7", "name": "Ann"}, "scopes": []}}), "user-7"),
    "HTTP API with a Lambda authorizer": (url(authorizer={"lambda": {"principalId": "svc"}}), "svc"),
    "HTTP API, authorizer without a name": (url(authorizer={"lambda": {"tier": "x"}}), "a Lambda authorizer that names nobody"),
    "REST API with IAM": (rest(identity={"userArn": USER, "sourceIp": "192.0.2.1"}), USER),
    "REST API with a user pool": (rest(identity={}, authorizer={"claims": {"sub": "user-8"}}), "user-8"),
    "REST API with a Lambda authorizer": (rest(identity={}, authorizer={"principalId": "svc", "integrationLatency": 3}), "svc"),
    "APIG": (apig(TEXT), None),
    "SMN": (smn_from(TOPIC), f"{TOPIC} (subscription urn:fss:f)"),
    "SMN alarm": (smn_from(TOPIC, alarm()), f"{TOPIC} (subscription urn:fss:f)"),
    "SNS": ({"Records": [{"EventSource": "aws:sns", "Sns": sns_body(TEXT)}]}, "arn:aws:sns:r:1:t"),
    "SQS": (queued(TEXT), "AIDAX:deploy"),
    "SNS in SQS": (queued(json.dumps(sns_body(TEXT))), "AIDAX:deploy (arn:aws:sns:r:1:t)"),
    "EventBridge": (
        {"id": "b", "source": "s", "detail-type": "t", "account": "123456789012", "resources": ["arn:rule"], "detail": REQUEST},
        "account 123456789012 (arn:rule)",
    ),
    "Scheduler": ({"request": REQUEST, "run_id": f"{SCHEDULE}/2026-11-24T03:00:00Z", "time": "2026-11-24T02:59:00Z"}, SCHEDULE),
    "Scheduler with a key of its own": ({"request": REQUEST, "run_id": "nightly/1"}, None),
    "EventGrid": (cloud_event(REQUEST), "HC.DCS"),
    "timer": (timer(TEXT), None),
    "Kafka": (kafka(TEXT), None),
    "direct": (REQUEST, None),
}


@pytest.mark.parametrize("name", ASKED)
def test_who_asked_is_what_the_trigger_shows(name: str) -> None:
    event, principal = ASKED[name]
    assert spec(event).trigger.principal == principal


def test_the_caller_of_the_command_line_asks_for_direct_events() -> None:
    scope = RunIdScope("local", "f", "r", "p", "request-1", user="ann")
    (item,) = parse(REQUEST, scope, PLANS, NOW).items
    assert isinstance(item, StartRun)
    assert item.spec.trigger.principal == "ann"
    (item,) = parse(smn_from(TOPIC), scope, PLANS, NOW).items
    assert isinstance(item, StartRun)
    assert item.spec.trigger.principal == f"{TOPIC} (subscription urn:fss:f)"


def test_each_record_has_its_own_sender_and_a_refused_one_has_it_too() -> None:
    event = {"record": [*smn_from("urn:smn:a")["record"], *smn_from("urn:smn:b", "?")["record"]]}
    first, second = parse(event, SCOPE, PLANS, NOW).items
    assert isinstance(first, StartRun)
    assert isinstance(second, Invalid)
    assert str(first.spec.trigger.principal).startswith("urn:smn:a (")
    assert str(second.trigger.principal).startswith("urn:smn:b (")


@pytest.mark.parametrize("name", [f"a\nb\r\u202e{'c' * 5000}", "\ud800\x00x"])
def test_a_name_is_one_bounded_line(name: str) -> None:
    principal = str(spec(smn_from(name)).trigger.principal)
    assert len(principal) <= MOST
    assert principal.isprintable()


@pytest.mark.parametrize("name", [None, "", 7, True, [], {"a": 1}, 10**400])
def test_what_is_no_name_is_nobody(name: Any) -> None:
    assert isinstance(one({"record": [{"smn": {"message": TEXT, "topic_urn": name}}]}), StartRun)
    assert isinstance(one(url(authorizer={"iam": {"userArn": name}})), StartRun if name == 7 and name is not True else Invalid)


NOBODY = {
    "function url without IAM": url(accountId="anonymous"),
    "HTTP API without an authorizer": url(accountId="123456789012", apiId="a"),
    "an authorizer that is empty": url(authorizer={"lambda": None}),
    "a name that is empty": url(authorizer={"iam": {"userArn": ""}}),
    "REST API without an authorizer": rest(identity={"userArn": None, "sourceIp": "192.0.2.1"}, accountId="123456789012"),
    "REST API with a key alone": rest(identity={"apiKey": "k", "apiKeyId": "i"}),
    "load balancer": {"requestContext": {"elb": {"targetGroupArn": "t"}}, "httpMethod": "POST", "path": "/", "headers": {}, "body": TEXT},
}


@pytest.mark.parametrize("name", NOBODY)
def test_an_http_request_of_nobody_is_refused_with_what_to_do(name: str) -> None:
    with world(1) as here:
        answer = here.run(NOBODY[name])
        assert answer["statusCode"] == 403
        assert "UPKEEP_HTTP_ANONYMOUS" in answer["body"]
        assert {record.operation for record in here.emu.truth.requests} <= {"publish"}
    assert one(NOBODY[name]).kind == "HTTP request without identity"


@pytest.mark.parametrize("name", NOBODY)
def test_it_is_taken_where_a_setting_says_so(name: str) -> None:
    assert isinstance(one(NOBODY[name], http_anonymous=True), StartRun)
    with world(1, settings={"UPKEEP_HTTP_ANONYMOUS": "1"}) as here:
        assert here.run(NOBODY[name])["statusCode"] == 422  # read, and refused for the instance that is not there


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("form", ["apig", "url", "rest"])
def test_a_browser_that_looks_at_the_address_is_told_so_and_nobody_else(method: str, form: str) -> None:
    event = {"apig": apig(""), "url": url(), "rest": rest(identity={})}[form]
    if form == "url":
        event["requestContext"]["http"]["method"] = method
    else:
        event["httpMethod"] = method
    event = {**event, "body": None if form == "rest" else ""}
    assert isinstance(one(event), Ignored)
    with world(1) as here:
        answer = here.run(event)
        assert answer["statusCode"] == 405
        assert answer["headers"]["Allow"] == "POST"
        assert "send a POST" in json.loads(answer["body"])["ignored"]
        assert here.emu.truth.requests == []
        assert [line["level"] for line in here.log.named("run.reported")] == ["info"]


ROLE = "arn:aws:sts::123456789012:assumed-role/guests/CognitoIdentityCredentials"
GUESTS = {
    "REST": rest(identity={"cognitoAuthenticationType": "unauthenticated", "cognitoIdentityId": "eu:1", "userArn": ROLE}),
    "function URL": url(authorizer={"iam": {"userArn": ROLE, "cognitoIdentity": {"amr": ["unauthenticated"], "identityId": "eu:1"}}}),
    **{f"principalId {name}": rest(authorizer={"principalId": name}) for name in ("anonymous", "None", "null", "*")},
}
SIGNED = {
    "Cognito user": (rest(identity={"cognitoAuthenticationType": "authenticated", "userArn": ROLE}), ROLE),
    "JWT of a client": (url(authorizer={"jwt": {"claims": {"azp": "c1", "iss": "https://issuer"}}}), "c1"),
    "JWT with a mail address alone": (url(authorizer={"jwt": {"claims": {"email": "ann@example.com"}}}), "ann@example.com"),
    "JWT of nobody": (url(authorizer={"jwt": {"claims": {"iss": "https://issuer"}}}), "a token that names nobody"),
    "REST token of nobody": (rest(authorizer={"claims": {"iss": "https://issuer"}}), "a token that names nobody"),
}


@pytest.mark.parametrize("name", GUESTS)
def test_a_guest_is_nobody(name: str) -> None:
    assert one(GUESTS[name]).kind == "HTTP request without identity"


@pytest.mark.parametrize("name", SIGNED)
def test_a_token_that_was_checked_is_somebody(name: str) -> None:
    event, principal = SIGNED[name]
    assert spec(event).trigger.principal == principal


@pytest.mark.parametrize("method", [None, 7, True, [], ["GET"], {}, {"GET": 1}])
def test_a_method_that_is_no_text_breaks_nothing(method: Any) -> None:
    for event in (rest(identity={}), apig(""), url()):
        item = one({**event, "httpMethod": method, "body": ""})
        assert isinstance(item, Invalid | Ignored)


ELB = {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:r:1:targetgroup/t"}}


@pytest.mark.parametrize(
    ("changes", "lists"),
    [
        ({"headers": {"accept": "*/*"}}, False),
        ({"multiValueHeaders": {"accept": ["*/*"]}}, True),
        ({"multiValueHeaders": {"accept": ["*/*"]}, "headers": None}, True),
        ({"multiValueHeaders": None, "headers": {"accept": "*/*"}}, False),
        ({"multiValueHeaders": {"Accept": ["*/*"]}, "headers": {"Accept": "*/*"}, "requestContext": {"identity": {}}}, False),
    ],
)
@pytest.mark.parametrize(("method", "code"), [("GET", 405), ("POST", 403)])
def test_a_load_balancer_gets_its_headers_in_the_form_of_its_request(changes: Any, lists: bool, method: str, code: int) -> None:
    """With multi-value headers enabled it reads no others."""
    body = TEXT if method == "POST" else ""
    with world(1) as here:
        answer = here.run({"requestContext": ELB, "httpMethod": method, "path": "/", "body": body, "isBase64Encoded": False, **changes})
    assert answer["statusCode"] == code
    expected = {"Content-Type": "application/json", **({"Allow": "POST"} if code == 405 else {})}
    if lists:
        assert answer["multiValueHeaders"] == {name: [value] for name, value in expected.items()}
        assert "headers" not in answer
    else:
        assert answer["headers"] == expected
        assert "multiValueHeaders" not in answer


def test_two_callers_may_choose_one_key_and_one_caller_keeps_it_over_sessions() -> None:
    def keyed(arn: str) -> str:
        event = url(authorizer={"iam": {"userArn": arn}})
        return spec({**event, "body": json.dumps({**REQUEST, "run_id": "k1"})}).run_id

    role = "arn:aws:sts::123456789012:assumed-role/deploy"
    assert keyed(USER) != keyed(f"{USER}2")
    assert keyed(f"{role}/one") == keyed(f"{role}/two")
    assert spec(apig(json.dumps({**REQUEST, "run_id": "k1"}))).run_id.startswith("http:k1@")


def test_it_is_in_claim_report_log_and_message() -> None:
    with world(2, journal=True) as here:
        report = here.run(smn_from(TOPIC, json.dumps({"action": "restart", "instances": here.ids[:1]})))
        wanted = f"{TOPIC} (subscription urn:fss:f)"
        assert report["trigger"]["principal"] == wanted
        assert [line["principal"] for line in here.log.named("run.claimed")] == [wanted]
        assert [line["trigger"]["principal"] for line in here.log.named("run.reported")] == [wanted]
        assert here.journal is not None
        state, _ = read_run(here.journal, report["run_id"])
        assert spec_on_record(state).trigger.principal == wanted
        assert any(f"Trigger: smn by {wanted}" in str(message) for message in here.emu.truth.messages)


def test_it_is_in_the_halt_and_its_release() -> None:
    with world(1, journal=True) as here:
        assert here.journal is not None
        halt = here.run(smn_from(TOPIC, '{"command": "halt", "reason": "storm"}'))["halt"]
        assert halt["by"] == f"smn:m0 by {TOPIC} (subscription urn:fss:f)"


def test_it_is_in_what_an_approval_was_shown_to() -> None:
    with world(1, journal=True) as here:
        event = url(authorizer={"iam": {"userArn": USER}})
        body = {"action": "flush", "instances": here.ids, "dry_run": True, "requested_by": "somebody"}
        answer = json.loads(here.run({**event, "body": json.dumps(body)})["body"])
        plan = answer["plan"]
        assert here.journal is not None
        entries = here.journal.read(f"plan/{plan['digest']}.{plan['showing']}")
        assert [entry["by"] for _, entry in entries] == [USER]


def test_a_run_of_a_version_that_did_not_note_it_is_read() -> None:
    with world(1, journal=True) as here:
        report = here.run({"action": "restart", "instances": here.ids})
        assert here.journal is not None
        claimed: Any = here.journal.read(f"run/{report['run_id']}")[0][1]
        assert "principal" not in claimed["trigger"]
        state, _ = read_run(here.journal, report["run_id"])
        assert spec_on_record(state).trigger.principal is None
