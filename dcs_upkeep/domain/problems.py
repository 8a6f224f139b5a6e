"""What is wrong with an event, in words: pydantic's findings turned into where, what, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from pydantic_core import ErrorDetails

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.errors import Problem

_SHOWN = 60


def to_problem(details: ErrorDetails, path: str, fields_of: Callable[[list[str]], Iterable[str]]) -> Problem:
    """Turn one of pydantic's findings into a path, what was wrong and what to write instead.

    `fields_of`: the names that may stand at a place, given the names above it.
    """
    # pydantic names the branch of a union in the location; a reader of the event knows no branches.
    # (The last step of an unknown field is its own name, whatever that is.)
    last = len(details["loc"]) - 1 if details["type"] == "extra_forbidden" else None
    steps = [step for place, step in enumerate(details["loc"]) if place == last or not (isinstance(step, str) and step in _BRANCHES)]
    where = path
    for step in steps:
        where = f"{where}[{step}]" if isinstance(step, int) else join(where, show(step, quote=False))
    context = details.get("ctx") or {}
    shown = show(details.get("input"))
    if fix := context.get("fix"):
        return Problem(where, details["msg"], f"{fix}.")
    match details["type"]:
        case "extra_forbidden":
            return Problem(
                where, "no field has this name", suggest_or_list(str(steps[-1]), fields_of([s for s in steps[:-1] if isinstance(s, str)]))
            )
        case "missing":
            return Problem(where, "this field is missing", "Add it.")
        case "enum":
            wanted = difflib.get_close_matches(show(details.get("input"), quote=False).lower(), list(Action), 1, 0.6)
            guess = f"Did you mean {wanted[0]}? " if wanted else ""
            return Problem(where, f"{shown} is no action", f"{guess}Write one of {listed(Action)}.")
        case "literal_error":
            return Problem(where, f"{shown} is not known here", f"Write {context.get('expected', 'one of the known words')}.")
        case "too_short":
            return Problem(where, "this is empty", "Name at least one, or leave the field out where it is optional.")
        case "string_pattern_mismatch":
            fix = (
                "Write the digest as the dry run printed it, v1: and 64 hexadecimal digits."
                if where.endswith("approve")
                else ("Write letters, digits and ._:/@+- alone, 256 at most, a letter or digit first.")
            )
            return Problem(where, f"{shown} has the wrong form", fix)
        case "string_type" | "tuple_type" | "dict_type" | "model_type" if isinstance(details.get("input"), dict | list):
            return Problem(where, f"this is {kind(details['input'])}", f"Write {_WANTED[details['type']]}.")
        case "string_type" | "bool_type" | "int_type" | "float_type" | "tuple_type" | "dict_type" | "model_type":
            return Problem(where, f"{shown} is {kind(details.get('input'))}", f"Write {_WANTED[details['type']]}.")
        case _:
            return Problem(
                where, f"{shown} does not fit: {details['msg'][:1].lower()}{details['msg'][1:]}", "Write a value within that limit."
            )


_BRANCHES = frozenset({"Watch", "literal[False]", "int", "str", "[key]", "function-before[_instance_id(), str]"})
_WANTED = {
    "string_type": "text in quotes",
    "bool_type": "true or false, without quotes",
    "int_type": "a whole number, without quotes",
    "float_type": "a number, without quotes",
    "tuple_type": "a list, in square brackets",
    "dict_type": "an object, in braces",
    "model_type": "an object, in braces",
}


def suggest_or_list(name: str, known: Iterable[str]) -> str:
    """The known name that was probably meant, else all of them."""
    names = list(known)
    return suggest(name, names) or f"Known here: {', '.join(names)}."


def suggest(name: str, known: Iterable[str]) -> str:
    """`Did you mean x?`, whatever the letters' case; empty where no known name is near."""
    by_lower = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name[:64].lower(), by_lower, 1, 0.6)
    return f"Did you mean {by_lower[near[0]]}?" if near else ""


def join(path: str, key: str) -> str:
    """The path of a field: `rollout.canary`."""
    return f"{path}.{key}" if path else key


def listed(words: type[Action]) -> str:
    """All of them, with commas between."""
    return ", ".join(word.value for word in words)


def kind(value: object) -> str:
    """What JSON calls it."""
    names: dict[type, str] = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), "something else")


def show(value: object, *, quote: bool = True) -> str:
    """A stranger's value for a message: short, and never its contents where it has any."""
    if isinstance(value, dict | list):
        text = kind(value)
    elif isinstance(value, int) and value.bit_length() > 200:
        text = "a huge number"  # Python refuses to write some of them out
    else:
        text = repr(value[: _SHOWN * 2]) if quote and isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


NAMED = 5  # so many names stand in a reason; the report has the rest


def plain(text: str) -> str:
    """As two texts are compared where letter case and outer spaces do not count."""
    return text.strip().casefold()


def list_some(words: Iterable[str]) -> str:
    """The first few, and how many more."""
    # Names come from people; a report's line stays one line whatever they hold.
    every = ["".join(sign if sign.isprintable() else "?" for sign in word) for word in words]
    return ", ".join(every[:NAMED]) + (f" and {len(every) - NAMED} more" if len(every) > NAMED else "")


def shorten(value: object) -> str:
    """A stranger's text for a reason: quoted, on one line, and not long."""
    text = str(value)
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
