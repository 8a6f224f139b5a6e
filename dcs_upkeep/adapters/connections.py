"""Connections on which one request has one deadline: for connecting, and for the whole answer. On urllib3 alone; both clouds' SDKs use it.

Works on urllib3 1.25 (which the FunctionGraph runtime bundles) to 2.x.
"""

from __future__ import annotations

import http.client
import io
from functools import partial
from typing import Any

from dcs_upkeep.adapters.wire import Wire

MAX_IDLE_S = 20.0  # a NAT may drop an idle connection silently, and a PUT on it would read as a lost answer


class _Timed(io.RawIOBase):
    """Reads a socket no longer than its wire has for the whole answer. A socket's own timeout begins anew with each byte."""

    def __init__(self, raw: Any, sock: Any, wire: Wire) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._wire = wire

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._wire.answer_left_s())
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class Answer(http.client.HTTPResponse):
    """An answer that is read, head and body, within the time of its wire."""

    def __init__(self, sock: Any, *args: Any, wire: Wire, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp: Any = io.BufferedReader(_Timed(self.fp.detach(), sock, wire))


class Watched(http.client.HTTPConnection):
    """Tells its wire when a request, as opposed to a proxy's CONNECT or a handshake, begins to leave."""

    wire: Wire
    timeout: Any
    _connecting = False

    def _new_conn(self) -> Any:
        """urllib3's: the connection to the host or proxy. What it leaves of the time for connecting is there for the handshake."""
        self.timeout = self.wire.connect_left_s()
        sock = super()._new_conn()  # type: ignore[misc]  # of urllib3's class, with which this one is mixed
        sock.settimeout(self.wire.connect_left_s())
        return sock

    def connect(self) -> None:
        """See http.client."""
        self._connecting = True
        try:
            super().connect()
        finally:
            self._connecting = False

    def send(self, data: Any) -> None:
        """See http.client."""
        if not self._connecting:
            if self.sock is None and self.auto_open:
                self.connect()
            self.wire.writing()
        super().send(data)


class Pool:
    """Mixed with one of urllib3's. Gives out no connection that was idle for longer than `MAX_IDLE_S`: it opens anew."""

    def __init__(self, *args: Any, wire: Wire, **options: Any) -> None:
        self._wire = wire
        super().__init__(*args, **options)

    def _new_conn(self) -> Any:
        conn: Any = super()._new_conn()  # type: ignore[misc]
        conn.wire = self._wire
        conn.response_class = partial(Answer, wire=self._wire)
        conn._original_response_cls = conn.response_class  # botocore's connections go back to it with each request
        return conn

    def _get_conn(self, timeout: float | None = None) -> Any:
        self._wire.taken()
        conn: Any = super()._get_conn(timeout=timeout)  # type: ignore[misc]
        idle_since = getattr(conn, "idle_since", None)
        if idle_since is not None and self._wire.clock.monotonic() - idle_since > MAX_IDLE_S:
            conn.close()
            if not getattr(conn, "auto_open", 1):  # urllib3 1.x: a connection through a proxy's tunnel cannot open again
                conn = self._new_conn()
        return conn

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.idle_since = self._wire.clock.monotonic()
        super()._put_conn(conn)  # type: ignore[misc]
