"""What request and settings ask of the guards, made once per run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import WindowRule
from dcs_upkeep.domain.request import Request
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.domain.time_windows import Blackout

Firing = Mapping[str, Mapping[str, str]]  # instance ID -> alarm id -> the alarm's name

ALWAYS_PROTECTED = ("upkeep", "never")  # whatever the settings say: whoever tags an instance may not know them


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
        protected_tags=tuple(dict.fromkeys((ALWAYS_PROTECTED, *settings.protected_tags))),
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
