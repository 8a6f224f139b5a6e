"""The instances: their data, and how the list and the show answers spell them."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from .jsonfile import check_fields, make_all


@dataclass
class Change:
    """An accepted action under way: `busy` is what a reader sees from `busy_from` to `busy_until`."""

    action: str
    accepted_at: float
    busy: str
    busy_from: float
    busy_until: float
    ends_in: str


@dataclass
class Instance:
    """One DCS instance and its temper.

    `busy_s`: seconds in the busy state (half of it for soft_restart). `lag_s`: seconds between the accepted PUT and the
    busy state showing, during which the old state is still read. `ends_in`: the state after the next actions instead
    of the usual one, e.g. "ERROR"; "stuck" never leaves the busy state. `appendonly` None: the parameter is missing
    from the configs. Times are seconds of the emulator's clock; None is set by the emulator on entry.
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
    appendonly: str | None = "yes"
    maintain_begin: str = "18:00:00"
    maintain_end: str = "19:00:00"
    description: str = ""
    enterprise_project_id: str = "0"
    charging_mode: int = 0
    sub_status: str = "normal"
    busy_s: float = 30.0
    lag_s: float = 1.0
    ends_in: str | None = None
    tasks: list[dict[str, object]] = field(default_factory=list)
    data_alive: bool = True
    created_at: float | None = None
    launched_at: float | None = None
    updated_at: float | None = None
    change: Change | None = None

    def __post_init__(self) -> None:
        if not self.spec_code:
            self.spec_code = f"redis.{self.cache_mode}.xu1.large.{self.capacity}"

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


def list_item(one: Instance, iso: Callable[[float | None], str]) -> dict[str, object]:
    """An instance as `GET /instances` shows it: without cache_mode, replica_count and launched_at."""
    return {
        "instance_id": one.instance_id,
        "name": one.name,
        "status": one.status,
        "sub_status": one.sub_status,
        "engine": one.engine,
        "engine_version": one.engine_version,
        "spec_code": one.spec_code,
        "capacity": one.capacity,
        "capacity_minor": "",
        "max_memory": one.capacity * 1024,
        "used_memory": 7 if one.data_alive else 0,
        "ip": one.ip,
        "port": one.port,
        "domain_name": f"redis-{one.instance_id[:8]}.dcs.example.com",
        "readonly_domain_name": "",
        "access_user": "",
        "no_password_access": "true",
        "enable_ssl": False,
        "enable_publicip": False,
        "publicip_id": None,
        "publicip_address": None,
        "vpc_id": "5c2b2d5c-0000-4000-8000-000000000001",
        "vpc_name": "vpc-emulated",
        "subnet_id": "5c2b2d5c-0000-4000-8000-000000000002",
        "security_group_id": "securityGroupId",
        "charging_mode": one.charging_mode,
        "order_id": "",
        "user_id": "00000000000000000000000000000001",
        "user_name": "emulated",
        "service_upgrade": False,
        "service_task_id": "",
        "maintain_begin": one.maintain_begin,
        "maintain_end": one.maintain_end,
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
        "tags": [{"key": key, "value": value} for key, value in one.tags.items()],
        "enterprise_project_id": one.enterprise_project_id,
        "description": one.description,
        "cpu_type": "x86_64",
        "az_codes": ["emulated-1a", "emulated-1b"],
        "features": {"support_acl": True, "support_transparent_client_ip": False, "support_ssl": True},
    }


def show_body(one: Instance, iso: Callable[[float | None], str]) -> dict[str, object]:
    """An instance as `GET /instances/{id}` shows it. `updated_at` is spelled `update_at` there."""
    body = list_item(one, iso)
    # ShowInstanceResponse of the SDK has update_at and no updated_at.
    body["update_at"] = body.pop("updated_at")
    body.update(
        cache_mode=one.cache_mode,
        product_type=one.product_type,
        storage_type="DRAM",
        replica_count=one.replica_count,
        sharding_count=one.sharding_count,
        db_number=256,
        launched_at=iso(one.launched_at),
        security_group_name="default",
        subnet_name="subnet-emulated",
        subnet_cidr="192.168.0.0/16",
        enterprise_project_name="default",
        available_zones=["5c2b2d5c000040008000000000000003"],
        cloud_service_type_code="hws.service.type.dcs",
        cloud_resource_type_code="hws.resource.type.dcs3",
        inquery_spec_code=one.spec_code,
    )
    return body
