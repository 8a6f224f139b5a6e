"""docs/refusals.md has a row for every guard, and every guard that the code names is in the list."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.settings import SETTING_FIELDS
from dcs_upkeep.guards.catalog import GUARDS
from dcs_upkeep.guards.whole_plan import NOT_IN_DRY_RUN
from dcs_upkeep.planning.plan import make_digest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "refusals.md").read_text(encoding="utf-8")
NAMES = {one.name for one in GUARDS}


def named_guards(path: Path) -> Iterator[str]:
    """The names that a file gives to `ask`, to `Verdict`, and to outcomes and stops as `guard=`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        place = {"ask": 0, "Verdict": 1}.get(called)
        if place is not None and len(node.args) > place and isinstance(node.args[place], ast.Constant):
            yield str(node.args[place].value)
        for keyword in node.keywords:
            if keyword.arg == "guard" and isinstance(keyword.value, ast.Constant) and keyword.value.value is not None:
                yield str(keyword.value.value)


def test_every_guard_that_the_code_names_is_listed() -> None:
    """A reader who meets a guard in a report must find it on the page."""
    used = {name for path in (ROOT / "dcs_upkeep").rglob("*.py") for name in named_guards(path)}
    assert used - NAMES - {""} == set()
    assert len(NAMES) == len(GUARDS)


def test_every_listed_guard_is_named_by_the_code() -> None:
    """A row about nothing is a lie."""
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "dcs_upkeep").rglob("*.py") if path.name != "catalog.py")
    assert [name for name in NAMES if f'"{name}"' not in text] == []


def test_every_setting_that_a_row_names_exists() -> None:
    named = {name for one in GUARDS for name in re.findall(r"UPKEEP_[A-Z_]+", f"{one.setting} {one.how_to_lift}")}
    assert named - set(SETTING_FIELDS) == set()


def test_what_refuses_nothing_in_a_dry_run_is_on_the_page() -> None:
    sentence = re.search(r"In a dry run (.*?) refuse\s+nothing", PAGE, re.DOTALL)
    assert sentence is not None
    assert set(re.findall(r"`(\w+)`", sentence[1])) == NOT_IN_DRY_RUN


def test_the_digest_is_made_as_the_page_says() -> None:
    """Somebody else's program must be able to compute it."""
    import hashlib

    form = {"action": "restart", "instances": [["a", True], ["b", False]], "project_id": "p", "region": "r"}
    text = json.dumps(form, sort_keys=True, separators=(",", ":"))
    wanted = f"v1:{hashlib.sha256(text.encode('ascii')).hexdigest()}"
    assert make_digest(Action.RESTART, "r", "p", {"b": False, "a": None}) == wanted
