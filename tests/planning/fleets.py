"""Small fleets for the tests of planning."""

from __future__ import annotations

from typing import Any

from dcs_upkeep.domain.model import Instance


def instance(number: int, **changes: Any) -> Instance:
    one = f"00000000-0000-4000-8000-{number:012d}"
    return Instance(
        **{
            "instance_id": one,
            "name": f"cache-{number:03d}",
            "status": "RUNNING",
            "engine_version": "5.0",
            "tags": {"env": "prod"},
            **changes,
        }
    )


def fleet(*instances: Instance) -> dict[str, Instance]:
    return {one.instance_id: one for one in instances}
