"""The signature of requests to OBS: not that of the API gateway, but HMAC-SHA1 over a few lines, as for older object stores.

Written from the API reference, "Authentication of Signature in a Header" (obs_04_0010), not from the code under test.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from .signature import MAX_SKEW, Keys, Refusal, SignedRequest

SCHEME = "OBS"
# Of the sub-resources that count, those that this emulator knows.
SUB_RESOURCES = ("append", "lifecycle", "location", "position", "versionId", "versioning")


def access_key(request: SignedRequest) -> str:
    """The key it says it was signed with, empty if it says none."""
    return _parts(request)[0]


def find_fault_before_signature(request: SignedRequest, *, known: bool, now: datetime) -> Refusal | None:
    """What is wrong before the signature is reckoned: scheme, key, date. The text is OBS's error code."""
    if request.scheme != SCHEME:
        return Refusal("unsigned", "AccessDenied")
    if not known:
        return Refusal("unknown_key", "InvalidAccessKeyId")
    try:
        signed_at = parsedate_to_datetime(request.headers.get("x-obs-date") or request.headers.get("date", ""))
    except ValueError:
        return Refusal("date", "AccessDenied")
    if abs(now - signed_at.replace(tzinfo=signed_at.tzinfo or UTC)) > MAX_SKEW:
        return Refusal("date", "RequestTimeTooSkewed")
    return None


def find_fault_in_token(request: SignedRequest, keys: Keys) -> Refusal | None:
    """Temporary keys need their token, and the right one."""
    if keys.security_token is not None and request.headers.get("x-obs-security-token") != keys.security_token:
        return Refusal("token", "InvalidAccessKeyId")
    return None


def is_signed_with(request: SignedRequest, sk: str) -> bool:
    """Whether this secret key made the signature over what came."""
    made = base64.b64encode(hmac.new(sk.encode(), _string_to_sign(request).encode(), hashlib.sha1).digest()).decode()
    return hmac.compare_digest(made, _parts(request)[1])


def _parts(request: SignedRequest) -> tuple[str, str]:
    key, _, signature = request.headers.get("authorization", "").partition(" ")[2].strip().partition(":")
    return key, signature


def _string_to_sign(request: SignedRequest) -> str:
    headers = request.headers
    own = sorted((name, " ".join(value.split())) for name, value in headers.items() if name.startswith("x-obs-"))
    lines = [
        request.method,
        headers.get("content-md5", ""),
        headers.get("content-type", ""),
        "" if "x-obs-date" in headers else headers.get("date", ""),
        *(f"{name}:{value}" for name, value in own),
    ]
    return "\n".join([*lines, request.path + _canonical_query(request.query)])


def _canonical_query(query: str) -> str:
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&") if pair)
    kept = [f"{name}={unquote(value)}" if value else name for name, value in pairs if name in SUB_RESOURCES]
    return "?" + "&".join(kept) if kept else ""
