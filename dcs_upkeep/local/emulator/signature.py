"""Checks the SDK-HMAC-SHA256 signature of a request, as the API gateway does.

Written from the signing steps of the API Signing Guide: canonical request, string to sign, HMAC.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

SCHEME = "SDK-HMAC-SHA256"
DATE_FORMAT = "%Y%m%dT%H%M%SZ"
MAX_SKEW = timedelta(minutes=15)


@dataclass(frozen=True)
class Keys:
    """What a caller must hold. `security_token` None: no token is asked for. `valid_until`: clock value, None for ever."""

    ak: str
    sk: str
    security_token: str | None = None
    valid_until: float | None = None


@dataclass(frozen=True)
class Refusal:
    """Why a request is not let in: a word for the truth, and the text of the answer."""

    reason: str
    text: str


@dataclass(frozen=True)
class SignedRequest:
    """A request as it came over the wire; header names in lower case, `path` and `query` still encoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def scheme(self) -> str:
        return self.headers.get("authorization", "").partition(" ")[0]

    @property
    def access_key(self) -> str:
        """The key it says it was signed with, empty if it says none."""
        return self.authorization().get("Access", "")

    def authorization(self) -> dict[str, str]:
        """The parts of the authorization header: Access, SignedHeaders, Signature."""
        rest = self.headers.get("authorization", "").partition(" ")[2]
        return dict(part.strip().partition("=")[::2] for part in rest.split(","))

    def signed_names(self) -> list[str]:
        return self.authorization().get("SignedHeaders", "").split(";")


def access_key(request: SignedRequest) -> str:
    """The key it says it was signed with, empty if it says none."""
    return request.access_key


def find_fault_before_signature(request: SignedRequest, *, known: bool, now: datetime) -> Refusal | None:
    """What is wrong before the signature is reckoned: scheme, key, signed headers, date."""
    if request.scheme != SCHEME:
        return Refusal("unsigned", "authorization header missing or not " + SCHEME)
    if not known:
        return Refusal("unknown_key", "verify aksk signature fail: unknown access key")
    if not {"host", "x-sdk-date"} <= set(request.signed_names()):
        return Refusal("unsigned", "verify aksk signature fail: host and x-sdk-date must be signed")
    if problem := _find_stale_date(request.headers.get("x-sdk-date", ""), now):
        return Refusal("date", problem)
    return None


def find_fault_in_token(request: SignedRequest, keys: Keys) -> Refusal | None:
    """Temporary keys need their token, and the right one."""
    if keys.security_token is not None and request.headers.get("x-security-token") != keys.security_token:
        return Refusal("token", "x-security-token missing or wrong")
    return None


def is_signed_with(request: SignedRequest, sk: str) -> bool:
    """Whether this secret key made the signature over what came."""
    return hmac.compare_digest(_sign(request, request.signed_names(), sk), request.authorization().get("Signature", ""))


def _find_stale_date(text: str, now: datetime) -> str | None:
    try:
        signed_at = datetime.strptime(text, DATE_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return "x-sdk-date is not a date"
    return "signature expired" if abs(now - signed_at) > MAX_SKEW else None


def _sign(request: SignedRequest, names: list[str], sk: str) -> str:
    lines = (
        request.method.upper(),
        _canonical_path(request.path),
        _canonical_query(request.query),
        "".join(f"{name}:{request.headers.get(name, '').strip()}\n" for name in names),
        ";".join(names),
        _body_hash(request),
    )
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    to_sign = f"{SCHEME}\n{request.headers['x-sdk-date']}\n{digest}"
    return hmac.new(sk.encode(), to_sign.encode(), hashlib.sha256).hexdigest()


def _canonical_path(path: str) -> str:
    encoded = "/".join(quote(part, safe="~") for part in unquote(path).split("/"))
    return encoded if encoded.endswith("/") else encoded + "/"


def _canonical_query(query: str) -> str:
    pairs = sorted(tuple(unquote(side) for side in pair.partition("=")[::2]) for pair in query.split("&") if pair)
    return "&".join(f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in pairs)


def _body_hash(request: SignedRequest) -> str:
    if request.body and request.headers.get("x-sdk-content-sha256") == "UNSIGNED-PAYLOAD":
        return "UNSIGNED-PAYLOAD"
    return hashlib.sha256(request.body).hexdigest()
