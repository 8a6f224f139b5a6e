"""FunctionGraph, Lambda and local: time left, settings, credentials and names. What a platform may leave out is guarded.

Credentials, the first source that is complete: the FunctionGraph agency, the secret of UPKEEP_CREDENTIALS_SECRET,
HUAWEICLOUD_SDK_AK and its companions, CLOUD_SDK_AK and CLOUD_SDK_SK. Fetched for each invocation, never kept.
"""

from __future__ import annotations

import json
import math
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from dcs_upkeep.errors import CloudError, Problem, SettingsError
from dcs_upkeep.model import Credentials
from dcs_upkeep.ports import Host

# What the code asks of AWS here, for the shipped policies.
PERMISSIONS = {"get_secret_value": "secretsmanager:GetSecretValue"}

_SECRET_S = 5.0
_PAIRS = (("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"), ("CLOUD_SDK_AK", "CLOUD_SDK_SK"))
_CONTENT_FIX = (
    'Store JSON text such as {"HUAWEICLOUD_SDK_AK": "...", "HUAWEICLOUD_SDK_SK": "...", "HUAWEICLOUD_SDK_PROJECT_ID": "..."} in it.'
)


def detect(context: object, environ: Mapping[str, str]) -> Host:
    """The host that this context belongs to. Asked by what the context can do, not by the environment, which tests share."""
    if callable(getattr(context, "getUserData", None)):
        return FunctionGraphHost(context)
    if callable(getattr(context, "get_remaining_time_in_millis", None)):
        return LambdaHost(context, environ)
    return LocalHost(environ)


class FunctionGraphHost:
    """Huawei Cloud FunctionGraph. Source: developer guide, "Python", context methods."""

    kind = "functiongraph"

    def __init__(self, context: object) -> None:
        self._context = context
        self._began = time.monotonic()

    @property
    def function(self) -> str:
        """The function's name."""
        return _text(self._ask("getFunctionName")) or "function"

    @property
    def request_id(self) -> str:
        """This invocation's id; whether a retry keeps it is documented nowhere."""
        return _text(self._ask("getRequestID")) or uuid.uuid4().hex

    def remaining_s(self) -> float:
        """Seconds until the kill. An older runtime that cannot say is taken by its configured timeout, else by the shortest one, 3 s."""
        left_ms = self._ask("getRemainingTimeInMilliSeconds")
        if isinstance(left_ms, int | float) and not isinstance(left_ms, bool):
            return float(left_ms) / 1000
        limit_s = self._ask("getRunningTimeInSeconds")
        known = isinstance(limit_s, int | float) and not isinstance(limit_s, bool)
        return (float(limit_s) if known else 3.0) - (time.monotonic() - self._began)

    def setting(self, name: str) -> str | None:
        """Event functions read with getUserData, not from the environment (FunctionGraph user guide)."""
        return _text(self._ask("getUserData", name)) or None

    def credentials(self) -> Credentials:
        """The agency's key pair, else the settings'. getAccessKey and getSecretKey are no longer maintained, so not asked."""
        project_id = _text(self._ask("getProjectID")) or None
        ak, sk, token = (_text(self._ask(name)) for name in ("getSecurityAccessKey", "getSecuritySecretKey", "getSecurityToken"))
        if ak and sk and token:
            return Credentials(ak, sk, token, project_id, "the agency of the function")
        found = from_lookup(self.setting)
        if found is None:
            raise _no_credentials("Give the function an agency with DCS permissions; a change of it takes about 10 minutes to arrive.")
        return found

    def urn(self, region: str, project_id: str) -> str:
        """This function's URN, for calling itself."""
        package, version = _text(self._ask("getPackage")) or "default", _text(self._ask("getVersion")) or "latest"
        return f"urn:fss:{region}:{project_id}:function:{package}:{self.function}:{version}"

    def _ask(self, method: str, *args: str) -> Any:
        found = getattr(self._context, method, None)
        return found(*args) if callable(found) else None


class LambdaHost:
    """AWS Lambda. Settings come from the environment; the Huawei key pair from Secrets Manager, or the environment."""

    kind = "lambda"

    def __init__(self, context: object, environ: Mapping[str, str]) -> None:
        self._context = context
        self._environ = environ

    @property
    def function(self) -> str:
        """The function's name."""
        return _text(getattr(self._context, "function_name", None)) or "function"

    @property
    def request_id(self) -> str:
        """This invocation's id; the same for the retries of an asynchronous event."""
        return _text(getattr(self._context, "aws_request_id", None)) or uuid.uuid4().hex

    @property
    def arn(self) -> str:
        """What was invoked, with its alias or version if the caller named one."""
        return _text(getattr(self._context, "invoked_function_arn", None)) or self.function

    def remaining_s(self) -> float:
        """Seconds until the kill."""
        left: Callable[[], int] = self._context.get_remaining_time_in_millis  # type: ignore[attr-defined]  # `detect` saw it
        return left() / 1000

    def setting(self, name: str) -> str | None:
        """From the environment."""
        return self._environ.get(name)

    def credentials(self) -> Credentials:
        """The secret's key pair, else the environment's."""
        secret = self.setting("UPKEEP_CREDENTIALS_SECRET")
        found = from_secret(secret, min(_SECRET_S, self.remaining_s())) if secret else from_lookup(self.setting)
        if found is None:
            raise _no_credentials("Set UPKEEP_CREDENTIALS_SECRET to the ARN of a secret that holds them.")
        return found


class LocalHost:
    """A laptop: settings and key pair from a mapping, usually the environment, and no end of time."""

    kind = "local"
    function = "dcs-upkeep"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.request_id = uuid.uuid4().hex

    def remaining_s(self) -> float:
        """No platform kills it."""
        return math.inf

    def setting(self, name: str) -> str | None:
        """From the environment."""
        return self._environ.get(name)

    def credentials(self) -> Credentials:
        """The key pair of the variables that Huawei's SDK and samples use."""
        secret = self.setting("UPKEEP_CREDENTIALS_SECRET")
        found = from_secret(secret, _SECRET_S) if secret else from_lookup(self.setting)
        if found is None:
            raise _no_credentials("Set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK.")
        return found


def from_lookup(lookup: Callable[[str], str | None]) -> Credentials | None:
    """The first complete pair among the variables; the token and the project belong to the SDK's own names."""
    for ak_name, sk_name in _PAIRS:
        ak, sk = lookup(ak_name), lookup(sk_name)
        if ak and sk:
            own = ak_name.startswith("HUAWEICLOUD")
            token = lookup("HUAWEICLOUD_SDK_SECURITY_TOKEN") if own else None
            return Credentials(ak, sk, token or None, lookup("HUAWEICLOUD_SDK_PROJECT_ID") or None, f"{ak_name} and {sk_name}")
    return None


def from_secret(arn: str, timeout_s: float) -> Credentials:
    """The pair in an AWS secret: JSON text under the names of the variables. Raises: SettingsError or CloudError, never its content."""
    import boto3  # on Lambda only, and only where a secret is set
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    parts = arn.split(":")
    region = parts[3] if len(parts) > 3 else None
    config = Config(connect_timeout=timeout_s, read_timeout=timeout_s, retries={"total_max_attempts": 2})
    fix = f"Grant {PERMISSIONS['get_secret_value']} on it and check UPKEEP_CREDENTIALS_SECRET."
    try:
        text = boto3.client("secretsmanager", region_name=region, config=config).get_secret_value(SecretId=arn)["SecretString"]
    except (BotoCoreError, ClientError) as err:
        code = err.response["Error"]["Code"] if isinstance(err, ClientError) else type(err).__name__
        raise CloudError("get_secret_value", f"the secret could not be read ({code})", fix, code=code) from None
    try:
        values = json.loads(text)
        found = from_lookup(lambda name: values.get(name) if isinstance(values.get(name), str) else None)
    except (ValueError, AttributeError, RecursionError):
        found = None
    if found is None:
        raise SettingsError([Problem("UPKEEP_CREDENTIALS_SECRET", "the secret holds no complete key pair", _CONTENT_FIX)])
    return Credentials(found.ak, found.sk, found.security_token, found.project_id, "the secret of UPKEEP_CREDENTIALS_SECRET")


def _no_credentials(fix: str) -> SettingsError:
    return SettingsError([Problem("credentials", "no complete key pair for Huawei Cloud was found", fix)])


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
