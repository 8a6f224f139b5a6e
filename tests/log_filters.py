"""CloudWatch Logs' filter patterns for JSON lines, as far as template.yml uses them: moto keeps patterns and evaluates none.

Source: CloudWatch Logs user guide, filter pattern syntax for JSON log events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

MISSING = object()
_TOKEN = re.compile(r"""\s*(\$(?:\.\w+)+|"[^"]*"|-?\d+(?:\.\d+)?|&&|\|\||<=|>=|!=|[=<>(){}]|[A-Z]+)""")


def matches(pattern: str, line: str | Mapping[str, Any]) -> bool:
    """Whether the pattern finds this line of the log, or this object that one holds. What is no JSON is found by none."""
    try:
        event = json.loads(line) if isinstance(line, str) else line
    except ValueError:
        return False
    return _Reader(pattern, event).whole()


class _Reader:
    """Reads a pattern from left to right, and judges it on the way. `&&` binds closer than `||`."""

    def __init__(self, pattern: str, event: Mapping[str, Any]) -> None:
        self._tokens = [*_tokens(pattern), ""]
        self._event = event

    def whole(self) -> bool:
        self._take("{")
        found = self._any()
        self._take("}")
        assert self._tokens == [""], f"after the end: {self._tokens}"
        return found

    def _any(self) -> bool:
        found = self._all()
        while self._tokens[0] == "||":
            self._take("||")
            right = self._all()
            found = found or right
        return found

    def _all(self) -> bool:
        found = self._one()
        while self._tokens[0] == "&&":
            self._take("&&")
            right = self._one()
            found = found and right
        return found

    def _one(self) -> bool:
        if self._tokens[0] == "(":
            self._take("(")
            found = self._any()
            self._take(")")
            return found
        value = self._field(self._take())
        match self._take():
            case "IS":
                return value is {"TRUE": True, "FALSE": False, "NULL": None}[self._take()]
            case "NOT":
                self._take("EXISTS")
                return value is MISSING
            case "EXISTS":
                return value is not MISSING
            case "=":
                return self._equals(value, self._take())
            case "!=":
                return value is not MISSING and not self._equals(value, self._take())
            case other:
                raise AssertionError(f"{other} is not known here")

    def _field(self, selector: str) -> Any:
        assert selector.startswith("$."), f"{selector} is no field"
        value: Any = self._event
        for name in selector.split(".")[1:]:
            value = value.get(name, MISSING) if isinstance(value, dict) else MISSING
        return value

    @staticmethod
    def _equals(value: Any, written: str) -> bool:
        """A text only equals a text, a number only a number."""
        if written.startswith('"'):
            return isinstance(value, str) and value == written[1:-1]
        return isinstance(value, int | float) and not isinstance(value, bool) and value == float(written)

    def _take(self, expected: str | None = None) -> str:
        token = self._tokens.pop(0)
        assert expected in (None, token), f"{expected} should stand where {token or 'the end'} is"
        return token


def _tokens(pattern: str) -> Iterator[str]:
    place = 0
    text = pattern.strip()
    while place < len(text):
        found = _TOKEN.match(text, place)
        assert found, f"not understood: {text[place : place + 30]}"
        yield found[1]
        place = found.end()
