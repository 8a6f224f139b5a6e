"""Courses that an instance may take, and a world that changes at its time."""

from __future__ import annotations

import json

import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkdcs.v2 import ListConfigurationsRequest, ListInstancesRequest, ShowInstanceRequest

from dcs_upkeep.local.emulator import Fault, make_fleet


def show(client, one):
    return client.show_instance(ShowInstanceRequest(instance_id=one.instance_id))


def status(client, one):
    try:
        return show(client, one).status
    except ClientRequestException as error:
        return error.error_code


def task(client, one):
    return json.loads(show(client, one).raw_content)["task"] is not None


def watch(look, client, one, clock, steps):
    found = []
    for step_s in steps:
        clock.advance(step_s)
        found.append(look(client, one))
    return found


@pytest.mark.parametrize("by_fault", [False, True])
def test_error_may_show_for_a_while_before_running(start, connect, send, clock, by_fault):
    """A failover looks like a failure to whoever looks once."""
    (one,) = make_fleet(1, busy_s=30, lag_s=1, flap_s=0 if by_fault else 8)
    emu = start([one], faults=[Fault("put", "flap", for_s=8)] if by_fault else [])
    client = connect(emu)
    first = show(client, one).launched_at
    send(client, "restart", [one.instance_id])
    seen = watch(status, client, one, clock, (0, 1, 29.9, 0.1, 7.9, 0.1))
    assert seen == ["RUNNING", "RESTARTING", "RESTARTING", "ERROR", "ERROR", "RUNNING"]
    assert show(client, one).launched_at != first


def test_a_flap_by_fault_happens_once(start, connect, send, clock):
    """The next restart is as the instance is."""
    (one,) = make_fleet(1, busy_s=30, lag_s=0)
    client = connect(start([one], faults=[Fault("put", "flap", for_s=8)]))
    for expected in ("ERROR", "RUNNING"):
        send(client, "restart", [one.instance_id])
        assert watch(status, client, one, clock, (31, 100)) == [expected, "RUNNING"]


@pytest.mark.parametrize("by_fault", [False, True])
def test_an_instance_may_be_deleted_while_it_restarts(start, connect, send, clock, by_fault):
    """It will never be RUNNING again, and waiting half an hour for it helps nobody."""
    one, other = make_fleet(2, busy_s=30)
    one.gone_after_s = None if by_fault else 10
    emu = start([one, other], faults=[Fault("put", "gone", for_s=10)] if by_fault else [])
    client = connect(emu)
    send(client, "restart", [one.instance_id])
    assert watch(status, client, one, clock, (5, 4.9, 0.1, 100)) == ["RESTARTING", "RESTARTING", "DCS.3022", "DCS.3022"]
    listed = client.list_instances(ListInstancesRequest())
    assert (listed.instance_num, listed.instances[0].instance_id) == (1, other.instance_id)
    with pytest.raises(ClientRequestException) as refused:
        send(client, "restart", [one.instance_id])
    assert refused.value.status_code == 404


def test_one_restart_may_take_longer(start, connect, send, clock):
    """The slow one of many, without a fleet of its own."""
    (one,) = make_fleet(1, busy_s=30, lag_s=0)
    client = connect(start([one], faults=[Fault("put", "busy", for_s=600)]))
    send(client, "restart", [one.instance_id])
    assert watch(status, client, one, clock, (599, 1)) == ["RESTARTING", "RUNNING"]


@pytest.mark.parametrize(
    ("state", "then", "after"),
    [
        ("CLOSING", None, "CLOSED"),
        ("STARTING", None, "RUNNING"),
        ("EXTENDING", None, "RUNNING"),
        ("RESTARTING", "ERROR", "ERROR"),
    ],
)
def test_a_state_from_outside_passes_by_itself(start, connect, clock, state, then, after):
    """The evening's stop that the morning's start still meets."""
    one, set_later = make_fleet(2)
    one.status, one.status_s, one.status_then = state, 60, then
    emu = start([one, set_later])
    emu.set_status(set_later.instance_id, state, 60, then)
    client = connect(emu)
    assert watch(status, client, one, clock, (0, 59.9)) == [state, state]
    assert status(client, set_later) == state
    assert watch(status, client, one, clock, (0.1, 1000)) == [after, after]
    assert status(client, set_later) == after
    assert emu.truth.executed == []


def test_a_state_set_without_a_time_stays(start, connect, clock, fleet):
    """As before."""
    emu = start(fleet)
    emu.set_status(fleet[0].instance_id, "CLOSING", 5)
    emu.set_status(fleet[0].instance_id, "CLOSING")
    assert watch(status, connect(emu), fleet[0], clock, (1e6,)) == ["CLOSING"]


def test_a_task_shows_while_the_status_says_running(start, connect, clock):
    """Terraform waits for its end; who looks at the status alone does not see it."""
    (one,) = make_fleet(1, task_s=60)
    emu = start([one])
    client = connect(emu)
    assert watch(task, client, one, clock, (0, 59, 1)) == [True, True, False]
    emu.change(one.instance_id, task_s=10)
    assert watch(task, client, one, clock, (9, 1)) == [True, False]
    assert status(client, one) == "RUNNING"


def test_a_task_lasts_beyond_the_end_of_a_restart(start, connect, send, clock):
    """RUNNING, and not yet to be touched."""
    (one,) = make_fleet(1, lag_s=2, busy_s=30, task_tail_s=20)
    client = connect(start([one]))
    send(client, "restart", [one.instance_id])
    look = lambda client, one: (status(client, one), task(client, one))  # noqa: E731
    assert watch(look, client, one, clock, (1, 1, 30, 19, 1)) == [
        ("RUNNING", False),
        ("RESTARTING", True),
        ("RUNNING", True),
        ("RUNNING", True),
        ("RUNNING", False),
    ]


def test_a_task_by_fault_and_what_a_put_meets(start, connect, send, fleet, clock):
    """Whether DCS refuses it is not documented: both worlds can be tried."""
    fleet[1].task_s = 60
    emu = start(fleet, task_refuses=True, faults=[Fault("show", "task")])
    client = connect(emu)
    assert watch(task, client, fleet[0], clock, (0, 0)) == [True, False]
    with pytest.raises(ClientRequestException) as refused:
        send(client, "restart", [fleet[1].instance_id])
    assert refused.value.error_code == "DCS.4017"
    clock.advance(60)
    assert send(client, "restart", [fleet[1].instance_id]).results[0].result == "success"


def appendonly(client, one):
    rows = client.list_configurations(ListConfigurationsRequest(instance_id=one.instance_id)).redis_config
    return {row.param_name: row.param_value for row in rows}["appendonly"]


def test_the_class_changes_while_a_run_waits(start, connect, fleet, clock):
    """What was true when it was planned is not when it is sent."""
    emu = start(fleet)
    ids = [one.instance_id for one in fleet[:2]]
    emu.change(*ids, at=60, appendonly="no", tags={"upkeep": "never"})
    client = connect(emu)
    look = lambda client, one: (appendonly(client, one), show(client, one).tags[0].value)  # noqa: E731
    assert watch(look, client, fleet[0], clock, (59, 1)) == [("yes", "test"), ("no", "never")]
    assert (look(client, fleet[1]), look(client, fleet[2])) == (("no", "never"), ("yes", "test"))
    assert show(client, fleet[0]).update_at == "2026-03-01T00:01:00.000Z"


def test_a_planned_change_begins_at_its_time_and_not_at_the_look(start, connect, fleet, clock):
    """Nobody looked for an hour, and the restart of somebody else was long over."""
    emu = start(fleet)
    emu.at(10, lambda: emu.act(fleet[0].instance_id, "restart"))
    emu.at(5, lambda: emu.remove(fleet[1].instance_id))
    emu.at(5, lambda: emu.at(7, lambda: emu.remove(fleet[2].instance_id)))
    clock.advance(3600)
    client = connect(emu)
    assert (status(client, fleet[0]), emu.truth.executed[0].at) == ("RUNNING", 1010)
    assert show(client, fleet[0]).launched_at == "2026-03-01T00:00:41.000Z"
    assert client.list_instances(ListInstancesRequest()).instance_num == 2


def test_changes_are_made_in_order_and_once(start, fleet, clock):
    """Also those that are planned for a time that is over."""
    emu = start(fleet)
    done = []
    for at, name in ((20, "c"), (10, "a"), (10, "b"), (-5, "at once")):
        emu.at(at, lambda name=name: done.append((name, emu.timeline.now())))
    emu.instances()
    clock.advance(15)
    emu.instances()
    emu.instance(fleet[0].instance_id)
    clock.advance(5)
    emu.instances()
    assert done == [("at once", 1000), ("a", 1010), ("b", 1010), ("c", 1020)]


@pytest.mark.parametrize("fields", [{"tags_shown": "gone"}, {"granted": "no"}, {"colour": 1}])
def test_a_word_that_nobody_knows_is_refused(start, fleet, fields):
    """A mistyped temper would be a healthy instance."""
    with pytest.raises(ValueError, match="must be one of|no field"):
        start(fleet).change(fleet[0].instance_id, **fields)
