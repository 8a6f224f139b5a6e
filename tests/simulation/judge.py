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
    "again": first.sent_again_by_the_rules,
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
    "rests": second.rests_until_a_person_resumes,
    "ends": first.it_ends,
    "ours": first.no_fault_of_ours,
}


@dataclass(frozen=True)
class Known:
    """A promise that is not kept yet: in which scenarios, and why."""

    invariant: str
    reason: str
    where: Callable[[Scenario], bool] = lambda _: True


def _journal_fails(scenario: Scenario) -> bool:
    return scenario.has("journal")


def _stops_halfway(scenario: Scenario) -> bool:
    return any(scenario.has(kind) for kind in ("die", "stall", "suspend", "journal")) or scenario.functions[0]["limit_s"] < 900


def _acts_on_part_of_a_refused_batch(scenario: Scenario) -> bool:
    return scenario.partial


def _changes_while_it_waits(scenario: Scenario) -> bool:
    return any(one["do"] in ("edit", "settings") for one in scenario.events)


def _shares_a_store(scenario: Scenario) -> bool:
    return len(scenario.functions) > 1


def _cannot_call_itself(scenario: Scenario) -> bool:
    return not scenario.functions[0]["calls_itself"]


def _waits_for_a_window(scenario: Scenario) -> bool:
    return any(one.get("event", {}).get("window", {}).get("on_miss") == "defer" for one in scenario.events)


def _backs_up(scenario: Scenario) -> bool:
    return any(one.get("event", {}).get("backup") == "before" for one in scenario.events)


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
