"""Whether somebody is subscribed to a topic who has confirmed it: a cloud delivers nothing before, and tells the publisher nothing."""

from __future__ import annotations

from collections.abc import Sequence

import boto3
import pytest
from moto.sns.models import sns_backends

from dcs_upkeep.adapters.account import own_account
from dcs_upkeep.adapters.topics import build_topics
from dcs_upkeep.doctor.finding import Finding
from dcs_upkeep.doctor.topics import look_at
from dcs_upkeep.domain.deadline import ENDLESS
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Credentials
from dcs_upkeep.local.emulator import Emulator, Fault

URN = "urn:smn:cn-north-4:0123456789abcdef0123456789abcdef:reports"
CASES = [
    ((), "look", "nobody"),
    ((1, 1), "ok", "2 subscribed"),
    ((0, 0, 0), "fail", "3 subscriptions are not confirmed"),
    ((1, 0), "look", "1 not confirmed"),
]


def found(name: str, emu: Emulator | None = None) -> Finding:
    pair = Credentials(emu.ak, emu.sk) if emu else Credentials("a", "b")
    (topic,) = build_topics([name], account=own_account(lambda: pair), smn_endpoint=emu.url if emu else "", deadline=ENDLESS)
    return look_at(topic)


@pytest.mark.parametrize(
    ("statuses", "state", "said"), [*CASES, ((3,), "look", "nobody"), ((0,) * 130 + (1,), "look", "130 not confirmed")]
)
def test_smn_tells_who_has_confirmed(statuses: Sequence[int], state: str, said: str) -> None:
    with Emulator([], topics=[URN]) as emu:
        for status in statuses:
            emu.smn.sign_up(URN, status)
        one = found(URN, emu)
        assert (one.state, said in one.said) == (state, True), one
        assert ("48 hours" in one.fix) == (0 in statuses)
        assert emu.truth.count("subscriptions") == len(statuses) // 100 + 1


def test_of_a_topic_with_thousands_the_first_are_counted() -> None:
    with Emulator([], topics=[URN]) as emu:
        for _ in range(1200):
            emu.smn.sign_up(URN, 1)
        assert "500 subscribed" in found(URN, emu).said
        assert emu.truth.count("subscriptions") == 5


@pytest.mark.parametrize("kind", ["403", "500", "garbage", "drop"])
def test_who_may_not_be_looked_at_says_nothing_of_the_topic(kind: str) -> None:
    with Emulator([], topics=[URN], faults=[Fault("subscriptions", kind, times=None)]) as emu:
        one = found(URN, emu)
        assert (one.state, "not known" in one.said) == ("look", True)
        assert ("smn:topic:list" in one.fix) == (kind == "403")


@pytest.mark.parametrize(("kind", "state"), [("403", "look"), ("500", "look"), ("drop", "fail")])
def test_a_topic_that_may_not_be_looked_at_need_not_be_a_wrong_one(kind: str, state: str) -> None:
    with Emulator([], topics=[URN], faults=[Fault("attributes", kind, times=None)]) as emu:
        one = found(URN, emu)
        assert (one.state, "Correct UPKEEP_TOPICS" in str(one)) == (state, False)


def test_keys_that_are_refused_are_no_fault_of_the_topic() -> None:
    with Emulator([], topics=[URN], key_valid_until=-1.0) as emu, pytest.raises(CloudError, match="401"):
        found(URN, emu)


@pytest.mark.parametrize(("statuses", "state", "said"), CASES)
def test_sns_tells_who_has_confirmed(statuses: Sequence[int], state: str, said: str, aws: str) -> None:
    name = f"confirmed-{'-'.join(map(str, statuses))}"
    arn = boto3.client("sns", region_name="eu-central-1").create_topic(Name=name)["TopicArn"]
    topic = sns_backends["123456789012"]["eu-central-1"].topics[arn]  # moto keeps the counts but never raises them
    topic.subscriptions_confimed, topic.subscriptions_pending = statuses.count(1), statuses.count(0)
    one = found(arn)
    assert (one.state, said in one.said, "48 hours" in one.fix) == (state, True, 0 in statuses)
