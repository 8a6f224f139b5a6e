"""Answers that come a little at a time: each read is in time, and the whole is not."""

from __future__ import annotations

import http.client
import threading
import time

import pytest
from huaweicloudsdkcore.exceptions import exceptions as sdk
from huaweicloudsdkdcs.v2 import ListInstancesRequest

from dcs_upkeep.local.emulator import Emulator, Fault, make_fleet

from .conftest import READ_TIMEOUT_S
from .test_emulator_inprocess import sign


class Waits:
    """Takes the waits of the emulator and passes no time, so that a test of a long one is short."""

    def __init__(self):
        self.lock = threading.Lock()
        self.seconds = []

    def __call__(self, seconds):
        with self.lock:
            self.seconds.append(seconds)


@pytest.mark.parametrize(("kind", "enough"), [("trickle", range(500, 50_000)), ("slow_head", range(6, 12))])
def test_the_answer_comes_whole_in_many_pieces(start, connect, fleet, kind, enough):
    """40 seconds of body defeat a read timeout of one second, for each read is answered."""
    waits = Waits()
    emu = start(fleet, sleep=waits, faults=[Fault("list", kind, delay_s=1)])
    client = connect(emu)
    first, second = (client.list_instances(ListInstancesRequest()) for _ in range(2))
    assert first.raw_content == second.raw_content
    assert waits.seconds == [1] * len(waits.seconds)
    assert len(waits.seconds) in enough
    assert emu.truth.connections == 1


def test_a_trickle_takes_real_time_if_nothing_else_is_said(start, connect):
    """The scale is the test's to choose: here a tenth of a millisecond a byte."""
    emu = start(make_fleet(1), faults=[Fault("list", "trickle", delay_s=0.0001)])
    started_at = time.monotonic()
    answer = connect(emu).list_instances(ListInstancesRequest())
    assert time.monotonic() - started_at >= len(answer.raw_content) * 0.0001


def test_a_pause_beyond_the_read_timeout_ends_the_call(start, connect, send, fleet):
    """What was executed stays executed."""
    emu = start(fleet, faults=[Fault("put", "slow_head", delay_s=READ_TIMEOUT_S * 2)])
    with pytest.raises(sdk.ConnectionException):
        send(connect(emu), "restart", [fleet[0].instance_id])
    assert len(emu.truth.executed) == 1


def test_a_trickle_may_execute_nothing(start, connect, send, fleet):
    """As the other kinds that have an `executed`."""
    emu = start(fleet, sleep=Waits(), faults=[Fault("put", "trickle", delay_s=1, executed=False)])
    assert send(connect(emu), "restart", [fleet[0].instance_id]).results[0].result == "success"
    assert emu.truth.executed == []


@pytest.mark.parametrize("kind", ["trickle", "slow_head"])
def test_without_a_socket_the_time_passes_before_the_answer(clock, fleet, kind):
    """A simulator sees by its clock that the answer came too late."""
    emu = Emulator(fleet, clock=clock, sleep=clock.advance, faults=[Fault("list", kind, delay_s=0.5)])
    status, headers, body = emu.answer(*sign(emu))
    pieces = len(body) if kind == "trickle" else len(headers)
    assert (status, clock() - 1000) == (200, pieces * 0.5)


def test_a_client_that_leaves_is_no_trouble(start, connect, fleet, capfd):
    """The emulator goes on, and says nothing on the terminal."""
    has_left = threading.Event()
    emu = start(fleet, sleep=lambda _: has_left.wait(10), faults=[Fault("list", "trickle", delay_s=1)])
    method, path, headers, _ = sign(emu)
    connection = http.client.HTTPConnection(emu.url.removeprefix("http://"))
    connection.request(method, path, headers=headers)
    assert connection.getresponse().status == 200
    connection.close()
    has_left.set()
    assert connect(emu).list_instances(ListInstancesRequest()).instance_num == 4
    while emu.truth.in_flight:
        pass
    assert capfd.readouterr() == ("", "")
