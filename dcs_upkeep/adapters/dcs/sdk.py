"""The SDK's client, as we use it. Imported when the first call is made: the SDK's import is most of a cold start."""

from __future__ import annotations

import logging
from typing import Any

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.client import Client, ClientBuilder
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.sdk_response import SdkResponse

from dcs_upkeep.adapters.dcs import lean, transport
from dcs_upkeep.adapters.dcs.transport import Wire
from dcs_upkeep.domain.model import Credentials

__all__ = [
    "ChangeInstanceStatusBody",
    "ListConfigurationsRequest",
    "ListInstancesRequest",
    "RestartOrFlushInstancesRequest",
    "ShowInstanceRequest",
    "Wire",
    "connect",
    "region_endpoint",
]
_sdk = lean.load(
    (
        "dcs_client",
        "model.change_instance_status_body",
        "model.list_configurations_request",
        "model.list_instances_request",
        "model.restart_or_flush_instances_request",
        "model.show_instance_request",
    )
)
DcsClient: Any = _sdk["dcs_client"].DcsClient
ChangeInstanceStatusBody: Any = _sdk["model.change_instance_status_body"].ChangeInstanceStatusBody
ListConfigurationsRequest: Any = _sdk["model.list_configurations_request"].ListConfigurationsRequest
ListInstancesRequest: Any = _sdk["model.list_instances_request"].ListInstancesRequest
RestartOrFlushInstancesRequest: Any = _sdk["model.restart_or_flush_instances_request"].RestartOrFlushInstancesRequest
ShowInstanceRequest: Any = _sdk["model.show_instance_request"].ShowInstanceRequest


class Raw(SdkResponse):  # type: ignore[misc]  # the SDK has no types
    """An answer as it came: `status_code`, `raw_content` (bytes), and the gateway's `request_id`."""

    request_id: str | None = None


class RawDcsClient(DcsClient):  # type: ignore[misc]  # the SDK has no types
    """Leaves answers unread. The SDK's models make one field of an odd type an error for a whole page of instances."""

    def __init__(self) -> None:
        # Not DcsClient's own, which imports all models in order to read answers with them.
        Client.__init__(self)

    def deserialize(self, response: Any, _response_type: object, _progress_callback: object) -> Raw:
        """Called by the SDK with each answer below 400."""
        raw = Raw()
        raw.request_id = response.headers.get("X-Request-Id")
        return raw


class FittedConfig(HttpConfig):  # type: ignore[misc]  # the SDK has no types
    """The SDK reads `timeout` at each request, on the thread that makes it: this one answers with that thread's own."""

    def __init__(self, wire: Wire, connections: int, user_agent: str) -> None:
        # A user agent of our own: the SDK's tells every service about this machine.
        super().__init__(retry_times=0, pool_maxsize=connections, user_agent=user_agent)
        self._wire = wire

    @property
    def timeout(self) -> tuple[float, float]:
        """(connect, read) in seconds."""
        return self._wire.timeout


def region_endpoint(region: str) -> str | None:
    """The DCS endpoint of a region, or None where the SDK does not know it."""
    regions: Any = lean.load(("region.dcs_region",))["region.dcs_region"].DcsRegion

    try:
        return str(regions.value_of(region).endpoints[0])
    except KeyError:
        return None


def connect(
    credentials: Credentials, project_id: str, endpoint: str, wire: Wire, *, connections: int, user_agent: str, loopback: bool
) -> RawDcsClient:
    """A client with one endpoint: given several, the SDK sends a PUT again to the next one after a TLS error."""
    pair = BasicCredentials(credentials.ak, credentials.sk, project_id)
    if credentials.security_token:
        pair.with_security_token(credentials.security_token)
    builder = ClientBuilder(RawDcsClient).with_http_config(FittedConfig(wire, connections, user_agent))
    client: RawDcsClient = builder.with_credentials(pair).with_endpoint(endpoint).build()
    transport.prepare(client.get_http_client()._session, wire, connections=connections, loopback=loopback)
    # Every error comes back as an exception and is logged by us; the SDK's own line would go to stderr as plain text.
    logger = logging.getLogger(f"HuaweiCloud-SDK-{RawDcsClient.__name__}")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return client
