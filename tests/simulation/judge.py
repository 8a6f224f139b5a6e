"""Which promises are asked about today's product, and which it does not keep yet and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.simulation import invariants as first
from tests.simulation import invariants_2 as second
from tests.simulation.evidence import Evidence
from tests.simulation.invariants import Judge, Violation
from tests.simulation.scenario import Scenario
from tests.simulation.world import World

JUDGES: Mapping[str, Judge] = {
    "I1": first.one_outcome_each,
    "I2": first.no_put_without_right,
    "I3": first.one_flush,
    "once": first.acts_once,
    "I4": first.completed_is_true,
    "I5": first.nothing_behind_the_report,
    "I6": first.batch_size,
    "I7": first.waves_in_turn,
    "I8": first.no_secret,
    "I9": second.told_to_the_topics,
    "I10": second.same_plan_same_digest,
    "I11": second.one_run_per_approval,
    "I12": second.facts_are_fresh,
    "I13": second.runs_stay_at_home,
    "I14": second.few_at_a_time,
    "I15": second.told_stays_true,
    "ours": first.no_fault_of_ours,
}


@dataclass(frozen=True)
class Known:
    """A promise that is not kept yet: in which scenarios, and why."""

    invariant: str
    reason: str
    where: Callable[[Scenario], bool] = lambda _: True


KNOWN: tuple[Known, ...] = ()


def judge(world: World, *, everything: bool = False) -> list[Violation]:
    """Every broken promise of one simulation; those known to be broken only if `everything` is asked for."""
    evidence = Evidence(world)
    found: list[Violation] = []
    for name, ask in JUDGES.items():
        if not everything and any(one.invariant == name and one.where(world.scenario) for one in KNOWN):
            continue
        found.extend(Violation(name, what) for what in dict.fromkeys(ask(evidence)))
    return found
