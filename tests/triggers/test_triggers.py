"""Every envelope with a valid request leads to exactly the right run; without one, to a refusal that names what it looks like."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dcs_upkeep.domain.model import REPORT_MARK
from dcs_upkeep.domain.run import ControlCommand, RunSpec
from dcs_upkeep.triggers import parser
from dcs_upkeep.triggers.delivery import Delivery, Ignored, Invalid, RunIdScope, StartRun
from dcs_upkeep.triggers.plans_file import PlansFile, load_plans

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SCOPE = RunIdScope("functiongraph", "dcs-upkeep", "cn-north-4", "p", "request-1")
ID = "2e803f66-fbb0-47ad-b6cb-fb87f5bed4ef"
REQUEST = {"action": "restart", "instances": [ID]}
TEXT = json.dumps(REQUEST)
ISO = "2026-11-24T02:59:00Z"
PLANS = load_plans(
    json.dumps(
        {
            "plans": {"nightly": {"action": "restart", "select": {"tags": {"env": "prod"}}}},
            "alarms": [
                {"name": "mem-*", "metric": "memory_usage", "action": "restart"},
                {"metric": "cpu_usage", "action": "soft_restart", "cooldown_s": 60},
            ],
        }
    )
)


def parse(event: object, plans: PlansFile | None = PLANS, **options: Any) -> Delivery:
    return parser.parse(event, SCOPE, plans, NOW, **options)


def one(event: object, plans: PlansFile | None = PLANS, **options: Any) -> Any:
    (item,) = parse(event, plans, **options).items
    return item


def spec(event: object, plans: PlansFile | None = PLANS, **options: Any) -> RunSpec:
    """The run that its one record asks for."""
    item = one(event, plans, **options)
    assert isinstance(item, StartRun)
    return item.spec


def timer(user_event: Any, **changes: Any) -> dict[str, Any]:
    return {
        "version": "v1.0",
        "time": "2026-11-24T10:59:00+08:00",
        "trigger_type": "TIMER",
        "trigger_name": "night",
        "user_event": user_event,
        **changes,
    }


def smn(*messages: Any, **changes: Any) -> dict[str, Any]:
    return {
        "record": [
            {
                "event_version": "1.0",
                "smn": {"message_id": f"m{n}", "message": message, "timestamp": ISO, "type": "notification", **changes},
            }
            for n, message in enumerate(messages)
        ]
    }


def sns_body(message: Any, **changes: Any) -> dict[str, Any]:
    return {"Type": "Notification", "MessageId": "n1", "TopicArn": "arn:aws:sns:r:1:t", "Message": message, "Timestamp": ISO, **changes}


def sqs(*bodies: Any) -> dict[str, Any]:
    sent = str(int(NOW.timestamp() * 1000) - 1000)
    return {
        "Records": [
            {"messageId": f"q{n}", "body": body, "attributes": {"SentTimestamp": sent}, "eventSource": "aws:sqs"}
            for n, body in enumerate(bodies)
        ]
    }


def cloud_event(data: Any, **changes: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "e1", "source": "HC.DCS", "type": "t", "time": ISO, "data": data, **changes}


def apig(body: Any, **changes: Any) -> dict[str, Any]:
    return {
        "httpMethod": "POST",
        "path": "/",
        "requestContext": {"requestId": "r1", "apiId": "a"},
        "body": body,
        "isBase64Encoded": False,
        **changes,
    }


def kafka(*messages: Any) -> dict[str, Any]:
    return {
        "event_version": "v1.0",
        "event_time": ISO,
        "trigger_type": "KAFKA",
        "instance_id": "k",
        "records": [{"messages": list(messages), "topic_id": "t"}],
    }


def alarm(**changes: Any) -> str:
    body = {
        "message_type": "alarm",
        "alarm_id": "al1",
        "alarm_name": "mem-high",
        "alarm_status": "alarm",
        "time": int(NOW.timestamp() * 1000) - 1000,
        "namespace": "SYS.DCS",
        "metric_name": "memory_usage",
        "dimension": f"dcs_instance_id:{ID}",
        "template_variable": {"ResourceId": ID},
    }
    return json.dumps({**body, **changes})


ENVELOPES: dict[str, tuple[Any, str, str]] = {
    "direct": (lambda content: content, "direct", "request-1"),
    "direct text": (json.dumps, "direct", "request-1"),
    "direct bytes": (lambda content: json.dumps(content).encode(), "direct", "request-1"),
    "timer": (lambda content: timer(json.dumps(content)), "timer", "night/2026-11-24T02:59:00Z"),
    "scheduler": (lambda content: {"request": content, "run_id": "arn/1", "time": ISO}, "scheduler", "arn/1"),
    "smn": (lambda content: smn(json.dumps(content)), "smn", "m0"),
    "sns": (lambda content: {"Records": [{"EventSource": "aws:sns", "Sns": sns_body(json.dumps(content))}]}, "sns", "n1"),
    "sqs": (lambda content: sqs(json.dumps(content)), "sqs", "q0"),
    "sns in sqs": (lambda content: sqs(json.dumps(sns_body(json.dumps(content)))), "sns", "n1"),
    "eventgrid": (cloud_event, "eventgrid", "HC.DCS/e1"),
    "eventgrid wrapped": (lambda content: {"events": [cloud_event(content)]}, "eventgrid", "HC.DCS/e1"),
    "eventgrid text": (lambda content: cloud_event(json.dumps(content)), "eventgrid", "HC.DCS/e1"),
    "apig": (lambda content: apig(json.dumps(content)), "http", "r1"),
    "apig base64": (lambda content: apig(base64.b64encode(json.dumps(content).encode()).decode(), isBase64Encoded=True), "http", "r1"),
    "function url": (
        lambda content: {
            "version": "2.0",
            "requestContext": {"http": {}, "requestId": "r1", "authorizer": {"iam": {"userArn": "arn:aws:iam::123456789012:user/ann"}}},
            "body": json.dumps(content),
        },
        "http",
        "r1",
    ),
    "eventbridge": (lambda content: {"id": "b1", "source": "s", "detail-type": "t", "time": ISO, "detail": content}, "eventbridge", "s/b1"),
    "kafka": (lambda content: kafka(json.dumps(content)), "kafka", ""),
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_a_valid_request_in_any_envelope_becomes_its_run(name: str) -> None:
    wrap, kind, key = ENVELOPES[name]
    asked = spec(wrap(REQUEST))
    assert asked.request.instances == (ID,)
    assert asked.trigger.kind == kind
    assert asked.run_id.startswith(f"{kind}:{key}")
    assert asked.run_id == spec(wrap(REQUEST)).run_id
    assert spec(wrap({"plan": "nightly"})).plan_name == "nightly"


@pytest.mark.parametrize("name", ENVELOPES)
@pytest.mark.parametrize(
    "content", [{"action": "reboot", "instances": [ID]}, {"instances": [ID]}, {}, [], "text", None, 7, {"plan": "nightl"}], ids=str
)
def test_anything_else_in_any_envelope_is_refused_with_what_to_do(name: str, content: Any) -> None:
    item = one(ENVELOPES[name][0](content))
    assert isinstance(item, Invalid)
    assert all(problem.what and problem.fix for problem in item.problems)


@pytest.mark.parametrize("name", ENVELOPES)
def test_halt_is_taken_from_anywhere_and_release_only_from_where_operators_reach(name: str) -> None:
    wrap, kind, _ = ENVELOPES[name]
    halt = one(wrap({"command": "halt", "reason": "storm"}))
    assert isinstance(halt, ControlCommand)
    assert (halt.command, halt.reason) == ("halt", "storm")
    trusted = kind in ("direct", "timer", "scheduler")
    release, show = {"command": "release", "halt": "halt-0"}, {"command": "show", "run": "r"}
    for command in (release, show, {"command": "sweep"}, {"resume": "run"}, {"command": "doctor"}):
        assert isinstance(one(wrap(command)), ControlCommand if trusted else Invalid)


@pytest.mark.parametrize("name", ENVELOPES)
def test_our_own_report_is_ignored(name: str) -> None:
    """A function that is subscribed to its own topic must not answer itself."""
    assert isinstance(one(ENVELOPES[name][0]({"report_version": 1, "run_id": "x", "status": "failed"})), Ignored)


@pytest.mark.parametrize(
    "event",
    [
        smn(f"{REPORT_MARK}: failed\n\nWhat: ..."),
        sqs(f"{REPORT_MARK}: x"),
        {"Records": [{"EventSource": "aws:sns", "Sns": sns_body(REPORT_MARK)}]},
    ],
)
def test_the_text_of_our_own_report_is_ignored(event: Any) -> None:
    assert isinstance(one(event), Ignored)


def test_several_records_are_several_runs_and_one_bad_stops_none() -> None:
    delivery = parse(smn(TEXT, "hello", TEXT))
    assert [type(item) for item in delivery.items] == [StartRun, Invalid, StartRun]
    assert delivery.several
    assert len({item.spec.run_id for item in delivery.items if isinstance(item, StartRun)}) == 2


def test_sqs_names_the_message_that_is_to_come_back() -> None:
    delivery = parse(sqs(TEXT, "x"))
    assert delivery.sqs
    assert [item.record for item in delivery.items] == ["q0", "q1"]


@pytest.mark.parametrize(
    ("event", "word"),
    [
        ({"Records": [{"eventSource": "aws:s3", "s3": {}}]}, "S3 notification"),
        ({"Records": [{"eventName": "ObjectCreated", "s3": {"bucket": {}}}]}, "OBS or S3"),
        ({"cts": {"trace_id": "x"}}, "CTS"),
        ({"lts": {"data": "x"}}, "LTS"),
        ({"trigger_type": "DIS"}, "DIS"),
        ({"awslogs": {"data": "x"}}, "CloudWatch Logs"),
        ({"AlarmName": "x", "NewStateValue": "ALARM"}, "CloudWatch alarm"),
        ({"hello": "world"}, "hello"),
        ({}, "empty"),
        (smn(json.dumps({"AlarmName": "x", "NewStateValue": "ALARM"})), "CloudWatch alarm ('x'"),
        ({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}, "id": "z"}, "Scheduled Event"),
        (smn(TEXT, type="SubscriptionConfirmation"), "SubscriptionConfirmation"),
        ({"requestContext": {}, "body": None}, "no body"),
        (apig("!!", isBase64Encoded=True), "base64"),
        ({"record": []}, "no records"),
        ({"record": [smn(TEXT)["record"][0]] * 101}, "101"),
        (timer(TEXT, time="yesterday"), "yesterday"),
        ({"request": REQUEST, "run_id": "<aws.scheduler.schedule-arn>", "time": ISO}, "placeholder"),
        ({"request": REQUEST, "time": ISO}, "run_id is missing"),
        ({"request": REQUEST, "run_id": "a", "colour": "red"}, "only request, run_id"),
        ({"command": "relase"}, "unknown command"),
        ({"command": "halt", "resaon": "x"}, "unknown field"),
        ({"command": "release"}, "must name the halt"),
    ],
)
def test_a_foreign_event_is_refused_by_name(event: Any, word: str) -> None:
    item = one(event)
    assert isinstance(item, Invalid)
    assert word in str(item.problems[0])


@pytest.mark.parametrize(("age_s", "fine"), [(0, True), (3599, True), (3601, False), (-290, True), (-310, False)])
def test_an_event_goes_stale_by_its_own_time(age_s: int, fine: bool) -> None:
    """And a clock a few minutes ahead is fine."""
    at = (NOW - timedelta(seconds=age_s)).isoformat()
    assert isinstance(one(timer(TEXT, time=at)), StartRun if fine else Invalid)


def test_a_missing_time_is_not_stale() -> None:
    assert isinstance(one(smn(TEXT, timestamp=None)), StartRun)


def test_expires_after_s_of_the_request_counts() -> None:
    at = (NOW - timedelta(seconds=100)).isoformat()
    assert isinstance(one(timer(json.dumps({**REQUEST, "expires_after_s": 60}), time=at)), Invalid)


@pytest.mark.parametrize("user_event", ["nightly", '"nightly"', '{"plan": "nightly"}', " nightly\n"])
def test_a_timer_may_name_a_reviewed_plan_in_plain_text(user_event: str) -> None:
    asked = spec(timer(user_event))
    assert asked.plan_name == "nightly"
    assert asked.request.select is not None
    assert asked.request.select.tags == {"env": "prod"}


def test_beside_a_plan_only_how_never_what() -> None:
    asked = spec({"plan": "nightly", "dry_run": True, "requested_by": "ops", "run_id": "k"})
    assert (asked.request.dry_run, asked.request.requested_by, asked.trigger.id) == (True, "ops", "k")
    assert isinstance(one({"plan": "nightly", "cooldown_s": 5}), Invalid)


def test_without_plans_json_a_plan_says_so() -> None:
    assert "no plans.json" in str(one({"plan": "nightly"}, None).problems[0])


def test_plans_only_takes_plans_and_alarms_and_nothing_written_out() -> None:
    assert isinstance(one(REQUEST, plans_only=True), Invalid)
    assert isinstance(one({"plan": "nightly"}, plans_only=True), StartRun)
    assert isinstance(one(smn(alarm()), plans_only=True), StartRun)


def test_an_alarm_becomes_a_request_by_its_rule() -> None:
    asked = spec(smn(alarm()))
    assert (asked.alarm_id, asked.request.action, asked.request.instances, asked.request.cooldown_s) == ("al1", "restart", (ID,), 3600)
    assert spec(smn(alarm(alarm_name="x", metric_name="cpu_usage"))).request.action == "soft_restart"


def test_repeats_of_one_alarm_are_one_run() -> None:
    began = int(NOW.timestamp() * 1000) - 60_000
    later = {"time": int(NOW.timestamp() * 1000), "template_variable": {"ResourceId": ID, "AlarmTime": str(began)}}
    first = {"time": began, "template_variable": {"ResourceId": ID, "AlarmTime": str(began)}}
    assert spec(smn(alarm(**first))).run_id == spec(smn(alarm(**later))).run_id
    assert spec(smn(alarm(time=began))).run_id != spec(smn(alarm())).run_id


@pytest.mark.parametrize("status", ["ok", "ok_manual", "insufficient_data", "invalid"])
def test_an_alarm_that_is_not_firing_is_ignored(status: str) -> None:
    item = one(smn(alarm(alarm_status=status)))
    assert isinstance(item, Ignored)
    assert "alarm" in item.reason


def test_one_rule_that_fires_for_two_instances_in_one_second_is_two_runs() -> None:
    other = ID.replace("2e80", "3e80")
    first, second = parse(smn(alarm(), alarm(dimension=f"dcs_instance_id:{other}", template_variable={"ResourceId": other}))).items
    assert isinstance(first, StartRun)
    assert isinstance(second, StartRun)
    assert (first.spec.request.instances, second.spec.request.instances) == ((ID,), (other,))
    assert first.spec.run_id != second.spec.run_id


@pytest.mark.parametrize(
    "changes",
    [
        {"namespace": "SYS.ECS"},
        {"alarm_name": "disk"},
        {"alarm_status": "loud"},
        {"dimension": "instance_id:x", "template_variable": {}},
        {"dimension": None, "template_variable": None},
        {"time": "never"},
        {"alarm_id": ""},
    ],
)
def test_an_alarm_that_no_rule_maps_is_refused(changes: dict[str, Any]) -> None:
    assert isinstance(
        one(smn(alarm(**{"alarm_name": "mem-1", **changes}) if "alarm_name" not in changes else alarm(metric_name="other", **changes))),
        Invalid,
    )


@pytest.mark.parametrize(
    "dimension",
    [
        f"dcs_instance_id:{ID}",
        f"dcs_instance_id:{ID},dcs_cluster_redis_node:{ID[::-1]}",
        f"dcs_cluster_redis_node:{'1' * 32};dcs_instance_id={ID.upper()}",
        f"dcs_instance_id: {ID.replace('-', '')}|dcs_cluster_redis_node:1",
    ],
)
def test_the_instance_is_found_alone_or_with_its_node(dimension: str) -> None:
    assert spec(smn(alarm(dimension=dimension, template_variable={}))).request.instances == (ID,)


def test_run_ids_differ_by_scope() -> None:
    """One schedule name in two projects is two runs."""
    other = RunIdScope("functiongraph", "dcs-upkeep", "cn-north-4", "q", "request-1")
    items = [parser.parse(timer(TEXT), scope, PLANS, NOW).items[0] for scope in (SCOPE, other)]
    first, second = (item.spec.run_id for item in items if isinstance(item, StartRun))
    assert first.split("@")[0] == second.split("@")[0]
    assert first != second


@pytest.mark.parametrize("key", ["a b", "é", "x" * 300, "", "\ud800", "../../etc"])
def test_a_strange_key_makes_a_plain_run_id(key: str) -> None:
    (record,) = smn(TEXT, message_id=key)["record"]
    run_id = spec({"record": [record]}).run_id
    assert run_id.isascii()
    assert len(run_id) < 230
