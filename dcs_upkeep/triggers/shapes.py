"""How the shape of an event is told: conditions on its fields, written as short texts. Pure; never raises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dcs_upkeep.domain.problems import shorten

_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of event: it is of this kind if all conditions hold.

    A condition is a path (`requestContext/elb`, `Records/0/s3`: something is there) or a path and a value: `a=x|y` is one of these words,
    `a^x` begins so, `a*x` holds it. `details`: the paths of the texts that tell one event of this kind from another.
    """

    name: str
    conditions: tuple[str, ...]
    details: tuple[str, ...] = ()

    def fits(self, event: Mapping[str, Any]) -> bool:
        """Whether the event is of this kind."""
        return all(_holds(event, condition) for condition in self.conditions)

    def describe(self, event: Mapping[str, Any]) -> str:
        """Its name, and which one of its kind it is."""
        found = [shown for path in self.details if (shown := show(value_at(event, path)))]
        return f"{self.name} ({', '.join(found)})" if found else self.name


def shape(name: str, *conditions: str, details: str | tuple[str, ...] = "") -> Shape:
    """A row of a table. `details`: paths, separated by spaces."""
    return Shape(name, conditions, tuple(details.split()) if isinstance(details, str) else details)


def value_at(event: object, path: str) -> object:
    """What stands at this path; None if nothing does."""
    found = _at(event, path)
    return None if found is _MISSING else found


def show(value: object) -> str:
    """A stranger's text for a sentence, quoted and cut; empty if it is no text."""
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return ""
    return shorten(value)


_CONDITION = re.compile(r"([^=^*]+)([=^*])?(.*)", re.DOTALL)


def _holds(event: Mapping[str, Any], condition: str) -> bool:
    match = _CONDITION.fullmatch(condition)
    if match is None:
        raise AssertionError(f"{condition} is no condition")
    path, sign, wanted = match.groups()
    found = _at(event, path)
    if sign is None:
        return found is not _MISSING
    if not isinstance(found, str):
        return False
    if sign == "=":
        return found in wanted.split("|")
    return found.startswith(wanted) if sign == "^" else wanted in found


def _at(value: object, path: str) -> object:
    for step in path.split("/"):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return _MISSING
    return value
