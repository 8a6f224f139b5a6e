"""The buckets of OBS: what is appended, what is refused, who may ask. Signed by a client of this file's own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests

from dcs_upkeep.local.emulator import Fault, LifecycleRule

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Client:
    """A caller of one bucket. What a test changes afterwards spoils its requests."""

    def __init__(self, emu, bucket="journal"):
        self.emu, self.bucket = emu, bucket
        self.ak, self.sk, self.token, self.at = emu.ak, emu.sk, emu.security_token, NOW

    def ask(self, method, key="", query="", data=b"", **headers):
        date = format_datetime(self.at, usegmt=True)
        own = {"x-obs-security-token": self.token} if self.token else {}
        resource = f"/{self.bucket}/{key}" + (f"?{query}" if query else "")
        lines = [method, "", "", date, *(f"{name}:{value}" for name, value in own.items()), resource]
        made = base64.b64encode(hmac.new(self.sk.encode(), "\n".join(lines).encode(), hashlib.sha1).digest()).decode()
        headers = {**headers, **own, "Date": date, "Authorization": f"OBS {self.ak}:{made}"}
        return requests.request(method, self.emu.url + resource, data=data, headers=headers, timeout=30)

    def append(self, key, position, data):
        return self.ask("POST", key, f"append&position={position}", data)


def said(answer):
    """Its status, and the code of an error."""
    code = re.search(r"<Code>(\w+)</Code>", answer.text)
    return answer.status_code, code[1] if code else None


@pytest.fixture
def emu(start, fleet):
    return start(fleet, wall_clock=lambda: NOW)


@pytest.fixture
def client(emu):
    emu.obs.create("journal")
    return Client(emu)


def test_pieces_stand_one_behind_the_other(client):
    first, second = client.append("run/a", 0, b"one\n"), client.append("run/a", 4, b"three\n")
    assert [answer.headers["x-obs-next-append-position"] for answer in (first, second)] == ["4", "10"]
    whole = client.ask("GET", "run/a")
    assert (whole.status_code, whole.content, whole.headers["x-obs-object-type"]) == (200, b"one\nthree\n", "Appendable")
    head = client.ask("HEAD", "run/a")
    assert (head.headers["x-obs-next-append-position"], head.headers["Content-Length"], head.content) == ("10", "10", b"")
    assert re.fullmatch(r"[0-9a-f]{32}", head.headers["x-obs-request-id"])


@pytest.mark.parametrize("position", [0, 3, 5])
def test_a_position_that_is_not_the_length_is_refused(position, client):
    client.append("a", 0, b"four")
    assert said(client.append("a", position, b"x")) == (409, "PositionNotEqualToLength")
    assert client.ask("GET", "a").content == b"four"


def test_a_range_is_read_and_behind_the_end_there_is_none(client):
    client.append("a", 0, b"0123456789")
    tail = client.ask("GET", "a", Range="bytes=7-")
    assert (tail.status_code, tail.content, tail.headers["Content-Range"]) == (206, b"789", "bytes 7-9/10")
    assert client.ask("GET", "a", Range="bytes=2-3").content == b"23"
    assert said(client.ask("GET", "a", Range="bytes=10-")) == (416, "InvalidRange")
    assert said(client.ask("GET", "b")) == (404, "NoSuchKey")


def test_a_normal_object_is_not_appended_to_and_takes_the_place_of_another(client):
    client.append("a", 0, b"mine")
    assert client.ask("PUT", "a", data=b"theirs").status_code == 200
    assert said(client.append("a", 6, b"x")) == (409, "ObjectNotAppendable")
    assert "x-obs-object-type" not in client.ask("HEAD", "a").headers
    assert client.ask("DELETE", "a").status_code == 204
    assert client.append("a", 0, b"mine again").status_code == 200


def test_an_object_takes_so_many_appends_and_no_more(client, emu):
    emu.obs.create("journal", most_appends=3)
    assert [client.append("a", place, b"x").status_code for place in range(3)] == [200] * 3
    assert said(client.append("a", 3, b"x")) == (409, "ObjectNotAppendable")


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"worm": True}, (403, "AccessDenied")),
        ({"posix": True}, (409, "ObjectNotAppendable")),
        ({"replicated": True}, (400, "OperationNotSupported")),
        ({"storage_class": "COLD"}, (409, "ObjectNotAppendable")),
        ({"denied": frozenset({"append"})}, (403, "AccessDenied")),
    ],
)
def test_what_obs_does_not_append_to(fields, refusal, client, emu):
    emu.obs.create("journal", **fields)
    assert said(client.append("a", 0, b"x")) == refusal
    assert emu.obs.buckets["journal"].objects == {}


def test_a_bucket_with_versions_appends_to_the_newest(client, emu):
    """As the reference's own example does; what is deleted stays as an older version."""
    bucket = emu.obs.create("journal", versioning="Enabled")
    assert "x-obs-version-id" in client.append("a", 0, b"one").headers
    assert client.append("a", 3, b"two").status_code == 200
    client.ask("DELETE", "a")
    assert [(key, one.data) for key, one in bucket.older] == [("a", b"onetwo")]
    assert client.append("a", 0, b"anew").status_code == 200


def test_what_a_bucket_says_of_itself(client, emu):
    assert said(client.ask("GET", query="lifecycle")) == (404, "NoSuchLifecycleConfiguration")
    emu.obs.create("journal", lifecycle=[LifecycleRule("expiring/", 140)], versioning="Suspended")
    client.append("expiring/a", 0, b"x")
    assert "<Prefix>expiring/</Prefix><Status>Enabled</Status><Expiration><Days>140</Days>" in client.ask("GET", query="lifecycle").text
    assert "<Status>Suspended</Status>" in client.ask("GET", query="versioning").text
    assert "<Key>expiring/a</Key>" in client.ask("GET").text
    assert said(Client(emu, "nobodys").append("a", 0, b"x")) == (404, "NoSuchBucket")


def test_the_lifecycle_counts_from_the_last_write(client, emu, clock):
    emu.obs.create("journal", lifecycle=[LifecycleRule("expiring/", 2), LifecycleRule("lasting/", 1, enabled=False)])
    for key in ("expiring/a", "expiring/b", "lasting/a"):
        client.append(key, 0, b"x")
    clock.advance(86_400 * 1.5)
    client.append("expiring/a", 1, b"x")
    clock.advance(86_400)
    found = {key: client.ask("GET", key).status_code for key in ("expiring/a", "expiring/b", "lasting/a")}
    assert found == {"expiring/a": 200, "expiring/b": 404, "lasting/a": 200}


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("ak", "NOBODY", "InvalidAccessKeyId"),
        ("sk", "wrong", "SignatureDoesNotMatch"),
        ("token", "stale", "InvalidAccessKeyId"),
        ("at", NOW - timedelta(minutes=16), "RequestTimeTooSkewed"),
        ("at", NOW + timedelta(minutes=16), "RequestTimeTooSkewed"),
    ],
)
def test_who_asks_is_checked(field, value, code, start, fleet):
    emu = start(fleet, wall_clock=lambda: NOW, security_token="token-1")
    emu.obs.create("journal")
    client = Client(emu)
    assert client.append("a", 0, b"x").status_code == 200
    setattr(client, field, value)
    assert said(client.append("a", 1, b"y")) == (403, code)
    assert emu.obs.buckets["journal"].objects["a"].data == b"x"
    assert len(emu.truth.refused()) == 1


def test_unsigned_and_unknown_requests_are_refused(client, emu):
    assert said(requests.get(f"{emu.url}/journal/a", timeout=30)) == (403, "AccessDenied")
    assert said(client.ask("PUT")) == (405, "MethodNotAllowed")


def test_without_the_right_to_list_what_is_not_there_is_denied(client, emu):
    emu.obs.create("journal", lists=False)
    assert said(client.ask("GET", "a")) == (403, "AccessDenied")
    assert said(client.ask("GET")) == (403, "AccessDenied")


def test_of_eight_at_one_position_one_gets_it(client):
    def write(writer):
        return [client.append("a", place * 2, b"%d\n" % writer).status_code for place in range(20)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(write, range(8)))
    assert [sum(one[place] == 200 for one in answers) for place in range(20)] == [1] * 20
    assert len(client.ask("GET", "a").content) == 40


def test_it_may_be_made_to_break_its_promise(client, emu):
    client.append("a", 0, b"one")
    emu.obs.both_win = 1
    assert client.append("a", 0, b"two").status_code == 200
    assert client.ask("GET", "a").content == b"two"
    assert said(client.append("a", 0, b"three")) == (409, "PositionNotEqualToLength")


@pytest.mark.parametrize(
    ("kind", "refusal", "executed"),
    [
        ("503", (503, "SlowDown"), False),
        ("429", (429, "TooManyRequests"), False),
        ("500", (500, "InternalError"), False),
        ("401", (403, "InvalidAccessKeyId"), False),
        ("403", (403, "AccessDenied"), False),
        ("500_executed", (500, "InternalError"), True),
    ],
)
def test_faults_are_told_as_obs_tells_them(kind, refusal, executed, client, emu):
    emu.add_fault(Fault("append", kind))
    assert said(client.append("a", 0, b"x")) == refusal
    assert ("a" in emu.obs.buckets["journal"].objects) is executed
    assert emu.truth.of("append")[0].error_code == refusal[1]


def test_a_fault_may_wait_for_one_object(client, emu):
    emu.add_fault(Fault("append", "error", status=409, code="OperationAborted", instance_id="b"))
    emu.add_fault(Fault("append", "lost_answer", instance_id="c"))
    assert client.append("a", 0, b"x").status_code == 200
    assert said(client.append("b", 0, b"x")) == (409, "OperationAborted")
    with pytest.raises(requests.ConnectionError):
        client.append("c", 0, b"x")
    assert emu.obs.buckets["journal"].objects["c"].data == b"x"


def test_the_quota_of_the_gateway_is_not_shared(start, fleet):
    emu = start(fleet, wall_clock=lambda: NOW, quota=(1, 300.0))
    emu.obs.create("journal")
    client = Client(emu)
    assert [client.append("a", place, b"x").status_code for place in range(3)] == [200] * 3


def test_a_request_that_is_not_whole_is_not_carried_out(client, emu):
    """Its caller was killed while it wrote."""
    date = format_datetime(NOW, usegmt=True)
    made = base64.b64encode(
        hmac.new(emu.sk.encode(), f"POST\n\n\n{date}\n/journal/a?append&position=0".encode(), hashlib.sha1).digest()
    ).decode()
    lines = [
        "POST /journal/a?append&position=0 HTTP/1.1",
        "Host: x",
        "Content-Length: 9",
        f"Date: {date}",
        f"Authorization: OBS {emu.ak}:{made}",
    ]
    with socket.create_connection(("127.0.0.1", int(emu.url.rpartition(":")[2])), timeout=30) as talk:
        talk.sendall("\r\n".join([*lines, "", "half"]).encode())
        talk.shutdown(socket.SHUT_WR)
        assert talk.recv(1) == b""
    assert emu.obs.buckets["journal"].objects == {}
