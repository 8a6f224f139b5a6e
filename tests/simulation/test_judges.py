"""Each judge can find something: the world outside is sabotaged, the product is not, and the promise that depends on it breaks."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation import adapters, cloud, plug
from tests.simulation.fleet import Fleet
from tests.simulation.generate import instance_id, make_scenario
from tests.simulation.judge import judge
from tests.simulation.scenario import Scenario
from tests.simulation.shrink import shrink
from tests.simulation.world import World

Patch = pytest.MonkeyPatch


def plain(count: int = 4, *, copies: tuple[float, ...] = (), faults: Any = (), **event: Any) -> Scenario:
    """One function, so many healthy instances, one restart of them all, and the same event again so many seconds later."""
    fleet = [
        {"instance_id": instance_id(number), "name": f"cache-{number}", "project": "p1", "tags": {"env": "test"}} for number in range(count)
    ]
    settings = {"UPKEEP_ALLOWED_ACTIONS": "restart,flush", "UPKEEP_LEASE_S": "60"}
    function = {
        "name": "prod",
        "project": "p1",
        "host": "lambda",
        "limit_s": 900.0,
        "skew_s": 0,
        "calls_itself": True,
        "settings": settings,
    }
    body = {"action": "restart", "select": {"tags": {"env": "test"}}, "run_id": "run", **event}
    events = [{"at": 1.0 + later, "do": "request", "id": f"e{later}", "event": body} for later in (0.0, *copies)]
    return Scenario(1, functions=[function], fleet=fleet, events=events, faults=list(faults))


def broken(scenario: Scenario) -> set[str]:
    return {one.invariant for one in judge(World(scenario).run(), everything=True)}


def test_nothing_is_broken_where_nothing_goes_wrong() -> None:
    assert broken(plain(copies=(0.0, 5.0, 500.0))) == set()


def test_a_store_that_shows_each_only_what_it_wrote_itself_lets_two_act(monkeypatch: Patch) -> None:
    append, read = adapters.SimStore.append, adapters.SimJournal.read

    def own(stream: str, invocation: Any) -> str:
        return f"{stream}@{invocation.name}" if stream.startswith("run/") else stream

    def append_own(self: Any, now: float, invocation: Any, stream: str, seq: int, entry: dict[str, Any]) -> bool:
        free = append(self, now, invocation, own(stream, invocation), seq, entry)
        self.writes[-1] = (now, invocation, stream, seq, entry)
        return free

    monkeypatch.setattr(adapters.SimStore, "append", append_own)
    monkeypatch.setattr(adapters.SimJournal, "read", lambda self, stream, after=-1: read(self, own(stream, self._invocation), after))
    assert "once" in broken(plain(copies=(300.0,)))


def test_a_cloud_that_says_success_and_does_nothing_is_found_out(monkeypatch: Patch) -> None:
    """The tool cannot know; the judge must. (`settled` says that completion is inferred.)"""

    def execute(self: Any, put: Any, ids: Any) -> None:
        put.executed = tuple(ids)

    monkeypatch.setattr(cloud.SimDcs, "_execute", execute)
    assert "I4" in broken(plain())


def test_a_cloud_that_acts_on_what_it_refuses_is_found_out(monkeypatch: Patch) -> None:
    refuse = cloud.SimDcs._refused_before

    def act_all_the_same(self: Any, mode: str) -> Any:
        if mode == "400_request":
            put = self._world.puts[-1]
            self._execute(put, put.ids)
        return refuse(self, mode)

    monkeypatch.setattr(cloud.SimDcs, "_refused_before", act_all_the_same)
    faults = [{"kind": "api", "op": "put", "mode": "400_request", "nth": 1, "times": 9}]
    assert {"I2", "I5"} <= broken(plain(faults=faults))


def test_one_instance_that_is_down_too_long_is_counted(monkeypatch: Patch) -> None:
    """It is shown as back before it is."""
    execute = Fleet.execute

    def longer(self: Any, *args: Any) -> None:
        execute(self, *args)
        self.executions[-1].back_at += 500.0
        one = self.instances[args[0]]
        one._change = None

    monkeypatch.setattr(Fleet, "execute", longer)
    assert "I14" in broken(plain(6, rollout={"wave_size": 2}))


@pytest.mark.parametrize(
    ("invariant", "sabotage"),
    [
        ("I1", lambda world: world.invocations[0].answer["instances"].pop()),
        ("I1", lambda world: world.invocations[0].answer["instances"].append(world.invocations[0].answer["instances"][0])),
        ("I2", lambda world: world.invocations[0].answer.update(replayed=True)),
        ("I2", lambda world: world.invocations[0].event.update(dry_run=True)),
        ("I2", lambda world: world.store.writes.clear()),
        ("I3", lambda world: [setattr(one, "action", "flush") or setattr(one, "executed", (instance_id(0),)) for one in world.puts]),
        ("I5", lambda world: world.invocations[0].answer["instances"][0].update(outcome="refused")),
        ("I6", lambda world: world.puts[0].invocation.environ.update(UPKEEP_BATCH_SIZE="1")),
        ("I7", lambda world: drop(world, "watched")),
        ("I8", lambda world: world.invocations[0].lines.append((0.0, "key", "info", {"is": adapters.SK}))),
        ("I9", lambda world: world.tellings.clear()),
        ("I9", lambda world: world.invocations[0].answer["instances"][0].update(outcome="failed")),
        ("I12", lambda world: world.invocations[0].environ.update(UPKEEP_ALLOWED_ACTIONS="flush")),
        ("I12", lambda world: world.invocations[0].environ.update(UPKEEP_PROTECTED_TAGS="env=test")),
        ("I13", lambda world: setattr(world, "quiet", False)),
        ("I13", lambda world: world.invocations[1].function.update(name="dev") or hand_to(world, 1)),
        ("I15", lambda world: setattr(world.invocations[0], "ended_at", 3.0) or last_word(world, "deferred")),
        ("I15", lambda world: setattr(world.invocations[0], "ended_at", 3.0) or last_word(world, "not_attempted")),
        ("ours", lambda world: setattr(world.invocations[0], "error", KeyError("x"))),
        ("ends", lambda world: setattr(world, "stuck", "round and round")),
        ("again", lambda world: [setattr(one, "ids", world.puts[0].ids) for one in world.puts] and same_ids(world)),
    ],
)
def test_a_judge_sees_what_it_is_there_for(invariant: str, sabotage: Callable[[World], Any]) -> None:
    world = World(plain(copies=(400.0,), rollout={"wave_size": 2})).run()
    assert judge(world, everything=True) == []
    sabotage(world)
    assert invariant in {one.invariant for one in judge(world, everything=True)}


def drop(world: World, kind: str) -> None:
    world.store.writes[:] = [row for row in world.store.writes if row[4].get("kind") != kind]


def hand_to(world: World, number: int) -> None:
    """Somebody else's invocation wrote the last entries."""
    world.invocations[number].function = {**world.invocations[number].function, "name": "dev"}
    world.invocations[0].function = {**world.invocations[0].function, "name": "prod"}
    at, _, stream, seq, entry = world.store.writes[-1]
    world.store.writes[-1] = (at, world.invocations[number], stream, seq, entry)


def last_word(world: World, outcome: str) -> None:
    """The first report was the only one, and this is what it said of all instances."""
    world.tellings.clear()
    del world.invocations[1:]
    for row in world.invocations[0].answer["instances"] if world.invocations[0].answer else ():
        row["outcome"] = outcome


def same_ids(world: World) -> None:
    """Every attempt was for the same instances."""
    for _, _, _, _, entry in world.store.writes:
        if entry.get("kind") == "sending":
            entry["ids"] = list(world.puts[0].ids)


def test_two_digests_of_one_plan_are_seen(monkeypatch: Patch) -> None:
    chance = random.Random(1)
    monkeypatch.setattr(
        cloud.SimDcs, "configurations", lambda self, ids, tick: {one: {"appendonly": chance.choice(("yes", "no"))} for one in ids}
    )
    assert "I10" in broken(plain(8, copies=(20.0, 40.0), dry_run=True))


def test_an_approval_for_two_runs_is_seen() -> None:
    scenario = plain(dry_run=True)
    body = {key: value for key, value in scenario.events[0]["event"].items() if key not in ("dry_run", "run_id")}
    for number in (1, 2):
        event = {**body, "run_id": f"run-{number}"}
        scenario.events.append({"at": 300.0 * number, "do": "request", "id": f"e{number}", "event": event, "approves": "e0.0"})
    world = World(scenario).run()
    approved = {one.event.get("approve") for one in world.invocations if one.event.get("approve")}
    assert len(approved) == 1
    acted = {put.invocation.name for put in world.puts}
    assert ("I11" in {one.invariant for one in judge(world, everything=True)}) == (len(acted) > 1)


def test_a_failing_scenario_is_shrunk_to_what_breaks_it(monkeypatch: Patch) -> None:
    monkeypatch.setattr(cloud.SimDcs, "_execute", lambda self, put, ids: setattr(put, "executed", tuple(ids)))
    noise = [
        {"kind": "topic", "op": "1", "mode": "fail", "nth": 1},
        {"kind": "journal", "op": "read", "mode": "slow", "nth": 4, "seconds": 2.0},
    ]
    small = shrink(plain(5, copies=(20.0, 60.0), faults=noise, name="nightly"), "I4", everything=True)
    assert (len(small.fleet), len(small.events), small.faults) == (1, 1, [])
    assert "name" not in small.events[0]["event"]


def test_the_generator_makes_the_same_of_a_seed() -> None:
    assert make_scenario(7) == make_scenario(7)
    assert plug.plan_of([]) is None
