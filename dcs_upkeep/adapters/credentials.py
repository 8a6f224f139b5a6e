"""Key pairs: from variables, or from an AWS secret. Fetched for each invocation, never kept."""

from __future__ import annotations

import json
from collections.abc import Callable

from dcs_upkeep.adapters import timeouts
from dcs_upkeep.domain.errors import CloudError, Problem, SettingsError
from dcs_upkeep.domain.model import Credentials

# What the code asks of AWS here, for the shipped policies.
PERMISSIONS = {"get_secret_value": "secretsmanager:GetSecretValue"}
CONNECT_S, READ_S = 5.0, 5.0
ATTEMPTS = 2
_PAIRS = (("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"), ("CLOUD_SDK_AK", "CLOUD_SDK_SK"))
_CONTENT_FIX = (
    'Store JSON text such as {"HUAWEICLOUD_SDK_AK": "...", "HUAWEICLOUD_SDK_SK": "...", "HUAWEICLOUD_SDK_PROJECT_ID": "..."} in it.'
)


def from_lookup(lookup: Callable[[str], str | None]) -> Credentials | None:
    """The first complete pair among the variables; the token and the project belong to the SDK's own names."""
    for ak_name, sk_name in _PAIRS:
        ak, sk = lookup(ak_name), lookup(sk_name)
        if ak and sk:
            own = ak_name.startswith("HUAWEICLOUD")
            token = lookup("HUAWEICLOUD_SDK_SECURITY_TOKEN") if own else None
            return Credentials(ak, sk, token or None, lookup("HUAWEICLOUD_SDK_PROJECT_ID") or None, f"{ak_name} and {sk_name}")
    return None


def from_secret(arn: str, left_s: float) -> Credentials:
    """The pair in an AWS secret: JSON text under the names of the variables. Raises: SettingsError or CloudError, never its content.

    `left_s`: seconds left in this invocation.
    """
    import boto3  # only if a secret is set
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    parts = arn.split(":")
    region = parts[3] if len(parts) > 3 else None
    connect_s, read_s = timeouts.fit(left_s, CONNECT_S, READ_S, ATTEMPTS)
    config = Config(connect_timeout=connect_s, read_timeout=read_s, retries={"total_max_attempts": ATTEMPTS})
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


def no_credentials(fix: str) -> SettingsError:
    """No source is complete."""
    return SettingsError([Problem("credentials", "no complete key pair for Huawei Cloud was found", fix)])


def text_of(value: object) -> str:
    """A text or a whole number as text; empty for all else."""
    return value if isinstance(value, str) else str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def whole_number(value: object) -> int | None:
    """A whole number, or the text of one; None for all else."""
    text = text_of(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
