"""The HTTP/1.1 side: keep-alive connections, one thread each, every answer in one send."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .exchange import Answer
from .gateway import Gateway
from .signature import SignedRequest
from .truth import Record


class Server(ThreadingHTTPServer):
    """Listens on the loopback address alone."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, gateway: Gateway, port: int, stopping: threading.Event) -> None:
        self.gateway = gateway
        self.stopping = stopping
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

    do_PUT = do_POST = do_DELETE = do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: `truth.requests` is the log."""

    def _exchange(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # the caller died while it wrote: what is not whole is not carried out
            self.close_connection = True
            return
        path, _, query = self.path.partition("?")
        # http.client sends header values as latin-1 bytes of UTF-8 text; the signature is over the text.
        sent = self.headers.items()
        headers = {key.lower(): value.encode("latin-1").decode("utf-8", "replace") for key, value in sent}
        request = SignedRequest(self.command, path, query, headers, body)
        try:
            record, answer = self.server.gateway.answer(request, self.number)
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
            *(f"{name}: {value}" for name, value in answer.headers(record.request_id).items()),
            "Connection: close" if answer.transport == "half" else "Connection: keep-alive",
        ]
        if answer.transport == "half":
            body = body[: len(body) // 2]
            self.close_connection = True
        if answer.pause_s:
            self._put_out_slowly(answer, head, body)
            return
        # One send: a head and a body in two packets meet the client's delayed ACK (40 ms).
        self.wfile.write("\r\n".join([*head, "", ""]).encode() + body)

    def _put_out_slowly(self, answer: Answer, head: list[str], body: bytes) -> None:
        lines = [f"{line}\r\n".encode() for line in [*head, ""]]
        whole_head, each_byte = b"".join(lines), [body[place : place + 1] for place in range(len(body))]
        for part in [*lines, body] if answer.transport == "slow_head" else [whole_head, *each_byte]:
            self.wfile.write(part)
            self.server.gateway.wait(answer.pause_s)

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
