"""How the answers of the API spell an instance: in the list, alone, as a flavor, and in the statistics."""

from __future__ import annotations

from collections.abc import Callable

from .fleet import Instance

Iso = Callable[[float | None], str]


def list_item(one: Instance, iso: Iso) -> dict[str, object]:
    """An instance as `GET /instances` shows it: without cache_mode, replica_count and launched_at."""
    row: dict[str, object] = {
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
        "used_memory": one.used_memory,
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
    if one.tags_shown == "null":
        row["tags"] = None
    if one.tags_shown == "absent":
        del row["tags"]
    return row


def show_body(one: Instance, iso: Iso, now: float) -> dict[str, object]:
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
        task=task_of(one.instance_id) if has_task(one, now) else None,
    )
    return body


def has_task(one: Instance, now: float) -> bool:
    """Whether something is under way that the status need not show."""
    in_action = one.change is not None and one.change.action is not None and now >= one.change.busy_from
    return (one.task_tail_s > 0 and in_action) or now < (one.task_until or 0.0)


def task_of(instance_id: str) -> dict[str, object]:
    """Terraform waits for null and looks no deeper: the fields of a task are documented nowhere."""
    return {"id": f"task-{instance_id[:8]}", "name": "emulated", "status": "EXECUTING"}


def flavor_row(one: Instance) -> dict[str, object]:
    """The flavor of an instance as `GET /flavors` shows it."""
    return {
        "spec_code": one.spec_code,
        "cache_mode": one.cache_mode,
        "replica_count": one.replica_count,
        "engine": one.engine.lower(),
        "engine_version": one.engine_version,
        "product_type": one.product_type,
        "cpu_type": "x86_64",
        "storage_type": "DRAM",
        "capacity": [str(one.capacity)],
        "billing_mode": ["Hourly", "Monthly"],
        "tenant_ip_count": 2,
        "pricing_type": "tier",
        "is_dec": False,
        "attrs": [{"capacity": str(one.capacity), "name": "maxClients", "value": "10000"}],
        "flavors_available_zones": [
            {"capacity": str(one.capacity), "unit": "G", "available_zones": ["emulated-1a"], "az_codes": ["emulated-1a"]}
        ],
        "cloud_service_type_code": "hws.service.type.dcs",
        "cloud_resource_type_code": "hws.resource.type.dcs3",
    }


def statistics_row(one: Instance) -> dict[str, object]:
    """A running instance as `GET /instances/statistic` shows it."""
    return {
        "instance_id": one.instance_id,
        "keys": one.keys,
        "used_memory": one.used_memory,
        "max_memory": one.capacity * 1024,
        "cmd_get_count": 0,
        "cmd_set_count": 0,
        "input_kbps": "0.0",
        "output_kbps": "0.0",
        "used_cpu": "0.0",
    }
