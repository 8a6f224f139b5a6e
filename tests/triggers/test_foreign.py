"""Events of other services: each is named as what it is, none reaches DCS, and no event of ours is taken for one."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from dcs_upkeep.domain.errors import RefusedError
from dcs_upkeep.triggers.delivery import Invalid, StartRun
from dcs_upkeep.triggers.foreign import GENERAL, SHAPES, look_closer, recognise
from dcs_upkeep.triggers.parser import parse as parse_event
from tests.triggers import samples_aws, samples_huawei
from tests.triggers.test_triggers import ENVELOPES, NOW, PLANS, REQUEST, SCOPE, alarm, kafka, one, parse, smn, sqs, timer
from tests.world import World, world

SAMPLES = [*samples_aws.SAMPLES, *samples_huawei.SAMPLES]
IDS = [f"{number}-{name}" for number, (name, _) in enumerate(SAMPLES)]


def bare(text: str) -> str:
    """Without the quotation marks about what an event says of itself."""
    return text.replace("'", "")


def test_there_are_many() -> None:
    assert len(SAMPLES) >= 120


@pytest.mark.parametrize(("name", "event"), SAMPLES, ids=IDS)
def test_a_foreign_event_is_refused_by_name(name: str, event: Any) -> None:
    item = one(event)
    assert isinstance(item, Invalid)
    assert bare(name) in bare(item.problems[0].what)
    assert item.problems[0].fix
    assert item.kind
    assert len(item.problems) == 1
    assert len(item.problems[0].what) < 400


@pytest.fixture(scope="module")
def place() -> Iterator[World]:
    with world(1) as here:
        yield here


BY_HTTP = ("API Gateway WebSocket", "VPC Lattice")


@pytest.mark.parametrize(("name", "event"), SAMPLES, ids=IDS)
def test_it_makes_no_call_and_one_kind_of_exception(name: str, event: Any, place: World) -> None:
    """Who waits for an HTTP response gets one: an exception would reach him as a fault of the server."""
    place.emu.truth.forget()
    if name.startswith(BY_HTTP):
        answer = place.run(event)
        assert answer["statusCode"] == 422
        assert bare(name) in bare(answer["body"])
    else:
        with pytest.raises(RefusedError, match="Refused, nothing was sent"):
            place.run(event)
    assert {record.operation for record in place.emu.truth.requests} <= {"publish"}


def failed(event: Any) -> Any:
    """The record of an invocation with this event, which failed."""
    return {"requestContext": {"requestId": "r", "condition": "RetriesExhausted"}, "requestPayload": event}


@pytest.mark.parametrize("carrier", [samples_aws.in_sns, lambda event: sqs(json.dumps(event)), failed])
def test_only_what_came_by_http_itself_is_answered_so(carrier: Any) -> None:
    event = next(event for name, event in SAMPLES if name == "VPC Lattice" and "raw_path" in event)
    delivery = parse(carrier(event))
    assert not delivery.http
    (item,) = delivery.items
    assert isinstance(item, Invalid)
    assert item.kind == "VPC Lattice request"


@pytest.mark.parametrize(("name", "event"), [row for row in SAMPLES if isinstance(row[1], dict) and "record" not in row[1]])
def test_in_the_message_of_a_topic_or_a_queue_it_is_named_as_well(name: str, event: Any) -> None:
    if {"detail-type", "specversion", "events", "requestContext"} & set(event):
        return  # an envelope of its own
    for carrier in (samples_aws.in_sns(event), smn(json.dumps(event)), sqs(json.dumps(event))):
        item = one(carrier)
        assert isinstance(item, Invalid)
        assert bare(name) in bare(item.problems[0].what)
        assert item.kind


def test_kinds_are_few_whatever_the_events_say() -> None:
    """They are what operators are told once an hour: a stranger's text in them would make as many as he likes."""
    kinds = {one(event).kind for _, event in SAMPLES}
    rows = {row.name.split(" ", 1)[1] for row in (*SHAPES, *GENERAL)}
    assert kinds <= rows | {"EventBridge event", "EventGrid event", "unknown event"}


def test_every_row_is_reached() -> None:
    """A row behind a wider one would never be read. (Rows may share a name.)"""
    named = {one(event).kind for _, event in SAMPLES}
    assert {row.name.split(" ", 1)[1] for row in (*SHAPES, *GENERAL)} - named == set()


@pytest.mark.parametrize("name", ENVELOPES)
def test_no_event_of_ours_is_taken_for_a_foreign_one(name: str) -> None:
    for content in (REQUEST, {"plan": "nightly"}, {"action": "reboot", "instances": []}, {"command": "halt"}):
        event = ENVELOPES[name][0](content)
        assert not isinstance(event, dict) or recognise(event) is None
        for item in parse(event).items:
            assert not isinstance(item, Invalid) or item.kind is None


@pytest.mark.parametrize(
    "typo", [{"acton": "restart", "instnaces": []}, {"Plan": "x"}, {"instance": ["a"]}, {"name": "weekly", "rollout": {}}]
)
def test_a_misspelt_request_gets_its_problems_listed_and_no_foreign_name(typo: Any) -> None:
    assert look_closer(typo) is None
    assert one(smn(json.dumps(typo))).kind is None


@pytest.mark.parametrize(
    "event",
    [
        {"action": "opened", "number": 7, "pull_request": {}, "repository": {"full_name": "a/b"}, "sender": {}},
        {"action": "sendMessage", "data": "hi"},
        {"instance_id": "i-1", "state": "stopped"},
        {"name": "T Cloud"},
    ],
)
def test_words_that_all_services_use_do_not_make_a_request(event: Any) -> None:
    """Webhooks have an `action`, and half of all events an `instance_id`: they are not answered field by field."""
    for carrier in (event, smn(json.dumps(event)), sqs(json.dumps(event)), samples_aws.rule("my.shop", "Order Placed", **event)):
        item = one(carrier)
        assert item.kind in ("unknown event", "EventBridge event")
        assert len(item.problems) == 1


@pytest.mark.parametrize("event", [{"action": "reboot", "ids": ["a"]}, {"action": "restrat", "ids": ["a"]}, {"action": "delete"}])
def test_an_action_that_is_nearly_ours_does(event: Any) -> None:
    assert one(event).kind is None


@pytest.mark.parametrize("kind", ["KAFKA", "ROCKETMQ", "RABBITMQ"])
@pytest.mark.parametrize("wrapper", ["payload", "body", "message"])
def test_a_foreign_event_in_a_message_is_named_although_it_has_a_field_that_wraps(kind: str, wrapper: str) -> None:
    event = {"directive": {"header": {"namespace": "Alexa.Discovery", "name": "Discover"}}, wrapper: "hello"}
    assert one({**kafka(json.dumps(event)), "trigger_type": kind}).kind == "Alexa smart home directive"


def test_a_list_is_told_by_its_first() -> None:
    """EventBridge Pipes sends its records as a list, without an envelope."""
    record = {"messageId": "m", "body": json.dumps(REQUEST), "eventSource": "aws:sqs"}
    assert one([record]).kind == "record of SQS, Kinesis or DynamoDB outside its envelope"
    assert "a list of events (eventbridge)" in one([samples_aws.rule("aws.x", "t", a=1)] * 2).problems[0].what
    assert one([{"hello": "world"}]).kind == "unknown event"
    assert "must be a JSON object, not a list" in one([REQUEST]).problems[0].what


def test_its_place_is_that_of_the_event_and_not_of_its_detail() -> None:
    event = samples_aws.rule("aws.s3", "Object Created", reason="PutObject")
    assert one(sqs(json.dumps(event))).problems[0].path == "Records[0].body"
    assert one(event).problems[0].path == ""


@pytest.mark.parametrize("text", ["Hello from SNS!", "预算通知", "StackId='arn:aws:cloudformation:x'\nResourceStatus='CREATE_COMPLETE'\n"])
def test_a_mail_of_another_service_is_of_one_kind(text: str) -> None:
    for carrier in (smn(text), sqs(text), timer(text)):
        item = one(carrier)
        assert item.kind == "text that is no request"
        assert "neither a JSON object nor a plan" in item.problems[0].what
        assert "\n" not in item.problems[0].what


def test_a_plan_with_a_typo_is_no_mail() -> None:
    item = one(smn("nightlyy"))
    assert item.kind is None
    assert item.problems[0].fix == "Write nightly."


def test_a_request_from_a_clouds_own_source_is_read() -> None:
    """Whether well or badly written: its problems say more than its source."""
    event = samples_aws.rule("aws.partner/x", "t", **REQUEST)
    assert isinstance(one(event), StartRun)
    assert one(samples_aws.rule("aws.x", "t", action="reboot", instances=["no"])).kind is None


def test_a_stranger_cannot_write_lines_of_ours() -> None:
    for event in ({"cts": {"service_type": "a\nb\u202ec", "trace_name": "x" * 5000}}, {"a\nb\u202ec" * 5000: 1, "k" * 50_000: 2}):
        item = one(event)
        assert "\n" not in item.problems[0].what
        assert "\u202e" not in item.problems[0].what
        assert len(item.problems[0].what) < 400


@pytest.mark.parametrize("status", ["ok", "insufficient_data", "INVALID", " ok_manual"])
def test_an_alarm_that_asks_for_nothing_is_said_in_the_log_alone(status: str, place: World) -> None:
    place.emu.truth.forget()
    assert "only an alarm that begins" in place.run(smn(alarm(alarm_status=status)))["ignored"]
    assert place.emu.truth.requests == []


def mutations(event: Any, seed: int) -> Iterator[Any]:
    """The event with one value replaced or removed, at a place by chance."""
    chance = random.Random(seed)
    for _ in range(6):
        changed = copy.deepcopy(event)
        place = changed
        while isinstance(place, dict | list) and place:
            key = chance.choice(list(place) if isinstance(place, dict) else range(len(place)))
            inner = place[key]
            if not isinstance(inner, dict | list) or not inner or chance.random() < 0.4:
                if chance.random() < 0.3:
                    del place[key]
                else:
                    place[key] = chance.choice([None, 0, -1.5, True, "", "x" * 300, "\ud800", [], {}, [None], {"a": {}}, 10**30])
                break
            place = inner
        yield changed


def wrapped(event: Any) -> Iterator[Any]:
    """The event as it is, and in each of our envelopes; as bytes with a mark, and encoded twice."""
    yield event
    for wrap, *_ in ENVELOPES.values():
        yield wrap(event)
    yield b"\xef\xbb\xbf" + json.dumps(event).encode()
    yield json.dumps(json.dumps(event))


def test_a_changed_sample_never_breaks_the_parser() -> None:
    for number, (_, event) in enumerate(SAMPLES):
        for around in wrapped(event):
            for changed in mutations(around, number):
                delivery = parse_event(changed, SCOPE, PLANS, NOW)
                assert delivery.items or isinstance(changed, list)
                assert not any(isinstance(item, StartRun) for item in delivery.items)
