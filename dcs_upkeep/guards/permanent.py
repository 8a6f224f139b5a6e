"""Guards whose answer does not change with the hour: what passes them is what a digest covers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from dcs_upkeep.domain.actions import RULES, Action
from dcs_upkeep.domain.model import Instance, Verdict
from dcs_upkeep.domain.problems import plain, shorten

# --- permanent guards: what passes them is what a digest covers --------------------------------------------------


def found(instance_id: str, instance: Instance | None) -> Verdict:
    """Whether DCS lists the instance in this region and project."""
    if instance is not None:
        return Verdict(True, "found")
    return Verdict(False, "found", f"no instance {shorten(instance_id)} in this region and project")


def engine(action: Action, instance: Instance) -> Verdict:
    """Flush, stop and start need Redis 4.0 or later (RestartOrFlushInstances); restarts take every engine."""
    if not RULES[action].needs_redis_4:
        return Verdict(True, "engine")
    if instance.engine.strip().casefold() != "redis":
        return Verdict(False, "engine", f"{action} needs Redis 4.0 or later, and the engine is {shorten(instance.engine)}")
    version = re.fullmatch(r"(\d{1,4})(?:\.\d{1,6})*", instance.engine_version.strip(), re.ASCII)
    if not version:
        shown = shorten(instance.engine_version)
        return Verdict(False, "engine", f"{action} needs Redis 4.0 or later, and the version {shown} cannot be read")
    if int(version[1]) < 4:
        return Verdict(False, "engine", f"{action} needs Redis 4.0 or later, and this is {version[0]}")
    return Verdict(True, "engine")


def protected(tags: Mapping[str, str], pairs: Iterable[tuple[str, str]]) -> Verdict:
    """Whether a tag of the operator's puts the instance out of reach. A value `*` stands for any.

    Letter case and outer spaces do not count: `Upkeep=Never` was meant to protect, and a mistaken refusal is soon undone.
    """
    for key, value in tags.items():
        for wanted_key, wanted in pairs:
            if plain(key) == plain(wanted_key) and (wanted == "*" or plain(value) == plain(wanted)):
                return Verdict(False, "protected", f"the tag {shorten(f'{key}={value}')} protects it")
    return Verdict(True, "protected")
