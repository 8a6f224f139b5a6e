"""`python -m tests.simulation`: one seed with its trace, many seeds, or a scenario from a file."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from tests.simulation.generate import make_scenario
from tests.simulation.invariants import Violation
from tests.simulation.judge import KNOWN, judge
from tests.simulation.scenario import Scenario
from tests.simulation.shrink import shrink
from tests.simulation.soak import Tally, soak, speed
from tests.simulation.trace import lines_of
from tests.simulation.world import World

MOST_SHOWN = 20


def main() -> int:
    """Exit status 1 where a promise was broken."""
    options = _options()
    if options.replay:
        return _show(Scenario.from_json(Path(options.replay).read_text(encoding="utf-8")), options)
    if options.seed is not None:
        return _show(make_scenario(options.seed), options)
    return _many(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="one seed, with everything that happens in it")
    parser.add_argument("--replay", help="a scenario from this file")
    parser.add_argument("--seeds", default="0..2000", help="many: a count, or from..to")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--everything", action="store_true", help="ask also about promises that are known to be broken")
    parser.add_argument("--shrink", action="store_true", help="make a failing seed as small as it goes, and print it as JSON")
    parser.add_argument("--all-lines", action="store_true", help="show polls and renewals too")
    parser.add_argument("--known", action="store_true", help="list the promises that are not asked about, and why")
    return parser.parse_args()


def _show(scenario: Scenario, options: argparse.Namespace) -> int:
    """One scenario: shrunk if that is asked for, then what it holds and what happened."""
    violations = judge(World(scenario).run(), everything=options.everything)
    if options.shrink and violations:
        scenario = shrink(scenario, violations[0].invariant, everything=options.everything)
        print(scenario.to_json())
    world = World(scenario).run()
    for name in ("functions", "fleet", "events", "faults"):
        for row in getattr(scenario, name):
            print(f"{name[:-1] if name != 'fleet' else name:9} {row}")
    print(f"quota {scenario.quota}, partial {scenario.partial}, journal {scenario.journal}")
    for line in lines_of(world, everything=options.all_lines):
        print(line)
    violations = judge(world, everything=options.everything)
    _print(violations)
    return 1 if violations else 0


def _many(options: argparse.Namespace) -> int:
    if options.known:
        for one in KNOWN:
            print(f"{one.invariant:5} {one.reason}")
        return 0
    first, _, last = options.seeds.rpartition("..")
    start, end = int(first or 0), int(last)
    began, total = time.perf_counter(), Tally()
    for tally in soak(start, end, options.jobs, everything=options.everything):
        total.add(tally)
        if sys.stderr.isatty():
            print(f"\r{total.seeds} seeds, {len(total.failed)} failed", end="", file=sys.stderr, flush=True)
    print(speed(began, total.seeds))
    print(f"statuses {dict(total.statuses.most_common())}")
    print(f"outcomes {dict(total.outcomes.most_common())}")
    print(f"faults met {dict(total.met.most_common())}")
    for seed in sorted(total.failed)[:MOST_SHOWN]:
        print(f"seed {seed}: python -m tests.simulation --seed {seed}{' --everything' if options.everything else ''} --shrink")
        _print(total.failed[seed][:3])
    if len(total.failed) > MOST_SHOWN:  # the rest by number, so that none has to be found anew
        print(f"also seeds {' '.join(map(str, sorted(total.failed)[MOST_SHOWN:]))}")
    print(f"{len(total.failed)} of {total.seeds} seeds failed" if total.failed else "every promise that is asked about was kept")
    return 1 if total.failed else 0


def _print(violations: Iterable[Violation]) -> None:
    for one in violations:
        print(f"  BROKEN {one.invariant}: {one.what}")


if __name__ == "__main__":
    sys.exit(main())
