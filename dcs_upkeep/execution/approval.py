"""What a plan owes to approvals before it is put on record: the one that starts it is used up, and one that needs one is shown."""

from __future__ import annotations

from dataclasses import replace

from dcs_upkeep.domain.approval import ShownPlan, make_about, new_showing
from dcs_upkeep.domain.errors import JournalError
from dcs_upkeep.domain.model import Plan, Refusal
from dcs_upkeep.domain.ports import Journal
from dcs_upkeep.execution.context import RunContext
from dcs_upkeep.guards.approval import APPROVAL, used
from dcs_upkeep.journal.approvals import save_showing, use_showing

NOT_SHOWN = "no event can approve this plan, since what it shows could not be put on record"
MEND = "Mend the journal and ask again: what would be lost could not be put on record, so that no event can approve it yet."


def settle_approval(context: RunContext, plan: Plan) -> Plan:
    """The plan, once its approval belongs to this run, or what a person is about to see is on record.

    Raises: JournalError if nobody can tell whose the approval is.
    """
    journal = context.ports.journal
    if journal is None:
        return plan
    if plan.refusal is None and not plan.dry_run and plan.showing is not None and plan.waves:
        plan = _use(context, journal, plan, plan.showing)
    if plan.digest and (plan.dry_run or any(refusal.guard == APPROVAL.name for refusal in plan.refusals)):
        return _show(context, journal, plan)
    return plan


def _use(context: RunContext, journal: Journal, plan: Plan, showing: str) -> Plan:
    """Mark the showing as used by this run, before anything else is on record of the plan: another run may be asking for it now."""
    run_id = context.spec.run_id
    holder = use_showing(journal, plan.digest, showing, run_id, context.writer.now())
    if holder == run_id:
        return plan
    return replace(plan, refusals=(Refusal(APPROVAL.name, used(holder), str(APPROVAL.next)),))


def _show(context: RunContext, journal: Journal, plan: Plan) -> Plan:
    """Put on record what a person is about to be shown. A plan that is not on record says so, and prints no event that could not work."""
    spec = context.spec
    about = make_about(plan.action, context.settings.region, context.location.project_id, spec.request.backup)
    by = spec.trigger.principal or spec.request.requested_by or f"{spec.trigger.kind} {spec.trigger.id}"
    shown, showing = ShownPlan(about, plan.covered, context.writer.now(), by), new_showing(context.ports.random)
    try:
        save_showing(journal, plan.digest, showing, shown)
    except JournalError as err:
        context.ports.log("journal.failed", level="warning", reason=str(err))
        refusals = [replace(one, next=MEND) if one.guard == APPROVAL.name else one for one in plan.refusals]
        return replace(plan, showing=None, shown_at=None, refusals=tuple(refusals), notes=(*plan.notes, f"{NOT_SHOWN}: {err}"))
    return replace(plan, showing=showing, shown_at=shown.at)
