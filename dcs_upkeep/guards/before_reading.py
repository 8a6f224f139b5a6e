"""Guards about the event itself, asked before anything of the fleet is read. They refuse a whole plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dcs_upkeep.domain.problems import list_some, shorten
from dcs_upkeep.guards.guard import PlanGuard
from dcs_upkeep.guards.policy import Firing


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What is known before the fleet is read. `firing` None: not asked for; an instance missing from it could not be read."""

    triggered_by: str | None  # the alarm that asked for this run
    instance_ids: Sequence[str]
    firing: Firing | None = None


def alarm_verify(triggered_by: str | None, instance_ids: Sequence[str], firing: Firing | None) -> str | None:
    """Whether the alarm that asks for the run is firing for its instances. What says that it does may have been sent by anybody."""
    if triggered_by is None or firing is None:
        return None
    alarm = f"the alarm {shorten(triggered_by)}"
    if any(instance_id not in firing for instance_id in instance_ids):
        return f"whether {alarm} is firing cannot be read from Cloud Eye"
    quiet = [instance_id for instance_id in instance_ids if triggered_by not in firing[instance_id]]
    return f"Cloud Eye does not show {alarm} as firing for {list_some(quiet)}" if quiet else None


ALARM_VERIFY: PlanGuard[EventFacts] = PlanGuard(
    name="alarm_verify",
    setting="`UPKEEP_ALARM_VERIFY`",
    default="on",
    refuses_when="an alarm asks for the run, and Cloud Eye does not show it as firing for its instance, or does not answer; "
    "asked before anything else is read, and again before the wave",
    how_to_lift="Nothing to do if the alarm has ended; let Cloud Eye answer, and grant the right to list alarm records",
    check=lambda facts: alarm_verify(facts.triggered_by, facts.instance_ids, facts.firing),
    next="Look at the alarm in Cloud Eye: if it is firing there, send the event again; if it never was, ask who publishes to the topic.",
    only_told_in_dry_run=True,
)

GUARDS: Final = (ALARM_VERIFY,)
