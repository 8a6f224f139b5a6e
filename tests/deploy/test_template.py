"""template.yml as it is written, and as SAM transforms it: clean, and least privilege. tests/deploy/test_stack.py makes its stack."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dcs_upkeep.domain.settings import SETTING_FIELDS
from tests.deploy.stack import REGION, ROOT, of_type, transformed, values_of
from tests.rights import asked

pytestmark = pytest.mark.usefixtures("region")


@pytest.fixture
def region(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


def test_the_first_line_says_what_it_is() -> None:
    assert "AWS SAM" in (ROOT / "template.yml").read_text(encoding="utf-8").splitlines()[0]


def test_cfn_lint_finds_nothing() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "cfn-lint"), "template.yml"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


def test_every_variable_is_a_setting() -> None:
    (function,) = of_type("AWS::Lambda::Function").values()
    assert set(function["Environment"]["Variables"]) - set(SETTING_FIELDS) == set()


def test_the_schedule_sends_its_time_as_the_key_of_the_run() -> None:
    schedules = of_type("AWS::Scheduler::Schedule")
    plan = schedules["FunctionScheduled"]["Target"]
    text = plan["Input"]["Fn::Sub"]
    sent = json.loads(text.replace("${ScheduledRequest}", '{"action": "restart"}'))
    assert sent["run_id"] == "<aws.scheduler.schedule-arn>/<aws.scheduler.scheduled-time>"
    assert sent["time"] == "<aws.scheduler.scheduled-time>"
    assert set(sent) == {"request", "run_id", "time"}
    sweep = schedules["FunctionSweep"]
    assert sweep["ScheduleExpression"] == "rate(5 minutes)"
    assert json.loads(sweep["Target"]["Input"]) == {"command": "sweep"}
    assert all(one["Target"]["DeadLetterConfig"]["Arn"] for one in schedules.values())


def test_the_platform_never_retries_and_keeps_what_failed() -> None:
    (config,) = of_type("AWS::Lambda::EventInvokeConfig").values()
    assert config["MaximumRetryAttempts"] == 0
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    (function,) = of_type("AWS::Lambda::Function").values()
    assert (function["Timeout"], function["RecursiveLoop"], function["Runtime"], function["Handler"]) == (
        900,
        "Allow",
        "python3.12",
        "handler.handler",
    )


def test_every_alarm_is_of_a_metric_that_a_filter_makes_or_sqs_has() -> None:
    alarms = of_type("AWS::CloudWatch::Alarm")
    names = {one["MetricTransformations"][0]["MetricName"] for one in of_type("AWS::Logs::MetricFilter").values()}
    assert {one["MetricName"] for one in alarms.values()} - names == {"ApproximateNumberOfMessagesVisible"}
    assert alarms["SilenceAlarm"]["Period"] * 7 <= 604_800  # CloudWatch's limit
    assert transformed()["Resources"]["SilenceAlarm"]["Condition"] == "IsScheduled"


# What Lambda does in the function's name: its log, and the queue of failed events.
PLATFORM = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}
SCHEDULER = {"lambda:InvokeFunction", "sqs:SendMessage"}


def roles(**given: str) -> dict[str, Any]:
    template = transformed()
    values = values_of(template, given)
    return {name: values.of(one) for name, one in of_type("AWS::IAM::Role").items()}


def granted(role: Mapping[str, Any]) -> set[str]:
    assert "ManagedPolicyArns" not in role, "what others manage may grow"
    actions: set[str] = set()
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Resource"] != "*"
            listed = statement["Action"]
            actions |= {listed} if isinstance(listed, str) else set(listed)
    assert not any("*" in action for action in actions)
    return actions


def test_rights_are_those_of_the_calls_and_no_more() -> None:
    """Each adapter lists what it asks."""
    calls = asked("dynamodb", "lambda", "secretsmanager", "sns")
    made = roles()
    assert granted(made.pop("FunctionRole")) == calls | PLATFORM
    assert len(made) == 2
    assert all(granted(role) == SCHEDULER for role in made.values())
    key = f"arn:aws:kms:{REGION}:123456789012:key/k"
    assert granted(roles(KmsKeyArn=key)["FunctionRole"]) == calls | PLATFORM | {"kms:Decrypt", "kms:GenerateDataKey"}


def test_schedules_are_named_after_their_stack() -> None:
    """SAM would name them after their place in the template, the same in every stack of an account."""
    names = {values_of(transformed(), {}).of(one["Name"]) for one in of_type("AWS::Scheduler::Schedule").values()}
    assert names == {"upkeep-plan", "upkeep-sweep"}
