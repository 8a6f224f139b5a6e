"""Every file of events/, through `handler.handler`, on every host: those that ask for something do it, the refusals do nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import handler
from dcs_upkeep import bootstrap
from dcs_upkeep.domain.errors import RefusedError
from dcs_upkeep.local.emulator import Emulator, make_fleet
from dcs_upkeep.local.event_files import fill_in
from tests.contexts import FunctionGraphContext, LambdaContext
from tests.fakes import FakeClock

EVENTS = Path(__file__).resolve().parents[2] / "events"
CLOCK = FakeClock()
HOSTS = ("functiongraph", "lambda", "local")
RESTARTS = {
    "timer-restart-by-tag": 24,
    "timer-named-plan": 24,
    "scheduler-restart": 24,
    "direct-restart-by-ids": 3,
    "direct-soft-restart": 2,
    "direct-stop": 2,
    "smn-restart": 3,
    "smn-alarm": 1,
    "eventgrid-restart": 3,
    "apig-restart": 3,
    "kafka-restart": 3,
    "rocketmq-restart": 3,
    "rabbitmq-restart": 3,
    "eventbridge-rule-restart": 3,
    "sns-restart": 3,
    "sqs-restart": 5,
    "sqs-sns-restart": 3,
    "sqs-eventbridge-restart": 3,
    "function-url-restart": 3,
    "function-url-idempotency-key-restart": 3,
    "lambda-failure-record-restart": 3,
    "functiongraph-failure-record-restart": 24,
}
NOTHING_TO_SEND = ("direct-dry-run", "direct-start", "control-halt", "control-status", "control-sweep", "control-doctor")
REFUSED = (
    "refused-typo",
    "refused-both-targets",
    "refused-unknown-action",
    "refused-empty-list",
    "refused-flush-unapproved",
    "refused-foreign-s3",
    "control-release",
)


@pytest.fixture(scope="module")
def emu() -> Iterator[Emulator]:
    """One for all."""
    with Emulator(make_fleet(24, tags={"env": "demo"}), clock=CLOCK, security_token="token-of-the-agency") as running:
        yield running


def call(name: str, host: str, emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Hand the event to the function, as the host would."""
    settings = {
        "UPKEEP_ENDPOINT": emu.url,
        "UPKEEP_SMN_ENDPOINT": emu.url,
        "UPKEEP_CES_ENDPOINT": emu.url,
        "UPKEEP_REGION": "cn-north-4",
        "UPKEEP_PROJECT_ID": emu.project_id,
        "UPKEEP_TOPICS": f"urn:smn:cn-north-4:{emu.project_id}:reports",
        "UPKEEP_ALLOWED_ACTIONS": "restart,soft_restart,flush,stop,start",
        "UPKEEP_JOURNAL": "memory:",
        "UPKEEP_JOURNAL_EPHEMERAL": "1",
    }
    monkeypatch.setattr(bootstrap, "SystemClock", lambda: CLOCK)  # the handler's clock is the emulator's, so that nothing waits
    monkeypatch.setattr(bootstrap, "PLANS_PATH", EVENTS / "plans" / "plans.json")
    event = json.loads(fill_in((EVENTS / f"{name}.json").read_text(encoding="utf-8"), CLOCK.now()))
    if host == "functiongraph":
        return handler.handler(event, FunctionGraphContext(settings, ak=emu.ak, sk=emu.sk, token="token-of-the-agency"))
    environ = {
        **settings,
        "HUAWEICLOUD_SDK_AK": emu.ak,
        "HUAWEICLOUD_SDK_SK": emu.sk,
        "HUAWEICLOUD_SDK_SECURITY_TOKEN": "token-of-the-agency",
    }
    for key, value in environ.items():
        monkeypatch.setenv(key, value)
    return handler.handler(event, LambdaContext() if host == "lambda" else None)


def reset(emu: Emulator) -> None:
    for one in emu.instances():
        emu.set_status(one.instance_id, "RUNNING")
    emu.alarms.records.clear()
    emu.alarms.fire(emu.instances()[0].instance_id, "al1619578509719Ga0X1RGWv", "cache-memory-high")  # what smn-alarm.json speaks of
    emu.truth.forget()


def test_every_event_is_in_one_of_the_lists() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == {*RESTARTS, *NOTHING_TO_SEND, *REFUSED}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", RESTARTS)
def test_an_event_that_asks_for_something_gets_it(name: str, host: str, emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    reset(emu)
    answer = call(name, host, emu, monkeypatch)
    assert sum(len(one.ids) for one in emu.truth.puts) == RESTARTS[name]
    if name.startswith("sqs"):
        assert answer == {"batchItemFailures": []}
    else:
        report = json.loads(answer["body"]) if "statusCode" in answer else answer
        assert report["status"] == "succeeded"
        json.dumps(answer)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", NOTHING_TO_SEND)
def test_an_event_that_changes_nothing_sends_nothing(name: str, host: str, emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    reset(emu)
    json.dumps(call(name, host, emu, monkeypatch))
    assert emu.truth.puts == []


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_leaves_the_truth_without_a_put(name: str, host: str, emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    reset(emu)
    with pytest.raises(RefusedError, match="Refused, nothing was sent"):
        call(name, host, emu, monkeypatch)
    assert emu.truth.puts == []
    if name != "refused-flush-unapproved":  # that one has to read what it would destroy
        assert emu.truth.count("list") + emu.truth.count("show") == 0
