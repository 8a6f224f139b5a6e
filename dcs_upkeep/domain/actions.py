"""What can be done to an instance: one row per action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Action(StrEnum):
    """What can be done to an instance. Source: RestartOrFlushInstances, PUT /v2/{project_id}/instances/status."""

    RESTART = "restart"
    SOFT_RESTART = "soft_restart"
    FLUSH = "flush"
    STOP = "stop"
    START = "start"


@dataclass(frozen=True, slots=True)
class ActionRule:
    """How one action shows itself in an instance's status, and from where it may begin."""

    busy: str
    end: str
    allowed_from: frozenset[str]
    skipped_on: str | None
    needs_redis_4: bool


# Needed states: DCS user guide (restart: Running or Faulty; flush: Running; start: Stopped). soft_restart's own rule is
# documented nowhere, so it takes the narrower one. Redis 4.0 for flush, stop and start: the API's page.
RULES: Mapping[Action, ActionRule] = MappingProxyType(
    {
        Action.RESTART: ActionRule("RESTARTING", "RUNNING", frozenset({"RUNNING", "ERROR"}), None, False),
        Action.SOFT_RESTART: ActionRule("RESTARTING", "RUNNING", frozenset({"RUNNING"}), None, False),
        Action.FLUSH: ActionRule("FLUSHING", "RUNNING", frozenset({"RUNNING"}), None, True),
        Action.STOP: ActionRule("CLOSING", "CLOSED", frozenset({"RUNNING"}), "CLOSED", True),
        Action.START: ActionRule("STARTING", "RUNNING", frozenset({"CLOSED"}), "RUNNING", True),
    }
)
# States that end by themselves: an instance in one of them may be waited for. The full list stands on the Chinese page only.
TRANSIENT_STATES = frozenset(
    {
        "CREATING",
        "RESTARTING",
        "EXTENDING",
        "RESTORING",
        "FLUSHING",
        "CLOSING",
        "STARTING",
        "UPGRADING",
        "ROLLBACKING",
        "IPEXCHANGING",
        "MIGRATING",
    }
)
