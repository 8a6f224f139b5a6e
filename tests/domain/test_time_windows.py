"""When things may happen. Moments are written in UTC, so that no table trusts the code under test to convert them."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcs_upkeep.domain import timestamps
from dcs_upkeep.domain.model import WindowRule
from dcs_upkeep.domain.time_windows import DAYS, current_blackout, held_until, inside, inside_maintenance, next_opening, parse_blackout
from dcs_upkeep.domain.timestamps import EVER

BERLIN, NEW_YORK, SYDNEY, SHANGHAI = "Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Shanghai"
SANTIAGO, LORD_HOWE, APIA = "America/Santiago", "Australia/Lord_Howe", "Pacific/Apia"


def at(text: str) -> datetime:
    """`2026-03-29 00:59` -> that moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def rule(start: str, end: str, zone: str = "UTC", days: str = "every") -> WindowRule:
    return WindowRule(DAYS if days == "every" else tuple(days.split()), start, end, zone)


# --- plan windows, on ordinary days ------------------------------------------------------------------------------

ORDINARY = [  # 2026-06-10 is a Wednesday
    ("the start is inside", rule("02:00", "04:00"), "2026-06-10 02:00", True),
    ("the last second is inside", rule("02:00", "04:00"), "2026-06-10 03:59:59", True),
    ("the end is outside", rule("02:00", "04:00"), "2026-06-10 04:00", False),
    ("just before is outside", rule("02:00", "04:00"), "2026-06-10 01:59:59.999999", False),
    ("the day counts", rule("02:00", "04:00", days="tue"), "2026-06-10 02:00", False),
    ("one of several days", rule("02:00", "04:00", days="mon wed"), "2026-06-10 02:00", True),
    ("the day is the zone's, not UTC's", rule("02:00", "04:00", SHANGHAI, "thu"), "2026-06-10 18:30", True),
    ("and UTC's day does not help", rule("02:00", "04:00", SHANGHAI, "wed"), "2026-06-10 18:30", False),
    ("summer time is used in summer", rule("02:00", "04:00", BERLIN), "2026-06-10 00:00", True),
    ("and not in winter", rule("02:00", "04:00", BERLIN), "2026-01-14 00:59", False),
    ("no clock changes in China", rule("02:00", "04:00", SHANGHAI), "2026-01-13 18:00", True),
    ("over midnight: before it", rule("23:00", "01:00", days="wed"), "2026-06-10 23:30", True),
    ("over midnight: after it, on the next day", rule("23:00", "01:00", days="wed"), "2026-06-11 00:59", True),
    ("over midnight: it ends", rule("23:00", "01:00", days="wed"), "2026-06-11 01:00", False),
    ("over midnight: not what began the day before", rule("23:00", "01:00", days="wed"), "2026-06-10 00:30", False),
    ("over midnight: the next day begins none", rule("23:00", "01:00", days="wed"), "2026-06-11 23:30", False),
    ("over midnight from Sunday to Monday", rule("23:00", "01:00", days="sun"), "2026-06-15 00:30", True),
    ("to midnight: the last second", rule("22:00", "00:00", days="wed"), "2026-06-10 23:59:59", True),
    ("to midnight: then it is over", rule("22:00", "00:00", days="wed"), "2026-06-11 00:00", False),
    ("start and end alike is a whole day: its start", rule("06:00", "06:00", days="wed"), "2026-06-10 06:00", True),
    ("start and end alike is a whole day: its last second", rule("06:00", "06:00", days="wed"), "2026-06-11 05:59:59", True),
    ("start and end alike is a whole day: no more", rule("06:00", "06:00", days="wed"), "2026-06-11 06:00", False),
    ("start and end alike is a whole day: not before", rule("06:00", "06:00", days="wed"), "2026-06-10 05:59", False),
    ("all days, whole days, is always", rule("00:00", "00:00"), "2026-06-10 12:34", True),
    ("a quarter-hour zone", rule("02:00", "04:00", "Asia/Kathmandu"), "2026-06-09 20:15", True),
    ("a quarter-hour zone, just before", rule("02:00", "04:00", "Asia/Kathmandu"), "2026-06-09 20:14", False),
]


@pytest.mark.parametrize(("window", "now", "open_"), [row[1:] for row in ORDINARY], ids=[row[0] for row in ORDINARY])
def test_a_window_is_open_from_its_start_until_just_before_its_end(window, now, open_):
    """An operator reads the plan and looks at a clock in that zone; the tool must agree with the clock."""
    assert inside(window, at(now)) is open_


# --- plan windows, where clocks change ---------------------------------------------------------------------------

CHANGES = [
    # Berlin springs forward on Sunday 2026-03-29 at 01:00 UTC: 02:00 becomes 03:00.
    ("Berlin spring, start skipped: before the change", rule("02:30", "04:00", BERLIN), "2026-03-29 00:59:59", False),
    ("Berlin spring, start skipped: open as 03:00 comes", rule("02:30", "04:00", BERLIN), "2026-03-29 01:00", True),
    ("Berlin spring, start skipped: the end is summer time's", rule("02:30", "04:00", BERLIN), "2026-03-29 02:00", False),
    ("Berlin spring, end skipped: up to the change", rule("01:00", "02:30", BERLIN), "2026-03-29 00:59:59", True),
    ("Berlin spring, end skipped: closed as 03:00 comes", rule("01:00", "02:30", BERLIN), "2026-03-29 01:00", False),
    ("Berlin spring, all skipped: never open before", rule("02:10", "02:50", BERLIN), "2026-03-29 00:59", False),
    ("Berlin spring, all skipped: never open after", rule("02:10", "02:50", BERLIN), "2026-03-29 01:20", False),
    ("Berlin spring, over midnight: open into the night", rule("23:00", "05:00", BERLIN, "sat"), "2026-03-29 02:59:59", True),
    ("Berlin spring, over midnight: an hour shorter", rule("23:00", "05:00", BERLIN, "sat"), "2026-03-29 03:00", False),
    # Berlin falls back on Sunday 2026-10-25 at 01:00 UTC: 03:00 becomes 02:00.
    ("Berlin autumn, inside the doubled hour: first time", rule("02:15", "02:45", BERLIN), "2026-10-25 00:15", True),
    ("Berlin autumn, inside the doubled hour: between", rule("02:15", "02:45", BERLIN), "2026-10-25 00:45", False),
    ("Berlin autumn, inside the doubled hour: second time", rule("02:15", "02:45", BERLIN), "2026-10-25 01:15", True),
    ("Berlin autumn, inside the doubled hour: over", rule("02:15", "02:45", BERLIN), "2026-10-25 01:45", False),
    ("Berlin autumn, the doubled hour itself: start", rule("02:00", "03:00", BERLIN), "2026-10-25 00:00", True),
    ("Berlin autumn, the doubled hour itself: two hours long", rule("02:00", "03:00", BERLIN), "2026-10-25 01:59:59", True),
    ("Berlin autumn, the doubled hour itself: over", rule("02:00", "03:00", BERLIN), "2026-10-25 02:00", False),
    ("Berlin autumn, start doubled: the first counts", rule("02:30", "04:00", BERLIN), "2026-10-25 00:30", True),
    ("Berlin autumn, start doubled: shut while 02:00 shows again", rule("02:30", "04:00", BERLIN), "2026-10-25 01:00", False),
    ("Berlin autumn, start doubled: and open again", rule("02:30", "04:00", BERLIN), "2026-10-25 01:30", True),
    ("Berlin autumn, end doubled: shut at the first", rule("01:00", "02:30", BERLIN), "2026-10-25 00:30", False),
    ("Berlin autumn, end doubled: open while 02:00 shows again", rule("01:00", "02:30", BERLIN), "2026-10-25 01:00", True),
    ("Berlin autumn, end doubled: over at the second", rule("01:00", "02:30", BERLIN), "2026-10-25 01:30", False),
    # New York: 2026-03-08 at 07:00 UTC forward, 2026-11-01 at 06:00 UTC back.
    ("New York spring, before the change", rule("02:00", "04:00", NEW_YORK), "2026-03-08 06:59:59", False),
    ("New York spring, open at the change", rule("02:00", "04:00", NEW_YORK), "2026-03-08 07:00", True),
    ("New York spring, over after one hour", rule("02:00", "04:00", NEW_YORK), "2026-03-08 08:00", False),
    ("New York autumn, first 01:30", rule("01:30", "02:00", NEW_YORK), "2026-11-01 05:30", True),
    ("New York autumn, 01:00 again", rule("01:30", "02:00", NEW_YORK), "2026-11-01 06:00", False),
    ("New York autumn, second 01:30", rule("01:30", "02:00", NEW_YORK), "2026-11-01 06:30", True),
    ("New York autumn, over", rule("01:30", "02:00", NEW_YORK), "2026-11-01 07:00", False),
    # Sydney, the other way round: back on 2026-04-04 at 16:00 UTC, forward on 2026-10-03 at 16:00 UTC.
    ("Sydney autumn is in April, first 02:30", rule("02:30", "03:00", SYDNEY, "sun"), "2026-04-04 15:30", True),
    ("Sydney autumn, 02:00 again", rule("02:30", "03:00", SYDNEY, "sun"), "2026-04-04 16:00", False),
    ("Sydney autumn, second 02:30", rule("02:30", "03:00", SYDNEY, "sun"), "2026-04-04 16:30", True),
    ("Sydney spring is in October, before", rule("02:30", "04:00", SYDNEY, "sun"), "2026-10-03 15:59", False),
    ("Sydney spring, open at the change", rule("02:30", "04:00", SYDNEY, "sun"), "2026-10-03 16:00", True),
    # Santiago changes at midnight: back on 2026-04-05 at 03:00 UTC (to Saturday 23:00), forward on 2026-09-06 at 04:00 UTC.
    ("Santiago falls back into Saturday", rule("23:00", "00:00", SANTIAGO, "sat"), "2026-04-05 03:30", True),
    ("Santiago has no midnight in spring, and Sunday begins at 01:00", rule("00:00", "02:00", SANTIAGO, "sun"), "2026-09-06 04:00", True),
    ("Santiago has no midnight in spring, before", rule("00:00", "02:00", SANTIAGO, "sun"), "2026-09-06 03:59", False),
    # Lord Howe moves by half an hour: forward on 2026-10-03 at 15:30 UTC.
    ("half an hour is skipped", rule("02:15", "02:45", LORD_HOWE), "2026-10-03 15:30", True),
    ("half an hour is skipped, the end stays", rule("02:15", "02:45", LORD_HOWE), "2026-10-03 15:45", False),
]


@pytest.mark.parametrize(("window", "now", "open_"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_at_a_clock_change_a_window_follows_the_wall_clock(window, now, open_):
    """Twice a year a rule made of seconds would act an hour outside of what the operator wrote."""
    assert inside(window, at(now)) is open_


@pytest.mark.parametrize(
    ("window", "now", "opens"),
    [
        pytest.param(rule("02:00", "04:00"), "2026-06-10 03:00", "2026-06-10 03:00", id="open now"),
        pytest.param(rule("02:00", "04:00"), "2026-06-10 01:00", "2026-06-10 02:00", id="later today"),
        pytest.param(rule("02:00", "04:00"), "2026-06-10 04:00", "2026-06-11 02:00", id="tomorrow"),
        pytest.param(rule("02:00", "04:00", days="tue"), "2026-06-10 02:00", "2026-06-16 02:00", id="next week"),
        pytest.param(rule("02:00", "04:00", days="wed"), "2026-06-10 04:00", "2026-06-17 02:00", id="this very day, next week"),
        pytest.param(rule("23:00", "01:00", days="wed"), "2026-06-11 00:30", "2026-06-11 00:30", id="open since yesterday"),
        pytest.param(rule("02:00", "04:00", SHANGHAI), "2026-06-10 12:00", "2026-06-10 18:00", id="Shanghai"),
        pytest.param(rule("02:30", "04:00", BERLIN), "2026-03-28 12:00", "2026-03-29 01:00", id="start skipped: the change opens it"),
        pytest.param(rule("02:10", "02:50", BERLIN), "2026-03-28 12:00", "2026-03-30 00:10", id="all skipped: the day after"),
        pytest.param(rule("02:10", "02:50", BERLIN, "sun"), "2026-03-28 12:00", "2026-04-05 00:10", id="all skipped: the week after"),
        pytest.param(rule("02:15", "02:45", BERLIN), "2026-10-25 00:50", "2026-10-25 01:15", id="doubled: the second time"),
        pytest.param(rule("01:00", "02:30", BERLIN), "2026-10-25 00:40", "2026-10-25 01:00", id="end doubled: the change opens it again"),
        pytest.param(rule("02:30", "04:00", SYDNEY), "2026-10-03 10:00", "2026-10-03 16:00", id="southern spring"),
        pytest.param(rule("00:00", "02:00", SANTIAGO, "sun"), "2026-09-05 12:00", "2026-09-06 04:00", id="no midnight"),
        pytest.param(rule("00:30", "02:00", "Pacific/Kiritimati", "thu"), "2026-06-09 12:00", "2026-06-10 10:30", id="a day ahead of UTC"),
        pytest.param(rule("12:00", "13:00", APIA, "fri"), "2011-12-27 00:00", "2012-01-05 22:00", id="a zone that skipped Friday"),
    ],
)
def test_the_next_opening_is_the_first_moment_from_which_sending_is_allowed(window, now, opens):
    """A deferred run is resumed at that moment: too early it is refused, too late the window is wasted."""
    assert next_opening(window, at(now)) == at(opens)


days_of_week = st.lists(st.sampled_from(DAYS), min_size=1, unique=True).map(tuple)
times_of_day = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.sampled_from((0, 15, 30, 45)))
zones = st.sampled_from((BERLIN, NEW_YORK, SYDNEY, SHANGHAI, SANTIAGO, LORD_HOWE, "UTC"))
quarters = st.integers(0, 366 * 96).map(lambda n: at("2026-01-01 00:00") + timedelta(minutes=15 * n))


@settings(max_examples=60)
@given(window=st.builds(WindowRule, days_of_week, times_of_day, times_of_day, zones), now=quarters)
def test_no_earlier_moment_is_open_than_the_next_opening(window, now):
    """Every quarter of an hour before it is tried: windows and clock changes of these zones lie on quarters."""
    opens = next_opening(window, now)
    assert inside(window, opens)
    step = now
    while step < opens:
        assert not inside(window, step)
        step += timedelta(minutes=15)
    assert step == opens


@pytest.mark.parametrize(
    ("window", "says"),
    [
        pytest.param(rule("02:00", "04:00", "Europe/Berln"), "not a known time zone", id="zone"),
        pytest.param(rule("02:00", "04:00", "../../etc/passwd"), "not a known time zone", id="path for a zone"),
        pytest.param(rule("02:00", "04:00", ""), "not a known time zone", id="no zone"),
        pytest.param(rule("2:00", "04:00"), "not a valid time of day", id="start"),
        pytest.param(rule("02:00", "24:00"), "not a valid time of day", id="end"),
        pytest.param(rule("02:00", "04:00\n"), "not a valid time of day", id="newline"),
        pytest.param(rule("0٢:00", "04:00"), "not a valid time of day", id="digits of another script"),
        pytest.param(rule("02:00", "04:00", days="wed wednesday"), "not a valid day", id="day"),
        pytest.param(WindowRule((), "02:00", "04:00", "UTC"), "list of days is empty", id="no days"),
    ],
)
def test_a_window_that_cannot_be_read_raises_in_both_readings(window, says):
    """The guard refuses on it; guessing what was meant would act at the wrong hour."""
    for read in (inside, next_opening):
        with pytest.raises(ValueError, match=says):
            read(window, at("2026-06-10 03:00"))


def test_a_clock_without_a_zone_decides_nothing():
    """Such a time would be taken for the machine's local one."""
    naive = datetime(2026, 6, 10, 3, 0)  # noqa: DTZ001 - that is the point
    for decide in (
        lambda: inside(rule("02:00", "04:00"), naive),
        lambda: next_opening(rule("02:00", "04:00"), naive),
        lambda: inside_maintenance("02:00:00", "03:00:00", naive),
        lambda: current_blackout((), naive),
        lambda: timestamps.read_moment(naive),
    ):
        with pytest.raises(ValueError, match="no time zone"):
            decide()


# --- an instance's own maintenance window ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "end", "now", "open_"),
    [
        pytest.param("02:00:00", "03:00:00", "2026-06-10 02:00", True, id="the start"),
        pytest.param("02:00:00", "03:00:00", "2026-06-10 02:59:59", True, id="the last second"),
        pytest.param("02:00:00", "03:00:00", "2026-06-10 03:00", False, id="the end"),
        pytest.param("02:00:00", "03:00:00", "2026-06-10 01:59:59", False, id="before"),
        pytest.param("23:00:00", "00:00:00", "2026-06-10 23:59:59", True, id="to midnight"),
        pytest.param("23:00:00", "00:00:00", "2026-06-11 00:00", False, id="to midnight, over"),
        pytest.param("22:00:00", "02:00:00", "2026-06-11 01:59", True, id="over midnight"),
        pytest.param("22:00:00", "02:00:00", "2026-06-11 12:00", False, id="over midnight, noon"),
        pytest.param("18", "19", "2026-06-10 18:30", True, id="bare hours"),
        pytest.param("2", "6", "2026-06-10 05:59", True, id="bare hours of one digit"),
        pytest.param("23", "24", "2026-06-10 23:30", True, id="24 is midnight"),
        pytest.param("02:00", "06:00", "2026-06-10 06:00", False, id="without seconds"),
    ],
)
def test_a_maintenance_window_is_read_in_utc(begin, end, now, open_):
    """DCS gives these hours in UTC, in two forms, and windows of 23 to 00 exist."""
    assert inside_maintenance(begin, end, at(now)) is open_


def test_a_maintenance_window_is_judged_in_utc_whatever_the_zone_of_the_clock():
    """The clock port promises UTC, and nothing here depends on that."""
    from zoneinfo import ZoneInfo

    assert inside_maintenance("02:00:00", "03:00:00", at("2026-06-10 02:30").astimezone(ZoneInfo(SHANGHAI)))


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (None, "03:00:00"),
        ("02:00:00", None),
        ("", ""),
        ("02:00:00", "02:00:00"),
        ("00", "24"),
        ("25", "26"),
        ("24:30", "02:00"),
        ("2am", "3am"),
    ],
)
def test_a_maintenance_window_that_says_nothing_clear_raises(begin, end):
    """Missing, alike at both ends, or no time of day: whether now is inside is anybody's guess."""
    with pytest.raises(ValueError, match="missing|same time|not a valid time of day"):
        inside_maintenance(begin, end, at("2026-06-10 02:30"))


# --- holds and blackouts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "until"),
    [
        pytest.param("2026-12-24", "2026-12-25 00:00", id="a date lasts to its end"),
        pytest.param("2026-12-24T18:00Z", "2026-12-24 18:00", id="a time"),
        pytest.param("2026-12-24T18:00", "2026-12-24 18:00", id="without zone it is UTC"),
        pytest.param("2026-12-24 18:00:30", "2026-12-24 18:00:30", id="a space for the T"),
        pytest.param("2026-12-24T18:00:00.5Z", "2026-12-24 18:00:00.5", id="a fraction"),
        pytest.param("2026-12-24T18:00+08:00", "2026-12-24 10:00", id="an offset"),
        pytest.param("2026-12-24T18:00-0530", "2026-12-24 23:30", id="an offset without colon"),
        pytest.param("  2026-12-24 ", "2026-12-25 00:00", id="spaces around"),
        pytest.param("2024-02-29", "2024-03-01 00:00", id="a leap day"),
    ],
)
def test_a_hold_lasts_to_the_end_of_its_date_or_to_its_time(value, until):
    """Whoever writes `until the 24th` means that the 24th is safe."""
    assert held_until(value) == at(until)


def test_a_hold_until_the_last_date_there_is_lasts_for_ever():
    """9999-12-31 is how people write for ever, and the day after it is beyond the calendar."""
    assert held_until("9999-12-31") == EVER


UNREADABLE_TIMES = ["", " ", "tomorrow", "24.12.2026", "2026-02-30", "2026-13-01", "2026-12-24T25:00", "2026-12-24T18", "20261224", "2026-W52-4",
                    "2026-12-24T18:00+99:99", "0001-01-01T00:00+14:00", "２０２６-12-24", "2026-12-24\x00", "1766534400"]  # fmt: skip


@pytest.mark.parametrize("value", UNREADABLE_TIMES)
def test_only_plain_iso_8601_is_read_as_a_time(value):
    """Python 3.11 and 3.12 must read the same, and a form that one person reads otherwise must not be guessed at."""
    with pytest.raises(ValueError, match="Write 2026-12-24"):
        held_until(value)


BLACKOUTS = [
    ("a date: its first moment", "2026-12-24", "2026-12-24 00:00", True),
    ("a date: its last", "2026-12-24", "2026-12-24 23:59:59.999999", True),
    ("a date: the next day", "2026-12-24", "2026-12-25 00:00", False),
    ("a date: the day before", "2026-12-24", "2026-12-23 23:59:59", False),
    ("dates: the last one is included", "2026-12-24/2026-12-26", "2026-12-26 23:59", True),
    ("dates: then it is over", "2026-12-24/2026-12-26", "2026-12-27 00:00", False),
    ("dates: one and the same", "2026-12-24/2026-12-24", "2026-12-24 12:00", True),
    ("times: the begin is included", "2026-12-24T18:00Z/2026-12-25T06:00Z", "2026-12-24 18:00", True),
    ("times: the end is not", "2026-12-24T18:00Z/2026-12-25T06:00Z", "2026-12-25 06:00", False),
    ("times with offsets", "2026-12-24T18:00+08:00/2026-12-24T20:00+08:00", "2026-12-24 11:59", True),
    ("times without zone are UTC", "2026-12-24T18:00/2026-12-24T20:00", "2026-12-24 18:00", True),
    ("a time to a date: the date is included", "2026-12-24T18:00Z/2026-12-26", "2026-12-26 23:59", True),
    ("a date to a time", "2026-12-24/2026-12-26T06:00Z", "2026-12-26 06:00", False),
    ("the second of two", "2026-12-24, 2027-01-01", "2027-01-01 12:00", True),
    ("between the two", "2026-12-24,2027-01-01,", "2026-12-30 12:00", False),
    ("spaces", " 2026-12-24 / 2026-12-26 ", "2026-12-25 00:00", True),
    ("for ever", "2026-12-24/9999-12-31", "2031-01-01 00:00", True),
    ("none", "", "2026-12-24 12:00", False),
]


@pytest.mark.parametrize(("text", "now", "dark"), [row[1:] for row in BLACKOUTS], ids=[row[0] for row in BLACKOUTS])
def test_a_blackout_holds_whole_days_in_utc_or_from_time_to_time(text, now, dark):
    """The freeze over the holidays names its last day, and that day is frozen too."""
    assert (current_blackout(parse_blackout(text), at(now)) is not None) is dark


def test_of_overlapping_blackouts_the_one_that_ends_last_is_named():
    """The reason says until when; a shorter one would promise too much."""
    current = current_blackout(parse_blackout("2026-12-24/2026-12-31,2026-12-24,2026-12-20/2026-12-26"), at("2026-12-24 12:00"))
    assert current is not None
    assert current.text == "2026-12-24/2026-12-31"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("christmas", "'christmas' is neither a date nor an interval"),
        ("2026-12-24T18:00Z", "is neither a date nor an interval"),
        ("2026-12-26/2026-12-24", "ends before it begins"),
        ("2026-12-24T18:00Z/2026-12-24T18:00Z", "ends before it begins"),
        ("2026-12-24/", "cannot be read"),
        ("/2026-12-24", "cannot be read"),
        ("2026-12-24/2026-12-25/2026-12-26", "cannot be read"),
        ("2026-02-30", "cannot be read"),
        ("2026-12-24,oops", "'oops' is neither a date"),
    ],
)
def test_a_blackout_that_cannot_be_read_says_what_to_write(text, says):
    """The setting is refused at the start with this sentence; a typo must not become a night of maintenance."""
    with pytest.raises(ValueError, match=says) as raised:
        parse_blackout(text)
    assert "Write dates or intervals such as 2026-12-24" in str(raised.value)
    assert not str(raised.value).endswith(".")  # the settings add it


@given(st.text())
def test_any_text_is_read_or_refused_with_value_error(text):
    """Whatever stands in a tag or a setting, nothing else may come out of reading it."""
    for read in (held_until, parse_blackout, timestamps.read_moment):
        try:
            read(text)
        except ValueError as err:
            assert "Write " in str(err)


@given(st.from_regex(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?)?", fullmatch=True))
def test_what_looks_like_a_time_is_read_or_refused_with_value_error(text):
    """Days that no calendar has and offsets that leave it are the ones that slip through a pattern."""
    try:
        assert held_until(text).tzinfo is UTC
    except ValueError as err:
        assert "Write " in str(err)


def test_importing_what_reads_times_loads_no_time_zones():
    """The first request of a cold start pays for every import, and most plans name no zone."""
    script = "import sys, dcs_upkeep.domain.time_windows; sys.exit('zoneinfo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
