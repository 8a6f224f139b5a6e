"""The OBS routes, path style (`/<bucket>/<key>`): appendable objects, reading by range, and what a bucket says of itself.

Source: API reference, "Appending an Object" (obs_04_0088), "Downloading Objects", "Obtaining Bucket Lifecycle Configuration",
"Error Codes"; and the user manual on appending. What two appends at one position do is said by the 409 alone.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape

from .exchange import Answer, Call, Route, obs_error
from .signature import SignedRequest
from .timeline import Timeline

MOST_APPENDS = 10_000
ARCHIVE_CLASSES = ("COLD", "DEEP_ARCHIVE")
DAY_S = 86_400.0


@dataclass(frozen=True)
class LifecycleRule:
    """Objects with this prefix are deleted so many days after they were last written to."""

    prefix: str
    days: int
    enabled: bool = True


@dataclass
class StoredObject:
    """One object. `appends`: how many pieces it was put together from; 0 makes it a normal one."""

    data: bytes
    appends: int
    modified: float
    storage_class: str

    @property
    def is_appendable(self) -> bool:
        return self.appends > 0


@dataclass
class Bucket:
    """`versioning`: "", "Enabled" or "Suspended". `posix`: a parallel file system. `denied`: operations without a right to them.

    `lists`: whether there is a right to list; without it an object that is not there is 403, as at other object stores (OBS's pages
    do not say). `bare`: that it is not there is 404 without a body, as from a store of fewer words. `most_appends`: lower it to fill an
    object quickly. `older`: versions that a delete or a PUT left behind.
    """

    versioning: str = ""
    worm: bool = False
    posix: bool = False
    replicated: bool = False
    storage_class: str = "STANDARD"
    lifecycle: Sequence[LifecycleRule] = ()
    denied: frozenset[str] = frozenset()
    lists: bool = True
    bare: bool = False
    most_appends: int = MOST_APPENDS
    objects: dict[str, StoredObject] = field(default_factory=dict)
    older: list[tuple[str, StoredObject]] = field(default_factory=list)


class ObsService:
    """Keeps `buckets` by name; tests make them with `create`. Each request is carried out whole under one lock.

    `both_win`: so many appends at a position that is taken are let in all the same, in place of what stands there. A store that does
    so breaks the one promise that a journal rests on. `now`: the time that signatures are checked against, if it is not the emulator's.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.buckets: dict[str, Bucket] = {}
        self.both_win = 0
        self.now: Callable[[], datetime] | None = None
        self._timeline = timeline
        self._lock = threading.Lock()
        of_object = "/{bucket}/{key}"
        self.routes = [
            Route("POST", of_object, "append", self._guarded(self._append)),
            Route("PUT", of_object, "put_object", self._guarded(self._put)),
            Route("GET", of_object, "get_object", self._guarded(self._get)),
            Route("HEAD", of_object, "head_object", self._guarded(self._get)),
            Route("DELETE", of_object, "delete_object", self._guarded(self._delete)),
            Route("GET", "/{bucket}", "list_objects", self._guarded(self._list)),
            Route("GET", "/{bucket}?lifecycle", "get_lifecycle", self._guarded(self._lifecycle)),
            Route("GET", "/{bucket}?versioning", "get_versioning", self._guarded(self._versioning)),
        ]

    def create(self, name: str, **fields: object) -> Bucket:
        """A bucket of this name; `fields` are those of Bucket."""
        self.buckets[name] = Bucket(**fields)  # type: ignore[arg-type]  # the fields are checked by their tests
        return self.buckets[name]

    def concerns(self, request: SignedRequest) -> bool:
        """Whether a request is for OBS and not for the API gateway: it says so, or names a bucket."""
        return request.scheme == "OBS" or request.path.split("/")[1] in self.buckets

    def find_route(self, request: SignedRequest, path: str) -> tuple[Route | None, dict[str, str]]:
        """`path` is decoded. A key may hold slashes, and a query may name what is asked."""
        bucket, _, key = path.removeprefix("/").partition("/")
        names = {pair.partition("=")[0] for pair in request.query.split("&")}
        asked = next((f"?{name}" for name in ("lifecycle", "versioning") if name in names), "")
        pattern = "/{bucket}/{key}" if key else "/{bucket}" + asked
        route = next((one for one in self.routes if (one.method, one.pattern) == (request.method, pattern)), None)
        return route, {"bucket": bucket, "key": key}

    def _guarded(self, reply: Callable[[Call, Bucket], Answer]) -> Callable[[Call], Answer]:
        """The same reply for a bucket that is there and may be asked, with what OBS says on every answer."""

        def answer(call: Call) -> Answer:
            with self._lock:
                bucket = self.buckets.get(call.path_values["bucket"])
                if bucket is None:
                    return obs_error(404, "NoSuchBucket", call)
                if call.record.operation in bucket.denied:
                    return obs_error(403, "AccessDenied", call)
                self._expire(bucket)
                return reply(call, bucket)

        return answer

    def _expire(self, bucket: Bucket) -> None:
        now = self._timeline.now()
        for key, one in list(bucket.objects.items()):
            rules = (rule for rule in bucket.lifecycle if rule.enabled and key.startswith(rule.prefix))
            if any(now - one.modified > rule.days * DAY_S for rule in rules):
                self._remove(bucket, key)

    def _remove(self, bucket: Bucket, key: str) -> None:
        if bucket.versioning == "Enabled":
            bucket.older.append((key, bucket.objects[key]))
        del bucket.objects[key]

    def _append(self, call: Call, bucket: Bucket) -> Answer:
        key, text = call.path_values["key"], call.query.get("position", "")
        if "append" not in call.query or not re.fullmatch(r"\d{1,15}", text):
            return obs_error(400, "InvalidArgument", call)
        if refusal := _never_appendable(bucket):
            return obs_error(*refusal, call)
        one, position = bucket.objects.get(key), int(text)
        held = one.data if one else b""
        if one and not (one.is_appendable and one.appends < bucket.most_appends):
            return obs_error(409, "ObjectNotAppendable", call)
        if position != len(held):
            if not (self.both_win > 0 and position < len(held)):
                return obs_error(409, "PositionNotEqualToLength", call)
            self.both_win -= 1
        whole = held[:position] + call.body
        if not call.dry:
            kept = one.storage_class if one else bucket.storage_class
            bucket.objects[key] = StoredObject(whole, (one.appends if one else 0) + 1, self._timeline.now(), kept)
            call.record.executed = (key,)
        return self._answer(call, bucket, {"ETag": _etag(call.body), "x-obs-next-append-position": str(len(whole))})

    def _put(self, call: Call, bucket: Bucket) -> Answer:
        key = call.path_values["key"]
        if not call.dry:
            if key in bucket.objects:
                self._remove(bucket, key)
            bucket.objects[key] = StoredObject(call.body, 0, self._timeline.now(), bucket.storage_class)
            call.record.executed = (key,)
        return self._answer(call, bucket, {"ETag": _etag(call.body)})

    def _get(self, call: Call, bucket: Bucket) -> Answer:
        one = bucket.objects.get(call.path_values["key"])
        if one is None and bucket.bare:
            return self._answer(call, bucket, {}, status=404)
        if one is None:
            return obs_error(404, "NoSuchKey", call) if bucket.lists else obs_error(403, "AccessDenied", call)
        size, found = len(one.data), re.fullmatch(r"bytes=(\d+)-(\d*)", call.headers.get("range", ""))
        first, last = (int(found[1]), int(found[2] or size - 1)) if found else (0, size - 1)
        if found and first >= size:
            return obs_error(416, "InvalidRange", call)
        data = one.data[first : last + 1]
        told = {"ETag": _etag(one.data), "Last-Modified": format_datetime(self._timeline.date(one.modified), usegmt=True)}
        if one.is_appendable:
            told |= {"x-obs-object-type": "Appendable", "x-obs-next-append-position": str(size)}
        if found:
            told["Content-Range"] = f"bytes {first}-{first + len(data) - 1}/{size}"
        if call.record.method == "HEAD":
            return self._answer(call, bucket, {**told, "Content-Length": str(size)})
        return self._answer(call, bucket, told, data, status=206 if found else 200)

    def _delete(self, call: Call, bucket: Bucket) -> Answer:
        key = call.path_values["key"]
        if bucket.worm:
            return obs_error(403, "AccessDenied", call)
        if key in bucket.objects and not call.dry:
            self._remove(bucket, key)
            call.record.executed = (key,)
        return Answer(204, extra_headers={"x-obs-request-id": call.record.request_id})

    def _list(self, call: Call, bucket: Bucket) -> Answer:
        if not bucket.lists:
            return obs_error(403, "AccessDenied", call)
        prefix, marker = call.query.get("prefix", ""), call.query.get("marker", "")
        most = min(int(call.query.get("max-keys", "1000")), 1000)
        keys = sorted(key for key in bucket.objects if key.startswith(prefix) and key > marker)
        rows = "".join(f"<Contents><Key>{escape(key)}</Key><Size>{len(bucket.objects[key].data)}</Size></Contents>" for key in keys[:most])
        cut = "true" if len(keys) > most else "false"
        return self._xml(call, f"<ListBucketResult><IsTruncated>{cut}</IsTruncated>{rows}</ListBucketResult>")

    def _lifecycle(self, call: Call, bucket: Bucket) -> Answer:
        if not bucket.lifecycle:
            return obs_error(404, "NoSuchLifecycleConfiguration", call)
        rules = "".join(
            f"<Rule><ID>rule-{number}</ID><Prefix>{escape(rule.prefix)}</Prefix>"
            f"<Status>{'Enabled' if rule.enabled else 'Disabled'}</Status><Expiration><Days>{rule.days}</Days></Expiration></Rule>"
            for number, rule in enumerate(bucket.lifecycle)
        )
        space = "http://obs.cn-north-4.myhuaweicloud.com/doc/2015-06-30/"
        return self._xml(call, f'<LifecycleConfiguration xmlns="{space}">{rules}</LifecycleConfiguration>')

    def _versioning(self, call: Call, bucket: Bucket) -> Answer:
        """Nothing is in it if nobody ever set it."""
        status = f"<Status>{bucket.versioning}</Status>" if bucket.versioning else ""
        return self._xml(call, f"<VersioningConfiguration>{status}</VersioningConfiguration>")

    def _xml(self, call: Call, text: str) -> Answer:
        told = {"x-obs-request-id": call.record.request_id}
        return Answer(200, text=f'<?xml version="1.0" encoding="UTF-8"?>{text}', content_type="application/xml", extra_headers=told)

    def _answer(self, call: Call, bucket: Bucket, told: dict[str, str], data: bytes = b"", *, status: int = 200) -> Answer:
        version = {"x-obs-version-id": f"{call.record.number:032x}"} if bucket.versioning == "Enabled" else {}
        headers = {"x-obs-request-id": call.record.request_id, **version, **told}
        return Answer(status, raw=data, content_type="binary/octet-stream", extra_headers=headers)


def _never_appendable(bucket: Bucket) -> tuple[int, str] | None:
    """Why no object of this bucket can be appended to: (status, code)."""
    if bucket.worm:
        return 403, "AccessDenied"
    if bucket.replicated:
        return 400, "OperationNotSupported"
    if bucket.posix or bucket.storage_class in ARCHIVE_CLASSES:
        return 409, "ObjectNotAppendable"
    return None


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
