"""The table of envelopes: every kind of trigger has a row, and no row hides another."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dcs_upkeep.domain.model import TriggerKind
from dcs_upkeep.triggers import parser
from dcs_upkeep.triggers.envelopes import ENVELOPES
from tests.triggers.test_triggers import ENVELOPES as SAMPLES
from tests.triggers.test_triggers import NOW, PLANS, REQUEST, SCOPE, alarm

EVENTS: dict[str, tuple[Any, str]] = {
    **{name: (wrap(REQUEST), "sqs" if name == "sns in sqs" else kind) for name, (wrap, kind, _) in SAMPLES.items() if kind != "direct"},
    "alarm": (json.loads(alarm()), "alarm"),
}


def test_every_kind_that_comes_in_an_envelope_has_one_row() -> None:
    """A direct event has no envelope, and a run that goes on comes as one."""
    kinds = [envelope.kind for envelope in ENVELOPES]
    assert sorted(kinds) == sorted(set(TriggerKind) - {TriggerKind.DIRECT, TriggerKind.SELF})


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_recognised_by_its_own_row_first(name: str) -> None:
    event, kind = EVENTS[name]
    assert next(envelope.kind for envelope in ENVELOPES if envelope.recognises(event)) == kind
    assert parser.parse(event, SCOPE, PLANS, NOW).kind == kind


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"specversion": "1.0", "events": []}, "eventgrid"),
        ({"requestContext": {}, "request": {}, "body": ""}, "http"),
        ({"detail-type": "t", "detail": {}, "request": {}}, "eventbridge"),
        ({"trigger_type": "KAFKA", "records": [], "record": []}, "kafka"),
        ({"Records": [{"EventSource": "aws:sns"}], "request": {}}, "sns"),
    ],
)
def test_of_two_rows_that_recognise_an_event_the_more_particular_reads_it(event: Any, kind: str) -> None:
    assert parser.parse(event, SCOPE, PLANS, NOW).kind == kind
