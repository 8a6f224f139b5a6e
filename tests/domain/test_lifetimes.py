"""No stream that is in use can lapse: derived from what requests, settings and windows may ask for at most."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from annotated_types import Le

from dcs_upkeep.domain import lifetimes
from dcs_upkeep.domain.lifetimes import AHEAD_S, CLAIM_S, DAY_S, GO_ON_S, LONGEST_WATCH_S, OLDEST_REQUEST_S, SEND_S, TTL_S
from dcs_upkeep.domain.model import WindowRule
from dcs_upkeep.domain.request import Request, Rollout, Watch
from dcs_upkeep.domain.settings import SETTING_FIELDS
from dcs_upkeep.domain.time_windows import SEARCH_DAYS, next_opening
from dcs_upkeep.journal import instance_locks, run_index, run_overview

MONTH_S = 31 * DAY_S
LONGEST_INVOCATION_S = 3 * DAY_S  # FunctionGraph's asynchronous ones


def most(model, field: str) -> float:
    """The most that a field of the request takes."""
    (limit,) = [rule.le for rule in model.model_fields[field].metadata if isinstance(rule, Le)]
    return float(limit)


def test_the_maxima_are_those_of_requests_and_settings() -> None:
    assert max(most(Request, "expires_after_s"), most(Rollout, "pause_s")) == OLDEST_REQUEST_S
    parse = SETTING_FIELDS["UPKEEP_APPROVAL_MAX_AGE_S"].metadata["parse"]
    assert parse(str(int(OLDEST_REQUEST_S))) == OLDEST_REQUEST_S
    with pytest.raises(ValueError, match="seconds"):
        parse(str(int(OLDEST_REQUEST_S) + 1))
    assert most(Watch, "timeout_s") == LONGEST_WATCH_S
    assert max(OLDEST_REQUEST_S, SEARCH_DAYS * DAY_S) == AHEAD_S


@pytest.mark.parametrize("minute", range(0, 7 * 24 * 60, 977))
def test_no_window_opens_later_than_is_looked_ahead(minute: int) -> None:
    now = datetime(2026, 3, 23, tzinfo=UTC) + timedelta(minutes=minute)  # clocks change in the week to come
    rule = WindowRule(days=("sun",), start="02:10", end="02:50", timezone="Europe/Berlin")
    assert (next_opening(rule, now) - now).total_seconds() < AHEAD_S


def test_whoever_may_claim_a_run_has_a_month_to_act_and_may_wait_for_any_window() -> None:
    assert most(Request, "expires_after_s") < CLAIM_S, "a redelivered event still finds its key"
    assert max(30 * DAY_S, SEARCH_DAYS * DAY_S, most(Rollout, "pause_s")) <= SEND_S - CLAIM_S
    assert most(Watch, "timeout_s") + 7 * DAY_S <= GO_ON_S - SEND_S, (
        "what was sent last is watched to its end after a sweep was out for a week"
    )


# Stream -> the age at which it may be used last, and a month more where people look at it.
LAST_USE = {
    "run, on a host": GO_ON_S + LONGEST_INVOCATION_S + 30 * DAY_S,
    "run, by a process that nothing ends": SEND_S + most(Rollout, "pause_s") + most(Watch, "timeout_s") + 30 * DAY_S,
    "instance": 2 * instance_locks.OVERLAP_S + 2 * instance_locks.PERIOD_S,
    "instance, for a cooldown": instance_locks.OVERLAP_S + instance_locks.PERIOD_S + most(Request, "cooldown_s"),
    "index": AHEAD_S + DAY_S + run_index.DAYS * DAY_S,
    "index of version 0.1.0": run_overview.OLD_DAYS * DAY_S,
    "scopes": AHEAD_S + MONTH_S + run_index.DAYS * DAY_S,
    "plan": OLDEST_REQUEST_S + most(Request, "expires_after_s"),
}


@pytest.mark.parametrize("stream", LAST_USE)
def test_no_stream_lapses_while_it_is_in_use(stream: str) -> None:
    assert LAST_USE[stream] <= TTL_S


def test_everything_is_kept_for_thirty_days_at_least_and_the_lever_for_ever() -> None:
    assert TTL_S >= 30 * DAY_S
    assert "control/halt".startswith(lifetimes.FOREVER)


def test_a_cooldown_never_outlasts_the_claims_that_are_read() -> None:
    """The period before this one is read as well: what was reached within the cooldown stands in one of the two."""
    assert most(Request, "cooldown_s") <= instance_locks.PERIOD_S


def test_the_index_looks_back_over_the_longest_invocation_and_ahead_to_the_last_opening() -> None:
    assert (run_index.DAYS - 1) * DAY_S > LONGEST_INVOCATION_S
    assert run_index.AHEAD_DAYS * DAY_S > AHEAD_S


def test_the_page_on_the_journal_gives_these_numbers() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "journal.md").read_text(encoding="utf-8")
    assert f"A stream lives for {TTL_S / DAY_S:.0f} days from its first entry" in page
    for limit_s in (CLAIM_S, SEND_S, GO_ON_S, TTL_S):
        assert f"| up to {limit_s / DAY_S:.0f} days |" in page
