"""What a simulation keeps of each PUT, invocation and message."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from tests.simulation import plug
from tests.simulation.scheduler import Process


@dataclass(eq=False)
class Put:
    """One status PUT that left. `refused_for`: status, code and busyness of a 400 that an instance caused; `answered`: the kind of answer."""

    number: int
    invocation: Invocation
    action: str
    ids: tuple[str, ...]
    at: float
    executed: tuple[str, ...] = ()
    refused_for: tuple[int, str, bool] | None = None
    answered: str | None = None


@dataclass(eq=False)
class Invocation:
    """One invocation of one function, and what came of it. `unread`: reads of DCS that failed in it."""

    name: str
    function: dict[str, Any]
    environ: dict[str, str]
    event: dict[str, Any]
    request_id: str
    process: Process
    rng: random.Random
    started_at: float
    kill_at: float
    retries: int
    ended_at: float | None = None
    answer: dict[str, Any] | None = None
    error: BaseException | None = None
    lines: list[tuple[float, str, str, dict[str, Any]]] = field(default_factory=list)
    unread: int = 0
    fleet_version: tuple[int, int] = (0, 0)
    # The ports.
    host: Any = None
    clock: Any = None
    log: Any = None
    dcs: Any = None
    backups: Any = None
    journal: Any = None
    topics: Any = ()
    plans: str | None = None
    stop: Any = field(default_factory=plug.stop_request)
    by_person: bool = False  # a person goes on with a run
    by_self: bool = False  # a function that is told so called itself: on a laptop, where that stays in one process

    @property
    def random(self) -> Any:
        return self.rng.random

    @property
    def reports(self) -> list[dict[str, Any]]:
        """The reports that its caller got, returned or raised."""
        body = self.answer if self.answer is not None else plug.refusal_report(self.error) if self.error else None
        rows = body.get("runs", [body]) if body else []
        return [row for row in rows if isinstance(row, dict) and "run_id" in row and "status" in row and "instances" in row]


@dataclass
class Telling:
    """One message to one topic. `taken`: whether the topic has it."""

    at: float
    invocation: Invocation
    topic: str
    text: str
    taken: bool
