"""AWS Lambda: time left, settings, credentials, names."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from dcs_upkeep.adapters.credentials import SECRET_S, from_lookup, from_secret, no_credentials, text_of
from dcs_upkeep.domain.model import Credentials


class LambdaHost:
    """AWS Lambda. Settings come from the environment; the Huawei key pair from Secrets Manager, or the environment."""

    kind = "lambda"

    def __init__(self, context: object, environ: Mapping[str, str]) -> None:
        self._context = context
        self._environ = environ

    @property
    def function(self) -> str:
        """The function's name."""
        return text_of(getattr(self._context, "function_name", None)) or "function"

    @property
    def request_id(self) -> str:
        """This invocation's id; the same for the retries of an asynchronous event."""
        return text_of(getattr(self._context, "aws_request_id", None)) or uuid.uuid4().hex

    @property
    def arn(self) -> str:
        """What was invoked, with its alias or version if the caller named one."""
        return text_of(getattr(self._context, "invoked_function_arn", None)) or self.function

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
        found = from_secret(secret, min(SECRET_S, self.remaining_s())) if secret else from_lookup(self.setting)
        if found is None:
            raise no_credentials("Set UPKEEP_CREDENTIALS_SECRET to the ARN of a secret that holds them.")
        return found
