"""Every guard, as docs/refusals.md lists them: `make readme` writes its table from here."""

from __future__ import annotations

from typing import Never

from dcs_upkeep.guards import before_reading, carry_on, current, per_call, permanent, whole_plan
from dcs_upkeep.guards.guard import Guard

# No function decides these: the run itself pronounces them, from what the cloud answered.
_PRONOUNCED: tuple[Guard[Never], ...] = (
    Guard(
        name="backup",
        setting="`backup`",
        default="none",
        refuses_when="`backup` is `before`, the instance would lose its data, and its backup failed, is impossible or did not end in time",
        how_to_lift="Fix what the reason names, or leave the field out and approve the loss",
        check=None,
    ),
    Guard(
        name="request",
        setting="-",
        default="on",
        refuses_when="DCS refuses the request itself, as a region does that does not support `stop` and `start`; the run stops there",
        how_to_lift="Not possible if the region does not support the action; otherwise correct the project or the action",
        check=None,
    ),
)

# Nobody can ask a guard without knowing what it judges, so the subject of a sum of them all is Never.
GUARDS: tuple[Guard[Never], ...] = (
    *before_reading.GUARDS,
    *permanent.GUARDS,
    *current.GUARDS,
    *current.LOCK_GUARDS,
    *per_call.GUARDS,
    *whole_plan.GUARDS,
    *carry_on.GUARDS,
    *_PRONOUNCED,
)
