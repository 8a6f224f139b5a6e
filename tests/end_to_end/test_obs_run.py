"""Whole runs over a journal on OBS: what they cost, and that a bucket's bad days neither repeat nor lose anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.buckets import BUCKET, url_of
from tests.world import Fault, World, world

EVENT = {"action": "restart", "select": {"tags": {"env": "test"}}, "rollout": {"canary": 1, "wave_size": 12}, "run_id": "night"}


@contextmanager
def on_obs(count: int, **settings: str) -> Iterator[World]:
    with world(count) as w:
        w.emu.obs.create(BUCKET)
        w.emu.obs.now = w.clock.now
        w.settings = {"UPKEEP_JOURNAL": url_of(w.emu), **settings}
        yield w


def asked(w: World) -> Counter[str]:
    found = Counter(record.operation for record in w.emu.truth.requests if record.operation in ("append", "get_object"))
    w.emu.truth.forget()
    return found


def test_what_a_run_of_24_in_three_waves_asks_of_the_bucket() -> None:
    """The numbers of docs/journal.md. Each append is one request: nobody reads before it writes."""
    with on_obs(24) as w:
        report = w.run(EVENT)
        assert (report["status"], len(report["plan"]["waves"])) == ("succeeded", 3)
        assert {record.status for record in w.emu.truth.of("append")} == {200}
        found = asked(w)
        assert 65 <= found["append"] <= 75
        assert 150 <= found["get_object"] <= 230
        assert w.run(EVENT)["replayed"] is True
        assert asked(w) == {"get_object": 2}
        held = w.emu.obs.buckets[BUCKET].objects.values()
        assert sum(len(one.data) for one in held) < 50_000


@pytest.mark.parametrize("kind", ["lost_answer", "500_executed", "503", "drop", "truncated", "garbage"])
def test_a_bad_hour_of_the_bucket_changes_nothing(kind: str) -> None:
    with on_obs(6, UPKEEP_LEASE_S="600") as w:
        # Further apart than six instances at a time can bring the four attempts of one call.
        for number in range(12):
            w.emu.add_fault(Fault("append", kind, after=13 * number))
            w.emu.add_fault(Fault("get_object", "503", after=17 * number))
        report = w.run({**EVENT, "rollout": {"canary": 1, "wave_size": 3}})
        assert set(w.outcomes(report).values()) == {"completed"}
        assert w.executions() == dict.fromkeys(w.ids, 1)
        w.emu.clear_faults()
        assert w.run(EVENT | {"rollout": {"canary": 1, "wave_size": 3}})["replayed"] is True


def test_a_bucket_that_goes_away_in_the_middle_stops_the_sending_and_the_sweep_goes_on() -> None:
    with on_obs(6, UPKEEP_LEASE_S="60") as w:
        w.emu.add_fault(Fault("append", "403", after=20, times=None))
        report = w.run({**EVENT, "rollout": {"canary": 1, "wave_size": 2}})
        assert "deferred" in w.outcomes(report).values()
        assert max(w.executions().values()) == 1
        w.emu.clear_faults()
        w.clock.sleep(500)
        w.run({"command": "sweep"})
        report = w.run({**EVENT, "rollout": {"canary": 1, "wave_size": 2}})
        assert report["replayed"] is True
        assert set(w.outcomes(report).values()) == {"completed"}
        assert w.executions() == dict.fromkeys(w.ids, 1)


def test_a_pulled_halt_lever_is_seen_through_the_bucket() -> None:
    with on_obs(3) as w:
        w.run({"command": "halt", "reason": "no"})
        assert w.run({"command": "status"})["journal"] == w.settings["UPKEEP_JOURNAL"]
        w.clock.sleep(400 * 86_400.0)
        assert w.refused(EVENT)["status"] == "halted"
        assert w.puts == []
