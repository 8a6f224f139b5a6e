"""A bucket of OBS over HTTP: each request signed, in its time, tried again where that is safe, and its refusals by OBS's own codes.

The official SDK signs this too (huaweicloudsdkobs 3.1.219), but has no append, takes a bucket from the first word of the host, and
costs 1.5 MB in the package and 140 ms at the first import, for an HMAC over five lines. So the lines are here; a test holds them
against what that signer makes. esdk-obs-python, which appends, needs compiled packages and sends an append again by itself.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import re
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import format_datetime
from functools import partial
from ipaddress import ip_address
from urllib.parse import urlsplit

import requests
import urllib3

from dcs_upkeep import __version__
from dcs_upkeep.adapters import timeouts, transport
from dcs_upkeep.adapters.account import Key, Keys
from dcs_upkeep.adapters.wire import Wire
from dcs_upkeep.domain.addresses import is_loopback
from dcs_upkeep.domain.model import Credentials
from dcs_upkeep.domain.ports import Clock

CONNECT_S, READ_S = 3.0, 5.0
ATTEMPTS = 4
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 4.0
CONNECTIONS = 32  # claims are read 16 at a time
USER_AGENT = f"dcs-upkeep/{__version__}"
# What OBS answers, with 403, to a key pair that it does not know, or not any more. Five wrong signatures lock it.
KEY_REFUSED = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidSecurityToken", "InvalidToken"})
# With 409 and 400, and the advice to try again.
MAY_PASS = frozenset({"OperationAborted", "RequestTimeout"})
# A page of a proxy or of another service has a body, so that it is not among these.
NO_OBJECT = frozenset({"NoSuchKey", "HTTP 404 without a body"})
NO_ANSWER = (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError)  # requests' own errors are OSErrors


class ObsError(Exception):
    """OBS refused, or said nothing. `error_code`: its own word, or what kept an answer from coming.

    `status_code`: as the account's keys read it, 401 if it is the key pair that was refused; None without an answer.
    `may_be_done`: a request of this call may have been carried out, whatever came of the last one.
    """

    def __init__(self, operation: str, status: int | None, code: str, request_id: str | None = None) -> None:
        super().__init__(f"{operation}: {status} {code}")
        self.status_code = 401 if status == 401 or code in KEY_REFUSED else status
        self.error_code = code
        self.request_id = request_id
        self.may_be_done = False

    @property
    def may_pass(self) -> bool:
        """Whether the same request may be answered otherwise a moment later."""
        return self.error_code in MAY_PASS or self.status_code is None or self.status_code >= 500 or self.status_code == 429


@dataclass(frozen=True, slots=True)
class Place:
    """Where a bucket is: `address` is what its keys stand behind, `resource` what a signature calls that."""

    bucket: str
    address: str

    @property
    def resource(self) -> str:
        """As OBS reads it: the bucket's name, whichever way it is called by."""
        return f"/{self.bucket}/"


def place_of(bucket: str, endpoint: str) -> Place:
    """By the bucket's own host, as OBS wants it; where a host has no name, the bucket is the first part of the path."""
    parts = urlsplit(endpoint)
    if is_loopback(endpoint) or _is_number(parts.hostname or ""):
        return Place(bucket, f"{endpoint}/{bucket}/")
    return Place(bucket, f"{parts.scheme}://{bucket}.{parts.netloc}/")


def signature(pair: Credentials, method: str, headers: dict[str, str], resource: str) -> str:
    """The Authorization header. Source: API reference, "Authentication of Signature in a Header" (obs_04_0010)."""
    own = [f"{name}:{value}" for name, value in sorted(headers.items()) if name.startswith("x-obs-")]
    lines = [method, "", headers.get("Content-Type", ""), headers["Date"], *own, resource]
    made = hmac.new(pair.sk.encode(), "\n".join(lines).encode(), hashlib.sha1).digest()
    return f"OBS {pair.ak}:{base64.b64encode(made).decode()}"


@dataclass(frozen=True, slots=True)
class _Request:
    """`what` stands behind the bucket's address: key and query. `first`: the byte to read from."""

    operation: str
    method: str
    what: str
    data: bytes | None = None
    first: int = 0


class Bucket:
    """Thread-safe; its connections are pooled. `random`: for the waits between two attempts.

    Each call takes `left_s`, which says how many seconds it still has, and raises ObsError, or what the keys raise.
    """

    def __init__(self, place: Place, keys: Keys, clock: Clock, random: Callable[[], float]) -> None:
        self.place = place
        self._keys = keys
        self._clock = clock
        self._random = random
        self._wire = Wire(clock)
        self._session = requests.Session()
        transport.prepare(self._session, self._wire, connections=CONNECTIONS, loopback=is_loopback(_origin(place.address)))

    def append_object(self, key: str, position: int, data: bytes, left_s: Callable[[], float]) -> int | None:
        """Append at this position, which makes it safe to send the same bytes again. Returns where the object ends then, if told."""
        told = self._ask(_Request("append_object", "POST", f"{key}?append&position={position}", data), left_s).headers
        following = told.get("x-obs-next-append-position", "")
        return int(following) if following.isdecimal() else None

    def get_object(self, key: str, first: int, left_s: Callable[[], float]) -> bytes | None:
        """What stands from this byte on, which may be nothing; None if there is no such object, or none that reaches to there.

        The byte before it is read too, so that no answer is empty: what a range that begins at the end is answered differs from store
        to store, and "nothing more" must not be what something in between made up.
        """
        try:
            answer = self._ask(_Request("get_object", "GET", key, first=max(0, first - 1)), left_s)
        except ObsError as err:
            if err.error_code in NO_OBJECT or err.status_code == 416:
                return None
            raise
        # Whoever does not know ranges sends the whole.
        before = first if answer.status_code == 200 else min(first, 1)
        return answer.content[before:] if len(answer.content) >= before else None

    def get_bucket_lifecycle(self, left_s: Callable[[], float]) -> str:
        """The bucket's lifecycle rules as XML; empty if there are none."""
        try:
            return self._ask(_Request("get_bucket_lifecycle", "GET", "?lifecycle"), left_s).text
        except ObsError as err:
            if err.error_code == "NoSuchLifecycleConfiguration":
                return ""
            raise

    def get_bucket_versioning(self, left_s: Callable[[], float]) -> str:
        """Whether the bucket keeps versions, as XML."""
        return self._ask(_Request("get_bucket_versioning", "GET", "?versioning"), left_s).text

    def _ask(self, request: _Request, left_s: Callable[[], float]) -> requests.Response:
        """Ask, and again if that may help and there is time. Raises: ObsError; what the keys raise."""
        may_be_done = False
        for attempt in range(1, ATTEMPTS + 1):
            timeout = timeouts.fit(left_s(), CONNECT_S, READ_S, ATTEMPTS + 1 - attempt)
            try:
                return self._keys.call(request.operation, partial(self._once, request, timeout))
            except ObsError as err:
                # What was answered with 500 or 503 may have been carried out (API reference, obs_04_0118).
                was_sent = self._wire.written if err.status_code is None else err.status_code != 429
                may_be_done = err.may_be_done = may_be_done or (err.may_pass and was_sent)
                wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 4 ** (attempt - 1)) * self._random()
                if not err.may_pass or attempt == ATTEMPTS or wait_s >= left_s():
                    raise
                self._clock.sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, request: _Request, timeout: tuple[float, float], key: Key) -> requests.Response:
        headers = {"Date": format_datetime(self._clock.now(), usegmt=True), "User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        if key.pair.security_token:
            headers["x-obs-security-token"] = key.pair.security_token
        headers["Authorization"] = signature(key.pair, request.method, headers, self.place.resource + request.what)
        if request.first:
            headers["Range"] = f"bytes={request.first}-"
        self._wire.begin(timeout)
        try:
            answer = self._session.request(
                request.method,
                self.place.address + request.what,
                headers=headers,
                data=request.data,
                timeout=timeout,
                allow_redirects=False,
            )
        except NO_ANSWER as err:
            raise ObsError(request.operation, None, type(err).__name__) from None
        if answer.status_code in (200, 206) and (answer.content or request.method != "GET"):
            return answer
        if answer.status_code < 300:  # what is not OBS's own: its objects are not empty, and "nothing is there" would be a lie
            raise ObsError(request.operation, None, f"HTTP {answer.status_code} of {len(answer.content)} bytes")
        found = re.search(rb"<Code>(\w{1,60})</Code>", answer.content[:4096])
        request_id = re.search(r"^\w{1,64}$", answer.headers.get("x-obs-request-id", ""))
        code = found[1].decode() if found else f"HTTP {answer.status_code}{'' if answer.content else ' without a body'}"
        raise ObsError(request.operation, answer.status_code, code, request_id[0] if request_id else None)


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
