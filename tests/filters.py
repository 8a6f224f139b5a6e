"""What CloudWatch makes of a line of the log: filter patterns and saved queries, as far as ours use them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[1]


def pattern(name: str) -> str:
    """The filter pattern of that resource of template.yml."""
    found: str = _properties(name)["FilterPattern"]
    return found


def query(name: str) -> str:
    """The saved query of that resource of template.yml."""
    found: str = _properties(name)["QueryString"]
    return found


def matches(pattern: str, line: Mapping[str, Any]) -> bool:
    """CloudWatch's filter patterns: comparisons of fields, && and ||, and brackets."""
    tokens = re.findall(r'\(|\)|&&|\|\||\$\.\w+|!=|=|"[^"]*"|\d+', pattern.strip().removeprefix("{").removesuffix("}"))

    def either() -> bool:
        found = both()
        while tokens and tokens[0] == "||":
            tokens.pop(0)
            found = both() or found
        return found

    def both() -> bool:
        found = one()
        while tokens and tokens[0] == "&&":
            tokens.pop(0)
            found = one() and found
        return found

    def one() -> bool:
        token = tokens.pop(0)
        if token == "(":
            found = either()
            assert tokens.pop(0) == ")"
            return found
        value, sign, wanted = line.get(token[2:]), tokens.pop(0), json.loads(tokens.pop(0))
        return token[2:] in line and ((value == wanted) if sign == "=" else (value != wanted))

    found = either()
    assert not tokens, tokens
    return found


def rows(query: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What Logs Insights shows of these lines: `fields`, a `filter` of comparisons that `and` joins, `sort` by time. Fields without value are left out."""
    shown, *rest = (part.strip() for part in query.split("|"))
    names = [name.strip() for name in shown.removeprefix("fields ").split(",")]
    kept = lines
    for part in rest:
        verb, words = part.split(" ", 1)
        assert verb in ("filter", "sort"), verb
        if verb == "filter":
            kept = [line for line in kept if all(_holds(one.strip(), line) for one in words.split(" and "))]
    return [{name: line[name] for name in names if name in line} for line in kept]


def _holds(comparison: str, line: Mapping[str, Any]) -> bool:
    found = re.fullmatch(r"(\w+) (=|not in) (.+)", comparison)
    assert found, comparison
    name, sign, wanted = found[1], found[2], json.loads(found[3])
    return (line.get(name) == wanted) if sign == "=" else (line.get(name) not in wanted)


def _properties(name: str) -> dict[str, Any]:
    template = yaml_parse((ROOT / "template.yml").read_text(encoding="utf-8"))
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found
