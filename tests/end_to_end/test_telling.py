"""What topics hear, and what they do not: nothing twice, nothing of what a person sees anyway, and nothing that comes back as an event."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from dcs_upkeep import bootstrap
from dcs_upkeep.adapters import topics
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.errors import RefusedError
from dcs_upkeep.invocation import Caller
from dcs_upkeep.local.emulator import Emulator
from tests.end_to_end.test_deferred import MONDAY, RUN
from tests.fakes import FakeClock, FakeTopic
from tests.world import Fault, TimedHost, World, make_fleet, world


def attended(w: World, event: Any, *, dry_run: bool = False) -> None:
    """As the command line has it handled."""
    with suppress(RefusedError):
        bootstrap.handle(
            event, host=LocalHost(w.environ()), clock=w.clock, log=w.log, journal=w.journal, dry_run=dry_run, caller=Caller(tells_all=False)
        )


def test_somebody_who_tries_things_on_a_terminal_wakes_nobody() -> None:
    with world(3, journal=True) as w:
        attended(w, {"action": "restart", "instances": w.ids}, dry_run=True)
        attended(w, {"action": "restrat", "instances": w.ids})
        attended(w, {"resume": "nope"})
        attended(w, {"action": "flush", "instances": w.ids})
        attended(w, {"command": "sweep"})
        assert w.emu.truth.messages == []
        attended(w, {"action": "restart", "instances": w.ids})
        assert [message.subject for message in w.emu.truth.messages] == ["ok 3 of 3: restart in cn-north-4"]


@pytest.mark.parametrize("event", [{"command": "sweep"}, {"command": "status"}, {"command": "show", "run": "nobody's"}])
def test_commands_that_find_nothing_tell_nothing(event: dict[str, str]) -> None:
    with world(1, journal=True) as w:
        if "run" in event:
            w.refused(event)
            assert len(w.emu.truth.messages) == 1, "somebody asked for what is not there"
        else:
            w.run(event)
            assert w.emu.truth.messages == []


def test_a_replay_tells_nothing_again() -> None:
    with world(2, journal=True) as w:
        event = {"action": "restart", "instances": w.ids, "run_id": "night"}
        w.run(event)
        assert w.run(event)["replayed"]
        assert len(w.emu.truth.messages) == 1


def test_a_run_that_found_everything_done_says_so_once() -> None:
    """It is told as any end is: whoever asked for `end` wants to know that the night's run took place."""
    with world([replace(one, status="RUNNING") for one in make_fleet(2)], journal=True) as w:
        w.run({"action": "start", "instances": w.ids})
        (message,) = w.emu.truth.messages
        assert message.subject.startswith("ok 2 of 2: start")
        assert "2 fine: there already, nothing was sent" in message.text()


def test_who_waits_for_a_window_is_told_once_until_when() -> None:
    clock = FakeClock(MONDAY)
    with Emulator(make_fleet(3, tags={"env": "test"}), clock=clock) as emu:
        w = World(emu, clock, MemoryJournal(clock), {"UPKEEP_TIMEZONE": "Asia/Shanghai"})
        w.run(RUN)
        (message,) = emu.truth.messages
        assert message.subject == "waiting: restart in cn-north-4"
        assert "the run goes on by itself at 2026-03-08 18:00:00 (Asia/Shanghai)" in message.text()
        w.run({"resume": "direct:weekly@" + w.log.named("run.claimed")[0]["run_id"].partition("@")[2]})
        assert len(emu.truth.messages) == 1, "nothing has changed since"


def test_who_waits_for_the_account_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic of the other cloud: SMN is of the account that is throttled."""
    topic = FakeTopic()
    monkeypatch.setattr(topics, "build_topics", lambda *_args, **_fields: (topic,))
    with world(2, journal=True, faults=[Fault("list", "429", times=None, retry_after_s=3_000)]) as w:
        run_id = w.run({"action": "restart", "select": {"tags": {"env": "test"}}}, left_s=100)["run_id"]
        for _ in range(3):
            w.clock.sleep(3_001)
            host = TimedHost(w.environ(), w.clock, 100)
            assert w.run({"resume": run_id}, host=host)["status"] == "deferred"
        assert [message.subject.partition(":")[0] for message in topic.messages] == ["waiting"]


def sqs(body: str) -> dict[str, Any]:
    return {"Records": [{"eventSource": "aws:sqs", "messageId": "m", "eventSourceARN": "arn:aws:sqs:r:1:q", "body": body}]}


ENVELOPES: Mapping[str, Callable[[str], Any]] = {
    "sqs, raw": sqs,
    "smn": lambda text: {"record": [{"event_version": "1.0", "smn": {"message_id": "m", "type": "notification", "message": text}}]},
    "sns": lambda text: {"Records": [{"EventSource": "aws:sns", "Sns": {"Type": "Notification", "MessageId": "m", "Message": text}}]},
    "sqs": lambda text: sqs(json.dumps({"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:r:1:t", "Message": text})),
}


@pytest.mark.parametrize("protocol", ["functiongraph", "functionstage", "https", "default", "email"])
@pytest.mark.parametrize("envelope", ["smn", "sns", "sqs, raw", "sqs"])
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_function_that_hears_its_own_topic_does_nothing(protocol: str, envelope: str, language: str) -> None:
    """Reports, words on the way and the breaker's notice, in whatever form and envelope they come back."""
    settings = {"UPKEEP_LANGUAGE": language, "UPKEEP_NOTIFY": "start,wave,end", "UPKEEP_BREAKER": "1"}
    with world([replace(one, ends_in="ERROR") for one in make_fleet(2)], journal=True, settings=settings) as w:
        w.run({"action": "restart", "instances": w.ids[:1]})
        sent = [message.text(protocol) for message in w.emu.truth.messages]
        assert len(sent) == 4  # started, wave 1, the breaker, the end
        for text in sent:
            w.run(ENVELOPES[envelope](text))
        assert len(w.log.named("event.ignored")) == len(sent)
        assert len(w.emu.truth.messages) == len(sent)
        assert len(w.puts) == 1
