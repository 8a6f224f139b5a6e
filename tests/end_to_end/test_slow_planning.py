"""Planning that takes many leases: the run stays its owner's, and no sweep begins it anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from dcs_upkeep import bootstrap
from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import Answer, AnswerKind, Instance
from dcs_upkeep.domain.ports import no_tick
from tests.fakes import FakeClock
from tests.world import World, world

MANY, CALL_S = 2_000, 0.7  # together as long as 7,000 instances of 0.2 s
SWEEP_S = 300.0


class SlowDcs:
    """A large fleet, each call to which takes its time. Implements ports.Dcs; what it lacks is not asked for here."""

    backups = None

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.fleet = {
            f"{number:08d}-0000-4000-8000-000000000000": Instance(
                f"{number:08d}-0000-4000-8000-000000000000", f"cache-{number:05d}", "RUNNING", engine_version="5.0", cache_mode="ha"
            )
            for number in range(MANY)
        }
        self.sent: list[str] = []

    def snapshot(self, tick: Callable[[], None] = no_tick) -> tuple[Instance, ...]:
        for _ in range(0, MANY, 1_000):
            self._clock.sleep(CALL_S)
            tick()
        return tuple(self.fleet.values())

    def read(self, instance_ids: Sequence[str], tick: Callable[[], None] = no_tick) -> Mapping[str, Instance]:
        self.snapshot(tick)
        return {one: self.fleet[one] for one in instance_ids}

    show = show_each = read

    def configurations(self, instance_ids: Sequence[str], tick: Callable[[], None] = no_tick) -> Mapping[str, Mapping[str, str]]:
        for _ in instance_ids:
            self._clock.sleep(CALL_S)
            tick()
        return {one: {"appendonly": "yes"} for one in instance_ids}

    def send(self, action: Action, instance_ids: Sequence[str]) -> Answer:
        self.sent += instance_ids
        return Answer(AnswerKind.RESULTS, "200", dict.fromkeys(instance_ids, "success"))

    def put_timeout_s(self) -> float:
        return 35.0

    def calls(self) -> Mapping[str, int]:
        return {}


def sweep_every_five_minutes(w: World, answers: list[Mapping[str, object]]) -> Callable[[float], None]:
    """For the clock: a sweep each time that five minutes have passed, in the thread in which they did."""
    due = [SWEEP_S]

    def passed(now: float) -> None:
        if now >= due[0]:
            due[0] = float("inf")  # the sweep's own waits do not sweep
            answers.append(w.run({"command": "sweep"}))
            due[0] = w.clock.monotonic() + SWEEP_S

    return passed


def test_a_run_over_thousands_is_planned_once_while_sweeps_come_by(monkeypatch: pytest.MonkeyPatch) -> None:
    with world(1, journal=True, settings={"UPKEEP_MAX_INSTANCES": "10000"}) as w:
        dcs = SlowDcs(w.clock)
        monkeypatch.setattr(bootstrap.Adapters, "dcs", dcs)
        answers: list[Mapping[str, object]] = []
        w.clock.on_sleep = sweep_every_five_minutes(w, answers)
        report = w.run({"action": "restart", "select": {"name": "cache-*"}, "watch": False, "run_id": "all"})
        assert (report["status"], report["counts"]) == ("succeeded", {"accepted": MANY})
        assert sorted(dcs.sent) == sorted(dcs.fleet)
        assert len(answers) >= 4
        assert all(answer["resumed"] == [] for answer in answers)
        assert isinstance(w.journal, MemoryJournal)
        kinds = [entry["kind"] for _, entry in w.journal.read(f"run/{report['run_id']}")]
        assert "taken_over" not in kinds
        assert len(w.log.named("plan.made")) == 1
        assert kinds.count("renewed") >= 10
