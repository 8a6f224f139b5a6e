"""One simulation as plain data: what a seed makes, what a failing one is shrunk to, and what `--replay` reads.

Times are seconds since the beginning. Everything that may go wrong is one item of a list, so that it can be left out.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

BASE = 1_767_582_000.0  # Monday 2026-01-05, 03:00 UTC


@dataclass
class Scenario:
    """`functions`: name, project and settings of each. `fleet`: the instances. `events`: what comes when. `faults`: see faults.py.

    `quota`: cloud calls that the account may make in five minutes; None for no end. `partial`: a batch refused for one
    instance has acted on those before it.
    """

    seed: int
    functions: list[dict[str, Any]] = field(default_factory=list)
    fleet: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    quota: int | None = None
    partial: bool = False
    journal: bool = True
    plans: str | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Scenario:
        return cls(**json.loads(text))

    def has(self, kind: str, **fields: Any) -> bool:
        """Whether a fault of this kind, with these fields, is on the list."""
        return any(one["kind"] == kind and all(one.get(key) == value for key, value in fields.items()) for one in self.faults)
