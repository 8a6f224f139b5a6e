"""What a person sees while a run is under way."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from dcs_upkeep.domain.model import OutcomeKind
from dcs_upkeep.local.lines import line
from dcs_upkeep.local.progress import Drawn, Plain
from dcs_upkeep.local.texts import speak
from tests.fakes import FakeClock

ENGLISH = speak(lambda _: None)
CHINESE = speak(lambda _: "zh-CN")


@pytest.mark.parametrize("kind", OutcomeKind)
def test_an_instance_is_told_of_unless_its_outcome_is_fine(kind: OutcomeKind) -> None:
    told = line("instance.verified", {"name": "cache-a", "instance_id": "a", "outcome": kind.value, "reason": "because"}, ENGLISH)
    assert told == (None if kind.fine else f"  cache-a: {kind.value}, because")


def test_an_outcome_that_is_not_known_here_is_told() -> None:
    """The report of a later version may have one."""
    told = line("instance.verified", {"instance_id": "a", "outcome": "vanished", "reason": "because"}, ENGLISH)
    assert told == "  a: vanished, because"


def test_that_everything_is_stopped_is_told_with_what_to_release() -> None:
    told = line("breaker.tripped", {"halt": "halt-0", "reason": "circuit breaker: 5 failed", "failed": {"night": 5}}, ENGLISH)
    assert told is not None
    assert "HALTED" in told
    assert "release halt-0" in told


def test_who_watches_is_told_what_is_waited_for() -> None:
    """Else a start that meets a stop shows nothing for half an hour."""
    assert line("wave.waited", {"wave": 1, "waiting": 2, "reason": "it is CLOSING"}, ENGLISH) == "wave 1: 2 waited for, it is CLOSING"
    assert line("wave.waited", {"wave": 1, "waiting": 2, "reason": "it is CLOSING"}, CHINESE) == "第1批：等待2个，it is CLOSING"


def test_what_has_no_text_of_the_terminal_is_told_in_the_words_of_the_log() -> None:
    assert line("journal.recovered", {"reason": "an append worked"}, CHINESE) == "the journal answers again: an append worked"


def plain_lines(*lines: tuple[str, dict[str, Any]]) -> str:
    screen = io.StringIO()
    plain = Plain(Console(file=screen, width=80), ENGLISH)
    for event, fields in lines:
        plain(event, **fields)
    return screen.getvalue()


def test_no_name_plays_tricks_with_the_terminal() -> None:
    forged = "cache\x1b[2J\nrejected: nothing\u202e"
    assert plain_lines(("topic.published", {"subject": forged})).rstrip("\n").isprintable()
    assert (
        plain_lines(("instance.verified", {"name": forged, "instance_id": "a", "outcome": "failed", "reason": forged}))
        .strip()
        .isprintable()
    )


def test_why_something_was_not_sent_is_told_at_the_end_alone() -> None:
    refused = [("instance.verified", {"instance_id": str(n), "outcome": "refused", "reason": "it is protected"}) for n in range(24)]
    assert plain_lines(*refused, ("plan.made", {"guard": "approval", "reason": "a long reason"})) == "refused by approval\n"


def drawn_at(drawn: Drawn, width: int = 80) -> str:
    """What is drawn now, as it stands on a screen."""
    screen = io.StringIO()
    Console(file=screen, width=width).print(drawn.picture())
    return screen.getvalue()


def a_plan(*waves: int, **fields: Any) -> dict[str, Any]:
    return {"waves": list(waves), "instances": sum(waves), "action": "restart", "pause_s": 0.0, "watch_timeout_s": 1800.0, **fields}


def drawing(width: int = 80) -> tuple[Drawn, FakeClock, io.StringIO]:
    clock, screen = FakeClock(), io.StringIO()
    return Drawn(Console(file=screen, width=width), ENGLISH, clock), clock, screen


def test_the_picture_changes_though_nothing_is_logged() -> None:
    """It is drawn by a thread: a call that takes long, or an account that is throttled, never looks like a frozen screen."""
    drawn, clock, _ = drawing()
    assert "reading the fleet" in drawn_at(drawn)
    clock.sleep(1)
    assert "1 s elapsed" in drawn_at(drawn)
    drawn("call.waited", level="warning", operation="list_instances", wait_s=60.0, reason="429")
    clock.sleep(1)
    assert "2 s elapsed, every call waits: the account is throttled" in drawn_at(drawn)
    drawn("plan.made", **a_plan(1, 2))
    assert "throttled" not in drawn_at(drawn)


def test_the_time_left_follows_what_the_waves_have_taken() -> None:
    drawn, clock, _ = drawing()
    drawn("plan.made", **a_plan(1, 1, 1, pause_s=30.0))
    assert "about 4 min left" in drawn_at(drawn)  # three waves of a minute, as assumed, and two pauses
    drawn("wave.started", wave=1, waves=3, instances=1)
    clock.sleep(10)
    drawn("wave.settled", wave=1, waves=3, counts={"completed": 1}, failures=0)
    assert "about 50 s left" in drawn_at(drawn)
    drawn("wave.started", wave=2, waves=3, instances=1)
    clock.sleep(4)
    assert "about 46 s left" in drawn_at(drawn)
    clock.sleep(300)
    assert "left" not in drawn_at(drawn), "it takes longer than all before it: nobody knows"


def test_faults_are_lines_of_their_own_and_counted() -> None:
    drawn, _, screen = drawing()
    drawn("plan.made", **a_plan(2))
    drawn("instance.verified", level="warning", name="cache-004", instance_id="4", outcome="failed", reason="it is in ERROR", wave=1)
    drawn("instance.verified", level="warning", name="cache-005", instance_id="5", outcome="refused", reason="it is protected", wave=1)
    assert screen.getvalue() == "  cache-004: failed, it is in ERROR\n"
    assert "1 is not fine" in drawn_at(drawn)


@pytest.mark.parametrize("width", [80, 120])
def test_hundreds_of_waves_take_no_more_room_than_three(width: int) -> None:
    drawn, _, _ = drawing(width)
    drawn("plan.made", **a_plan(*[20] * 300))
    for number in range(1, 200):
        drawn("wave.started", wave=number, waves=300, instances=20)
        drawn("wave.settled", wave=number, waves=300, counts={"completed": 20}, failures=0)
    drawn("wave.polled", wave=200, waves=300, states={f"RESTARTING-{n}": n for n in range(40)}, completed=3)
    lines = drawn_at(drawn, width).splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) <= width
    assert [re.match(r"wave \d+", one)[0] for one in lines[:3]] == ["wave 199", "wave 200", "wave 201"]  # type: ignore[index]  # else it fails
    assert "199 waves done" in lines[3]
