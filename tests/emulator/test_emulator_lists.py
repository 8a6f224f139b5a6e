"""Lists that move or leave things out, and the answers about a whole project."""

from __future__ import annotations

import json

import pytest
from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException
from huaweicloudsdkdcs.v2 import (
    CopyInstanceRequest,
    ListFlavorsRequest,
    ListInstancesRequest,
    ListNumberOfInstancesInDifferentStatusRequest,
    ListStatisticsOfRunningInstancesRequest,
    ShowInstanceRequest,
)

from dcs_upkeep.local.emulator import Fault, make_fleet


def page(client, number, size=2):
    return client.list_instances(ListInstancesRequest(offset=(number - 1) * size, limit=size))


def ids_of(response):
    return [row.instance_id for row in response.instances]


def test_a_deletion_between_two_pages_hides_a_living_instance(start, connect):
    """Rows shift: the third is never shown, and only the count tells."""
    fleet = make_fleet(6)
    ids = [one.instance_id for one in fleet]
    emu = start(fleet, faults=[Fault("list", "deleted", page=2)])
    client = connect(emu)
    pages = [page(client, number) for number in (1, 2, 3)]
    assert [ids_of(one) for one in pages] == [ids[:2], ids[3:5], ids[5:]]
    assert [one.instance_num for one in pages] == [6, 5, 5]
    assert [record.fault for record in emu.truth.of("list")] == [None, "deleted", None]


def test_named_instances_may_be_deleted_at_a_page(start, connect):
    """The one that is asked for by name vanishes just then."""
    fleet = make_fleet(6)
    ids = [one.instance_id for one in fleet]
    client = connect(start(fleet, faults=[Fault("list", "deleted", page=3, ids=[ids[5], ids[0]])]))
    assert [ids_of(page(client, number)) for number in (1, 2, 3)] == [ids[:2], ids[2:4], []]


def test_a_creation_between_two_pages_shows_one_twice(start, connect):
    """The last row of page 1 comes again on page 2; the new one is never seen."""
    fleet = make_fleet(4, tags={"env": "test"})
    ids = [one.instance_id for one in fleet]
    emu = start(fleet, faults=[Fault("list", "created", page=2)])
    client = connect(emu)
    pages = [page(client, number) for number in (1, 2, 3)]
    assert [ids_of(one) for one in pages] == [ids[:2], ids[1:3], ids[3:]]
    assert [one.instance_num for one in pages] == [4, 5, 5]
    newest = emu.instances()[0]
    assert (newest.instance_id in ids, newest.tags) == (False, {"env": "test"})


def test_the_same_moves_come_from_code(start, connect):
    """For what no fault foresees."""
    fleet = make_fleet(4)

    def move(record):
        if record.query.get("offset") == "2":
            emu.remove(fleet[1].instance_id)

    emu = start(fleet, on_request=move)
    client = connect(emu)
    assert ids_of(page(client, 1)) + ids_of(page(client, 2)) == [fleet[place].instance_id for place in (0, 1, 3)]


@pytest.mark.parametrize("shown", ["null", "absent"])
def test_tags_may_be_missing(start, connect, shown):
    """No tags is not the same as no answer about tags."""
    fleet = make_fleet(2, tags={"tier": "payment"})
    fleet[0].tags_shown = shown
    client = connect(start(fleet))
    listed = client.list_instances(ListInstancesRequest())
    alone = client.show_instance(ShowInstanceRequest(instance_id=fleet[0].instance_id))
    raw = json.loads(listed.raw_content)["instances"][0]
    assert ("tags" in raw, raw.get("tags")) == (shown == "null", None)
    assert ([row.tags and row.tags[0].value for row in listed.instances], alone.tags) == ([None, "payment"], None)


@pytest.mark.parametrize(("kind", "there"), [("no_field", False), ("null_field", True)])
def test_a_fault_takes_a_field_away(start, connect, kind, there):
    """Once, for one row, and for any field."""
    fleet = make_fleet(2, tags={"env": "test"})
    faults = [Fault("list", kind, ids=[fleet[1].instance_id]), Fault("show", kind, field="status")]
    client = connect(start(fleet, faults=faults))
    rows = json.loads(client.list_instances(ListInstancesRequest()).raw_content)["instances"]
    assert ([("tags" in row, bool(row.get("tags"))) for row in rows]) == [(True, True), (there, False)]
    asked = ShowInstanceRequest(instance_id=fleet[0].instance_id)
    assert [client.show_instance(asked).status for _ in range(2)] == [None, "RUNNING"]


def refusal_of(call):
    try:
        call()
    except ServiceResponseException as error:
        return error.status_code, error.error_code
    return None


@pytest.mark.parametrize(
    ("granted", "listed", "shown"),
    [("read", 3, None), ("403", 2, (403, "DCS.2003")), ("404", 2, (404, "DCS.3022"))],
)
def test_an_id_outside_the_granted_projects_spoils_its_batch(start, connect, send, granted, listed, shown):
    """The right is there; one instance is not under it."""
    fleet = make_fleet(3, enterprise_project_id="1")
    fleet[1].granted = granted
    emu = start(fleet, partial_execution=True)
    client = connect(emu)
    ids = [one.instance_id for one in fleet]
    assert refusal_of(lambda: send(client, "restart", ids)) == (403, "DCS.2003")
    assert emu.truth.executed == []
    assert refusal_of(lambda: send(client, "restart", [ids[0], ids[2]])) is None
    assert client.list_instances(ListInstancesRequest()).instance_num == listed
    assert len(client.list_statistics_of_running_instances(ListStatisticsOfRunningInstancesRequest()).statistics) == listed
    assert refusal_of(lambda: client.show_instance(ShowInstanceRequest(instance_id=ids[1]))) == shown
    assert refusal_of(lambda: client.copy_instance(CopyInstanceRequest(instance_id=ids[1], body={}))) == shown


def test_a_fault_refuses_by_ids(start, connect, send, fleet):
    """Any request that holds one of them; others meet the next fault in turn."""
    ids = [one.instance_id for one in fleet]
    emu = start(fleet, faults=[Fault("any", "ungranted", times=None, ids=[ids[1], ids[3]]), Fault("put", "500")])
    client = connect(emu)
    assert refusal_of(lambda: send(client, "restart", ids)) == (403, "DCS.2003")
    assert refusal_of(lambda: client.show_instance(ShowInstanceRequest(instance_id=ids[3]))) == (403, "DCS.2003")
    assert refusal_of(lambda: client.show_instance(ShowInstanceRequest(instance_id=ids[0]))) is None
    assert refusal_of(lambda: send(client, "restart", [ids[0], ids[2]])) == (500, "DCS.5000")
    assert [record.fault for record in emu.truth.puts] == ["ungranted", "500"]


def test_such_a_fault_needs_ids():
    """Without them it would never be met."""
    with pytest.raises(ValueError, match="needs the ids"):
        Fault("put", "ungranted")


def test_flavors_map_spec_codes_to_modes(start, connect):
    """One call in place of a show an instance; an old spec is missing from it."""
    lone, pair, cluster, thin, old = make_fleet(5)
    for one, mode, replicas in ((lone, "single", 1), (pair, "ha", 2), (cluster, "cluster", 2), (thin, "cluster", 1)):
        one.cache_mode, one.replica_count, one.spec_code = mode, replicas, ""
        one.__post_init__()
    old.spec_code, old.flavor_listed = "dcs.master_standby", False
    client = connect(start([lone, pair, cluster, thin, old]))
    found = client.list_flavors(ListFlavorsRequest()).flavors
    assert {row.spec_code: (row.cache_mode, row.replica_count) for row in found} == {
        "redis.single.xu1.large.1": ("single", 1),
        "redis.ha.xu1.large.r2.1": ("ha", 2),
        "redis.cluster.xu1.large.r2.1": ("cluster", 2),
        "redis.cluster.xu1.large.r1.1": ("cluster", 1),
    }
    asked = ListFlavorsRequest(spec_code="redis.ha.xu1.large.r2.1", engine="redis")
    assert [row.cache_mode for row in client.list_flavors(asked).flavors] == ["ha"]
    assert client.list_flavors(ListFlavorsRequest(cache_mode="proxy")).flavors == []


def test_a_change_of_mode_changes_the_spec_code(start, fleet):
    """The list shows the new class, as after a scaling by somebody else; a code that a test chose stays."""
    emu = start(fleet)
    emu.change(fleet[0].instance_id, cache_mode="single")
    assert emu.instance(fleet[0].instance_id).spec_code == "redis.single.xu1.large.1"
    emu.change(fleet[0].instance_id, spec_code="mine")
    emu.change(fleet[0].instance_id, cache_mode="ha")
    assert emu.instance(fleet[0].instance_id).spec_code == "mine"


@pytest.mark.parametrize(
    ("action", "fields", "left"),
    [("flush", {}, 0), ("restart", {"appendonly": "no"}, 0), ("restart", {"cache_mode": "single"}, 0), ("restart", {}, 500)],
    ids=str,
)
def test_keys_fall_when_the_data_are_lost_and_not_before(start, connect, send, clock, action, fields, left):
    """Right after `success` the old number is still read; while the instance is busy it is in no statistics."""
    (one,) = make_fleet(1, keys=500, used_memory=40, lag_s=2, **fields)
    emu = start([one])
    client = connect(emu)
    send(client, action, [one.instance_id])
    found, used = [], []
    for step_s in (0, 2, 30):
        clock.advance(step_s)
        rows = client.list_statistics_of_running_instances(ListStatisticsOfRunningInstancesRequest()).statistics
        found.append([(row.instance_id, row.keys, row.used_memory, row.max_memory) for row in rows])
        used += [row.used_memory for row in client.list_instances(ListInstancesRequest()).instances]
    after = 40 if left else 0
    assert found == [[(one.instance_id, 500, 40, 1024)], [], [(one.instance_id, left, after, 1024)]]
    assert used == [40, after, after]


def test_instances_are_counted_by_state(start, connect, fleet):
    """Nine numbers cost one call; states without a number are in none of them."""
    fleet[3].engine = "Memcached"
    emu = start(fleet)
    emu.set_status(fleet[0].instance_id, "ERROR")
    emu.set_status(fleet[1].instance_id, "CLOSED")
    emu.set_status(fleet[2].instance_id, "CREATEFAILED")
    client = connect(emu)
    asked = ListNumberOfInstancesInDifferentStatusRequest
    few = client.list_number_of_instances_in_different_status(asked())
    all_of_them = client.list_number_of_instances_in_different_status(asked(include_failure="true"))
    assert (few.redis.error_count, few.redis.running_count, few.memcached.running_count, few.redis.createfailed_count) == (1, 0, 1, 0)
    assert (few.running_count, few.error_count, all_of_them.redis.createfailed_count) == (1, 1, 1)
