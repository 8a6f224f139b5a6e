"""Cloud Eye's records and the backups, read through their SDKs."""

from __future__ import annotations

import pytest
from huaweicloudsdkces.v2 import CesClient, ListAlarmHistoriesRequest
from huaweicloudsdkcore.exceptions.exceptions import ServerResponseException
from huaweicloudsdkdcs.v2 import BackupInstanceBody, CopyInstanceRequest, ListBackupRecordsRequest

from dcs_upkeep.local.emulator import Fault, make_fleet


def histories(client, **query):
    return client.list_alarm_histories(ListAlarmHistoriesRequest(**query)).alarm_histories


def found(client, **query):
    return [(row.alarm_id, row.metric.dimensions[0].value, row.status) for row in histories(client, **query)]


def test_an_alarm_fires_and_is_over(start, connect, fleet, clock):
    """One record from its beginning to its end; the next time it fires is another."""
    emu = start(fleet)
    client = connect(emu, CesClient)
    one = fleet[0].instance_id
    seen = []
    for firing in (False, True, True, False, True):
        clock.advance(60)
        emu.set_alarm(one, "al1", firing, name="memory high")
        seen.append([status for _, _, status in found(client)])
    assert seen == [[], ["alarm"], ["alarm"], ["ok"], ["ok", "alarm"]]
    (settled, firing) = histories(client)
    assert (str(settled.begin_time), str(settled.end_time)) == ("2026-03-01 00:02:00+00:00", "2026-03-01 00:04:00+00:00")
    assert (settled.name, firing.end_time, settled.record_id != firing.record_id) == ("memory high", None, True)


def test_one_rule_has_one_id_over_all_its_resources(start, connect, fleet):
    """The id of an alarm is its rule's: only the resource tells two of them apart."""
    emu = start(fleet)
    a, b = (one.instance_id for one in fleet[:2])
    emu.set_alarm(a, "al1")
    emu.set_alarm(b, "al1")
    emu.set_alarm(b, "al1", node="n1")
    emu.set_alarm(a, "al2", name="cpu high")
    emu.set_alarm(a, "al1", False)
    client = connect(emu, CesClient)
    assert found(client, resource_id=a) == [("al1", a, "ok"), ("al2", a, "alarm")]
    assert found(client, resource_id=a, status=["alarm"]) == [("al2", a, "alarm")]
    assert found(client, alarm_id=["al1", "al3"], status=["alarm", "invalid"]) == [("al1", b, "alarm")] * 2
    # By the names of the dimensions, the node comes first.
    assert [len(row.metric.dimensions) for row in histories(client, resource_id=f"n1,{b}")] == [2]
    assert found(client, name="cpu", namespace="SYS.DCS") == [("al2", a, "alarm")]
    assert (found(client, namespace="SYS.ECS"), found(client, level=1)) == ([], [])


def test_cloud_eye_may_be_late(start, connect, fleet, clock):
    """The notice is there before the record is, and the record fires on after the end."""
    emu = start(fleet)
    emu.alarms.late_s = 90
    client = connect(emu, CesClient)
    emu.set_alarm(fleet[0].instance_id, "al1")
    clock.advance(60)
    emu.set_alarm(fleet[0].instance_id, "al1", False)
    seen = []
    for step_s in (29, 1, 59, 1):
        clock.advance(step_s)
        seen.append([status for _, _, status in found(client)])
    assert seen == [[], ["alarm"], ["alarm"], ["ok"]]


def test_alarms_change_at_their_time(start, connect, fleet, clock):
    """The veto that comes between two waves."""
    emu = start(fleet)
    emu.at(60, lambda: emu.set_alarm(fleet[0].instance_id, "al1"))
    client = connect(emu, CesClient)
    clock.advance(300)
    since = {"_from": "2026-03-01T08:00:59+08:00", "to": "2026-03-01T08:01:01+08:00"}
    assert len(found(client, **since)) == 1
    assert found(client, _from="2026-03-01T08:01:01+08:00") == []


def test_cloud_eye_may_fail(start, connect, fleet):
    """No answer is not "no alarm"."""
    emu = start(fleet, faults=[Fault("alarms", "500"), Fault("alarms", "null_results")])
    emu.set_alarm(fleet[0].instance_id, "al1")
    client = connect(emu, CesClient)
    with pytest.raises(ServerResponseException):
        found(client)
    assert histories(client) is None
    assert len(found(client)) == 1


def backups(client, one):
    records = client.list_backup_records(ListBackupRecordsRequest(instance_id=one.instance_id)).backup_record_response
    return [(row.remark, row.status, row.created_at[11:19], row.updated_at[11:19]) for row in records]


def test_backups_tell_when_they_began_and_were_finished(start, connect, clock):
    """Last week's backup has the same remark; its time tells it apart."""
    (one,) = make_fleet(1)
    emu = start([one])
    client = connect(emu)
    emu.backups.begin(one.instance_id, "run-1", seconds_ago=3600)
    client.copy_instance(CopyInstanceRequest(instance_id=one.instance_id, body=BackupInstanceBody(remark="run-1")))
    clock.advance(19)
    old = ("run-1", "succeed", "23:00:00", "23:00:20")
    assert backups(client, one) == [("run-1", "backuping", "00:00:00", "00:00:00"), old]
    clock.advance(1)
    assert backups(client, one) == [("run-1", "succeed", "00:00:00", "00:00:20"), old]
    assert [row.began - clock() for row in emu.backups.records[one.instance_id]] == [-3620, -20]


def test_a_backup_may_fail_and_carry_no_remark(start, connect, clock, fleet):
    """A backup of somebody else's is not the run's own."""
    emu = start(fleet)
    emu.backups.ends_in[fleet[0].instance_id] = "failed"
    emu.backups.begin(fleet[0].instance_id)
    clock.advance(20)
    assert backups(connect(emu), fleet[0]) == [(None, "failed", "00:00:00", "00:00:20")]
