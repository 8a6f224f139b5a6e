"""Why a whole plan is refused: limits, the hour, and approval (in its own file). Pure; every reason is found, not only the first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, TypeVar

from dcs_upkeep.domain.actions import RULES, Action
from dcs_upkeep.domain.model import Refusal
from dcs_upkeep.domain.problems import list_some
from dcs_upkeep.domain.request import Request
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.guards import approval, before_reading, evaluate, per_call
from dcs_upkeep.guards.before_reading import EventFacts
from dcs_upkeep.guards.guard import PlanGuard
from dcs_upkeep.guards.per_call import CallFacts

S = TypeVar("S")
NAMED = 3  # so many causes stand in a reason


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """A plan before anything is held against it, and what it was made from."""

    request: Request
    action: Action
    settings: Settings
    planned: Collection[str]  # the IDs that would be acted on, as far as is known yet
    matched: int  # how many instances the request means
    fleet: int  # how many it was selected from, as far as that is known
    journalled: bool
    on_host: bool
    unread: Mapping[str, str] = field(default_factory=dict)  # those whose data-loss class could not be read, and why


def allowed_action(action: Action, allowed: Collection[str]) -> str | None:
    """Whether the operator allows this action here at all."""
    return None if action in allowed else f"{action} is not allowed here; allowed: {list_some(sorted(allowed)) or 'nothing'}"


ALLOWED_ACTION: PlanGuard[PlanFacts] = PlanGuard(
    name="allowed_action",
    setting="`UPKEEP_ALLOWED_ACTIONS`",
    default="`restart,soft_restart,start`",
    refuses_when="the action is not in the list; the whole plan is refused",
    how_to_lift="Add the action to the setting",
    check=lambda facts: allowed_action(facts.action, facts.settings.allowed_actions),
    next=lambda facts: f"If {facts.action} is meant to be possible here, add it to UPKEEP_ALLOWED_ACTIONS.",
)


def empty(matched: int, allow_empty: bool) -> str | None:
    """Whether a selection that matches nothing is a mistake."""
    return None if matched > 0 or allow_empty else "the selection matches no instance, and allow_empty is false"


EMPTY: PlanGuard[PlanFacts] = PlanGuard(
    name="empty",
    setting="`allow_empty`",
    default="true",
    refuses_when="the selection matches no instance and `allow_empty` is false",
    how_to_lift="Check the conditions of the selection",
    check=lambda facts: empty(facts.matched, facts.request.allow_empty),
    next="Check the conditions of the selection.",
)


def blast_radius_count(planned: int, most: int) -> str | None:
    """Whether the plan acts on more instances than the cap. Refused whole, never cut: which to leave out is no guess of ours."""
    return None if planned <= most else f"the plan would act on {planned} instances, more than the {most} allowed"


BLAST_RADIUS_COUNT: PlanGuard[PlanFacts] = PlanGuard(
    name="blast_radius_count",
    setting="`UPKEEP_MAX_INSTANCES`",
    default="100",
    refuses_when="the plan would act on more instances; refused whole, never cut",
    how_to_lift="Narrow the selection, or raise the setting",
    check=lambda facts: blast_radius_count(len(facts.planned), facts.settings.max_instances),
    next="Narrow the selection, or raise UPKEEP_MAX_INSTANCES.",
)


def blast_radius_share(planned: int, fleet: int, share: float | None) -> str | None:
    """Whether the plan acts on more than this share (0 to 1, rounded down to instances) of the fleet it was selected from."""
    if share is None or planned == 0:
        return None
    if not 0 <= share <= 1 or not 0 <= planned <= fleet:
        return f"a limit of {share:g} cannot be applied to {planned} out of {fleet} instances"
    # 29 % of 100 is 28.999999999999996 in floating point.
    most = int(Fraction(share).limit_denominator(1_000_000) * fleet)
    if planned <= most:
        return None
    return f"the plan would act on {planned} of {fleet} instances, more than the {most} that {share * 100:g}% of the fleet allow"


BLAST_RADIUS_SHARE: PlanGuard[PlanFacts] = PlanGuard(
    name="blast_radius_share",
    setting="`UPKEEP_MAX_SHARE`",
    default="none",
    refuses_when="the plan would act on a larger share of the fleet that it was selected from (rounded down to instances); refused whole",
    how_to_lift="Narrow the selection, or raise the setting",
    # IDs that a person has listed are no share of anything: nobody read the rest of the fleet.
    check=lambda facts: blast_radius_share(
        len(facts.planned), facts.fleet, facts.settings.max_share if facts.request.select is not None else None
    ),
    next="Narrow the selection, or raise UPKEEP_MAX_SHARE.",
)


def journal(action: Action, cooldown_s: float, *, journalled: bool, on_host: bool) -> str | None:
    """Whether the request needs a journal that is not there."""
    if journalled:
        return None
    if on_host and RULES[action].needs_journal_on_host:
        return f"{action} cannot be undone, and without a journal a second delivery of this event would {action} again"
    return "cooldown_s needs a journal, which records when an instance was last reached" if cooldown_s > 0 else None


JOURNAL: PlanGuard[PlanFacts] = PlanGuard(
    name="journal",
    setting="`UPKEEP_JOURNAL`",
    default="none on a host",
    refuses_when="there is no journal, and the action is `flush` on a host, or the request has a `cooldown_s`",
    how_to_lift="Set up a journal",
    check=lambda facts: journal(facts.action, facts.request.cooldown_s, journalled=facts.journalled, on_host=facts.on_host),
    next="Set UPKEEP_JOURNAL.",
    only_told_in_dry_run=True,
)


def unread(reasons: Mapping[str, str]) -> str | None:
    """Whether it could not be read what would be lost. That is neither a loss nor none: nobody can agree to it, or do without."""
    if not reasons:
        return None
    which = f"{len(reasons)} instances" if len(reasons) > 1 else f"instance {next(iter(reasons))}"
    why = list_some(list(dict.fromkeys(reasons.values())), most=NAMED)
    return f"whether data would be lost could not be read of {which}: {why}"


UNREAD: PlanGuard[PlanFacts] = PlanGuard(
    name="unread",
    setting="-",
    default="on",
    refuses_when="the data-loss class of an instance could not be read, which says nothing of its data; such a plan has no digest, "
    "and nothing can approve it. In a wave it refuses that instance alone",
    how_to_lift="Try again",
    check=lambda facts: unread(facts.unread),
    next="Try again: what could not be read may be readable then. If it stays so, see to what the reasons name.",
    only_told_in_dry_run=True,
)

BEFORE_READING: Final = (ALLOWED_ACTION, BLAST_RADIUS_COUNT, JOURNAL)  # can be asked of what a request names alone
LISTED: Final = (EMPTY, BLAST_RADIUS_COUNT, BLAST_RADIUS_SHARE)  # need no more than the fleet's list
LIMITS: Final = (ALLOWED_ACTION, EMPTY, BLAST_RADIUS_COUNT, BLAST_RADIUS_SHARE, JOURNAL, UNREAD)  # in the order in which they are asked
GUARDS: Final = (*LIMITS, approval.APPROVAL)
_ALL: Final = (*before_reading.GUARDS, *per_call.GUARDS, *GUARDS)
ONLY_TOLD_IN_DRY_RUN: Final = frozenset(guard.name for guard in _ALL if guard.only_told_in_dry_run)


def event_refusals(facts: EventFacts) -> list[Refusal]:
    """Whether the alarm that asks for the run is firing."""
    return _refusals(before_reading.GUARDS, facts)


def unread_refusals(facts: PlanFacts) -> list[Refusal]:
    """The limits that are clear before anything is read. `facts.planned`: the IDs that the request names."""
    return _refusals(BEFORE_READING, facts)


def listed_refusals(facts: PlanFacts) -> list[Refusal]:
    """The limits that are clear once the fleet is listed, before anything more is read of each instance."""
    return _refusals(LISTED, facts)


def limit_refusals(facts: PlanFacts) -> list[Refusal]:
    """What does not depend on the hour: allowed actions, the blast radius, what needs a journal."""
    return _refusals(LIMITS, facts)


def time_refusals(facts: CallFacts) -> list[Refusal]:
    """What depends on the hour: a halt, the breaker, blackouts, the window."""
    return _refusals(per_call.GUARDS, facts)


def approval_refusals(facts: approval.ApprovalFacts) -> list[Refusal]:
    """Whether what would be lost was approved."""
    return _refusals((approval.APPROVAL,), facts)


def _refusals(guards: Iterable[PlanGuard[S]], facts: S) -> list[Refusal]:
    by_name = {guard.name: guard for guard in guards}
    return [
        Refusal(verdict.guard, verdict.reason, _next(by_name[verdict.guard], facts)) for verdict in evaluate.every(by_name.values(), facts)
    ]


def _next(guard: PlanGuard[S], facts: S) -> str:
    if isinstance(guard.next, str):
        return guard.next
    try:
        return guard.next(facts)
    except Exception:  # facts on which the guard failed may fail here too, and the refusal must not get lost over that
        return f"{guard.how_to_lift}."
