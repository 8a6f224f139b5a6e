"""The filter patterns and saved queries of template.yml, and what Logs Insights makes of lines of the log. (Patterns: log_filters.py.)"""

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
