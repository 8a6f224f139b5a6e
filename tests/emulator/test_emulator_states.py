"""The states over time, under a clock that the test moves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkdcs.v2 import ListInstancesRequest, ShowInstanceRequest

from dcs_upkeep.local.emulator import Emulator, make_fleet


def show(client, one):
    return client.show_instance(ShowInstanceRequest(instance_id=one.instance_id))


@pytest.mark.parametrize(
    ("action", "before", "busy", "after", "busy_s"),
    [
        ("restart", "RUNNING", "RESTARTING", "RUNNING", 30),
        ("restart", "ERROR", "RESTARTING", "RUNNING", 30),
        ("soft_restart", "RUNNING", "RESTARTING", "RUNNING", 15),
        ("flush", "RUNNING", "FLUSHING", "RUNNING", 30),
        ("stop", "RUNNING", "CLOSING", "CLOSED", 30),
        ("start", "CLOSED", "STARTING", "RUNNING", 30),
    ],
)
def test_an_action_shows_late_stays_busy_and_ends(start, connect, send, clock, action, before, busy, after, busy_s):
    """The old state read right after `success` is the trap: it looks as if all were over."""
    (one,) = make_fleet(1, busy_s=30, lag_s=2)
    emu = start([one])
    emu.set_status(one.instance_id, before)
    client = connect(emu)
    # When
    answer = send(client, action, [one.instance_id])
    # Then
    assert [(row.instance, row.result) for row in answer.results] == [(one.instance_id, "success")]
    seen = []
    for step_s in (0, 1.9, 0.1, busy_s - 0.1, 0.1):
        clock.advance(step_s)
        seen.append(show(client, one).status)
    assert seen == [before, before, busy, busy, after]


@pytest.mark.parametrize(
    ("action", "moves"), [("restart", True), ("soft_restart", True), ("start", True), ("flush", False), ("stop", False)]
)
def test_launched_at_moves_with_the_process_only(start, connect, send, clock, action, moves):
    """It is the evidence that a restart happened; a flush or a tag edit must not forge it."""
    (one,) = make_fleet(1)
    emu = start([one])
    emu.set_status(one.instance_id, "CLOSED" if action == "start" else "RUNNING")
    client = connect(emu)
    first = show(client, one).launched_at
    send(client, action, [one.instance_id])
    clock.advance(100)
    assert (show(client, one).launched_at != first) is moves


def test_a_tag_edit_moves_updated_at_alone(start, connect, clock, fleet):
    """updated_at is no evidence."""
    emu = start(fleet)
    client = connect(emu)
    before = show(client, fleet[0])
    clock.advance(5)
    emu.set_tags(fleet[0].instance_id, {"env": "prod"})
    after = show(client, fleet[0])
    assert (after.update_at != before.update_at, after.launched_at) == (True, before.launched_at)
    assert after.tags[0].value == "prod"


def test_times_are_written_from_the_base_date_and_the_clock(start, connect, send, clock):
    """Dates in reports can be foretold in tests."""
    (one,) = make_fleet(1, busy_s=30, lag_s=1)
    emu = start([one])
    client = connect(emu)
    clock.advance(3600)
    send(client, "restart", [one.instance_id])
    clock.advance(31.5)
    assert show(client, one).launched_at == "2026-03-01T01:00:31.000Z" == show(client, one).update_at


@pytest.mark.parametrize(("ends_in", "seen"), [("ERROR", "ERROR"), ("stuck", "RESTARTING"), ("DELETED", None)])
def test_an_action_may_end_badly(start, connect, send, clock, ends_in, seen):
    """Not every restart comes back, and some never end."""
    (one,) = make_fleet(1, ends_in=ends_in)
    emu = start([one])
    client = connect(emu)
    send(client, "restart", [one.instance_id])
    clock.advance(10_000)
    if seen is None:
        with pytest.raises(ClientRequestException):
            show(client, one)
    else:
        assert show(client, one).status == seen


@pytest.mark.parametrize(("lag_refuses", "executions"), [(False, 2), (True, 1)])
def test_a_second_put_before_the_first_shows(start, connect, send, fleet, lag_refuses, executions):
    """The harsh world executes twice, and the truth tells on the tool that sent twice."""
    emu = start(fleet, lag_refuses=lag_refuses)
    client = connect(emu)
    send(client, "restart", [fleet[0].instance_id])
    if lag_refuses:
        with pytest.raises(ClientRequestException) as refused:
            send(client, "restart", [fleet[0].instance_id])
        assert refused.value.error_code == "DCS.4017"
    else:
        send(client, "restart", [fleet[0].instance_id])
    assert len(emu.truth.executions(fleet[0].instance_id)) == executions


@pytest.mark.parametrize(
    ("action", "fields", "lost"),
    [
        ("restart", {}, False),
        ("restart", {"cache_mode": "single"}, True),
        ("restart", {"appendonly": "no"}, True),
        ("restart", {"appendonly": None}, True),
        ("restart", {"cache_mode": "cluster", "replica_count": 1}, True),
        ("restart", {"cache_mode": "cluster"}, False),
        ("soft_restart", {"cache_mode": "single"}, True),
        ("stop", {"cache_mode": "single"}, True),
        ("flush", {}, True),
    ],
    ids=str,
)
def test_the_truth_knows_whose_data_is_gone(start, connect, send, action, fields, lost):
    """A restart of a single node is a flush by another name."""
    (one,) = make_fleet(1, **fields)
    emu = start([one])
    send(connect(emu), action, [one.instance_id])
    assert (one.instance_id in emu.truth.lost_data, emu.instance(one.instance_id).data_alive) == (lost, not lost)


def test_a_removed_instance_leaves_the_list(start, connect, fleet):
    """Instances vanish between the plan and the wave."""
    emu = start(fleet)
    emu.remove(fleet[0].instance_id)
    assert connect(emu).list_instances(ListInstancesRequest()).instance_num == 3


def test_another_actor_is_told_apart_in_the_truth(start, connect, fleet, clock):
    """Evidence cannot tell who restarted an instance; the test must be able to."""
    emu = start(fleet)
    emu.act(fleet[0].instance_id, "restart")
    clock.advance(2)
    assert show(connect(emu), fleet[0]).status == "RESTARTING"
    assert [done.by for done in emu.truth.executed] == ["other"]
    assert emu.truth.executions(fleet[0].instance_id) == []


def test_the_world_can_change_between_two_requests(start, connect, fleet):
    """Guards that run again before each wave are tested by what changes just then."""

    def freeze_at_the_second(record):
        if record.number == 2:
            emu.set_status(fleet[0].instance_id, "FROZEN")

    emu = start(fleet, on_request=freeze_at_the_second)
    client = connect(emu)
    assert [show(client, fleet[0]).status for _ in range(2)] == ["RUNNING", "FROZEN"]


def test_the_truth_keeps_every_request_in_order(start, connect, send, clock, fleet):
    """Tests assert what was sent, when and how often, not only what came of it."""
    emu = start(fleet)
    client = connect(emu)
    client.list_instances(ListInstancesRequest(limit=1000))
    clock.advance(7)
    send(client, "restart", [fleet[0].instance_id])
    listed, put = emu.truth.requests
    assert (listed.operation, listed.method, listed.query) == ("list", "GET", {"limit": "1000"})
    assert (put.operation, put.action, put.ids, put.executed) == (
        "put",
        "restart",
    ) + ((fleet[0].instance_id,),) * 2
    assert (put.status, put.at - listed.at, put.connection, put.was_executed) == (200, 7, 1, True)
    assert (emu.truth.count("put"), emu.truth.count("show"), emu.truth.count()) == (1, 0, 2)
    assert emu.truth.puts == [put]
    emu.truth.forget()
    assert (emu.truth.count(), emu.truth.executed) == (0, [])


def test_sixteen_connections_are_served_at_once(start, connect, fleet):
    """Classification reads sixteen at a time."""
    emu = start(fleet, latency_s=0.05)
    clients = [connect(emu) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        states = list(pool.map(lambda client: [show(client, fleet[0]).status for _ in range(3)], clients))
    assert states == [["RUNNING"] * 3] * 16
    assert (emu.truth.connections, emu.truth.count("show"), emu.truth.in_flight) == (16, 48, 0)
    assert emu.truth.max_in_flight > 1


def test_the_default_clock_runs_faster_by_the_scale(connect, send, fleet):
    """A demo of half an hour takes a second."""
    with Emulator(fleet, time_scale=1e6) as emu:
        client = connect(emu)
        send(client, "restart", [fleet[0].instance_id])
        first = fleet[0].launched_at
        while show(client, fleet[0]).status != "RUNNING" or emu.instance(fleet[0].instance_id).change:
            pass
        assert emu.instance(fleet[0].instance_id).launched_at != first
