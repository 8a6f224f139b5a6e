"""How a plan is cut into waves, and how many failures it bears. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from dcs_upkeep.domain.model import Instance
from dcs_upkeep.domain.request import Request

DEFAULT_CANARY = 1
DEFAULT_WAVE_SIZE = 50


def make_waves(targets: Sequence[Instance], request: Request) -> tuple[tuple[str, ...], ...]:
    """Split targets into waves small enough to fail safely.

    n targets -> tuple of waves of IDs; order kept as far as `spread_by` lets it, no ID lost or doubled. Without
    watching there is one wave: nothing would be learnt between two.
    """
    if not targets:
        return ()
    if request.watch is False:
        return (tuple(instance.instance_id for instance in targets),)
    rollout = request.rollout
    canary = DEFAULT_CANARY if rollout.canary is None else rollout.canary
    size = DEFAULT_WAVE_SIZE if rollout.wave_size is None else rollout.wave_size
    waves: list[tuple[str, ...]] = []
    rest = list(targets)
    while rest:
        room = canary if canary and not waves else size
        wave = _take(rest, min(room, size) if canary and not waves else room, rollout.spread_by)
        taken = set(wave)
        rest = [instance for instance in rest if instance.instance_id not in taken]
        waves.append(wave)
    return tuple(waves)


def _take(rest: Sequence[Instance], room: int, spread_by: str | None) -> tuple[str, ...]:
    """The next wave: the first `room` instances, no two of them with one value of the tag `spread_by`.

    Instances without the tag count as having one value in common: whether they belong together cannot be told.
    """
    if spread_by is None:
        return tuple(instance.instance_id for instance in rest[:room])
    wave: list[str] = []
    values: set[str | None] = set()
    for instance in rest:
        value = (instance.tags or {}).get(spread_by)
        if len(wave) < room and value not in values:
            values.add(value)
            wave.append(instance.instance_id)
    return tuple(wave)


def failure_budget(max_failures: int | str, planned: int) -> int:
    """A count, or a share of the whole plan such as "5%", rounded down: 5% of 39 instances is 1."""
    if isinstance(max_failures, int):
        return max_failures
    return int(Fraction(max_failures.rstrip("%")) * planned / 100)
