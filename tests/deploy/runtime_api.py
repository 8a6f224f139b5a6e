"""A stand-in of AWS Lambda's Runtime API, from which a runtime client takes one event after the other, and where it leaves what came of each.

Source: AWS Lambda developer guide, "Using the Lambda runtime API for custom runtimes".
"""

from __future__ import annotations

import json
import queue
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:dcs-upkeep"
VERSION = "/2018-06-01/runtime"
HUNG_S = 60.0  # real seconds; no invocation here takes so long on any machine


@dataclass
class Answer:
    """What came of one event: `kind` is the last part of the address, "response" or "error" (of an invocation, or of the start)."""

    kind: str
    request_id: str
    raw: bytes
    error_type: str | None = None

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


@dataclass
class _Given:
    raw: bytes
    left_s: float
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class RuntimeApi:
    """Use it in a `with`. `address` is for AWS_LAMBDA_RUNTIME_API."""

    def __init__(self) -> None:
        self.events: queue.Queue[_Given | None] = queue.Queue()
        self.answers: queue.Queue[Answer] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": self}))
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def invoke(self, event: Any, *, left_s: float = 900.0) -> Answer:
        """Hand over one event, and wait for what comes of it."""
        given = _Given(json.dumps(event).encode(), left_s)
        self.events.put(given)
        answer = self.answers.get(timeout=HUNG_S)
        assert answer.request_id in (given.request_id, "init")
        return answer

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.events.put(None)  # whoever waits for an event is let go
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: RuntimeApi

    def do_GET(self) -> None:
        given = self.api.events.get() if self.path == f"{VERSION}/invocation/next" else None
        if given is None:
            self._say(404, {}, b"")
            return
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": given.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + given.left_s) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
        }
        self._say(200, headers, given.raw)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        *_, request_id, kind = self.path.split("/")
        self._say(202, {"Content-Type": "application/json"}, b'{"status": "OK"}')
        self.api.answers.put(Answer(kind, request_id, raw, self.headers.get("Lambda-Runtime-Function-Error-Type")))

    def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""
