"""The same simulation over the real DCS adapter: the SDK signs and sends real requests to the emulator on loopback.

Slower by an order, so it carries a small share of the seeds. Time is virtual all the same: one thread runs at a time, and
the emulator answers while its caller waits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dcs_upkeep.domain.ports import Tick, no_tick
from dcs_upkeep.local.emulator import Emulator, Fault
from dcs_upkeep.local.emulator import Instance as EmulatedInstance
from tests.simulation import plug
from tests.simulation.fleet import FOREVER, Execution
from tests.simulation.records import Invocation
from tests.simulation.scenario import Scenario
from tests.simulation.world import World

PUT_FAULTS: Mapping[str, Mapping[str, Any]] = {
    "429": {"kind": "429"},
    "401": {"kind": "401"},
    "403": {"kind": "403"},
    "500_done": {"kind": "500_executed"},
    "500_not": {"kind": "500"},
    "lost_done": {"kind": "lost_answer"},
    "lost_later": {"kind": "truncated"},
    "lost_not": {"kind": "drop"},
    "400_busy": {"kind": "error", "code": "DCS.4026"},
    "400_request": {"kind": "error", "code": "DCS.4064"},
    "400_many": {"kind": "error", "code": "DCS.4100"},
    "half": {"kind": "half_success"},
    "missing": {"kind": "missing_ids"},
    "missing_not": {"kind": "missing_ids", "executed": False},
    "garbage": {"kind": "garbage"},
}
READ_FAULTS = {"429": "429", "500": "502_html", "lost": "drop", "401": "401", "403": "403"}
READS = {"list": "list", "show": "show", "configurations": "configs"}


def over_the_wire(scenario: Scenario) -> Scenario:
    """What of a scenario the emulator can play: one project, no backups, faults by number."""
    text = scenario.to_json().replace('"backup": "before"', '"backup": "none"')
    one = Scenario(**json.loads(text))
    function = {**one.functions[0], "project": "p1"}
    fleet = [row for row in one.fleet if row["project"] == "p1"]
    known = {row["instance_id"] for row in fleet}
    events = [event for event in one.events if event.get("function", 0) == 0 and event.get("instance", next(iter(known))) in known]
    return replace(one, functions=[function], fleet=fleet, events=events, quota=None)


class EmulatedWorld(World):
    """A world whose DCS is the emulator."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(over_the_wire(scenario))
        fleet = [
            EmulatedInstance(
                instance_id=one.instance_id,
                name=one.name,
                status=one.status,
                tags=dict(one.tags),
                cache_mode=one.cache_mode,
                replica_count=one.replica_count,
                appendonly=one.appendonly,
                busy_s=one.busy_s,
                lag_s=one.lag_s,
                ends_in=one.ends_in[0] if one.ends_in else None,
            )
            for one in self.fleet.instances.values()
        ]
        self.emulator = Emulator(
            fleet, clock=lambda: self.scheduler.now, faults=self._wire_faults(), partial_execution=self.scenario.partial
        )
        for function in self.functions:
            function["project"] = self.emulator.project_id

    def run(self) -> World:
        with self.emulator:
            return super().run()

    def make_cloud(self, invocation: Invocation) -> None:
        invocation.dcs = WireDcs(self, invocation)
        invocation.backups = None

    def happen(self, event: dict[str, Any]) -> None:
        """What changes the fleet changes the emulator's as well."""
        match event["do"]:
            case "edit":
                super().happen(event)
                changes = {key: value for key, value in event["set"].items() if key != "tags"}
                tags = dict(self.fleet.instances[event["instance"]].tags)
                self.emulator.edit(event["instance"], tags=tags, **changes)
            case "remove" | "act":
                return  # the truth of both is the emulator's own here
            case _:
                super().happen(event)

    def executed(self, instance_id: str, action: str, put: int) -> None:
        """Take over what the emulator has just begun."""
        one = self.emulator.instance(instance_id)
        change = one.change
        back_at, ends_in = (change.busy_until, change.ends_in) if change else (self.scheduler.now, one.status)
        lost = one.loses_data_on(action)
        self.fleet.executions.append(
            Execution(instance_id, action, self.scheduler.now, FOREVER if ends_in == "stuck" else back_at, ends_in, lost, put)
        )

    def _wire_faults(self) -> list[Fault]:
        faults = []
        for one in self.scenario.faults:
            if one["kind"] != "api" or "nth" not in one:
                continue
            after, times = one["nth"] - 1, one["times"]
            if one["op"] == "put" and one["mode"] in PUT_FAULTS:
                faults.append(Fault("put", after=after, times=times, **PUT_FAULTS[one["mode"]]))
            elif one["op"] in READS and one["mode"] in READ_FAULTS:
                faults.append(Fault(READS[one["op"]], READ_FAULTS[one["mode"]], after=after, times=times * 4))
        return faults


class WireDcs:
    """The product's own adapter, each of its calls an effect in virtual time."""

    def __init__(self, world: EmulatedWorld, invocation: Invocation) -> None:
        self._world = world
        self._invocation = invocation
        self._real = plug.real_dcs(world.emulator, invocation)

    def snapshot(self, tick: Tick = no_tick) -> Any:
        self._effect("list")
        return self._real.snapshot(tick)

    def read(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Any:
        self._effect("read")
        return self._real.read(instance_ids, tick)

    def show(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Any:
        self._effect("show")
        return self._real.show(instance_ids, tick)

    def show_each(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Any:
        self._effect("show")
        return self._real.show_each(instance_ids, tick)

    def configurations(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Any:
        self._effect("configurations")
        return self._real.configurations(instance_ids, tick)

    def put_timeout_s(self) -> float:
        return float(self._real.put_timeout_s())

    def calls(self) -> Mapping[str, int]:
        return dict(self._real.calls())

    def send(self, action: Any, instance_ids: Sequence[str]) -> Any:
        """One status PUT; what it executed is asked of the emulator's own record."""
        world, invocation = self._world, self._invocation
        put = world.new_put(invocation, plug.action_name(action), tuple(instance_ids))
        seen = len(world.emulator.truth.puts)
        answer = self._real.send(action, instance_ids)
        for record in world.emulator.truth.puts[seen:]:
            put.executed = tuple(record.executed)
            for instance_id in record.executed:
                world.executed(instance_id, put.action, put.number)
        put.answered = str(answer.kind)
        world.note(invocation.process, f"PUT {put.number} answered {answer.kind}: {answer.what}", {"ids": [one[:8] for one in put.ids]})
        world.scheduler.pause(0.1 + invocation.random())
        world.step(invocation.process, "put.done")
        return answer

    def _effect(self, op: str) -> None:
        self._world.step(self._invocation.process, op)
        self._world.scheduler.pause(0.02 + self._invocation.random() * 0.1)
