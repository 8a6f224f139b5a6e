"""The stack of template.yml in moto: what its CloudFormation makes, and by moto's own APIs what that leaves out silently.

Names, addresses and properties of the latter are the transformed template's, with what they refer to put in.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from dcs_upkeep.local.emulator import Emulator
from tests.log_filters import matches

ROOT = Path(__file__).resolve().parents[2]
REGION, ACCOUNT = "eu-central-1", "123456789012"
# Moto's CloudFormation makes none of these, and says nothing.
NOT_IN_CLOUDFORMATION = (
    "AWS::Scheduler::Schedule",
    "AWS::CloudWatch::Alarm",
    "AWS::Logs::MetricFilter",
    "AWS::Logs::QueryDefinition",
    "AWS::Lambda::EventInvokeConfig",
)
NO_VALUE = object()
CODE = "bucket-of-the-code"


def transformed(bucket: str = "code") -> dict[str, Any]:
    """The template as SAM makes it for CloudFormation, with the code in this bucket."""
    made: dict[str, Any] = json.loads(_transformed().replace(CODE, bucket))
    return made


@cache
def _transformed() -> str:
    template = yaml_parse((ROOT / "template.yml").read_text(encoding="utf-8"))
    template["Resources"]["Function"]["Properties"]["CodeUri"] = f"s3://{CODE}/key.zip"
    return json.dumps(Translator({}, Parser()).translate(sam_template=template, parameter_values={}), default=str)


def of_type(kind: str) -> dict[str, Any]:
    """Logical id -> properties, of every resource of this type."""
    return {name: one["Properties"] for name, one in transformed()["Resources"].items() if one["Type"] == kind}


def client(service: str) -> Any:
    """boto3's, for moto as the environment names it. Making one takes longer than most calls."""
    return _client(service, os.environ["AWS_ENDPOINT_URL"])


@cache
def _client(service: str, address: str) -> Any:
    return boto3.client(service, region_name=REGION, endpoint_url=address)  # type: ignore[call-overload]


class Values:
    """What the template's functions come to. `names`: what `Ref` gives; `attribute`: what `Fn::GetAtt` gives."""

    def __init__(
        self,
        conditions: Mapping[str, Any],
        names: Mapping[str, Any],
        attribute: Callable[[str, str], str] = lambda name, of: f"{name}.{of}",
    ) -> None:
        self._conditions = conditions
        self._names = names
        self._attribute = attribute

    def holds(self, condition: str) -> bool:
        """Whether a condition of the template does."""
        return bool(self.of(self._conditions[condition]))

    def of(self, value: Any) -> Any:
        """The value with everything put in."""
        if isinstance(value, list):
            return [one for one in map(self.of, value) if one is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        match list(value.items()):
            case [("Ref", "AWS::NoValue")]:
                return NO_VALUE
            case [("Ref", name)]:
                return self._names[name]
            case [("Fn::GetAtt", [name, attribute])]:
                return self._attribute(name, attribute)
            case [("Fn::Sub", text)]:
                return re.sub(r"\$\{([^}]+)\}", lambda found: str(self._names[found[1]]), text)
            case [("Fn::If", [condition, yes, no])]:
                return self.of(yes if self.holds(condition) else no)
            case [("Fn::Equals", [left, right])]:
                return self.of(left) == self.of(right)
            case [("Fn::Not", [one])]:
                return not self.of(one)
        return {key: one for key, one in ((key, self.of(one)) for key, one in value.items()) if one is not NO_VALUE}


def values_of(template: Mapping[str, Any], given: Mapping[str, str]) -> Values:
    """The same for a template that is not made: resources stand for themselves."""
    pseudo = {"AWS::StackName": "upkeep", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::Partition": "aws"}
    names = {name: name for name in template["Resources"]}
    return Values(template["Conditions"], {**names, **pseudo, "AWS::URLSuffix": "amazonaws.com", **parameters_of(template, given)})


def parameters_of(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """What `Ref` gives of each parameter; a number is one, as CloudFormation hands it on."""
    found = {name: given.get(name, one.get("Default", "")) for name, one in template["Parameters"].items()}
    return {name: int(value) if template["Parameters"][name]["Type"] == "Number" else value for name, value in found.items()}


class Stack:
    """One stack. `name` is also that of its bucket and its secret: moto keeps what earlier tests made."""

    def __init__(self, name: str, emu: Emulator, **given: str) -> None:
        self.name = name
        self._template = transformed(name)
        secret = {"HUAWEICLOUD_SDK_AK": emu.ak, "HUAWEICLOUD_SDK_SK": emu.sk}
        arn = client("secretsmanager").create_secret(Name=f"huawei-of-{name}", SecretString=json.dumps(secret))["ARN"]
        fleet = {"HuaweiRegion": "cn-north-4", "HuaweiProjectId": emu.project_id, "HuaweiEndpoint": emu.url}
        self._given = {**fleet, "CredentialsSecretArn": arn, **given}
        self._put_code()
        self.made = self._create()
        self._values = self._with_what_was_made()
        self._create_the_rest()

    def _put_code(self) -> None:
        s3 = client("s3")
        s3.create_bucket(Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": REGION})
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("handler.py", "def handler(event, context): ...")
        s3.put_object(Bucket=self.name, Key="key.zip", Body=code.getvalue())

    def _create(self) -> Mapping[str, str]:
        """Logical id -> physical id."""
        template = {**self._template}
        kept = {name: one for name, one in template["Resources"].items() if one["Type"] not in NOT_IN_CLOUDFORMATION}
        template["Resources"] = kept
        formation = client("cloudformation")
        formation.create_stack(
            StackName=self.name,
            TemplateBody=json.dumps(template, default=str),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in self._given.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        rows = formation.list_stack_resources(StackName=self.name)["StackResourceSummaries"]
        return {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows}

    def _with_what_was_made(self) -> Values:
        pseudo = {"AWS::StackName": self.name, "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}
        names = {**parameters_of(self._template, self._given), **pseudo, **self.made}
        return Values(self._template["Conditions"], names, self._attribute)

    def _attribute(self, name: str, attribute: str) -> str:
        physical = self.made[name]
        match self._template["Resources"][name]["Type"], attribute:
            case "AWS::SQS::Queue", "Arn":
                answer = client("sqs").get_queue_attributes(QueueUrl=physical, AttributeNames=["QueueArn"])
                return str(answer["Attributes"]["QueueArn"])
            case "AWS::SQS::Queue", "QueueName":
                return physical.rsplit("/", 1)[1]
            case "AWS::Lambda::Function", "Arn":
                return str(client("lambda").get_function_configuration(FunctionName=physical)["FunctionArn"])
            case "AWS::IAM::Role", "Arn":
                return str(client("iam").get_role(RoleName=physical)["Role"]["Arn"])
            case kind, _:
                raise AssertionError(f"{attribute} of {kind} is not known here")

    def _create_the_rest(self) -> None:
        """(Moto has no query definitions.)"""
        ways: Mapping[str, Callable[[str, dict[str, Any]], object]] = {
            "AWS::Scheduler::Schedule": lambda _, asked: client("scheduler").create_schedule(**asked),
            "AWS::CloudWatch::Alarm": lambda name, asked: client("cloudwatch").put_metric_alarm(AlarmName=f"{self.name}-{name}", **asked),
            "AWS::Logs::MetricFilter": lambda name, asked: client("logs").put_metric_filter(filterName=name, **_in_lower_case(asked)),
            "AWS::Lambda::EventInvokeConfig": lambda _, asked: client("lambda").put_function_event_invoke_config(**asked),
        }
        for name, one in self._template["Resources"].items():
            if one["Type"] in ways and ("Condition" not in one or self._values.holds(one["Condition"])):
                ways[one["Type"]](name, self._values.of(one["Properties"]))

    def environment(self) -> dict[str, str]:
        """The function's. (Moto keeps a parameter that is a number as one.)"""
        configuration = client("lambda").get_function_configuration(FunctionName=self.made["Function"])
        return {key: str(value) for key, value in configuration["Environment"]["Variables"].items()}

    def schedule(self, name: str) -> Mapping[str, Any]:
        """A schedule as it was made."""
        found: Mapping[str, Any] = client("scheduler").get_schedule(Name=f"{self.name}-{name}")
        return found

    def fired(self, name: str, at: datetime) -> Any:
        """What a schedule sends at this time. Source: EventBridge Scheduler user guide, context attributes."""
        one = self.schedule(name)
        put_in = {"<aws.scheduler.schedule-arn>": one["Arn"], "<aws.scheduler.scheduled-time>": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        text = one["Target"]["Input"]
        for placeholder, value in put_in.items():
            text = text.replace(placeholder, value)
        return json.loads(text)

    def filters(self) -> Mapping[str, Mapping[str, Any]]:
        """The metric filters of its log group."""
        found = client("logs").describe_metric_filters(logGroupName=self.made["LogGroup"])["metricFilters"]
        return {one["filterName"]: one for one in found}

    def count(self, lines: Iterable[str], at: datetime) -> None:
        """What CloudWatch Logs does with lines that arrive: each filter's metric counts those that it finds."""
        filters = list(self.filters().values())
        for line in lines:
            for one in filters:
                if matches(one["filterPattern"], line):
                    (to,) = one["metricTransformations"]
                    data = [{"MetricName": to["metricName"], "Value": float(to["metricValue"]), "Timestamp": at}]
                    client("cloudwatch").put_metric_data(Namespace=to["metricNamespace"], MetricData=data)

    def alarm(self, name: str) -> Mapping[str, Any]:
        """An alarm as it was made."""
        (found,) = client("cloudwatch").describe_alarms(AlarmNames=[f"{self.name}-{name}"])["MetricAlarms"]
        return dict(found)

    def rings(self, name: str, now: datetime) -> bool:
        """Whether it is in alarm: if all its periods up to now breach. Source: CloudWatch user guide, evaluating an alarm."""
        alarm = self.alarm(name)
        period = timedelta(seconds=alarm["Period"])
        return all(_breaches(alarm, now - period * (back + 1), now - period * back) for back in range(alarm["EvaluationPeriods"]))


def _breaches(alarm: Mapping[str, Any], start: datetime, end: datetime) -> bool:
    answer = client("cloudwatch").get_metric_statistics(
        Namespace=alarm["Namespace"],
        MetricName=alarm["MetricName"],
        Dimensions=alarm.get("Dimensions", []),
        StartTime=start,
        EndTime=end,
        Period=alarm["Period"],
        Statistics=[alarm["Statistic"]],
    )
    points = [point[alarm["Statistic"]] for point in answer["Datapoints"]]
    if not points:
        return bool(alarm["TreatMissingData"] == "breaching")
    value = sum(points)
    above = alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert above or alarm["ComparisonOperator"] == "LessThanThreshold"
    return bool(value >= alarm["Threshold"]) if above else bool(value < alarm["Threshold"])


def _in_lower_case(value: Any) -> Any:
    """Names of properties as CloudWatch Logs' API has them."""
    if isinstance(value, list):
        return [_in_lower_case(one) for one in value]
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: _in_lower_case(one) for key, one in value.items()}
    return value
