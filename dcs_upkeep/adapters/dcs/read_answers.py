"""What the cloud answers to reads, turned into our data. Pure. Types are loose on the wire, so nothing is taken on trust."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dcs_upkeep.domain.model import Instance

PAGE = 1000  # the API's maximum; its default is 10


class UnreadableError(ValueError):
    """The answer is not what the API documents; its text says what it is instead."""


def body_of(content: object) -> Mapping[str, Any]:
    """The JSON object in an answer. Raises UnreadableError."""
    try:
        body = json.loads(content) if isinstance(content, str | bytes) else None
    except (ValueError, RecursionError):
        raise UnreadableError("the answer is no JSON") from None
    if not isinstance(body, dict):
        raise UnreadableError("the answer is no JSON object")
    return body


def page_of(content: object) -> tuple[list[Instance], int, int | None]:
    """One page of a list: its instances, its number of rows, and `instance_num`, None if that is no usable number.

    Raises: UnreadableError if there is no list; that must never read as an empty fleet.
    """
    body = body_of(content)
    rows = body.get("instances")
    if not isinstance(rows, list):
        raise UnreadableError("the answer holds no list of instances")
    instances = [one for row in rows if isinstance(row, dict) and (one := instance_of(row)) is not None]
    total = _number(body.get("instance_num"))
    return instances, len(rows), total


def shown(content: object, instance_id: str) -> Instance:
    """The instance of a `show` answer. Raises UnreadableError, also if it is another instance than the one asked for."""
    instance = instance_of(body_of(content))
    if instance is None or instance.instance_id != instance_id.lower():
        raise UnreadableError("the answer does not describe the instance that was asked for")
    return instance


def configurations_of(content: object) -> dict[str, str]:
    """Parameter name -> value, of a `configs` answer. Raises UnreadableError."""
    rows = body_of(content).get("redis_config")
    if not isinstance(rows, list):
        raise UnreadableError("the answer holds no list of parameters")
    named = [row for row in rows if isinstance(row, dict) and isinstance(row.get("param_name"), str) and row.get("param_value") is not None]
    return {row["param_name"]: _text(row["param_value"]) for row in named}


def instance_of(row: Mapping[str, Any]) -> Instance | None:
    """One instance of a list or a show answer; None if it has no ID, since nothing can be done with it."""
    instance_id = row.get("instance_id")
    if not isinstance(instance_id, str) or not instance_id:
        return None
    return Instance(
        instance_id=instance_id.lower(),
        name=_text(row.get("name")),
        status=_text(row.get("status")).upper(),
        engine=_text(row.get("engine")),
        engine_version=_text(row.get("engine_version")),
        tags=_tags(row["tags"]) if "tags" in row else None,
        spec_code=_text(row.get("spec_code")),
        # `show` spells it update_at (SDK 3.1.219, show_instance_response.py).
        updated_at=_known(row.get("updated_at") or row.get("update_at")),
        maintain_begin=_known(row.get("maintain_begin")),
        maintain_end=_known(row.get("maintain_end")),
        launched_at=_known(row.get("launched_at")),
        cache_mode=_known(row.get("cache_mode")),
        replica_count=_number(row.get("replica_count")),
        # Only `show` has it. Its shape is documented nowhere; Terraform's provider waits until it is null.
        has_task=row["task"] is not None if "task" in row else None,
    )


def merged(first: Instance, second: Instance) -> Instance:
    """The later of two rows for one ID; a list that shifts while it is paged shows an instance twice."""
    return second if (second.updated_at or "") >= (first.updated_at or "") else first


def _text(value: object) -> str:
    """Plain text of a plain value; the documented samples hold numbers and booleans although text is announced."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def _known(value: object) -> str | None:
    return _text(value) or None


def _number(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _tags(value: object) -> dict[str, str] | None:
    """Tag key -> value; None if a tag cannot be read, since that one may protect.

    The documented sample holds a number as key, and an instance without tags may have null.
    """
    if value is None:
        return {}
    if isinstance(value, dict):
        value = [{"key": key, "value": word} for key, word in value.items()]
    if not isinstance(value, list) or not all(isinstance(row, dict) and _text(row.get("key")) for row in value):
        return None
    if any(isinstance(row.get("value"), dict | list) for row in value):
        return None
    return {_text(row["key"]): _text(row.get("value")) for row in value}
