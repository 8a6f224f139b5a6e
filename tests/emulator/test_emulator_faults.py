"""Each fault kind, as the real SDK feels it. This table is what the tool's classes of answers rest on."""

from __future__ import annotations

import threading
import time

import pytest
import requests
import urllib3
from huaweicloudsdkcore.exceptions import exceptions as sdk
from huaweicloudsdkdcs.v2 import ListInstancesRequest, ShowInstanceRequest
from huaweicloudsdksmn.v2 import PublishMessageRequest, PublishMessageRequestBody, SmnClient

from dcs_upkeep.local.emulator import Fault, make_fleet
from dcs_upkeep.local.emulator.faults import KINDS, read_faults
from tests.emulator.conftest import READ_TIMEOUT_S


def cause_of(error):
    """What urllib3 met, under the wrappings of requests and the SDK."""
    inner = error.__context__.args[0]
    return type(getattr(inner, "reason", inner))


def send_meeting(emu, connect, send, fault, ids, **options):
    emu.add_fault(fault)
    return send(connect(emu, **options), "restart", ids)


@pytest.mark.parametrize(
    ("kind", "error", "status", "code"),
    [
        ("429", sdk.ClientRequestException, 429, "429"),
        ("401", sdk.ClientRequestException, 401, "APIGW.0301"),
        ("403", sdk.ClientRequestException, 403, "DCS.2003"),
        ("500", sdk.ServerResponseException, 500, "DCS.5000"),
        ("502_html", sdk.ServerResponseException, 502, "502"),
        ("error", sdk.ClientRequestException, 400, "DCS.4026"),
    ],
)
def test_a_refusal_executes_nothing(start, connect, send, fleet, kind, error, status, code):
    """The SDK hides the code of a 429 and puts a proxy's page in the message of a 502."""
    emu = start(fleet)
    with pytest.raises(error) as refused:
        send_meeting(emu, connect, send, Fault("put", kind), [fleet[0].instance_id])
    assert (refused.value.status_code, refused.value.error_code) == (status, code)
    assert (emu.truth.executed, emu.truth.puts[0].fault, emu.truth.puts[0].status) == ([], kind, status)


def test_the_given_error_is_answered(start, connect, send, fleet):
    """Any code of the table can be played."""
    fault = Fault("put", "error", status=500, code="DCS.5095", message="needs to be retried")
    with pytest.raises(sdk.ServerResponseException) as refused:
        send_meeting(start(fleet), connect, send, fault, [fleet[0].instance_id])
    assert (refused.value.error_code, refused.value.error_msg) == ("DCS.5095", "needs to be retried")


def test_a_500_may_have_executed(start, connect, send, fleet):
    """A 5xx says nothing about the instance."""
    emu = start(fleet)
    with pytest.raises(sdk.ServerResponseException):
        send_meeting(emu, connect, send, Fault("put", "500_executed"), [fleet[0].instance_id])
    assert len(emu.truth.executions(fleet[0].instance_id)) == 1


@pytest.mark.parametrize(
    ("kind", "executed", "cause"),
    [
        ("hang", 0, urllib3.exceptions.ReadTimeoutError),
        ("hang_executed", 1, urllib3.exceptions.ReadTimeoutError),
        ("drop", 0, urllib3.exceptions.ProtocolError),
        ("lost_answer", 1, urllib3.exceptions.ProtocolError),
    ],
)
def test_a_lost_answer_reads_the_same_whether_it_was_executed_or_not(start, connect, send, fleet, kind, executed, cause):
    """The client cannot tell these apart, so neither may the tool."""
    emu = start(fleet)
    with pytest.raises(sdk.ConnectionException) as lost:
        send_meeting(emu, connect, send, Fault("put", kind), [fleet[0].instance_id], read_timeout_s=1.5)
    assert cause_of(lost.value) is cause
    assert len(emu.truth.executions(fleet[0].instance_id)) == executed
    assert (emu.truth.puts[0].status, emu.truth.count("put")) == (None, 1)


def test_a_truncated_answer_escapes_the_sdk_as_a_requests_error(start, connect, send, fleet):
    """No SdkException at all: a tool that catches only those crashes after the restart began."""
    emu = start(fleet)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        send_meeting(emu, connect, send, Fault("put", "truncated"), [fleet[0].instance_id])
    assert len(emu.truth.executions(fleet[0].instance_id)) == 1


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("kind", ["garbage", "empty_object", "null_results", "204"])
def test_a_2xx_may_say_nothing(start, connect, send, fleet, kind, executed):
    """The SDK makes a response with `results` None of all of these, without an exception."""
    emu = start(fleet)
    answer = send_meeting(emu, connect, send, Fault("put", kind, executed=executed), [fleet[0].instance_id])
    assert answer.results is None
    assert len(emu.truth.executions(fleet[0].instance_id)) == (1 if executed else 0)


@pytest.mark.parametrize(
    ("kind", "fields", "rows", "executed"),
    [
        ("half_success", {}, [(0, "success"), (1, "failed"), (2, "success"), (3, "failed")], [0, 2]),
        ("failed", {}, [(0, "failed"), (1, "failed"), (2, "failed"), (3, "failed")], []),
        ("failed", {"ids": [1]}, [(0, "success"), (1, "failed"), (2, "success"), (3, "success")], [0, 2, 3]),
        ("missing_ids", {}, [(0, "success"), (2, "success")], [0, 1, 2, 3]),
        ("missing_ids", {"ids": [0]}, [(1, "success"), (2, "success"), (3, "success")], [0, 1, 2, 3]),
        ("odd_result", {"word": "pending"}, [(n, "pending") for n in range(4)], [0, 1, 2, 3]),
        ("odd_result", {"word": "ok", "executed": False}, [(n, "ok") for n in range(4)], []),
        ("nameless_rows", {}, [(None, "success")] * 4, [0, 1, 2, 3]),
    ],
    ids=str,
)
def test_rows_of_the_answer_may_be_wrong(start, connect, send, fleet, kind, fields, rows, executed):
    """200 is not success: every row counts, and a missing row too."""
    ids = [one.instance_id for one in fleet]
    fields = {**fields, "ids": [ids[place] for place in fields.get("ids", [])]}
    emu = start(fleet)
    answer = send_meeting(emu, connect, send, Fault("put", kind, **fields), ids)
    found = [(None if row.instance is None else ids.index(row.instance), row.result) for row in answer.results]
    assert found == rows
    assert [ids.index(done.instance_id) for done in emu.truth.executed] == executed


@pytest.mark.parametrize(("kind", "kept"), [("extra_ids", 2), ("wrong_id", 0)])
def test_rows_may_name_instances_nobody_asked_for(start, connect, send, fleet, kind, kept):
    """An answer about somebody else's instance is no answer about ours."""
    ids = [one.instance_id for one in fleet[:2]]
    emu = start(fleet)
    answer = send_meeting(emu, connect, send, Fault("put", kind), ids)
    assert sum(row.instance in ids for row in answer.results) == kept
    assert sum(row.instance not in ids for row in answer.results) > 0
    assert len(emu.truth.executed) == 2


def test_reads_fail_too(start, connect, fleet):
    """Watching must survive what sending meets."""
    faults = [Fault("list", "missing_ids", ids=[fleet[0].instance_id]), Fault("list", "null_results")]
    emu = start(fleet, faults=[*faults, Fault("show", "lost_answer"), Fault("show", "empty_object")])
    client = connect(emu)
    asked = ShowInstanceRequest(instance_id=fleet[0].instance_id)
    assert len(client.list_instances(ListInstancesRequest()).instances) == 3
    assert client.list_instances(ListInstancesRequest()).instances is None
    with pytest.raises(sdk.ConnectionException):
        client.show_instance(asked)
    assert client.show_instance(asked).status is None
    assert client.show_instance(asked).status == "RUNNING"


@pytest.mark.parametrize(("kind", "status", "code"), [("403", 403, "SMN.0001"), ("500", 500, "APIGW.0601")])
def test_publishing_fails_in_the_shape_of_smn(start, connect, fleet, kind, status, code):
    """A report that cannot be published must not change the run."""
    emu = start(fleet, faults=[Fault("publish", kind)])
    body = PublishMessageRequestBody(message="m")
    with pytest.raises(sdk.ServiceResponseException) as refused:
        connect(emu, SmnClient).publish_message(PublishMessageRequest(topic_urn="urn:smn:a:b:c", body=body))
    assert (refused.value.status_code, refused.value.error_code, emu.truth.messages) == (status, code, [])


def statuses(emu, connect, fleet, count):
    client = connect(emu)
    for _ in range(count):
        try:
            client.show_instance(ShowInstanceRequest(instance_id=fleet[0].instance_id))
        except sdk.SdkException:
            continue
    return [record.status for record in emu.truth.of("show")]


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ([Fault("show", "500", times=2)], [500, 500, 200, 200]),
        ([Fault("show", "500", after=1)], [200, 500, 200, 200]),
        ([Fault("show", "500", times=None)], [500] * 4),
        ([Fault("any", "500")], [500, 200, 200, 200]),
        ([Fault("show", "500"), Fault("show", "403", times=2)], [500, 403, 403, 200]),
        ([Fault("list", "500", times=None)], [200] * 4),
        ([Fault("show", "500", instance_id="another")], [200] * 4),
    ],
    ids=["times", "after", "always", "any", "in order", "other operation", "other instance"],
)
def test_faults_fire_in_order_and_as_often_as_planned(start, connect, fleet, faults, expected):
    """A test says exactly which call fails."""
    assert statuses(start(fleet, faults=faults), connect, fleet, 4) == expected


def test_a_fault_can_follow_one_instance(start, connect, send, fleet):
    """One bad instance in a batch is the case that halving the batch must find."""
    ids = [one.instance_id for one in fleet]
    emu = start(fleet, faults=[Fault("put", "error", times=None, instance_id=ids[2], code="DCS.4114")])
    client = connect(emu)
    assert len(send(client, "restart", ids[:2]).results) == 2
    with pytest.raises(sdk.ClientRequestException):
        send(client, "restart", ids[2:])


def test_hanging_requests_do_not_hold_up_the_close(start, connect, send, fleet):
    """A test that ends while a call hangs must end."""
    emu = start(fleet, faults=[Fault("put", "hang", times=None)])
    clients = [connect(emu) for _ in range(3)]

    def call(client):
        with pytest.raises(sdk.ConnectionException):
            send(client, "restart", [fleet[0].instance_id])

    threads = [threading.Thread(target=call, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    while emu.truth.count("put") < 3:
        pass
    started_at = time.monotonic()
    emu.close()
    assert time.monotonic() - started_at < READ_TIMEOUT_S / 2, "nobody waited for the clients to give up"
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"operation": "put", "kind": "explode"}, "unknown fault kind"),
        ({"operation": "list", "kind": "wrong_id"}, "about the status PUT"),
        ({"operation": "post", "kind": "500"}, "unknown operation"),
    ],
)
def test_a_mistyped_fault_is_refused(start, fleet, fields, message):
    """A fault that never fires makes a test pass for nothing."""
    with pytest.raises(ValueError, match=message):
        start(fleet).add_fault(Fault(**fields))


def test_every_kind_can_be_read_from_json():
    """The stand-alone program plays the same faults."""
    document = [{"operation": "put", "kind": kind, "times": None, "after": 1, "ids": ["x"]} for kind in KINDS]
    assert [fault.kind for fault in read_faults(document)] == list(KINDS)


def test_slow_waits_in_real_time(start, connect, send):
    """For benches only: other tests move the clock instead."""
    fleet = make_fleet(1)
    emu = start(fleet, faults=[Fault("put", "slow", delay_s=0.05)])
    started_at = time.monotonic()
    send(connect(emu), "restart", [fleet[0].instance_id])
    assert time.monotonic() - started_at >= 0.05
