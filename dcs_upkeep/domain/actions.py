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


class DataLoss(StrEnum):
    """Whether an action clears the data of an instance."""

    ALWAYS = "always"
    NEVER = "never"  # whatever a stop destroyed is gone before the start
    DEPENDS = "depends"  # on the instance: single node, single replica, appendonly=no


class LossClass(StrEnum):
    """What an approval knows of one instance: whether the action clears its data, and if so whether a tag says that it may."""

    KEEPS = "keeps"
    LOSES = "loses"  # or nobody could tell
    DISPOSABLE = "disposable"


class Sign(StrEnum):
    """What proves, after a lost answer, that an action has reached an instance. `updated_at` is none: a tag edit moves it."""

    BUSY = "busy"  # the action's own busy state
    LAUNCHED_AT = "launched_at"  # it differs from the one read just before sending
    END = "end"  # the action's own end state, which the instance did not have before


@dataclass(frozen=True, slots=True)
class ActionRule:
    """One action: how it shows itself in an instance's status, from where it may begin, and what it may cost.

    `skipped_on`: the status in which there is nothing to do. `waits_for`: statuses that lead by themselves to where the action may begin,
    so that an instance in one is waited for and not refused: the morning's start may meet the end of the evening's stop.
    `again_after_refusal`: whether an ID that the API has refused (400, 404)
    may be sent again once a reading shows that it was not acted on. `needs_journal_on_host`: a repeated delivery would do harm.
    """

    busy: str
    end: str
    allowed_from: frozenset[str]
    skipped_on: str | None
    needs_redis_4: bool
    data_loss: DataLoss
    evidence: frozenset[Sign]
    again_after_refusal: bool = True
    waits_for: frozenset[str] = frozenset()
    needs_journal_on_host: bool = False


_RESTARTED, _MOVED = frozenset({Sign.BUSY, Sign.LAUNCHED_AT}), frozenset({Sign.BUSY, Sign.END})
# Needed states: DCS user guide (restart: Running or Faulty; flush: Running; start: Stopped). soft_restart's own rule is
# documented nowhere, so it takes the narrower one. Redis 4.0 for flush, stop and start: the API's page.
RULES: Mapping[Action, ActionRule] = MappingProxyType(
    {
        Action.RESTART: ActionRule("RESTARTING", "RUNNING", frozenset({"RUNNING", "ERROR"}), None, False, DataLoss.DEPENDS, _RESTARTED),
        Action.SOFT_RESTART: ActionRule("RESTARTING", "RUNNING", frozenset({"RUNNING"}), None, False, DataLoss.DEPENDS, _RESTARTED),
        Action.FLUSH: ActionRule(
            "FLUSHING",
            "RUNNING",
            frozenset({"RUNNING"}),
            None,
            True,
            DataLoss.ALWAYS,
            frozenset({Sign.BUSY}),
            again_after_refusal=False,
            needs_journal_on_host=True,
        ),
        Action.STOP: ActionRule(
            "CLOSING", "CLOSED", frozenset({"RUNNING"}), "CLOSED", True, DataLoss.DEPENDS, _MOVED, waits_for=frozenset({"STARTING"})
        ),
        Action.START: ActionRule(
            "STARTING", "RUNNING", frozenset({"CLOSED"}), "RUNNING", True, DataLoss.NEVER, _MOVED, waits_for=frozenset({"CLOSING"})
        ),
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
