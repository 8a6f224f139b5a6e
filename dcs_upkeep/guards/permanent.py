"""Guards whose answer does not change with the hour: what passes them is what a digest covers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from dcs_upkeep.domain.actions import RULES, Action
from dcs_upkeep.domain.model import Instance
from dcs_upkeep.domain.problems import plain, shorten
from dcs_upkeep.guards.guard import Guard
from dcs_upkeep.guards.policy import Policy


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """One instance that a request means. No clock: a permanent guard must give the same answer at every hour."""

    instance_id: str
    instance: Instance | None  # None: DCS does not list it
    policy: Policy

    @property
    def listed(self) -> Instance:
        """The instance. Raises LookupError if there is none: `found` is asked first, so whoever gets here must refuse as well."""
        if self.instance is None:
            raise LookupError(self.instance_id)
        return self.instance


def found(instance_id: str, instance: Instance | None) -> str | None:
    """Whether DCS lists the instance in this region and project."""
    return None if instance is not None else f"DCS lists no instance {shorten(instance_id)} in this region and project"


FOUND: Guard[InstanceFacts] = Guard(
    name="found",
    permanent=True,
    setting="`UPKEEP_REGION`, `UPKEEP_PROJECT_ID`",
    default="on",
    refuses_when="DCS does not list the instance in this region and project",
    how_to_lift="Correct the ID, or the region or project of the function",
    check=lambda facts: found(facts.instance_id, facts.instance),
)


def engine(action: Action, instance: Instance) -> str | None:
    """Flush, stop and start need Redis 4.0 or later (RestartOrFlushInstances); restarts take every engine."""
    if not RULES[action].needs_redis_4:
        return None
    needed = f"{action} requires Redis 4.0 or later"
    if not instance.engine.strip():
        return f"{needed}, and the answer of DCS does not name the engine"
    if instance.engine.strip().casefold() != "redis":
        return f"{needed}, and the engine is {shorten(instance.engine)}"
    if not instance.engine_version.strip():
        return f"{needed}, and the answer of DCS does not name the version"
    version = re.fullmatch(r"(\d{1,4})(?:\.\d{1,6})*", instance.engine_version.strip(), re.ASCII)
    if not version:
        return f"{needed}, and the version {shorten(instance.engine_version)} cannot be read"
    return f"{needed}, and this is {version[0]}" if int(version[1]) < 4 else None


ENGINE: Guard[InstanceFacts] = Guard(
    name="engine",
    permanent=True,
    setting="-",
    default="on",
    refuses_when="the action is `flush`, `stop` or `start`, and the engine is not Redis, older than 4.0, or its version cannot be read",
    how_to_lift="Not possible: DCS does not support it; `restart` and `soft_restart` work with every engine, Memcached included",
    check=lambda facts: engine(facts.policy.action, facts.listed),
)


def protected(tags: Mapping[str, str] | None, pairs: Iterable[tuple[str, str]]) -> str | None:
    """Whether a tag of the operator's puts the instance out of reach. A value `*` stands for any.

    Letter case and outer spaces do not count: `Upkeep=Never` was meant to protect, and a mistaken refusal is soon undone.
    `tags` None: DCS did not tell them, so nobody knows.
    """
    if tags is None:
        return "whether a tag protects it cannot be told: the answer of DCS has no tags of this instance that can be read"
    for key, value in tags.items():
        for wanted_key, wanted in pairs:
            if plain(key) == plain(wanted_key) and (wanted == "*" or plain(value) == plain(wanted)):
                return f"it is protected by its tag {shorten(f'{key}={value}')}"
    return None


PROTECTED: Guard[InstanceFacts] = Guard(
    name="protected",
    permanent=True,
    setting="`UPKEEP_PROTECTED_TAGS`",
    default="`upkeep=never`",
    refuses_when="the instance has the tag `upkeep=never`, or any of the setting's; a value `*` means any value, letter case is ignored. "
    "Also if the answer of DCS has no field `tags`: then nobody knows",
    how_to_lift="Remove the tag from the instance, or your pair from the setting; where DCS told no tags, send the event again later",
    check=lambda facts: protected(facts.listed.tags, facts.policy.protected_tags),
)

GUARDS: Final = (FOUND, ENGINE, PROTECTED)  # in the order in which they are asked
