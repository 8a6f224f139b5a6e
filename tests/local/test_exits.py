"""The exit status of each kind of event and command, and the error object that stands for a sentence with --json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dcs_upkeep.domain.run import Disposition, RunResult
from dcs_upkeep.local.answers import Answer
from tests.local.terminal import BY_TAG, FAST, FLUSH, cli, write

NEVER = {"start": "00:00", "end": "00:01", "timezone": "UTC", "days": ["mon"], "on_miss": "defer"}


def http(request: Any) -> dict[str, Any]:
    context = {"apiId": "a", "requestId": "11cdcdcf33949dc6d722640a13091c77", "stage": "RELEASE"}
    return {
        "body": json.dumps(request),
        "requestContext": context,
        "httpMethod": "POST",
        "path": "/upkeep",
        "headers": {},
        "isBase64Encoded": False,
    }


def sqs(*requests: Any) -> dict[str, Any]:
    source = {"eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:upkeep", "awsRegion": "eu-central-1"}
    sent = {"attributes": {"SentTimestamp": "{now_ms}"}, "messageAttributes": {}, "receiptHandle": "R", **source}
    return {"Records": [{"messageId": f"m-{n}", "body": json.dumps(one), **sent} for n, one in enumerate(requests)]}


def sns(*requests: Any) -> dict[str, Any]:
    message = {"Type": "Notification", "Timestamp": "{now}", "TopicArn": "arn:aws:sns:eu-central-1:123456789012:upkeep"}
    return {
        "Records": [
            {"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {**message, "MessageId": f"n-{n}", "Message": json.dumps(one)}}
            for n, one in enumerate(requests)
        ]
    }


@pytest.mark.parametrize(
    ("event", "status", "said"),
    [
        (BY_TAG, 0, "succeeded: 3 completed"),
        ({**BY_TAG, "select": {"name": "none*"}}, 0, "succeeded: no instance"),
        ({"action": "restart"}, 2, "neither instances nor select is given"),
        (FLUSH, 2, "[approval]"),
        ({**BY_TAG, "window": NEVER}, 3, "deferred"),
        (http(BY_TAG), 0, "HTTP status 200"),
        (http({"action": "reboot"}), 2, "HTTP status 422"),
        (http(FLUSH), 2, "HTTP status 422"),
        (http({**BY_TAG, "window": NEVER}), 3, "HTTP status 202"),
        (sqs(BY_TAG), 0, "3 completed"),
        (sqs({"action": "reboot"}), 2, "given back to the queue: m-0"),
        (sqs(BY_TAG, FLUSH), 2, "given back to the queue: m-1"),
        (sns(BY_TAG, {"action": "reboot"}), 2, "action: "),
        (sns(FLUSH, {"action": "reboot"}), 2, "action: "),
        ({"command": "release", "halt": "halt-7"}, 2, "cannot be released"),
        ({"resume": "nobody"}, 2, "nobody"),
        ({"Records": [{"eventSource": "aws:s3", "s3": {}}]}, 2, "aws:s3"),
    ],
)
def test_the_exit_status_of_an_event_is_that_of_its_worst_record(event: Any, status: int, said: str, tmp_path: Path) -> None:
    """A refused file of an HTTP or SQS event was 0: the answer to the caller said so, and nobody read it."""
    done = cli("run", write(tmp_path, event), *FAST, home=tmp_path)
    assert done.returncode == status, done.stdout + done.stderr
    assert said in done.stdout


@pytest.mark.parametrize(
    ("event", "field"), [(FLUSH, "next"), (http(FLUSH), "statusCode"), (sqs(FLUSH), "batchItemFailures"), (sns(FLUSH, FLUSH), "runs")]
)
def test_with_json_the_answer_is_the_function_s_and_the_status_the_same(event: Any, field: str, tmp_path: Path) -> None:
    done = cli("run", "--json", write(tmp_path, event), *FAST, home=tmp_path)
    assert done.returncode == 2, done.stdout
    assert json.loads(done.stdout)[field]


def result(disposition: Disposition, **body: Any) -> RunResult:
    return RunResult(disposition, body)


def report(status: str, run_id: str = "r", disposition: Disposition = Disposition.DONE) -> RunResult:
    return result(disposition, status=status, instances=[], run_id=run_id)


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ([report("succeeded")], 0),
        ([report("planned")], 0),
        ([report("partial")], 1),
        ([report("failed")], 1),
        ([report("failed", disposition=Disposition.FAULT)], 1),
        ([report("rejected", disposition=Disposition.REFUSED)], 2),
        ([report("halted", disposition=Disposition.REFUSED)], 2),
        ([report("rejected", disposition=Disposition.REUSED)], 2),
        ([report("deferred")], 3),
        ([report("running", disposition=Disposition.RUNNING)], 3),
        ([result(Disposition.IGNORED, ignored="nothing asked")], 0),
        ([result(Disposition.HELD_BACK, held_back="waits")], 3),
        ([result(Disposition.FAULT, failed="a fault")], 1),
        ([result(Disposition.DONE, command="status")], 0),
        ([result(Disposition.DONE, command="sweep", status="failed")], 1),
        # The worst of several: something failed, then refused, then not over.
        ([report("deferred", "a"), report("partial", "b"), report("succeeded", "c")], 1),
        ([report("deferred", "a"), report("rejected", "b", Disposition.REFUSED)], 2),
        ([report("succeeded", "a"), report("deferred", "b")], 3),
        # The same run, gone on with in this process: its last word.
        ([report("deferred"), report("succeeded")], 0),
        ([], 0),
    ],
)
def test_each_ending_has_its_status(results: list[RunResult], status: int) -> None:
    assert Answer({}, results).status == status


@pytest.mark.parametrize(
    ("words", "status", "what"),
    [
        (("run", "--json", "nofile.json"), 2, "nofile.json: No such file"),
        (("plan", "--json", "README.md"), 2, "not valid JSON"),
        (("run", "--json", "events/direct-dry-run.json", "--fleet", "README.md"), 2, "README.md"),
        (("run", "--json", "events/direct-dry-run.json", "--instances", "0"), 2, "--instances"),
        (("run", "--json", "--colour", "red"), 2, "--colour"),
        (("run", "--json"), 2, "event"),
        (("runn", "--json"), 2, "runn"),
        (("run", "--json", "events/direct-dry-run.json", "--cloud"), 2, "HUAWEICLOUD_SDK_AK"),
        (("run", "--json", "events/direct-dry-run.json", "--journal", "redis://x"), 2, "UPKEEP_JOURNAL"),
        (("run", "--json", "events/direct-restart-by-ids.json", "--cloud"), 2, "nobody is asked"),
        (("run", "--json", "events/direct-restart-by-ids.json", "--approve", "yes"), 2, "--approve"),
        (("check", "--json", "nofile"), 2, "nofile"),
        (("check", "--json", "README.md"), 2, "not valid JSON"),
        (("history", "--json", "--journal", "redis://x"), 2, "UPKEEP_JOURNAL"),
        (("history", "--json", "--days", "0"), 2, "--days"),
        (("redrive", "--json", "--queue", "nowhere"), 1, "no address of a queue"),
        (("redrive", "--json", "--queue", "nowhere", "--function", "f"), 2, "nobody is asked"),
    ],
)
def test_an_error_is_an_object_with_what_and_what_next(words: tuple[str, ...], status: int, what: str, tmp_path: Path) -> None:
    done = cli(*words, home=tmp_path)
    assert done.returncode == status, done.stdout + done.stderr
    error = json.loads(done.stdout)["error"]
    assert what in error["what"]
    assert error["status"] == status
    assert isinstance(error["next"], str)
    assert done.stderr == ""
    if words[:1] != ("redrive",):  # which asks, where it can
        assert cli(*[word for word in words if word != "--json"], home=tmp_path).returncode == status


def test_every_problem_is_in_the_error_object(tmp_path: Path) -> None:
    plans = write(tmp_path, {"plans": {"a": {"action": "reboot", "select": {}}}, "alarms": [{"action": "restart"}]})
    error = json.loads(cli("check", "--json", plans, home=tmp_path).stdout)["error"]
    assert {problem["path"] for problem in error["problems"]} >= {"plans.json: plans.a.action", "plans.json: plans.a.select"}
    assert all(problem["fix"] for problem in error["problems"])


def test_what_is_well_is_json_too(tmp_path: Path) -> None:
    assert json.loads(cli("check", "--json", "events/plans/plans.json", home=tmp_path).stdout)["alarms"] == 1
    assert json.loads(cli("doctor", "--json", home=tmp_path).stdout)[0]["state"] == "ok"
    assert json.loads(cli("history", "--json", home=tmp_path).stdout)["runs"] == []
