"""From a raw event of any shape to records that each ask for something, or are refused by name. Pure; never raises.

What each envelope looks like, and how its run id is made, is in docs/triggers.md.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dcs_upkeep.domain.model import Trigger, TriggerKind
from dcs_upkeep.domain.problems import join
from dcs_upkeep.triggers.delivery import Delivery, DeliveryItem, RunIdScope, StartRun
from dcs_upkeep.triggers.envelopes import Envelope, find_envelope
from dcs_upkeep.triggers.failure_records import SENT_AGAIN, is_failure_record, read_failure_record, sent_again_at
from dcs_upkeep.triggers.foreign import Foreign, look_closer, recognise
from dcs_upkeep.triggers.http_requests import header_lists, http_trigger
from dcs_upkeep.triggers.json_input import InvalidJsonError, check_depth, decode, is_prose, parse_twice_encoded
from dcs_upkeep.triggers.payload import PayloadParser
from dcs_upkeep.triggers.plans_file import PlansFile
from dcs_upkeep.triggers.principal import line, senders, sign
from dcs_upkeep.triggers.records import MAX_RECORDS, Event, Part

MOST_ENVELOPES = 3  # one inside the other
MOST_FAILURES = 3  # records of failures, one inside the other: a redriven event may fail again


def parse(
    event: object, scope: RunIdScope, plans: PlansFile | None, now: datetime, *, plans_only: bool = False, http_anonymous: bool = False
) -> Delivery:
    """What an event asks for. `now`: for its age. `plans_only`: requests that are written out are refused.

    `http_anonymous`: an HTTP request of AWS is taken although nobody's identity was checked.
    """
    opening = _Opening()
    direct = Trigger(TriggerKind.DIRECT, scope.request_id, principal=line(scope.user))
    items = tuple(opening.carried(Part(direct, event), PayloadParser(scope, plans, now, plans_only, http_anonymous)))
    answered = opening.answered
    return Delivery(
        opening.outermost or TriggerKind.DIRECT,
        items,
        several=len(items) > 1,
        http=answered is TriggerKind.HTTP,
        sqs=answered is TriggerKind.SQS,
        groups=opening.groups if answered is TriggerKind.SQS else {},
        header_lists=opening.header_lists,
    )


class _Opening:
    """Opens one event: what is in it, what is in that, and so on. `failures`: how many records of failures were met.

    `answered`: the outermost, if its sender waits for an answer: nobody does for the event in a record of a failure.
    `header_lists`: the outermost is an HTTP request whose answer must give each header as a list.
    """

    def __init__(self) -> None:
        self.outermost: TriggerKind | None = None
        self.answered: TriggerKind | None = None
        self.groups: dict[str, str] = {}
        self.header_lists = False
        self.failures = 0
        self._records = 0

    def carried(self, part: Part, parser: PayloadParser, envelopes: int = 0) -> list[DeliveryItem]:
        """What became of one record. `envelopes`: how many it is in."""
        items = self._read(part, parser, envelopes)
        if part.within is None:
            return items
        within = part.path.rpartition(".")[0]
        return [parser.named(item, part.within, within, part.content, is_opened=_is_envelope(part.content)) for item in items]

    def _read(self, part: Part, parser: PayloadParser, envelopes: int) -> list[DeliveryItem]:
        if part.item is not None:
            return [part.item]
        try:
            value = _value_of(part.content, parser)
        except InvalidJsonError as err:
            return [parser.refuse(part.trigger, part.path, str(err))]
        first = value[0] if isinstance(value, list) and value else value  # AppSync asks for several fields in one list
        if isinstance(first, dict) and not is_failure_record(first) and (found := recognise(first)) is not None:
            return [self._foreign(found, first, part, parser)]
        if not isinstance(value, dict):
            return [_no_object(value, part, parser)]
        if is_failure_record(value):
            return self._redriven(value, part, parser, envelopes)
        if envelope := find_envelope(value):
            return self._opened(envelope, value, part, parser, envelopes)
        if (found := look_closer(value)) is not None:
            return [parser.foreign(part.trigger, part.path, found)]
        return [_keyed(parser.value(value, part.path, part.trigger), part, parser)]

    def _foreign(self, found: Foreign, event: Event, part: Part, parser: PayloadParser) -> DeliveryItem:
        """The refusal of another service's event. One that came by HTTP itself is answered so."""
        if not found.http or self.outermost is not None or self.failures:
            return parser.foreign(part.trigger, part.path, found)
        self.outermost = self.answered = TriggerKind.HTTP
        return parser.foreign(http_trigger(event, parser), part.path, found)

    def _redriven(self, event: Event, part: Part, parser: PayloadParser, envelopes: int) -> list[DeliveryItem]:
        """The event in the record of an invocation that failed. It is as good as that event, but whoever sends it may have written it."""
        self.failures += 1
        if self.failures > MOST_FAILURES:
            what = f"records of failed invocations stand one inside the other, more than {MOST_FAILURES} deep"
            return [parser.refuse(part.trigger, part.path, what, "Send the event that is in them.")]
        if envelopes == 0 and self.failures == 1:
            # Only whoever calls the function itself may say so: a queue or a topic could bring the record late once more.
            try:
                parser = replace(parser, sent_again=sent_again_at(event))
            except ValueError:
                where = join(part.path, SENT_AGAIN)
                return [parser.refuse(part.trigger, where, "this is not a valid time", "Write it as ISO 8601, or leave it out.")]
        return self.carried(read_failure_record(event, part.path, part.trigger, parser), replace(parser, trusted=False), envelopes)

    def _opened(self, envelope: Envelope, event: Event, part: Part, parser: PayloadParser, envelopes: int) -> list[DeliveryItem]:
        """What an envelope carries, record by record. An alarm is no envelope: it ends here."""
        trigger = part.trigger
        if envelopes >= MOST_ENVELOPES and envelope.kind is not TriggerKind.ALARM:
            what = f"this is an envelope ({envelope.kind}) inside {envelopes} others, and at most {MOST_ENVELOPES} are opened"
            return [parser.refuse(trigger, part.path, what, "Send what is in it without so many envelopes.")]
        if envelopes:
            parser = replace(parser, trusted=False)
        else:
            self.outermost = envelope.kind
            self.answered = None if self.failures else envelope.kind
            self.header_lists = envelope.kind is TriggerKind.HTTP and header_lists(event)
        # Without an id of its own it has that of what it came in.
        parts = envelope.read(event, part.path, replace(parser, scope=replace(parser.scope, request_id=trigger.id)))
        if envelopes and self._records + len(parts) > MAX_RECORDS:
            return [parser.refuse(trigger, part.path, f"the event holds more than {MAX_RECORDS} records", "Send fewer in one event.")]
        self._records += len(parts)
        items: list[DeliveryItem] = []
        for inner, sender in zip(parts, senders(envelope.kind, event, len(parts)), strict=True):
            timed = inner if inner.trigger.time else replace(inner, trigger=replace(inner.trigger, time=trigger.time))
            found = [sign(item, sender) for item in self.carried(timed, parser, envelopes + 1)]
            if envelopes == 0 and inner.record is not None:
                found = [replace(item, record=inner.record) for item in found]
                if inner.group is not None:
                    self.groups[inner.record] = inner.group
            items += found
        return items


def _value_of(content: object, parser: PayloadParser) -> object:
    """The value that is carried: of a text, what is written in it; words, the plain name of a plan and our own report stay texts."""
    if isinstance(content, str | bytes | bytearray | memoryview):
        text = decode(content)
        if parser.is_plain(text):
            return text
        try:
            return parse_twice_encoded(text)
        except InvalidJsonError:
            if is_prose(text):
                return text
            raise
    check_depth(content)
    return content


def _no_object(value: object, part: Part, parser: PayloadParser) -> DeliveryItem:
    """What a value is that is no object: words, or something wrong. A list is told by its first."""
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, dict):
        if envelope := find_envelope(first):
            return parser.refuse(
                part.trigger, part.path, f"this is a list of events ({envelope.kind}), and only one is taken", "Send each alone."
            )
        if (found := look_closer(first)) is not None:
            return parser.foreign(part.trigger, part.path, found)
    return parser.value(value, part.path, part.trigger)


def _is_envelope(content: object) -> bool:
    """Whether this is an envelope, and not only an object with a field `request`, which those of services may have."""
    envelope = find_envelope(content) if isinstance(content, dict) else None
    return envelope is not None and (envelope.kind is not TriggerKind.SCHEDULER or (isinstance(content, dict) and "run_id" in content))


def _keyed(item: DeliveryItem, part: Part, parser: PayloadParser) -> DeliveryItem:
    """A run for which its caller gave a key that cannot be used is not begun under another. (A command is never kept from its work.)"""
    if part.key_problem is None or not isinstance(item, StartRun) or item.spec.request.run_id is not None:
        return item
    return parser.invalid(item.spec.trigger, (part.key_problem,))
