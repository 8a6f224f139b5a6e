"""The routes, read through the real SDKs: shapes, paging, filters, refusals."""

from __future__ import annotations

import json

import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkdcs.v2 import ListBackgroundTaskRequest, ListConfigurationsRequest, ListInstancesRequest, ShowInstanceRequest
from huaweicloudsdksmn.v2 import ListSubscriptionsByTopicRequest, PublishMessageRequest, PublishMessageRequestBody, SmnClient

from dcs_upkeep.local.emulator import Fault, Instance, make_fleet

STRANGER = "11111111-2222-4333-8444-555555555555"
TOPIC = "urn:smn:emulated-1:0123456789abcdef0123456789abcdef:upkeep"


def names_of(response):
    return [one.name for one in response.instances]


def test_a_list_without_a_limit_answers_ten_and_counts_all(start, connect):
    """The default limit of 10 is the classic way to miss most of a fleet."""
    client = connect(start(make_fleet(24)))
    response = client.list_instances(ListInstancesRequest())
    assert (response.instance_num, len(response.instances)) == (24, 10)


def test_pages_join_to_the_whole_fleet(start, connect):
    """Offset skips instances, not pages."""
    client = connect(start(make_fleet(24)))
    pages = [client.list_instances(ListInstancesRequest(offset=offset, limit=10)) for offset in (0, 10, 20, 30)]
    assert sum((names_of(page) for page in pages), []) == [one.name for one in make_fleet(24)]


def test_instance_num_may_count_the_page_only(start, connect):
    """The documents do not say which count it is, so nobody may rely on one."""
    client = connect(start(make_fleet(24), instance_num_counts_page=True))
    assert client.list_instances(ListInstancesRequest(limit=5)).instance_num == 5


@pytest.mark.parametrize("page", [{"limit": 0}, {"limit": 1001}, {"offset": -1}, {"limit": "x"}])
def test_a_bad_page_is_refused(start, connect, fleet, page):
    """DCS.4800 is the documented answer."""
    with pytest.raises(ClientRequestException) as refused:
        connect(start(fleet)).list_instances(ListInstancesRequest(**page))
    assert (refused.value.status_code, refused.value.error_code) == (400, "DCS.4800")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"name": "cache"}, ["cache-a", "cache-b", "cache-c"]),
        ({"name": "cache-", "name_equal": "true"}, []),
        ({"name": "cache-b", "name_equal": "true"}, ["cache-b"]),
        ({"status": "FROZEN"}, ["cache-c"]),
        ({"tags": "env=test"}, ["cache-a", "cache-b"]),
        ({"tags": "env=test,tier=1"}, ["cache-b"]),
        ({"tags": "tier"}, ["cache-b"]),
        ({"instance_id": STRANGER}, []),
        ({"include_failure": "true"}, ["cache-a", "cache-b", "cache-c", "failed"]),
        ({"include_delete": "true"}, ["cache-a", "cache-b", "cache-c", "gone"]),
    ],
    ids=str,
)
def test_filters_select_as_documented(start, connect, query, expected):
    """A filter that matches too much would send an action to the wrong instance."""
    a, b, c, failed, gone = make_fleet(5)
    a.name, a.tags = "cache-a", {"env": "test"}
    b.name, b.tags = "cache-b", {"env": "test", "tier": "1"}
    c.name, c.status = "cache-c", "FROZEN"
    failed.name, failed.status = "failed", "CREATEFAILED"
    gone.name, gone.status = "gone", "DELETED"
    client = connect(start([a, b, c, failed, gone]))
    assert names_of(client.list_instances(ListInstancesRequest(**query))) == expected


def test_only_show_tells_the_cache_mode_and_the_launch_time(start, connect, fleet):
    """A data-loss check from the list alone is a guess; the emulator must not make it look possible."""
    client = connect(start(fleet))
    row = client.list_instances(ListInstancesRequest(limit=1)).instances[0]
    shown = client.show_instance(ShowInstanceRequest(instance_id=fleet[0].instance_id))
    raw = client.list_instances(ListInstancesRequest(limit=1)).raw_content
    assert b"cache_mode" not in raw and b"launched_at" not in raw and b"replica_count" not in raw
    assert (shown.cache_mode, shown.replica_count, shown.launched_at) == ("ha", 2, "2026-01-30T00:00:00.000Z")
    assert (row.status, row.tags[0].key, row.tags[0].value) == ("RUNNING", "env", "test")
    assert row.updated_at == shown.update_at


def test_configs_tell_appendonly(start, connect):
    """AOF state decides whether a restart wipes data; only this route has it."""
    kept, lost, silent = make_fleet(3)
    lost.appendonly, silent.appendonly = "no", None
    client = connect(start([kept, lost, silent]))
    found = []
    for one in (kept, lost, silent):
        rows = client.list_configurations(ListConfigurationsRequest(instance_id=one.instance_id)).redis_config
        found.append({row.param_name: row.param_value for row in rows}.get("appendonly"))
    assert found == ["yes", "no", None]


def test_tasks_have_the_official_shape(start, connect, fleet):
    """task_count is a string there."""
    response = connect(start(fleet)).list_background_task(ListBackgroundTaskRequest(instance_id=fleet[0].instance_id))
    assert (response.task_count, response.tasks) == ("0", [])


@pytest.mark.parametrize("ask", ["show_instance", "list_configurations", "list_background_task"])
def test_an_unknown_instance_is_404(start, connect, fleet, ask):
    """Reads after a deletion must be told apart from a fault."""
    requests = {
        "show_instance": ShowInstanceRequest,
        "list_configurations": ListConfigurationsRequest,
        "list_background_task": ListBackgroundTaskRequest,
    }
    with pytest.raises(ClientRequestException) as refused:
        getattr(connect(start(fleet)), ask)(requests[ask](instance_id=STRANGER))
    assert (refused.value.status_code, refused.value.error_code) == (404, "DCS.3022")
    assert refused.value.request_id


@pytest.mark.parametrize(
    ("action", "ids", "status", "code"),
    [
        ("restart", None, 400, "DCS.4065"),
        ("restart", [], 400, "DCS.4065"),
        (None, [STRANGER], 400, "DCS.4064"),
        ("reboot", [STRANGER], 400, "DCS.4064"),
        ("restart", ["cache-1"], 400, "DCS.4061"),
        ("restart", [STRANGER], 404, "DCS.3022"),
        ("restart", [STRANGER] * 51, 400, "DCS.4100"),
    ],
)
def test_a_bad_put_is_refused_with_its_documented_code(start, connect, fleet, send, action, ids, status, code):
    """The tool decides by these codes what to send again."""
    emu = start(fleet)
    with pytest.raises(ClientRequestException) as refused:
        send(connect(emu), action, ids)
    assert (refused.value.status_code, refused.value.error_code) == (status, code)
    assert emu.truth.executed == []


@pytest.mark.parametrize(
    ("state", "action", "code"),
    [
        ("RESTARTING", "restart", "DCS.4111"),
        ("EXTENDING", "restart", "DCS.4113"),
        ("UPGRADING", "restart", "DCS.4116"),
        ("ROLLBACKING", "restart", "DCS.4117"),
        ("CREATING", "restart", "DCS.4118"),
        ("FROZEN", "restart", "DCS.4120"),
        ("RESTORING", "restart", "DCS.4097"),
        ("CLOSED", "restart", "DCS.4049"),
        ("ERROR", "flush", "DCS.4049"),
        ("RUNNING", "start", "DCS.4026"),
        ("SOMETHING_NEW", "restart", "DCS.4026"),
    ],
)
def test_a_busy_instance_refuses_with_the_code_of_its_state(start, connect, fleet, send, state, action, code):
    """Busy codes are retried, others are not."""
    emu = start(fleet)
    emu.set_status(fleet[0].instance_id, state)
    with pytest.raises(ClientRequestException) as refused:
        send(connect(emu), action, [fleet[0].instance_id])
    assert (refused.value.status_code, refused.value.error_code) == (400, code)


def test_old_engines_refuse_flush_but_not_restart(start, connect, send):
    """Only Redis 4.0 and later can be flushed."""
    old, memcached = make_fleet(2)
    old.engine_version, memcached.engine = "3.0.7", "Memcached"
    emu = start([old, memcached])
    client = connect(emu)
    for one in (old, memcached):
        with pytest.raises(ClientRequestException) as refused:
            send(client, "flush", [one.instance_id])
        assert refused.value.error_code == "DCS.4007"
        send(client, "restart", [one.instance_id])
    assert [done.action for done in emu.truth.executed] == ["restart", "restart"]


def test_a_region_may_not_know_stop_and_start(start, connect, fleet, send):
    """Older regions answer DCS.4064; restart still works there."""
    client = connect(start(fleet, region_knows_stop_start=False))
    with pytest.raises(ClientRequestException) as refused:
        send(client, "stop", [fleet[0].instance_id])
    assert refused.value.error_code == "DCS.4064"
    assert send(client, "restart", [fleet[0].instance_id]).results[0].result == "success"


@pytest.mark.parametrize(("partial", "executed"), [(False, 0), (True, 2)])
def test_one_bad_id_refuses_the_whole_batch(start, connect, fleet, send, partial, executed):
    """Whether the healthy ones before it ran is documented nowhere: both worlds can be tried."""
    emu = start(fleet, partial_execution=partial)
    ids = [fleet[0].instance_id, fleet[1].instance_id, STRANGER, fleet[2].instance_id]
    with pytest.raises(ClientRequestException):
        send(connect(emu), "restart", ids)
    assert [done.instance_id for done in emu.truth.executed] == ids[:executed]
    assert emu.truth.puts[0].executed == tuple(ids[:executed])


def test_codes_can_be_spelled_with_digits(start, connect, fleet, send):
    """Both spellings are in the field; DCS.4049 has only one."""
    emu = start(fleet, numeric_codes=True, faults=[Fault("put", "403")])
    client = connect(emu)
    emu.set_status(fleet[0].instance_id, "CLOSED")
    codes = []
    for ids in ([fleet[1].instance_id], [STRANGER], [STRANGER] * 51, [fleet[0].instance_id]):
        with pytest.raises(ClientRequestException) as refused:
            send(client, "restart", ids)
        codes.append(refused.value.error_code)
    assert codes == ["111403003", "111404022", "111400100", "DCS.4049"]


def test_a_thousand_instances_are_one_page_on_one_connection(start, connect):
    """Plans over whole fleets run in tests all the time."""
    emu = start(make_fleet(1000))
    client = connect(emu)
    client.list_instances(ListInstancesRequest(limit=1000))
    response = client.list_instances(ListInstancesRequest(limit=1000))
    assert len(response.instances) == 1000
    assert emu.truth.connections == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"subject": "é" * 257, "message": "m"}, 403, "SMN.0008"),
        ({"subject": "s", "message": ""}, 403, "SMN.0009"),
        ({"subject": "s"}, 403, "SMN.0009"),
        ({"subject": "s", "message": "é" * (128 * 1024 + 1)}, 403, "SMN.0009"),
        ({"message_structure": '{"email": "no default"}', "message": "m"}, 400, "SMN.0021"),
        ({"message_structure": '{"default": "m", "pigeon": "p"}'}, 400, "SMN.0021"),
        ({"message_structure": '{"default": "m", "email": {"a": 1}}'}, 400, "SMN.0021"),
        ({"message_structure": '{"default": "m"'}, 400, "SMN.0021"),
        ({"message_structure": '{"default": "' + "m" * 262_144 + '"}'}, 400, "SMN.0021"),
        ({"message_structure": '{"default": "m", "wechat": "m"}'}, 400, "SMN.0021"),
        ({"message_structure": '{"default": "m", "welink": "{\\"msgType\\": \\"markdown\\"}"}'}, 400, "SMN.0021"),
        ({"message": "m", "message_attributes": [{"name": "a", "type": "STRING", "value": "cn-north-4"}]}, 403, "SMN.0009"),
        ({"message": "m", "message_attributes": [{"name": "A", "type": "STRING", "value": "a"}]}, 403, "SMN.0009"),
        ({"message": "m", "message_attributes": [{"name": "smn_a", "type": "STRING", "value": "a"}]}, 403, "SMN.0009"),
        ({"message": "m", "message_attributes": [{"name": "a", "type": "STRING", "value": "a" * 33}]}, 403, "SMN.0009"),
        ({"message": "m", "message_attributes": [{"name": f"a{n}", "type": "STRING", "value": "a"} for n in range(11)]}, 403, "SMN.0009"),
    ],
    ids=[
        "subject bytes",
        "empty",
        "absent",
        "message bytes",
        "no default",
        "unknown protocol",
        "no text",
        "no JSON",
        "structure bytes",
        "robot without type",
        "robot of another type",
        "attribute's value",
        "attribute's name",
        "reserved name",
        "long value",
        "eleven attributes",
    ],
)
def test_smn_refuses_bad_input_and_keeps_nothing(start, connect, fleet, body, status, code):
    """SMN counts bytes and answers 403 for bad input, which looks like a missing permission."""
    emu = start(fleet)
    with pytest.raises(ClientRequestException) as refused:
        publish(connect(emu, SmnClient), body)
    assert (refused.value.status_code, refused.value.error_code) == (status, code)
    assert emu.truth.messages == []


def publish(client, body, topic=TOPIC):
    return client.publish_message(PublishMessageRequest(topic_urn=topic, body=PublishMessageRequestBody(**body)))


def test_smn_keeps_what_is_published(start, connect, fleet):
    """Tests read the reports that went out."""
    emu = start(fleet, topics=[TOPIC])
    response = publish(connect(emu, SmnClient), {"subject": "s" * 512, "message": "done ✓", "time_to_live": "60"})
    (message,) = emu.truth.messages
    assert (message.topic_urn, message.subject, message.message) == (TOPIC, "s" * 512, "done ✓")
    assert message.body["time_to_live"] == "60"
    assert (response.message_id, bool(response.request_id)) == (message.message_id, True)
    assert emu.truth.count("publish") == 1


def test_smn_keeps_what_each_protocol_gets_and_says_what_would_not_arrive(start, connect, fleet):
    """SMN takes an SMS that a telephone company throws away, and a text that a robot refuses."""
    emu = start(fleet)
    forms = {"default": "for all", "sms": "[x]", "wechat": json.dumps({"msgType": "text", "content": "é" * 1_025})}
    publish(connect(emu, SmnClient), {"message_structure": json.dumps(forms)})
    (message,) = emu.truth.messages
    assert (message.message, message.text("email"), message.text("sms")) == ("for all", "for all", "[x]")
    assert message.undelivered == ["sms", "wechat"]


def test_an_unknown_topic_is_404_when_topics_are_named(start, connect, fleet):
    """A mistyped topic must be seen in a test, not in production."""
    client = connect(start(fleet, topics=[TOPIC]), SmnClient)
    with pytest.raises(ClientRequestException) as refused:
        publish(client, {"message": "m"}, topic=TOPIC + "2")
    assert (refused.value.status_code, refused.value.error_code) == (404, "SMN.0006")


def test_a_fleet_is_the_same_for_the_same_seed(start):
    """Plans and digests of tests stay comparable between runs, and one list serves many emulators."""
    assert make_fleet(3) == make_fleet(3)
    assert make_fleet(3, seed=2) != make_fleet(3)
    fleet = make_fleet(3, busy_s=5)
    start(fleet).set_status(fleet[0].instance_id, "FROZEN")
    assert start(fleet).instance(fleet[0].instance_id).status == "RUNNING"


def test_an_id_twice_in_the_fleet_is_refused(start):
    """A fleet file pasted together would otherwise hide an instance."""
    one = Instance("11111111-2222-4333-8444-555555555555", "one")
    with pytest.raises(ValueError, match="twice"):
        start([one, one])


def test_subscriptions_of_a_topic_come_in_pages_with_their_status(start, connect):
    """0 waits to be confirmed, 1 is confirmed, 3 was given up."""
    emu = start([], topics=[TOPIC])
    for status in (1, 0, 3):
        emu.smn.sign_up(TOPIC, status)
    client = connect(emu, SmnClient)
    pages = [client.list_subscriptions_by_topic(ListSubscriptionsByTopicRequest(TOPIC, offset, 2)) for offset in (0, 2)]
    assert [[row.status for row in page.subscriptions] for page in pages] == [[1, 0], [3]]
    assert {page.subscription_count for page in pages} == {3}
    for request in (ListSubscriptionsByTopicRequest(TOPIC, 0, 101), ListSubscriptionsByTopicRequest(f"{TOPIC}-typo")):
        with pytest.raises(ClientRequestException):
            client.list_subscriptions_by_topic(request)
