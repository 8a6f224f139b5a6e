"""The tables of outcomes and statuses, row by row: the status, and whether the function raises or returns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dcs_upkeep.domain.errors import CloudError, RefusedError
from dcs_upkeep.domain.model import Outcome, OutcomeKind, RunStatus
from dcs_upkeep.reporting.report import status_of
from tests.world import Fault, World, world


@pytest.mark.parametrize(
    ("kinds", "halted", "status"),
    [
        (["completed", "deferred"], True, "halted"),
        (["completed", "failed", "deferred"], False, "deferred"),
        (["planned", "refused"], False, "planned"),
        (["refused", "skipped"], False, "rejected"),
        (["failed", "unknown", "refused"], False, "failed"),
        (["completed", "refused"], False, "partial"),
        (["accepted", "not_attempted"], False, "partial"),
        (["completed", "unknown"], False, "partial"),
        (["completed", "accepted", "skipped"], False, "succeeded"),
        (["skipped"], False, "succeeded"),
        ([], False, "succeeded"),
    ],
)
def test_status_is_the_first_that_fits(kinds: list[str], halted: bool, status: str) -> None:
    outcomes = [Outcome("i", "n", OutcomeKind(kind), "why") for kind in kinds]
    assert status_of(outcomes, halted=halted) is RunStatus(status)


def test_an_invalid_event_is_logged_published_and_raised() -> None:
    with world(2) as w:
        report = w.refused({"action": "restart", "instances": w.ids, "colour": "red"})
        assert report["status"] == "rejected"
        assert report["problems"][0]["path"] == "colour"
        assert w.log.named("event.refused")
        assert len(w.emu.truth.messages) == 1
        assert w.emu.truth.count("list") + w.emu.truth.count("show") + len(w.puts) == 0


@pytest.mark.parametrize(
    ("event", "settings", "guard"),
    [
        ({"action": "flush"}, {}, "approval"),
        ({"action": "stop"}, {"UPKEEP_ALLOWED_ACTIONS": "restart"}, "allowed_action"),
        ({"action": "restart"}, {"UPKEEP_MAX_INSTANCES": "1"}, "blast_radius_count"),
        ({"action": "restart"}, {"UPKEEP_BLACKOUT": "2000-01-01/2999-01-01"}, "blackout"),
        ({"action": "restart", "cooldown_s": 60}, {}, "journal"),
        ({"action": "restart", "approve": "v1:" + "0" * 64}, {}, "approval"),
    ],
)
def test_a_plan_refused_whole_raises_and_sends_nothing(event: dict[str, Any], settings: dict[str, str], guard: str) -> None:
    with world(3) as w:
        report = w.refused({**event, "instances": w.ids}, **settings)
        assert report["status"] == "rejected"
        assert {one["guard"] for one in report["instances"]} == {guard}
        assert w.puts == []
        assert len(w.emu.truth.messages) == 1


def test_every_instance_refused_raises() -> None:
    with world(2) as w:
        for one in w.ids:
            w.emu.set_status(one, "FROZEN")
        assert w.refused({"action": "restart", "instances": w.ids})["counts"] == {"refused": 2}


def test_some_refused_and_others_acted_on_returns() -> None:
    with world(3) as w:
        w.emu.set_status(w.ids[0], "FROZEN")
        report = w.restart()
        assert report["status"] == "partial"
        assert report["counts"] == {"completed": 2, "refused": 1}


def test_an_empty_selection_returns_and_says_so() -> None:
    with world(2) as w:
        report = w.run({"action": "restart", "select": {"name": "nobody-*"}})
        assert report["status"] == "succeeded"
        assert "matched no instance" in report["next"]
        refused = w.refused({"action": "restart", "select": {"name": "nobody-*"}, "allow_empty": False})
        assert refused["status"] == "rejected"


def test_a_fault_of_the_cloud_before_the_first_write_raises() -> None:
    with world(2, faults=[Fault("any", "403", times=None)]) as w:
        with pytest.raises(CloudError, match="dcs:instance"):
            w.restart()
        assert w.log.named("run.reported")[0]["ending"] == "fault"


def test_after_a_write_the_report_is_returned_whatever_went_wrong() -> None:
    """A raise would let the platform run half a plan again."""
    with world(3, faults=[Fault("put", "500", times=None), Fault("show", "500", times=None, after=9)]) as w:
        report = w.restart(watch={"timeout_s": 60})
        assert report["status"] == "failed"
        assert set(w.outcomes(report).values()) == {"unknown"}


def test_a_dry_run_plans_and_sends_nothing() -> None:
    """I2."""
    with world(3) as w:
        report = w.run({"action": "restart", "instances": w.ids, "dry_run": True})
        assert report["status"] == "planned"
        assert report["plan"]["digest"] in report["next"]
        assert w.puts == []


def body_of(answer: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(answer["body"])
    return body


def by_http(w: World, request: dict[str, Any], **settings: str) -> dict[str, Any]:
    context = {"apiId": "a", "requestId": "r", "stage": "RELEASE"}
    return w.run({"httpMethod": "POST", "requestContext": context, "body": json.dumps(request), "isBase64Encoded": False}, **settings)


def test_http_codes() -> None:
    """200 report, 202 deferred, 409 key reused, 422 refused, 503 a fault before the first write."""
    with world(3, journal=True) as w:
        request = {"action": "restart", "instances": w.ids, "rollout": {"canary": 0}, "run_id": "one"}
        fine = by_http(w, request)
        assert (fine["statusCode"], body_of(fine)["status"]) == (200, "succeeded")
        replayed = by_http(w, request)
        assert (replayed["statusCode"], body_of(replayed)["replayed"]) == (200, True)
        reused = by_http(w, {**request, "action": "soft_restart"})
        assert reused["statusCode"] == 409
        assert by_http(w, {"action": "reboot"})["statusCode"] == 422
        w.emu.add_fault(Fault("any", "403", times=None))
        assert by_http(w, {**request, "run_id": "two"})["statusCode"] == 503


def sqs(*bodies: Any) -> dict[str, Any]:
    return {
        "Records": [{"messageId": f"m{number}", "body": json.dumps(body), "eventSource": "aws:sqs"} for number, body in enumerate(bodies)]
    }


def test_sqs_gives_back_only_what_failed() -> None:
    with world(4) as w:
        good = {"action": "restart", "instances": w.ids[:2], "rollout": {"canary": 0}}
        answer = w.run(sqs(good, {"action": "reboot"}, {"action": "restart", "instances": w.ids[2:], "rollout": {"canary": 0}}))
        assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
        assert sum(len(one.ids) for one in w.puts) == 4


def smn(*messages: Any) -> dict[str, Any]:
    return {
        "record": [{"smn": {"message": json.dumps(one), "message_id": f"m{n}", "type": "notification"}} for n, one in enumerate(messages)]
    }


def test_several_records_return_their_reports_where_anything_was_sent() -> None:
    with world(2) as w:
        answer = w.run(smn({"action": "restart", "instances": w.ids, "rollout": {"canary": 0}}, {"action": "reboot"}))
        assert [one["status"] for one in answer["runs"]] == ["succeeded", "rejected"]


def test_several_records_raise_where_nothing_was_sent_and_one_was_refused() -> None:
    with world(2) as w, pytest.raises(RefusedError) as caught:
        w.run(smn({"action": "restart", "select": {"name": "none*"}}, {"action": "reboot"}))
    assert [one["status"] for one in caught.value.report["runs"]] == ["succeeded", "rejected"]  # type: ignore[attr-defined]


def test_exactly_one_reported_line_per_invocation() -> None:
    with world(2) as w:
        w.restart()
        (line,) = w.log.named("run.reported")
        assert line["status"] == "succeeded"
        assert line["counts"] == {"completed": 2}
        assert line["run_id"].startswith("direct:")


def test_a_topic_that_fails_changes_nothing_and_the_others_get_the_report() -> None:
    """I9."""
    one, other = ("urn:smn:cn-north-4:0123456789abcdef0123456789abcdef:" + name for name in ("gone", "there"))
    with world(2, topics=[other]) as w:
        report = w.restart(UPKEEP_TOPICS=f"{one},{other}")
        assert report["status"] == "succeeded"
        assert report["calls"]["publish_failed"] == 1
        assert [message.topic_urn for message in w.emu.truth.messages] == [other]
        assert any("gone" in note for note in report["notes"])


def test_no_secret_in_any_line_report_or_message() -> None:
    """I8."""
    for faults in ([], [Fault("any", "401", times=None)], [Fault("put", "502_html")]):
        with world(2, faults=faults, security_token="a-secret-token-of-the-test") as w:
            said = []
            try:
                said.append(w.restart(HUAWEICLOUD_SDK_SECURITY_TOKEN="a-secret-token-of-the-test"))
            except CloudError as err:
                said.append(str(err))
            text = json.dumps([said, w.log.lines, [message.body for message in w.emu.truth.messages]], default=str)
            for secret in (w.emu.sk, w.emu.ak, "a-secret-token-of-the-test"):
                assert secret not in text


@pytest.mark.parametrize(
    ("notify", "subjects"),
    [
        ("start,wave,end", ["started", "wave 1 of 2 settled", "wave 2 of 2 settled", "ok 3 of 3"]),
        ("stop", []),
        ("end", ["ok 3 of 3"]),
    ],
)
def test_topics_are_told_when_the_setting_says(notify: str, subjects: list[str]) -> None:
    with world(3) as w:
        w.run({"action": "restart", "instances": w.ids}, UPKEEP_NOTIFY=notify)
        told = [message.subject for message in w.emu.truth.messages]
        assert len(told) == len(subjects)
        assert all(word in subject for word, subject in zip(subjects, told, strict=True))


def test_a_run_that_was_stopped_and_a_refusal_are_told_in_any_case() -> None:
    with world(3, settings={"UPKEEP_NOTIFY": "stop"}) as w:
        w.emu.edit(w.ids[0], ends_in="ERROR")
        w.run({"action": "restart", "instances": w.ids})
        w.refused({"action": "reboot"})
        assert [message.subject.split(":")[0] for message in w.emu.truth.messages] == ["DOWN 1 of 3, STOPPED after wave 1", "refused"]
