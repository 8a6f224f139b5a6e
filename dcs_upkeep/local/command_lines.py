"""Commands as a person can copy them."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from dcs_upkeep.local.options import PLANS

NAME = "dcs-upkeep"


def program() -> str:
    """As this one was called: by its name, or as a module."""
    return NAME if Path(sys.argv[0]).stem == NAME else f"python -m {NAME.replace('-', '_')}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where `run` and `plan` work, in the words of their options."""

    cloud: bool = False
    journal: str | None = None
    plans: Path = PLANS
    fleet: Path | None = None
    instances: int = 24
    time_scale: float = 60.0

    def command(self, name: str, *words: str) -> str:
        """The command with these words, for the same place."""
        options = {
            "--journal": self.journal,
            "--plans": str(self.plans) if self.plans != PLANS else None,
            "--fleet": str(self.fleet) if self.fleet else None,
            "--instances": str(self.instances) if self.instances != 24 and not self.cloud and not self.fleet else None,
            "--time-scale": f"{self.time_scale:g}" if self.time_scale != 60.0 and not self.cloud else None,
        }
        told = [part for option, value in options.items() if value is not None for part in (option, value)]
        return f"{program()} {shlex.join([name, *words, *(['--cloud'] if self.cloud else []), *told])}"
