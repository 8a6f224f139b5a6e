"""The SDK's client and models, as we use them. Imported when the first call is made: the SDK's import is most of a cold start."""

from __future__ import annotations

import importlib
import re
import sys
import threading
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from huaweicloudsdkcore.client import Client
from huaweicloudsdkcore.sdk_response import SdkResponse

from dcs_upkeep.adapters import huawei_sdk
from dcs_upkeep.adapters.dcs import transport
from dcs_upkeep.adapters.dcs.transport import Wire
from dcs_upkeep.domain.addresses import is_loopback
from dcs_upkeep.domain.model import Credentials

PACKAGE = "huaweicloudsdkdcs.v2"
MODELS = f"{PACKAGE}.model"
_LOADING = threading.Lock()


@cache
def _load(name: str) -> Any:
    """A module of `huaweicloudsdkdcs.v2`, by its name in it, without the package's own imports.

    The package imports all of its 400 models, a third of a cold start, of which we use a few. So it is stood in for while
    ours is imported, and taken out again: whoever imports it later gets all of it, with this module in it.
    """
    with _LOADING:
        if PACKAGE in sys.modules:
            return importlib.import_module(f"{PACKAGE}.{name}")
        root = Path(importlib.import_module("huaweicloudsdkdcs").__path__[0])
        for package, folder in ((PACKAGE, root / "v2"), (MODELS, root / "v2" / "model")):
            stand_in = ModuleType(package)
            stand_in.__path__ = [str(folder)]
            sys.modules[package] = stand_in
        try:
            return importlib.import_module(f"{PACKAGE}.{name}")
        finally:
            del sys.modules[PACKAGE], sys.modules[MODELS]


def make(model: str, **fields: object) -> Any:
    """An object of the SDK's model of this name, such as `ShowInstanceRequest`."""
    module = re.sub(r"(?<!^)(?=[A-Z])", "_", model).lower()
    return getattr(_load(f"model.{module}"), model)(**fields)


DcsClient: Any = _load("dcs_client").DcsClient


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


def region_endpoint(region: str) -> str | None:
    """The DCS endpoint of a region; None if the SDK does not know the region."""
    try:
        return str(_load("region.dcs_region").DcsRegion.value_of(region).endpoints[0])
    except KeyError:
        return None


def connect(key_pair: Credentials, project_id: str, endpoint: str, wire: Wire, *, connections: int) -> RawDcsClient:
    """A client whose requests go over this wire, each with the timeout that the wire has on its thread."""
    client: RawDcsClient = huawei_sdk.build_client(
        RawDcsClient, key_pair, project_id, endpoint, lambda: wire.timeout, connections=connections
    )
    session = client.get_http_client()._session
    transport.prepare(session, wire, connections=connections, loopback=is_loopback(endpoint))
    return client
