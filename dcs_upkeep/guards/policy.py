"""What request and settings ask of the guards, made once per run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import ShownPlan, Verdict, WindowRule
from dcs_upkeep.domain.request import Request
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.domain.time_windows import Blackout

Firing = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Policy:
    """What request and settings allow, apart from any one instance. Made once per run, used before every wave."""

    action: Action
    protected_tags: tuple[tuple[str, str], ...]
    disposable_tags: tuple[tuple[str, str], ...]
    window: WindowRule | None
    defers: bool
    blackouts: tuple[Blackout, ...]
    respect_maintenance_window: bool


def make_policy(request: Request, settings: Settings) -> Policy:
    """Gather what the guards need from request and settings."""
    window = request.window
    return Policy(
        action=action_of(request),
        protected_tags=settings.protected_tags,
        disposable_tags=settings.disposable_tags,
        window=WindowRule(window.days, window.start, window.end, window.timezone) if window else None,
        defers=window is not None and window.on_miss == "defer",
        blackouts=settings.blackout,
        respect_maintenance_window=request.respect_maintenance_window,
    )


def action_of(request: Request) -> Action:
    """The action of a request that has one; a named plan has been replaced by its reviewed request before."""
    if request.action is None:
        raise ValueError("a request that names a plan has no action of its own")
    return request.action


Classified = Mapping[str, tuple[bool | None, str]]


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What the shell found out for the plan, beside the fleet.

    `classified`: instance ID -> (whether the action loses its data or None, why), for those that `to_classify` names.
    `firing`: instance ID -> alarm id -> name; None where the veto is off. `approved`: the plan that `approve` names, if on record.
    """

    project_id: str
    journalled: bool = False
    on_host: bool = False
    halt: Verdict = field(default_factory=lambda: Verdict(True, "halt"))
    classified: Classified = field(default_factory=dict)
    firing: Firing | None = None
    triggered_by: str | None = None
    approved: ShownPlan | None = None
