"""One simulation: the events of a scenario come, invocations run, and everything that happened is kept for the judges."""

from __future__ import annotations

import copy
import random
from functools import partial
from typing import Any

from tests.simulation import plug
from tests.simulation.adapters import SimClock, SimHost, SimJournal, SimLog, SimStore, SimTopic
from tests.simulation.cloud import SimBackups, SimDcs
from tests.simulation.faults import Faults, Quota
from tests.simulation.fleet import Fleet
from tests.simulation.pool import patched
from tests.simulation.records import Invocation, Put, Telling
from tests.simulation.scenario import BASE, Scenario
from tests.simulation.scheduler import KilledError, Process, Scheduler, StuckError, Task

SWEEP_S = 300.0
MOST_SWEEPS = 40
PROGRESS = ("sending", "watched", "reported", "released")
REGION = "cn-north-4"
TOPICS = ("urn:smn:cn-north-4:p:topic-1", "urn:smn:cn-north-4:p:topic-2")


class World:
    """Carries one scenario out."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.scheduler = Scheduler()
        self.fleet = Fleet(scenario.fleet)
        self.faults = Faults(scenario.faults)
        self.quota = Quota(scenario.quota)
        self.store = SimStore()
        self.functions = copy.deepcopy(scenario.functions)
        self.puts: list[Put] = []
        self.tellings: list[Telling] = []
        self.invocations: list[Invocation] = []
        self.backups: dict[str, list[dict[str, Any]]] = {}
        self.settings_changed: list[tuple[float, str, dict[str, str]]] = []
        self.trace: list[tuple[float, str, str, Any]] = []
        self.quiet = False
        self.stuck: str | None = None
        self._may_stop = any(one["kind"] in ("die", "stall", "suspend") for one in scenario.faults)
        self._answers: dict[str, Invocation] = {}
        self._halt_id: str | None = None

    # --- what the adapters report --------------------------------------------------------------------------------

    def note(self, process: Process | None, what: str, details: Any = None) -> None:
        self.trace.append((self.scheduler.now, process.name if process else "cloud", what, details))

    def step(self, process: Process, *ops: str) -> None:
        """A process is about to do, or has just done, something: here it may die, freeze, or be put to sleep."""
        if process.dead is not None:
            raise KilledError(process.dead)
        if not self._may_stop:
            return
        now = self.scheduler.now
        if self.faults.meet("die", now, *ops):
            self.note(process, f"dies at {ops[-1]}")
            self.scheduler.kill(process, "killed")
            raise KilledError("killed")
        for kind in ("stall", "suspend"):
            fault = self.faults.meet(kind, now, *ops)
            if fault is not None:
                self.note(process, f"{kind}s for {fault['seconds']} s at {ops[-1]}")
                process.frozen_until = now + fault["seconds"]
                process.asleep_s += fault["seconds"] if kind == "suspend" else 0.0
                self.scheduler.pause(fault["seconds"])

    def new_put(self, invocation: Invocation, action: str, ids: tuple[str, ...]) -> Put:
        put = Put(len(self.puts) + 1, invocation, action, ids, self.scheduler.now)
        self.puts.append(put)
        return put

    def published(self, invocation: Invocation, topic: str, message: Any, *, taken: bool) -> None:
        self.tellings.append(Telling(self.scheduler.now, invocation, topic, plug.text_of(message), taken))

    def write_late(self, invocation: Invocation, stream: str, seq: int, entry: dict[str, Any]) -> None:
        """An append that its writer has given up reaches the store all the same."""
        if seq == len(self.store.streams.get(stream, ())):
            self.store.append(self.scheduler.now, invocation, stream, seq, entry)
            self.note(None, f"late append {entry.get('kind')} to {stream} at {seq}", entry)

    # --- invocations ---------------------------------------------------------------------------------------------

    def deliver(
        self, name: str, function: dict[str, Any], event: dict[str, Any], request_id: str, retries: int = 0, *, by_self: bool = False
    ) -> Task:
        """A platform invokes a function."""
        now = self.scheduler.now
        rng = random.Random(f"{self.scenario.seed}/{name}")
        skew_s = rng.uniform(-0.5, 0.5) * function.get("skew_s", 0.0)
        process = Process(name, skew_s)
        one = Invocation(
            name=name,
            function=function,
            environ={
                "UPKEEP_REGION": REGION,
                "UPKEEP_PROJECT_ID": function["project"],
                "UPKEEP_TOPICS": ",".join(TOPICS),
                "UPKEEP_SKEW_S": str(function.get("skew_s", 0)),
                **function["settings"],
            },
            event=event,
            request_id=request_id,
            process=process,
            rng=rng,
            started_at=now,
            kill_at=now + function["limit_s"],
            retries=retries,
            by_self=by_self,
        )
        one.host, one.clock, one.log = SimHost(self, one), SimClock(self, one), SimLog(self, one)
        self.make_cloud(one)
        one.journal = SimJournal(self, one) if self.scenario.journal else None
        one.topics = tuple(SimTopic(self, one, topic) for topic in TOPICS)
        one.plans = self.scenario.plans
        self.invocations.append(one)
        self.note(process, "invoked", event)
        if one.kill_at < 1e8:
            self.scheduler.at(one.kill_at, partial(self._time_is_up, one))
        return self.scheduler.spawn(process, partial(self._invoke, one))

    def make_cloud(self, invocation: Invocation) -> None:
        """The invocation's way to DCS."""
        invocation.dcs = SimDcs(self, invocation)
        invocation.backups = SimBackups(self, invocation.dcs)

    def deliver_self(self, parent: Invocation, event: dict[str, Any], copy_number: int) -> None:
        """A call of a function to itself arrives a moment later."""
        name = f"{parent.name}>{'*' if copy_number else ''}"
        children = sum(1 for one in self.invocations if one.name.startswith(name))
        name = f"{name}{children + 1 if children else ''}"
        later = self.scheduler.now + 0.05 + parent.random() * (5.0 if copy_number else 0.5)
        # The function as it is then: its settings may have changed.
        function = next(
            one for one in self.functions if one["name"] == parent.function["name"] and one["project"] == parent.function["project"]
        )
        by_self = parent.function["host"] == "local"
        self.scheduler.at(later, lambda: void(self.deliver(name, function, event, f"self-{name}", 1, by_self=by_self)))

    def _invoke(self, one: Invocation) -> None:
        one.fleet_version = (len(self.fleet.edits), len(self.fleet.executions))
        try:
            one.answer = plug.serve(one.event, one, REGION)
        except KilledError:
            self._retry(one)
            raise
        except BaseException as err:  # kept for the judges
            if one.process.dead is None:
                one.error = err
                self._retry(one)
        one.ended_at = self.scheduler.now
        self.note(one.process, "returned" if one.error is None else f"raised {one.error!r}"[:200])
        halt = plug.halt_in(one.answer) if one.answer and one.event.get("command") == "halt" else None
        self._halt_id = halt or self._halt_id

    def _retry(self, one: Invocation) -> None:
        """An asynchronous delivery that failed comes again."""
        if one.retries > 0:
            at = self.scheduler.now + 30.0 + one.random() * 60.0
            name = f"{one.name}'"
            self.scheduler.at(
                at, lambda: void(self.deliver(name, one.function, one.event, one.request_id, one.retries - 1, by_self=one.by_self))
            )

    def _time_is_up(self, one: Invocation) -> None:
        if one.ended_at is None and one.process.dead is None:
            self.note(one.process, "killed by the platform: time is up")
            self.scheduler.kill(one.process, "time is up")

    # --- events --------------------------------------------------------------------------------------------------

    def happen(self, event: dict[str, Any]) -> None:
        """One event of the scenario comes."""
        now, function = self.scheduler.now, self.functions[event.get("function", 0)]
        match event["do"]:
            case "request":
                body = dict(event["event"])
                if "approves" in event:
                    shown = self._answers.get(event["approves"])
                    digest = plug.approval_in(shown.reports[0]) if shown is not None and shown.reports else None
                    if digest is None:
                        return
                    body["approve"] = digest
                self.deliver(event["id"], function, body, event.get("request_id", event["id"]), event.get("retries", 0))
                self._answers[event["id"]] = self.invocations[-1]
            case "halt":
                self.deliver(event["id"], function, {"command": "halt", "reason": "simulated"}, event["id"])
            case "release" if self._halt_id is not None:
                self.deliver(event["id"], function, {"command": "release", "halt": self._halt_id}, event["id"])
            case "stop":
                for one in self.invocations:
                    if one.ended_at is None and one.process.dead is None:
                        self.note(one.process, "is asked to stop by a person")
                        one.stop.by = "stopped by a person"
            case "resume":
                for run_id in self.resting():
                    name = f"{event['id']}/{run_id}"
                    self.deliver(name, function, {"resume": run_id}, name)
                    self.invocations[-1].by_person = True
            case "edit":
                self.note(None, f"edit {event['instance'][:8]}", event["set"])
                self.fleet.edit(event["instance"], event["set"], now)
            case "act" if self.fleet.instances[event["instance"]].may(event["action"], now):
                self.note(None, f"somebody else: {event['action']} {event['instance'][:8]}")
                self.fleet.execute(event["instance"], event["action"], now, None)
            case "remove":
                self.note(None, f"deleted: {event['instance'][:8]}")
                self.fleet.instances[event["instance"]].gone = True
            case "settings":
                self.note(None, f"settings of {function['name']}", event["set"])
                function["settings"] = {**function["settings"], **event["set"]}
                self.settings_changed.append((now, function["name"], event["set"]))

    # --- from the beginning to the end ---------------------------------------------------------------------------

    def run(self) -> World:
        """All events, then sweeps until nothing is left to be done."""
        scheduler = self.scheduler
        for event in self.scenario.events:
            scheduler.at(event["at"], partial(self.happen, event))
        busy_until = max([Faults.over_at(self.scenario.faults), *(event["at"] for event in self.scenario.events)])
        with patched(scheduler):
            try:
                self._until_quiet(busy_until)
            except StuckError as err:
                self.stuck = str(err)
                scheduler.forgive()
            self._end()
        return self

    def _until_quiet(self, busy_until: float) -> None:
        """Sweeps, until nothing is left to be done, or until many of them in a row have come to nothing."""
        scheduler, in_vain, looked_at = self.scheduler, 0, 0
        while in_vain < MOST_SWEEPS:
            scheduler.pause(SWEEP_S)
            if scheduler.now > busy_until:
                if not self._alive() and not self.unfinished():
                    self.quiet = True
                    return
                opens_at = self._opens_at()
                if opens_at > scheduler.now and not self._alive():
                    scheduler.pause(opens_at - scheduler.now)
                got_on = any(row[4].get("kind") in PROGRESS for row in self.store.writes[looked_at:])
                in_vain, looked_at = (0 if got_on else in_vain + 1), len(self.store.writes)
            self._sweep()

    def _sweep(self) -> None:
        if not self.scenario.journal or not self.unfinished():
            return
        for function in self.functions:
            name = f"sweep@{self.scheduler.now:.0f}/{function['name']}"
            self.deliver(name, function, {"command": "sweep"}, name)

    def _alive(self) -> bool:
        return any(not task.done for one in self.invocations for task in one.process.tasks)

    def unfinished(self) -> list[str]:
        """The runs that were claimed and have not ended."""
        runs = [(name, rows) for name, rows in self.store.streams.items() if name.startswith("run/")]
        return [name[4:] for name, rows in runs if rows and rows[-1]["kind"] != "released" and not _has_ended(rows) and not _rests(rows)]

    def resting(self) -> list[str]:
        """The runs that a person has stopped, and that wait for one."""
        return [name[4:] for name, rows in self.store.streams.items() if name.startswith("run/") and rows and _rests(rows)]

    def _opens_at(self) -> float:
        """When the first of the waiting runs may go on; 0 if one may now."""
        moments = []
        for run_id in self.unfinished():
            waits = [row.get("not_before", 0.0) - BASE for row in self.store.streams[f"run/{run_id}"] if row["kind"] == "yielded"]
            moments.append(waits[-1] if waits else 0.0)
        return min(moments, default=0.0)

    def _end(self) -> None:
        """Every thread goes back to where it came from."""
        for one in self.invocations:
            if one.ended_at is not None or one.process.dead is not None:
                continue
            self.scheduler.kill(one.process, "the simulation is over")
        while self._alive():
            self.scheduler.pause(1.0)


def _rests(rows: list[dict[str, Any]]) -> bool:
    return "stopped_by" in rows[-1]


def _has_ended(rows: list[dict[str, Any]]) -> bool:
    """Since its last claim, a report or a release is on record."""
    for row in reversed(rows):
        if row["kind"] in ("reported", "released"):
            return True
        if row["kind"] == "claimed":
            return False
    return True


def void(_: object) -> None:
    """A callback that gives nothing back."""
