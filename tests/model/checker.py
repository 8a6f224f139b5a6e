"""Looks at every state that can be reached, breadth first, so that the first wrong one has the shortest way to it."""

from __future__ import annotations

import time
from array import array
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tests.model.lines import Assumption, Line
from tests.model.protocol import Protocol
from tests.model.state import Run
from tests.model.system import Site, System

LOST = "a run is lost: nothing that may still happen brings it to its end"


@dataclass(frozen=True)
class Result:
    """What came of it. `wrong`: what was found, empty if nothing was; `trace`: the way to it; `steps`: every kind of step that was seen.

    `seconds`: of the processor.
    """

    states: int
    seconds: float
    steps: frozenset[str]
    wrong: str = ""
    trace: Sequence[str] = ()


def check(without: AbstractSet[Line | Assumption] = frozenset(), only: str = "") -> Result:
    """Check the protocol less these lines, until something is wrong or every state was looked at. `only`: heed nothing but this."""
    began = time.process_time()
    system = System(Protocol(without))
    worlds, number, came_from = [system.start], {system.start: 0}, array("l", [-1])
    edges, offsets = array("l"), array("l", [0])
    wrong = ""
    while len(offsets) <= len(worlds) and not wrong:
        at = len(offsets) - 1
        for world, found in system.next_worlds(worlds[at]):
            wrong = found if not only or only == found else ""
            index = number.get(world)
            if index is None or wrong:
                index = number[world] = len(worlds)
                worlds.append(world)
                came_from.append(at)
            edges.append(index)
            if wrong:
                break
        offsets.append(len(edges))
    last = len(worlds) - 1
    if not wrong:
        last = first_lost(system, worlds, edges, offsets)
        wrong = LOST if last >= 0 else ""
    trace = explain(system, path_to(last, worlds, came_from)) if wrong else ()
    return Result(len(worlds), time.process_time() - began, frozenset(system.seen), wrong, trace)


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
