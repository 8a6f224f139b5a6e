"""What every adapter on a Huawei Cloud SDK needs: a client, and one translation of the SDK's errors.

Import it when the first call is made, not before: the SDK's own import is most of a cold start.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.client import ClientBuilder
from huaweicloudsdkcore.exceptions.exceptions import SdkException, ServiceResponseException
from huaweicloudsdkcore.http.http_config import HttpConfig

from dcs_upkeep import __version__
from dcs_upkeep.adapters import transport
from dcs_upkeep.adapters.foreign_words import as_word
from dcs_upkeep.adapters.wire import Wire
from dcs_upkeep.domain.addresses import is_loopback
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Credentials

USER_AGENT = f"dcs-upkeep/{__version__}"  # one of our own: the SDK's tells every service about this machine
CONNECTIONS = 10


class FittedConfig(HttpConfig):  # type: ignore[misc]  # the SDK has no types
    """The SDK reads `timeout` at each request, on the thread that makes it: this configuration takes it from the wire each time."""

    def __init__(self, wire: Wire, connections: int) -> None:
        super().__init__(retry_times=0, pool_maxsize=connections, user_agent=USER_AGENT)
        self._wire = wire

    @property
    def timeout(self) -> tuple[float, float]:
        """(connect, read) in seconds."""
        return self._wire.timeout


def build_client(kind: Any, key_pair: Credentials, project_id: str, endpoint: str, wire: Wire, *, connections: int = CONNECTIONS) -> Any:
    """A client of this class, which never retries by itself; its requests go over this wire, as its thread's `begin` has said.

    It has one endpoint: when given several, the SDK sends a request again to the next one after a TLS error.
    """
    basic = BasicCredentials(key_pair.ak, key_pair.sk, project_id)
    if key_pair.security_token:
        basic.with_security_token(key_pair.security_token)
    # Every error comes back as an exception and is logged by us; the SDK's own line would go to stderr as plain text.
    logger = logging.getLogger(f"HuaweiCloud-SDK-{kind.__name__}")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    client = ClientBuilder(kind).with_http_config(FittedConfig(wire, connections)).with_credentials(basic).with_endpoint(endpoint).build()
    session = client.get_http_client()._session
    transport.prepare(session, wire, connections=connections, loopback=is_loopback(endpoint))
    return client


@contextmanager
def translated(operation: str, *, refused: str, unreachable: str, failure: str = "") -> Iterator[None]:
    """Raise what the SDK raises as a CloudError, without the SDK's own text, which may hold anything.

    `refused`: what to do after the cloud's refusal. `unreachable`: the setting to check when there is no answer. `failure`: words that
    come before what happened.
    """
    try:
        yield
    except ServiceResponseException as err:
        code, request_id = as_word(err.error_code), as_word(err.request_id) or None
        what = f"{failure}answered {err.status_code} {code}"
        raise CloudError(operation, what, refused, status=err.status_code, code=code, request_id=request_id) from None
    except (SdkException, OSError) as err:  # requests' own errors are OSErrors, and some escape the SDK untranslated
        what = f"{failure}no answer came ({type(err).__name__})"
        raise CloudError(operation, what, f"Check {unreachable} and the network path to it.") from None
    except (ValueError, TypeError, AttributeError) as err:  # the SDK's models raise these at odd answers
        what = f"{failure}no usable answer came ({type(err).__name__})"
        raise CloudError(operation, what, f"Check {unreachable} and the network path to it.") from None
