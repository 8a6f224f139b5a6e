"""What happens to a request on the wire: how long it may take, on which connection it goes, and whether it left.

The SDK raises one class for "could not connect" and "connected, sent, and the answer was lost". The difference decides
whether a flush may be sent again, so it is not read from exception texts but seen where the bytes are written.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.retry import Retry

from dcs_upkeep.adapters.connections import Pool, Watched
from dcs_upkeep.adapters.wire import Wire


class _Connection(Watched, HTTPConnection):
    pass


class _TlsConnection(Watched, HTTPSConnection):
    pass


class _Pool(Pool, HTTPConnectionPool):
    ConnectionCls: type[Any] = _Connection


class _TlsPool(Pool, HTTPSConnectionPool):
    ConnectionCls: type[Any] = _TlsConnection


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
