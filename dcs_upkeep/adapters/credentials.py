"""Key pairs: from variables, or from an AWS secret. Fetched for each invocation and again while it lasts, never kept beyond it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from dcs_upkeep.domain.errors import CloudError, Problem, SettingsError
from dcs_upkeep.domain.model import Credentials
from dcs_upkeep.domain.timestamps import read_moment

# What the code asks of AWS here, for the shipped policies.
PERMISSIONS = {"get_secret_value": "secretsmanager:GetSecretValue"}
CONNECT_S, READ_S = 5.0, 5.0
ATTEMPTS = 2
SECRET_KEEP_S = 600.0  # each fetch is a paid call; what costs nothing is asked for every minute (`Credentials.keep_s`)
EXPIRY = "HUAWEICLOUD_SDK_EXPIRES_AT"
_PAIRS = (("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"), ("CLOUD_SDK_AK", "CLOUD_SDK_SK"))
_CONTENT_FIX = (
    'Store JSON text such as {"HUAWEICLOUD_SDK_AK": "...", "HUAWEICLOUD_SDK_SK": "...", "HUAWEICLOUD_SDK_PROJECT_ID": "..."} in it.'
)


def from_lookup(lookup: Callable[[str], str | None]) -> Credentials | None:
    """The first complete pair among the variables; token, project and end belong to the SDK's own names. Raises: SettingsError."""
    for ak_name, sk_name in _PAIRS:
        ak, sk = lookup(ak_name), lookup(sk_name)
        if ak and sk:
            own = ak_name.startswith("HUAWEICLOUD")
            token = lookup("HUAWEICLOUD_SDK_SECURITY_TOKEN") if own else None
            project_id, source = lookup("HUAWEICLOUD_SDK_PROJECT_ID") or None, f"{ak_name} and {sk_name}"
            return Credentials(ak, sk, token or None, project_id, source, ends_at=_end(lookup(EXPIRY)) if own else None)
    return None


def from_secret(arn: str, left_s: Callable[[], float]) -> Credentials:
    """The pair in an AWS secret: JSON text under the names of the variables. Raises: SettingsError or CloudError, never its content.

    `left_s`: seconds left in this invocation.
    """
    from dcs_upkeep.adapters import aws_sdk  # only if a secret is set

    parts = arn.split(":")
    region = parts[3] if len(parts) > 3 else None
    fix = f"Grant {PERMISSIONS['get_secret_value']} on it and check UPKEEP_CREDENTIALS_SECRET."
    try:
        client = aws_sdk.build_client("secretsmanager", region, left_s, (CONNECT_S, READ_S), attempts=ATTEMPTS)
        text = client.get_secret_value(SecretId=arn).get("SecretString")
    except aws_sdk.FAULTS as err:
        code = aws_sdk.code_of(err)
        raise CloudError("get_secret_value", f"the secret could not be read ({code})", fix, code=code) from None
    try:
        values = json.loads(text)
        found = from_lookup(lambda name: values.get(name) if isinstance(values.get(name), str) else None)
    except (ValueError, TypeError, AttributeError, RecursionError):
        found = None
    if found is None:
        raise SettingsError([Problem("UPKEEP_CREDENTIALS_SECRET", "the secret holds no complete key pair", _CONTENT_FIX)])
    return replace(found, source="the secret of UPKEEP_CREDENTIALS_SECRET", keep_s=SECRET_KEEP_S)


def _end(text: str | None) -> datetime | None:
    """When a pair ends, as whoever lent it says. Not shown if it cannot be read: the variables beside it hold a key."""
    if not text:
        return None
    try:
        return read_moment(text)
    except ValueError:
        fix = "Write when the key pair ends, such as 2026-12-24T18:00:00Z, or leave it out."
        raise SettingsError([Problem(EXPIRY, "this is not a valid time", fix)]) from None


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
