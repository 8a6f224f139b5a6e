"""Whether an instance may still be acted on, by what is known of its data: tags and parameters change while a run waits. Pure."""

from __future__ import annotations

from dcs_upkeep.domain.model import PlannedInstance, Verdict
from dcs_upkeep.guards.approval import APPROVAL
from dcs_upkeep.guards.permanent import FOUND
from dcs_upkeep.guards.whole_plan import UNREAD
from dcs_upkeep.planning.readings import Classes


def needs_reading(planned: PlannedInstance, *, approved: bool, disposable: bool, age_s: float, recheck_s: float) -> bool:
    """Whether the class must be read now: it decides, and is not known or too old.

    `disposable`: whether the instance's tags say so now. `age_s`: since the class was read last.
    """
    if disposable or (approved and planned.loses_data is not False and not planned.disposable):
        return False
    return planned.disposable or planned.loses_data is not False or age_s > recheck_s


def class_verdict(planned: PlannedInstance, instance_id: str, *, approved: bool, disposable: bool, classes: Classes) -> Verdict:
    """Whether the instance may stay in its wave. `classes`: those that had to be read now."""
    fine = Verdict(True, APPROVAL.name)
    if disposable or (approved and planned.loses_data is not False and not planned.disposable):
        return fine
    if instance_id in classes.gone:
        return Verdict(False, FOUND.name, "it no longer exists")
    if instance_id in classes.unread:
        why = f"whether its data would be lost could not be read just now: {classes.unread[instance_id]}"
        return Verdict(False, UNREAD.name, why)
    found = classes.known.get(instance_id)
    if found is None:
        is_safe = planned.loses_data is False and not planned.disposable
        return fine if is_safe else Verdict(False, UNREAD.name, "whether its data would be lost was not read")
    loses, reason = found
    if loses is False:
        return fine
    was = (
        "it was disposable by its tags when the plan was made, and is not now"
        if planned.disposable
        else "its data was safe when the plan was made"
    )
    return Verdict(False, APPROVAL.name, f"{was}: {reason}; this loss is not approved")
