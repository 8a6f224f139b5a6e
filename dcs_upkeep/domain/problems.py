"""What is wrong with what a person wrote, in words: where, what, and what to write instead. And how such words are quoted and listed."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Collection, Iterable, Sequence

from pydantic_core import ErrorDetails

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.bounds import MOST_PROBLEMS
from dcs_upkeep.domain.errors import Problem

LONGEST = 60  # characters of a stranger's text in a message
MOST = 5  # names in a reason; the report has the rest
# Printable by Python's account, and yet without ink: a name with one of these reads like another name.
_INVISIBLE = re.compile("[\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u2800\\u3164\\uffa0]")
_SPACES = re.compile("[\\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000]")


def one_line(text: str) -> str:
    """A stranger's text as part of a line of ours: nothing in it can end the line, turn it round or hide. All else stays as it is.

    What goes are control characters, line and paragraph separators, marks of direction, what has no width, and halves of pairs: Python
    calls none of them printable. A wide space is a space.
    """
    if text.isprintable() and not _INVISIBLE.search(text):
        return text
    return "".join(sign if _is_plain(sign) else "?" for sign in _SPACES.sub(" ", text))


def json_line(value: object) -> str:
    """JSON on one line, in UTF-8: what `one_line` would take out is written as an escape, so that its reader gets it back unchanged."""
    return escape(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))


def escape(text: str) -> str:
    """The same for a JSON text that is there already."""
    if text.isprintable() and not _INVISIBLE.search(text):
        return text
    return "".join(sign if _is_plain(sign) or _SPACES.match(sign) else json.dumps(sign)[1:-1] for sign in text)


def _is_plain(sign: str) -> bool:
    return sign.isprintable() and not _INVISIBLE.match(sign)


def shorten(value: object) -> str:
    """A stranger's value for a message: text quoted, on one line and not long; of an object or a list only that it is one."""
    if isinstance(value, str):
        return one_line(repr(_cut(str(value))))
    if value is None or isinstance(value, dict | list | tuple):
        return kind(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 200:
        return "a huge number"  # Python refuses to write some of them out
    return _cut(str(value))


def list_some(words: Iterable[str], *, most: int = MOST, separator: str = ", ") -> str:
    """The first few, and how many more."""
    every = list(words)
    return separator.join(one_line(word) for word in every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")


def suggest_or_list(name: str, known: Iterable[str]) -> str:
    """The known name that was probably meant, else all of them."""
    names = list(known)
    return suggest(name, names) or f"Known names: {', '.join(names)}."


def suggest(name: str, known: Iterable[str]) -> str:
    """`Did you mean x?`, whatever the letters' case; empty if no known name is near."""
    by_lower = {word.lower(): word for word in known}
    near = difflib.get_close_matches(name[:64].lower(), by_lower, 1, 0.6)
    return f"Did you mean {by_lower[near[0]]}?" if near else ""


def join(path: str, key: object) -> str:
    """The path of a field: `rollout.canary`."""
    name = one_line(_cut(str(key)))
    return f"{path}.{name}" if path else name


def unknown_fields(names: Iterable[object], known: Collection[str], path: str, what: str) -> tuple[list[Problem], int]:
    """A problem for each field that nobody knows, and how many more there are: a suggestion for a name takes time."""
    strangers = [str(name) for name in names if name not in known]
    told = strangers[: MOST_PROBLEMS + 1]
    return [Problem(join(path, name), what, suggest_or_list(name, known)) for name in told], len(strangers) - len(told)


def first_problems(problems: Sequence[Problem], more: int = 0, path: str = "") -> list[Problem]:
    """The first problems, each once, and how many there are beside them. `more`: those that were only counted."""
    every = list(dict.fromkeys(problems))
    left_out = len(every) - MOST_PROBLEMS + more
    if left_out <= 0:
        return every
    count = f"{left_out} more problems were found" if left_out > 1 else "1 more problem was found"
    return [*every[:MOST_PROBLEMS], Problem(path, f"{count}, which are not listed", "Mend these first; the next answer names more.")]


def plain(text: str) -> str:
    """A text as it is compared when letter case and outer spaces do not count."""
    return text.strip().casefold()


def kind(value: object) -> str:
    """What JSON calls it."""
    names: dict[type, str] = {
        dict: "an object",
        list: "a list",
        tuple: "a list",
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    return "null" if value is None else names.get(type(value), "something else")


def to_problem(details: ErrorDetails, path: str, fields_of: Callable[[list[str]], Iterable[str]]) -> Problem:
    """Turn one of pydantic's findings into a path, what was wrong and what to write instead.

    `fields_of`: the names that may stand at a place, given the names above it.
    """
    steps = _steps(details)
    where = path
    for step in steps:
        where = f"{where}[{step}]" if isinstance(step, int) else join(where, step)
    if fix := (details.get("ctx") or {}).get("fix"):
        return Problem(where, details["msg"], f"{fix}.")
    what, fix = _explain(details, where)
    if details["type"] == "extra_forbidden":
        what, fix = "unknown field", suggest_or_list(str(steps[-1]), fields_of([step for step in steps[:-1] if isinstance(step, str)]))
    return Problem(where, what, fix)


_BRANCHES = frozenset({"Watch", "literal[False]", "int", "str", "[key]", "function-before[_instance_id(), str]"})
_WANTED = {  # what a value must be, and how to write one
    "string_type": ("a string", "Write it in double quotes."),
    "bool_type": ("true or false", "Write true or false without quotes."),
    "int_type": ("a whole number", "Write digits without quotes."),
    "float_type": ("a number", "Write digits without quotes."),
    "tuple_type": ("a list", "Write it in square brackets."),
    "dict_type": ("a JSON object", "Write it in braces."),
    "model_type": ("a JSON object", "Write it in braces."),
}


def _steps(details: ErrorDetails) -> list[int | str]:
    """Where a finding is. pydantic names the branch of a union in the location; a reader of the event knows no branches."""
    # (The last step of an unknown field is its own name, whatever that is.)
    last = len(details["loc"]) - 1 if details["type"] == "extra_forbidden" else None
    return [step for place, step in enumerate(details["loc"]) if place == last or not (isinstance(step, str) and step in _BRANCHES)]


def _explain(details: ErrorDetails, where: str) -> tuple[str, str]:
    """What is wrong, and what to write instead."""
    given = details.get("input")
    shown = shorten(given)
    if wanted := _WANTED.get(details["type"]):
        return f"must be {wanted[0]}, not {shown}", wanted[1]
    match details["type"]:
        case "missing":
            return "this field is missing", "Add it."
        case "enum":
            guess = suggest(given, Action) if isinstance(given, str) else ""
            return f"{shown} is not a valid action", f"{guess} Write one of {', '.join(Action)}.".strip()
        case "literal_error":
            return f"{shown} is not a valid value", f"Write {(details.get('ctx') or {}).get('expected', 'one of the known words')}."
        case "too_short":
            return "must not be empty", "Write at least one, or leave the field out if it is optional."
        case "string_pattern_mismatch" if where.endswith("approve"):
            fix = "Write it as the dry run or the refusal printed it: v2: and 64 hexadecimal digits, mostly with a dot and ten characters."
            return f"{shown} is not a valid approval", fix
        case "string_pattern_mismatch":
            return f"{shown} is not a valid run ID", "Write 1 to 256 letters, digits or ._:/@+-, starting with a letter or digit."
        case _:
            return f"{shown} is not valid: {details['msg'][:1].lower()}{details['msg'][1:]}", "Write a value within that limit."


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."
