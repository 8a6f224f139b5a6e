"""Reading a stranger's JSON: every problem is a plain sentence, in bounded time and memory. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from dcs_upkeep.domain.problems import shorten

MAX_DEPTH = 64
MAX_CHARS = 8_000_000  # both platforms stop at 6 MB


class InvalidJsonError(ValueError):
    """The text is not JSON that can be accepted; its message says why."""


def parse_untrusted_json(text: str | bytes | bytearray | memoryview) -> object:
    """The value in a JSON text. Duplicate keys, NaN, numbers beyond float and nesting past 64 are refused.

    (Of two equal keys Python keeps the last and other readers the first: nobody could say what was approved.)
    Raises: InvalidJsonError.
    """
    if not isinstance(text, str):
        try:
            text = bytes(text).decode("utf-8-sig")
        except UnicodeDecodeError as err:
            raise InvalidJsonError(f"the text must be UTF-8, and byte {err.start} is not") from None
    if len(text) > MAX_CHARS:
        raise InvalidJsonError(f"the text has {len(text)} characters, more than {MAX_CHARS}")
    try:
        value: object = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int)
    except json.JSONDecodeError as err:
        raise InvalidJsonError(f"this is not valid JSON: {err.msg.lower()} at line {err.lineno}, column {err.colno}") from None
    except RecursionError:
        raise InvalidJsonError("the JSON is nested too deeply") from None
    check_depth(value)
    return value


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
