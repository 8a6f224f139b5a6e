"""The journal on Huawei OBS: a stream is an appendable object, an entry is a line of it, and its place is a position in the object.

An append names the position at which it goes; if that is not the object's length, OBS refuses it (409). So of all who want one place
of a stream one gets it, and the same line may be sent again safely: where it stands already, it is refused. How OBS puts two appends in
order that arrive together is not documented beyond that rule; `doctor` races for it.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import SplitResult, parse_qsl

from dcs_upkeep.adapters.journals.obs_keys import object_key
from dcs_upkeep.adapters.journals.rows import Access, ObsAccess, checked, expiry, to_text
from dcs_upkeep.domain.addresses import check_endpoint
from dcs_upkeep.domain.errors import JournalError, SeqTakenError, UpkeepError

if TYPE_CHECKING:
    from dcs_upkeep.adapters.journals.obs_bucket import Bucket, ObsError

# What the code asks of OBS here, for the shipped policies.
PERMISSIONS = {"append_object": "obs:object:PutObject", "get_object": "obs:object:GetObject"}
# Nothing is listed; but object stores deny, to whoever may not list, that an object is not there. OBS's pages do not say.
PERMISSIONS_BESIDE = ("obs:bucket:ListBucket",)
ENTRIES_PER_OBJECT = 9000  # OBS appends 10,000 times to one object
LONGEST_S = 40.0  # one append or reading, whatever goes wrong: a third of the default lease
SETTLE_S = 8.0  # of that, for finding out what became of an append; the rest is four whole attempts

_FIXES = {
    "AccessDenied": "Grant {right} on what is below {where}, and {beside} on the bucket. A bucket with WORM refuses too: use another.",
    "NoSuchBucket": "Create the bucket {bucket}, or correct UPKEEP_JOURNAL.",
    "ObjectNotAppendable": "Remove what stands at {key} if nobody needs it, and use a bucket of the standard class that is no parallel file"
    " system: something else than an appendable object is there, or the bucket takes none.",
    "OperationNotSupported": "Use a bucket without cross-region replication: OBS appends to no other.",
    "RequestTimeTooSkewed": "Let NTP set this machine's clock: it is more than 15 minutes away from OBS's.",
}
_ELSEWHERE = "Correct region or endpoint in UPKEEP_JOURNAL: the bucket is in another region."
_UNREACHABLE = "Check the region, the endpoint and the network path to it; then try again."


def open_at(address: SplitResult, access: Access) -> ObsJournal:
    """The journal of `obs://<bucket>[/<prefix>]?region=<region>&endpoint=<endpoint>`. Raises: ValueError."""
    options = dict(parse_qsl(address.query, keep_blank_values=True))
    bucket, prefix = address.netloc, address.path.strip("/")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket):  # so no user and no password either
        raise ValueError("no bucket is named, or not as OBS names buckets (without dots, which TLS does not bear)")
    if not re.fullmatch(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?", address.path) or len(prefix) > 200:
        raise ValueError("the prefix may have letters, digits, dots, dashes and underscores between single slashes, 200 in all")
    if address.fragment or re.search(r"[\s@]", address.query):
        raise ValueError("what stands after bucket and prefix is not ?region=<region>&endpoint=<endpoint>")
    if unknown := sorted(set(options) - {"region", "endpoint"}):
        raise ValueError(f"no part of the address is called {unknown[0][:40]!r}")
    if access.obs is None:
        raise ValueError("no Huawei Cloud account is at hand to sign its calls with")
    region, endpoint = options.get("region") or access.obs.region, options.get("endpoint") or access.obs.endpoint
    if not endpoint and not re.fullmatch(r"[a-z]{2,}[a-z0-9-]{0,40}", region):
        raise ValueError("no region is named, or none that there can be")
    endpoint = endpoint or _endpoint_of(region)
    try:
        check_endpoint(endpoint)
    except ValueError as err:
        raise ValueError(f"its endpoint cannot be called. {err}") from None
    return ObsJournal(Site(bucket, prefix, region, endpoint.rstrip("/")), access, access.obs)


@dataclass(frozen=True, slots=True)
class Site:
    """Where a journal is."""

    bucket: str
    prefix: str
    region: str
    endpoint: str

    @property
    def below(self) -> str:
        """The bucket and what all keys begin with, as people write it."""
        return f"{self.bucket}/{self.prefix}/" if self.prefix else f"{self.bucket}/"


@dataclass
class _Known:
    """Where the entries of a stream begin in their objects, as far as they were written or read here. Their texts are not kept."""

    begins: list[int] = field(default_factory=list)
    end: int = 0  # of the last one
    expires_at: int | None = None

    def begin_of(self, seq: int) -> int:
        """Where an entry begins; `seq` is at most the next place."""
        if seq < len(self.begins):
            return self.begins[seq]
        return self.end if seq % ENTRIES_PER_OBJECT else 0


@dataclass(frozen=True, slots=True)
class _Line:
    """A line as it stands in an object. `seq` is what it says itself, or what it should say if it cannot be read."""

    seq: int
    text: str
    token: str | None
    expires_at: int | None


class ObsJournal:
    """Implements ports.Journal. Thread-safe."""

    durable = True

    def __init__(self, site: Site, access: Access, obs: ObsAccess) -> None:
        self.site = site
        self._access = access
        self._obs = obs
        self._clock = access.clock
        self._lock = threading.Lock()
        self._made: Bucket | None = None
        self._streams: dict[str, _Known] = {}

    @property
    def name(self) -> str:
        """Its bucket and what its keys begin with."""
        named = {"region": self.site.region, "endpoint": "" if self.site.endpoint == _endpoint_of(self.site.region) else self.site.endpoint}
        return f"obs://{self.site.below.rstrip('/')}?" + "&".join(f"{key}={value}" for key, value in named.items() if value)

    @property
    def bucket(self) -> Bucket:
        """The bucket; nothing is loaded for it before it is first asked."""
        from dcs_upkeep.adapters.journals.obs_bucket import Bucket, place_of

        with self._lock:
            if self._made is None:
                self._made = Bucket(place_of(self.site.bucket, self.site.endpoint), self._obs.keys, self._clock, self._obs.random)
            return self._made

    def anew(self) -> ObsJournal:
        """The same journal, as somebody has it who has read and written nothing yet."""
        return ObsJournal(self.site, self._access, self._obs)

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        """See ports.Journal. One call, if what stands before that place was written or read here."""
        text, token, left_s = to_text(stream, entry), uuid.uuid4().hex, self._time()
        position, expires_at = self._free_place(stream, seq, left_s)
        line = f'{{"seq":{seq},"token":"{token}","expires_at":{json.dumps(expires_at)},"entry":{text}}}\n'.encode()
        key, tries_s = self._key(stream, seq), lambda: left_s() - min(SETTLE_S, left_s() / 2)
        from dcs_upkeep.adapters.journals.obs_bucket import ObsError

        refusal: ObsError | None = None
        try:
            following = self.bucket.append_object(key, position, line, tries_s)
        except ObsError as err:
            # Whatever word a conflict comes with: what stands there says whether the place is taken.
            if not (err.may_be_done or (err.status_code == 409 and err.error_code != "ObjectNotAppendable")):
                self._failed("append_object", key, err)
            refusal = err
        except UpkeepError as err:
            raise JournalError(f"{self.name}: {err}") from None
        if refusal is not None or following != position + len(line):
            self._settle(stream, seq, token, refusal, left_s)
        self._learn(stream, _Line(seq, text, token, expires_at), position, len(line))

    def read(self, stream: str, after: int = -1) -> list[tuple[int, dict[str, object]]]:
        """See ports.Journal. One call, if the stream was read or written up to that place before."""
        with self._lock:
            first = min(after + 1, len(self._streams.get(stream, _Known()).begins))
        lines = list(self._lines(stream, first, self._time()))[after + 1 - first :]
        return checked(stream, ((one.seq, one.text, one.expires_at) for one in lines), after, self._clock.now().timestamp())

    def _free_place(self, stream: str, seq: int, left_s: Callable[[], float]) -> tuple[int, int | None]:
        """Where the next entry begins, and when the stream ends. Raises: SeqTakenError; JournalError."""
        with self._lock:
            count = len(self._streams.get(stream, _Known()).begins)
        if seq > count:
            checked(stream, ((one.seq, one.text, None) for one in self._lines(stream, count, left_s)), count - 1, 0.0)
        with self._lock:
            known = self._streams.get(stream, _Known())
            if seq < len(known.begins):
                raise SeqTakenError(f"{stream}: place {seq} is taken")
            if seq > len(known.begins):
                fix = "Send the event again; if it stays so, look at what deleted it."
                raise JournalError(f"{stream}: entry {len(known.begins)} is missing, so that none can be written at place {seq}. {fix}")
            return known.begin_of(seq), known.expires_at if seq else expiry(stream, self._clock.now().timestamp())

    def _settle(self, stream: str, seq: int, token: str, refusal: ObsError | None, left_s: Callable[[], float]) -> None:
        """What stands at that place decides: our own line, by its token, is ours. Raises: SeqTakenError; JournalError."""
        found = next(iter(list(self._lines(stream, seq, left_s))), None)
        if found is not None and found.token == token:
            return
        if found is not None:
            checked(stream, [(found.seq, found.text, None)], seq - 1, 0.0)
            raise SeqTakenError(f"{stream}: place {seq} is taken")
        self._forget(stream)
        if refusal is None or refusal.may_be_done:
            said = f"append_object got no usable answer ({refusal.error_code if refusal else 'no position'})"
            raise JournalError(f"{self.name}: {said}, and nothing of it stands there so far. {_UNREACHABLE}")
        if refusal.error_code != "PositionNotEqualToLength":
            self._failed("append_object", self._key(stream, seq), refusal)
        self._gone(stream, seq)

    def _lines(self, stream: str, first: int, left_s: Callable[[], float]) -> Iterator[_Line]:
        """The lines from this place on, which is known or the next, as they stand there now; what can be read is known from then on."""
        with self._lock:
            known = self._streams.get(stream, _Known())
            position, count = known.begin_of(first), len(known.begins)
        seq = first
        while True:
            data = self._data(stream, seq, position, left_s)
            for piece in data.splitlines(keepends=True):
                line = _line(piece, seq)
                if line.token is not None and line.seq == seq:
                    self._learn(stream, line, position, len(piece))
                yield line
                seq, position = seq + 1, position + len(piece)
            if not data or seq % ENTRIES_PER_OBJECT:
                break
            position = 0  # this object is full, so that the stream goes on in the next
        if seq < count:
            self._gone(stream, seq)

    def _data(self, stream: str, seq: int, position: int, left_s: Callable[[], float]) -> bytes:
        """What stands in an entry's object from there on. Raises: JournalError."""
        from dcs_upkeep.adapters.journals.obs_bucket import ObsError

        key = self._key(stream, seq)
        try:
            data = self.bucket.get_object(key, position, left_s)
        except ObsError as err:
            self._failed("get_object", key, err)
        except UpkeepError as err:
            raise JournalError(f"{self.name}: {err}") from None
        if data is None and position:
            self._gone(stream, seq)
        return data or b""

    def _gone(self, stream: str, seq: int) -> NoReturn:
        """An entry is not there any more. Raises: JournalError."""
        self._forget(stream)
        fix = f"Look at what removed or replaced {self._key(stream, seq)}; the run has to be judged by a person."
        raise JournalError(f"{self.name}: what was read or written of {stream} before is gone from place {seq} on. {fix}")

    def _learn(self, stream: str, line: _Line, position: int, length: int) -> None:
        with self._lock:
            known = self._streams.setdefault(stream, _Known())
            if line.seq != len(known.begins):
                return
            if line.seq == 0:
                known.expires_at = line.expires_at
            known.begins.append(position)
            known.end = position + length

    def _forget(self, stream: str) -> None:
        with self._lock:
            self._streams.pop(stream, None)

    def _key(self, stream: str, seq: int) -> str:
        return object_key(self.site.prefix, stream, seq // ENTRIES_PER_OBJECT)

    def _time(self) -> Callable[[], float]:
        """Seconds left for one operation that begins now."""
        return partial(self._left_s, self._clock.monotonic() + LONGEST_S)

    def _left_s(self, ends_at: float) -> float:
        return min(ends_at - self._clock.monotonic(), self._access.deadline.remaining_s())

    def _failed(self, operation: str, key: str, err: ObsError) -> NoReturn:
        """Where, what, what to do; never OBS's own text, which may hold anything. Raises: JournalError."""
        fix = _FIXES.get(err.error_code, _FIXES["AccessDenied"] if err.status_code == 403 else _UNREACHABLE)
        if err.status_code is not None and 300 <= err.status_code < 400:
            fix = _ELSEWHERE
        where = {"right": PERMISSIONS[operation], "beside": PERMISSIONS_BESIDE[0], "where": self.site.below, "key": key}
        said = f"{operation} failed ({err.error_code}{f', request {err.request_id}' if err.request_id else ''})"
        raise JournalError(f"{self.name}: {said}. {fix.format(bucket=self.site.bucket, **where)}")


def _endpoint_of(region: str) -> str:
    return f"https://obs.{region}.myhuaweicloud.com"


def _line(piece: bytes, seq: int) -> _Line:
    """A line that we wrote; one that cannot be read as such has no token."""
    try:
        row: Any = json.loads(piece) if piece.endswith(b"\n") else None
        said, token, entry, expires_at = (row[name] for name in ("seq", "token", "entry", "expires_at"))
    except (ValueError, TypeError, KeyError, RecursionError):
        return _Line(seq, "", None, None)
    if not (isinstance(token, str) and isinstance(entry, dict) and type(said) is int and type(expires_at) in (int, type(None))):
        return _Line(seq, "", None, None)
    return _Line(said, json.dumps(entry), token, expires_at)
