"""Topics: SMN on the emulator, SNS on moto, both over HTTP with the real SDKs."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from dcs_upkeep.adapters.account import own_account
from dcs_upkeep.adapters.topics import build_topics
from dcs_upkeep.domain.deadline import ENDLESS
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Credentials
from dcs_upkeep.domain.ports import Message
from dcs_upkeep.local.emulator import Emulator, Fault

URN = "urn:smn:cn-north-4:0123456789abcdef0123456789abcdef:reports"
MESSAGE = Message("DCS Upkeep succeeded", "DCS Upkeep report: succeeded\n\nall is well")


def topic(name: str, emu: Emulator | None = None) -> Any:
    key_pair = Credentials(emu.ak, emu.sk, emu.security_token) if emu else Credentials("a", "b")
    (made,) = build_topics([name], account=own_account(lambda: key_pair), smn_endpoint=emu.url if emu else "", deadline=ENDLESS)
    return made


def test_smn_gets_subject_and_text() -> None:
    with Emulator([], topics=[URN], security_token="token") as emu:
        assert topic(URN, emu).publish(MESSAGE)
        (sent,) = emu.truth.messages
        assert (sent.topic_urn, sent.subject, sent.body["message"]) == (URN, MESSAGE.subject, MESSAGE.text)


def test_a_name_in_another_script_arrives_in_the_subject(aws: str) -> None:
    """SMN takes 512 bytes of UTF-8, SNS under 100 characters."""
    chinese = Message("DCS Upkeep succeeded: restart 每周重启会话缓存", "DCS Upkeep report: 每周重启会话缓存")
    with Emulator([], topics=[URN]) as emu:
        topic(URN, emu).publish(chinese)
        assert (emu.truth.messages[0].subject, emu.truth.messages[0].body["message"]) == (chinese.subject, chinese.text)
    arn = boto3.client("sns", region_name="eu-central-1").create_topic(Name="reports")["TopicArn"]
    assert topic(arn).publish(Message("每" * 99, "每" * 80_000))


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


def test_sns_gets_subject_and_text(aws: str) -> None:
    client, queue = boto3.client("sns", region_name="eu-central-1"), boto3.client("sqs", region_name="eu-central-1")
    arn = client.create_topic(Name="reports")["TopicArn"]
    url = queue.create_queue(QueueName="reader")["QueueUrl"]
    client.subscribe(TopicArn=arn, Protocol="sqs", Endpoint="arn:aws:sqs:eu-central-1:123456789012:reader")
    message_id = topic(arn).publish(MESSAGE)
    got = queue.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    bodies = {body["MessageId"]: body for body in (json.loads(one["Body"]) for one in got)}  # a slow answer makes it two of them
    assert (bodies[message_id]["Subject"], bodies[message_id]["Message"]) == (MESSAGE.subject, MESSAGE.text)


def test_an_sns_refusal_names_code_and_permission(aws: str) -> None:
    with pytest.raises(CloudError, match="sns:Publish"):
        topic("arn:aws:sns:eu-central-1:123456789012:nobody").publish(MESSAGE)


def test_sns_that_cannot_be_reached_says_so(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(CloudError, match="no answer came"):
        topic("arn:aws:sns:eu-central-1:123456789012:x").publish(MESSAGE)
