"""A message of the dead-letter queue, as a person judges it: what it was, why it failed, how old it is, and what can be sent again. Pure.

Two kinds are there: the record that Lambda makes of an invocation that failed, and the input that EventBridge Scheduler could not
deliver, which has the reason in its attributes. Sources: asynchronous invocation destinations of AWS Lambda; EventBridge Scheduler
user guide, dead-letter queues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Any, TypeGuard

from dcs_upkeep import triggers
from dcs_upkeep.domain.bounds import cut
from dcs_upkeep.domain.model import TriggerKind
from dcs_upkeep.domain.problems import json_line, one_line, shorten
from dcs_upkeep.domain.timestamps import iso
from dcs_upkeep.triggers import ControlCommand, Ignored, Invalid, RunIdScope, StartRun
from dcs_upkeep.triggers.delivery import DeliveryItem
from dcs_upkeep.triggers.failure_records import SENT_AGAIN, is_failure_record
from dcs_upkeep.triggers.json_input import InvalidJsonError, parse_untrusted_json
from dcs_upkeep.triggers.plans_file import PlansFile

SHOWN = 600  # bytes of a reason
PLAN_AGE_S = 3600.0  # what a plan allows that does not say
TOO_LARGE = "Lambda has left the event out of its record, since it is too large. Send the event itself, then delete the message."
TRUNCATED = "EventBridge Scheduler has cut the input short. Send the event itself, then delete the message."


class Verdict(Enum):
    """What may be done with a message."""

    SEND = auto()
    LATE = auto()  # the same, but it is older than it allows
    DONE = auto()  # nothing is left to be done for it
    KEEP = auto()  # it cannot be sent


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message. `event`: what the function is sent. `note`: why it is late, done or kept."""

    message_id: str
    what: str
    why: str
    since: datetime | None
    verdict: Verdict
    note: str = ""
    event: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Failure:
    """What a message says of one failed event. `function`: whose it was; empty if nobody says."""

    content: object
    context: Mapping[str, Any]
    why: str
    function: str


def read_dead_letter(message: Mapping[str, Any], function: str | None, plans: PlansFile | None, now: datetime) -> DeadLetter:
    """A message as SQS hands it out. `function`: to which it would be sent; None if it is only looked at."""
    message_id, since = str(message.get("MessageId", "")), _sent_at(message)

    def kept(what: str, why: str, note: str) -> DeadLetter:
        return DeadLetter(message_id, what, why, since, Verdict.KEEP, note)

    try:
        body = parse_untrusted_json(message.get("Body", ""))
    except InvalidJsonError as err:
        return kept("not an event", "", f"{err}. Look at it in the console.")
    failure = _failure(body, message)
    if isinstance(failure, str):
        return kept("an event that is not there", "", failure)
    if function and failure.function and name_of(function) != name_of(failure.function):
        whose = one_line(name_of(failure.function))
        return kept("an event of another function", failure.why, f"It belongs to {whose}: name that function.")
    record = {"requestContext": dict(failure.context), "requestPayload": failure.content}
    return _judge(record, DeadLetter(message_id, "", failure.why, since, Verdict.SEND), plans, now)


def name_of(function: str) -> str:
    """A function's name, of a name or an ARN, without the version."""
    return function.rpartition(":function:")[2].split(":")[0]


def _failure(body: object, message: Mapping[str, Any]) -> _Failure | str:
    """What failed, whoever keeps it there; or why the event is not in the message."""
    said = {name: str(one.get("StringValue", "")) for name, one in (message.get("MessageAttributes") or {}).items()}
    if isinstance(body, dict) and isinstance(body.get("requestContext"), dict) and "condition" in body["requestContext"]:
        if "requestPayload" not in body:
            return TOO_LARGE
        why, function = _why(body), str(body["requestContext"].get("functionArn") or "")
        # What was sent again and failed again stands inside: the function opens only so many, one inside the other.
        while _is_record(inner := body["requestPayload"]):
            body = inner
        context = {key: body["requestContext"].get(key) for key in ("requestId", "functionArn", "condition")}
        return _Failure(body["requestPayload"], context, why, function)
    if said.get("IS_PAYLOAD_TRUNCATED", "").lower() == "true":
        return TRUNCATED
    why = ": ".join(part for part in (said.get("ERROR_CODE"), said.get("ERROR_MESSAGE")) if part)
    context = {"requestId": str(message.get("MessageId", "")), "condition": said.get("ERROR_CODE") or "NotDelivered"}
    put_in = {"schedule-arn": said.get("SCHEDULE_ARN"), "scheduled-time": said.get("SCHEDULED_TIME")}
    return _Failure(_with(body, put_in), context, _in_short(why or "nobody says"), said.get("TARGET_ARN", ""))


def _is_record(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict) and "requestPayload" in value and is_failure_record(value)


def _with(value: object, put_in: Mapping[str, str | None]) -> object:
    """The Scheduler's input with those of its placeholders replaced that nobody has replaced yet."""
    if isinstance(value, dict):
        return {key: _with(one, put_in) for key, one in value.items()}
    if isinstance(value, str):
        for name, text in put_in.items():
            value = value.replace(f"<aws.scheduler.{name}>", text) if text else value
    return value


def _why(record: Mapping[str, Any]) -> str:
    answer = record.get("responsePayload")
    if isinstance(answer, dict) and answer.get("errorMessage"):
        return _in_short(f"{answer.get('errorType', 'error')}: {answer['errorMessage']}")
    return _in_short(str(record["requestContext"].get("condition") or "nobody says"))


def _judge(record: Mapping[str, Any], found: DeadLetter, plans: PlansFile | None, now: datetime) -> DeadLetter:
    """What the function would make of it now, as far as that can be told without its settings."""

    def as_(verdict: Verdict, what: str, note: str = "") -> DeadLetter:
        event = {**record, SENT_AGAIN: iso(now)} if verdict in (Verdict.SEND, Verdict.LATE) else None
        return DeadLetter(found.message_id, what, found.why, found.since, verdict, note, event)

    content = record["requestPayload"]
    if isinstance(content, dict) and (content.get("command") == "sweep" or "resume" in content):
        what = "a sweep" if "command" in content else "a run's next invocation"
        return as_(Verdict.DONE, what, "The sweep does this every five minutes.")
    items = _items({**record, SENT_AGAIN: iso(now)}, plans, now)
    wanted = [item for item in items if isinstance(item, StartRun | ControlCommand) or (plans is None and _asks_for_a_plan(item))]
    ignored = [item.reason for item in items if isinstance(item, Ignored)]
    if not wanted and len(ignored) == len(items):
        return as_(Verdict.DONE, "an event that asks for nothing", _in_short(ignored[0]))
    problems = [_in_short(" ".join(map(str, item.problems))) for item in items if isinstance(item, Invalid) and item not in wanted]
    if not wanted:
        return as_(Verdict.KEEP, "an event that would be refused again", problems[0])
    what = "; ".join(_what(item) for item in wanted[:5]) + (f" and {len(wanted) - 5} more" if len(wanted) > 5 else "")
    late = _late(_items(record, plans, now), wanted, now)
    return as_(Verdict.LATE if late else Verdict.SEND, what, late or " ".join(problems[:1]))


def _items(record: Mapping[str, Any], plans: PlansFile | None, now: datetime) -> Sequence[DeliveryItem]:
    scope = RunIdScope("lambda", "", "", "", str(record["requestContext"].get("requestId") or ""))
    return triggers.parse(record, scope, plans, now, http_anonymous=True).items


def _asks_for_a_plan(item: DeliveryItem) -> bool:
    """By its name, or by an alarm: where plans.json is not at hand nobody can tell more, and the function has it."""
    if not isinstance(item, Invalid | Ignored):
        return False
    named = isinstance(item, Invalid) and [one.path.rpartition(".")[2] for one in item.problems] == ["plan"]
    return named or item.trigger.kind is TriggerKind.ALARM


def _late(items: Sequence[DeliveryItem], wanted: Sequence[DeliveryItem], now: datetime) -> str:
    """That it is older than it allows; empty if it is not."""
    for item in items:
        if isinstance(item, Invalid) and item.problems[0].path == "time":
            return f"{item.problems[0].what}."
    for item in wanted:
        if isinstance(item, Invalid | Ignored) and item.trigger.time and now - item.trigger.time > timedelta(seconds=PLAN_AGE_S):
            return f"the event is from {iso(item.trigger.time)}, and plans that do not say otherwise allow {PLAN_AGE_S:g} s."
    return ""


def _what(item: DeliveryItem) -> str:
    came = f"from {(item.spec.trigger if isinstance(item, StartRun) else item.trigger).kind}"
    if isinstance(item, ControlCommand):
        return f"the command {item.command}, {came}"
    if not isinstance(item, StartRun):
        return f"a plan of plans.json, which is not at hand here, {came}"
    request = item.spec.request
    if item.spec.plan_name:
        about = f"the plan {shorten(item.spec.plan_name)}"
    elif request.instances is not None:
        about = f"{len(request.instances)} instances"
    else:
        chosen = request.select.model_dump(mode="json", exclude_defaults=True) if request.select else {}
        about = cut(json_line(chosen), 200)
    name = f" ({shorten(request.name)})" if request.name else ""
    return f"{'dry run of ' if request.dry_run else ''}{request.action} of {about}{name}, {came}"


def _sent_at(message: Mapping[str, Any]) -> datetime | None:
    """When it came into the queue."""
    sent = str((message.get("Attributes") or {}).get("SentTimestamp", ""))
    return datetime.fromtimestamp(int(sent) / 1000, UTC) if sent.isascii() and sent.isdigit() and len(sent) < 15 else None


def _in_short(text: str) -> str:
    return cut(one_line(text), SHOWN)
