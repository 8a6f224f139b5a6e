"""Looks at every state that can be reached, breadth first, so that the first wrong one has the shortest way to it."""

from __future__ import annotations

import time
from array import array
from collections.abc import Set
from dataclasses import dataclass, field

from tests.model.lines import Assumption, Line
from tests.model.protocol import Protocol
from tests.model.state import Run
from tests.model.system import Site, System

LOST = "a run is lost: nothing that may still happen brings it to its end"


@dataclass(frozen=True)
class Result:
    """What came of it. `wrong`: what was found, empty if nothing was; `trace`: the way to it, in words."""

    states: int
    seconds: float
    wrong: str = ""
    trace: list[str] = field(default_factory=list)


def check(without: Set[Line | Assumption] = frozenset(), *, ends: bool = True, limit: int = 10**9) -> Result:
    """Check the protocol less these lines. `ends`: also that from every state all runs can still come to their end."""
    began = time.process_time()
    system = System(Protocol(without))
    worlds, came_from, edges, offsets = [system.start], array("l", [-1]), array("l"), array("l", [0])
    number = {system.start: 0}
    wrong = ""
    at = 0
    while at < len(worlds) < limit and not wrong:
        for world, wrong in system.next_worlds(worlds[at]):  # noqa: B007
            index = number.get(world)
            if index is None or wrong:
                index = number[world] = len(worlds)
                worlds.append(world)
                came_from.append(at)
            edges.append(index)
            if wrong:
                break
        offsets.append(len(edges))
        at += 1
    last = len(worlds) - 1
    if not wrong and ends:
        last = first_lost(system, worlds, edges, offsets)
        wrong = LOST if last >= 0 else ""
    trace = explain(system, path_to(last, worlds, came_from)) if wrong else []
    return Result(len(worlds), time.process_time() - began, wrong, trace)


def first_lost(system: System, worlds: list[int], edges: array[int], offsets: array[int]) -> int:
    """The first state from which no way leads to the end of all runs; -1 if there is none."""
    into: list[list[int]] = [[] for _ in worlds]
    for at in range(len(worlds)):
        for index in edges[offsets[at] : offsets[at + 1]]:
            into[index].append(at)
    good = bytearray(len(worlds))
    todo = [at for at, world in enumerate(worlds) if system.is_over(world)]
    for at in todo:
        good[at] = 1
    while todo:
        for index in into[todo.pop()]:
            if not good[index]:
                good[index] = 1
                todo.append(index)
    return good.find(0)


def path_to(last: int, worlds: list[int], came_from: array[int]) -> list[int]:
    """The worlds on the way to this one, without the first."""
    path = []
    while came_from[last] >= 0:
        path.append(worlds[last])
        last = came_from[last]
    return path[::-1]


def explain(system: System, path: list[int]) -> list[str]:
    """The same way in words, each run and each invocation by one name."""
    runs, site = (Run(), Run()), Site()
    lines = []
    for world in path:
        step = next(step for step in system.steps(runs, site) if system.number(step.runs, step.site) == world)
        runs, site = step.runs, step.site
        label = step.label
        if step.who >= 0:
            name = "AB"[step.who]
            label = f"{name}{int(label[0]) + 1}{label[1:]}" if label[1] == ":" else f"{name}: {label}"
        lines.append(label)
    return lines
