"""Topics: SMN on the emulator, SNS on moto, both over HTTP with the real SDKs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import boto3
import pytest

from dcs_upkeep.adapters.account import own_account
from dcs_upkeep.adapters.topics import build_topics, sns
from dcs_upkeep.domain.bounds import DATA_BYTES, MAIL_BYTES, cut_in_json
from dcs_upkeep.domain.deadline import ENDLESS
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Credentials
from dcs_upkeep.domain.ports import Message
from dcs_upkeep.local.emulator import Emulator, Fault

URN = "urn:smn:cn-north-4:0123456789abcdef0123456789abcdef:reports"
REPORT = '{"report_version": 1, "run_id": "r"}'
MESSAGE = Message(
    subject="ok 3 of 3: restart nightly in cn-north-4",
    text="DCS Upkeep report: ok 3 of 3\n\nall is well",
    brief="DCS Upkeep report: ok 3 of 3",
    sms="ok 3 of 3",
    data=REPORT,
    attributes={"status": "succeeded", "urgency": "ok", "region": "cn-north-4", "plan": "每周 重启", "action": "restart"},
)


def topic(name: str, emu: Emulator | None = None) -> Any:
    key_pair = Credentials(emu.ak, emu.sk, emu.security_token) if emu else Credentials("a", "b")
    (made,) = build_topics([name], account=own_account(lambda: key_pair), smn_endpoint=emu.url if emu else "", deadline=ENDLESS)
    return made


def test_smn_gets_a_form_for_each_protocol() -> None:
    with Emulator([], topics=[URN], security_token="token") as emu:
        assert topic(URN, emu).publish(MESSAGE)
        (sent,) = emu.truth.messages
        assert (sent.topic_urn, sent.subject, sent.undelivered) == (URN, MESSAGE.subject, [])
        assert {protocol: sent.text(protocol) for protocol in ("default", "email", "sms")} == {
            "default": MESSAGE.brief,
            "email": MESSAGE.text,
            "sms": MESSAGE.sms,
        }
        assert {sent.text(protocol) for protocol in ("http", "https", "functiongraph", "functionstage")} == {REPORT}
        robots = {protocol: json.loads(sent.text(protocol)) for protocol in ("dingding", "feishu", "wechat", "welink")}
        assert {robot["msgType"] for robot in robots.values()} == {"text"}
        assert robots["dingding"]["content"] == MESSAGE.text
        assert robots["wechat"]["content"] == MESSAGE.brief
        assert set(sent.forms) == {"default", "email", "sms", "http", "https", "functiongraph", "functionstage", *robots}


def test_smn_gets_attributes_in_the_signs_that_it_takes() -> None:
    with Emulator([]) as emu:
        topic(URN, emu).publish(MESSAGE)
        rows = emu.truth.messages[0].body["message_attributes"]
        assert isinstance(rows, list)
        assert {row["name"]: row["value"] for row in rows} == {
            "status": "succeeded",
            "urgency": "ok",
            "region": "cn_north_4",
            "plan": "每周_重启",
            "action": "restart",
        }


@pytest.mark.parametrize("text", ["short", '"\\' * 40_000, "每" * 26_000, "\n" * 40_000, "\U0001f600" * 20_000])
def test_whatever_stands_in_it_a_message_stays_within_256_kb(text: str, aws: str) -> None:
    """Each form is JSON in JSON, where a quote takes four bytes, and all of them share one limit."""
    whole = Message("s" * 99, cut_in_json(text, MAIL_BYTES), text[:1_900], text[:490], json.dumps({"a": text[:8_000]})[:DATA_BYTES])
    with Emulator([]) as emu:
        topic(URN, emu).publish(whole)
        (sent,) = emu.truth.messages
        assert "message_structure" in sent.body
        assert {"dingding", "feishu", "wechat"} & set(sent.undelivered) == set()
    arn = boto3.client("sns", region_name="eu-central-1").create_topic(Name="reports")["TopicArn"]
    assert topic(arn).publish(whole)


def test_a_message_that_has_one_text_alone_still_has_every_form() -> None:
    with Emulator([]) as emu:
        topic(URN, emu).publish(Message("【a】 b", "DCS Upkeep report: x"))
        (sent,) = emu.truth.messages
        assert sent.text("default") == sent.text("email") == sent.text("https") == "DCS Upkeep report: x"
        assert sent.text("sms") == "(a) b"
        assert sent.undelivered == []


@pytest.mark.parametrize(("status", "code"), [(400, "SMN.0021"), (403, "SMN.0009")])
def test_where_smn_refuses_the_forms_people_are_told_all_the_same(status: int, code: str) -> None:
    with Emulator([], faults=[Fault("publish", "error", status=status, code=code)]) as emu:
        assert topic(URN, emu).publish(MESSAGE)
        (sent,) = emu.truth.messages
        assert (sent.subject, sent.body.get("message"), "message_structure" in sent.body) == (MESSAGE.subject, MESSAGE.text, False)


def test_a_name_in_another_script_arrives_in_the_subject(aws: str) -> None:
    """SMN takes 512 bytes of UTF-8, SNS under 100 characters."""
    chinese = Message("正常3/3：重启 每周重启会话缓存（cn-north-4）", "DCS Upkeep report: 每周重启会话缓存")
    with Emulator([], topics=[URN]) as emu:
        topic(URN, emu).publish(chinese)
        assert (emu.truth.messages[0].subject, emu.truth.messages[0].text()) == (chinese.subject, chinese.text)
    arn = boto3.client("sns", region_name="eu-central-1").create_topic(Name="reports")["TopicArn"]
    assert topic(arn).publish(Message("每" * 99, "每" * 26_000))


@pytest.mark.parametrize(("kind", "word"), [("403", "smn:topic:publish"), ("401", "401")])
def test_an_smn_refusal_names_code_and_permission(kind: str, word: str) -> None:
    with Emulator([], faults=[Fault("publish", kind, times=None)]) as emu, pytest.raises(CloudError, match=word) as caught:
        topic(URN, emu).publish(MESSAGE)
    assert emu.sk not in str(caught.value)


@pytest.mark.parametrize("kind", ["500", "lost_answer"])
def test_smn_is_asked_twice_at_most(kind: str) -> None:
    """A repeated notification is better than none."""
    with Emulator([], faults=[Fault("publish", kind)]) as emu:
        topic(URN, emu).publish(MESSAGE)
        assert emu.truth.count("publish") == 2
    with Emulator([], faults=[Fault("publish", kind, times=None)]) as emu:
        with pytest.raises(CloudError):
            topic(URN, emu).publish(MESSAGE)
        assert emu.truth.count("publish") == 2


def test_smn_that_cannot_be_reached_says_so() -> None:
    with Emulator([]) as emu:
        pass
    with pytest.raises(CloudError, match="UPKEEP_SMN_ENDPOINT"):
        topic(URN, emu).publish(MESSAGE)


@pytest.mark.parametrize("kind", ["garbage", "truncated", "502_html", "drop"])
def test_an_odd_answer_of_smn_is_an_error_like_any_other(kind: str) -> None:
    """What the SDK makes of it must not escape as a fault of ours, and never count as published."""
    with Emulator([], faults=[Fault("publish", kind, times=None)]) as emu, pytest.raises(CloudError, match="publish_message: ") as caught:
        topic(URN, emu).publish(MESSAGE)
    assert "Check" in str(caught.value)


def test_no_more_time_is_taken_than_is_left() -> None:
    """What the last topic takes is not there for the report."""
    from dcs_upkeep.domain.deadline import Deadline

    left = [0.3]
    with Emulator([], faults=[Fault("publish", "hang_executed", times=None)]) as emu:
        (made,) = build_topics(
            [URN],
            account=own_account(lambda: Credentials(emu.ak, emu.sk)),
            smn_endpoint=emu.url,
            deadline=Deadline(lambda: left[0]),
        )
        with pytest.raises(CloudError, match="no answer came"):
            made.publish(MESSAGE)
        assert emu.truth.count("publish") == 1


def test_sns_gets_a_form_for_each_protocol_and_attributes(aws: str) -> None:
    client, queue = boto3.client("sns", region_name="eu-central-1"), boto3.client("sqs", region_name="eu-central-1")
    arn = client.create_topic(Name="reports")["TopicArn"]
    url = queue.create_queue(QueueName="reader")["QueueUrl"]
    client.subscribe(TopicArn=arn, Protocol="sqs", Endpoint="arn:aws:sqs:eu-central-1:123456789012:reader")
    message_id = topic(arn).publish(MESSAGE)
    got = queue.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    bodies = {body["MessageId"]: body for body in (json.loads(one["Body"]) for one in got)}  # a slow answer makes it two of them
    body = bodies[message_id]
    assert (body["Subject"], body["Message"]) == (MESSAGE.subject, REPORT)
    assert {name: row["Value"] for name, row in body["MessageAttributes"].items()} == MESSAGE.attributes
    assert json.loads(sns.structure_of(MESSAGE)) == {
        "default": MESSAGE.brief,
        "email": MESSAGE.text,
        "sms": MESSAGE.sms,
        **dict.fromkeys(("lambda", "sqs", "http", "https"), REPORT),
    }


@pytest.mark.parametrize(("urgency", "heard"), [("down", 1), ("ok", 0)])
def test_a_filter_policy_of_sns_lets_through_what_is_urgent(aws: str, urgency: str, heard: int) -> None:
    client, queue = boto3.client("sns", region_name="eu-central-1"), boto3.client("sqs", region_name="eu-central-1")
    arn = client.create_topic(Name=f"reports-{urgency}")["TopicArn"]
    url = queue.create_queue(QueueName=f"woken-{urgency}")["QueueUrl"]
    policy = json.dumps({"urgency": [{"anything-but": ["ok", "planned", "waiting"]}]})
    client.subscribe(
        TopicArn=arn,
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:eu-central-1:123456789012:woken-{urgency}",
        Attributes={"FilterPolicy": policy},
    )
    topic(arn).publish(replace(MESSAGE, attributes={"urgency": urgency}))
    assert bool(queue.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages")) is bool(heard)


def test_an_sns_refusal_names_code_and_permission(aws: str) -> None:
    with pytest.raises(CloudError, match="sns:Publish"):
        topic("arn:aws:sns:eu-central-1:123456789012:nobody").publish(MESSAGE)


def test_sns_that_cannot_be_reached_says_so(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(CloudError, match="no answer came"):
        topic("arn:aws:sns:eu-central-1:123456789012:x").publish(MESSAGE)
