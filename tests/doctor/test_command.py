"""The command `doctor`: what the function itself finds, on every host, whatever is wrong there."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from dcs_upkeep import bootstrap
from dcs_upkeep.adapters.hosts.functiongraph import FunctionGraphHost
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.doctor import checks
from dcs_upkeep.doctor.answer import MOST_FINDINGS
from dcs_upkeep.domain.bounds import LOG_LINE_BYTES
from dcs_upkeep.domain.errors import CloudError, RefusedError, SettingsError
from dcs_upkeep.domain.ports import Host
from dcs_upkeep.local.emulator import Emulator, Fault, make_fleet
from tests.contexts import FunctionGraphContext, LambdaContext
from tests.fakes import FakeClock, FakeLog
from tests.tables import create_table
from tests.world import TimedHost

DOCTOR = {"command": "doctor"}
TOKEN = "token-of-the-agency"
URN = "urn:smn:cn-north-4:0123456789abcdef0123456789abcdef:reports"
NOWHERE = "http://127.0.0.1:9"
HOSTS = ("functiongraph", "lambda", "local")
RESTART = {"action": "restart", "instances": ["00000000-0000-4000-8000-000000000000"]}


class Function:
    """The function on one host, its cloud an emulator. `doctor` sends the command and returns its answer."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.clock, self.log = FakeClock(), FakeLog()
        usual = {"topics": [URN], "security_token": TOKEN, "wall_clock": self.clock.now, "clock": self.clock}
        self.emu = Emulator(make_fleet(3), **{**usual, **options}).start()
        self.emu.smn.sign_up(URN, 1)
        self.plans_path = folder / "plans.json"
        self.settings: dict[str, str] = {
            "UPKEEP_REGION": "cn-north-4",
            "UPKEEP_PROJECT_ID": self.emu.project_id,
            "UPKEEP_ENDPOINT": self.emu.url,
            "UPKEEP_SMN_ENDPOINT": self.emu.url,
            "UPKEEP_CES_ENDPOINT": self.emu.url,
            "UPKEEP_FUNCTIONGRAPH_ENDPOINT": self.emu.url,
            "UPKEEP_TOPICS": URN,
        }

    def environ(self, **changes: str | None) -> dict[str, str]:
        pair = {"HUAWEICLOUD_SDK_AK": self.emu.ak, "HUAWEICLOUD_SDK_SK": self.emu.sk, "HUAWEICLOUD_SDK_SECURITY_TOKEN": TOKEN}
        return {key: value for key, value in {**self.settings, **pair, **changes}.items() if value is not None}

    def send(self, event: object, host: str = "functiongraph", *, given: Host | None = None, **changes: str | None) -> dict[str, Any]:
        environ = self.environ(**changes)
        contexts: Mapping[str, Callable[[], object]] = {
            "functiongraph": lambda: FunctionGraphContext(environ, ak=self.emu.ak, sk=self.emu.sk, token=TOKEN),
            "lambda": LambdaContext,
            "local": lambda: None,
        }
        return bootstrap.handle(
            event, contexts[host](), host=given, clock=self.clock, log=self.log, environ=environ, plans_path=self.plans_path
        )

    def doctor(self, host: str = "functiongraph", *, given: Host | None = None, **changes: str | None) -> dict[str, Any]:
        answer = self.send(DOCTOR, host, given=given, **changes)
        assert answer["command"] == "doctor"
        assert self.emu.truth.count("put") + self.emu.truth.count("publish") + self.emu.truth.count("copy") == 0, "it only reads"
        everything = json.dumps([answer, self.log.lines], default=str)
        assert not [secret for secret in (self.emu.sk, TOKEN) if secret in everything]
        return answer


@pytest.fixture
def function(tmp_path: Path) -> Iterator[Callable[..., Function]]:
    made: list[Function] = []

    def make(**options: Any) -> Function:
        made.append(Function(tmp_path, **options))
        return made[-1]

    yield make
    for one in made:
        one.emu.close()


def of(answer: Mapping[str, Any], what: str) -> dict[str, str]:
    (one,) = [one for one in answer["findings"] if one["what"] == what]
    return dict(one)


def bad(answer: Mapping[str, Any]) -> list[str]:
    return [one["what"] for one in answer["findings"] if one["state"] == "fail"]


Make = Callable[..., Function]


@pytest.mark.parametrize("host", HOSTS)
def test_where_all_is_well_nothing_fails_on_any_host(host: str, function: Make) -> None:
    one = function()
    answer = one.doctor(host)
    assert (answer["status"], bad(answer)) == ("succeeded", [])
    assert answer["counts"] == {state: sum(found["state"] == state for found in answer["findings"]) for state in ("ok", "look", "fail")}
    assert {"version", "settings", "reach DCS", "reach SMN", "clock", "credentials", "dcs:instance:list", URN} <= {
        found["what"] for found in answer["findings"] if found["state"] == "ok"
    }
    assert of(answer, "journal")["state"] == "look", "it works in a function without one"
    assert host in of(answer, "version")["said"]


def test_each_finding_is_a_line_of_the_log_and_the_answer_s_own_line_has_the_counts(function: Make) -> None:
    one = function()
    answer = one.doctor()
    lines = one.log.named("doctor.found")
    assert [(line["state"], line["what"], line["reason"]) for line in lines] == [
        (found["state"], found["what"], found["said"]) for found in answer["findings"]
    ]
    assert {line["state"]: line["level"] for line in lines} == {"ok": "info", "look": "warning"}
    (reported,) = one.log.named("run.reported")
    assert (reported["level"], reported["command"], reported["counts"]) == ("info", "doctor", answer["counts"])
    assert "findings" not in reported


def test_what_fails_rings_the_alarm_of_failed_runs_and_raises_nothing(function: Make) -> None:
    one = function(faults=[Fault("show", "403", times=None)])
    answer = one.doctor()
    assert (answer["status"], bad(answer)) == ("failed", ["dcs:instance:get"])
    assert "dcs:instance:get" in answer["next"]
    assert one.log.named("run.reported")[0]["level"] == "error"
    assert [line["level"] for line in one.log.named("doctor.found") if line["state"] == "fail"] == ["error"]


def test_the_agency_s_key_pair_is_told_from_one_that_stands_in_the_settings(function: Make) -> None:
    one = function()
    found = of(one.doctor(), "credentials")
    assert (found["state"], "the agency of the function (temporary" in found["said"]) == ("ok", True)
    context = FunctionGraphContext(one.environ(), ak="", sk="", token="")
    found = of(one.doctor(given=FunctionGraphHost(context)), "credentials")
    assert (found["state"], "agency" in found["fix"]) == ("look", True)


@pytest.mark.parametrize("host", HOSTS)
def test_refused_settings_are_what_it_answers(host: str, function: Make) -> None:
    one = function()
    answer = one.doctor(host, UPKEEP_POLL_S="often", UPKEEP_LEASE_S="1")
    assert answer["status"] == "failed"
    assert bad(answer) == ["UPKEEP_POLL_S", "UPKEEP_LEASE_S"]
    assert "not checked" in of(answer, "all else")["said"]
    assert one.emu.truth.count() == 0


def test_whatever_else_comes_is_refused_with_refused_settings_as_it_was(function: Make) -> None:
    one = function()
    wrapped = {
        "Records": [
            {"EventSource": "aws:sns", "Sns": {"MessageId": "n", "TopicArn": "arn:aws:sns:r:1:t", "Message": '{"command": "doctor"}'}}
        ]
    }
    for event in (RESTART, {"command": "status"}, {"Records": []}, wrapped, {**DOCTOR, "reason": "x"}, "doctor"):
        with pytest.raises(SettingsError, match="UPKEEP_POLL_S"):
            one.send(event, UPKEEP_POLL_S="often")
    assert len(one.log.named("settings.refused")) == 6
    assert one.log.named("doctor.found") == []


def test_from_a_topic_it_is_refused(function: Make) -> None:
    one = function()
    message = {"smn": {"topic_urn": URN, "message_id": "m", "timestamp": one.clock.now().isoformat(), "message": json.dumps(DOCTOR)}}
    with pytest.raises(RefusedError, match="doctor is not accepted from smn"):
        one.send({"record": [message]})
    assert one.log.named("doctor.found") == []


def test_refused_plans_and_a_journal_that_ends_with_the_instance_are_findings(function: Make) -> None:
    one = function()
    one.plans_path.write_text('{"plans": {"wipe": {"action": "wipe"}}}', encoding="utf-8")
    answer = one.doctor(UPKEEP_JOURNAL="sqlite:///runs.db")
    assert set(bad(answer)) == {"plans.json: plans.wipe.action", "plans.json: plans.wipe.instances", "UPKEEP_JOURNAL"}
    assert of(answer, "dcs:instance:list")["state"] == "ok", "the rest is looked at all the same"


def test_a_secret_that_cannot_be_read_is_a_finding(aws: str, function: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a project in the settings it is needed before anything else."""
    one = function()
    changes = {"UPKEEP_CREDENTIALS_SECRET": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:none", "UPKEEP_PROJECT_ID": None}
    with pytest.raises(CloudError, match="secret could not be read"):
        one.send(RESTART, "lambda", **changes)
    answer = one.doctor("lambda", **changes)
    assert bad(answer) == ["credentials"]
    assert "GetSecretValue" in of(answer, "credentials")["said"]
    assert "not checked" in of(answer, "rights and topics")["said"]


def test_a_package_without_the_library_of_its_journal_is_a_finding(function: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """As FunctionGraph's is unless it was built with --geminidb."""
    monkeypatch.delitem(sys.modules, "dcs_upkeep.adapters.journals.dynamodb", raising=False)
    monkeypatch.setitem(sys.modules, "boto3", None)
    answer = function().doctor(UPKEEP_JOURNAL="dynamodb://runs?region=eu-central-1")
    assert bad(answer) == ["journal"]
    assert "lacks boto3" in of(answer, "journal")["said"]
    assert "--geminidb" in of(answer, "journal")["fix"]


def test_dead_keys_are_tried_twice_and_no_service_more(function: Make) -> None:
    """Five wrong signatures would lock them, for whoever shares them."""
    one = function(key_valid_until=-1.0)
    answer = one.doctor(UPKEEP_ALARM_VETO="1")
    assert bad(answer) == ["dcs:instance:list"]
    assert "401" in of(answer, "dcs:instance:list")["said"]
    assert "key pair is refused" in of(answer, URN)["said"]
    assert "key pair is refused" in of(answer, "ces:alarmHistory:list")["said"]
    signed = [record.operation for record in one.emu.truth.requests if record.operation != "unknown"]  # the clock is asked for unsigned
    assert signed == ["list", "list"]
    assert one.emu.truth.key_locks == []


@pytest.mark.parametrize("host", HOSTS)
def test_everything_unreachable_is_told_at_once(host: str, function: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = function()
    addresses = {f"UPKEEP_{name}ENDPOINT": NOWHERE for name in ("", "SMN_", "CES_", "FUNCTIONGRAPH_")}
    answer = one.doctor(host, **addresses, UPKEEP_ALARM_VETO="1", UPKEEP_JOURNAL=f"dynamodb://runs?endpoint={NOWHERE}")
    assert [what for what in bad(answer) if not what.startswith("reach ")] == (["lambda:InvokeFunction"] if host == "lambda" else [])
    reached = {"reach DCS", "reach SMN", "reach Cloud Eye", "reach the journal"}
    assert {what for what in bad(answer) if what.startswith("reach ")} == (
        reached | {"reach FunctionGraph"} if host == "functiongraph" else reached
    )
    assert {"clock", "rights at DCS", "ces:alarmHistory:list", URN, "journal"} <= {
        found["what"] for found in answer["findings"] if "cannot be reached" in found["said"]
    }
    assert one.clock.monotonic() == 0, "nothing was tried again and again"


def test_in_too_little_time_nobody_is_asked(function: Make) -> None:
    one = function()
    context = FunctionGraphContext(one.environ(), ak=one.emu.ak, sk=one.emu.sk, token=TOKEN, left_s=3)
    context.getRunningTimeInSeconds = lambda: 3  # type: ignore[attr-defined]
    answer = one.doctor(given=FunctionGraphHost(context))
    assert bad(answer) == ["time left"]
    assert {"reach", "clock", "credentials"} <= {found["what"] for found in answer["findings"] if "s are left" in found["said"]}
    assert one.emu.truth.count() == 0


@pytest.mark.parametrize(("left_s", "each_s"), [(60.0, 11.5), (float("inf"), 18.5)], ids=["the host's time", "as long as a caller waits"])
def test_what_no_longer_fits_into_the_time_is_told_as_not_checked(left_s: float, each_s: float, function: Make) -> None:
    one = function(on_request=lambda _: one.clock.sleep(each_s))
    given = TimedHost(one.environ(), one.clock, left_s) if left_s < 100 else LocalHost(one.environ())
    answer = one.doctor(given=given)
    assert bad(answer) == []
    assert of(answer, "dcs:instance:list")["state"] == "ok"
    late = [found["what"] for found in answer["findings"] if "s are left" in found["said"]]
    assert URN in late
    assert one.clock.monotonic() < min(left_s, 90), "FunctionGraph's console waits for 90 s"


def test_a_check_that_breaks_is_a_finding_and_the_others_go_on(function: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Iterator[Any]:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(checks, "look_at_clock", broken)
    answer = function().doctor()
    assert bad(answer) == ["clock"]
    said = of(answer, "clock")["said"]
    assert ("an unexpected ZeroDivisionError" in said, "which is a fault of this tool" in said) == (True, True)
    assert "a secret" not in json.dumps(answer)
    assert of(answer, URN)["state"] == "ok"


def test_an_answer_is_bounded_and_what_fails_is_told_first(function: Make) -> None:
    one = function()
    plans = {f"plan-{number:04}\u202e\n" + "x" * 80: {"action": "flush", "select": {"tags": {"a": "b"}}} for number in range(60)}
    alarms = [{"name": "x*", "action": "stop"}] * 60
    one.plans_path.write_text(json.dumps({"plans": plans, "alarms": alarms}), encoding="utf-8")
    answer = one.doctor()
    assert (len(answer["findings"]), answer["counts"]["fail"]) == (MOST_FINDINGS, 120)
    assert {found["state"] for found in answer["findings"]} == {"fail"}
    assert answer["left_out"]
    assert all(value.isprintable() for found in answer["findings"] for value in found.values())
    assert len(one.log.named("doctor.found")) == MOST_FINDINGS
    assert max(len(json.dumps(line, default=str)) for line in one.log.lines) < LOG_LINE_BYTES


def test_in_a_vpc_the_journal_is_written_and_read_back_by_the_function(aws: str, function: Make) -> None:
    create_table(boto3.client("dynamodb", region_name="eu-central-1"), "runs-of-the-command")
    answer = function().doctor(UPKEEP_JOURNAL="dynamodb://runs-of-the-command?region=eu-central-1")
    assert bad(answer) == []
    assert of(answer, "reach the journal")["state"] == "ok"
    assert of(answer, "journal")["state"] == "ok"


def test_lambda_is_asked_whether_the_function_may_call_itself(aws: str, function: Make) -> None:
    """Only with a journal does it."""
    one = function()
    create_table(boto3.client("dynamodb", region_name="eu-central-1"), "runs-of-the-dry-run")
    answer = one.doctor("lambda", UPKEEP_JOURNAL="dynamodb://runs-of-the-dry-run?region=eu-central-1")
    assert bad(answer) == ["lambda:InvokeFunction"], "there is no such function at moto"
    assert "lambda:InvokeFunction" not in of(answer, "not tried")["said"]
    assert bad(one.doctor("lambda")) == []


def test_a_nightly_timer_may_send_it(function: Make) -> None:
    one = function()
    event = {
        "version": "v2.0",
        "time": one.clock.now().isoformat(),
        "trigger_type": "TIMER",
        "trigger_name": "look",
        "user_event": json.dumps(DOCTOR),
    }
    assert one.send(event)["status"] == "succeeded"
