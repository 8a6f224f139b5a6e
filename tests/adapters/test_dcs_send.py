"""The status PUT: each row of the table in docs/architecture.md, over HTTP, on the real SDK."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dcs_upkeep.adapters.dcs import status_answers
from dcs_upkeep.adapters.dcs.client import HuaweiDcs
from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.model import AnswerKind, Credentials
from dcs_upkeep.local.emulator import Emulator, Fault, make_fleet
from tests.fakes import FakeClock

Emulate = Callable[..., Emulator]
Connect = Callable[..., HuaweiDcs]
SOON = 0.6  # seconds left, so that a hanging server is given up within the test


def ids_of(emu: Emulator, count: int = 3) -> list[str]:
    """The first instances of the fleet."""
    return [one.instance_id for one in emu.instances()][:count]


def error(status: int, code: str) -> Fault:
    """An answer with this status and code; nothing is executed."""
    return Fault("put", "error", status=status, code=code, message="on purpose")


def test_every_action_is_accepted_instance_by_instance(emulate: Emulate, connect: Connect) -> None:
    """Success is said per instance, and each answer names the request for Huawei's support."""
    emu = emulate()
    answer = connect(emu).send(Action.RESTART, ids_of(emu))
    assert answer.kind is AnswerKind.RESULTS
    assert answer.results == dict.fromkeys(ids_of(emu), "success")
    assert (answer.status, answer.request_id) == (200, emu.truth.puts[0].request_id)
    assert [one.action for one in emu.truth.executed] == ["restart"] * 3


TABLE = [
    # (fault, class, nothing was executed, words that a person needs)
    pytest.param(Fault("put", "429"), AnswerKind.THROTTLED, "APIGW.0308", id="429"),
    pytest.param(error(400, "DCS.4061"), AnswerKind.ONE_BAD_ID, "DCS.4061", id="400, bad ID"),
    pytest.param(error(404, "DCS.3022"), AnswerKind.ONE_BAD_ID, "DCS.3022", id="404, unknown ID"),
    pytest.param(error(404, "111404022"), AnswerKind.ONE_BAD_ID, "111404022", id="404, numeric"),
    pytest.param(error(400, "DCS.4007"), AnswerKind.ONE_BAD_ID, "DCS.4007", id="400, type not supported"),
    pytest.param(error(400, "DCS.9999"), AnswerKind.ONE_BAD_ID, "DCS.9999", id="400, a code nobody documents"),
    pytest.param(error(400, "DCS.4100"), AnswerKind.TOO_MANY, "DCS.4100", id="too many IDs"),
    pytest.param(error(400, "111400100"), AnswerKind.TOO_MANY, "111400100", id="too many IDs, numeric"),
    *(
        pytest.param(error(400, code), AnswerKind.BAD_REQUEST, code, id=f"the request itself, {code}")
        for code in ("DCS.4002", "DCS.4004", "DCS.4005", "DCS.4064", "DCS.4065", "111400064", "111400005")
    ),
    pytest.param(error(404, "APIGW.0101"), AnswerKind.BAD_REQUEST, "APIGW.0101", id="404 of the gateway"),
    *(pytest.param(error(status, "X.1"), AnswerKind.BAD_REQUEST, str(status), id=str(status)) for status in (402, 405, 406, 413, 415, 422)),
    pytest.param(Fault("put", "403"), AnswerKind.DENIED, "dcs:instance:modifyStatus", id="403"),
    *(pytest.param(error(status, "X.1"), AnswerKind.LOST, "not known", id=str(status)) for status in (301, 302, 408, 409, 425, 499)),
    *(pytest.param(error(status, "DCS.5000"), AnswerKind.LOST, "not known", id=str(status)) for status in (500, 502, 503, 504)),
    pytest.param(Fault("put", "500"), AnswerKind.LOST, "DCS.5000", id="500 in JSON"),
    pytest.param(Fault("put", "502_html"), AnswerKind.LOST, "502", id="502 in HTML"),
    pytest.param(Fault("put", "500_executed"), AnswerKind.LOST, "not known", id="500, executed"),
    pytest.param(Fault("put", "drop"), AnswerKind.LOST, "ProtocolError", id="connection dropped"),
    pytest.param(Fault("put", "lost_answer"), AnswerKind.LOST, "ProtocolError", id="answer lost"),
    pytest.param(Fault("put", "truncated"), AnswerKind.LOST, "not known", id="half an answer"),
    pytest.param(Fault("put", "garbage"), AnswerKind.LOST, "without a result list", id="no JSON"),
    pytest.param(Fault("put", "empty_object"), AnswerKind.LOST, "without a result list", id="empty object"),
    pytest.param(Fault("put", "null_results"), AnswerKind.LOST, "without a result list", id="null results"),
    pytest.param(Fault("put", "204"), AnswerKind.LOST, "answered 204", id="204"),
]


@pytest.mark.parametrize(("fault", "kind", "words"), TABLE)
def test_each_answer_has_its_class_and_costs_one_attempt(
    emulate: Emulate, connect: Connect, fault: Fault, kind: AnswerKind, words: str
) -> None:
    """A second attempt inside the adapter could repeat a flush; a wrong class could repeat it outside."""
    emu = emulate(faults=[fault])
    dcs = connect(emu)
    answer = dcs.send(Action.RESTART, ids_of(emu))
    assert (answer.kind, answer.results) == (kind, {})
    assert words in answer.what
    assert len(answer.what) <= 300
    assert len(emu.truth.puts) == 1
    assert dcs.calls() == {"restart_or_flush_instances": 1}
    if emu.truth.executed:
        assert kind is AnswerKind.LOST


@pytest.mark.parametrize("fault", ["429", "error"])
def test_a_refusal_keeps_the_cloud_s_code_and_request_id(emulate: Emulate, connect: Connect, fault: str) -> None:
    """Huawei's support asks for the request id; the SDK alone loses it with a 429."""
    emu = emulate(faults=[Fault("put", fault)])
    answer = connect(emu).send(Action.RESTART, ids_of(emu))
    assert answer.code == {"429": "APIGW.0308", "error": "DCS.4026"}[fault]
    assert answer.request_id == emu.truth.puts[0].request_id


@pytest.mark.parametrize("code", ["DCS.4026", "111400026", "DCS.4049", "DCS.4111", "DCS.4975", "CBC.99003651"])
def test_a_busy_code_says_that_waiting_may_help(emulate: Emulate, connect: Connect, code: str) -> None:
    """Only a busy culprit waits; one that is unknown never comes back."""
    emu = emulate(faults=[error(400, code), error(400, "DCS.4061")])
    dcs = connect(emu)
    assert dcs.send(Action.RESTART, ids_of(emu)).busy
    assert not dcs.send(Action.RESTART, ids_of(emu)).busy


@pytest.mark.parametrize(
    ("fault", "results"),
    [
        (Fault("put", "half_success"), ["success", "failed", "success"]),
        (Fault("put", "missing_ids"), ["success", None, "success"]),
        (Fault("put", "extra_ids"), ["success", "success", "success"]),
        (Fault("put", "wrong_id"), [None, None, None]),
        (Fault("put", "odd_result"), [None, None, None]),
        (Fault("put", "nameless_rows"), [None, None, None]),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_each_instance_is_judged_by_its_own_row(emulate: Emulate, connect: Connect, fault: Fault, results: list[str | None]) -> None:
    """An instance without a clear row is left out, so that evidence decides; a stranger's row decides nothing."""
    emu = emulate(faults=[fault])
    answer = connect(emu).send(Action.RESTART, ids_of(emu))
    assert answer.kind is AnswerKind.RESULTS
    assert [answer.results.get(one) for one in ids_of(emu)] == results
    assert answer.results.keys() <= set(ids_of(emu))
    if fault.kind in ("extra_ids", "wrong_id"):
        assert "not asked for" in answer.what


class Raw:
    """An answer of the SDK, as the adapter leaves it."""

    def __init__(self, content: bytes, status_code: Any = 200) -> None:
        self.status_code, self.raw_content, self.request_id = status_code, content, "r"


@pytest.mark.parametrize(
    ("content", "results"),
    [
        (b'{"results": [{"instance": "A-1", "result": "success"}]}', {"a-1": "success"}),
        (b'{"results": [{"instance": "a-1", "result": "success"}, {"instance": "a-1", "result": "failed"}]}', {}),
        (b'{"results": [{"instance": "a-1", "result": "success"}, {"instance": "a-1", "result": "success"}]}', {"a-1": "success"}),
        (b'{"results": [null, 7, {"instance": 7}, {"instance": "a-1", "result": {"x": 1}}]}', {}),
        (b'{"results": [{"instance": "a-1", "result": null}]}', {}),
        (b'{"results": []}', {}),
    ],
    ids=["upper case", "two words", "said twice", "odd rows", "null", "no rows"],
)
def test_rows_are_matched_without_regard_to_case_and_contradictions_say_nothing(content: bytes, results: dict[str, str]) -> None:
    """A contradiction taken as success would be a completion that nobody saw."""
    answer = status_answers.from_response(Raw(content), ["a-1"], status_answers.cleaner(()))
    assert (answer.kind, answer.results) == (AnswerKind.RESULTS, results)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"\xff\xfe", b'{"results": {}}', b"[" * 100_000],
    ids=["empty", "list", "null", "bytes", "object", "deep"],
)
def test_a_body_without_a_result_list_is_a_lost_answer(content: bytes) -> None:
    """It must not raise either: the request was sent, and a raise would end the run without its report."""
    assert status_answers.from_response(Raw(content), ["a-1"], status_answers.cleaner(())).kind is AnswerKind.LOST


def test_a_hanging_server_is_given_up_when_the_time_left_is_over(emulate: Emulate, connect: Connect) -> None:
    """The SDK's own limit is two minutes, longer than most functions live."""
    emu = emulate(faults=[Fault("put", "hang_executed")])
    answer = connect(emu, deadline=Deadline(lambda: SOON)).send(Action.FLUSH, ids_of(emu))
    assert answer.kind is AnswerKind.LOST
    assert "ReadTimeoutError" in answer.what


def test_a_refused_connection_proves_that_nothing_was_executed(emulate: Emulate, connect: Connect) -> None:
    """Only this proof allows a flush to be sent again."""
    emu = emulate()
    answer = connect(emu, endpoint=f"http://127.0.0.1:{closed_port()}").send(Action.FLUSH, ids_of(emu))
    assert answer.kind is AnswerKind.NOT_CONNECTED
    assert "NewConnectionError" in answer.what


def test_a_name_that_is_not_found_proves_it_too(emulate: Emulate, connect: Connect) -> None:
    """`.invalid` never resolves (RFC 2606); no name server knows it."""
    emu = emulate()
    answer = connect(emu, endpoint="https://dcs.invalid").send(Action.FLUSH, ids_of(emu))
    assert answer.kind is AnswerKind.NOT_CONNECTED


@pytest.mark.parametrize("behaviour", ["garbage", "reset", "hang"])
def test_a_failed_tls_handshake_proves_it_too(emulate: Emulate, connect: Connect, behaviour: str) -> None:
    """The request leaves after the handshake, never before; a reset then looks like a lost answer by its class alone."""
    emu = emulate()
    with broken_tls(behaviour) as port:
        answer = connect(emu, endpoint=f"https://127.0.0.1:{port}", deadline=Deadline(lambda: SOON)).send(Action.FLUSH, ids_of(emu))
    assert answer.kind is AnswerKind.NOT_CONNECTED


def test_a_proxy_that_cannot_be_reached_proves_it_too(emulate: Emulate, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Laptops sit behind proxies; the proxy's password must not reach the report."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:hunter2-secret@127.0.0.1:{closed_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    emu = emulate()
    answer = connect(emu, endpoint="https://dcs.invalid").send(Action.FLUSH, ids_of(emu))
    assert answer.kind is AnswerKind.NOT_CONNECTED
    assert "hunter2" not in answer.what


def test_an_older_connection_error_does_not_make_a_lost_answer_look_unsent(emulate: Emulate, connect: Connect) -> None:
    """Python chains exceptions by context: sent from within an error's handling, the old cause hangs on the new one."""
    emu = emulate(faults=[Fault("put", "lost_answer")])
    dcs = connect(emu)
    try:
        socket.create_connection(("127.0.0.1", closed_port()), timeout=1)
    except OSError:
        answer = dcs.send(Action.FLUSH, ids_of(emu))
    assert answer.kind is AnswerKind.LOST


def test_without_proof_an_error_counts_as_lost() -> None:
    """Should a later SDK bypass our connections, nothing may look unsent that was sent."""
    from dcs_upkeep.adapters.wire import Wire

    wire = Wire(FakeClock())
    wire.begin((5, 30))
    assert status_answers.from_error(OSError("refused"), str, not_sent=wire.seen and not wire.written).kind is AnswerKind.LOST


def test_an_answer_after_the_bytes_left_is_lost_even_when_it_was_a_reset(emulate: Emulate, connect: Connect) -> None:
    """The same exception as a handshake's reset, and the opposite meaning."""
    emu = emulate()
    with plain_server(read_and_reset) as port:
        answer = connect(emu, endpoint=f"http://127.0.0.1:{port}").send(Action.FLUSH, ids_of(emu))
    assert answer.kind is AnswerKind.LOST


def test_a_request_whose_connection_took_too_long_does_not_leave(emulate: Emulate, connect: Connect) -> None:
    """A name with several addresses multiplies the connect timeout; a lease is counted against one."""
    emu = emulate()
    dcs = connect(emu)
    dcs.send(Action.RESTART, ids_of(emu, 1))
    times = iter([100.0, 100.0, 100.0, 106.0])
    dcs._account.wire.real_s = lambda: next(times)
    answer = dcs.send(Action.RESTART, ids_of(emu))
    assert answer.kind is AnswerKind.NOT_CONNECTED
    assert len(emu.truth.puts) == 1


@pytest.mark.parametrize("count", [0, 51])
def test_no_more_than_fifty_ids_ever_leave(emulate: Emulate, connect: Connect, count: int) -> None:
    """DCS.4100 is the only place where the limit stands; nothing says what a longer list would do."""
    emu = emulate(make_fleet(60))
    answer = connect(emu).send(Action.RESTART, ids_of(emu, count))
    assert answer.kind is AnswerKind.BAD_REQUEST
    assert emu.truth.count() == 0


def test_nothing_is_sent_when_no_time_is_left(emulate: Emulate, connect: Connect) -> None:
    """Its answer could not be heard."""
    emu = emulate()
    assert connect(emu, deadline=Deadline(lambda: 0.0)).send(Action.RESTART, ids_of(emu)).kind is AnswerKind.NOT_CONNECTED
    assert emu.truth.count() == 0


def test_a_region_without_stop_and_start_is_told_from_a_bad_instance(emulate: Emulate, connect: Connect) -> None:
    """Splitting the batch would ask the same question again and again."""
    emu = emulate(region_knows_stop_start=False)
    assert connect(emu).send(Action.STOP, ids_of(emu)).kind is AnswerKind.BAD_REQUEST


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"key_pair": Credentials("someone-else-001", "another-secret-002")}, AnswerKind.UNAUTHORIZED),
        ({"project_id": "f" * 32}, AnswerKind.UNAUTHORIZED),
    ],
    ids=["wrong key", "wrong project"],
)
def test_a_wrong_key_or_project_is_denied(emulate: Emulate, connect: Connect, change: dict[str, Any], kind: AnswerKind) -> None:
    """And nothing is executed."""
    emu = emulate()
    assert connect(emu, **change).send(Action.RESTART, ids_of(emu)).kind is kind
    assert not emu.truth.executed


def test_a_security_token_is_part_of_the_signature(emulate: Emulate, connect: Connect) -> None:
    """An agency's key pair is worth nothing without it."""
    emu = emulate(security_token="token-of-the-agency")
    assert connect(emu).send(Action.RESTART, ids_of(emu)).kind is AnswerKind.RESULTS
    assert connect(emu, key_pair=Credentials(emu.ak, emu.sk)).send(Action.RESTART, ids_of(emu)).kind is AnswerKind.UNAUTHORIZED


def test_no_secret_comes_back_in_an_answer(emulate: Emulate, connect: Connect) -> None:
    """Gateways like to quote the access key that they refuse."""
    key_pair = Credentials("AKAKAKAKAKAKAKAK", "sksksksksksksksk", "toktoktoktoktok")
    said = "AKAKAKAKAKAKAKAK/sksksksksksksksk/toktoktoktoktok " * 20
    emu = emulate(
        faults=[Fault("put", "error", status=400, message=said)], ak=key_pair.ak, sk=key_pair.sk, security_token=key_pair.security_token
    )
    answer = connect(emu, key_pair=key_pair).send(Action.RESTART, ids_of(emu))
    assert answer.kind is AnswerKind.ONE_BAD_ID
    assert not any(part in repr(answer) for part in (key_pair.ak, key_pair.sk, str(key_pair.security_token)))
    assert len(answer.what) <= 300


def test_the_sdk_prints_nothing_of_its_own(emulate: Emulate, connect: Connect, capfd: pytest.CaptureFixture[str]) -> None:
    """Its loggers write to stderr as plain text; our log holds one JSON object a line."""
    emu = emulate(faults=[Fault("put", "drop"), Fault("put", "500")])
    dcs = connect(emu)
    for _ in range(3):
        dcs.send(Action.RESTART, ids_of(emu))
    assert capfd.readouterr() == ("", "")


def test_a_put_never_rides_a_connection_that_was_idle_for_more_than_20_s(emulate: Emulate, connect: Connect, clock: FakeClock) -> None:
    """A NAT may have dropped it silently; the PUT would be lost, and nobody could tell whether it was executed."""
    emu = emulate()
    dcs = connect(emu)
    dcs.send(Action.RESTART, ids_of(emu, 1))
    clock.sleep(19)
    dcs.send(Action.RESTART, ids_of(emu, 2)[1:])
    clock.sleep(21)
    dcs.send(Action.RESTART, ids_of(emu)[2:])
    first, second, third = (put.connection for put in emu.truth.puts)
    assert first == second != third


def test_a_netrc_entry_does_not_replace_the_signature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library under the SDK takes it from the home directory, unasked."""
    import requests

    from dcs_upkeep.adapters.transport import prepare
    from dcs_upkeep.adapters.wire import Wire

    (tmp_path / "netrc").write_text("machine dcs.example.com login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    session = requests.Session()
    prepare(session, Wire(FakeClock()), connections=1, loopback=False)
    request = session.prepare_request(requests.Request("PUT", "https://dcs.example.com/", headers={"Authorization": "signed"}))
    assert request.headers["Authorization"] == "signed"


@pytest.mark.parametrize(("left_s", "timeout_s"), [(float("inf"), 35), (100, 35), (35, 35), (20, 20), (3, 3), (2.9, 0), (0, 0), (-5, 0)])
def test_the_longest_put_fits_the_time_left(emulate: Emulate, connect: Connect, left_s: float, timeout_s: float) -> None:
    """Leases are counted against it, so it may be too long, never too short."""
    from dcs_upkeep.adapters.timeouts import fit

    assert connect(emulate(), deadline=Deadline(lambda: left_s)).put_timeout_s() == timeout_s
    if left_s > 0:
        connect_s, read_s = fit(left_s, 5, 30)
        assert connect_s <= 5
        assert read_s <= 30
        assert connect_s + read_s <= left_s


def test_puts_may_be_sent_from_several_threads(emulate: Emulate, connect: Connect) -> None:
    """Each thread has its own time-out and its own proof of what left."""
    emu = emulate(make_fleet(16))
    dcs = connect(emu)
    threads = [threading.Thread(target=dcs.send, args=(Action.RESTART, [one])) for one in ids_of(emu, 16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.instance_id for one in emu.truth.executed) == sorted(ids_of(emu, 16))
    assert dcs.calls() == {"restart_or_flush_instances": 16}


def closed_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def read_and_reset(conn: socket.socket) -> None:
    """Take the request, then break off."""
    conn.recv(65536)
    reset(conn)


def reset(conn: socket.socket) -> None:
    """Close with a TCP reset instead of a farewell."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    conn.close()


@contextmanager
def plain_server(answer: Callable[[socket.socket], Any]) -> Iterator[int]:
    """A server that does one thing with each connection; yields its port."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)

        def serve() -> None:
            kept = []
            while not over.is_set():
                try:
                    conn, _ = listener.accept()
                except TimeoutError:
                    continue
                conn.settimeout(2)
                kept.append(conn)
                answer(conn)
            for conn in kept:
                conn.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            over.set()
            thread.join()


@contextmanager
def broken_tls(behaviour: str) -> Iterator[int]:
    """A server that breaks the TLS handshake."""

    def answer(conn: socket.socket) -> None:
        conn.recv(65536)
        if behaviour == "garbage":
            conn.sendall(b"HTTP/1.0 400 this is no TLS\r\n\r\n")
        elif behaviour == "reset":
            reset(conn)

    assert ssl.HAS_TLSv1_2
    with plain_server(answer) as port:
        yield port
