"""Reading a stranger's JSON: every problem is a plain sentence, in bounded time and memory. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from dcs_upkeep.domain.problems import shorten

MAX_DEPTH = 64
MAX_CHARS = 8_000_000  # both platforms stop at 6 MB
# As it is, and as it looks when its three bytes were read as Latin-1.
_BYTE_ORDER_MARKS = re.compile("^\\s*(\ufeff|\u00ef\u00bb\u00bf)+")
# How Python's reader begins its message -> what is wrong, in words that do not change with its version.
_FAULTS: tuple[tuple[str, str], ...] = (
    ("Expecting property name", "a field's name in double quotes is missing"),
    ("Expecting value", "a value is missing"),
    ("Expecting ':'", "the colon after a field's name is missing"),
    ("Expecting ','", "a comma or a closing bracket is missing"),
    ("Extra data", "there is more text after its end"),
    ("Unterminated string", "the string that begins here has no end"),
    ("Invalid control character", "a string holds a line break or another control character"),
    ("Invalid \\", "a string holds a backslash that begins no valid escape"),
    ("Illegal trailing comma", "a comma stands before a closing bracket"),
)


class InvalidJsonError(ValueError):
    """The text is not JSON that can be accepted; its message says why."""


def parse_untrusted_json(text: str | bytes | bytearray | memoryview) -> object:
    """The value in a JSON text. Duplicate keys, NaN, numbers beyond float and nesting past 64 are refused.

    (Of two equal keys Python keeps the last and other readers the first: nobody could say what was approved.)
    Raises: InvalidJsonError.
    """
    text = decode(text)
    if len(text) > MAX_CHARS:
        raise InvalidJsonError(f"the text has {len(text)} characters, more than {MAX_CHARS}")
    try:
        value: object = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int)
    except json.JSONDecodeError as err:
        raise InvalidJsonError(f"this is not valid JSON: {_fault(err)} (line {err.lineno}, column {err.colno})") from None
    except RecursionError:
        raise InvalidJsonError("the JSON is nested too deeply") from None
    check_depth(value)
    return value


def parse_twice_encoded(text: str | bytes | bytearray | memoryview) -> object:
    """The same; JSON text inside JSON text, which serializers and consoles make of it, is opened once more. Raises: InvalidJsonError."""
    value = parse_untrusted_json(text)
    if not isinstance(value, str):
        return value
    value = decode(value)
    if not looks_like_json(value):
        return value
    try:
        return parse_untrusted_json(value)
    except InvalidJsonError as err:
        raise InvalidJsonError(f"this is JSON text inside a JSON string, and in the inner text {err}") from None


def decode(text: str | bytes | bytearray | memoryview) -> str:
    """The text without the byte order mark that editors and shells put before it. Raises: InvalidJsonError if it is not UTF-8."""
    if not isinstance(text, str):
        try:
            text = bytes(text).decode("utf-8")
        except UnicodeDecodeError as err:
            raise InvalidJsonError(f"the text must be UTF-8, and byte {err.start} is not") from None
    return _BYTE_ORDER_MARKS.sub("", text, count=1)


def looks_like_json(text: str) -> bool:
    """Whether a text means to be an object, a list or a string in JSON."""
    return text.lstrip(" \t\r\n")[:1] in ("{", "[", '"')


def is_prose(text: str) -> bool:
    """Whether a text that is no JSON does not mean to be: it begins with a word."""
    return text.lstrip()[:1].isalpha() and text.strip() not in ("NaN", "Infinity")


def check_depth(value: object) -> None:
    """Walk a value without recursion. Raises: InvalidJsonError if it is nested past 64, or contains itself."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list | tuple)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        level = [value for value in level if isinstance(value, dict | list | tuple)]
        if not level:
            return
        if len(level) > MAX_CHARS:
            break
    raise InvalidJsonError("the event is nested too deeply")


def _fault(err: json.JSONDecodeError) -> str:
    """What is wrong, in plain words; its place is told beside it."""
    rest = err.doc[err.pos : err.pos + 1]
    if not err.doc.strip():
        return "the text is empty"
    if not rest and err.msg.startswith("Expecting"):
        return "it ends too early"
    if (rest, err.msg[:15]) in (("}", "Expecting prope"), ("]", "Expecting value")):
        return "a comma stands before a closing bracket"
    if rest == "'":
        return "strings and names must stand in double quotes"
    return next((words for start, words in _FAULTS if err.msg.startswith(start)), "it cannot be read")


def _object(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InvalidJsonError(f"the key {shorten(key)} appears twice in one object")
            seen.add(key)
    return found


def _constant(word: str) -> NoReturn:
    raise InvalidJsonError(f"{word} is not a valid JSON number")


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise InvalidJsonError(f"the number {digits[:40]} is too large")
    return number


def _int(digits: str) -> int:
    if len(digits) > 40:
        raise InvalidJsonError(f"the number {digits[:20]}... has {len(digits)} digits")
    return int(digits)
