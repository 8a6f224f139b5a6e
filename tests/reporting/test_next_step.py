"""The one sentence that says what to do now, row by row. Pure."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import Outcome, OutcomeKind, Plan, PlannedInstance, Refusal, RunStatus
from dcs_upkeep.domain.request import parse_request
from dcs_upkeep.journal.entries import plan_from_json, plan_to_json
from dcs_upkeep.reporting.next_step import approving, next_step, rest_event

DIGEST = f"v2:{'a' * 64}"
IDS = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(4)]
EVENT: dict[str, Any] = {"action": "restart", "instances": IDS, "run_id": "night", "rollout": {"max_failures": 2}}


def plan(**changes: Any) -> Plan:
    instances = {one: PlannedInstance(one, f"cache-{one[-1]}", False) for one in IDS}
    return Plan(Action.RESTART, None, False, DIGEST, (tuple(IDS),), instances, **{"max_failures": 2, **changes})


def outcomes(*kinds: OutcomeKind) -> list[Outcome]:
    return [Outcome(one, "cache", kind, "because") for one, kind in zip(IDS, kinds, strict=False)]


def step(status: RunStatus, *kinds: OutcomeKind, why: str | None = None, plan_name: str | None = None) -> str:
    return next_step(parse_request(EVENT), plan(), outcomes(*kinds), status, why, plan_name=plan_name)


@pytest.mark.parametrize(
    ("status", "kinds", "words"),
    [
        (RunStatus.SUCCEEDED, (), "matched no instance"),
        (RunStatus.SUCCEEDED, (OutcomeKind.COMPLETED,), "Nothing to do."),
        (RunStatus.SUCCEEDED, (OutcomeKind.ACCEPTED,), "1 accepted instance(s) in the console"),
        (RunStatus.PLANNED, (OutcomeKind.PLANNED,), '"approve"'),
        (RunStatus.REJECTED, (OutcomeKind.REFUSED,), "send the event again"),
        (RunStatus.HALTED, (OutcomeKind.NOT_ATTEMPTED,), "Release the halt"),
        (RunStatus.DEFERRED, (OutcomeKind.DEFERRED,), "ACTION NEEDED"),
        (RunStatus.RUNNING, (), "Wait for the report"),
        (RunStatus.FAILED, (OutcomeKind.FAILED,), "1 failed"),
        (RunStatus.PARTIAL, (OutcomeKind.COMPLETED, OutcomeKind.UNKNOWN), "1 unknown"),
    ],
)
def test_each_status_has_its_sentence(status: RunStatus, kinds: tuple[OutcomeKind, ...], words: str) -> None:
    assert words in step(status, *kinds)


def test_every_status_has_a_sentence() -> None:
    assert all(step(status, OutcomeKind.COMPLETED) for status in RunStatus)


def test_why_it_stopped_is_said_where_it_matters() -> None:
    for status in (RunStatus.HALTED, RunStatus.PARTIAL, RunStatus.FAILED):
        assert "The run stopped: storm." in step(status, OutcomeKind.FAILED, why="storm")


def test_the_approving_event_names_the_plan_or_carries_the_whole_request() -> None:
    assert approving(parse_request(EVENT), plan(), "nightly") == {"plan": "nightly", "approve": DIGEST}
    whole = approving(parse_request({**EVENT, "dry_run": True}), plan(), None)
    assert whole == {"action": "restart", "instances": IDS, "rollout": {"max_failures": 2}, "approve": DIGEST}


@pytest.mark.parametrize(
    ("fields", "approve"),
    [
        ({}, DIGEST),
        ({"needs_showing": True, "showing": "abcdefghij"}, f"{DIGEST}.abcdefghij"),
        ({"needs_showing": True}, None),
    ],
    ids=["no journal", "on record", "not on record"],
)
def test_only_an_approval_that_can_work_is_printed(fields: dict[str, Any], approve: str | None) -> None:
    """With a journal a digest alone is refused: to print it would send a person round in a circle."""
    asks = Refusal("approval", "it would be lost", "Look at it.")
    request = parse_request(EVENT)
    texts = [
        next_step(request, plan(**fields), outcomes(OutcomeKind.PLANNED), RunStatus.PLANNED, None),
        next_step(request, plan(refusals=(asks,), **fields), outcomes(OutcomeKind.REFUSED), RunStatus.REJECTED, None),
    ]
    assert [f'"approve":"{approve}"' in text for text in texts] == [approve is not None] * 2
    assert ["{" in text for text in texts] == [approve is not None] * 2


def test_the_approving_event_survives_the_journal_which_names_the_first_guard_alone() -> None:
    made = plan(
        refusals=(Refusal("window", "shut", "Wait."), Refusal("approval", "lost", "Look.")), needs_showing=True, showing="abcdefghij"
    )
    stored = plan_from_json(json.loads(json.dumps(plan_to_json(made))))
    (told, again) = (next_step(parse_request(EVENT), one, (), RunStatus.REJECTED, None) for one in (made, stored))
    assert told == again
    assert f"{DIGEST}.abcdefghij" in told


def test_the_event_for_the_rest_holds_only_the_rest_and_a_smaller_budget() -> None:
    """A failure of the first part must not be forgiven by cutting the run in two."""
    done = outcomes(OutcomeKind.COMPLETED, OutcomeKind.FAILED, OutcomeKind.DEFERRED, OutcomeKind.DEFERRED)
    event = rest_event(parse_request(EVENT), done, plan())
    assert event["instances"] == IDS[2:]
    assert event["rollout"]["max_failures"] == 1
    assert "run_id" not in event
    parse_request(event)
    text = next_step(parse_request(EVENT), plan(), done, RunStatus.DEFERRED, None)
    assert json.JSONDecoder().raw_decode(text, text.index("{"))[0] == event
