"""What is harm, and which harm stands first: read from the words that the code really says."""

from __future__ import annotations

from typing import Any

import pytest

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import Instance, Outcome, OutcomeKind, RunStatus
from dcs_upkeep.execution.verification import Verifier
from dcs_upkeep.journal.run_state import Progress, Stage
from dcs_upkeep.reporting.report import Report
from dcs_upkeep.reporting.urgency import Urgency, claims_of, last_state
from tests.reporting.test_messages import report

APPROVAL = "restart would clear the data of 2 instances and is not approved: a (b, single node: restart clears all data)"


def row(kind: OutcomeKind, reason: str, **fields: Any) -> Outcome:
    return Outcome("0" * 36, "cache", kind, reason, **{"wave": 1, "loses_data": False, **fields})


def urgencies(*rows: Outcome, status: RunStatus = RunStatus.PARTIAL, next_step: str = "x", **changes: Any) -> list[Urgency]:
    return [claim.urgency for claim in claims_of(report(list(rows), status, next_step, **changes))]


def judged(action: Action, status: str | None, *, has_task: bool = False) -> str:
    """What the code says of an instance that was watched for its whole time and shows this."""
    verifier = Verifier(action, settle_s=30, timeout_s=1800, poll_s=10)
    progress = Progress("id", 1, Stage.ACCEPTED, sent_at=1.0, explicit=True, seen_busy=True)
    instance = None if status is None else Instance("id", "cache", status, has_task=has_task)
    found = verifier.judge_effect(progress, instance, held_s=20, now=2_000)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("action", "status", "has_task", "urgency"),
    [
        (Action.RESTART, "ERROR", False, Urgency.DOWN),
        (Action.RESTART, None, False, Urgency.DOWN),
        (Action.RESTART, "RESTARTING", False, Urgency.DOWN),
        (Action.RESTART, "FROZEN", True, Urgency.DOWN),
        (Action.RESTART, "RUNNING", True, Urgency.FAILED),
        (Action.RESTART, "", False, Urgency.FAILED),
        (Action.FLUSH, "FLUSHING", False, Urgency.DOWN),
        (Action.START, "CLOSED", False, Urgency.DOWN),
        (Action.START, "STARTING", False, Urgency.DOWN),
        (Action.STOP, "CLOSING", False, Urgency.FAILED),
        (Action.STOP, "RUNNING", False, Urgency.FAILED),
        (Action.STOP, "ERROR", False, Urgency.DOWN),
    ],
)
def test_down_is_who_is_not_back(action: Action, status: str | None, has_task: bool, urgency: Urgency) -> None:
    reason = judged(action, status, has_task=has_task)
    assert urgencies(row(OutcomeKind.FAILED, reason), status=RunStatus.FAILED, action=action) == [urgency]


@pytest.mark.parametrize(
    ("kind", "reason", "state"),
    [
        (OutcomeKind.FAILED, "the API said failed, without a reason; it is ERROR now", "ERROR"),
        (OutcomeKind.FAILED, "the API said failed, without a reason; it is no longer listed now", "DELETED"),
        (OutcomeKind.FAILED, "the API said failed, without a reason; its state was not read before the run ended", None),
        (OutcomeKind.UNKNOWN, "the answer was lost; no evidence within 30 s that it was acted on; it is ERROR now", "ERROR"),
        (OutcomeKind.UNKNOWN, "the answer was lost; no evidence settled it", None),
        (OutcomeKind.FAILED, "answered 400 'it ended in ERROR'; it was not executed", None),
        (OutcomeKind.FAILED, "answered 400 'it is gone'; it was not executed", None),
    ],
)
def test_the_last_state_is_what_our_own_words_say(kind: OutcomeKind, reason: str, state: str | None) -> None:
    """What a stranger wrote into an error text stands elsewhere in the sentence."""
    (shown,) = report([row(kind, reason)])["instances"]
    assert last_state(shown) == state


@pytest.mark.parametrize(
    ("kind", "reason", "action", "loses", "lost"),
    [
        (OutcomeKind.COMPLETED, "RESTARTING was seen, then RUNNING", Action.RESTART, True, True),
        (OutcomeKind.COMPLETED, "RESTARTING was seen, then RUNNING", Action.RESTART, False, False),
        (OutcomeKind.COMPLETED, "disposable ones are not read", Action.RESTART, None, False),
        (OutcomeKind.COMPLETED, "FLUSHING was seen, then RUNNING", Action.FLUSH, True, False),
        (OutcomeKind.ACCEPTED, "success; the effect was not watched, as asked", Action.SOFT_RESTART, True, True),
        (OutcomeKind.FAILED, "it ended in ERROR", Action.RESTART, True, True),
        (OutcomeKind.FAILED, "the API said failed, without a reason; it is ERROR now", Action.RESTART, True, False),
        (OutcomeKind.UNKNOWN, "lost; no evidence settled it", Action.RESTART, True, False),
        (OutcomeKind.REFUSED, "it is protected", Action.STOP, True, False),
        (OutcomeKind.COMPLETED, "CLOSING was seen, then CLOSED", Action.STOP, True, True),
    ],
)
def test_data_is_lost_where_a_losing_action_has_begun(
    kind: OutcomeKind, reason: str, action: Action, loses: bool | None, lost: bool
) -> None:
    assert (Urgency.DATA_LOST in urgencies(row(kind, reason, loses_data=loses), action=action)) is lost


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (report([row(OutcomeKind.REFUSED, APPROVAL, guard="approval")] * 6, RunStatus.REJECTED), "approve"),
        (report([row(OutcomeKind.REFUSED, "the approval was used", guard="approval")], RunStatus.REJECTED), "approve_again"),
        (report([row(OutcomeKind.UNKNOWN, "?")]), "check"),
        (report([row(OutcomeKind.ACCEPTED, "success; its effect was not seen yet when the run ended")]), "check_unseen"),
        (report([row(OutcomeKind.NOT_ATTEMPTED, "x", wave=2), row(OutcomeKind.COMPLETED, "y")]), "stopped"),
        (report([row(OutcomeKind.NOT_ATTEMPTED, "x")]), "stopped_first"),
        (report([row(OutcomeKind.REFUSED, "halt 'halt-0' is in force, pulled by 'ann': 'x'", guard="halt")], RunStatus.HALTED), "halted"),
        (report([row(OutcomeKind.REFUSED, "halt 'h' is in force, pulled by 'smn': 'x'", guard="halt")], RunStatus.HALTED), "halted_event"),
        (report([row(OutcomeKind.REFUSED, "whether a halt", guard="halt")], RunStatus.HALTED), "halted_unknown"),
        (report([row(OutcomeKind.DEFERRED, "x")], RunStatus.DEFERRED, "ACTION NEEDED: send this"), "action_needed"),
        (report([], RunStatus.FAILED, "Nothing was sent; mend the cause"), "action_needed"),
        (report([], RunStatus.SUCCEEDED), "nothing_matched"),
        (report([row(OutcomeKind.REFUSED, "x", guard="hold")], RunStatus.REJECTED), "refused"),
        (report([row(OutcomeKind.REFUSED, "x", guard="hold"), row(OutcomeKind.COMPLETED, "y")]), "refused_some"),
        (report([row(OutcomeKind.DEFERRED, "x")], RunStatus.DEFERRED), "waiting"),
        (report([row(OutcomeKind.PLANNED, "x")], RunStatus.PLANNED), "planned"),
        (report([row(OutcomeKind.SKIPPED, "x")], RunStatus.SUCCEEDED), "ok"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_end_has_its_verdict(shown: Report, expected: str) -> None:
    assert claims_of(shown)[0].key == expected


def test_the_worst_stands_first() -> None:
    rows = (
        row(OutcomeKind.COMPLETED, "fine"),
        row(OutcomeKind.REFUSED, "x", guard="hold"),
        row(OutcomeKind.NOT_ATTEMPTED, "x"),
        row(OutcomeKind.UNKNOWN, "?"),
        row(OutcomeKind.FAILED, "it ended in ERROR", loses_data=True),
    )
    found = urgencies(*rows)
    assert found == sorted(found, key=list(Urgency).index)
    assert found[:2] == [Urgency.DOWN, Urgency.DATA_LOST]
