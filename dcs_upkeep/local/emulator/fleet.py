"""The instances: their data, and how the list and the show answers spell them."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from .jsonfile import check_fields, make_all

TAGS_SHOWN = ("list", "null", "absent")
GRANTED = ("yes", "read", "403", "404")


@dataclass
class Change:
    """A state that passes: of an accepted `action`, or (None) set from outside.

    A reader sees `busy` from `busy_from` to `busy_until`, then ERROR until `over_at`, then `ends_in`; at `gone_at` the
    instance is deleted, whatever it was doing.
    """

    action: str | None
    accepted_at: float
    busy: str
    busy_from: float
    busy_until: float
    over_at: float
    ends_in: str
    gone_at: float | None = None
    loses_data: bool = False

    def status_at(self, now: float) -> str | None:
        """What a reader sees, None while the old state still shows."""
        if now < self.busy_from:
            return None
        return self.busy if now < self.busy_until or self.ends_in == "stuck" else "ERROR"


@dataclass
class Instance:
    """One DCS instance and its temper.

    `busy_s`: seconds in the busy state (half of it for soft_restart). `lag_s`: seconds between the accepted PUT and the
    busy state showing, during which the old state is still read. `ends_in`: the state after the next actions instead
    of the usual one, e.g. "ERROR"; "stuck" never leaves the busy state. `flap_s`: seconds in ERROR between the busy
    state and the end state. `gone_after_s`: the instance is deleted so long after an action is accepted.
    `status_s`: the status it comes with (CLOSING, STARTING, EXTENDING ...) passes after so many seconds, into
    `status_then` (default CLOSED after CLOSING, RUNNING after all others).
    `task_s`, `task_tail_s`: `task` of its show is not null for so long after it enters the fleet, and during an action
    and for so long after its end, while the status says RUNNING.
    `tags_shown`: "list", or "null" or "absent" in list and show. `granted`: whether the caller's enterprise projects
    hold it: "yes", "read" (a PUT that names it is 403), "403" or "404" (that, and so is each look; no list has it).
    `flavor_listed` False: its spec code is missing from the flavors. `keys` and `used_memory` (MB) fall to 0 where data
    are lost, once that shows. `appendonly` None: the parameter is missing from the configs.
    Times are seconds of the emulator's clock; None is set by the emulator on entry.
    """

    instance_id: str
    name: str
    status: str = "RUNNING"
    engine: str = "Redis"
    engine_version: str = "5.0"
    cache_mode: str = "ha"
    product_type: str = "generic"
    replica_count: int = 2
    sharding_count: int = 1
    spec_code: str = ""
    capacity: int = 1
    ip: str = "192.168.0.10"
    port: int = 6379
    tags: dict[str, str] = field(default_factory=dict)
    tags_shown: str = "list"
    granted: str = "yes"
    flavor_listed: bool = True
    appendonly: str | None = "yes"
    keys: int = 1000
    used_memory: int = 7
    maintain_begin: str = "18:00:00"
    maintain_end: str = "19:00:00"
    description: str = ""
    enterprise_project_id: str = "0"
    charging_mode: int = 0
    sub_status: str = "normal"
    busy_s: float = 30.0
    lag_s: float = 1.0
    ends_in: str | None = None
    flap_s: float = 0.0
    gone_after_s: float | None = None
    status_s: float | None = None
    status_then: str | None = None
    task_s: float = 0.0
    task_tail_s: float = 0.0
    tasks: list[dict[str, object]] = field(default_factory=list)
    data_alive: bool = True
    created_at: float | None = None
    launched_at: float | None = None
    updated_at: float | None = None
    task_until: float | None = None
    change: Change | None = None

    def __post_init__(self) -> None:
        if not self.spec_code:
            self.spec_code = self.usual_spec_code()
        self.check()

    def check(self) -> None:
        """Refuse words that nothing here knows."""
        for name, known in (("tags_shown", TAGS_SHOWN), ("granted", GRANTED)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {getattr(self, name)!r}")

    def usual_spec_code(self) -> str:
        """A spec code that says mode, replicas and size, as the real ones do."""
        replicas = "" if self.cache_mode == "single" else f"r{self.replica_count}."
        return f"redis.{self.cache_mode}.xu1.large.{replicas}{self.capacity}"

    def loses_data_on(self, action: str) -> bool:
        """Whether this action wipes the cache here: the rule of the DCS user guide, and the harsher reading of it."""
        if action == "start":
            return False
        lone_copy = self.cache_mode == "single" or (self.cache_mode == "cluster" and self.replica_count <= 1)
        return action == "flush" or lone_copy or self.appendonly != "yes"

    def copy(self) -> Instance:
        """A snapshot that later requests do not move."""
        twin = copy(self)
        twin.tags, twin.tasks, twin.change = dict(self.tags), list(self.tasks), copy(self.change)
        return twin


def make_fleet(
    count: int,
    *,
    tags: Mapping[str, str] | None = None,
    prefix: str = "cache-",
    seed: int = 1,
    **common: Any,
) -> list[Instance]:
    """Make a fleet of healthy master/standby instances, the same for the same arguments.

    Shape: names `<prefix>001`...; every third one is Redis 6.0. `common` sets any Instance field on all of them.
    """
    chance = random.Random(seed)
    fleet = []
    for number in range(1, count + 1):
        fields_of_one: dict[str, Any] = {
            "instance_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "name": f"{prefix}{number:03d}",
            "engine_version": "6.0" if number % 3 == 0 else "5.0",
            "ip": f"192.168.{number // 250}.{number % 250 + 1}",
            **common,
            "tags": dict(tags or {}),
        }
        fleet.append(Instance(**fields_of_one))
    return fleet


def read_fleet(document: object) -> list[Instance]:
    """Make instances from JSON: a list of them, or `{"count": 24, "tags": {...}}`.

    Raises: ValueError that says where.
    """
    if isinstance(document, Mapping):
        count = document.get("count")
        if isinstance(count, bool) or not isinstance(count, int):
            raise ValueError("an object needs a whole number 'count'")
        check_fields(Instance, document, "the object", extra=("count", "prefix", "seed"))
        return make_fleet(**document)
    if not isinstance(document, list):
        raise ValueError("expected a list of instances, or an object with 'count'")
    return make_all(Instance, document, {"instance_id", "name"})


def read_changes(document: object) -> list[tuple[float, str, dict[str, Any]]]:
    """Make (seconds, instance ID, changed fields) from a JSON list of `{"at_s": 60, "instance_id": ..., "tags": {...}}`.

    Raises: ValueError that says where.
    """
    if not isinstance(document, list):
        raise ValueError("expected a list of changes")
    changes = []
    for place, item in enumerate(document):
        at_s = item.get("at_s") if isinstance(item, Mapping) else None
        if isinstance(at_s, bool) or not isinstance(at_s, (int, float)) or "instance_id" not in item:
            raise ValueError(f"[{place}] must be an object with a number at_s, and instance_id")
        changed = {name: value for name, value in item.items() if name != "at_s"}
        make_all(Instance, [{"name": "", **changed}], {"instance_id", "name"}, first=place)  # its words are checked now
        del changed["instance_id"]
        changes.append((float(at_s), str(item["instance_id"]), changed))
    return changes
