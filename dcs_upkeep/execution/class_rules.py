"""Whether an instance may still be acted on, by what is known of its data: tags and parameters change while a run waits. Pure."""

from __future__ import annotations

from dcs_upkeep.domain.model import PlannedInstance

LossClass = tuple[bool | None, str]  # whether the action loses its data (None: nobody can tell), and why


def needs_reading(planned: PlannedInstance, *, approved: bool, disposable: bool, age_s: float, recheck_s: float) -> bool:
    """Whether the class must be read now: it decides, and is not known or too old.

    `disposable`: whether the instance's tags say so now. `age_s`: since the class was read last.
    """
    if disposable or (approved and planned.loses_data is not False and not planned.disposable):
        return False
    return planned.disposable or planned.loses_data is not False or age_s > recheck_s


def class_refusal(planned: PlannedInstance, *, approved: bool, disposable: bool, found: LossClass | None) -> str | None:
    """Why the instance leaves its wave; None if it may stay. `found`: the class as it was read now, if it had to be."""
    if disposable or (approved and planned.loses_data is not False and not planned.disposable):
        return None
    if found is None:
        return None if planned.loses_data is False and not planned.disposable else "whether its data would be lost was not read"
    loses, reason = found
    if loses is False:
        return None
    was = (
        "it was disposable by its tags when the plan was made, and is not now"
        if planned.disposable
        else "its data was safe when the plan was made"
    )
    return f"{was}: {reason}; this loss is not approved"
