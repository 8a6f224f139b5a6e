"""A plan and the end of a run, as they stand on a screen of 80 and of 120 cells, in both languages."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from dcs_upkeep.local.cells import fit, grid, pad
from dcs_upkeep.local.closing import closing
from dcs_upkeep.local.groups import Part
from dcs_upkeep.local.plan_view import Terms, plan_view
from dcs_upkeep.local.texts import speak
from dcs_upkeep.planning.plan import SENT_NOW

ENGLISH, CHINESE = speak(lambda _: None), speak(lambda _: "zh-CN")
SCREEN = 24  # lines
LONG = "the-session-cache-of-the-payment-team-in-the-second-zone-%03d"
WIDE = "订单服务-会话缓存-生产环境-%03d"
MADE = {"pause_s": 60.0, "watch_timeout_s": 1800.0}


def parts_on_screen(parts: Iterable[Part], width: int = 80) -> tuple[list[str], list[str]]:
    """(lines that we lay out, lines that are to be copied), as printed."""
    laid_out: list[str] = []
    copied: list[str] = []
    for part in parts:
        screen = io.StringIO()
        console = Console(file=screen, width=width, color_system=None)
        console.print(part, markup=False, highlight=False, soft_wrap=isinstance(part, str))
        (copied if isinstance(part, str) else laid_out).extend(screen.getvalue().splitlines())
    return laid_out, copied


def height(parts: Iterable[Part], width: int = 80) -> int:
    """Lines of the terminal, which breaks what is to be copied by itself."""
    laid_out, copied = parts_on_screen(parts, width)
    return len(laid_out) + sum(max(1, -(-cell_len(line) // width)) for line in copied)


def text_of(parts: Iterable[Part], width: int = 80) -> str:
    laid_out, copied = parts_on_screen(parts, width)
    return "\n".join((*laid_out, *copied))


def report_of(rows: list[dict[str, Any]], name: str = "cache-%03d", **changes: Any) -> dict[str, Any]:
    plain = {"guard": None, "wave": 1, "elapsed_s": None, "loses_data": False, "reason": "as planned"}
    instances = [{"instance_id": f"{n:08d}-3333-4444-8888-{n:012d}", "name": name % n, **plain, **row} for n, row in enumerate(rows)]
    plan = {"action": "flush", "name": None, "digest": "v2:" + "a" * 64, "dry_run": False, "showing": "abcdefghij", "waves": []}
    counts: dict[str, int] = {}
    for row in instances:
        counts[row["outcome"]] = counts.get(row["outcome"], 0) + 1
    return {
        "status": "rejected",
        "counts": counts,
        "elapsed_s": 113.0,
        "run_id": "direct:night@0",
        "replayed": False,
        "region": "cn-north-4",
        "project_id": "0" * 32,
        "plan": plan,
        "instances": instances,
        "calls": {"list_instances": 3, "list_configurations": 24},
        "notes": [],
        "problems": [],
        "next": "Nothing to do.",
        **changes,
    }


def view(report: dict[str, Any], width: int = 80, **options: Any) -> list[Part]:
    return list(plan_view(report, Terms(MADE, 50, 10.0), options.pop("texts", ENGLISH), width, **options))


def planned(count: int, *, losing: int = 0, wave_size: int = 20, **changes: Any) -> dict[str, Any]:
    rows = [{"outcome": "planned", "wave": 1 + (n + wave_size - 1) // wave_size, "loses_data": n < losing} for n in range(count)]
    return report_of(rows, status="planned", **changes)


def test_a_plan_says_what_where_how_many_what_is_lost_how_long_and_how_many_calls() -> None:
    text = text_of(view(planned(24, losing=2)))
    for words in (
        "plan: flush",
        "cn-north-4, project 00000000000000000000000000000000",
        "24 of 24 instances in 3 waves: 1, 20, 3",
        "DATA of 2 of 24 (marked !): cache-000, cache-001",
        "about 3 min 30 s, if flush takes 30 s each time; 1 h 32 min at most",
        "3 that act, about 60 that read",
    ):
        assert words in text, words


def test_those_that_lose_data_are_marked_in_their_wave_and_no_others() -> None:
    lines = text_of(view(planned(24, losing=2))).splitlines()
    assert next(line for line in lines if "wave 1" in line).split() == ["wave", "1", "!", "cache-000"]
    second = next(line for line in lines if "wave 2" in line)
    assert "! cache-001" in second
    assert "! cache-002" not in second


def test_of_whom_nobody_can_tell_is_marked_otherwise() -> None:
    report = planned(3)
    report["instances"][1]["loses_data"] = None
    text = text_of(view(report))
    assert "could not be read of 1 of 3 (marked ?): cache-001" in text
    assert "? cache-001" in text
    assert "no data" not in text


def test_a_plan_that_loses_nothing_says_so() -> None:
    assert "loses  no data" in text_of(view(planned(3)))


@pytest.mark.parametrize("texts", [ENGLISH, CHINESE], ids=["en", "zh"])
@pytest.mark.parametrize("name", ["cache-%03d", LONG, WIDE])
@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("count", [1, 24, 300])
def test_a_plan_is_one_screen_whatever_the_names(count: int, width: int, name: str, texts: Any) -> None:
    parts = view(planned(count, losing=count // 2, name=name), width, texts=texts)
    laid_out, _ = parts_on_screen(parts, width)
    assert max(map(cell_len, laid_out)) <= width
    assert height(parts, width) <= SCREEN


@pytest.mark.parametrize("count", [1_000, 20_000])
def test_a_plan_of_thousands_is_bounded_and_says_what_it_leaves_out(count: int) -> None:
    parts = view(planned(count))
    assert height(parts) <= SCREEN
    assert "more; --all shows them" in text_of(parts)
    assert f"cache-{count - 1}" not in text_of(parts)


def test_all_leaves_nothing_out() -> None:
    text = text_of(view(planned(1_000), everything=True))
    assert all(f"cache-{n:03d}" in text for n in range(1_000))


def test_why_it_would_be_refused_is_told_once_and_not_as_a_note() -> None:
    named = ", ".join(f"cache-{n:03d} (flush clears all data)" for n in range(5))
    report = planned(24, losing=24, notes=[f"{SENT_NOW}approval: flush would clear the data of 24 instances and is not approved: {named}"])
    text = text_of(view(report))
    assert text.count("is not approved") == 1
    assert "note:" not in text
    assert "flush clears all data" not in text  # they are marked above


def test_a_refused_flush_of_a_day_s_fleet_is_one_screen() -> None:
    """It was 331 lines, one long reason 24 times; what mattered had scrolled away."""
    named = ", ".join(f"cache-{n:03d} ({n:036d}, flush clears all data)" for n in range(5))
    reason = f"flush would clear the data of 24 instances and is not approved: {named} and 19 more"
    report = report_of([{"outcome": "refused", "guard": "approval", "reason": reason, "loses_data": True}] * 24)
    parts = list(closing(report, ENGLISH))
    assert height(parts) <= SCREEN
    text = text_of(parts)
    assert " ".join(text.split()).count("is not approved") == 1
    assert all(f"cache-{n:03d}" in text for n in range(24))


@pytest.mark.parametrize("count", [1_000, 20_000])
def test_thousands_with_one_reason_are_a_few_lines_too(count: int) -> None:
    parts = list(closing(report_of([{"outcome": "refused", "guard": "protected", "reason": "it is protected"}] * count), ENGLISH))
    assert height(parts) <= SCREEN
    assert f"and {count - 30} more" in text_of(parts)


def test_a_thousand_reasons_are_bounded_and_counted() -> None:
    rows = [{"outcome": "failed", "reason": f"it is in ERROR, {n}"} for n in range(1_000)]
    parts = list(closing(report_of(rows, status="failed"), ENGLISH))
    assert height(parts) <= 2 * SCREEN
    assert "and 988 more" in text_of(parts)
    assert "cache-999" in text_of(closing(report_of(rows, status="failed"), ENGLISH, everything=True))


@pytest.mark.parametrize("texts", [ENGLISH, CHINESE], ids=["en", "zh"])
@pytest.mark.parametrize("name", ["cache-%03d", LONG, WIDE])
@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("everything", [False, True], ids=["brief", "all"])
def test_the_closing_table_fits_whatever_the_names(everything: bool, width: int, name: str, texts: Any) -> None:
    rows = [{"outcome": "completed", "elapsed_s": 20.0}] * 20
    rows += [{"outcome": "failed", "reason": "it was in ERROR at two readings", "wave": 12, "elapsed_s": 1805.0}] * 3
    rows += [{"outcome": "unknown", "reason": "the answer was lost; no evidence settled it", "wave": 12}]
    laid_out, _ = parts_on_screen(closing(report_of(rows, name, status="partial"), texts, everything=everything), width)
    assert max(map(cell_len, laid_out)) <= width
    whole = [line for line in laid_out if "00000020-3333-4444-8888-000000000020" in line]
    assert whole, "an id is never cut: it is what the console is asked with"


def test_only_what_is_not_fine_has_a_row_and_its_reason_stands_once() -> None:
    rows = [{"outcome": "completed", "reason": "RESTARTING was seen, then RUNNING", "elapsed_s": 20.0}] * 3
    rows += [{"outcome": "failed", "reason": "it is in ERROR"}, {"outcome": "failed", "reason": "it is in ERROR"}]
    rows += [{"outcome": "refused", "guard": "protected", "reason": "it is protected"}]
    text = text_of(closing(report_of(rows, status="partial"), ENGLISH))
    assert text.count("it is in ERROR") == 1
    assert "2 failed: it is in ERROR" in text
    assert "1 refused [protected]: it is protected" in text
    assert "RESTARTING" not in text
    assert all((f"cache-{n:03d}" in text) == (n >= 3) for n in range(6))
    assert text.index("2 failed") < text.index("1 refused"), "the most urgent first"
    assert "partial: 3 completed, 2 failed, 1 refused, in 1 min 53 s, run 16fdc359" in text


def test_what_was_lost_is_said_whether_or_not_all_is_fine() -> None:
    rows = [{"outcome": "completed", "loses_data": True}] * 2 + [{"outcome": "unknown", "loses_data": None}, {"outcome": "completed"}]
    text = text_of(closing(report_of(rows, status="partial"), ENGLISH))
    assert "DATA LOST on 2: cache-000, cache-001" in text
    assert "data may be lost on 1: cache-002" in text
    assert "LOST" not in text_of(closing(report_of([{"outcome": "completed"}], status="succeeded"), ENGLISH))
    assert "LOST" not in text_of(closing(report_of([{"outcome": "refused", "loses_data": True}]), ENGLISH))


def test_an_outcome_of_a_later_version_is_told_as_not_fine() -> None:
    assert "1 vanished: because" in text_of(closing(report_of([{"outcome": "vanished", "reason": "because"}], status="partial"), ENGLISH))


def test_no_name_plays_tricks_with_the_terminal() -> None:
    forged = "cache\x1b[2J\nrejected: nothing\u202e"
    rows = [{"outcome": one, "reason": f"because of {forged}", "name": forged} for one in ("refused", "failed", "planned")]
    report = report_of(rows, notes=[forged], problems=[{"path": forged, "what": forged, "fix": forged}])
    report["plan"]["name"] = report["region"] = forged
    for parts in (closing(report, ENGLISH), closing(report, ENGLISH, everything=True), view({**report, "status": "planned"})):
        laid_out, copied = parts_on_screen(parts)
        assert all(line.isprintable() for line in (*laid_out, *copied))


def test_a_cell_is_not_a_character() -> None:
    assert fit("订单服务会话缓存", 10) == "订单服务…"
    assert cell_len(pad("订单", 10)) == 10
    assert fit("cache\nforged", 40) == "cache?forged"
    assert grid(["订单服务", "cache-1", "c"], 20, 24) == ["订单服务  cache-1", "c"]
    assert grid([], 20, 24) == []
