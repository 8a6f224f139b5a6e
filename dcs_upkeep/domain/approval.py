"""What a person was shown and may approve: a plan's digest, and the showing, which is the record of one time that it was shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from dcs_upkeep.domain.actions import Action, LossClass
from dcs_upkeep.domain.model import Plan

FORM: Final = "v2:"  # of a digest
SHOWING_CHARS: Final = 10
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
# Digests of the first form are taken in so that a guard can say what to do about them.
APPROVE_PATTERN: Final = rf"^(v1:[0-9a-f]{{64}}|{FORM}[0-9a-f]{{64}}(\.[a-z0-9]{{{SHOWING_CHARS}}})?)$"


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """One showing: what was shown, to whom (`by`: who asked for it), and when. `at`: seconds since 1970.

    `about`: what the digest says beside the instances; `classes`: instance ID -> class. `used_by`: the run that it has started.
    """

    about: Mapping[str, str]
    classes: Mapping[str, LossClass]
    at: float
    by: str = ""
    used_by: str | None = None


def make_about(action: Action, region: str, project_id: str, backup: str) -> dict[str, str]:
    """What an approval is bound to beside the instances and their classes."""
    return {"action": action.value, "region": region, "project_id": project_id, "backup": backup}


def split_approval(approve: str) -> tuple[str, str | None]:
    """(digest, showing) of the field `approve`; the showing is None where it stands for the digest alone."""
    digest, _, showing = approve.partition(".")
    return digest, showing or None


def approval_of(plan: Plan) -> str | None:
    """What `approve` has to hold to approve exactly this plan; None if nothing can, since no showing of it is on record.

    Nor can anything if something of it could not be read: then it has no digest.
    """
    if plan.showing is not None:
        return f"{plan.digest}.{plan.showing}"
    return None if plan.needs_showing or not plan.digest else plan.digest


def new_showing(random: Callable[[], float]) -> str:
    """An id that nobody can guess, so that only those who were shown the plan can approve it."""
    return "".join(_ALPHABET[int(random() * len(_ALPHABET))] for _ in range(SHOWING_CHARS))
