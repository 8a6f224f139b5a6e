"""Huawei Cloud FunctionGraph: time left, settings, credentials, names, calling itself."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from dcs_upkeep.adapters import endpoints
from dcs_upkeep.adapters.account import Account, Key, own_account
from dcs_upkeep.adapters.credentials import from_lookup, no_credentials, text_of, whole_number
from dcs_upkeep.adapters.hosts.time_left import TimeLeft
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.model import Credentials, Location
from dcs_upkeep.domain.settings import read_settings

# What the code asks of FunctionGraph here, for the shipped policies.
PERMISSIONS = {"async_invoke_function": "functiongraph:function:invokeAsync"}
AGENCY = "the agency of the function"
CONNECT_S, READ_S = 2.0, 3.0


class FunctionGraphHost:
    """Huawei Cloud FunctionGraph. Source: developer guide, "Python", context methods."""

    kind = "functiongraph"
    keeps_files = False

    def __init__(self, context: object) -> None:
        self._context = context
        self.account: Account | None = None  # whose calls those to itself are, too; `share` sets it
        self.time = TimeLeft(
            lambda: self._ask("getRemainingTimeInMilliSeconds"), lambda: self._ask("getRunningTimeInSeconds"), self.setting
        )

    @property
    def function(self) -> str:
        """The function's name."""
        return text_of(self._ask("getFunctionName")) or "function"

    @property
    def request_id(self) -> str:
        """This invocation's id; whether a retry keeps it is documented nowhere."""
        return text_of(self._ask("getRequestID")) or uuid.uuid4().hex

    def remaining_s(self) -> float:
        """Seconds until the kill, as far as the context can be trusted; where it tells nothing, those of the shortest timeout."""
        return self.time.remaining_s()

    @property
    def memory_mb(self) -> int | None:
        """What the function was given; None if its context does not say."""
        return whole_number(self._ask("getMemorySize"))

    def setting(self, name: str) -> str | None:
        """Event functions read with getUserData, not from the environment (FunctionGraph user guide)."""
        return text_of(self._ask("getUserData", name)) or None

    def credentials(self) -> Credentials:
        """The agency's key pair, else the settings'. getAccessKey and getSecretKey are no longer maintained, so not asked."""
        project_id = text_of(self._ask("getProjectID")) or None
        ak, sk, token = (text_of(self._ask(name)) for name in ("getSecurityAccessKey", "getSecuritySecretKey", "getSecurityToken"))
        if ak and sk and token:
            return Credentials(ak, sk, token, project_id, AGENCY)
        found = from_lookup(self.setting)
        if found is None:
            raise no_credentials("Give the function an agency with DCS permissions; a change of it takes about 10 minutes to arrive.")
        return found

    def urn(self, location: Location) -> str:
        """This function's URN, for calling itself."""
        package, version = text_of(self._ask("getPackage")) or "default", text_of(self._ask("getVersion")) or "latest"
        return f"urn:fss:{location.region}:{location.project_id}:function:{package}:{self.function}:{version}"

    def call_self(self, event: Mapping[str, object]) -> None:
        """See ports.Host. Source: AsyncInvokeFunction, POST /v2/{project_id}/fgs/functions/{urn}/invocations-async.

        Not repeated: two invocations of one run do no harm, but the sweep finds a lost call anyway.
        """
        from huaweicloudsdkfunctiongraph.v2 import AsyncInvokeFunctionRequest, FunctionGraphClient

        from dcs_upkeep.adapters import huawei_sdk

        # The context knows no region, so the settings say where the function is.
        settings, account = read_settings(self.setting), self.account or own_account(self.credentials)

        def invoke(key: Key) -> None:
            location = Location(settings.region, settings.project_id or key.pair.project_id or "")
            endpoint = settings.functiongraph_endpoint or endpoints.of_service("functiongraph", location.region)
            client = huawei_sdk.build_client(FunctionGraphClient, key.pair, location.project_id, endpoint, account.wire)
            client.async_invoke_function(AsyncInvokeFunctionRequest(function_urn=self.urn(location), body=dict(event)))

        with huawei_sdk.translated(
            "async_invoke_function",
            failure="the function could not be called again: ",
            refused=f"Grant {PERMISSIONS['async_invoke_function']} to the agency.",
            unreachable="UPKEEP_FUNCTIONGRAPH_ENDPOINT",
        ):
            account.call("async_invoke_function", Deadline(self.remaining_s), (CONNECT_S, READ_S), invoke)

    def next_event(self) -> None:
        """See ports.Host: FunctionGraph keeps its own queue."""

    def _ask(self, method: str, *args: str) -> Any:
        found = getattr(self._context, method, None)
        return found(*args) if callable(found) else None
