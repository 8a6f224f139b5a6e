"""Answers that trickle: one deadline for the whole of each. In real time, so the limits are fractions of a second."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from dcs_upkeep.adapters.account import own_account
from dcs_upkeep.adapters.cloud_eye import CloudEye
from dcs_upkeep.adapters.dcs.client import HuaweiDcs
from dcs_upkeep.adapters.topics import build_topics
from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import AnswerKind, Credentials, Location
from dcs_upkeep.domain.ports import Message
from dcs_upkeep.local.emulator import Emulator, Fault
from tests.fakes import FakeClock

Emulate = Callable[..., Emulator]
Connect = Callable[..., HuaweiDcs]
URN = "urn:smn:cn-north-4:0123456789abcdef0123456789abcdef:reports"
LEFT_S = 1.0
# Each part of an answer comes well within the timeout of a socket; the whole would take a minute.
SLOW = [pytest.param("trickle", 0.05, id="the body"), pytest.param("slow_head", 0.4, id="the head")]


def ids_of(emu: Emulator) -> list[str]:
    return [one.instance_id for one in emu.instances()]


def ending() -> Deadline:
    """A second from now, less than the emulator takes."""
    ends = time.monotonic() + LEFT_S
    return Deadline(lambda: ends - time.monotonic())


@pytest.mark.parametrize(("kind", "delay_s"), SLOW)
@pytest.mark.parametrize("operation", ["list", "show", "configs"])
def test_a_read_is_given_up_when_its_time_is_over(emulate: Emulate, connect: Connect, kind: str, delay_s: float, operation: str) -> None:
    emu = emulate(faults=[Fault(operation, kind, times=None, delay_s=delay_s)])
    ids, dcs = ids_of(emu), connect(emu, deadline=ending(), clock=FakeClock(), random=lambda: 0.0)
    read = {"list": dcs.snapshot, "show": lambda: dcs.show(ids[:2]), "configs": lambda: dcs.configurations(ids[:1])[ids[0]]}[operation]
    began = time.monotonic()
    try:
        found = read()
    except CloudError as err:
        found = err
    assert isinstance(found, CloudError)
    assert "ReadTimeoutError" in str(found)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(("kind", "delay_s"), SLOW)
def test_a_status_put_whose_answer_trickles_is_lost(emulate: Emulate, connect: Connect, kind: str, delay_s: float) -> None:
    """It was executed, and nobody has read that."""
    emu = emulate(faults=[Fault("put", kind, delay_s=delay_s)])
    answer = connect(emu, deadline=ending()).send(Action.RESTART, ids_of(emu))
    assert answer.kind is AnswerKind.LOST
    assert len(emu.truth.executed) == 6


def test_a_slow_answer_that_comes_in_time_is_taken(emulate: Emulate, connect: Connect) -> None:
    emu = emulate(faults=[Fault("put", "trickle", delay_s=0.0005), Fault("list", "slow_head", delay_s=0.01)])
    dcs = connect(emu)
    assert len(dcs.snapshot()) == 6
    assert dcs.send(Action.RESTART, ids_of(emu)).kind is AnswerKind.RESULTS
    assert len({record.connection for record in emu.truth.requests}) == 1


def test_topics_and_alarms_have_one_deadline_too() -> None:
    faults = [Fault("publish", "trickle", times=None, delay_s=0.05), Fault("alarms", "trickle", times=None, delay_s=0.1)]
    with Emulator([], faults=faults) as emu:
        account = own_account(lambda: Credentials(emu.ak, emu.sk))
        (topic,) = build_topics([URN], account=account, smn_endpoint=emu.url, deadline=ending())
        with pytest.raises(CloudError, match="no answer came"):
            topic.publish(Message("a", "b"))
        eye = CloudEye(account, lambda: Location("cn-north-4", emu.project_id), endpoint=emu.url, deadline=ending())
        with pytest.raises(CloudError, match="no answer came"):
            eye.firing([])
