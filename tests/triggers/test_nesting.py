"""Envelopes inside envelopes: each is opened by its own row, and neither trust nor bounds get lost on the way."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from dcs_upkeep.domain.model import REPORT_MARK
from dcs_upkeep.domain.run import ControlCommand
from dcs_upkeep.triggers.delivery import Ignored, Invalid, StartRun
from tests.triggers.test_triggers import (
    ENVELOPES,
    ID,
    ISO,
    REQUEST,
    TEXT,
    alarm,
    apig,
    cloud_event,
    kafka,
    one,
    parse,
    smn,
    sns_body,
    spec,
    sqs,
    timer,
)

Wrap = Callable[[Any], Any]


def smn_post(message: Any, **changes: Any) -> dict[str, Any]:
    """What SMN posts to an HTTPS address."""
    return {
        "type": "Notification",
        "signature": "x",
        "topic_urn": "urn:smn:r:p:t",
        "message_id": "p1",
        "signature_version": "v1",
        "message": message,
        "subject": "s",
        "unsubscribe_url": "https://example.com/u",
        "signing_cert_url": "https://example.com/c",
        "timestamp": ISO,
        **changes,
    }


def rule_event(detail: Any, **changes: Any) -> dict[str, Any]:
    return {"id": "b1", "source": "ops", "detail-type": "t", "time": ISO, "detail": detail, **changes}


# Every envelope as it stands in a text, and the kind and key of the run that it makes.
def rabbitmq(message: Any, **changes: Any) -> dict[str, Any]:
    record = {"messages": [message], "instance_id": "k", "exchange": "x", **changes}
    return {"event_version": "v1.0", "event_time": ISO, "trigger_type": "RABBITMQ", "records": [record]}


INNER: Mapping[str, tuple[Wrap, str]] = {
    "timer": (lambda content: timer(json.dumps(content)), "timer:night/2026-11-24T02:59:00Z"),
    "scheduler": (lambda content: {"request": content, "run_id": "arn/1", "time": ISO}, "scheduler:arn/1"),
    "smn record": (lambda content: smn(json.dumps(content)), "smn:m0"),
    "smn post": (lambda content: smn_post(json.dumps(content)), "smn:p1"),
    "sns records": (lambda content: {"Records": [{"EventSource": "aws:sns", "Sns": sns_body(json.dumps(content))}]}, "sns:n1"),
    "sns post": (lambda content: sns_body(json.dumps(content)), "sns:n1"),
    "sqs": (lambda content: sqs(json.dumps(content)), "sqs:q0"),
    "cloud event": (cloud_event, "eventgrid:HC.DCS/e1"),
    "cloud events": (lambda content: {"events": [cloud_event(content)]}, "eventgrid:HC.DCS/e1"),
    "cloud event in base64": (
        lambda content: {
            **{key: value for key, value in cloud_event(None).items() if key != "data"},
            "data_base64": base64.b64encode(json.dumps(content).encode()).decode(),
        },
        "eventgrid:HC.DCS/e1",
    ),
    "eventbridge": (rule_event, "eventbridge:ops/b1"),
    "http": (lambda content: apig(json.dumps(content)), "http:r1"),
    "kafka": (lambda content: kafka(json.dumps(content)), "kafka:k/t/"),
    "open-source kafka": (lambda content: {**kafka(json.dumps(content)), "trigger_type": "OPENSOURCEKAFKA"}, "kafka:k/t/"),
    "rocketmq": (lambda content: {**kafka(json.dumps(content)), "trigger_type": "ROCKETMQ"}, "rocketmq:k/t/"),
    "rabbitmq": (lambda content: rabbitmq(json.dumps(content)), "rabbitmq:k/x/"),
}
OUTER: Mapping[str, Wrap] = {name: wrap for name, (wrap, _) in INNER.items() if name not in ("timer", "scheduler")} | {
    "function url in base64": lambda content: {
        "version": "2.0",
        "requestContext": {"http": {}, "requestId": "r1", "authorizer": {"iam": {"userArn": "arn:aws:iam::123456789012:user/ann"}}},
        "body": base64.b64encode(json.dumps(content).encode()).decode(),
        "isBase64Encoded": True,
    }
}


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("outer", OUTER)
def test_an_envelope_in_any_other_is_opened_by_its_own_row(outer: str, inner: str) -> None:
    wrap, key = INNER[inner]
    asked = spec(OUTER[outer](wrap(REQUEST)))
    assert asked.request.instances == (ID,)
    assert asked.run_id.startswith(key)
    assert asked.run_id == spec(wrap(REQUEST)).run_id, "two ways to one event are one run"


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("outer", [*OUTER, "failure record"])
@pytest.mark.parametrize(
    "command",
    [{"command": "release", "halt": "h"}, {"command": "sweep"}, {"resume": "r"}, {"command": "show", "run": "r"}, {"command": "doctor"}],
)
def test_what_needs_trust_is_refused_however_it_is_wrapped(outer: str, inner: str, command: Any) -> None:
    wrap = OUTER.get(outer, lambda event: {"requestContext": {"requestId": "x"}, "requestPayload": event})
    item = one(wrap(INNER[inner][0](command)))
    assert isinstance(item, Invalid)
    assert "is not accepted from" in str(item.problems[0])
    halt = one(wrap(INNER[inner][0]({"command": "halt", "reason": "storm"})))
    assert isinstance(halt, ControlCommand)


def nest(content: Any, *names: str) -> Any:
    """The content in these envelopes, the outermost first."""
    for name in reversed(names):
        content = INNER[name][0](content)
    return content


def test_three_envelopes_are_opened_and_a_fourth_is_refused_by_name() -> None:
    assert spec(nest(REQUEST, "sqs", "sns post", "cloud event")).run_id.startswith("eventgrid:HC.DCS/e1@")
    for names in (("sqs", "sns post", "eventbridge", "kafka"), ("http", "smn post", "cloud event", "sqs", "sns post")):
        item = one(nest(REQUEST, *names))
        assert isinstance(item, Invalid)
        assert f"an envelope ({INNER[names[3]][1].split(':')[0]}) inside 3 others" in item.problems[0].what
    assert isinstance(one(sqs(json.dumps(smn_post(json.dumps(smn(alarm())))))), StartRun), "an alarm is no envelope"


def test_queues_are_told_apart_by_instance_and_topic_or_exchange() -> None:
    def of_topic(topic: str) -> Any:
        return {**kafka(TEXT), "trigger_type": "ROCKETMQ", "records": [{"messages": [TEXT], "topic": topic}]}

    events = [rabbitmq(TEXT), rabbitmq(TEXT, exchange="y"), rabbitmq(TEXT, instance_id="l"), of_topic("a"), of_topic("b")]
    assert len({spec(event).run_id for event in events}) == 5


@pytest.mark.parametrize("name", ["sqs", "http", "kafka"])
def test_envelopes_without_end_are_refused_in_bounded_time(name: str) -> None:
    content: Any = REQUEST
    for _ in range(12):
        content = INNER[name][0](content)
    assert isinstance(one(content), Invalid)


def test_several_records_inside_one_are_several_runs_and_bounded() -> None:
    inside = smn(TEXT, "hello", TEXT)
    delivery = parse(sqs(json.dumps(inside), TEXT))
    assert [type(item) for item in delivery.items] == [StartRun, Invalid, StartRun, StartRun]
    assert [item.record for item in delivery.items] == ["q0", "q0", "q0", "q1"]
    assert delivery.several
    many = parse(sqs(*[json.dumps(smn(*[TEXT] * 60))] * 3))
    assert len(many.items) < 110
    assert "more than 100 records" in str(one_of(many.items, Invalid).problems[0])


def one_of(items: Any, kind: type) -> Any:
    return next(item for item in items if isinstance(item, kind))


def test_the_outermost_envelope_says_how_it_is_answered() -> None:
    assert parse(apig(json.dumps(sqs(TEXT)))).http
    assert not parse(apig(json.dumps(sqs(TEXT)))).sqs
    assert [item.record for item in parse(apig(json.dumps(sqs(TEXT)))).items] == [None]
    assert parse(sqs(json.dumps(apig(TEXT)))).sqs
    assert not parse(sqs(json.dumps(apig(TEXT)))).http


@pytest.mark.parametrize("payload", [TEXT, {"hello": "world"}, sqs(TEXT), apig(TEXT)])
def test_a_failure_record_changes_nothing_about_how_what_it_came_in_is_answered(payload: Any) -> None:
    """(Of a queue whose answer is not its own, whatever failed would be lost.) For the event in the record itself nobody waits."""
    for record in (of_lambda(payload), of_functiongraph(payload)):
        assert parse(sqs(json.dumps(record), TEXT)).sqs
        assert parse(apig(json.dumps(record))).http
        assert not parse(record).sqs
        assert not parse(record).http


def test_the_place_of_a_fault_is_told_from_the_outside_in() -> None:
    item = one(sqs(json.dumps(sns_body(json.dumps(cloud_event({**REQUEST, "instnces": []}))))))
    assert item.problems[0].path == "Records[0].body.Message.data.instnces"
    assert one(apig(json.dumps(smn_post("{")))).problems[0].path == "body.message"


def test_without_an_id_or_a_time_of_its_own_it_has_that_of_what_it_came_in() -> None:
    event = sqs(json.dumps({"specversion": "1.0", "data": REQUEST}))
    asked = spec(event)
    assert asked.run_id.startswith("eventgrid:q0@")
    assert asked.trigger.time is not None
    event["Records"][0]["attributes"]["SentTimestamp"] = "1000000000000"
    assert "more than 3600 s ago" in str(one(event).problems[0])


def test_foreign_content_is_named_however_it_is_wrapped() -> None:
    """And not field by field."""
    (problem,) = one(sqs(json.dumps(sns_body(json.dumps({"Records": [{"eventSource": "aws:s3", "s3": {}}]}))))).problems
    assert "aws:s3" in problem.what
    (problem,) = one(rule_event({"bucket": {}, "object": {}}, source="aws.s3", **{"detail-type": "Object Created"})).problems
    assert "'Object Created' from 'aws.s3'" in problem.what
    (problem,) = one(sqs(json.dumps({"AlarmName": "x", "NewStateValue": "ALARM"}))).problems
    assert "CloudWatch alarm ('x'" in problem.what


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
@pytest.mark.parametrize(
    "event",
    [
        lambda kind: smn("You have ...", type=kind, subscribe_url="https://example.com/?token=t0ken"),
        lambda kind: apig(json.dumps(smn_post("You have ...", type=kind, subscribe_url="https://example.com/?token=t0ken"))),
        lambda kind: {"Records": [{"EventSource": "aws:sns", "Sns": sns_body("You have ...", Type=kind, Token="t0ken")}]},
        lambda kind: apig(json.dumps(sns_body("You have ...", Type=kind, Token="t0ken"))),
        lambda kind: sqs(json.dumps(sns_body("You have ...", Type=kind, Token="t0ken"))),
        lambda kind: {"type": kind, "message_id": "m", "topic_urn": "urn:smn:r:p:t", "subscribe_url": "https://example.com/?token=t0ken"},
    ],
)
def test_a_confirmation_is_named_with_what_to_do(event: Any, kind: str) -> None:
    (problem,) = one(event(kind)).problems
    assert kind in problem.what
    assert ("subscribe URL" in problem.fix) if kind == "SubscriptionConfirmation" else ("subscribe again" in problem.fix)
    assert "t0ken" not in str(problem), "whoever has it may confirm"


def test_the_letter_case_of_a_notice_does_not_matter() -> None:
    notice = smn_post(TEXT, type="notification")
    assert isinstance(one(apig(json.dumps(notice))), StartRun)
    assert "open the address" in one(apig(json.dumps({**notice, "type": "subscriptionConfirmation"}))).problems[0].fix


# Failure records.


def of_lambda(payload: Any, **context: Any) -> dict[str, Any]:
    return {
        "version": "1.0",
        "timestamp": "2026-11-24T02:00:00.000Z",
        "requestContext": {
            "requestId": "failed-1",
            "functionArn": "arn:aws:lambda:r:1:function:f:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
            **context,
        },
        "requestPayload": payload,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "x", "errorType": "RefusedError"},
    }


def of_functiongraph(payload: Any, **context: Any) -> dict[str, Any]:
    return {
        "timestamp": "2026-11-24T10:00:00.893440057+08:00",
        "request_context": {
            "request_id": "failed-1",
            "function_urn": "urn:fss:r:p:function:default:f:latest",
            "condition": "UnhandledInvocationError",
            "approximate_invoke_count": 1,
            **context,
        },
        "request_payload": json.dumps(payload),
        "response_context": {"status_code": 500, "function_error": ""},
        "response_payload": json.dumps({"errorMessage": "x"}),
    }


RECORDS = pytest.mark.parametrize("record", [of_lambda, of_functiongraph])


@RECORDS
@pytest.mark.parametrize("name", INNER)
def test_the_payload_of_a_failure_record_is_the_event(record: Any, name: str) -> None:
    event = INNER[name][0](REQUEST)
    delivery = parse(record(event))
    assert (delivery.http, delivery.sqs) == (False, False), "the record came alone, whatever its payload came by"
    assert spec(record(event)).run_id == spec(event).run_id
    assert delivery.kind == parse(event).kind


@RECORDS
def test_a_failed_direct_event_has_the_id_of_the_invocation_that_failed(record: Any) -> None:
    assert spec(record(REQUEST)).run_id.startswith("direct:failed-1@")
    assert spec(record({**REQUEST, "run_id": "k"})).run_id == spec({**REQUEST, "run_id": "k"}).run_id


@RECORDS
def test_a_failure_record_may_come_by_any_trigger_and_fail_again(record: Any) -> None:
    assert spec(smn(json.dumps(record(smn(TEXT))))).run_id == spec(smn(TEXT)).run_id
    assert spec(sqs(json.dumps(record(nest(REQUEST, "sns records", "cloud event"))))).run_id.startswith("eventgrid:")
    assert spec(rule_event(record(REQUEST))).run_id.startswith("direct:failed-1@")
    assert spec(record(record(record(REQUEST)))).run_id.startswith("direct:failed-1@")
    assert "one inside the other" in str(one(record(record(record(record(REQUEST))))).problems[0])


@RECORDS
def test_what_succeeded_is_not_carried_out_once_more(record: Any) -> None:
    assert isinstance(one(record(REQUEST, condition="Success")), Ignored)


@RECORDS
@pytest.mark.parametrize("payload", [None, "", {}, {"hello": "world"}, [1]], ids=str)
def test_a_failure_record_without_a_request_is_refused(record: Any, payload: Any) -> None:
    assert isinstance(one(record(payload)), Invalid)


# Text before and around the JSON.

TEXTS: Mapping[str, Wrap] = {
    "sqs": sqs,
    "smn": smn,
    "timer": timer,
    "sns": lambda text: {"Records": [{"EventSource": "aws:sns", "Sns": sns_body(text)}]},
    "http": apig,
    "http base64": lambda text: apig(base64.b64encode(text.encode()).decode(), isBase64Encoded=True),
    "cloud event": cloud_event,
    "kafka": kafka,
    "direct": lambda text: text,
    "direct bytes": lambda text: text.encode(),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("before", ["\ufeff", "\u00ef\u00bb\u00bf", " \n\ufeff\ufeff", ""], ids=["mark", "as latin-1", "in spaces", "none"])
def test_a_byte_order_mark_and_twice_encoded_text_are_taken(name: str, before: str) -> None:
    for text in (TEXT, json.dumps(TEXT), json.dumps(before + TEXT), "nightly", json.dumps("nightly"), json.dumps({"plan": "nightly"})):
        assert isinstance(one(TEXTS[name](before + text)), StartRun), text
    assert isinstance(one(TEXTS[name](f"{before}{REPORT_MARK}: failed")), Ignored)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (json.dumps(json.dumps(TEXT)), "more than twice"),
        (json.dumps('{"action": }'), "in the inner text this is not valid JSON: a value is missing (line 1, column 12)"),
        ("", "the text is empty"),
        (" \n", "the text is empty"),
        ("\ufeff", "the text is empty"),
        ("hello", "neither a JSON object nor a plan"),
        ('{"a": 1,\n}', "closing bracket"),
        ('{"a": [1,]}', "closing bracket"),
        ('{"a": ', "ends too early"),
        ('{"a', "the string that begins here has no end (line 1, column 2)"),
        ("{'a': 1}", "double quotes"),
        ("{a: 1}", "double quotes"),
        ('{"a" 1}', "colon"),
        ('{"a": 1 "b": 2}', "comma"),
        ('{"a": 1} x', "more text after its end"),
        ('{"a": "\n"}', "control character"),
        ('{"a": "\\x"}', "backslash"),
        ('{"a": "\\u12"}', "backslash"),
        ('{"a": True}', "a value is missing"),
    ],
)
def test_what_is_wrong_with_a_text_is_said_in_plain_words_with_its_place(text: str, words: str) -> None:
    for wrap in (sqs, smn, timer):
        (problem,) = one(wrap(text)).problems
        assert words in problem.what
        for pythons in ("expecting", "delimiter", "extra data", "BOM", "utf-8-sig", "\\u", "char "):
            assert pythons.lower() not in problem.what.lower()


# Queues of FunctionGraph.


@pytest.mark.parametrize("kind", ["KAFKA", "ROCKETMQ", "RABBITMQ"])
@pytest.mark.parametrize(
    "message",
    [
        {"message": TEXT},
        {"message": REQUEST},
        json.dumps({"message": TEXT}),
        json.dumps({"message": REQUEST}),
        json.dumps({"schema": {}, "payload": REQUEST}),
        {"body": TEXT, "keys": "k"},
        {"message": json.dumps(TEXT)},
        {"message": json.dumps(cloud_event(REQUEST))},
        {"message": json.dumps({"message": TEXT})},
        {"data": {"content": {"body": REQUEST}}},
        REQUEST,
        json.dumps(TEXT),
    ],
    ids=str,
)
def test_a_message_of_a_queue_may_be_wrapped_once_more(kind: str, message: Any) -> None:
    assert spec({**kafka(message), "trigger_type": kind}).request.instances == (ID,)


@pytest.mark.parametrize("kind", ["KAFKA", "ROCKETMQ", "RABBITMQ"])
def test_one_message_on_two_nights_or_twice_in_a_batch_is_two_runs(kind: str) -> None:
    def run_ids(*messages: Any, **changes: Any) -> list[str]:
        items = parse({**kafka(*messages), "trigger_type": kind, **changes}).items
        return [item.spec.run_id for item in items if isinstance(item, StartRun)]

    first = run_ids(TEXT)
    assert first == run_ids(TEXT)
    assert run_ids(TEXT) == run_ids(TEXT, event_time="2026-11-24T10:59:00+08:00"), "however the time is written"
    different = [first, run_ids(TEXT, event_time="2026-11-24T02:58:00Z"), run_ids(TEXT, instance_id="other"), run_ids(TEXT + " ")]
    assert len({run_id for (run_id,) in different}) == 4
    assert len(set(run_ids(TEXT, TEXT))) == 2
    own = json.dumps({**REQUEST, "run_id": "tonight"})
    assert run_ids(own) == run_ids(own, event_time="2026-11-24T02:58:00Z")
    assert run_ids(own)[0].startswith(f"{kind.lower()}:tonight@")


@pytest.mark.parametrize("name", ["{0}", "{", "%s", "a b", "é"])
def test_whatever_stands_in_a_batch_s_names_makes_a_plain_run_id(name: str) -> None:
    event = {**kafka(TEXT), "instance_id": name}
    event["records"][0]["topic_id"] = name
    assert spec(event).run_id.isascii()


# CloudEvents and EventBridge.


@pytest.mark.parametrize(
    "wrap",
    [lambda source, key: cloud_event(REQUEST, source=source, id=key), lambda source, key: rule_event(REQUEST, source=source, id=key)],
)
def test_events_are_told_apart_by_source_and_id(wrap: Any) -> None:
    pairs = [("a", "b"), ("a", "c"), ("b", "b"), ("a/b", "c"), ("a", "b/c"), ("", "b"), ("a/b/c", "d"), ("a/b", "c/d"), ("a", "b/c/d")]
    assert len({spec(wrap(*pair)).run_id for pair in pairs}) == len(pairs)
    old = f"{spec(wrap('a', 'b')).trigger.kind}:b@"
    assert not spec(wrap("a", "b")).run_id.startswith(old), "as an older version named it"


def test_an_id_of_any_length_makes_a_bounded_one_that_tells_events_apart() -> None:
    long = "x" * 500_000
    events = [cloud_event(REQUEST, id=long + end, source=source) for end in "ab" for source in ("s", long)]
    events += [smn(TEXT, message_id=long), {"Records": [{"messageId": long, "body": TEXT, "eventSource": "aws:sqs"}]}]
    triggers = [spec(event).trigger for event in events]
    assert max(len(trigger.id) for trigger in triggers) < 2_000
    assert len({trigger.id for trigger in triggers[:4]}) == 4
    assert one(events[-1]).record == long, "a queue knows its message by this alone"
    assert len(one(smn("hi", message_id=long)).trigger.id) < 2_000


# The key of an HTTP request.


@pytest.mark.parametrize("name", ["Idempotency-Key", "idempotency-key", "IDEMPOTENCY-KEY", "X-Idempotency-Key", "idempotency_key"])
@pytest.mark.parametrize(
    "headers",
    [
        lambda name: {"headers": {name: "key-1"}},
        lambda name: {"multiValueHeaders": {name: ["key-1"]}, "headers": None},
        lambda name: {"headers": {name: "key-1"}, "multiValueHeaders": {name: ["key-1", "key-1"]}},
        lambda name: {"headers": {name: ["key-1"]}},
        lambda name: {"headers": {name: ' "key-1" '}},
    ],
)
def test_a_caller_s_key_is_that_of_the_run(headers: Any, name: str) -> None:
    for event in (apig(TEXT), ENVELOPES["function url"][0](REQUEST)):
        mine = "" if event["requestContext"].get("authorizer") is None else r"[0-9a-f]{8}/"
        assert re.match(f"http:{mine}key-1@", spec({**event, **headers(name)}).run_id)
        own = {**event, "body": json.dumps({**REQUEST, "run_id": "own"}), **headers(name)}
        assert re.match(f"http:{mine}own@", spec(own).run_id), "the body's own comes first"


@pytest.mark.parametrize("value", ["", " ", "a b", "x" * 257, "é", "a\nb", ["a", "b"], 7, None, {"a": 1}, "a,b", '""'], ids=repr)
def test_a_key_that_cannot_be_used_is_refused_and_never_ignored(value: Any) -> None:
    """Its caller believes that a second try is safe."""
    event = apig(TEXT, headers={"Idempotency-Key": value})
    (problem,) = one(event).problems
    assert problem.path == "headers.Idempotency-Key"
    assert len(str(problem)) < 400
    assert isinstance(one({**event, "body": json.dumps({**REQUEST, "run_id": "own"})}), StartRun)
    assert isinstance(one({**event, "body": json.dumps({"command": "halt", "reason": "storm"})}), ControlCommand)
    assert len(one({**event, "body": json.dumps({"action": "reboot"})}).problems) == 2


# FIFO queues.


def test_messages_of_one_group_are_marked_as_such() -> None:
    event = sqs(TEXT, TEXT, TEXT, TEXT)
    arns = ["arn:q.fifo", "arn:q.fifo", "arn:q.fifo", "arn:plain"]
    for record, arn, group in zip(event["Records"], arns, ["a", "b", None, None], strict=True):
        record["eventSourceARN"] = arn
        if group:
            record["attributes"]["MessageGroupId"] = group
    assert parse(event).groups == {"q0": "arn:q.fifo/a", "q1": "arn:q.fifo/b", "q2": "arn:q.fifo"}
    assert parse(sqs(TEXT)).groups == {}
