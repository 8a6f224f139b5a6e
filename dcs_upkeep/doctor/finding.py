"""What `doctor` found: one line each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from dcs_upkeep.domain.errors import SettingsError, UpkeepError

State = Literal["ok", "look", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`ok`: fine. `look`: it works, or nobody can tell, and a person should know. `fail`: it will not work."""

    state: State
    what: str
    said: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.state:<5} {self.what}: {self.said}" + (f". {self.fix}" if self.fix else "")

    def as_json(self) -> dict[str, str]:
        """Its fields."""
        return asdict(self)


def not_checked(what: str, why: str, fix: str) -> Finding:
    """What was left out says nothing either way."""
    return Finding("look", what, f"not checked: {why}", fix)


def failed(what: str, err: UpkeepError) -> Iterator[Finding]:
    """One line for each problem."""
    if isinstance(err, SettingsError):
        yield from (Finding("fail", problem.path or what, problem.what, problem.fix) for problem in err.problems)
    else:
        yield Finding("fail", what, str(err))
