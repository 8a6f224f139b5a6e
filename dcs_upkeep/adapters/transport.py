"""What happens to a request on the wire: how long it may take, on which connection it goes, and whether it left.

The SDK raises one class for "could not connect" and "connected, sent, and the answer was lost". The difference decides
whether a flush may be sent again, so it is not read from exception texts but seen where the bytes are written. Works on
urllib3 1.25 (which the FunctionGraph runtime bundles) to 2.x.
"""

from __future__ import annotations

import http.client
import io
from functools import partial
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.retry import Retry

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


class _Answer(http.client.HTTPResponse):
    """An answer that is read, head and body, within the time of its wire."""

    def __init__(self, sock: Any, *args: Any, wire: Wire, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp: Any = io.BufferedReader(_Timed(self.fp.detach(), sock, wire))


class _Watching(http.client.HTTPConnection):
    """Tells its wire when a request, as opposed to a proxy's CONNECT or a handshake, begins to leave."""

    wire: Wire
    _connecting = False

    def connect(self) -> None:
        self._connecting = True
        try:
            super().connect()
        finally:
            self._connecting = False

    def send(self, data: Any) -> None:
        if not self._connecting:
            if self.sock is None and self.auto_open:
                self.connect()
            self.wire.writing()
        super().send(data)


class _Connection(_Watching, HTTPConnection):
    pass


class _TlsConnection(_Watching, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    """Gives out no connection that was idle for longer than `MAX_IDLE_S`: it is closed, and opens anew when used."""

    ConnectionCls: type[Any] = _Connection

    def __init__(self, *args: Any, wire: Wire, **options: Any) -> None:
        self._wire = wire
        super().__init__(*args, **options)

    def _new_conn(self) -> Any:
        conn: Any = super()._new_conn()
        conn.wire = self._wire
        conn.response_class = partial(_Answer, wire=self._wire)
        return conn

    def _get_conn(self, timeout: float | None = None) -> Any:
        self._wire.taken()
        conn: Any = super()._get_conn(timeout=timeout)
        idle_since = getattr(conn, "idle_since", None)
        if idle_since is not None and self._wire.clock.monotonic() - idle_since > MAX_IDLE_S:
            conn.close()
            if not getattr(conn, "auto_open", 1):  # urllib3 1.x: a connection through a proxy's tunnel cannot open again
                conn = self._new_conn()
        return conn

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.idle_since = self._wire.clock.monotonic()
        super()._put_conn(conn)


class _TlsPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """The SDK's adapter with our pools. No retry of any kind, and a 429 keeps its code and request id.

    (The SDK's own lists 429 for retrying, which with no retries left turns the answer into an error without its body.)
    """

    def __init__(self, wire: Wire, connections: int) -> None:
        self._wire = wire
        self._pools: dict[str, Any] = {"http": partial(_Pool, wire=wire), "https": partial(_TlsPool, wire=wire)}
        super().__init__(pool_connections=2, pool_maxsize=connections, max_retries=Retry(total=0))

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def build_response(self, req: Any, resp: Any) -> Any:
        response = super().build_response(req, resp)
        self._wire.retry_after = response.headers.get("Retry-After")
        return response

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager: Any = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager


def prepare(session: requests.Session, wire: Wire, *, connections: int, loopback: bool) -> None:
    """Give the SDK's session our connections."""
    adapter = _Adapter(wire, connections)
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    # An entry for the host in ~/.netrc would replace the SDK's signature; a hook that changes nothing keeps requests from looking.
    session.auth = _keep_signature
    if loopback:
        session.trust_env = False  # what runs on this machine is never behind a proxy


def _keep_signature(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
