"""What a person sees while a run is under way."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from dcs_upkeep.domain.model import OutcomeKind
from dcs_upkeep.local.progress import Plain, closing, closing_lines
from dcs_upkeep.reporting.sentences import sentence


@pytest.mark.parametrize("kind", OutcomeKind)
def test_an_instance_is_told_of_unless_its_outcome_is_fine(kind: OutcomeKind) -> None:
    told = sentence("instance.verified", {"name": "cache-a", "instance_id": "a", "outcome": kind.value, "reason": "because"})
    assert told == (None if kind.fine else f"  cache-a: {kind.value}, because")


def test_an_outcome_that_is_not_known_here_is_told() -> None:
    """The report of a later version may have one."""
    assert sentence("instance.verified", {"instance_id": "a", "outcome": "vanished", "reason": "because"}) == "  a: vanished, because"


def test_that_everything_is_stopped_is_told_with_what_to_release() -> None:
    told = sentence("breaker.tripped", {"halt": "halt-0", "reason": "circuit breaker: 5 failed", "failed": {"night": 5}})
    assert told is not None
    assert "HALTED" in told
    assert "release halt-0" in told


def test_who_watches_is_told_what_is_waited_for() -> None:
    """Else a start that meets a stop shows nothing for half an hour."""
    assert sentence("wave.waited", {"wave": 1, "waiting": 2, "reason": "it is CLOSING"}) == "wave 1: 2 waited for, it is CLOSING"


def shown(report: dict[str, Any], width: int = 80) -> list[str]:
    """What the end of a run looks like on a terminal so wide."""
    screen = io.StringIO()
    console = Console(file=screen, width=width, force_terminal=True, color_system=None)
    for part in (*closing(report, width), *closing_lines(report)):
        console.print(part, markup=False, highlight=False, soft_wrap=isinstance(part, str))
    return [line[start : start + width] for line in screen.getvalue().splitlines() for start in range(0, max(1, len(line)), width)]


def report_of(rows: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    plain = {"guard": None, "wave": 1, "elapsed_s": None, "loses_data": None}
    instances = [{"instance_id": f"{n:036d}", "name": f"cache-{n:03d}", **plain, **row} for n, row in enumerate(rows)]
    plan = {"digest": "v2:" + "a" * 64, "dry_run": False, "showing": "abcdefghij"}
    named = {"status": "rejected", "counts": {"refused": len(rows)}, "elapsed_s": 1.0, "run_id": "direct:night@0", "replayed": False}
    ids = ",".join(f'"{row["instance_id"]}"' for row in instances)
    step = f'Look at what would be lost. The event: {{"action":"flush","instances":[{ids}]}}'
    return {**named, "plan": plan, "instances": instances, "notes": [], "problems": [], "next": step, **changes}


def test_a_refused_flush_of_a_day_s_fleet_is_one_screen() -> None:
    """It was 331 lines, one long reason 24 times; what mattered had scrolled away."""
    named = ", ".join(f"cache-{n:03d} ({n:036d}, flush clears all data)" for n in range(5))
    reason = f"flush would clear the data of 24 instances and is not approved: {named} and 19 more"
    lines = shown(report_of([{"outcome": "refused", "guard": "approval", "reason": reason}] * 24))
    assert len(lines) <= 24
    text = "".join(lines)
    assert text.count("is not approved") == 1
    assert all(f"cache-{n:03d}" in text for n in range(24))
    assert f'"approve": "v2:{"a" * 64}.abcdefghij"' in text


@pytest.mark.parametrize("count", [1_000, 20_000])
def test_thousands_with_one_reason_are_a_few_lines_too(count: int) -> None:
    lines = shown(report_of([{"outcome": "planned", "reason": "it would be sent", "wave": 2}] * count))
    assert len(lines) <= 24
    assert f"and {count - 30} more" in "".join(lines)


def test_what_was_sent_has_a_row_each_and_a_reason_once() -> None:
    rows = [{"outcome": "completed", "reason": "RESTARTING was seen, then RUNNING", "elapsed_s": 20.0}] * 3
    rows += [{"outcome": "failed", "reason": "it is in ERROR"}, {"outcome": "refused", "guard": "protected", "reason": "it is protected"}]
    text = "\n".join(shown(report_of(rows, status="partial"), width=160))
    assert text.count("RESTARTING was seen") == 1
    assert text.count("it is in ERROR") == 1
    assert text.count("1 refused [protected]: it is protected") == 1
    assert all(f"cache-{n:03d}" in text for n in range(5))


def test_no_name_plays_tricks_with_the_terminal() -> None:
    forged = "cache\x1b[2J\nrejected: nothing\u202e"
    report = report_of(
        [{"outcome": "refused", "reason": f"because of {forged}", "name": forged}, {"outcome": "failed", "reason": "x", "name": forged}]
    )
    report["notes"].append(forged)
    assert all(line.isprintable() for line in shown(report))
    screen = io.StringIO()
    Plain(Console(file=screen, width=80))("topic.published", subject=forged)
    assert screen.getvalue().rstrip("\n").isprintable()


def test_why_something_was_not_sent_is_told_at_the_end_alone() -> None:
    screen = io.StringIO()
    plain = Plain(Console(file=screen, width=80))
    for n in range(24):
        plain("instance.verified", level="warning", instance_id=str(n), outcome="refused", reason="it is protected")
    plain("plan.made", guard="approval", reason="a long reason")
    assert screen.getvalue() == "refused by approval\n"
