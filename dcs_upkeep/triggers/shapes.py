"""How the shape of an event is told: conditions on its fields, written as short texts. Pure; never raises."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dcs_upkeep.domain.problems import shorten

_MISSING: Final = object()


_CONDITION = re.compile(r"([^=^*]+)([=^*])?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold for the value at a path. No `sign`: something is there; `=`: one of these words; `^`: begins so; `*`: holds it."""

    steps: tuple[str, ...]
    sign: str | None = None
    words: tuple[str, ...] = ()

    def holds(self, event: Mapping[str, Any]) -> bool:
        """Whether it does."""
        found = _at(event, self.steps)
        if self.sign is None or not isinstance(found, str):
            return self.sign is None and found is not _MISSING
        if self.sign == "=":
            return found in self.words
        return found.startswith(self.words) if self.sign == "^" else self.words[0] in found


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of event: of this kind if all conditions hold. `details`: the paths of texts that tell one of a kind from another.

    `http`: its sender waits for an HTTP response.
    """

    name: str
    conditions: tuple[Condition, ...]
    details: tuple[str, ...] = ()
    http: bool = False

    def fits(self, event: Mapping[str, Any]) -> bool:
        """Whether the event is of this kind."""
        # (Nearly every row is out by its first field, and every event of ours meets all rows.)
        return self.conditions[0].steps[0] in event and all(condition.holds(event) for condition in self.conditions)

    def describe(self, event: Mapping[str, Any]) -> str:
        """Its name, and which one of its kind it is."""
        found = [shown for path in self.details if (shown := show(value_at(event, path)))]
        return f"{self.name} ({', '.join(found)})" if found else self.name


def shape(name: str, *conditions: str, details: str | tuple[str, ...] = "", http: bool = False) -> Shape:
    """A row of a table. `details`: paths, separated by spaces.

    A condition is a path (`requestContext/elb`, `Records/0/s3`), or a path and a value: `a=x|y`, `a^x`, `a*x` (see `Condition`).
    """
    return Shape(name, tuple(map(_condition, conditions)), tuple(details.split()) if isinstance(details, str) else details, http)


def value_at(event: object, path: str) -> object:
    """What stands at this path; None if nothing does."""
    found = _at(event, path.split("/"))
    return None if found is _MISSING else found


def show(value: object) -> str:
    """A stranger's text for a sentence, quoted and cut; empty if it is no text."""
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return ""
    return shorten(value)


def _condition(text: str) -> Condition:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise AssertionError(f"{text} is no condition")
    path, sign, value = match.groups()
    return Condition(tuple(path.split("/")), sign, tuple(value.split("|")) if sign else ())


def _at(value: object, steps: Iterable[str]) -> object:
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return _MISSING
    return value
