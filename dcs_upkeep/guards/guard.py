"""What a guard is, and how it is asked: one that cannot decide refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Generic, ParamSpec, TypeVar

from dcs_upkeep.domain.model import Verdict

S_contra = TypeVar("S_contra", contravariant=True)  # what a guard judges
P = ParamSpec("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard(Generic[S_contra]):
    """One guard: its row in docs/refusals.md, and its check. `name` is fixed: it stands in reports and logs.

    `permanent`: the guard shapes the digest; the others may only shrink what was approved. `setting`: the setting, request field
    or tag that controls it; `-` if there is none. `check`: the reason to refuse this subject, or None; a guard without a check is
    pronounced by the run itself.
    """

    name: str
    permanent: bool = False
    setting: str
    default: str
    refuses_when: str
    how_to_lift: str
    check: Callable[[S_contra], str | None] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanGuard(Guard[S_contra]):
    """A guard that refuses a plan whole.

    `next`: what the report then tells the reader to do. `only_told_in_dry_run`: a dry run says in its notes that the plan would be
    refused, and goes on. A dry run is how the digest is obtained, by day, with nothing at stake.
    """

    next: str | Callable[[S_contra], str]
    only_told_in_dry_run: bool = False


class Unreadable(Enum):
    """Stands for what was asked for and could not be read, which is not the same as there being nothing."""

    UNREADABLE = "unreadable"


UNREADABLE: Final = Unreadable.UNREADABLE


def ask(guard: str, decide: Callable[P, str | None], *args: P.args, **kwargs: P.kwargs) -> Verdict:
    """Ask a guard for its reason to refuse. One that raises, or gives anything but a reason or None, refuses in its own name."""
    try:
        reason: object = decide(*args, **kwargs)
    except Exception as err:  # whatever it is: an undecided guard must not let anything through
        return Verdict(False, guard, f"the guard {guard} failed with {type(err).__name__}, and a guard that cannot decide refuses")
    if reason is None:
        return Verdict(True, guard)
    if not isinstance(reason, str) or not reason.strip():  # a guard written wrong, which the types alone do not stop
        return Verdict(False, guard, f"the guard {guard} gave no reason, and a guard that cannot decide refuses")
    return Verdict(False, guard, reason)
