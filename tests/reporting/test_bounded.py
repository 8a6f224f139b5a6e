"""A report cut to what its channel takes says what was left out, and where it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dcs_upkeep.domain.bounds import ANSWER_BYTES, ERROR_BYTES, LOG_LINE_BYTES, cut
from dcs_upkeep.domain.errors import UpkeepError
from dcs_upkeep.domain.model import OutcomeKind, RunStatus
from dcs_upkeep.reporting.bounded import bounded_answer, brief_next, sendable
from dcs_upkeep.reporting.run_log import canonical_fields
from tests.reporting.test_messages import report, some


def large(count: int, kind: OutcomeKind = OutcomeKind.PLANNED, failed: int = 0) -> dict[str, Any]:
    shown: dict[str, Any] = dict(report([*some(count, kind), *some(failed, OutcomeKind.FAILED, count)], RunStatus.PLANNED))
    ids = [row["instance_id"] for row in shown["instances"]]
    shown["plan"] |= {"waves": [ids[:1], ids[1:]], "digest": "v2:" + "a" * 64, "showing": "abcdefghij"}
    shown["next"] = "To carry out exactly this, send: " + json.dumps({"action": "restart", "instances": ids})
    return shown


@pytest.mark.parametrize("count", [10, 20_000, 40_000])
def test_an_answer_fits_its_host(count: int) -> None:
    """Lambda answers Function.ResponseSizeTooLarge past 6 MB, after the work was done."""
    shown = large(count, failed=50)
    answer = bounded_answer(shown)
    assert len(json.dumps(answer)) <= ANSWER_BYTES
    assert [row["instance_id"] for row in answer["instances"] if row["outcome"] == "failed"] == [
        row["instance_id"] for row in shown["instances"] if row["outcome"] == "failed"
    ]
    assert answer["counts"] == shown["counts"]
    missing = len(shown["instances"]) - len(answer["instances"])
    assert (missing > 0) == (count > 10)
    if missing:
        (said,) = answer["left_out"]
        assert said.startswith(f"instances: {missing} of {count + 50} ({missing} planned); ")
        assert answer["next"] == shown["next"], "the approving event stands where it fits"
        assert answer["plan"]["waves"] == shown["plan"]["waves"], "so every ID is there"
    else:
        assert answer == shown


def test_the_largest_fleet_fits_and_its_approval_is_told() -> None:
    shown = large(100_000)
    answer = bounded_answer(shown)
    assert len(json.dumps(answer)) <= ANSWER_BYTES
    assert "v2:" + "a" * 64 in json.dumps(answer)
    assert answer["left_out"]


def test_an_http_answer_fits_although_each_quote_is_escaped_in_it() -> None:
    body = json.dumps(bounded_answer(large(20_000), in_text=True))
    assert len(json.dumps({"statusCode": 200, "body": body})) <= ANSWER_BYTES + 1_000


def test_several_reports_share_an_answer() -> None:
    answer = bounded_answer({"runs": [large(5_000) for _ in range(8)]})
    assert len(json.dumps(answer)) <= ANSWER_BYTES
    assert len(answer["runs"]) == 8
    assert all(run["left_out"] for run in answer["runs"])


def test_what_a_command_found_is_cut_too() -> None:
    answer = bounded_answer({"command": "status", "halt": None, "runs": [{"run_id": "x" * 900} for _ in range(9_000)]})
    assert len(json.dumps(answer)) <= ANSWER_BYTES
    assert answer["left_out"][0].startswith("runs: ")


def test_a_line_of_the_log_names_what_is_not_fine_as_far_as_it_goes() -> None:
    fields = canonical_fields(large(10, failed=2_000))
    assert len(json.dumps(fields)) < LOG_LINE_BYTES
    assert fields["not_fine"]
    assert any(f"of 2000 ({2_000 - len(fields['not_fine'])} failed)" in said for said in fields["left_out"])
    assert '"approve": "v2:' in fields["next"]
    assert "left_out" not in canonical_fields(large(10, failed=10))


def test_a_step_that_fits_stays_and_another_says_how_to_make_its_event() -> None:
    shown = large(2_000)
    assert brief_next(shown, 1_000_000) == shown["next"]
    assert len(brief_next(shown, 1_500)) < 600
    shown |= {"status": "deferred", "next": "ACTION NEEDED: send this event for the rest: " + shown["next"]}
    assert brief_next(shown, 1_500).startswith("ACTION NEEDED: send this event for the rest:")


@pytest.mark.parametrize("sign", ["x", "每", "\U0001f600", "\ud800"])
def test_a_text_is_cut_at_a_whole_sign(sign: str) -> None:
    told = cut(sign * 9_000, 1_000, "elsewhere")
    assert len(told.encode("utf-8", "backslashreplace")) <= 1_000
    assert told.endswith("... (cut; elsewhere)")
    assert cut(sign * 10, 1_000) == sign * 10


def test_no_error_of_ours_is_longer_than_a_platform_shows() -> None:
    assert len(str(UpkeepError("每" * 100_000)).encode()) <= ERROR_BYTES


@pytest.mark.parametrize(
    ("text", "sent"), [("每周", "每周"), ("\ud800x", "?x"), ("\udc00", "?"), ("😀", "😀"), ("\u2028\x1b", "\u2028\x1b")]
)
def test_what_no_host_could_send_is_taken_out_of_answers_and_errors(text: str, sent: str) -> None:
    """Half of a pair: Lambda's runtime client ends its process over one, after the work was done."""
    answer = sendable({"halt": {"reason": text}, text: [text], "count": 1})
    assert answer == {"halt": {"reason": sent}, sent: [sent], "count": 1}
    assert str(UpkeepError(text)) == sent
    json.dumps(answer, ensure_ascii=False).encode()
    str(UpkeepError(text)).encode()
