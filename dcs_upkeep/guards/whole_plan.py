"""Why a whole plan is refused: limits, the hour, and approval. Pure; every reason is found, not only the first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from fractions import Fraction

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import PlannedInstance, Refusal, Verdict
from dcs_upkeep.domain.problems import list_some, shorten
from dcs_upkeep.domain.request import Request
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.domain.timestamps import iso
from dcs_upkeep.guards import guard, per_call
from dcs_upkeep.guards.policy import PlanFacts, Policy

# --- guards over the whole plan ----------------------------------------------------------------------------------


def allowed_action(action: Action, allowed: Collection[str]) -> Verdict:
    """Whether the operator allows this action here at all."""
    if action in allowed:
        return Verdict(True, "allowed_action")
    return Verdict(False, "allowed_action", f"{action} is not allowed here; allowed: {list_some(sorted(allowed)) or 'nothing'}")


def blast_radius_count(planned: int, most: int) -> Verdict:
    """Whether the plan acts on more instances than the cap. Refused whole, never cut: which to leave out is no guess of ours."""
    if planned <= most:
        return Verdict(True, "blast_radius_count")
    return Verdict(False, "blast_radius_count", f"the plan would act on {planned} instances, more than the {most} allowed")


def blast_radius_share(planned: int, fleet: int, share: float | None) -> Verdict:
    """Whether the plan acts on more than this share (0 to 1, rounded down to instances) of the fleet it was selected from."""
    if share is None or planned == 0:
        return Verdict(True, "blast_radius_share")
    if not 0 <= share <= 1 or not 0 <= planned <= fleet:
        return Verdict(False, "blast_radius_share", f"a share of {share:g} of {planned} out of {fleet} instances cannot be judged")
    # 29 % of 100 is 28.999999999999996 in floating point.
    most = int(Fraction(share).limit_denominator(1_000_000) * fleet)
    if planned <= most:
        return Verdict(True, "blast_radius_share")
    why = f"the plan would act on {planned} of {fleet} instances, more than the {most} that {share * 100:g}% of the fleet allow"
    return Verdict(False, "blast_radius_share", why)


def approval(given: str | None, digest: str, losing: Collection[str], action: Action) -> Verdict:
    """Whether a person has approved exactly this plan. `losing`: instances that lose data, or may, and are not disposable.

    A digest that is given must fit even where nothing is lost: whoever gave it saw another plan.
    """
    if given is not None and (not digest or given != digest):
        return Verdict(False, "approval", f"the approval is for another plan: {shorten(given)} was approved, and this is {shorten(digest)}")
    if given is not None or not losing:
        return Verdict(True, "approval")
    count = f"{len(losing)} instances" if len(losing) > 1 else "1 instance"
    return Verdict(False, "approval", f"{action} loses the data of {count} and is not approved: {list_some(losing)}")


# A dry run is how the digest is got, by day, with nothing at stake: these are told there, and refuse nothing.
NOT_IN_DRY_RUN = frozenset({"halt", "window", "blackout", "approval", "journal"})
NAMED = 10


def limit_refusals(
    request: Request, policy: Policy, settings: Settings, facts: PlanFacts, *, planned: int, matched: int, fleet: int
) -> list[Refusal]:
    """What does not depend on the hour: allowed actions, the blast radius, what needs a journal."""
    action = policy.action
    selected = request.select is not None
    found = [
        _refusal(
            guard.ask("allowed_action", allowed_action, action, settings.allowed_actions),
            f"If {action} is meant to be possible here, add it to UPKEEP_ALLOWED_ACTIONS.",
        ),
        _refusal(
            Verdict(matched > 0 or request.allow_empty, "empty", "the selection matches no instance, and allow_empty is false"),
            "Check the conditions of the selection.",
        ),
        _refusal(
            guard.ask("blast_radius_count", blast_radius_count, planned, settings.max_instances),
            "Narrow the selection, or raise UPKEEP_MAX_INSTANCES.",
        ),
        # IDs that a person has listed are no share of anything: nobody read the rest of the fleet.
        _refusal(
            guard.ask("blast_radius_share", blast_radius_share, planned, fleet, settings.max_share if selected else None),
            "Narrow the selection, or raise UPKEEP_MAX_SHARE.",
        ),
        _refusal(_journal_verdict(request, action, facts), "Set UPKEEP_JOURNAL."),
    ]
    return [one for one in found if one is not None]


def _journal_verdict(request: Request, action: Action, facts: PlanFacts) -> Verdict:
    if facts.journalled:
        return Verdict(True, "journal")
    if action is Action.FLUSH and facts.on_host:
        return Verdict(
            False, "journal", "a flush cannot be undone, and without a journal a second delivery of this event would flush again"
        )
    if request.cooldown_s > 0:
        return Verdict(False, "journal", "cooldown_s needs a journal, which knows when an instance was reached last")
    return Verdict(True, "journal")


def time_refusals(policy: Policy, now: datetime, facts: PlanFacts) -> list[Refusal]:
    """What depends on the hour: the halt lever, blackouts, the window where it refuses."""
    found = [
        _refusal(facts.halt, 'Release the halt when it is safe: {"command": "release", "halt": "<id>"}; then send the event again.'),
        _refusal(guard.ask("blackout", per_call.blackout, policy.blackouts, now), "Send it when the blackout is over."),
    ]
    if policy.window is not None and not policy.defers:
        found.append(_refusal(guard.ask("window", per_call.window, policy.window, now), "Send it inside the window."))
    return [one for one in found if one is not None]


def approval_refusals(
    request: Request,
    policy: Policy,
    settings: Settings,
    facts: PlanFacts,
    *,
    planned: Mapping[str, PlannedInstance],
    covered: Mapping[str, PlannedInstance],
    digest: str,
    now: datetime,
) -> list[Refusal]:
    """Whether what would be lost was approved: exactly this set, and not too long ago."""
    losing = [
        f"{one.name} ({one.instance_id}, {one.loses_data_reason})"
        for one in planned.values()
        if one.loses_data is not False and not one.disposable
    ]
    verdict = guard.ask("approval", approval, request.approve, digest, sorted(losing), policy.action)
    fix = "Look at what would be lost, and if that is meant, send this event with approve set to the new digest."
    if not verdict.allowed and request.approve not in (None, digest):
        drift = _drift(facts.approved.loses, covered) if facts.approved else "the approved plan is not on record here"
        verdict = Verdict(False, verdict.guard, f"{verdict.reason}; {drift}")
    elif verdict.allowed and request.approve is not None and facts.approved is not None:
        lapses_at = facts.approved.at + timedelta(seconds=settings.approval_max_age_s)
        if now > lapses_at:
            verdict = Verdict(
                False, "approval", f"the approval lapsed at {iso(lapses_at)}: the plan was shown last at {iso(facts.approved.at)}"
            )
            fix = "Make a dry run again, and approve what it shows."
    found = _refusal(verdict, fix)
    return [found] if found else []


def _drift(approved: Mapping[str, bool], covered: Mapping[str, PlannedInstance]) -> str:
    """How the fleet differs from what was approved, in words."""
    came = [one for one in covered if one not in approved]
    went = [one for one in approved if one not in covered]
    changed = [one for one in covered if one in approved and (covered[one].loses_data is not False) != approved[one]]
    said = [
        *([f"came: {_names(came)}"] if came else []),
        *([f"went: {_names(went)}"] if went else []),
        *([f"lost their data then and do not now, or the other way round: {_names(changed)}"] if changed else []),
    ]
    return "; ".join(said) or "the same instances, but another action, region or project"


def _names(ids: list[str]) -> str:
    return ", ".join(sorted(ids)[:NAMED]) + (f" and {len(ids) - NAMED} more" if len(ids) > NAMED else "")


def _refusal(verdict: Verdict, fix: str) -> Refusal | None:
    return None if verdict.allowed else Refusal(verdict.guard, verdict.reason, fix)
