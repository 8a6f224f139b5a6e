"""What every adapter on boto3 needs: a client whose calls end in time, however slowly an answer comes. Import it when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import boto3
from botocore.awsrequest import AWSHTTPConnection, AWSHTTPConnectionPool, AWSHTTPSConnection, AWSHTTPSConnectionPool
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from dcs_upkeep.adapters import timeouts
from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.adapters.connections import Pool, Watched
from dcs_upkeep.adapters.foreign_words import as_word
from dcs_upkeep.adapters.wire import Wire

# No answer, or none that could be read to its end. (Where a body is a stream, botocore lets the errors of its connection through.)
LOST = (BotoCoreError, HTTPError, OSError)
FAULTS = (ClientError, *LOST)


class NoTimeLeftError(BotoCoreError):  # type: ignore[misc]  # the SDK has no types
    """Raised in place of an attempt for which no time is left; botocore does not try again after it."""

    fmt = "no time is left in this invocation"


class _Connection(Watched, AWSHTTPConnection):  # type: ignore[misc]
    pass


class _TlsConnection(Watched, AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _Pool(Pool, AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls: type[Any] = _Connection


class _TlsPool(Pool, AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls: type[Any] = _TlsConnection


def build_client(
    service: str,
    region: str | None,
    left_s: Callable[[], float],
    usual_s: tuple[float, float],
    *,
    attempts: int,
    session: boto3.session.Session | None = None,
    **options: Any,
) -> Any:
    """A client whose every attempt has one deadline for connecting and one for its whole answer.

    `left_s`: seconds left for calls, asked before each attempt. `usual_s`: (connect, read) in seconds, the longest. (boto3's
    own timeout is its socket's, which begins anew with each byte.) `options`: others of boto3's client; those of its `Config` in `config`.
    """
    wire = Wire(SystemClock())
    config = Config(retries={"total_max_attempts": attempts, "mode": "standard"}).merge(options.pop("config", Config()))
    made = (session or boto3).client(service, region_name=region, config=config, **options)

    def begin(**_: object) -> None:
        if left_s() <= 0:
            raise NoTimeLeftError
        wire.begin(timeouts.fit(left_s(), *usual_s))

    http = made._endpoint.http_session
    http._pool_classes_by_scheme = {"http": partial(_Pool, wire=wire), "https": partial(_TlsPool, wire=wire)}
    http._manager.pool_classes_by_scheme = http._pool_classes_by_scheme
    made.meta.events.register_first("before-send.*.*", begin)
    return made


def code_of(err: Exception) -> str:
    """The service's own code of an error, else its kind: one word, never its text."""
    if isinstance(err, ClientError):
        return as_word((err.response.get("Error") or {}).get("Code")) or "ClientError"
    return type(err).__name__


def answer_of(err: Exception) -> tuple[int | None, str | None]:
    """HTTP status and request id of the answer; None if there was none."""
    told = (err.response.get("ResponseMetadata") or {}) if isinstance(err, ClientError) else {}
    status = told.get("HTTPStatusCode")
    return status if isinstance(status, int) else None, as_word(told.get("RequestId")) or None
