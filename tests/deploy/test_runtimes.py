"""The packages as the platforms drive them: by AWS Lambda's own runtime client, and under the contexts of published FunctionGraph runtimes.

Each in a process that has the unpacked package alone, in the machine's own time, with the emulator as the cloud.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dcs_upkeep.local.emulator import Emulator, Fault, make_fleet
from tests import contexts
from tests.buckets import BUCKET, url_of
from tests.deploy.runtime_api import ARN, Answer, RuntimeApi
from tests.filters import pattern, query, rows
from tests.log_filters import matches

NIGHTLY = "每周重启会话缓存"
TOKEN = "token-of-the-agency"
DOCS = Path(__file__).resolve().parents[2] / "docs"
SEVERAL = 12  # instances; each test takes others, so that no cooldown or claim of one is met by another


def documented() -> list[str]:
    """The queries of docs/operate.md."""
    return re.findall(r"^fields .+$", (DOCS / "operate.md").read_text(encoding="utf-8"), re.MULTILINE)


def restart(*ids: str, **fields: Any) -> dict[str, Any]:
    return {"action": "restart", "instances": list(ids), "watch": False, **fields}


@pytest.fixture(autouse=True)
def unread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test left unread of a log is not the next one's."""
    yield
    for name in ("aws_lambda", "functiongraph"):
        if name in request.fixturenames:
            request.getfixturevalue(name).lines()


@dataclass
class Driven:
    """A package in a process, and the lines that it writes."""

    emu: Emulator
    invoke: Callable[..., Any]
    log: Path
    read: int = field(default=0)
    taken: int = field(default=0)

    def ids(self, count: int) -> list[str]:
        """So many that no other test has."""
        self.taken += count
        return [one.instance_id for one in self.emu.instances()[self.taken - count : self.taken]]

    def lines(self) -> tuple[list[dict[str, Any]], str]:
        """What was written since the last time, by our log alone, and as text."""
        text = self.log.read_bytes()[self.read :].decode("utf-8")
        self.read += len(text.encode())
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")], text


def settings_for(emu: Emulator, folder: Path) -> dict[str, str]:
    return {
        "UPKEEP_ENDPOINT": emu.url,
        "UPKEEP_SMN_ENDPOINT": emu.url,
        "UPKEEP_REGION": "cn-north-4",
        "UPKEEP_PROJECT_ID": emu.project_id,
        "UPKEEP_TOPICS": f"urn:smn:cn-north-4:{emu.project_id}:reports",
        "UPKEEP_JOURNAL": f"sqlite:///{folder}/journal.db",
        "UPKEEP_JOURNAL_EPHEMERAL": "1",
        "UPKEEP_POLL_S": "1",
        "UPKEEP_SETTLE_S": "1",
    }


# --- AWS Lambda ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def aws_lambda(code: Path, runtime_client: Path, interpreter: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    """One execution environment: the first of these tests finds it cold, the others warm."""
    folder = tmp_path_factory.mktemp("lambda")
    with Emulator(make_fleet(SEVERAL, tags={"env": "demo"}, busy_s=0, lag_s=0)) as emu, RuntimeApi() as api:
        env = {
            **settings_for(emu, folder),
            "HUAWEICLOUD_SDK_AK": emu.ak,
            "HUAWEICLOUD_SDK_SK": emu.sk,
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "AWS_LAMBDA_FUNCTION_NAME": ARN.rpartition(":")[2],
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
            "LANG": "en_US.UTF-8",
            "PYTHONPATH": str(runtime_client),
        }
        with (folder / "log").open("wb") as log:
            words = [interpreter, "-S", "-B", "-m", "awslambdaric", "handler.handler"]
            process = subprocess.Popen(words, cwd=code, env=env, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield Driven(emu, api.invoke, folder / "log")
        finally:
            process.kill()
            process.wait()


def reported(lines: list[dict[str, Any]], count: int = 1) -> list[dict[str, Any]]:
    """The `run.reported` lines: so many, each a sentence, of this invocation."""
    found = [line for line in lines if line["event"] == "run.reported"]
    assert len(found) == count
    for line in lines:
        assert re.search(r"\w \w", line["message"]), f"no sentence: {line['message']!r}"
    assert len({line["request_id"] for line in lines}) == 1, "all lines of an invocation have its id"
    return found


def test_a_direct_event_restarts_a_fleet_and_its_answer_is_the_report(aws_lambda: Driven) -> None:
    ids = aws_lambda.ids(3)
    event = {"action": "restart", "instances": ids, "name": NIGHTLY, "rollout": {"canary": 0}, "run_id": "night-1"}
    answer: Answer = aws_lambda.invoke(event)
    assert (answer.kind, answer.error_type) == ("response", None)
    assert (answer.body["status"], answer.body["counts"]) == ("succeeded", {"completed": 3})
    assert all(len(aws_lambda.emu.truth.executions(one)) == 1 for one in ids)
    lines, text = aws_lambda.lines()
    (line,) = reported(lines)
    assert (line["host"], line["request_id"], line["level"]) == ("lambda", answer.request_id, "info")
    assert matches(pattern("RunReported"), line)
    assert not matches(pattern("RunFailed"), line)
    (sent,) = [one for one in lines if one["event"] == "wave.sent"]
    assert sent["dcs_request_id"] in {one.request_id for one in aws_lambda.emu.truth.puts}
    (row,) = rows(query("RunsQuery"), lines)
    assert row == {name: line[name] for name in ("run_id", "status", "action", "elapsed_s", "hops", "next")}
    assert rows(query("NotFineQuery"), lines) == []
    assert [rows(one, lines) for one in documented()] == [[row], []]
    # In UTF-8 from the event to the log, the answer and the topic.
    assert NIGHTLY in text
    assert NIGHTLY.encode() in answer.raw
    assert NIGHTLY in aws_lambda.emu.truth.messages[-1].message


def test_a_second_delivery_in_the_same_process_replays_and_the_next_event_runs(aws_lambda: Driven) -> None:
    """Warm: nothing of one invocation is taken for another's, and nothing is printed twice."""
    (one,) = aws_lambda.ids(1)
    first = aws_lambda.invoke(restart(one, run_id="night-2"))
    again = aws_lambda.invoke(restart(one, run_id="night-2"))
    other = aws_lambda.invoke(restart(*aws_lambda.ids(1), run_id="night-3"))
    assert [answer.body["replayed"] for answer in (first, again, other)] == [False, True, False]
    assert len(aws_lambda.emu.truth.executions(one)) == 1
    lines, _ = aws_lambda.lines()
    assert [line["request_id"] for line in lines if line["event"] == "run.reported"] == [
        answer.request_id for answer in (first, again, other)
    ]


def test_a_refused_event_is_an_error_to_the_platform_which_keeps_the_event(aws_lambda: Driven) -> None:
    answer = aws_lambda.invoke({"action": "restrat", "instances": aws_lambda.ids(1)})
    assert answer.kind == "error"
    assert answer.body["errorType"] == "RefusedError"
    assert "Did you mean restart?" in answer.body["errorMessage"]
    (line,) = reported(aws_lambda.lines()[0])
    assert (line["ending"], line["level"], line["request_id"]) == ("refused", "error", answer.request_id)
    assert not matches(pattern("RunFailed"), line)  # the dead-letter queue rings for it


def test_a_plan_that_is_refused_whole_is_an_error_too_and_no_run_that_was_carried_out(aws_lambda: Driven) -> None:
    answer = aws_lambda.invoke(restart("00000000-0000-4000-8000-00000000dead"))
    assert (answer.kind, answer.body["errorType"]) == ("error", "RefusedError")
    lines, _ = aws_lambda.lines()
    (line,) = reported(lines)
    assert (line["status"], line["not_fine"][0]["guard"]) == ("rejected", "found")
    (row,) = rows(query("NotFineQuery"), lines)
    assert (row["outcome"], row["guard"]) == ("refused", "found")
    assert rows(documented()[1], lines) == [row]
    assert not matches(pattern("RunReported"), line)  # so that refused nights ring the alarm of silence


def test_a_bad_record_of_a_queue_is_given_back_alone(aws_lambda: Driven) -> None:
    good, bad = restart(*aws_lambda.ids(1)), {"action": "restart"}
    records = [
        {
            "messageId": f"19dd0b57-b21e-4ac1-bd88-01bbb068cb7{number}",
            "receiptHandle": "MessageReceiptHandle",
            "body": json.dumps(body),
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": str(int(time.time() * 1000)),
                "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            },
            "messageAttributes": {},
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:plans",
            "awsRegion": "eu-central-1",
        }
        for number, body in enumerate((good, bad))
    ]
    answer = aws_lambda.invoke({"Records": records})
    assert answer.body == {"batchItemFailures": [{"itemIdentifier": records[1]["messageId"]}]}
    lines, _ = aws_lambda.lines()
    fine, failed = reported(lines, 2)
    assert [fine["record"], failed["record"]] == [one["messageId"] for one in records]
    assert (fine["level"], failed["level"]) == ("info", "error")


@pytest.mark.parametrize(("identity", "status"), [("AROAEXAMPLE:deployer", 200), (None, 403)])
def test_an_http_event_is_answered_as_http(identity: str | None, status: int, aws_lambda: Driven) -> None:
    iam = {"iam": {"accountId": "123456789012", "userArn": f"arn:aws:sts::123456789012:assumed-role/{identity}", "userId": identity}}
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/",
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "accountId": "123456789012" if identity else "anonymous",
            "http": {"method": "POST", "path": "/", "sourceIp": "192.0.2.1"},
            "requestId": f"request-{status}",
            "timeEpoch": 0,
            **({"authorizer": iam} if identity else {}),
        },
        "body": json.dumps(restart(*aws_lambda.ids(1), dry_run=True, name=NIGHTLY), ensure_ascii=False),
        "isBase64Encoded": False,
    }
    answer = aws_lambda.invoke(event)
    assert (answer.kind, answer.body["statusCode"]) == ("response", status)
    assert (NIGHTLY in answer.body["body"]) is (identity is not None)
    (line,) = reported(aws_lambda.lines()[0])
    assert line["trigger"]["kind"] == "http"


def test_a_foreign_event_is_named_and_causes_no_call(aws_lambda: Driven) -> None:
    before = len(aws_lambda.emu.truth.requests)
    event = json.loads((DOCS.parent / "events" / "refused-foreign-s3.json").read_text(encoding="utf-8"))
    answer = aws_lambda.invoke(event)
    assert answer.body["errorType"] == "RefusedError"
    assert "S3" in answer.body["errorMessage"]
    assert [one for one in aws_lambda.emu.truth.requests[before:] if one.operation != "publish"] == []
    reported(aws_lambda.lines()[0])


def test_text_that_no_encoding_has_ends_no_process(aws_lambda: Driven) -> None:
    """Half of a pair: the runtime client cannot send it, and an execution environment that ends at an answer has done the work in vain."""
    halted = aws_lambda.invoke({"command": "halt", "reason": "a \ud800 b"}).body
    assert halted["halt"]["reason"] == "a ? b"
    assert aws_lambda.invoke({"action": "\ud800", "instances": ["\ud800"]}).kind == "error"
    assert aws_lambda.invoke({"command": "release", "halt": halted["halt"]["id"], "reason": "\udc00"}).kind == "response"


def test_a_fault_before_the_first_write_is_an_error_of_its_own_type(aws_lambda: Driven) -> None:
    """And counted as a failure: it is no run's report, and the event is no bad one."""
    aws_lambda.emu.add_fault(Fault("list", "error", status=403, code="DCS.1001"))
    answer = aws_lambda.invoke({"action": "restart", "select": {"tags": {"env": "demo"}}})
    assert (answer.kind, answer.body["errorType"]) == ("error", "CloudError")
    (line,) = reported(aws_lambda.lines()[0])
    assert line["ending"] == "fault"
    assert matches(pattern("RunFailed"), line)


# --- FunctionGraph -------------------------------------------------------------------------------------------------

# Takes an event and a request id from each line of standard input, as a runtime takes invocations, and writes what came of it to a pipe.
PROGRAM = """
import json, os, runpy, sys
code, told, answers = sys.argv[1], json.loads(sys.argv[2]), os.fdopen(int(sys.argv[3]), "w", encoding="utf-8")
sys.path.insert(0, code)
import handler
kind = runpy.run_path(told["contexts"])[told["context"]]
for line in sys.stdin:
    request_id, event = json.loads(line)
    # Its clock stands still: how far it had gone when it was asked would be a matter of the machine's speed.
    context = kind(told["settings"], key=tuple(told["key"]), timeout=told["timeout"], request_id=request_id, clock=lambda: 0.0)
    try:
        said = {"answer": handler.handler(event, context)}
    except Exception as err:
        said = {"error": type(err).__name__, "message": str(err)}
    print(json.dumps(said), file=answers, flush=True)
"""
PUBLISHED = [
    pytest.param(("OtcContext", 900), id="OTC"),
    pytest.param(("OtcContext", "900"), id="OTC, its timeout as text"),
    pytest.param(("OpenYuanrongContext", 900), id="openyuanrong"),
]


@pytest.fixture(scope="module", params=PUBLISHED)
def functiongraph(
    request: pytest.FixtureRequest, code: Path, interpreter: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Driven]:
    """One function instance of one runtime, as it is deployed by default: its journal is in a bucket.

    The key pair is the agency's, and settings come by `getUserData` alone.
    """
    folder = tmp_path_factory.mktemp("functiongraph")
    context, timeout = request.param
    with Emulator(make_fleet(SEVERAL, tags={"env": "demo"}, busy_s=0, lag_s=0), security_token=TOKEN) as emu:
        emu.obs.create(BUCKET)
        told = {
            "settings": {**settings_for(emu, folder), "UPKEEP_JOURNAL": url_of(emu), "UPKEEP_JOURNAL_EPHEMERAL": ""},
            "key": [emu.ak, emu.sk, TOKEN],
            "contexts": contexts.__file__,
            "context": context,
            "timeout": timeout,
        }
        theirs, answers = os.pipe()
        with (folder / "log").open("wb") as log, os.fdopen(theirs, encoding="utf-8") as heard:
            words = [interpreter, "-I", "-S", "-B", "-X", "utf8", "-c", PROGRAM, str(code), json.dumps(told), str(answers)]
            process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env={}, pass_fds=[answers])
            os.close(answers)
            assert process.stdin is not None

            def invoke(event: Any, request_id: str) -> dict[str, Any]:
                process.stdin.write(json.dumps([request_id, event]).encode() + b"\n")  # type: ignore[union-attr]
                process.stdin.flush()  # type: ignore[union-attr]
                answer: dict[str, Any] = json.loads(heard.readline())
                return answer

            try:
                yield Driven(emu, invoke, folder / "log")
            finally:
                process.stdin.close()
                process.kill()
                process.wait()


def test_a_timer_restarts_a_fleet_under_a_published_runtime(functiongraph: Driven) -> None:
    ids = functiongraph.ids(2)
    plan = {"action": "restart", "instances": ids, "name": NIGHTLY, "rollout": {"canary": 0}}
    timer = {"version": "v1.0", "trigger_type": "TIMER", "trigger_name": "night", "time": None, "user_event": json.dumps(plan)}
    said = functiongraph.invoke(timer, "request-1")
    assert said["answer"]["counts"] == {"completed": 2}, said
    assert all(len(functiongraph.emu.truth.executions(one)) == 1 for one in ids)
    lines, text = functiongraph.lines()
    (line,) = reported(lines)
    assert (line["host"], line["request_id"], line["trigger"]["kind"]) == ("functiongraph", "request-1", "timer")
    assert 800_000 < lines[0]["remaining_ms"] <= 900_000, "900 s, whatever the runtime says of them"
    assert '"event": "run.reported"' in text, "what docs/operate.md tells to search for in LTS"
    assert NIGHTLY in text
    assert NIGHTLY in functiongraph.emu.truth.messages[-1].message
    assert rows(query("RunsQuery"), lines)[0]["status"] == "succeeded"


def test_what_is_refused_fails_the_invocation_there_too(functiongraph: Driven) -> None:
    before = len(functiongraph.emu.truth.requests)
    said = functiongraph.invoke({"action": "restart", "instances": []}, "request-2")
    assert said["error"] == "RefusedError"
    # It tells the topic, and puts on record in the bucket that it did; DCS hears nothing of it.
    asked = {one.operation for one in functiongraph.emu.truth.requests[before:]}
    assert asked <= {"publish", "append", "get_object"}
    (line,) = reported(functiongraph.lines()[0])
    assert (line["ending"], line["request_id"]) == ("refused", "request-2")


def test_of_two_messages_each_has_its_line_and_the_good_one_runs(functiongraph: Driven) -> None:
    good = restart(*functiongraph.ids(1))
    records = [
        {
            "event_version": "1.0",
            "event_subscription_urn": "urn:smn:cn-north-4:0:plans:1",
            "event_source": "smn",
            "smn": {
                "type": "notification",
                "message_id": f"message-{number}",
                "topic_urn": "urn:smn:cn-north-4:0:plans",
                "subject": "plan",
                "message": json.dumps(plan),
                "timestamp": None,
                "message_attributes": None,
            },
        }
        for number, plan in enumerate((good, {"action": "restrat"}))
    ]
    said = functiongraph.invoke({"functionname": "dcs-upkeep", "requestId": "request-3", "record": records}, "request-3")
    assert [run.get("status") for run in said["answer"]["runs"]] == ["succeeded", "rejected"], said
    fine, bad = reported(functiongraph.lines()[0], 2)
    assert (fine["level"], bad["level"]) == ("info", "error")


def test_a_replay_in_the_same_function_instance_does_nothing(functiongraph: Driven) -> None:
    """A second event of one name, and a key pair that is asked for again."""
    plan = restart(*functiongraph.ids(1), run_id="night")
    said = [functiongraph.invoke(plan, name)["answer"]["replayed"] for name in ("request-4", "request-5")]
    assert said == [False, True]
    assert any(key.startswith("upkeep/expiring/run/") for key in functiongraph.emu.obs.buckets[BUCKET].objects)
    functiongraph.lines()
