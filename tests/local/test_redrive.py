"""Dead letters: judged one by one, and sent back to the function; on moto's SQS, and Lambda's Invoke on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from dcs_upkeep import triggers
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.run import RunSpec
from dcs_upkeep.local.dead_letters import DeadLetter, Verdict, read_dead_letter
from dcs_upkeep.local.redrive import HIDDEN_S, Answers, DeadLetterQueue, redrive
from dcs_upkeep.triggers import Invalid, RunIdScope, StartRun
from dcs_upkeep.triggers.plans_file import load_plans
from tests.fakes import FakeClock
from tests.local.lambda_api import LambdaApi, lambda_api

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
REGION = "eu-central-1"
ARN = f"arn:aws:lambda:{REGION}:123456789012:function:upkeep:$LATEST"
ID = "cd613e30-d8f1-4adf-91b7-584a2265b1f5"
REQUEST = {"action": "restart", "instances": [ID]}
SCHEDULED = {"request": REQUEST, "run_id": "arn:aws:scheduler:x/2026-11-24T03:00:00Z", "time": "2026-11-24T03:00:00Z"}
SWEEP = {"command": "sweep"}


def record(payload: Any, why: str = "the fleet could not be read", **context: Any) -> dict[str, Any]:
    """As a destination of Lambda writes it."""
    return {
        "version": "1.0",
        "timestamp": "2026-11-24T03:00:09.000Z",
        "requestContext": {
            "requestId": "failed-1",
            "functionArn": ARN,
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 1,
            **context,
        },
        "requestPayload": payload,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": why, "errorType": "CloudError"},
    }


def message(body: Any, **attributes: str) -> dict[str, Any]:
    return {
        "MessageId": "m1",
        "Body": body if isinstance(body, str) else json.dumps(body),
        "Attributes": {"SentTimestamp": str(int((NOW - timedelta(hours=6)).timestamp() * 1000))},
        "MessageAttributes": {key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()},
    }


def undelivered(body: Any, **attributes: str) -> dict[str, Any]:
    """As EventBridge Scheduler writes it."""
    said = {
        "ERROR_CODE": "AWS.Scheduler.InternalServerError",
        "ERROR_MESSAGE": "Lambda did not answer",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": "0",
        "SCHEDULE_ARN": "arn:aws:scheduler:eu-central-1:123456789012:schedule/default/upkeep-plan",
        "SCHEDULED_TIME": "2026-11-24T03:00:00Z",
        "TARGET_ARN": ARN.removesuffix(":$LATEST"),
    }
    return message(body, **{**said, **attributes})


def judged(one: Mapping[str, Any], function: str | None = "upkeep", plans: Any = None) -> DeadLetter:
    return read_dead_letter(one, function, plans, NOW)


def runs(event: Any, now: datetime = NOW) -> list[RunSpec]:
    """What the function makes of an event."""
    scope = RunIdScope("lambda", "upkeep", "cn-north-4", "p", "request-1")
    items = triggers.parse(event, scope, None, now).items
    return [item.spec for item in items if isinstance(item, StartRun)]


def test_what_failed_is_told_with_its_reason_and_may_be_sent() -> None:
    found = judged(message(record(REQUEST)))
    assert (found.what, found.why) == ("restart of 1 instances, from direct", "CloudError: the fleet could not be read")
    assert found.verdict is Verdict.SEND
    assert found.since == NOW - timedelta(hours=6)
    assert runs(found.event)[0].run_id.startswith("direct:failed-1@")


def test_what_the_scheduler_could_not_deliver_is_told_and_may_be_sent() -> None:
    found = judged(undelivered(SCHEDULED))
    assert "Lambda did not answer" in found.why
    assert runs(found.event)[0].run_id == runs({**SCHEDULED, "time": "2026-11-24T09:00:00Z"})[0].run_id


def test_placeholders_that_the_scheduler_left_are_filled_in_from_what_it_says() -> None:
    raw = {
        "request": REQUEST,
        "run_id": "<aws.scheduler.schedule-arn>/<aws.scheduler.scheduled-time>",
        "time": "<aws.scheduler.scheduled-time>",
    }
    found = judged(undelivered(raw))
    assert found.event is not None
    sent = found.event["requestPayload"]
    assert sent["run_id"].endswith("schedule/default/upkeep-plan/2026-11-24T03:00:00Z")
    assert sent["time"] == "2026-11-24T03:00:00Z"
    assert len(runs(found.event)) == 1


def test_an_event_that_is_older_than_it_allows_is_late_and_its_age_counts_from_now_if_it_is_sent() -> None:
    found = judged(message(record(SCHEDULED)))
    assert found.verdict is Verdict.LATE
    assert "more than 3600 s ago" in found.note
    assert runs(record(SCHEDULED)) == []
    (spec,) = runs(found.event)
    assert spec.trigger.time == datetime(2026, 11, 24, 3, tzinfo=UTC)
    assert runs(found.event, NOW + timedelta(hours=2)) == [], "it may wait at Lambda no longer than any other"


@pytest.mark.parametrize("value", ["soon", 1e300, {"a": 1}])
def test_a_time_that_cannot_be_read_refuses_the_record(value: Any) -> None:
    scope = RunIdScope("lambda", "upkeep", "cn-north-4", "p", "request-1")
    (item,) = triggers.parse({**record(REQUEST), "sent_again_at": value}, scope, None, NOW).items
    assert isinstance(item, Invalid)
    assert item.problems[0].path == "sent_again_at"


def test_only_who_calls_the_function_may_say_when_it_was_sent_again() -> None:
    """A topic may be late with the record too."""
    again = {**record(SCHEDULED), "sent_again_at": "2026-11-24T09:00:00Z"}
    note = {"Type": "Notification", "MessageId": "n1", "TopicArn": "arn:aws:sns:r:1:t", "Message": json.dumps(again)}
    assert runs({"Records": [{"EventSource": "aws:sns", "Sns": {**note, "Timestamp": "2026-11-24T09:00:00Z"}}]}) == []
    assert runs(record(again)) == [], "nor the record inside"
    assert runs({**again, "sent_again_at": "2026-11-24T10:00:00Z"}) == [], "nor in the future"


def test_on_huawei_cloud_a_person_writes_it_into_the_record_of_the_mail() -> None:
    kept = {
        "timestamp": "2026-11-24T03:00:09.000Z",
        "request_context": {"request_id": "failed-1", "condition": "UnhandledInvocationError"},
        "request_payload": json.dumps(SCHEDULED),
        "response_payload": "{}",
    }
    assert runs(kept) == []
    assert len(runs({**kept, "sent_again_at": "2026-11-24T09:00:00Z"})) == 1


def test_what_failed_again_is_taken_out_of_its_records() -> None:
    event: Any = REQUEST
    for again in range(6):
        event = record(event, f"reason {again}", requestId=f"failed-{again}")
    found = judged(message(event))
    assert found.why == "CloudError: reason 5"
    assert runs(found.event)[0].run_id.startswith("direct:failed-0@")


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (message("{not JSON"), "this is not valid JSON"),
        (message(""), "the text is empty"),
        (message(record({"hello": "world"})), "unknown event"),
        (message(record({"action": "restrat"})), "Did you mean"),
        (message({"hello": "world"}), "unknown event"),
        (message([1, 2]), "JSON object"),
        (message({key: value for key, value in record(REQUEST).items() if key != "requestPayload"}), "too large"),
        (undelivered(SCHEDULED, IS_PAYLOAD_TRUNCATED="true"), "cut the input short"),
        (message(record(REQUEST, functionArn=ARN.replace("upkeep", "other"))), "belongs to other"),
        (message(record({"command": "release", "halt": "halt-0"})), "release is not accepted"),
    ],
)
def test_what_cannot_be_sent_stays_and_says_why(one: dict[str, Any], words: str) -> None:
    found = judged(one)
    assert (found.verdict, found.event) == (Verdict.KEEP, None)
    assert words in found.note


@pytest.mark.parametrize("payload", [SWEEP, {"resume": "direct:a@b"}])
@pytest.mark.parametrize("kept", [lambda payload: message(record(payload)), undelivered])
def test_what_the_sweep_does_anyway_need_not_be_sent(kept: Callable[[Any], Any], payload: Any) -> None:
    assert judged(kept(payload)).verdict is Verdict.DONE


def test_what_only_plans_json_can_tell_is_sent_where_it_is_not_at_hand() -> None:
    by_name = message(record({"request": {"plan": "weekly"}, "run_id": "k", "time": "2026-11-24T03:00:00Z"}))
    assert judged(by_name).verdict is Verdict.LATE
    alarm = {"message_type": "alarm", "alarm_status": "alarm", "alarm_id": "al1", "alarm_name": "memory", "time": 1795500000000}
    assert judged(message(record(alarm))).verdict in (Verdict.SEND, Verdict.LATE)
    plans = load_plans(json.dumps({"plans": {"weekly": {**REQUEST, "expires_after_s": 90_000}}}))
    assert judged(by_name, plans=plans).verdict is Verdict.SEND
    assert judged(message(record({"plan": "daily"})), plans=plans).verdict is Verdict.KEEP


def test_what_strangers_wrote_is_one_short_line() -> None:
    found = judged(message(record({**REQUEST, "name": "a\nb\u202e" + "c" * 150}, "x\ny" * 5_000)))
    for text in (found.what, found.why):
        assert text.isprintable()
        assert len(text) < 700


# The queue.


@pytest.fixture
def queue(aws: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    address: str = boto3.client("sqs").create_queue(QueueName=f"dead-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    return address


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Iterator[LambdaApi]:
    with lambda_api() as api:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", api.url)
        yield api


def put(queue: str, *messages: Mapping[str, Any]) -> None:
    for one in messages:
        boto3.client("sqs").send_message(QueueUrl=queue, MessageBody=one["Body"], MessageAttributes=one["MessageAttributes"])


def waiting(queue: str) -> list[Any]:
    """What others would see there now."""
    found = boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
    return sorted(one["Body"] for one in found)


def go(queue: str, function: str | None = "upkeep", *, wanted: Callable[[DeadLetter], bool] = lambda _: True) -> tuple[int, str]:
    told: list[str] = []
    stuck = redrive(DeadLetterQueue(queue, look_s=0), function, None, FakeClock(), Answers(wanted, told.append))
    return stuck, "\n".join(told)


def test_without_a_function_the_queue_is_shown_and_stays_as_it_is(queue: str, function: LambdaApi) -> None:
    put(queue, message(record(REQUEST)), undelivered(SWEEP), message("what is this"))
    before = waiting(queue)
    stuck, told = go(queue, None)
    assert (stuck, function.accepted) == (1, [])
    assert "3 messages: nothing was changed" in told
    for words in ("restart of 1 instances", "the fleet could not be read", "a sweep", "not an event"):
        assert words in told
    assert waiting(queue) == before


def test_each_that_is_wanted_is_sent_and_then_deleted_and_the_others_stay(queue: str, function: LambdaApi) -> None:
    put(queue, *(message(record({**REQUEST, "run_id": f"k{number}"})) for number in range(3)), undelivered(SWEEP), message("?"))
    stuck, told = go(queue, wanted=lambda letter: letter.verdict is Verdict.DONE or "k1" not in json.dumps(letter.event))
    assert (stuck, [name for name, _ in function.accepted]) == (1, ["upkeep", "upkeep"])
    assert [runs(event, datetime.now(UTC))[0].run_id.split("@")[0] for _, event in function.accepted] == ["direct:k0", "direct:k2"]
    left = waiting(queue)
    assert len(left) == 2
    assert json.loads(left[1])["requestPayload"]["run_id"] == "k1"
    assert "5 messages: 1 left, 1 removed, 2 sent, 1 stays." in told


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "AccessDeniedException", "Grant lambda:InvokeFunction"),
        (404, "ResourceNotFoundException", "FunctionName"),
        (429, "TooManyRequestsException", "throttled"),
        (500, "ServiceException", "answered 500"),
        (200, "", "in place of 202"),
    ],
)
def test_nothing_is_deleted_that_lambda_did_not_accept(status: int, code: str, words: str, queue: str, function: LambdaApi) -> None:
    put(queue, message(record(REQUEST)), message(record({**REQUEST, "run_id": "k"})))
    before = waiting(queue)
    function.refuse_with = [(status, code)]
    with pytest.raises(CloudError, match=words):
        go(queue)
    assert waiting(queue) == before
    go(queue)
    assert waiting(queue) == []


def test_an_event_that_lambda_never_takes_stays_and_the_others_are_sent(queue: str, function: LambdaApi) -> None:
    put(queue, message(record(REQUEST)), message(record({**REQUEST, "run_id": "k"})))
    function.refuse_with = [(413, "RequestTooLargeException")]
    stuck, told = go(queue)
    assert (stuck, len(function.accepted), len(waiting(queue))) == (1, 1, 1)
    assert "RequestTooLargeException" in told


def test_a_person_who_stops_half_way_loses_nothing(queue: str, function: LambdaApi) -> None:
    put(queue, *(message(record({**REQUEST, "run_id": f"k{number}"})) for number in range(3)))

    def second_thoughts(_: DeadLetter) -> bool:
        if function.accepted:
            raise KeyboardInterrupt
        return True

    with pytest.raises(KeyboardInterrupt):
        go(queue, wanted=second_thoughts)
    assert (len(function.accepted), len(waiting(queue))) == (1, 2)


def test_messages_are_hidden_from_others_meanwhile(queue: str, function: LambdaApi) -> None:
    put(queue, message(record(REQUEST)))

    def look(_: DeadLetter) -> bool:
        assert waiting(queue) == []
        return False

    assert HIDDEN_S >= 600
    assert go(queue, wanted=look)[0] == 0
    assert len(waiting(queue)) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda address: address + "-missing", "DeadLetterQueueUrl"),
        (lambda address: address.rsplit("/", 1)[1], "no address of a queue"),
    ],
)
def test_a_queue_that_is_none_is_told(change: Callable[[str], str], words: str, queue: str) -> None:
    with pytest.raises(CloudError, match=words):
        go(change(queue))


def test_the_region_is_that_of_the_address() -> None:
    for address, region in (
        ("https://sqs.eu-central-1.amazonaws.com/123456789012/q", "eu-central-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q", "cn-north-1"),
        ("https://us-gov-west-1.queue.amazonaws.com/123456789012/q", "us-gov-west-1"),
        ("http://127.0.0.1:5000/123456789012/q", None),
    ):
        assert DeadLetterQueue(address).region == region


def cli(*words: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    given = {key: os.environ[key] for key in os.environ if key.startswith("AWS_")}
    return subprocess.run(
        [sys.executable, "-m", "dcs_upkeep", "redrive", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        input=stdin,
        env={"HOME": "/nonexistent", "PATH": os.environ["PATH"], **given, **env},
    )


def test_on_the_command_line_it_asks_for_each_and_for_scripts_it_leaves_what_is_late(queue: str, function: LambdaApi) -> None:
    put(queue, message(record(REQUEST)), message(record(SCHEDULED)))
    done = cli("--queue", queue, "--function", "upkeep", stdin="n\n")
    assert done.returncode == 1, "nobody answered the second question"
    assert len(waiting(queue)) == 2
    done = cli("--queue", queue, "--function", "upkeep", "--yes")
    assert (done.returncode, len(function.accepted)) == (0, 1), done.stderr
    assert "late: the event is from 2026-11-24" in done.stdout
    done = cli("--queue", queue, "--function", "upkeep", "--yes", "--late")
    assert (done.returncode, len(function.accepted), waiting(queue)) == (0, 2, []), done.stderr


def test_on_the_command_line_what_is_wrong_is_one_sentence(queue: str, function: LambdaApi) -> None:
    done = cli("--queue", queue + "-missing")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "there are no AWS credentials" in cli("--queue", queue, AWS_ACCESS_KEY_ID="", AWS_EC2_METADATA_DISABLED="true").stderr
    put(queue, message("?"))
    done = cli("--queue", queue, "--function", "upkeep", "--yes")
    assert (done.returncode, len(waiting(queue))) == (1, 1), "a script sees that something is left"
