"""Asking without a socket: the same gateway, the same truth, and exceptions for what a socket would lose."""

from __future__ import annotations

import json

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions import exceptions as sdk
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from huaweicloudsdkdcs.v2 import ChangeInstanceStatusBody, DcsClient, ListInstancesRequest, RestartOrFlushInstancesRequest
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.exceptions import ConnectionError as RequestsConnectionError

from dcs_upkeep.local.emulator import (
    BodyCutError,
    ConnectionDroppedError,
    Emulator,
    Fault,
    NoAnswerError,
    TimedOutError,
    make_fleet,
)

HOST = "dcs.emulated"


class Bridge(BaseAdapter):
    """Carries what the SDK sends to `answer`, as a simulator would."""

    def __init__(self, emu: Emulator) -> None:
        super().__init__()
        self.emu = emu

    def send(self, request: PreparedRequest, **_: object) -> Response:
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        try:
            status, headers, content = self.emu.answer(request.method, request.path_url, {"Host": HOST, **request.headers}, body)
        except NoAnswerError as error:
            raise RequestsConnectionError(error) from error
        response = Response()
        response.status_code, response._content, response.url, response.request = status, content, request.url, request
        response.headers.update(headers)
        return response

    def close(self) -> None:
        """Nothing is open."""


def connect(emu):
    credentials = BasicCredentials(emu.ak, emu.sk, emu.project_id)
    client = DcsClient.new_builder().with_credentials(credentials).with_endpoint(f"http://{HOST}").build()
    client._http_client._session.mount("http://", Bridge(emu))
    return client


def restart(client, *ids):
    body = ChangeInstanceStatusBody(action="restart", instances=list(ids))
    return client.restart_or_flush_instances(RestartOrFlushInstancesRequest(body=body))


def sign(emu, method="GET", path="/instances", body=""):
    request = SdkRequest(
        method=method, schema="http", host=HOST, resource_path=f"/v2/{emu.project_id}{path}", query_params=[], body=body,
        header_params={"Content-Type": "application/json"},
    )  # fmt: skip
    signed = Signer(BasicCredentials(emu.ak, emu.sk, emu.project_id)).sign(request)
    return method, signed.uri, {**signed.header_params, "Host": HOST}, body.encode()


def test_the_sdk_is_answered_without_a_socket(clock):
    """A simulator of thousands of runs has no sockets to spare."""
    # Given
    fleet = make_fleet(3)
    emu = Emulator(fleet, clock=clock)
    client = connect(emu)
    # When
    listed = client.list_instances(ListInstancesRequest(name="cache-"))
    restart(client, fleet[0].instance_id)
    # Then
    assert (listed.instance_num, bool(listed.instances[0].created_at)) == (3, True)
    assert [done.instance_id for done in emu.truth.executed] == [fleet[0].instance_id]
    assert [(record.operation, record.status) for record in emu.truth.requests] == [("list", 200), ("put", 200)]
    assert (emu._server, emu.truth.connections, emu.truth.in_flight) == (None, 0, 0)


def test_an_unsigned_request_is_refused(clock):
    """A shortcut past the signature would hide a tool that signs wrongly."""
    emu = Emulator(make_fleet(1), clock=clock)
    status, headers, body = emu.answer("GET", f"/v2/{emu.project_id}/instances?limit=1", {"Host": HOST})
    assert (status, json.loads(body)["error_code"]) == (401, "APIGW.0301")
    assert (headers["X-Request-Id"], headers["Content-Type"]) == (emu.truth.requests[0].request_id, "application/json")


@pytest.mark.parametrize(
    ("kind", "error", "executed"),
    [
        ("hang", TimedOutError, 0),
        ("hang_executed", TimedOutError, 1),
        ("drop", ConnectionDroppedError, 0),
        ("lost_answer", ConnectionDroppedError, 1),
        ("truncated", BodyCutError, 1),
    ],
)
def test_what_a_socket_would_lose_is_raised(clock, kind, error, executed):
    """The caller learns that no answer came, and the truth whether it was executed."""
    fleet = make_fleet(1)
    emu = Emulator(fleet, clock=clock, faults=[Fault("put", kind, times=2)])
    body = json.dumps({"action": "restart", "instances": [fleet[0].instance_id]})
    with pytest.raises(error):
        emu.answer(*sign(emu, "PUT", "/instances/status", body))
    assert len(emu.truth.executed) == executed
    with pytest.raises(sdk.ConnectionException):
        restart(connect(emu), fleet[0].instance_id)


def test_a_body_that_is_cut_tells_what_came(clock):
    """Half a JSON document is what a parser has to survive."""
    emu = Emulator(make_fleet(1), clock=clock, faults=[Fault("list", "truncated")])
    with pytest.raises(BodyCutError) as cut:
        emu.answer(*sign(emu))
    assert (cut.value.status, len(cut.value.received)) == (200, int(cut.value.headers["Content-Length"]) // 2)


def test_delays_pass_on_the_given_clock(clock):
    """Nothing waits for real: a slow answer moves the clock."""
    emu = Emulator(make_fleet(1), clock=clock, sleep=clock.advance, latency_s=2, faults=[Fault("list", "slow", delay_s=30)])
    assert emu.answer(*sign(emu))[0] == 200
    assert clock() == 1032
