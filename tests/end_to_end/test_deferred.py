"""Runs that wait for days: found when their window opens, seen until then, whatever dies in between (I13)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.errors import JournalError
from dcs_upkeep.domain.lifetimes import DAY_S
from dcs_upkeep.execution import stop_conditions
from dcs_upkeep.local.emulator import Emulator, make_fleet
from tests.fakes import FakeClock
from tests.world import World

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SUNDAY_S = 6 * DAY_S
WINDOW = {"days": ["sun"], "start": "10:00", "end": "12:00", "timezone": "UTC", "on_miss": "defer"}
RUN = {"action": "restart", "select": {"tags": {"env": "test"}}, "run_id": "weekly", "window": WINDOW}
SWEEP = {"command": "sweep"}


class DiedError(BaseException):
    """The process is gone: nothing of ours may catch it."""


class Frail(MemoryJournal):
    """Fails or dies at an append, once."""

    dies_at_kind = ""
    fails_at_stream = ""

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        if entry.get("kind") == self.dies_at_kind:
            self.dies_at_kind = ""
            raise DiedError
        if self.fails_at_stream and stream.startswith("runs/") and self.fails_at_stream in stream:
            self.fails_at_stream = ""
            raise JournalError("the table is busy. Wait.")
        super().append(stream, seq, entry)


@pytest.fixture
def w() -> Any:
    clock = FakeClock(MONDAY)
    with Emulator(make_fleet(3, tags={"env": "test"}), clock=clock) as emu:
        yield World(emu, clock, Frail(clock), {})


def until_it_opens(w: World, step_s: float = 6 * 3600.0) -> None:
    """Sweeps on the way there, each of which finds that nothing is to be done; the run is seen all the while."""
    while (left_s := SUNDAY_S - w.clock.monotonic()) > 0:
        assert w.run(SWEEP)["resumed"] == []
        (row,) = w.run({"command": "status"})["runs"]
        assert row["goes_on_at"] == "2026-03-08T10:00:00.000Z"
        w.clock.sleep(min(step_s, left_s))


def test_a_window_that_opens_in_six_days_is_not_forgotten(w: World) -> None:
    report = w.run(RUN)
    assert (report["status"], w.puts) == ("deferred", [])
    assert "2026-03-08T10:00" in report["next"]
    until_it_opens(w)
    assert w.run(SWEEP)["counts"] == {"completed": 3}
    assert set(w.executions().values()) == {1}


def test_a_death_between_listing_and_waiting_loses_nothing(w: World) -> None:
    assert isinstance(w.journal, Frail)
    w.journal.dies_at_kind = "yielded"
    with pytest.raises(DiedError):
        w.run(RUN)
    w.clock.sleep(500)
    assert w.run(SWEEP)["status"] == "deferred"  # taken up where it was left, and put off once more
    until_it_opens(w)
    assert w.run(SWEEP)["counts"] == {"completed": 3}


def test_a_run_that_could_not_be_listed_does_not_wait_unlisted(w: World) -> None:
    assert isinstance(w.journal, Frail)
    w.journal.fails_at_stream = "2026-03-08"
    assert w.run(RUN)["status"] == "deferred"
    (row,) = w.run({"command": "status"})["runs"]
    assert row["goes_on_at"] is None
    w.clock.sleep(500)
    assert w.run(SWEEP)["status"] == "deferred"
    until_it_opens(w)
    assert w.run(SWEEP)["counts"] == {"completed": 3}


def test_a_window_that_opens_after_the_record_is_too_old_is_not_waited_for(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_conditions, "SEND_S", 3 * DAY_S)
    report = w.run(RUN)
    assert report["status"] == "deferred"
    assert report["next"].startswith("ACTION NEEDED: send this event for the rest")
    assert "older than 3 days" in report["next"]
    assert w.run({"command": "status"})["runs"] == []


def test_a_run_whose_record_has_grown_too_old_ends_and_says_what_is_left(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert w.run(RUN)["status"] == "deferred"
    w.clock.sleep(SUNDAY_S)
    monkeypatch.setattr(stop_conditions, "SEND_S", 3 * DAY_S)
    report = w.run(SWEEP)
    assert (report["status"], report["counts"], w.puts) == ("deferred", {"deferred": 3}, [])
    assert "ACTION NEEDED" in report["next"]
    assert w.run(SWEEP)["resumed"] == []


def test_a_run_id_of_last_quarter_is_refused_with_what_to_do(w: World) -> None:
    for one in w.ids:
        w.emu.set_status(one, "FROZEN")
    event = {"action": "restart", "instances": w.ids, "run_id": "monthly"}
    w.refused(event)
    w.clock.sleep(30 * DAY_S)
    assert w.refused(event)["instances"][0]["guard"] == "state"
    w.clock.sleep(2 * DAY_S)
    report = w.refused(event)
    assert "run_id of its own" in report["problems"][0]["fix"]
    assert "2026-03-02" in report["problems"][0]["what"]
    assert w.puts == []
