"""Whether a person has agreed to what would be lost: to exactly this, shown to them, not long ago, and for this run alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from dcs_upkeep.domain.actions import Action, LossClass
from dcs_upkeep.domain.approval import FORM, ShownPlan, split_approval
from dcs_upkeep.domain.model import PlannedInstance
from dcs_upkeep.domain.problems import list_some, shorten
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.domain.timestamps import aware, iso_at
from dcs_upkeep.guards.guard import PlanGuard

NAMED = 10  # so many IDs stand in a reason
NOT_APPROVED = "and is not approved"  # after it stand some of those that would lose their data


@dataclass(frozen=True, slots=True)
class ApprovalFacts:
    """A plan that asks for approval, and what was given."""

    action: Action
    given: str | None  # the field `approve`
    planned: Mapping[str, PlannedInstance]  # would be acted on
    about: Mapping[str, str]  # what the digest says beside the instances
    covered: Mapping[str, LossClass]  # what it says of them
    digest: str
    run_id: str
    settings: Settings
    now: datetime
    journalled: bool
    shown: ShownPlan | None  # the showing that `given` names, if it is on record


def approval(facts: ApprovalFacts) -> str | None:
    """Whether a person has approved exactly this plan, for this run.

    What is given must fit even if nothing is lost: whoever gave it saw another plan.
    """
    if facts.given is None:
        return _unapproved(facts.action, facts.planned.values())
    digest, showing = split_approval(facts.given)
    if not digest.startswith(FORM):
        return f"{shorten(digest)} is a digest of an earlier form, which does not say all that it approves; it approves nothing any more"
    another = f"the approval is for another plan: {shorten(digest)} was approved, and this is {shorten(facts.digest)}"
    fits = bool(facts.digest) and digest == facts.digest
    if not facts.journalled:
        if showing is not None:
            return f"without a journal nobody can tell whether the showing {shorten(showing)} was used already"
        return None if fits else another
    if showing is None:
        differs = "" if fits else f", and {another}"
        return f"where there is a journal a digest alone approves nothing: only what was shown to a person does, once{differs}"
    if facts.shown is None:
        return f"the showing {shorten(showing)} of {shorten(digest)} is not in this journal" + ("" if fits else f", and {another}")
    if facts.shown.used_by not in (None, facts.run_id):
        return used(facts.shown.used_by)
    if not fits:
        return f"{another}; {_drift(facts.shown, facts)}"
    return approval_lapsed(facts.shown.at, facts.settings, facts.now)


APPROVAL: PlanGuard[ApprovalFacts] = PlanGuard(
    name="approval",
    setting="`approve`, `UPKEEP_DISPOSABLE_TAGS`",
    default="required",
    refuses_when="an instance that is not disposable would lose its data, or might, and `approve` is missing; "
    "or `approve` is for another plan, was shown too long ago, has started another run, or is not on record",
    how_to_lift="Look at what would be lost, and send the event that the refusal or a dry run prints",
    check=approval,
    next="Look at what would be lost, and if that is intended, send the event that approves exactly this.",
    only_told_in_dry_run=True,
)


def approval_lapsed(shown_at: float | None, settings: Settings, now: datetime) -> str | None:
    """Whether what was approved was shown too long ago. `shown_at`: seconds since 1970; None: nobody knows, or nothing was approved."""
    if shown_at is None:
        return None
    ends = shown_at + settings.approval_max_age_s
    if aware(now).timestamp() <= ends:
        return None
    return f"the approval expired at {iso_at(ends)}: the plan was shown at {iso_at(shown_at)}, and UPKEEP_APPROVAL_MAX_AGE_S is over"


def used(run_id: str | None) -> str:
    """That an approval has started a run already, which is all that it is good for."""
    return f"the approval was used by run {shorten(run_id)}; one approval starts one run"


def losing(planned: Iterable[PlannedInstance]) -> list[PlannedInstance]:
    """Those that lose their data, or may, and are not disposable: only an approved plan may act on them."""
    return [instance for instance in planned if instance.loss_class is LossClass.LOSES]


def _unapproved(action: Action, planned: Iterable[PlannedInstance]) -> str | None:
    found = sorted(f"{instance.name} ({instance.instance_id}, {instance.loses_data_reason})" for instance in losing(planned))
    if not found:
        return None
    count = f"{len(found)} instances" if len(found) > 1 else "1 instance"
    return f"{action} would clear the data of {count} {NOT_APPROVED}: {list_some(found)}"


def _drift(shown: ShownPlan, facts: ApprovalFacts) -> str:
    """How the plan differs from what was shown, in words."""
    about = [f"{name} was {shorten(shown.about.get(name, ''))} and is {shorten(now)}" for name, now in facts.about.items()]
    told = [words for words, (name, now) in zip(about, facts.about.items(), strict=True) if shown.about.get(name) != now]
    then, covered = shown.classes, facts.covered
    changed = [one for one in covered if one in then and covered[one] != then[one]]
    differences = {
        "added": [one for one in covered if one not in then],
        "removed": [one for one in then if one not in covered],
        "of another class now": [f"{one} ({then[one]} then, {covered[one]} now)" for one in changed],
    }
    told += [f"{what}: {list_some(sorted(ids), most=NAMED)}" for what, ids in differences.items() if ids]
    return "; ".join(told) or "the showing is of another plan"
