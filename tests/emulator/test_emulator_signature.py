"""Who may call: the signature of the official SDK, checked by code that is not the SDK's."""

from __future__ import annotations

import http.client
from datetime import UTC, datetime, timedelta

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from huaweicloudsdkdcs.v2 import ListInstancesRequest, ShowQuotaOfTenantRequest
from huaweicloudsdksmn.v2 import PublishMessageRequest, PublishMessageRequestBody, SmnClient


def refusal_of(call):
    with pytest.raises(ClientRequestException) as refused:
        call()
    return refused.value.status_code, refused.value.error_code


@pytest.mark.parametrize("spoiled", [{"ak": "SOMEBODY"}, {"sk": "wrong"}])
def test_wrong_keys_are_refused(start, connect, fleet, spoiled):
    """A tool that signs wrongly must fail here, not in the cloud."""
    emu = start(fleet)
    client = connect(emu, **spoiled)
    assert refusal_of(lambda: client.list_instances(ListInstancesRequest())) == (401, "APIGW.0301")
    assert emu.truth.requests[0].status == 401


def test_the_security_token_is_asked_for_when_configured(start, connect, fleet):
    """Temporary credentials without their token are the usual mistake on FunctionGraph."""
    emu = start(fleet, security_token="token-1")
    for token in (None, "token-2"):
        client = connect(emu, security_token=token)
        assert refusal_of(lambda client=client: client.list_instances(ListInstancesRequest())) == (401, "APIGW.0301")
    assert connect(emu, security_token="token-1").list_instances(ListInstancesRequest()).instance_num == 4


@pytest.mark.parametrize(("skew_min", "accepted"), [(-16, False), (-14, True), (14, True), (16, False)])
def test_a_date_more_than_15_minutes_off_is_refused(start, connect, fleet, skew_min, accepted):
    """A host with a wrong clock is told so."""
    emu = start(fleet, wall_clock=lambda: datetime.now(UTC) + timedelta(minutes=skew_min))
    client = connect(emu)
    if accepted:
        assert client.list_instances(ListInstancesRequest()).instance_num == 4
    else:
        assert refusal_of(lambda: client.list_instances(ListInstancesRequest())) == (401, "APIGW.0301")


def test_another_project_is_refused(start, connect, fleet):
    """The wrong project is the wrong fleet."""
    emu = start(fleet)
    other = "f" * 32
    client, smn = connect(emu, project_id=other), connect(emu, SmnClient, project_id=other)
    message = PublishMessageRequest(topic_urn="urn:smn:a:b:c", body=PublishMessageRequestBody(message="m"))
    assert refusal_of(lambda: client.list_instances(ListInstancesRequest())) == (401, "DCS.1004")
    assert refusal_of(lambda: smn.publish_message(message)) == (403, "SMN.0001")


def sign(emu, body):
    request = SdkRequest(
        method="PUT",
        schema="http",
        host=emu.url.removeprefix("http://"),
        resource_path=f"/v2/{emu.project_id}/instances/status",
        query_params=[],
        header_params={"Content-Type": "application/json"},
        body=body,
    )
    return Signer(BasicCredentials(emu.ak, emu.sk, emu.project_id)).sign(request)


@pytest.mark.parametrize("tampered", ["nothing", "body", "path", "query", "header", "unsigned"])
def test_a_tampered_request_is_refused(start, fleet, tampered):
    """Every signed part counts: method, path, query, headers, body."""
    emu = start(fleet)
    body = f'{{"action": "restart", "instances": ["{fleet[0].instance_id}"]}}'
    request = sign(emu, body)
    path, headers, sent = request.uri, dict(request.header_params), body
    match tampered:
        case "body":
            sent = body.replace("restart", "flush")
        case "path":
            path = path.replace("status", "statuz")
        case "query":
            path += "?limit=1"
        case "header":
            headers["X-Sdk-Date"] = datetime.now(UTC).strftime("%Y%m%dT%H%M00Z")
        case "unsigned":
            del headers["Authorization"]
    connection = http.client.HTTPConnection(request.host)
    connection.request("PUT", path, body=sent, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == (200 if tampered == "nothing" else 401)
    assert len(emu.truth.executed) == (1 if tampered == "nothing" else 0)


def test_text_beyond_ascii_in_query_and_path_is_signed_right(start, connect, fleet):
    """Names and tags are often Chinese; encoding is where signatures break."""
    emu = start(fleet)
    emu.edit(fleet[1].instance_id, name="缓存 a/b+c~", tags={"部门": "运维"})
    client = connect(emu)
    assert client.list_instances(ListInstancesRequest(name="缓存 a/b+c~")).instance_num == 1
    assert client.list_instances(ListInstancesRequest(tags="部门=运维", limit=7, offset=0)).instance_num == 1


def test_an_unknown_path_is_the_gateways_404(start, connect, fleet):
    """A route the emulator lacks says so instead of playing along."""
    client = connect(start(fleet))
    assert refusal_of(lambda: client.show_quota_of_tenant(ShowQuotaOfTenantRequest())) == (404, "APIGW.0101")
