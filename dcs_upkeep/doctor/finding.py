"""What `doctor` found: one line each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """`ok`: fine. `look`: it works, or nobody can tell, and a person should know. `fail`: it will not work."""

    state: Literal["ok", "look", "fail"]
    what: str
    said: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.state:<5} {self.what}: {self.said}" + (f". {self.fix}" if self.fix else "")

    def as_json(self) -> dict[str, str]:
        """Its fields."""
        return asdict(self)
