"""What an answer becomes for a caller in this process, who has no socket on which it could be lost."""

from __future__ import annotations

from collections.abc import Callable

from .exchange import Answer
from .truth import Record

Answered = tuple[int, dict[str, str], bytes]


class NoAnswerError(Exception):
    """What a socket would have done instead of answering. The request was received, and may have been executed."""


class TimedOutError(NoAnswerError):
    """Nothing will ever come: the caller's read timeout is up. No time has passed for it yet."""


class ConnectionDroppedError(NoAnswerError):
    """The connection was closed without a byte."""


class BodyCutError(NoAnswerError):
    """The connection was closed after half the body. `status`, `headers` and `received` came before."""

    def __init__(self, status: int, headers: dict[str, str], received: bytes) -> None:
        super().__init__(f"the connection was closed after {len(received)} bytes of the body")
        self.status, self.headers, self.received = status, headers, received


def hand_over(record: Record, answer: Answer, wait: Callable[[float], object]) -> Answered:
    """The answer as a value, or the exception that stands for what a socket would have done."""
    if answer.transport == "hang":
        raise TimedOutError(f"request {record.number} is never answered")
    if answer.transport == "close":
        raise ConnectionDroppedError(f"request {record.number}: the connection was closed without an answer")
    headers, body = answer.headers(record.request_id), answer.body()
    if answer.pause_s:
        wait(answer.pause_s * (len(headers) if answer.transport == "slow_head" else len(body)))
    if answer.transport == "half":
        raise BodyCutError(answer.status, headers, body[: len(body) // 2])
    return answer.status, headers, body
