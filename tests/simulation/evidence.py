"""What happened, put in order for the judges: runs with their entries, PUTs and executions, and everything that anybody was told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation import plug
from tests.simulation.fleet import Execution
from tests.simulation.records import Invocation, Put
from tests.simulation.world import World


@dataclass
class Entry:
    """One entry of a run's stream, with when and by whom it was written."""

    at: float
    invocation: Invocation
    seq: int
    body: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.body["kind"])


@dataclass
class Run:
    """One claim of one run id, up to the next claim of it. `puts`: those that left in its name."""

    run_id: str
    entries: list[Entry]
    puts: list[Put] = field(default_factory=list)
    plan: dict[str, Any] | None = None

    @property
    def claimed(self) -> Entry | None:
        return self.entries[0] if self.entries else None

    @property
    def request(self) -> Mapping[str, Any]:
        if self.claimed is not None:
            return dict(self.claimed.body["request"])
        return self.puts[0].invocation.event if self.puts else {}

    @property
    def began_at(self) -> float:
        return self.entries[0].at if self.entries else self.puts[0].invocation.started_at

    @property
    def has_ended(self) -> bool:
        """Whether a report or a release is on record."""
        return any(entry.kind in ("reported", "released") for entry in self.entries)

    def put_at(self, instance_id: str) -> list[Put]:
        """The PUTs with this instance in them."""
        return [put for put in self.puts if instance_id in put.ids]

    def outcomes(self) -> dict[str, str]:
        """Instance -> the outcome that is on record."""
        return {row["instance_id"]: row["outcome"] for entry in self.entries for row in entry.body.get("outcomes", ())}


@dataclass
class Told:
    """What somebody was told about a run: by a report that was returned, or by a message that a topic took."""

    at: float
    run_id: str
    status: str
    outcomes: Mapping[str, str]
    how: str
    invocation: Invocation


class Evidence:
    """The whole of one simulation."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.scenario = world.scenario
        self.executions = world.fleet.executions
        self.runs: list[Run] = list(self._runs())
        self.run_of: dict[int, Run | None] = {}
        self.unannounced: list[Put] = []
        self._assign_puts()
        self._by_id: dict[str, list[Run]] = {}
        for run in self.runs:
            self._by_id.setdefault(run.run_id, []).append(run)
        self.executions_of: dict[int, list[Execution]] = {}
        for one in self.executions:
            if one.put is not None:
                self.executions_of.setdefault(one.put, []).append(one)
        self.told: list[Told] = sorted(self._told(), key=lambda one: one.at)

    def run_at(self, run_id: str, moment: float) -> Run | None:
        """The claim of this run id that was in force then."""
        found = [run for run in self._by_id.get(run_id, ()) if run.began_at <= moment]
        return found[-1] if found else None

    def executed(self, run: Run, instance_id: str) -> list[tuple[Put, Execution]]:
        """What this run's PUTs really did to the instance."""
        return [
            (put, one)
            for put in run.put_at(instance_id)
            for one in self.executions_of.get(put.number, ())
            if one.instance_id == instance_id
        ]

    def _runs(self) -> Iterator[Run]:
        streams: dict[str, list[Entry]] = {}
        for at, invocation, stream, seq, body in self.world.store.writes:
            if stream.startswith("run/"):
                streams.setdefault(stream[4:], []).append(Entry(at, invocation, seq, body))
        for run_id, entries in streams.items():
            starts = [number for number, entry in enumerate(entries) if entry.kind == "claimed"]
            for start, end in zip(starts, [*starts[1:], len(entries)], strict=True):
                part = entries[start:end]
                yield Run(run_id, part, plan=plug.plan_of([entry.body for entry in part]))

    def _assign_puts(self) -> None:
        """A PUT belongs to the run in whose stream its sender wrote `sending` with these IDs last."""
        sendings: dict[str, list[tuple[float, Run, frozenset[str]]]] = {}
        for run in self.runs:
            for entry in run.entries:
                if entry.kind == "sending":
                    sendings.setdefault(entry.invocation.name, []).append((entry.at, run, frozenset(entry.body["ids"])))
        for put in self.world.puts:
            if not self.scenario.journal:
                self.run_of[put.number] = self._unjournalled(put)
                continue
            fitting = [(at, run) for at, run, ids in sendings.get(put.invocation.name, ()) if ids == frozenset(put.ids) and at <= put.at]
            if not fitting:
                self.unannounced.append(put)
                self.run_of[put.number] = None
                continue
            run = max(fitting, key=lambda one: one[0])[1]
            run.puts.append(put)
            self.run_of[put.number] = run

    def _unjournalled(self, put: Put) -> Run:
        """Without a journal each invocation is a run of its own."""
        known = next((run for run in self.runs if run.puts and run.puts[0].invocation is put.invocation), None)
        if known is None:
            known = Run(f"invocation {put.invocation.name}", [])
            self.runs.append(known)
        known.puts.append(put)
        return known

    def _told(self) -> Iterator[Told]:
        for one in self.world.invocations:
            for report in one.reports:
                outcomes = {row["instance_id"]: row["outcome"] for row in report["instances"]}
                run_id = self._named(report["run_id"], one)
                yield Told(one.ended_at or 0.0, run_id, report["status"], outcomes, "report", one)
        for telling in self.world.tellings:
            message = plug.told_in(telling.text) if telling.taken else None
            if message is not None:
                run_id, status, outcomes = message
                yield Told(telling.at, self._named(run_id, telling.invocation), status, outcomes, "message", telling.invocation)

    def _named(self, run_id: str, invocation: Invocation) -> str:
        """A dry run claims nothing, so that its key may be a run's as well."""
        if invocation.event.get("dry_run"):
            return f"dry {run_id}"
        return run_id if self.scenario.journal else f"invocation {invocation.name}"
