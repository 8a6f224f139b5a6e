"""template.yml: clean, least privilege, and a stack whose function carries a scheduled run to the end.

Moto cannot create schedules, alarms, metric filters, query definitions and the invoke configuration: those are checked on the template as SAM
transforms it. All else is created in moto, over HTTP, and the run takes names and environment from what was created.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

import handler
from dcs_upkeep import bootstrap
from dcs_upkeep.domain.settings import SETTING_FIELDS
from dcs_upkeep.local.emulator import Emulator, make_fleet
from tests.contexts import LambdaContext
from tests.fakes import FakeClock
from tests.rights import asked

pytestmark = pytest.mark.usefixtures("region")
ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-central-1"
NOT_IN_MOTO = (
    "AWS::Scheduler::Schedule",
    "AWS::CloudWatch::Alarm",
    "AWS::Logs::MetricFilter",
    "AWS::Logs::QueryDefinition",
    "AWS::Lambda::EventInvokeConfig",
)
SECRET_ARN = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:huawei-AbCdEf"


@pytest.fixture
def region(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


def transformed(code: str = "s3://code/key.zip") -> dict[str, Any]:
    template = yaml_parse((ROOT / "template.yml").read_text(encoding="utf-8"))
    template["Resources"]["Function"]["Properties"]["CodeUri"] = code
    made: dict[str, Any] = Translator({}, Parser()).translate(sam_template=template, parameter_values={})
    return made


def of_type(kind: str) -> dict[str, Any]:
    return {name: one["Properties"] for name, one in transformed()["Resources"].items() if one["Type"] == kind}


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


def test_metric_filters_and_alarms_speak_of_what_the_log_has() -> None:
    """Names that the log never writes would make an alarm that never rings."""
    patterns = " ".join(one["FilterPattern"] for one in of_type("AWS::Logs::MetricFilter").values())
    assert set(re.findall(r"\$\.(\w+)", patterns)) == {"event", "status", "ending", "report_version"}
    assert set(re.findall(r'= "([\w.]+)"', patterns)) == {"run.reported", "failed", "partial", "fault"}
    alarms = of_type("AWS::CloudWatch::Alarm")
    assert all(one["AlarmActions"] for one in alarms.values())
    names = {one["MetricTransformations"][0]["MetricName"] for one in of_type("AWS::Logs::MetricFilter").values()}
    assert {one["MetricName"] for one in alarms.values()} - names == {"ApproximateNumberOfMessagesVisible"}
    assert alarms["SilenceAlarm"]["Period"] * 7 <= 604_800  # CloudWatch's limit
    assert transformed()["Resources"]["SilenceAlarm"]["Condition"] == "IsScheduled"


# What Lambda does in the function's name: its log, and the queue of failed events.
PLATFORM = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}
SCHEDULER = {"lambda:InvokeFunction", "sqs:SendMessage"}


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
    roles = of_type("AWS::IAM::Role")
    assert granted(roles.pop("FunctionRole")) == asked("dynamodb", "lambda", "secretsmanager", "sns") | PLATFORM
    assert len(roles) == 2
    assert all(granted(role) == SCHEDULER for role in roles.values())


def create_stack(emu: Emulator) -> Mapping[str, str]:
    """Everything that moto can create; returns logical id -> physical id."""
    boto3.client("s3").create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": REGION})
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", "def handler(event, context): ...")
    boto3.client("s3").put_object(Bucket="code", Key="key.zip", Body=code.getvalue())
    secret = {"HUAWEICLOUD_SDK_AK": emu.ak, "HUAWEICLOUD_SDK_SK": emu.sk}
    arn = boto3.client("secretsmanager").create_secret(Name="huawei-of-the-stack", SecretString=json.dumps(secret))["ARN"]
    template = transformed()
    template["Resources"] = {name: one for name, one in template["Resources"].items() if one["Type"] not in NOT_IN_MOTO}
    given = {"HuaweiRegion": "cn-north-4", "HuaweiProjectId": emu.project_id, "HuaweiEndpoint": emu.url, "CredentialsSecretArn": arn}
    boto3.client("cloudformation").create_stack(
        StackName="upkeep",
        TemplateBody=json.dumps(template, default=str),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    rows = boto3.client("cloudformation").list_stack_resources(StackName="upkeep")["StackResourceSummaries"]
    return {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows}


def test_the_stack_s_function_carries_a_scheduled_run_to_its_report(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    with Emulator(make_fleet(5, tags={"upkeep": "weekly"}), clock=clock) as emu:
        made = create_stack(emu)
        environment = boto3.client("lambda").get_function_configuration(FunctionName=made["Function"])["Environment"]["Variables"]
        reader = boto3.client("sqs").create_queue(QueueName="reader-of-the-stack")["QueueUrl"]
        boto3.client("sns").subscribe(
            TopicArn=made["ReportTopic"], Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:reader-of-the-stack"
        )
        for key, value in environment.items():
            monkeypatch.setenv(key, str(value))  # moto keeps a Number parameter as a number
        monkeypatch.setattr(bootstrap, "SystemClock", lambda: clock)
        at = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        request = {"action": "restart", "select": {"tags": {"upkeep": "weekly"}}}
        report = handler.handler({"request": request, "run_id": f"arn:aws:scheduler:x/{at}", "time": at}, LambdaContext())
        assert report["counts"] == {"completed": 5}
        (message,) = boto3.client("sqs").receive_message(QueueUrl=reader)["Messages"]
        assert json.loads(message["Body"])["Subject"].startswith("DCS Upkeep succeeded")
        streams = {item["stream"]["S"] for item in boto3.client("dynamodb").scan(TableName=made["JournalTable"])["Items"]}
        assert f"run/{report['run_id']}" in streams
        again = handler.handler({"request": request, "run_id": f"arn:aws:scheduler:x/{at}", "time": at}, LambdaContext())
        assert again["replayed"] is True
