"""Everything that leaves is bounded, and no stranger writes a line of ours: events that once made 36 MB of log, or a message nobody takes."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from dcs_upkeep import bootstrap, invocation
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.domain.errors import RefusedError
from dcs_upkeep.reporting.bounded import bounded_answer
from tests.filters import pattern
from tests.log_filters import matches
from tests.world import World, make_fleet, world


def sns(message: object, number: int = 1) -> dict[str, Any]:
    record = {
        "MessageId": f"m-{number}",
        "Message": json.dumps(message),
        "TopicArn": "arn:aws:sns:eu-central-1:1:t",
        "Type": "Notification",
    }
    return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": record}]}


def sqs(*bodies: object) -> dict[str, Any]:
    records = [{"messageId": f"m-{n}", "body": json.dumps(body), "attributes": {}} for n, body in enumerate(bodies)]
    return {"Records": [{**one, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:1:q"} for one in records]}


def logged(w: World, event: object, **settings: str) -> tuple[list[dict[str, Any]], str, Any]:
    """The real lines of the log, their text, and the answer or the error."""
    written = io.StringIO()
    with redirect_stdout(written):
        try:
            answer: Any = bootstrap.handle(event, host=LocalHost(w.environ(**settings)), clock=w.clock, journal=w.journal)
        except RefusedError as err:
            answer = err
    lines = written.getvalue().splitlines()
    return [json.loads(line) for line in lines], written.getvalue(), answer


def test_sixty_thousand_bad_ids_are_twenty_problems_and_a_count() -> None:
    event = sns({"action": "restart", "instances": [f"bad-{n}" for n in range(60_000)]})
    with world(1) as w:
        lines, text, err = logged(w, event)
        assert len(text) < 50_000
        assert max(map(len, text.splitlines())) <= 200_000
        (message,) = w.emu.truth.messages
        assert len(message.text().encode()) < 20_000
        assert isinstance(err, RefusedError)
        assert len(str(err).encode()) <= 8_000
        (line,) = [one for one in lines if one["event"] == "run.reported"]
        assert len(line["problems"]) == 21
        assert line["problems"][-1]["what"].startswith("59980 more problems")
        assert w.emu.truth.count() == w.emu.truth.count("publish"), "no call is made for what is refused anyway"


def test_a_refusal_of_two_thousand_is_bounded_and_says_where_the_event_is() -> None:
    event = {"action": "flush", "instances": []}
    with world(2_000, journal=True, settings={"UPKEEP_MAX_INSTANCES": "5000"}) as w:
        event["instances"] = w.ids
        lines, text, err = logged(w, event)
        assert isinstance(err, RefusedError)
        assert len(str(err).encode()) <= 8_000
        (approve,) = set(re.findall(r'"approve": ?"(v2:[0-9a-f]{64}\.[a-z0-9]{10})"', str(err)))
        assert max(len(line.encode()) for line in text.splitlines()) <= 200_000
        (line,) = [one for one in lines if one["event"] == "run.reported"]
        assert line["left_out"]
        assert approve in line["next"]
        assert all(len(str(one.body["message_structure"]).encode()) <= 250_000 for one in w.emu.truth.messages)
        assert approve in w.emu.truth.messages[0].text()
        shown = err.report["next"]
        assert isinstance(shown, str)
        assert json.JSONDecoder().raw_decode(shown, shown.index("{"))[0] == {**event, "approve": approve}, "it stands where it fits"


def test_each_record_has_a_line_of_its_own() -> None:
    """Two records whose instances end in ERROR rang no alarm: their reports stood in a list inside one line."""
    fleet = [replace(one, ends_in="ERROR") if number < 2 else one for number, one in enumerate(make_fleet(3))]
    with world(fleet) as w:
        lines, _, answer = logged(w, sqs(*({"action": "restart", "instances": [one]} for one in w.ids)))
        reported = [one for one in lines if one["event"] == "run.reported"]
        assert [(one["level"], one["status"], one["record"]) for one in reported] == [
            ("error", "failed", "m-0"),
            ("error", "failed", "m-1"),
            ("info", "succeeded", "m-2"),
        ]
        assert answer == {"batchItemFailures": []}
        assert [matches(pattern("RunFailed"), one) for one in reported] == [True, True, False]
        assert [matches(pattern("RunReported"), one) for one in reported] == [True] * 3


def test_a_line_says_in_words_what_it_means_and_whose_request_it_is() -> None:
    with world(2) as w:
        lines, text, _ = logged(w, {"action": "restart", "instances": w.ids, "name": "每周重启会话缓存"})
        assert all(one["message"] and one["message"] != one["event"] for one in lines)
        assert len({one["request_id"] for one in lines}) == 1, "the invocation's, on every line"
        (sent, *_) = [one for one in lines if one["event"] == "wave.sent"]
        assert sent["dcs_request_id"]
        assert sent["dcs_request_id"] != sent["request_id"]
        assert '"每周重启会话缓存"' in text


def test_a_name_arrives_in_its_own_script_and_forges_no_line() -> None:
    first, second = make_fleet(2)
    with world([replace(first, name="cache\n\x1b[31mResult:  2 completed\u202e"), second], settings={"UPKEEP_NOTIFY": "end"}) as w:
        report = w.run({"action": "restart", "instances": w.ids, "name": "每周重启会话缓存", "requested_by": "ops\r\nNext:    nothing"})
        (message,) = w.emu.truth.messages
        assert "每周重启会话缓存" in message.subject
        assert all(line.isprintable() for line in message.text().splitlines())
        assert not [line for line in message.text().splitlines() if line.startswith(("Next:    nothing", "Result:  2 completed"))]
        assert report["requested_by"] == "ops??Next:    nothing"


def test_of_a_hundred_misdirected_events_the_topics_hear_once() -> None:
    with world(1, journal=True) as w:
        for n in range(100):
            report = w.refused({f"surprise-{n}": n, "unheard": "x" * n})  # whoever sends it may write what he likes
        assert len(w.emu.truth.messages) == 1
        assert "further events of this kind" in w.emu.truth.messages[0].text()
        assert any("topics were not told" in note for note in report["notes"])
        assert [one["times"] for one in w.log.named("refusal.counted")] == list(range(2, 101))
        w.refused({"action": "restart", "instances": ["x"]})
        assert len(w.emu.truth.messages) == 2, "another kind is another message"
        w.clock.sleep(3_600)
        w.refused({"surprise": 0, "unheard": ""})
        assert "99 more of this kind were refused" in w.emu.truth.messages[2].text()


def test_bad_values_of_one_kind_are_one_kind() -> None:
    with world(1, journal=True) as w:
        for n in range(5):
            w.refused({"action": "restart", "instances": [f"bad-{n}"], f"made-up-{n}": 1})
        assert len(w.emu.truth.messages) == 1


def test_without_a_journal_each_is_told() -> None:
    with world(1) as w:
        for n in range(3):
            w.refused({"surprise": n})
        assert len(w.emu.truth.messages) == 3


def test_a_refusal_that_a_person_waits_for_is_always_told() -> None:
    with world(2, journal=True, settings={"UPKEEP_ALLOWED_ACTIONS": "restart"}) as w:
        for n in range(3):
            w.refused({"action": "flush", "instances": w.ids, "run_id": f"night-{n}"})
        assert len(w.emu.truth.messages) == 3


def test_a_journal_that_fails_keeps_no_refusal_from_the_topics() -> None:
    with world(1, journal=True) as w:
        w.refused({"surprise": 0})
        journal = w.journal
        assert journal is not None
        journal.read = _fails  # type: ignore[method-assign]
        w.refused({"surprise": 0})
        assert len(w.emu.truth.messages) == 2


def _fails(*_: object, **__: object) -> list[tuple[int, dict[str, object]]]:
    from dcs_upkeep.domain.errors import JournalError

    raise JournalError("the store does not answer")


def over_http(request: dict[str, Any]) -> dict[str, Any]:
    context = {"requestId": "r-1", "http": {"method": "POST"}, "accountId": "1", "authorizer": {"iam": {"userArn": "arn:x"}}}
    envelope = {"version": "2.0", "routeKey": "$default", "rawPath": "/", "headers": {}, "requestContext": context}
    return {**envelope, "body": json.dumps(request), "isBase64Encoded": False}


def test_a_dry_run_that_is_too_large_for_its_host_is_cut_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of 20,000 had an answer of 7 MB, which no host returns. (tests/reporting has it at that size; a smaller host is quicker.)"""
    monkeypatch.setattr(invocation, "bounded_answer", partial(bounded_answer, most=500_000))
    monkeypatch.setattr(invocation, "ANSWER_BYTES", 500_000)
    with world(2_000, settings={"UPKEEP_MAX_INSTANCES": "5000"}) as w:
        event = {"action": "flush", "instances": w.ids, "dry_run": True}
        _, text, answer = logged(w, event)
        assert len(json.dumps(answer)) <= 500_000
        assert answer["counts"] == {"planned": 2_000}
        assert answer["left_out"][0].startswith(f"instances: {2_000 - len(answer['instances'])} of 2000")
        assert {one for wave in answer["plan"]["waves"] for one in wave} == set(w.ids)
        assert max(len(line.encode()) for line in text.splitlines()) <= 200_000
        _, _, wrapped = logged(w, over_http(event))
        assert wrapped["statusCode"] == 200
        assert len(json.dumps(wrapped)) <= 501_000
        assert json.loads(wrapped["body"])["left_out"]


def test_a_flood_over_http_is_answered_in_short() -> None:
    with world(1) as w:
        _, text, answer = logged(w, over_http({"action": "restart", "instances": ["x"] * 100_000}))
        assert answer["statusCode"] == 422
        assert len(json.dumps(answer)) < 100_000
        assert len(text) < 100_000


@pytest.mark.parametrize(
    ("line", "failed"),
    [
        ({"event": "run.reported", "status": "partial"}, True),
        ({"event": "run.reported", "ending": "fault"}, True),
        ({"event": "run.reported", "status": "succeeded"}, False),
        ({"event": "wave.sent", "status": "failed"}, False),
    ],
)
def test_the_matcher_reads_patterns_as_cloudwatch_does(line: dict[str, Any], failed: bool) -> None:
    assert matches(pattern("RunFailed"), line) is failed
