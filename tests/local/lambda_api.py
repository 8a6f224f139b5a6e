"""Lambda's Invoke, on loopback: moto needs Docker for a function that runs. It keeps what it accepted."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


class LambdaApi:
    """`accepted`: function and event of each call. `refuse_with`: status and code of the next answers, in their order."""

    def __init__(self) -> None:
        self.accepted: list[tuple[str, Any]] = []
        self.refuse_with: list[tuple[int, str]] = []
        self.url = ""

    def answer(self, path: str, kind: str | None, body: bytes) -> tuple[int, str]:
        """Source: Lambda API, Invoke."""
        parts = unquote(path).split("/")
        assert parts[:3] == ["", "2015-03-31", "functions"]
        assert parts[4] == "invocations"
        assert kind == "Event"
        if self.refuse_with:
            return self.refuse_with.pop(0)
        self.accepted.append((parts[3], json.loads(body)))
        return 202, ""


@contextmanager
def lambda_api() -> Iterator[LambdaApi]:
    """Runs it."""
    api = LambdaApi()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, code = api.answer(self.path, self.headers.get("X-Amz-Invocation-Type"), body)
            self.send_response(status)
            if code:
                self.send_header("x-amzn-ErrorType", code)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    yield api
    server.shutdown()
    server.server_close()
    thread.join()
