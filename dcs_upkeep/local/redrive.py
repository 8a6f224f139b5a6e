"""Sends dead letters back to the function. SQS cannot: it redrives no queue that a destination of Lambda has filled.

A message is deleted only after Lambda has accepted its event. What is not sent shows up in the queue again at the end of the command or,
if that is killed, a quarter of an hour later. An event that is sent twice is carried out once: its run id is the same.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.ports import Clock
from dcs_upkeep.domain.problems import one_line
from dcs_upkeep.domain.timestamps import utc_text
from dcs_upkeep.local.dead_letters import DeadLetter, Verdict, read_dead_letter
from dcs_upkeep.triggers.plans_file import PlansFile

# What this asks of AWS, in the name of whoever runs it; the function never does.
PERMISSIONS = {
    "receive_message": "sqs:ReceiveMessage",
    "change_message_visibility": "sqs:ChangeMessageVisibility",
    "delete_message": "sqs:DeleteMessage",
    "invoke": "lambda:InvokeFunction",
}
CONNECT_S, READ_S = 5.0, 30.0
HIDDEN_S = 900
MOST = 200  # messages of one call
LOOK_S = 1  # SQS asks all of its servers if it may wait; else it may miss some messages of a short queue
# The region in the address of a queue, as it is written today and as it was.
_REGION = re.compile(r"//(?:sqs\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.(?:queue\.)?amazonaws\.com")
_QUEUE_ADDRESS = re.compile(r"https?://\S+/\S+")
# Lambda's words for an event that it never takes, whoever sends it.
_NEVER = ("RequestTooLargeException", "InvalidRequestContentException")
_FIXES = {
    "QueueDoesNotExist": "Write the address that the stack shows as DeadLetterQueueUrl.",
    "ResourceNotFoundException": "Write the name that the stack shows as FunctionName, and look at the region.",
    "TooManyRequestsException": "The function is throttled: send them again later.",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person decides, and how they are told.

    `wanted`: whether a message is sent, or removed if nothing is left to be done for it.
    """

    wanted: Callable[[DeadLetter], bool]
    tell: Callable[[str], None]


class DeadLetterQueue:
    """The queue. Messages are hidden from others from when they are read until they are deleted or given back."""

    def __init__(self, address: str, look_s: int = LOOK_S) -> None:
        """Raises: CloudError if that is no address of a queue."""
        if not _QUEUE_ADDRESS.fullmatch(address):
            raise CloudError("receive_message", f"{one_line(address[:100])} is no address of a queue", _FIXES["QueueDoesNotExist"])
        self._address = address
        self._look_s = look_s
        self._receipts: dict[str, str] = {}
        self._seen: set[str] = set()

    @cached_property
    def region(self) -> str | None:
        """That of the address; None if it does not say."""
        found = _REGION.search(self._address)
        return found[1] if found else None

    @cached_property
    def _client(self) -> Any:
        return _client("sqs", self.region, attempts=2)

    def messages(self) -> Iterator[Mapping[str, Any]]:
        """Each message once, `MOST` at most. Raises: CloudError."""
        while len(self._seen) < MOST:
            with _translated("receive_message"):
                answer = self._client.receive_message(
                    QueueUrl=self._address,
                    MaxNumberOfMessages=10,
                    VisibilityTimeout=HIDDEN_S,
                    WaitTimeSeconds=self._look_s,
                    AttributeNames=["SentTimestamp"],
                    MessageAttributeNames=["All"],
                )
            found = answer.get("Messages", [])
            new = [one for one in found if one["MessageId"] not in self._seen]
            self._seen |= {one["MessageId"] for one in new}
            self._receipts |= {one["MessageId"]: one["ReceiptHandle"] for one in found}
            if not new:
                return
            yield from new

    def delete(self, message_id: str) -> None:
        """Take it out. Raises: CloudError."""
        with _translated("delete_message"):
            self._client.delete_message(QueueUrl=self._address, ReceiptHandle=self._receipts[message_id])
        del self._receipts[message_id]

    def give_back(self) -> None:
        """Show the others in the queue again. Where that fails they show up by themselves."""
        for receipt in self._receipts.values():
            try:
                with _translated("change_message_visibility"):
                    self._client.change_message_visibility(QueueUrl=self._address, ReceiptHandle=receipt, VisibilityTimeout=0)
            except CloudError:
                return


def redrive(queue: DeadLetterQueue, function: str | None, plans: PlansFile | None, clock: Clock, answers: Answers) -> int:
    """Go through the queue; without a function only show it. Returns how many messages cannot be sent. Raises: CloudError."""
    ends: Counter[str] = Counter()
    try:
        for number, message in enumerate(queue.messages(), 1):
            letter = read_dead_letter(message, function, plans, clock.now())
            answers.tell(f"{number}. {described(letter, clock.now())}")
            end = _carry_out(letter, queue, function, answers)
            ends[end.split(":")[0]] += 1
            if function is not None:
                answers.tell(f"   {end}")
    finally:
        queue.give_back()
    answers.tell(_summary(ends, changed=function is not None))
    return ends["stays"]


def _carry_out(letter: DeadLetter, queue: DeadLetterQueue, function: str | None, answers: Answers) -> str:
    """What became of one message."""
    if letter.verdict is Verdict.KEEP:
        return "stays: it cannot be sent"
    if function is None or not answers.wanted(letter):
        return "left"
    if letter.verdict is not Verdict.DONE and (problem := _invoke(function, queue.region, letter)):
        return f"stays: {problem}"
    queue.delete(letter.message_id)
    return "removed" if letter.verdict is Verdict.DONE else "sent: the function carries it out, and reports"


def _invoke(function: str, region: str | None, letter: DeadLetter) -> str:
    """Hand the event to Lambda. Returns why it never will be taken; empty if it was. Raises: CloudError.

    Source: Lambda API, Invoke with `InvocationType=Event`. Not repeated: a lost answer leaves the message in the queue.
    """
    from botocore.exceptions import ClientError

    payload = json.dumps(letter.event).encode()
    with _translated("invoke"):
        try:
            answer = _client("lambda", region, attempts=1).invoke(FunctionName=function, InvocationType="Event", Payload=payload)
        except ClientError as err:
            if err.response["Error"]["Code"] in _NEVER:
                return f"Lambda does not take it ({err.response['Error']['Code']}). Send the event itself, then delete the message."
            raise
    if answer["StatusCode"] != 202:
        raise CloudError("invoke", f"answered {answer['StatusCode']} in place of 202", "Look at the function; the message is in the queue.")
    return ""


def described(letter: DeadLetter, now: datetime) -> str:
    """A message in a few lines: what it was, since when it waits, why it failed, and what is to be known before it is sent."""
    age = f", since {utc_text(letter.since)} ({_age((now - letter.since).total_seconds())} ago)" if letter.since else ""
    lines = [f"{letter.what}{age}"]
    if letter.why:
        lines.append(f"   failed: {letter.why}")
    if letter.note:
        word = {Verdict.LATE: "late", Verdict.DONE: "not needed", Verdict.KEEP: "stays", Verdict.SEND: "in part"}[letter.verdict]
        lines.append(f"   {word}: {letter.note}")
    return "\n".join(lines)


def _age(seconds: float) -> str:
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {name}"
    return f"{max(0.0, seconds):.0f} s"


def _summary(ends: Counter[str], *, changed: bool) -> str:
    if not ends:
        return "The queue shows no messages."
    total = ends.total()
    what = ", ".join(f"{count} {end}" for end, count in sorted(ends.items())) if changed else "nothing was changed; --function sends them"
    return f"{total} messages: {what}." + (f" These are {total}, and more may be there: run it again." if total >= MOST else "")


def _client(service: str, region: str | None, *, attempts: int) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"total_max_attempts": attempts})
    with _translated("receive_message" if service == "sqs" else "invoke"):
        return boto3.client(service, region_name=region, config=config)


@contextmanager
def _translated(operation: str) -> Iterator[None]:
    """What boto3 raises, as a sentence that says what to do. Whatever was not deleted is in the queue."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

    right = PERMISSIONS[operation]
    try:
        yield
    except ClientError as err:
        code, meta = str(err.response["Error"]["Code"]), err.response["ResponseMetadata"]
        status = meta.get("HTTPStatusCode")
        fix = next((words for name, words in _FIXES.items() if name in code.replace("NonExistentQueue", "QueueDoesNotExist")), None)
        fix = fix or f"Grant {right} to whoever runs this, and to the key of the queue if it has one. The messages are in the queue."
        raise CloudError(operation, f"answered {status} {code}", fix, status=status, code=code) from None
    except NoRegionError:
        raise CloudError(operation, "the region is not known", "Set AWS_REGION; the address of the queue does not say it.") from None
    except NoCredentialsError:
        raise CloudError(operation, "there are no AWS credentials", f"Set them, with {right}.") from None
    except BotoCoreError as err:
        what = f"no answer came ({type(err).__name__})"
        raise CloudError(operation, what, "Check the network, then run it again: what was sent twice is carried out once.") from None
