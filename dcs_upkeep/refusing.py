"""Why a whole plan is refused: limits, the hour, and approval. Pure; every reason is found, not only the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dcs_upkeep import guards
from dcs_upkeep.judging import Firing, Policy
from dcs_upkeep.model import Action, PlannedInstance, Refusal, Verdict
from dcs_upkeep.report import iso
from dcs_upkeep.request import Request
from dcs_upkeep.settings import Settings

Classified = Mapping[str, tuple[bool | None, str]]

# A dry run is how the digest is got, by day, with nothing at stake: these are told there, and refuse nothing.
NOT_IN_DRY_RUN = frozenset({"halt", "window", "blackout", "approval", "journal"})
NAMED = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """An approved plan as a dry run put it on record: instance ID -> whether the action loses its data; when it was shown last."""

    loses: Mapping[str, bool]
    at: datetime


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the shell found out for the plan, beside the fleet.

    `classified`: instance ID -> (whether the action loses its data or None, why), for those that `to_classify` names.
    `firing`: instance ID -> alarm id -> name; None where the veto is off. `approved`: the plan that `approve` names, if on record.
    """

    project_id: str
    journalled: bool = False
    on_host: bool = False
    halt: Verdict = field(default_factory=lambda: Verdict(True, "halt"))
    classified: Classified = field(default_factory=dict)
    firing: Firing | None = None
    triggered_by: str | None = None
    approved: Shown | None = None


def limits(
    request: Request, policy: Policy, settings: Settings, around: Surroundings, *, planned: int, matched: int, fleet: int
) -> list[Refusal]:
    """What does not depend on the hour: allowed actions, the blast radius, what needs a journal."""
    action = policy.action
    selected = request.select is not None
    found = [
        _refusal(
            guards.checked("allowed_action", guards.allowed_action, action, settings.allowed_actions),
            f"If {action} is meant to be possible here, add it to UPKEEP_ALLOWED_ACTIONS.",
        ),
        _refusal(
            Verdict(matched > 0 or request.allow_empty, "empty", "the selection matches no instance, and allow_empty is false"),
            "Check the conditions of the selection.",
        ),
        _refusal(
            guards.checked("blast_radius_count", guards.blast_radius_count, planned, settings.max_instances),
            "Narrow the selection, or raise UPKEEP_MAX_INSTANCES.",
        ),
        # IDs that a person has listed are no share of anything: nobody read the rest of the fleet.
        _refusal(
            guards.checked("blast_radius_share", guards.blast_radius_share, planned, fleet, settings.max_share if selected else None),
            "Narrow the selection, or raise UPKEEP_MAX_SHARE.",
        ),
        _refusal(_journal_verdict(request, action, around), "Set UPKEEP_JOURNAL."),
    ]
    return [one for one in found if one is not None]


def _journal_verdict(request: Request, action: Action, around: Surroundings) -> Verdict:
    if around.journalled:
        return Verdict(True, "journal")
    if action is Action.FLUSH and around.on_host:
        return Verdict(
            False, "journal", "a flush cannot be undone, and without a journal a second delivery of this event would flush again"
        )
    if request.cooldown_s > 0:
        return Verdict(False, "journal", "cooldown_s needs a journal, which knows when an instance was reached last")
    return Verdict(True, "journal")


def timely(policy: Policy, now: datetime, around: Surroundings) -> list[Refusal]:
    """What depends on the hour: the halt lever, blackouts, the window where it refuses."""
    found = [
        _refusal(around.halt, 'Release the halt when it is safe: {"command": "release", "halt": "<id>"}; then send the event again.'),
        _refusal(guards.checked("blackout", guards.blackout, policy.blackouts, now), "Send it when the blackout is over."),
    ]
    if policy.window is not None and not policy.defers:
        found.append(_refusal(guards.checked("window", guards.window, policy.window, now), "Send it inside the window."))
    return [one for one in found if one is not None]


def approval(
    request: Request,
    policy: Policy,
    settings: Settings,
    around: Surroundings,
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
    verdict = guards.checked("approval", guards.approval, request.approve, digest, sorted(losing), policy.action)
    fix = "Look at what would be lost, and if that is meant, send this event with approve set to the new digest."
    if not verdict.allowed and request.approve not in (None, digest):
        drift = _drift(around.approved.loses, covered) if around.approved else "the approved plan is not on record here"
        verdict = Verdict(False, verdict.guard, f"{verdict.reason}; {drift}")
    elif verdict.allowed and request.approve is not None and around.approved is not None:
        lapses_at = around.approved.at + timedelta(seconds=settings.approval_max_age_s)
        if now > lapses_at:
            verdict = Verdict(
                False, "approval", f"the approval lapsed at {iso(lapses_at)}: the plan was shown last at {iso(around.approved.at)}"
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
        *([f"came: {_listed(came)}"] if came else []),
        *([f"went: {_listed(went)}"] if went else []),
        *([f"lost their data then and do not now, or the other way round: {_listed(changed)}"] if changed else []),
    ]
    return "; ".join(said) or "the same instances, but another action, region or project"


def _listed(ids: list[str]) -> str:
    return ", ".join(sorted(ids)[:NAMED]) + (f" and {len(ids) - NAMED} more" if len(ids) > NAMED else "")


def _refusal(verdict: Verdict, fix: str) -> Refusal | None:
    return None if verdict.allowed else Refusal(verdict.guard, verdict.reason, fix)
