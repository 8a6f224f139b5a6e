"""The function calls itself: the real SDKs over HTTP, against a small server that answers as the platforms do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dcs_upkeep.adapters.hosts.aws_lambda import LambdaHost
from dcs_upkeep.adapters.hosts.functiongraph import FunctionGraphHost
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.domain.errors import CloudError
from tests.contexts import FunctionGraphContext, LambdaContext

URN = "urn:fss:cn-north-4:p:function:default:dcs-upkeep:latest"
EVENT = {"resume": "timer:night/1@abcd"}


class Platform(ThreadingHTTPServer):
    """Remembers what it was asked."""

    status = 202

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, str], object]] = []


class Handler(BaseHTTPRequestHandler):
    server: Platform

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, {key.lower(): value for key, value in self.headers.items()}, json.loads(body)))
        answer = b'{"request_id": "r"}' if self.server.status < 300 else b'{"error_code": "FSS.0403", "error_msg": "no"}'
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def platform() -> Iterator[Platform]:
    server = Platform()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def url(platform: Platform) -> str:
    return f"http://127.0.0.1:{platform.server_port}"


def functiongraph(platform: Platform, **settings: str) -> FunctionGraphHost:
    """The host of a function whose settings stand in one JSON object, as FunctionGraph's limit of 20 variables asks for."""
    bundle = {"UPKEEP_REGION": "cn-north-4", "UPKEEP_FUNCTIONGRAPH_ENDPOINT": url(platform), **settings}
    return FunctionGraphHost(FunctionGraphContext({"UPKEEP_SETTINGS": json.dumps(bundle)}, ak="a", sk="b", token="token"))


def test_functiongraph_is_called_asynchronously_with_the_event(platform: Platform) -> None:
    functiongraph(platform, UPKEEP_PROJECT_ID="p").call_self(EVENT)
    ((path, headers, body),) = platform.asked
    assert path.replace("%3A", ":") == f"/v2/p/fgs/functions/{URN}/invocations-async"
    assert body == EVENT
    assert headers["x-security-token"] == "token"


def test_functiongraph_is_found_by_the_agency_s_project_if_no_setting_names_one(platform: Platform) -> None:
    functiongraph(platform).call_self(EVENT)
    assert platform.asked[0][0].startswith("/v2/0123456789abcdef0123456789abcdef/fgs/")


def test_lambda_is_called_asynchronously_with_the_event(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {"AWS_ENDPOINT_URL": url(platform), "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t"}.items():
        monkeypatch.setenv(key, value)
    LambdaHost(LambdaContext(), {}).call_self(EVENT)
    ((path, headers, body),) = platform.asked
    assert "dcs-upkeep/invocations" in path
    assert headers["x-amz-invocation-type"] == "Event"
    assert body == EVENT


def test_a_refusal_names_the_right_that_is_missing(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    platform.status = 403
    with pytest.raises(CloudError, match="functiongraph:function:invokeAsync"):
        functiongraph(platform).call_self(EVENT)
    for key, value in {"AWS_ENDPOINT_URL": url(platform), "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t"}.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(CloudError, match="lambda:InvokeFunction"):
        LambdaHost(LambdaContext(), {}).call_self(EVENT)
    assert len(platform.asked) == 2  # a lost call is found by the sweep, so none is asked twice


def test_a_platform_that_does_not_answer_names_the_setting_to_check(platform: Platform) -> None:
    with pytest.raises(CloudError, match="could not be called again: no answer came.*UPKEEP_FUNCTIONGRAPH_ENDPOINT"):
        functiongraph(platform, UPKEEP_FUNCTIONGRAPH_ENDPOINT="http://127.0.0.1:9").call_self(EVENT)


def test_a_laptop_keeps_the_event_for_after_the_invocation_and_the_platforms_keep_none(platform: Platform) -> None:
    host = LocalHost({})
    assert host.next_event() is None
    host.call_self(EVENT)
    assert (host.next_event(), host.next_event()) == (EVENT, None)
    cloud = functiongraph(platform)
    cloud.call_self(EVENT)
    assert cloud.next_event() is None


@pytest.mark.parametrize(("status", "allowed"), [(204, True), (403, False), (202, False)])
def test_lambda_is_asked_whether_it_may_be_called_without_a_call(
    status: int, allowed: bool, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.status = status
    for key, value in {"AWS_ENDPOINT_URL": url(platform), "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t"}.items():
        monkeypatch.setenv(key, value)
    host = LambdaHost(LambdaContext(), {})
    if allowed:
        host.try_calling_self()
    else:
        with pytest.raises(CloudError, match="may not call itself.*lambda:InvokeFunction"):
            host.try_calling_self()
    ((_, headers, body),) = platform.asked
    assert (headers["x-amz-invocation-type"], body) == ("DryRun", {})
