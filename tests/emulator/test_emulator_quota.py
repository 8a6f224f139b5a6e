"""The account's quota, counted over all services and felt through the SDKs."""

from __future__ import annotations

import http.client

import pytest
from huaweicloudsdkces.v2 import CesClient, ListAlarmHistoriesRequest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkdcs.v2 import ListInstancesRequest
from huaweicloudsdksmn.v2 import PublishMessageRequest, PublishMessageRequestBody, SmnClient

from dcs_upkeep.local.emulator import Emulator, Fault, make_fleet
from dcs_upkeep.local.emulator.exchange import Answer, Route

from .test_emulator_inprocess import sign


def listed(client):
    return client.list_instances(ListInstancesRequest()).instance_num


def status_of(call):
    try:
        call()
    except ClientRequestException as error:
        return error.status_code
    return 200


def test_all_services_draw_on_one_quota(start, connect, fleet):
    """A report that is published costs a read of the fleet."""
    # Given
    emu = start(fleet, quota=(3, 300))
    dcs, smn, ces = connect(emu), connect(emu, SmnClient), connect(emu, CesClient)
    message = PublishMessageRequest(topic_urn="urn:smn:a:b:c", body=PublishMessageRequestBody(message="m"))
    calls = [
        lambda: listed(dcs),
        lambda: smn.publish_message(message),
        lambda: ces.list_alarm_histories(ListAlarmHistoriesRequest()),
        lambda: listed(dcs),
        lambda: smn.publish_message(message),
    ]
    # When, then
    assert [status_of(call) for call in calls] == [200, 200, 200, 429, 429]
    assert [record.operation for record in emu.truth.refused("quota")] == ["list", "publish"]
    assert len(emu.truth.messages) == 1


def test_a_route_that_a_test_adds_counts_too(clock, fleet):
    """A call to the function itself is a call of the account."""
    emu = Emulator(fleet, clock=clock, quota=(1, 60))
    emu.add_route(Route("POST", "/v2/{project_id}/fgs/functions/{urn}/invocations-async", "invoke", lambda _: Answer(202, {})))
    assert emu.answer(*sign(emu, "POST", "/fgs/functions/f/invocations-async"))[0] == 202
    assert emu.answer(*sign(emu))[0] == 429


def test_it_opens_again_when_the_window_is_over(start, connect, fleet, clock):
    """The window begins with its first call, not with the first refusal, and refused calls do not lengthen it."""
    emu = start(fleet, quota=(2, 300))
    client = connect(emu)
    found = []
    for step_s in (0, 100, 100, 99, 1, 0, 0):
        clock.advance(step_s)
        found.append(status_of(lambda: listed(client)))
    assert found == [200, 200, 429, 429, 200, 200, 429]


@pytest.mark.parametrize(("tells", "expected"), [(True, "200"), (False, None)])
def test_the_answer_is_the_gateways_and_may_say_until_when(clock, fleet, tells, expected):
    """The header is not promised anywhere: both worlds can be tried."""
    emu = Emulator(fleet, clock=clock, quota=(1, 300), quota_tells_when=tells)
    emu.answer(*sign(emu))
    clock.advance(100)
    status, headers, body = emu.answer(*sign(emu))
    assert (status, headers.get("Retry-After")) == (429, expected)
    assert b'"APIGW.0308"' in body
    assert b"policy user over ratelimit,limit:1,time:5 minute" in body


def test_the_header_comes_over_the_wire(start, fleet):
    """The SDK hides header and body of a 429; a transport of one's own sees them."""
    emu = start(fleet, faults=[Fault("list", "429", retry_after_s=7.2)])
    method, path, headers, _ = sign(emu)
    connection = http.client.HTTPConnection(emu.url.removeprefix("http://"))
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    connection.close()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "8")


def test_the_truth_tells_who_called_although_refused(start, connect, fleet, clock):
    """The first 429 is news; the second, three seconds later, was sent by somebody who did not listen."""
    emu = start(fleet, quota=(1, 300))
    client = connect(emu)
    for step_s in (0, 10, 0, 3):
        clock.advance(step_s)
        status_of(lambda: listed(client))
    (refusal,) = emu.truth.quota_refusals
    assert (refusal.began, refusal.until, len(refusal.records)) == (1010, 1300, 3)
    assert [record.at for record in emu.truth.called_while_refused] == [1013]


def test_a_request_that_is_not_signed_costs_nothing(clock, fleet):
    """The quota is a user's, and nobody knows whose request this is."""
    emu = Emulator(fleet, clock=clock, quota=(1, 300))
    method, path, headers, body = sign(emu)
    assert [emu.answer(method, path, {}, body)[0] for _ in range(3)] == [401] * 3
    assert emu.answer(method, path, headers, body)[0] == 200


@pytest.mark.parametrize("quota", [(0, 300), (10, 0)])
def test_a_quota_of_nothing_is_refused(quota):
    """It would answer 429 for ever, which is another fault."""
    with pytest.raises(ValueError, match="quota needs"):
        Emulator(make_fleet(1), quota=quota)
