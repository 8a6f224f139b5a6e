"""The stack of template.yml, made in moto with schedules, metric filters and alarms, and exercised by what the function really writes.

Moto keeps filters and alarms and judges neither: `log_filters.py` and `stack.py` do, on lines that real runs wrote.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

import handler
from dcs_upkeep import bootstrap
from dcs_upkeep.domain.errors import RefusedError, UpkeepError
from dcs_upkeep.local.dead_letters import Verdict
from dcs_upkeep.local.emulator import Emulator, Fault, make_fleet
from dcs_upkeep.local.redrive import Answers, DeadLetterQueue, redrive
from tests.contexts import LambdaContext
from tests.deploy.stack import ACCOUNT, REGION, Stack, client, of_type, transformed, values_of
from tests.fakes import FakeClock
from tests.local.lambda_api import lambda_api
from tests.log_filters import matches

DAY_S = 86_400.0
WEEKLY = {"action": "restart", "select": {"tags": {"upkeep": "weekly"}}}


class Context(LambdaContext):
    """Of one invocation, with an id of its own."""

    def __init__(self, clock: FakeClock, left_s: float) -> None:
        super().__init__(left_s)
        self.aws_request_id = str(uuid.uuid4())
        self._clock = clock
        self._ends = clock.monotonic() + left_s

    def get_remaining_time_in_millis(self) -> object:
        return int((self._ends - self._clock.monotonic()) * 1000)


class Deployed:
    """A stack with its function: events go in, lines of its log come out and are counted."""

    def __init__(self, stack: Stack, emu: Emulator, clock: FakeClock, written: Callable[[], str]) -> None:
        self.stack = stack
        self.emu = emu
        self.clock = clock
        self._written = written

    def handle(self, event: Any, left_s: float = 900.0) -> Mapping[str, Any] | None:
        """The function's answer; None where it failed, so that Lambda keeps the event."""
        try:
            return handler.handler(event, Context(self.clock, left_s))
        except RefusedError:
            return None

    def lines(self) -> list[str]:
        """What it has written since this was asked last. CloudWatch gets it too."""
        found = self._written().splitlines()
        self.stack.count(found, self.clock.now())
        return found

    def found_by(self, name: str) -> list[dict[str, Any]]:
        """Those of the new lines that a metric filter finds."""
        pattern = self.stack.filters()[name]["filterPattern"]
        return [json.loads(line) for line in self.lines() if matches(pattern, line)]

    def rings(self, alarm: str) -> bool:
        return self.stack.rings(alarm, self.clock.now())

    @property
    def ids(self) -> list[str]:
        return [one.instance_id for one in self.emu.instances()]


@pytest.fixture
def deployed(aws: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Deployed]:
    """With the schedule on, and three days of silence allowed."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    clock = FakeClock()
    with Emulator(make_fleet(4, tags={"upkeep": "weekly"}), clock=clock) as emu:
        given = {"ScheduleState": "ENABLED", "ScheduledRequest": json.dumps(WEEKLY), "SilentForDays": "3"}
        stack = Stack(f"upkeep-{uuid.uuid4().hex[:8]}", emu, **given)
        for key, value in stack.environment().items():
            monkeypatch.setenv(key, value)
        monkeypatch.setattr(bootstrap, "SystemClock", lambda: clock)
        yield Deployed(stack, emu, clock, lambda: capsys.readouterr().out)


def sqs(*requests: Any, now: datetime) -> dict[str, Any]:
    sent_at = str(int(now.timestamp() * 1000))
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "body": json.dumps(request),
                "attributes": {"SentTimestamp": sent_at},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:requests",
            }
            for number, request in enumerate(requests)
        ]
    }


def restart(deployed: Deployed, *numbers: int, **more: Any) -> dict[str, Any]:
    return {"action": "restart", "instances": [deployed.ids[number] for number in numbers], "rollout": {"canary": 0}, **more}


def test_what_the_schedule_sends_is_carried_out_to_its_report(deployed: Deployed) -> None:
    stack = deployed.stack
    reader = client("sqs").create_queue(QueueName="reader-of-the-stack")["QueueUrl"]
    client("sns").subscribe(
        TopicArn=stack.made["ReportTopic"], Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:reader-of-the-stack"
    )
    report = deployed.handle(stack.fired("plan", deployed.clock.now()))
    assert report is not None
    assert report["counts"] == {"completed": 4}
    assert report["trigger"]["kind"] == "scheduler"
    (message,) = client("sqs").receive_message(QueueUrl=reader)["Messages"]
    assert json.loads(message["Body"])["Subject"].startswith("ok 4 of 4")
    streams = {item["stream"]["S"] for item in client("dynamodb").scan(TableName=stack.made["JournalTable"])["Items"]}
    assert f"run/{report['run_id']}" in streams


def test_a_firing_that_is_delivered_twice_is_carried_out_once_and_the_next_night_s_again(deployed: Deployed) -> None:
    first = deployed.stack.fired("plan", deployed.clock.now())
    deployed.clock.sleep(60)
    answers = [deployed.handle(first), deployed.handle(first)]
    deployed.clock.sleep(DAY_S)
    answers.append(deployed.handle(deployed.stack.fired("plan", deployed.clock.now())))
    assert [answer and answer["replayed"] for answer in answers] == [False, True, False]


def test_schedules_go_to_the_function_and_keep_what_they_cannot_deliver(deployed: Deployed) -> None:
    stack = deployed.stack
    function = client("lambda").get_function_configuration(FunctionName=stack.made["Function"])["FunctionArn"]
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{stack.made['DeadLetterQueue'].rsplit('/', 1)[1]}"
    for name in ("plan", "sweep"):
        target = stack.schedule(name)["Target"]
        assert (target["Arn"], target["DeadLetterConfig"]["Arn"]) == (function, queue)
    assert stack.schedule("plan")["State"] == "ENABLED"
    kept = client("lambda").get_function_event_invoke_config(FunctionName=stack.made["Function"])
    assert kept["DestinationConfig"]["OnFailure"]["Destination"] == queue
    assert kept["MaximumRetryAttempts"] == 0


def test_a_failed_run_rings_and_a_fine_one_does_not(deployed: Deployed) -> None:
    assert not deployed.rings("RunFailedAlarm")
    assert deployed.handle(restart(deployed, 0)) is not None
    assert deployed.found_by("RunFailed") == []
    assert not deployed.rings("RunFailedAlarm")
    deployed.emu.add_fault(Fault("put", "failed", ids=[deployed.ids[1]]))
    assert deployed.handle(restart(deployed, 1)) is not None
    (line,) = deployed.found_by("RunFailed")
    assert (line["status"], line["level"]) == ("failed", "error")
    deployed.clock.sleep(60)
    assert deployed.rings("RunFailedAlarm")
    deployed.clock.sleep(600)
    assert not deployed.rings("RunFailedAlarm")


def test_a_run_that_failed_in_part_rings(deployed: Deployed) -> None:
    deployed.emu.add_fault(Fault("put", "failed", ids=[deployed.ids[1]]))
    assert deployed.handle(restart(deployed, 0, 1, rollout={"canary": 0, "max_failures": 1})) is not None
    assert [line["status"] for line in deployed.found_by("RunFailed")] == ["partial"]


def test_a_failed_run_is_found_among_the_records_of_a_batch(deployed: Deployed) -> None:
    """Each record of an event has a line of its own: the filters see no list's insides."""
    deployed.emu.add_fault(Fault("put", "failed", instance_id=deployed.ids[1]))
    event = sqs(restart(deployed, 0), restart(deployed, 1), {"action": "restrat"}, restart(deployed, 2), now=deployed.clock.now())
    answer = deployed.handle(event)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m2"}]}
    written = deployed.lines()
    failed, carried_out = (
        [json.loads(line)["record"] for line in written if matches(deployed.stack.filters()[name]["filterPattern"], line)]
        for name in ("RunFailed", "RunReported")
    )
    assert failed == ["m1"]
    assert carried_out == ["m0", "m1", "m3"]


def test_a_fault_before_anything_was_sent_rings(deployed: Deployed) -> None:
    deployed.emu.add_fault(Fault("list", "403", times=None))
    deployed.emu.add_fault(Fault("show", "403", times=None))
    with pytest.raises(Exception, match="403"):
        deployed.handle(WEEKLY)
    assert [line["ending"] for line in deployed.found_by("RunFailed")] == ["fault"]


def test_settings_that_cannot_be_read_ring(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPKEEP_MAX_INSTANCES", "many")
    with pytest.raises(Exception, match="UPKEEP_MAX_INSTANCES"):
        deployed.handle(WEEKLY)
    assert [line["status"] for line in deployed.found_by("RunFailed")] == ["failed"]


def test_a_failure_that_is_shown_or_delivered_again_is_no_second_one(deployed: Deployed) -> None:
    deployed.emu.add_fault(Fault("put", "failed", ids=[deployed.ids[0]]))
    event = restart(deployed, 0, run_id="k")
    report = deployed.handle(event)
    assert report is not None
    assert len(deployed.found_by("RunFailed")) == 1
    again, shown = deployed.handle(event), deployed.handle({"command": "show", "run": report["run_id"]})
    assert again is not None
    assert shown is not None
    assert (again["status"], shown["status"]) == ("failed", "failed")
    assert deployed.found_by("RunFailed") == []


# What a night may bring without a run that was carried out.


SILENT: Mapping[str, Callable[[Deployed], Any]] = {
    "refused by a guard": lambda _: {**WEEKLY, "window": {"days": ["mon"], "start": "00:00", "end": "00:01", "timezone": "UTC"}},
    "refused, since data would be lost": lambda deployed: restart(deployed, 0, action="flush"),
    "no valid request": lambda _: {"action": "restrat"},
    "an event of another service": lambda _: {"Records": [{"eventSource": "aws:s3", "s3": {}}]},
    "a dry run": lambda _: {**WEEKLY, "dry_run": True},
    "a dry run that matches nothing": lambda _: {"action": "restart", "select": {"name": "nobody-*"}, "dry_run": True},
    "sweep": lambda _: {"command": "sweep"},
    "status": lambda _: {"command": "status"},
}


def test_nights_without_a_run_that_was_carried_out_are_silent(deployed: Deployed) -> None:
    """The alarm of silence rings while every event of the schedule is refused, however much the log says of it."""
    deployed.clock.sleep(-deployed.clock.now().timestamp() % DAY_S + 3600)  # days are CloudWatch's: an hour after midnight
    assert deployed.handle(WEEKLY) is not None
    assert len(deployed.found_by("RunReported")) == 1
    for night, (kind, event) in enumerate(SILENT.items()):
        deployed.clock.sleep(DAY_S)
        assert deployed.rings("SilenceAlarm") == (night >= 3), kind
        deployed.handle(event(deployed))
        assert deployed.found_by("RunReported") == [], kind
    assert deployed.handle(WEEKLY) is not None
    assert len(deployed.found_by("RunReported")) == 1
    deployed.clock.sleep(60)
    assert not deployed.rings("SilenceAlarm")


def test_a_replay_is_no_run_that_was_carried_out(deployed: Deployed) -> None:
    event = restart(deployed, 0, run_id="every-night-the-same")
    for night in range(2):
        assert deployed.handle(event) is not None
        assert len(deployed.found_by("RunReported")) == (1 if night == 0 else 0)
        deployed.clock.sleep(DAY_S)


def test_a_run_that_only_a_sweep_could_carry_on_counts_once_it_has_ended(deployed: Deployed) -> None:
    """The context names a function that moto does not have: it cannot call itself, as one that lacks the right."""
    begun = deployed.handle(restart(deployed, *range(4), rollout={"canary": 1, "wave_size": 1}), left_s=100.0)
    assert begun is not None
    assert begun["status"] == "deferred"
    assert deployed.found_by("RunReported") == []
    for _ in range(12):
        deployed.clock.sleep(300)
        answer = deployed.handle({"command": "sweep"})
        assert answer is not None
        if answer.get("report", {}).get("status") == "succeeded":
            break
    (line,) = deployed.found_by("RunReported")
    assert line["report"]["counts"] == {"completed": 4}


def test_events_in_the_dead_letter_queue_ring(deployed: Deployed) -> None:
    """(Moto counts no messages of a queue as a metric: what SQS reports is put in.)"""
    alarm = deployed.stack.alarm("DeadLetterAlarm")
    (dimension,) = alarm["Dimensions"]
    assert dimension["Value"] == deployed.stack.made["DeadLetterQueue"].rsplit("/", 1)[1]
    data = {"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"], "Value": 1.0, "Timestamp": deployed.clock.now()}
    client("cloudwatch").put_metric_data(Namespace="AWS/SQS", MetricData=[data])
    deployed.clock.sleep(60)
    assert deployed.rings("DeadLetterAlarm")


def test_a_night_that_failed_is_sent_again_in_the_morning_and_is_carried_out_as_that_night_s_run(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Lambda's destination keeps in the stack's queue goes back by the command, late as it is, and once."""
    stack, event = deployed.stack, deployed.stack.fired("plan", deployed.clock.now())
    deployed.emu.add_fault(Fault("list", "403", times=1))
    with pytest.raises(UpkeepError) as failed:
        deployed.handle(event)
    arn = client("lambda").get_function_configuration(FunctionName=stack.made["Function"])["FunctionArn"]
    record = {
        "requestContext": {"requestId": "r1", "functionArn": f"{arn}:$LATEST", "condition": "RetriesExhausted"},
        "requestPayload": event,
        "responsePayload": {"errorMessage": str(failed.value), "errorType": type(failed.value).__name__},
    }
    queue = stack.made["DeadLetterQueue"]
    client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(record))
    deployed.clock.sleep(6 * 3600)
    told: list[str] = []
    with lambda_api() as api:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", api.url)
        answers = Answers(lambda letter: letter.verdict is Verdict.LATE, told.append)
        assert redrive(DeadLetterQueue(queue, look_s=0), stack.made["Function"], None, deployed.clock, answers) == 0
        ((name, sent),) = api.accepted
    assert name == stack.made["Function"]
    assert "403" in told[0]
    report, again = deployed.handle(sent), deployed.handle(sent)
    assert report is not None
    assert again is not None
    assert report["counts"] == {"completed": 4}
    assert (report["trigger"]["kind"], report["trigger"]["id"]) == ("scheduler", event["run_id"])
    assert again["replayed"]
    assert "Messages" not in client("sqs").receive_message(QueueUrl=queue)


def test_every_alarm_goes_to_the_topic_of_reports(deployed: Deployed) -> None:
    for name in ("RunFailedAlarm", "DeadLetterAlarm", "SilenceAlarm"):
        assert deployed.stack.alarm(name)["AlarmActions"] == [deployed.stack.made["ReportTopic"]]


def test_saved_queries_ask_for_fields_that_the_log_has(deployed: Deployed) -> None:
    deployed.emu.add_fault(Fault("put", "failed", ids=[deployed.ids[0]]))
    deployed.handle(restart(deployed, 0))
    deployed.emu.set_status(deployed.ids[1], "FROZEN")
    deployed.handle(WEEKLY)
    written = {field for line in deployed.lines() for field in json.loads(line)}
    for query in of_type("AWS::Logs::QueryDefinition").values():
        fields = re.findall(r"\w+", query["QueryString"].split("|")[0].removeprefix("fields @timestamp"))
        assert set(fields) <= written


# What the parameters change.

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"


@pytest.fixture
def region(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


@pytest.mark.usefixtures("region")
def test_one_key_encrypts_topic_table_and_log_and_the_role_may_use_it_there_alone() -> None:
    template = transformed()
    resources, values = template["Resources"], values_of(template, {"KmsKeyArn": KEY})
    made = {name: values.of(one["Properties"]) for name, one in resources.items()}
    assert made["ReportTopic"]["KmsMasterKeyId"] == KEY
    assert made["JournalTable"]["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    assert made["LogGroup"]["KmsKeyId"] == KEY
    statements = made["FunctionRole"]["Policies"][0]["PolicyDocument"]["Statement"]
    (use,) = [one for one in statements if one["Sid"] == "UseKey"]
    assert (use["Resource"], set(use["Action"])) == (KEY, {"kms:Decrypt", "kms:GenerateDataKey"})
    services = {f"{service}.{REGION}.amazonaws.com" for service in ("dynamodb", "sns")}
    assert set(use["Condition"]["StringEquals"]["kms:ViaService"]) == services


@pytest.mark.usefixtures("region")
def test_without_a_key_nothing_speaks_of_one_and_nothing_is_reserved() -> None:
    template = transformed()
    values = values_of(template, {})
    made = {name: values.of(one["Properties"]) for name, one in template["Resources"].items()}
    assert "kms" not in json.dumps(made, default=str).lower().replace("sqsmanagedsseenabled", "")
    assert "ReservedConcurrentExecutions" not in made["Function"]
    reserved = values_of(template, {"ReservedConcurrency": "5"}).of(template["Resources"]["Function"]["Properties"])
    assert reserved["ReservedConcurrentExecutions"] == "5"


@pytest.mark.usefixtures("region")
@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("ReservedConcurrency", ["", "3", "9", "10", "1000"], ["0", "1", "2", "-3", "3.5", "three"]),
        ("KmsKeyArn", ["", KEY], ["alias/mine", KEY.replace("key/", "alias/"), "11111111-2222-3333-4444-555555555555"]),
    ],
)
def test_a_parameter_takes_what_works_alone(name: str, good: list[str], bad: list[str]) -> None:
    pattern = transformed()["Parameters"][name]["AllowedPattern"]
    assert [one for one in good if not re.fullmatch(pattern, one)] == []
    assert [one for one in bad if re.fullmatch(pattern, one)] == []


@pytest.mark.usefixtures("region")
def test_with_an_address_the_outputs_say_that_its_owner_has_to_confirm() -> None:
    template = transformed()
    output = template["Outputs"]["ConfirmSubscription"]
    given = {"ReportEmail": "ops@example.com"}
    assert not values_of(template, {}).holds(output["Condition"])
    assert values_of(template, given).holds(output["Condition"])
    assert "mail to ops@example.com" in values_of(template, given).of(output["Value"])
