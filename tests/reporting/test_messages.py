"""What goes to a topic: fits both services, and never leaves out what is not fine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import REPORT_MARK, Location, Outcome, OutcomeKind, RunStatus, Trigger, TriggerKind
from dcs_upkeep.reporting import messages
from dcs_upkeep.reporting.report import Header, Report, summarize

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def report(outcomes: list[Outcome], status: RunStatus = RunStatus.PARTIAL, next_step: str = "Read.", **changes: Any) -> Report:
    header = Header(
        run_id="timer:nightly/1@abcd",
        trigger=Trigger(TriggerKind.TIMER, "nightly/1"),
        location=Location("cn-north-4", "p"),
        requested_by=None,
        name=changes.get("name", "nightly"),
        action=Action.RESTART,
        dry_run=False,
        started_at=NOW,
    )
    return summarize(header, None, outcomes, status=status, next_step=next_step, ended_at=NOW)


def some(count: int, kind: OutcomeKind, start: int = 0) -> list[Outcome]:
    return [
        Outcome(f"00000000-0000-4000-8000-{n:012d}", f"cache-{n}", kind, f"because of {n % 3}" * 5, wave=1)
        for n in range(start, start + count)
    ]


@pytest.mark.parametrize(
    "name", ["nightly", "a" * 128, "nächtlich\r\nBcc: x", "维护" * 64, "\U0001f600" * 128, "\u202eevil", "\ud800", "a\u2028b"]
)
def test_a_subject_fits_both_services(name: str) -> None:
    """SNS takes under 100 characters without line breaks or control characters, SMN 512 bytes; both UTF-8."""
    (message,) = messages.compose(report(some(3, OutcomeKind.FAILED), name=name))
    assert len(message.subject.encode("utf-16-le")) // 2 < 100
    assert len(message.subject.encode()) <= 512
    assert message.subject.isprintable()


def test_a_name_arrives_as_it_was_written() -> None:
    (message,) = messages.compose(report(some(3, OutcomeKind.FAILED), name="每周重启会话缓存"))
    assert "restart 每周重启会话缓存 in cn-north-4 - 3 failed" in message.subject
    assert "restart, 每周重启会话缓存, in" in message.text


@pytest.mark.parametrize("sign", ["\n", "\r\n", "\x1b[2J", "\x85", "\u2028", "\u202e", "\u2066", "\u200f", "\u200b", "\ufeff", "\ud800"])
def test_no_name_and_no_reason_makes_a_line_of_its_own(sign: str) -> None:
    """A mail that a stranger can write lines into tells what the stranger wants."""
    forged = f"cache{sign}Result:  24 completed"
    row = Outcome("0" * 36, forged, OutcomeKind.FAILED, f"because{sign}of it", wave=1)
    shown = report([row], name=forged, next_step=f"Look{sign}here.")
    shown["notes"].append(forged)
    (message,) = messages.compose(shown)
    (plain,) = messages.compose(report([row], name="x", next_step="Look."))
    lines = message.text.splitlines()
    assert len(lines) == len(plain.text.splitlines()) + 1  # the note
    assert all(line.isprintable() for line in lines)
    message.text.encode()


@pytest.mark.parametrize("count", [2_000, 20_000, 100_000])
def test_an_event_for_thousands_of_instances_is_told_by_its_approval(count: int) -> None:
    """What a person needs is the approval; the event is the one that was sent."""
    ids = ",".join(f'"{n:036d}"' for n in range(count))
    shown = report([], RunStatus.REJECTED, next_step='Send: {"action":"flush","instances":[' + ids + "]}")
    shown["plan"]["digest"], shown["plan"]["showing"] = "v2:" + "a" * 64, "abcdefghij"
    (message,) = messages.compose(shown)
    assert len(message.text.encode()) < 5_000
    assert f'"approve": "v2:{"a" * 64}.abcdefghij"' in message.text


def test_waves_without_number_are_counted() -> None:
    shown = report(some(3, OutcomeKind.COMPLETED))
    shown["plan"]["waves"] = [["x"]] * 100_000
    (message,) = messages.compose(shown)
    assert "and 99980 more" in message.text
    assert len(message.text) < 5_000


def test_a_message_begins_with_the_mark_by_which_it_is_known() -> None:
    assert all(one.text.startswith(REPORT_MARK) for one in messages.compose(report(some(20_000, OutcomeKind.FAILED)), 250_000))


def test_a_glance_at_the_subject_is_enough() -> None:
    (message,) = messages.compose(
        report([*some(2, OutcomeKind.COMPLETED), *some(1, OutcomeKind.UNKNOWN, 2)], next_step="ACTION NEEDED: look.")
    )
    assert message.subject.startswith("ACTION NEEDED: DCS Upkeep partial: restart nightly in cn-north-4 - 1 unknown, 2 completed")


def test_a_long_name_never_hides_the_counts() -> None:
    outcomes = [*some(2, OutcomeKind.COMPLETED), *some(1, OutcomeKind.UNKNOWN, 2)]
    (message,) = messages.compose(report(outcomes, name="the caches of " * 9, next_step="ACTION NEEDED: look."))
    assert message.subject.endswith("in cn-north-4 - 1 unknown, 2 completed")
    assert "restart the ca" in message.subject
    parts = messages.compose(report(some(20_000, OutcomeKind.FAILED), name="x" * 128))
    assert all(part.subject.endswith("- 20000 failed") for part in parts)


def test_a_name_that_begins_with_the_action_says_it_once() -> None:
    (message,) = messages.compose(report([], name="Restart the caches"))
    assert ": Restart the caches in cn-north-4" in message.subject


def test_a_long_report_is_cut_by_what_is_fine_and_says_so() -> None:
    outcomes = [*some(5000, OutcomeKind.COMPLETED), *some(50, OutcomeKind.FAILED, 5000)]
    (message,) = messages.compose(report(outcomes))
    assert len(message.text.encode()) <= 250_000
    assert all(one.instance_id in message.text for one in outcomes[5000:])
    assert "more that are fine, left out" in message.text


@pytest.mark.parametrize("count", [1_000, 2_000, 20_000])
def test_what_is_not_fine_is_never_cut(count: int) -> None:
    outcomes = some(count, OutcomeKind.FAILED)
    parts = messages.compose(report(outcomes))
    text = "".join(one.text for one in parts)
    assert all(one.instance_id in text for one in outcomes)
    assert all(len(one.text.encode()) <= 250_000 for one in parts)
    assert len(parts) == 1 or parts[0].subject.startswith("(1/")


def test_a_repeated_message_says_that_it_may_be_one() -> None:
    shown: Report = {**report([]), "possibly_repeated": True}
    (message,) = messages.compose(shown)
    assert "(repeated?)" in message.subject
    assert "may have sent this message already" in message.text
