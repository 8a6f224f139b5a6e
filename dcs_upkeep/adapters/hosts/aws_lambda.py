"""AWS Lambda: time left, settings, credentials, names, calling itself."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping

from dcs_upkeep.adapters.credentials import from_lookup, from_secret, no_credentials, text_of, whole_number
from dcs_upkeep.adapters.hosts.time_left import TimeLeft
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Credentials

# What the code asks of Lambda here, for the shipped policies.
PERMISSIONS = {"invoke": "lambda:InvokeFunction"}
CONNECT_S, READ_S = 2.0, 3.0


class LambdaHost:
    """AWS Lambda. Settings come from the environment; the Huawei key pair from Secrets Manager, or the environment."""

    kind = "lambda"
    keeps_files = False

    def __init__(self, context: object, environ: Mapping[str, str]) -> None:
        self._context = context
        self._environ = environ
        self.time = TimeLeft(self._left_ms, lambda: None, self.setting)

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
        """Seconds until the kill, as far as the context can be trusted; where it tells nothing, those of the shortest timeout."""
        return self.time.remaining_s()

    def _left_ms(self) -> object:
        return self._context.get_remaining_time_in_millis()  # type: ignore[attr-defined]  # `TimeLeft` takes its absence for no answer

    @property
    def memory_mb(self) -> int | None:
        """What the function was given; None if its context does not say."""
        return whole_number(getattr(self._context, "memory_limit_in_mb", None))

    def setting(self, name: str) -> str | None:
        """From the environment."""
        return self._environ.get(name)

    def names(self) -> Collection[str]:
        """The names of all that is set."""
        return self._environ.keys()

    def credentials(self) -> Credentials:
        """The secret's key pair, else the environment's."""
        secret = self.setting("UPKEEP_CREDENTIALS_SECRET")
        found = from_secret(secret, self.remaining_s) if secret else from_lookup(self.setting)
        if found is None:
            raise no_credentials("Set UPKEEP_CREDENTIALS_SECRET to the ARN of a secret that holds them.")
        return found

    def call_self(self, event: Mapping[str, object]) -> None:
        """See ports.Host. Not repeated: the sweep finds a lost call."""
        self._invoke("Event", 202, event, "the function could not be called again")

    def try_calling_self(self) -> None:
        """Ask whether it may be called, which calls nobody. Raises: CloudError. Source: Lambda API, Invoke with `DryRun`."""
        self._invoke("DryRun", 204, {}, "the function may not call itself")

    def _invoke(self, kind: str, expected: int, event: Mapping[str, object], failure: str) -> None:
        """Source: Lambda API, Invoke; `InvocationType=Event` is answered 202, `DryRun` 204."""
        from dcs_upkeep.adapters import aws_sdk

        parts = self.arn.split(":")
        fix = f"Grant {PERMISSIONS['invoke']} on the function to its own role."
        try:
            region = parts[3] if len(parts) > 3 else None
            client = aws_sdk.build_client("lambda", region, self.remaining_s, (CONNECT_S, READ_S), attempts=1)
            answer = client.invoke(FunctionName=self.arn, InvocationType=kind, Payload=json.dumps(event).encode())
        except aws_sdk.FAULTS as err:
            code = aws_sdk.code_of(err)
            raise CloudError("invoke", f"{failure} ({code})", fix, code=code) from None
        if answer["StatusCode"] != expected:
            raise CloudError("invoke", f"{failure}: answered {answer['StatusCode']}", fix)

    def next_event(self) -> None:
        """See ports.Host: Lambda keeps its own queue."""
