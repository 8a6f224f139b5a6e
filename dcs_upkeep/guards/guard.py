"""What a guard is, and how it is asked: one that cannot decide refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, ParamSpec

from dcs_upkeep.domain.model import Verdict


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard as its reader sees it. `name` is fixed: it stands in reports and logs.

    `permanent`: the guard shapes the digest; the others may only shrink what was approved. `setting`: the setting, the
    request's field or the tag that steers it; `-` where nothing does.
    """

    name: str
    permanent: bool
    setting: str
    default: str
    refuses_when: str
    how_to_lift: str


P = ParamSpec("P")


class Unreadable(Enum):
    """Stands for what was asked for and could not be read, which is not the same as there being nothing."""

    UNREADABLE = "unreadable"


UNREADABLE: Final = Unreadable.UNREADABLE


def ask(guard: str, decide: Callable[P, Verdict], *args: P.args, **kwargs: P.kwargs) -> Verdict:
    """Ask a guard; one that raises refuses, naming itself and the type of what it raised."""
    try:
        verdict = decide(*args, **kwargs)
    except Exception as err:  # whatever it is: an undecided guard must not let anything through
        return Verdict(False, guard, f"the guard {guard} failed with {type(err).__name__}, and what cannot be decided is refused")
    if type(verdict) is not Verdict:  # a guard written wrong, which the types alone do not stop
        return Verdict(False, guard, f"the guard {guard} gave no verdict, and what cannot be decided is refused")
    return verdict
