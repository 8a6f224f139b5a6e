"""What a page says, before it has words: verdict, losses, faults, and where everything stands on the timeline."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from dcs_upkeep.local.emulator import make_fleet
from dcs_upkeep.local.pages.model import MOST_ROWS, build_page, split_event
from dcs_upkeep.local.pages.record import MOST_LINES, read_record
from dcs_upkeep.local.pages.timeline import MOST_LANES, Timeline
from dcs_upkeep.local.pages.verdict import LEVELS
from tests.local.pages import samples
from tests.world import Fault, world


def verdict(report: Mapping[str, Any]) -> tuple[str, int, int]:
    found = build_page(report).verdict
    return found.kind, found.n, found.every


def rowed(report: Mapping[str, Any], **outcomes: str) -> dict[str, Any]:
    """The same report with these outcomes for the instances at these places."""
    rows = [{**row, "outcome": outcomes.get(f"at{place}", row["outcome"])} for place, row in enumerate(report["instances"])]
    return {**report, "instances": rows}


@pytest.fixture(scope="module")
def well() -> dict[str, Any]:
    return samples.ok()[0]


@pytest.fixture(scope="module")
def faulty() -> Iterator[Any]:
    return samples.faulty()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("ok", 24, 24)),
        ({"at3": "failed", "at4": "unknown"}, ("down", 1, 24)),
        ({"at4": "unknown", "at5": "not_attempted"}, ("check", 1, 24)),
        ({"at5": "not_attempted", "at6": "refused"}, ("stopped", 2, 24)),
        ({"at6": "refused"}, ("refused", 1, 24)),
        ({"at6": "accepted"}, ("unseen", 1, 24)),
    ],
)
def test_the_greatest_harm_comes_first(change: dict[str, str], expected: tuple[str, int, int], well: dict[str, Any]) -> None:
    report = rowed(well, **change)
    for row in report["instances"]:
        if row["outcome"] == "failed":
            row["reason"] = "it ended in ERROR"
    assert verdict(report) == expected


@pytest.mark.parametrize(
    ("status", "change", "kind"),
    [
        ("running", {}, "running"),
        ("halted", {"at6": "not_attempted"}, "halted"),
        ("deferred", {"at6": "deferred"}, "waiting"),
        ("failed", {}, "fault"),
    ],
)
def test_a_status_that_says_more_than_its_rows(status: str, change: dict[str, str], kind: str, well: dict[str, Any]) -> None:
    assert verdict({**rowed(well, **change), "status": status})[0] == kind


def test_what_waits_for_a_person_is_no_waiting(well: dict[str, Any]) -> None:
    report = {
        **rowed(well, at6="deferred"),
        "status": "deferred",
        "next": 'ACTION NEEDED: send this event for the rest: {"action": "restart"}',
    }
    page = build_page(report)
    assert (page.verdict.kind, page.event) == ("action_needed", '{\n  "action": "restart"\n}')


def test_an_instance_that_runs_as_before_is_not_called_down(well: dict[str, Any]) -> None:
    """Woken for an instance that is down, a person must not find it running."""
    report = rowed(well, at3="failed")
    report["instances"][3]["error_code"] = "DCS.4026"
    assert verdict(report)[0] == "failed"
    with world(3, journal=True, faults=[Fault("put", "403")]) as w:
        report = w.restart()
        assert build_page(report, samples.record_of(w, report)).verdict.kind == "failed"


def test_data_that_a_restart_lost_stands_before_all_well(well: dict[str, Any]) -> None:
    report = rowed(well)
    for place in (2, 3):
        report["instances"][place] |= {"loses_data": True, "keys_before": 20_000, "keys_after": 2}
    page = build_page(report)
    assert (page.verdict.kind, page.verdict.n, page.loss.keys) == ("lost", 2, 39_996)
    report["instances"][3]["keys_after"] = None
    assert build_page(report).loss.keys is not None
    report["instances"][3]["keys_before"] = None
    assert build_page(report).loss.keys is None, "what nobody read is never zero"


def test_what_was_not_executed_lost_nothing_and_what_nobody_knows_may_have(well: dict[str, Any]) -> None:
    report = rowed(well, at2="failed", at3="failed", at4="unknown")
    for place in (2, 3, 4):
        report["instances"][place]["loses_data"] = True
    report["instances"][2]["error_code"] = "DCS.2003"
    report["instances"][3]["reason"] = "it ended in ERROR"
    page = build_page(report)
    assert [row.place for row in page.loss.rows] == [3]
    assert [row.place for row in page.loss.maybe] == [4]
    html = samples.html_of(page)
    assert html.count(">lost<") == 1 or html.count("</span>lost<") == 1
    assert "May be lost on 1: cache-005" in html


def test_a_flush_as_approved_is_no_alarm() -> None:
    with world(3, journal=True) as w:
        report = w.run(w.approving({"action": "flush", "instances": w.ids}))
        page = build_page(report, samples.record_of(w, report))
    assert (page.verdict.kind, page.verdict.level, len(page.loss.rows)) == ("emptied", "calm", 3)


def test_a_plan_shows_what_it_would_lose_and_the_event_that_approves_it() -> None:
    page = build_page(samples.planned())
    assert (page.verdict.kind, page.verdict.n, page.is_plan, page.timeline) == ("plan_loses", 12, True, None)
    assert [len(wave) for wave in page.waves] == [1, 8, 3]
    assert page.event is not None
    assert '"approve": "v2:' in page.event
    assert build_page(samples.planned("restart")).verdict.kind == "plan"


def test_a_plan_of_nothing_and_one_that_could_not_be_read(well: dict[str, Any]) -> None:
    plan = {**well, "status": "planned", "plan": {**well["plan"], "dry_run": True}}
    assert verdict({**plan, "instances": []})[0] == "plan_empty"
    rows = [{**row, "outcome": "planned", "loses_data": None} for row in well["instances"]]
    assert verdict({**plan, "instances": rows}) == ("plan_unread", 24, 24)


def test_a_refusal_for_approval_is_a_question_with_what_is_at_stake() -> None:
    report = {**samples.unapproved(), "at_stake": {"instances": 6, "keys": 41_212, "used_memory_mb": 310.5}}
    page = build_page(report)
    assert (page.verdict.kind, page.verdict.n, page.loss.would, page.loss.keys, page.loss.megabytes) == ("approve", 6, True, 41_212, 310.5)
    assert [(group.guard, len(group.rows)) for group in page.refusals] == [("approval", 6)]
    assert page.groups == ()


def test_an_event_that_is_not_valid_lists_its_problems() -> None:
    with world(1) as w:
        page = build_page(w.refused({"action": "reboot", "instances": w.ids}))
    assert page.verdict.kind == "refused_event"
    assert page.problems[0][0] == "action"


def test_each_reason_is_told_once_with_all_that_it_is_about() -> None:
    page = samples.page_of(samples.down())
    assert [(group.outcome, len(group.rows)) for group in page.groups] == [("failed", 1), ("not_attempted", 15)]


def test_every_verdict_has_its_look() -> None:
    assert set(LEVELS.values()) == {"bad", "warn", "wait", "calm"}


def lanes(timeline: Timeline | None, name: str) -> list[tuple[str, float, float]]:
    assert timeline is not None
    return [(span.kind, span.x, span.width) for lane in timeline.lanes if lane.row and lane.row.name == name for span in lane.spans]


def test_the_timeline_shows_calls_waiting_evidence_and_doubt(faulty: Any) -> None:
    page = samples.page_of(faulty)
    settled = [kind for kind, _, _ in lanes(page.timeline, "cache-002")]
    assert settled == ["call", "again", "call", "doubt", "busy o-completed", "seen"]
    assert "doubt" in [kind for kind, _, _ in lanes(page.timeline, "cache-010")]
    assert "busy o-unknown" not in [kind for kind, _, _ in lanes(page.timeline, "cache-010")]


def test_waves_stand_one_after_the_other_with_their_pauses() -> None:
    timeline = samples.page_of(samples.ok()).timeline
    assert timeline is not None
    heads = [lane for lane in timeline.lanes if lane.row is None]
    spans = [(head.spans[0].x, head.spans[0].x + head.spans[0].width) for head in heads]
    assert all(before[1] <= after[0] + 0.01 for before, after in itertools.pairwise(spans))
    assert [round(one.seconds) for one in timeline.stretches if one.kind == "pause"] == [60, 60, 60]
    assert all(span.x >= 0 and span.x + span.width <= 100.01 for lane in timeline.lanes for span in lane.spans)


def test_three_days_in_which_nothing_happened_do_not_hide_what_did(well: dict[str, Any]) -> None:
    """A run that waited for its window is read like another."""
    report = {**rowed(well), "started_at": "2020-01-01T00:00:00.000Z"}
    timeline = build_page(report).timeline
    assert timeline is not None
    (idle,) = [one for one in timeline.stretches if one.kind == "idle"]
    assert idle.short
    assert idle.width < 15
    assert 2 <= len(timeline.ticks) <= 9
    assert all(tick.x >= idle.x + idle.width - 0.01 or tick.x <= idle.x + 0.01 for tick in timeline.ticks)


def test_a_wave_that_nothing_was_sent_in_takes_one_line() -> None:
    timeline = samples.page_of(samples.down()).timeline
    assert timeline is not None
    assert [lane.size for lane in timeline.lanes if lane.row is None] == [1, 8, 8, 7]
    assert {lane.wave for lane in timeline.lanes if lane.row} == {1, 2}
    assert timeline.stop_x is not None


def test_where_nobody_was_at_work_is_seen(faulty: Any) -> None:
    """A hand-over, and a lease that lapsed."""
    with world(4, journal=True, settings={"UPKEEP_MAX_HOPS": "9"}) as w:
        w.restart(rollout={"wave_size": 2})
        assert w.journal is not None
        claimed = [entry for stream in ("run/",) for entry in _first_run(w, stream)]
    entries = [dict(entry) for entry in claimed]
    at = entries[-1]["at"]
    lapsed = [*entries[:-1], {"kind": "taken_over", "at": at + 500, "owner": "b", "lease_until": at + 900}]
    (band,) = read_record(lapsed).bands
    assert (band.kind, band.end) == ("unattended", at + 500)
    handed = [*entries[:-1], {"kind": "yielded", "at": at, "token": "t", "calls": {}}, {"kind": "taken_over", "at": at + 5, "owner": "b"}]
    (band,) = read_record(handed).bands
    assert (band.kind, band.begin, band.end) == ("handed_over", at, at + 5)


def _first_run(w: Any, prefix: str) -> list[dict[str, Any]]:
    run_id = w.log.named("run.reported")[-1]["run_id"]
    return [entry for _, entry in w.journal.read(f"{prefix}{run_id}")]


def test_faults_met_are_those_of_the_journal(faulty: Any) -> None:
    record = faulty[1]
    assert [dict(fault.verdicts) for fault in record.faults] == [{"again": 8}, {"doubt": 8}, {"doubt": 8}]
    assert record.faults[0].code == "APIGW.0308"


def test_the_report_alone_is_enough_for_a_page_and_says_that_it_is_less() -> None:
    report, _ = samples.down()
    page = build_page(report)
    assert page.timeline is not None
    assert not page.timeline.exact
    assert page.record is None
    assert lanes(page.timeline, "payment-session-cache-eu-north-0007-with-a-long-name")


def test_gates_are_shown_where_the_report_has_them(well: dict[str, Any]) -> None:
    checks = [{"metric": "cpu_usage", "instance_id": "x", "before": 10, "after": 99.5, "limit": "max 85", "verdict": "failed"}]
    page = build_page({**well, "gates": [{"wave": 2, "verdict": "failed", "checks": checks}]})
    (check,) = page.gates
    assert (check.wave, check.metric, check.after, check.verdict) == (2, "cpu_usage", 99.5, "failed")
    assert page.timeline is not None
    assert [lane.gate for lane in page.timeline.lanes if lane.row is None] == ["", "failed", "", ""]


@pytest.mark.parametrize("step", ["Nothing to do.", "send: {", "send: {]", '{"a": ' * 100_000])
def test_a_next_step_without_an_event_stays_as_it_is(step: str) -> None:
    assert split_event(step) == (step, None)


def test_an_event_keeps_what_it_must_not_lose() -> None:
    """It is copied and sent: a sign that would turn the page's text is written as an escape, and is the same text to its reader."""
    _, event = split_event('Send: {"name": "a\u202eb"}. The run stopped.')
    assert event == '{\n  "name": "a\\u202eb"\n}'


def test_everything_is_bounded(well: dict[str, Any]) -> None:
    """What is not fine goes last."""
    row = {**well["instances"][0], "reason": "r" * 100_000}
    rows = [{**row, "instance_id": str(place)} for place in range(MOST_ROWS + 500)]
    rows[-1] = {**rows[-1], "outcome": "failed"}
    page = build_page({**well, "instances": rows, "notes": ["n" * 10_000] * 500})
    assert (len(page.rows), page.left_out_rows, page.rows[-1].outcome) == (MOST_ROWS, 500, "failed")
    assert page.timeline is not None
    assert sum(1 for lane in page.timeline.lanes if lane.row) == MOST_LANES
    assert page.timeline.left_out == MOST_ROWS + 500 - MOST_LANES
    assert len(page.notes) == 50
    assert max(map(len, page.notes)) <= 2_000


def test_a_long_journal_is_shown_by_its_beginning_and_its_end(faulty: Any) -> None:
    with world(4, journal=True) as w:
        w.restart()
        entries = _first_run(w, "run/")
    seen = {"kind": "seen", "at": entries[-1]["at"], "busy": [], "evidence": {}}
    renewed = {"kind": "renewed", "at": entries[-1]["at"]}
    record = read_record([*entries[:-1], *[renewed] * 50, *[seen] * 500, entries[-1]])
    assert len(record.lines) == MOST_LINES
    assert record.lines[0].kind == "claimed"
    assert record.lines[-1].kind == entries[-1]["kind"]
    assert max(line.times for line in record.lines) == 50
    assert record.left_out + MOST_LINES == len(entries) + 501


def test_a_fleet_of_one_kind_has_no_empty_columns() -> None:
    with world(make_fleet(2, tags={"env": "test"}), journal=True) as w:
        report = w.restart()
        html = samples.html_of(build_page(report))
    assert 'class="c-guard"' not in html
    assert 'class="c-sent"' in html
