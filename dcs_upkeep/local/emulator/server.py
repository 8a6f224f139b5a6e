"""The HTTP/1.1 side: keep-alive connections, one thread each, every answer in one send."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote

from .exchange import SMN_OPERATIONS, Answer, Call, Route, dcs_error, gateway_error, smn_error, spell_with_digits
from .faults import FaultPlan, arm, corrupt, short_circuit
from .signature import Keys, SignedRequest, find_fault_in_signature
from .truth import Record, Truth


@dataclass(frozen=True)
class Gateway:
    """All that a connection needs to answer a request."""

    routes: list[Route]
    keys: Keys
    project_id: str
    plan: FaultPlan
    truth: Truth
    clock: Callable[[], float]
    wall_clock: Callable[[], datetime]
    latency_s: float
    numeric_codes: bool
    on_request: Callable[[Record], None] | None

    def answer(self, request: SignedRequest, connection: int, stopping: threading.Event) -> tuple[Record, Answer]:
        """Record the request, check who asks, let a due fault have its way, and ask the service."""
        path = unquote(request.path)
        route, values = self._find_route(request.method, path)
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        operation = route.operation if route else "unknown"
        record = self.truth.begin(operation, request.method, path, query, self.clock(), connection)
        call = Call(values, query, request.body, record)
        record.ids, record.action = _named_ids(call), _named_action(call)
        if self.on_request:
            self.on_request(record)
        if self.latency_s:
            stopping.wait(self.latency_s)
        answer = self._refuse(request, route, values, record)
        if answer is None and route is not None:
            answer = self._serve(route, call, stopping)
        assert answer is not None
        if self.numeric_codes:
            answer = spell_with_digits(answer)
        if answer.transport in ("send", "half"):
            record.status, record.error_code = answer.status, answer.error_code()
        return record, answer

    def _find_route(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        for route in self.routes:
            if (values := route.match(method, path)) is not None:
                return route, values
        return None, {}

    def _refuse(self, request: SignedRequest, route: Route | None, values: Mapping[str, str], record: Record) -> Answer | None:
        problem = find_fault_in_signature(request, self.keys, self.wall_clock())
        if problem:
            message = f"Incorrect IAM authentication information: {problem}"
            return gateway_error(401, "APIGW.0301", message, record.request_id)
        if route is None:
            return gateway_error(404, "APIGW.0101", "The API does not exist.", record.request_id)
        if values["project_id"] == self.project_id:
            return None
        if route.operation in SMN_OPERATIONS:
            return smn_error(403, "SMN.0001", "No permission for this project.", record.request_id)
        return dcs_error(401, "DCS.1004", "The project ID in the URL does not match the token.")

    def _serve(self, route: Route, call: Call, stopping: threading.Event) -> Answer:
        fault = self.plan.take(route.operation, call.record.ids)
        if fault is None:
            return route.reply(call)
        call.record.fault = fault.kind
        if instead := short_circuit(fault, call):
            return instead
        arm(fault, call)
        answer = corrupt(fault, call, route.reply(call))
        if fault.delay_s:
            stopping.wait(fault.delay_s)
        return answer


def _named_ids(call: Call) -> tuple[str, ...]:
    """The instance IDs a request names: in its path, its query, or the body of a status PUT."""
    ids = _put_body(call).get("instances", [])
    in_body = [one for one in ids if isinstance(one, str)] if isinstance(ids, list) else []
    elsewhere = (call.path_values.get("instance_id"), call.query.get("instance_id"))
    return tuple(in_body + [one for one in elsewhere if one])


def _named_action(call: Call) -> str | None:
    action = _put_body(call).get("action")
    return action if isinstance(action, str) else None


def _put_body(call: Call) -> dict[str, object]:
    body: object = None
    if call.record.operation == "put":
        with contextlib.suppress(ValueError):
            body = json.loads(call.body)
    return body if isinstance(body, dict) else {}


class Server(ThreadingHTTPServer):
    """Listens on the loopback address alone."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, gateway: Gateway, port: int) -> None:
        self.gateway = gateway
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Connection)

    def server_bind(self) -> None:
        # HTTPServer.server_bind asks the resolver for a host name, which may leave the machine: skip it.
        socket.socket.setsockopt(self.socket, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def track(self, connection: socket.socket, *, is_open: bool) -> None:
        with self._open_lock:
            (self._open.add if is_open else self._open.discard)(connection)

    def stop(self) -> None:
        """Release what hangs, stop accepting, and end the connections that idle."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away mid-answer is part of the game; anything else is a bug and is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # the stub knows sockets only


class Connection(BaseHTTPRequestHandler):
    """One keep-alive connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.track(self.connection, is_open=True)
        self.number = self.server.gateway.truth.open_connection()

    def finish(self) -> None:
        self.server.track(self.connection, is_open=False)
        super().finish()

    def do_GET(self) -> None:
        self._exchange()

    do_PUT = do_POST = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: `truth.requests` is the log."""

    def _exchange(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        path, _, query = self.path.partition("?")
        # http.client sends header values as latin-1 bytes of UTF-8 text; the signature is over the text.
        sent = self.headers.items()
        headers = {key.lower(): value.encode("latin-1").decode("utf-8", "replace") for key, value in sent}
        request = SignedRequest(self.command, path, query, headers, body)
        try:
            record, answer = self.server.gateway.answer(request, self.number, self.server.stopping)
            self._put_out(record, answer)
        finally:
            self.server.gateway.truth.end()

    def _put_out(self, record: Record, answer: Answer) -> None:
        if answer.transport == "hang":
            self._hang()
        if answer.transport in ("hang", "close"):
            self.close_connection = True
            return
        body = answer.body()
        head = [
            f"HTTP/1.1 {answer.status} {_phrase(answer.status)}",
            f"Date: {format_datetime(self.server.gateway.wall_clock(), usegmt=True)}",
            f"X-Request-Id: {record.request_id}",
            "Connection: keep-alive" if answer.transport == "send" else "Connection: close",
        ]
        if answer.status != 204:
            head += [f"Content-Type: {answer.content_type}", f"Content-Length: {len(body)}"]
        if answer.transport == "half":
            body = body[: len(body) // 2]
            self.close_connection = True
        # One send: a head and a body in two packets meet the client's delayed ACK (40 ms).
        self.wfile.write("\r\n".join([*head, "", ""]).encode() + body)

    def _hang(self) -> None:
        """Wait until the client closes or the emulator stops."""
        self.connection.settimeout(0.1)
        while not self.server.stopping.is_set():
            try:
                if not self.connection.recv(1, socket.MSG_PEEK):
                    return
                time.sleep(0.05)
            except TimeoutError:
                continue
            except OSError:
                return


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
