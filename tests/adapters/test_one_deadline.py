"""Answers and handshakes that come a byte at a time, to every client: one deadline for each. In real time, so the limits are short."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from dcs_upkeep.adapters.account import own_account
from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.adapters.credentials import from_secret
from dcs_upkeep.adapters.dcs.client import HuaweiDcs
from dcs_upkeep.adapters.hosts.aws_lambda import LambdaHost
from dcs_upkeep.adapters.journals import open_journal
from dcs_upkeep.adapters.topics import build_topics
from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import CloudError, JournalError
from dcs_upkeep.domain.model import AnswerKind, Credentials, Location
from dcs_upkeep.domain.ports import Message
from tests.contexts import LambdaContext

LEFT_S = 0.6
BYTE_S, BYTES = 0.03, 800  # 24 s: longer than whoever gives up may take, and each byte in time for any socket's timeout
MOST_S = 12.0
ARN = "arn:aws:sns:eu-central-1:123456789012:reports"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:dcs-upkeep-AbCdEf"
BEGINNINGS = {
    "head": b"HTTP/1.1 200 OK\r\nX-Slow: ",
    "body": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186A0\r\n",
    "error": b"HTTP/1.1 500 Oops\r\nContent-Length: 100000\r\n\r\n",
    "handshake": b"\x16\x03\x03\x3f\xff\x02",  # the beginning of a long record
}


class Trickle:
    """A server that answers a byte at a time, until it is stopped."""

    def __init__(self, beginning: bytes, *, is_tls: bool) -> None:
        self._beginning = beginning
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if is_tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._asked_at: float | None = None
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._stopped.set()
        self._listener.close()

    @property
    def was_asked(self) -> bool:
        return self._asked_at is not None

    def deadline(self) -> Deadline:
        """Over in a moment, counted from when it was first asked: making a client takes its time on a busy machine."""
        return Deadline(lambda: LEFT_S if self._asked_at is None else LEFT_S - (time.monotonic() - self._asked_at))

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._asked_at = self._asked_at or time.monotonic()
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client:
            try:
                client.recv(100_000)
                client.sendall(self._beginning)
                for _ in range(BYTES):
                    if self._stopped.wait(BYTE_S):
                        return
                    client.sendall(b"x")
            except OSError:
                return  # whoever asked has given up


@pytest.fixture(params=list(BEGINNINGS))
def slow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trickle]:
    """One that is slow in each way, at which boto3 finds every service of Amazon's."""
    server = Trickle(BEGINNINGS[request.param], is_tls=request.param == "handshake")
    for key, value in {"AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t"}.items():
        monkeypatch.setenv(key, value)
    yield server
    server.close()


class EndingHost(LambdaHost):
    """A function that has no more than a moment."""

    def __init__(self, slow: Trickle) -> None:
        super().__init__(LambdaContext(), {})
        self._deadline = slow.deadline()

    def remaining_s(self) -> float:
        return self._deadline.remaining_s()


def journal(slow: Trickle) -> Any:
    return open_journal(f"dynamodb://t?region=eu-central-1&endpoint={slow.url}", clock=SystemClock(), deadline=slow.deadline())


def sns(slow: Trickle) -> Any:
    account = own_account(lambda: Credentials("a", "b"))
    (topic,) = build_topics([ARN], account=account, deadline=slow.deadline())
    return topic.publish(Message("a", "b"))


def smn(slow: Trickle) -> Any:
    account = own_account(lambda: Credentials("a", "b"))
    (topic,) = build_topics(["urn:smn:cn-north-4:p:reports"], account=account, smn_endpoint=slow.url, deadline=slow.deadline())
    return topic.publish(Message("a", "b"))


def dcs(slow: Trickle) -> HuaweiDcs:
    return HuaweiDcs(
        own_account(lambda: Credentials("a", "b")), lambda: Location("cn-north-4", "p"), endpoint=slow.url, deadline=slow.deadline()
    )


CALLS: list[Any] = [
    pytest.param(sns, CloudError, id="sns"),
    pytest.param(smn, CloudError, id="smn"),
    pytest.param(lambda slow: journal(slow).append("run/a", 0, {}), JournalError, id="journal append"),
    pytest.param(lambda slow: journal(slow).read("run/a"), JournalError, id="journal read"),
    pytest.param(lambda slow: from_secret(SECRET, slow.deadline().remaining_s), CloudError, id="secret"),
    pytest.param(lambda slow: EndingHost(slow).call_self({"resume": "r"}), CloudError, id="self-call"),
    pytest.param(lambda slow: dcs(slow).show(["0" * 8 + "-0000-4000-8000-" + "0" * 12]), CloudError, id="dcs"),
]


@pytest.mark.parametrize(("call", "error"), CALLS)
def test_a_call_ends_when_its_time_is_over_however_its_answer_comes(
    slow: Trickle, call: Callable[[Trickle], Any], error: type[Exception]
) -> None:
    began = time.monotonic()
    with pytest.raises(error):
        call(slow)
    assert time.monotonic() - began < MOST_S
    assert slow.was_asked


def test_a_status_put_whose_handshake_trickles_was_not_sent() -> None:
    """Nothing of it left, so that even a flush may be sent again."""
    server = Trickle(BEGINNINGS["handshake"], is_tls=True)
    answer = dcs(server).send(Action.FLUSH, ["0" * 8 + "-0000-4000-8000-" + "0" * 12])
    server.close()
    assert answer.kind is AnswerKind.NOT_CONNECTED


def test_no_attempt_begins_when_no_time_is_left(aws: str) -> None:
    arn = boto3.client("sns", region_name="eu-central-1").create_topic(Name="late")["TopicArn"]
    (topic,) = build_topics([arn], account=own_account(lambda: Credentials("a", "b")), deadline=Deadline(lambda: 0.0))
    with pytest.raises(CloudError, match="no answer came .NoTimeLeftError"):
        topic.publish(Message("a", "b"))
