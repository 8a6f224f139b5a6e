"""What each trigger is answered: the table "Raise or return" of docs/triggers.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from dcs_upkeep.domain.errors import JournalError
from dcs_upkeep.domain.run import Disposition, RunResult
from dcs_upkeep.triggers.responses import ANSWERS, error_sentence, http_answer, queue_answer


def ended(end: Disposition, status: str = "succeeded", *, may_have_sent: bool = False, record: str | None = None) -> RunResult:
    return RunResult(end, {"run_id": "direct:x@0", "status": status}, may_have_sent, record=record)


def test_every_disposition_has_its_row() -> None:
    assert set(ANSWERS) == set(Disposition)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (ended(Disposition.DONE), 200),
        (ended(Disposition.DONE, "deferred"), 202),
        (ended(Disposition.IGNORED), 200),
        (ended(Disposition.REFUSED, "rejected"), 422),
        (ended(Disposition.REUSED, "rejected"), 409),
        (ended(Disposition.RUNNING, "running"), 409),
        (ended(Disposition.FAULT, "failed"), 503),
        (ended(Disposition.FAULT, "failed", may_have_sent=True), 200),
        (ended(Disposition.REFUSED, "deferred", may_have_sent=True), 202),
        (ended(Disposition.RUNNING, "running", may_have_sent=True), 409),
    ],
)
def test_the_code_is_an_error_only_if_nothing_was_sent(result: RunResult, code: int) -> None:
    """A caller sends again what it got an error for. A run that goes on elsewhere is a conflict all the same."""
    answer = http_answer(result)
    assert answer["statusCode"] == code
    assert json.loads(answer["body"]) == result.body


def test_a_queue_delivers_again_what_was_not_done() -> None:
    results = [ended(end, record=end.value) for end in Disposition]
    failed = ("refused", "reused", "running", "fault", "held_back")
    assert queue_answer(results) == {"batchItemFailures": [{"itemIdentifier": end} for end in failed]}


@pytest.mark.parametrize(
    ("second", "failed"),
    [
        (ended(Disposition.REFUSED, record="m"), [{"itemIdentifier": "m"}]),
        (ended(Disposition.DONE, record="m"), [{"itemIdentifier": "m"}]),
        (ended(Disposition.DONE, may_have_sent=True, record="m"), []),
    ],
)
def test_a_message_that_held_several_records_comes_back_once_and_only_if_none_was_sent(second: RunResult, failed: Any) -> None:
    assert queue_answer([ended(Disposition.REFUSED, record="m"), second]) == {"batchItemFailures": failed}


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (ended(Disposition.DONE), 422),
        (ended(Disposition.FAULT), 503),
        (ended(Disposition.DONE, may_have_sent=True), 200),
        (ended(Disposition.DONE, "deferred", may_have_sent=True), 202),
    ],
)
def test_of_several_records_in_one_request_the_worst_gives_the_code(second: RunResult, code: int) -> None:
    """Unless one of them may have sent something: then an error would have all of them sent again."""
    answer = http_answer(ended(Disposition.REFUSED, "rejected"), second)
    assert answer["statusCode"] == code
    assert len(json.loads(answer["body"])["runs"]) == 2


def row(outcome: str, guard: str | None = None, reason: str = "") -> Mapping[str, Any]:
    return {"outcome": outcome, "guard": guard, "reason": reason}


def test_the_sentence_says_what_is_wrong_once_and_what_to_do() -> None:
    """A thousand instances that one guard refuses are one reason."""
    report = {
        "run_id": "direct:x@0",
        "problems": [{"path": "", "what": "not valid JSON"}, {"path": "action", "what": "is missing"}],
        "instances": [row("refused", "hold", "it is held"), row("refused", "hold", "it is held"), row("skipped", None, "already there")],
        "next": "Correct the event.",
    }
    assert error_sentence(RunResult(Disposition.REFUSED, report)) == (
        "Refused, nothing was sent (direct:x@0): not valid JSON; action: is missing; hold: it is held. Correct the event."
    )


def test_the_sentence_of_a_fault_is_the_fault_s() -> None:
    assert error_sentence(RunResult(Disposition.FAULT, {"failed": "x"}, fault=JournalError("the journal is away"))) == "the journal is away"
    assert "secret" not in error_sentence(RunResult(Disposition.FAULT, {"failed": "x"}, fault=ValueError("secret")))
