"""The function calls itself: the real SDKs over HTTP, against a small server that answers as the platforms do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dcs_upkeep.adapters.hosts import selfcalls
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Credentials

URN = "urn:fss:cn-north-4:p:function:default:dcs-upkeep:latest"
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:dcs-upkeep"
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


def test_functiongraph_is_called_asynchronously_with_the_event(platform: Platform) -> None:
    selfcalls.on_functiongraph(URN, "cn-north-4", "p", url(platform), lambda: Credentials("a", "b", "token"))(EVENT)
    ((path, headers, body),) = platform.asked
    assert (
        path == f"/v2/p/fgs/functions/{URN}/invocations-async".replace(":", "%3A") or path == f"/v2/p/fgs/functions/{URN}/invocations-async"
    )
    assert body == EVENT
    assert headers["x-security-token"] == "token"


def test_lambda_is_called_asynchronously_with_the_event(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {"AWS_ENDPOINT_URL": url(platform), "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t"}.items():
        monkeypatch.setenv(key, value)
    selfcalls.on_lambda(ARN)(EVENT)
    ((path, headers, body),) = platform.asked
    assert "dcs-upkeep/invocations" in path
    assert headers["x-amz-invocation-type"] == "Event"
    assert body == EVENT


def test_a_refusal_names_the_right_that_is_missing(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    platform.status = 403
    with pytest.raises(CloudError, match="functiongraph:function:invokeAsync"):
        selfcalls.on_functiongraph(URN, "cn-north-4", "p", url(platform), lambda: Credentials("a", "b"))(EVENT)
    for key, value in {"AWS_ENDPOINT_URL": url(platform), "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t"}.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(CloudError, match="lambda:InvokeFunction"):
        selfcalls.on_lambda(ARN)(EVENT)
    assert len(platform.asked) == 2  # a lost call is found by the sweep, so none is asked twice
