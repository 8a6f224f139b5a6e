"""Many seeds at once, on as many cores as wanted."""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.simulation.generate import make_scenario
from tests.simulation.invariants import Violation
from tests.simulation.judge import judge
from tests.simulation.world import World

CHUNK = 50


@dataclass
class Tally:
    """What some seeds came to. `statuses`: of all reports; `outcomes`: of their instances; `met`: faults that really met a call."""

    seeds: int = 0
    failed: dict[int, list[Violation]] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        self.seeds += other.seeds
        self.failed |= other.failed
        self.statuses += other.statuses
        self.outcomes += other.outcomes
        self.met += other.met


def run_seed(seed: int, *, everything: bool = False) -> tuple[World, list[Violation]]:
    """One seed, judged."""
    world = World(make_scenario(seed)).run()
    return world, judge(world, everything=everything)


def run_seeds(seeds: Iterable[int], *, everything: bool = False) -> Tally:
    """Some seeds, one after the other."""
    tally = Tally()
    for seed in seeds:
        tally.seeds += 1
        try:
            world, violations = run_seed(seed, everything=everything)
        except Exception as err:  # a seed that breaks the simulation itself is told like the others
            tally.failed[seed] = [Violation("simulation", f"{type(err).__name__}: {err}")]
            continue
        if violations:
            tally.failed[seed] = violations
        for invocation in world.invocations:
            for report in invocation.reports:
                tally.statuses[report["status"]] += 1
                tally.outcomes.update(row["outcome"] for row in report["instances"])
        tally.met.update(f"{one['kind']} {one.get('mode', '')}".strip() for one in world.faults.met)
    return tally


def _chunk(work: tuple[int, int, bool]) -> Tally:
    start, end, everything = work
    return run_seeds(range(start, end), everything=everything)


def soak(start: int, end: int, jobs: int, *, everything: bool = False) -> Iterator[Tally]:
    """All seeds from `start` up to `end`, chunk by chunk as they are done."""
    chunks = [(first, min(first + CHUNK, end), everything) for first in range(start, end, CHUNK)]
    if jobs <= 1:
        yield from map(_chunk, chunks)
        return
    # A forked process would inherit the threads of other seeds as dead ones.
    with multiprocessing.get_context("spawn").Pool(jobs, initializer=gc.freeze) as pool:
        yield from pool.imap_unordered(_chunk, chunks)


def speed(began: float, seeds: int) -> str:
    """How fast it went, in words."""
    seconds = time.perf_counter() - began
    return f"{seeds} seeds in {seconds:.0f} s, {seeds / seconds * 60:.0f} a minute"
