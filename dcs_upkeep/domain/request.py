"""The action plan as a user writes it, validated: every problem at once, each with its path and what to write instead.

The body of the official API call is already a valid request: {"action": "restart", "instances": ["<id>"]}.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.approval import APPROVE_PATTERN
from dcs_upkeep.domain.errors import InvalidEventError, Problem
from dcs_upkeep.domain.problems import first_problems, join, kind, one_line, shorten, to_problem
from dcs_upkeep.domain.request_bounds import MOST_ENTRIES, MOST_WRONG, prune

# What may stand beside `plan`: who asks and how, never what.
BESIDE_PLAN = frozenset({"plan", "dry_run", "approve", "run_id", "requested_by"})
# Labels, keys and approvals: two requests that differ only in these ask for the same thing.
NOT_COMPARED = frozenset({"name", "requested_by", "approve", "run_id"})
MAX_IDS = 100_000
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")


def normal_id(raw: str) -> str | None:
    """Bring an instance ID to the form that DCS lists it in: lower case, with hyphens. None if it is not an ID."""
    text = raw.lower()
    if not _UUID.fullmatch(text) or text.count("-") not in (0, 4):
        return None
    digits = text.replace("-", "")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _instance_id(raw: Any) -> Any:
    if not isinstance(raw, str):
        return raw  # pydantic says what it must be
    if (found := normal_id(raw)) is None:
        raise PydanticCustomError(
            "instance_id",
            "{shown} is not a valid instance ID",
            {"shown": shorten(raw), "fix": "Write it as the console shows it, such as 2e803f66-fbb0-47ad-b6cb-fb87f5bed4ef"},
        )
    return found


def _tuple(raw: Any) -> Any:
    return tuple(raw) if isinstance(raw, list) else raw


def _no_duplicates(ids: tuple[str, ...]) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    for position, instance_id in enumerate(ids):
        if instance_id in seen:
            raise PydanticCustomError(
                "duplicate_id",
                "{instance_id} is listed twice, at positions {first} and {second}",
                {"instance_id": instance_id, "first": seen[instance_id], "second": position, "fix": "List it once"},
            )
        seen[instance_id] = position
    return ids


def _time_of_day(raw: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", raw):
        raise PydanticCustomError(
            "time_of_day", "{shown} is not a valid time of day", {"shown": shorten(raw), "fix": "Write HH:MM, such as 02:30"}
        )
    return raw


def _zone(raw: str) -> str:
    from zoneinfo import ZoneInfo  # here, not above: most requests name no zone, and the tables cost start-up time

    try:
        ZoneInfo(raw)
    except Exception as err:  # zoneinfo raises KeyError, ValueError or OSError, by the kind of nonsense
        raise PydanticCustomError(
            "zone", "{shown} is not a known time zone", {"shown": shorten(raw), "fix": "Write an IANA name such as Europe/Berlin or UTC"}
        ) from err
    return raw


def _failures(raw: Any) -> Any:
    valid = (isinstance(raw, int) and not isinstance(raw, bool) and raw >= 0) or (
        isinstance(raw, str) and re.fullmatch(r"(100|\d{1,2})(\.\d{1,3})?%", raw) and float(raw[:-1]) <= 100
    )
    if not valid:
        raise PydanticCustomError(
            "max_failures",
            "{shown} is neither a count nor a percentage",
            {"shown": shorten(raw), "fix": 'Write a count such as 2, or a percentage of the plan such as "5%"'},
        )
    return raw


def _watch(raw: Any) -> Any:
    if raw is True:
        raise PydanticCustomError("watch", "true is not a valid value", {"fix": 'Leave it out, or write {"timeout_s": 1800} or false'})
    return raw


InstanceId = Annotated[str, BeforeValidator(_instance_id), Field(json_schema_extra={"format": "uuid"})]
Names = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=256)], ...], BeforeValidator(_tuple), Field(max_length=MOST_ENTRIES)]
TagMap = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=128)], Annotated[str, Field(max_length=255)]], Field(max_length=MOST_ENTRIES)
]
Label = Annotated[str, Field(min_length=1, max_length=128)]
# Shown to people, and compared with nothing.
ShownLabel = Annotated[
    str, BeforeValidator(lambda raw: one_line(raw) if isinstance(raw, str) else raw), Field(min_length=1, max_length=128)
]
Seconds = Annotated[float, Field(ge=0, le=30 * 86400, allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Select(_Model):
    """Which instances of the live fleet: all conditions must hold."""

    tags: TagMap | None = Field(None, min_length=1, description="Tags that an instance must all have; * as value means any.")
    name: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(None, description="Glob over the name, such as cache-*.")
    engine_versions: Names | None = Field(None, min_length=1, description="Engine versions, such as 5.0.")
    exclude_tags: TagMap = Field(
        {}, description="Exclude instances with any of these tags; * as value means any. Letter case and outer spaces do not count."
    )
    exclude_instances: Annotated[tuple[InstanceId, ...], BeforeValidator(_tuple)] = Field(
        (), description="Exclude these instance IDs, in any letter case."
    )


class Rollout(_Model):
    """How the plan is spread over waves."""

    canary: int | None = Field(None, ge=0, le=MAX_IDS, description="Size of the first wave; 0 for none. Default 1.")
    wave_size: int | None = Field(None, ge=1, le=MAX_IDS, description="Instances per wave. Default 50.")
    max_failures: Annotated[int | str, BeforeValidator(_failures)] = Field(
        0, description='How many failed and unknown instances are tolerated: a count, or a percentage of the plan such as "5%".'
    )
    pause_s: Seconds = Field(0, description="Seconds between two waves.")
    spread_by: Label | None = Field(None, description="A tag key: instances with the same value of it are never in the same wave.")


class Watch(_Model):
    """How long to wait for the effect."""

    timeout_s: Annotated[float, Field(ge=1, le=86400, allow_inf_nan=False)] = Field(1800, description="Seconds per wave.")


class Window(_Model):
    """When sending is allowed."""

    days: Annotated[tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], BeforeValidator(_tuple), Field(min_length=1)] = (
        Field(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), description="Days on which the window begins.")
    )
    start: Annotated[str, BeforeValidator(lambda raw: _time_of_day(raw) if isinstance(raw, str) else raw)] = Field(description="HH:MM.")
    end: Annotated[str, BeforeValidator(lambda raw: _time_of_day(raw) if isinstance(raw, str) else raw)] = Field(
        description="HH:MM; at or before the start means the next day."
    )
    timezone: Annotated[str, BeforeValidator(lambda raw: _zone(raw) if isinstance(raw, str) else raw)] = Field(description="IANA name.")
    on_miss: Literal["refuse", "defer"] = Field("refuse", description="What to do outside the window.")


class Request(_Model):
    """The action plan. Exactly one of `instances`, `select` and `plan` says what it is about."""

    action: Annotated[Action, Field(strict=False)] | None = Field(None, description="What to do. Required; no default.")
    instances: Annotated[tuple[InstanceId, ...], BeforeValidator(_tuple), Field(min_length=1, max_length=MAX_IDS)] | None = Field(
        None, description="Instance IDs, each once."
    )
    select: Select | None = Field(None, description="Or: conditions that select from the live fleet.")
    plan: Label | None = Field(None, description="Or: the name of a reviewed plan in plans.json.")
    name: ShownLabel | None = Field(None, description="A label, shown in reports.")
    requested_by: ShownLabel | None = Field(None, description="A label, shown in reports.")
    dry_run: bool = Field(False, description="Decide and report; change nothing.")
    approve: Annotated[str, Field(pattern=APPROVE_PATTERN)] | None = Field(
        None,
        description="What a person has reviewed: the plan's digest and, where there is a journal, a dot and its showing, "
        "as a dry run or a refusal prints them. It starts one run.",
    )
    run_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,255}$")] | None = Field(
        None, description="The caller's own idempotency key for a direct event."
    )
    rollout: Rollout = Field(default_factory=lambda: Rollout.model_validate({}), description="Canary, waves, error budget.")
    watch: Annotated[Watch | Literal[False], BeforeValidator(_watch)] = Field(
        default_factory=lambda: Watch.model_validate({}), description="How long to wait for the effect; false: stop at accepted."
    )
    window: Window | None = Field(None, description="When sending is allowed; without it, at any time.")
    backup: Literal["none", "before"] = Field(
        "none", description="before: back up each instance that would lose data, and act only if its backup succeeded."
    )
    allow_empty: bool = Field(True, description="Whether a selection may match no instances.")
    respect_maintenance_window: bool = Field(False, description="Act only on instances inside their own maintenance window (UTC).")
    cooldown_s: Annotated[float, Field(ge=0, le=13 * 86400, allow_inf_nan=False)] = Field(
        0, description="Refuse an instance if this action reached it less than this many seconds ago."
    )
    expires_after_s: Annotated[float, Field(gt=0, le=30 * 86400, allow_inf_nan=False)] = Field(
        3600, description="Refuse an event that is older than this many seconds."
    )


def parse_request(raw: object, path: str = "") -> Request:
    """Validate a request.

    `path` is its place in the event, for messages. Raises InvalidEventError with every problem at once: the first 20, and how many more.
    """
    if not isinstance(raw, Mapping):
        raise InvalidEventError(
            [Problem(path, f"a request must be a JSON object, not {kind(raw)}", 'Write {"action": "restart", "instances": ["<id>"]}.')]
        )
    problems = _across_fields(raw, path)
    written, more = prune(raw, _FIELDS, lambda one: isinstance(one, str) and normal_id(one) is not None, MAX_IDS)
    try:
        request = Request.model_validate(written)
    except ValidationError as err:
        # `watch` may be false too; whoever wrote an object meant the object, so what that branch finds is noise.
        found = [details for details in err.errors(include_url=False) if details["loc"] != ("watch", "literal[False]")]
        problems += [to_problem(details, path, _fields_of) for details in found[:MOST_WRONG]]
        more += len(found[MOST_WRONG:])
    else:
        if request.instances is not None:
            try:
                _no_duplicates(request.instances)
            except PydanticCustomError as err:
                problems.append(Problem(join(path, "instances"), err.message(), f"{(err.context or {})['fix']}."))
    if problems:
        raise InvalidEventError(first_problems(problems, more, path))
    return request


def canonical(request: Request) -> dict[str, Any]:
    """What makes two requests the same: after defaults, IDs in order, without labels, keys and approvals."""
    if request.plan is not None:
        return {"plan": request.plan, "dry_run": request.dry_run}
    values = request.model_dump(mode="json", exclude=set(NOT_COMPARED))
    if values["instances"] is not None:
        values["instances"] = sorted(values["instances"])
    if values["select"] is not None:
        values["select"]["exclude_instances"] = sorted(values["select"]["exclude_instances"])
    return values


def _across_fields(raw: Mapping[object, object], path: str) -> list[Problem]:
    """Find what only two fields together show. Works on the raw fields, so that a bad field hides none of it."""
    problems: list[Problem] = []
    present = {key for key, value in raw.items() if value is not None}
    if "plan" in present:
        problems += [
            Problem(join(path, str(key)), "cannot be combined with plan, which already sets it", "Remove it, or remove plan.")
            for key in raw
            if key in Request.model_fields and key not in BESIDE_PLAN
        ]
        return problems
    if "action" not in raw:
        problems.append(
            Problem(join(path, "action"), "the action is missing, and there is no default", f"Write one of {', '.join(Action)}.")
        )
    elif raw["action"] is None:
        problems.append(Problem(join(path, "action"), "the action must not be null", f"Write one of {', '.join(Action)}."))
    if {"instances", "select"} <= present:
        problems.append(Problem(join(path, "select"), "instances and select cannot be combined", "Keep one of them."))
    elif not {"instances", "select"} & present:
        problems.append(
            Problem(
                join(path, "instances"), "neither instances nor select is given", "Write instances (a list of IDs) or select (conditions)."
            )
        )
    select = raw.get("select")
    if isinstance(select, Mapping) and not any(select.get(key) for key in ("tags", "name", "engine_versions")):
        problems.append(Problem(join(path, "select"), "at least one condition is required", "Write tags, name or engine_versions."))
    rollout = raw.get("rollout")
    if raw.get("watch") is False and isinstance(rollout, Mapping):
        problems += [
            Problem(join(path, f"rollout.{key}"), f"{key} cannot be used if watch is false", f"Remove {key}, or remove watch.")
            for key in ("canary", "wave_size")
            if rollout.get(key) is not None
        ]
    return problems


_FIELDS: Mapping[str, Mapping[str, object]] = {
    "": Request.model_fields,
    "select": Select.model_fields,
    "rollout": Rollout.model_fields,
    "watch": Watch.model_fields,
    "window": Window.model_fields,
}


def _fields_of(steps: list[str]) -> Iterable[str]:
    """The names that may stand below these."""
    return _FIELDS.get(steps[-1] if steps else "", Request.model_fields)


FIELD_NAMES = frozenset(name for fields in _FIELDS.values() for name in fields)
