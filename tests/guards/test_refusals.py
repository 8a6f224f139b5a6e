"""docs/refusals.md has a row for every guard, and every guard that the code names is in the list."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

from dcs_upkeep.domain.actions import Action, LossClass
from dcs_upkeep.domain.approval import make_about
from dcs_upkeep.domain.settings import SETTING_FIELDS
from dcs_upkeep.guards import approval, before_reading, carry_on, current, per_call, permanent, whole_plan
from dcs_upkeep.guards.catalog import GUARDS
from dcs_upkeep.guards.guard import Guard, PlanGuard
from dcs_upkeep.planning.plan import make_digest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "refusals.md").read_text(encoding="utf-8")
ROOMS = (before_reading, permanent, current, per_call, whole_plan, approval, carry_on)
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


def test_every_entry_is_listed_once_and_asked_by_its_file() -> None:
    """An entry that its file's tuple leaves out is a guard that nobody asks; one without a row is one that nobody can lift."""
    entries = [value.name for room in ROOMS for value in vars(room).values() if isinstance(value, Guard)]
    pronounced = [guard.name for guard in GUARDS if guard.check is None]
    assert sorted([*entries, *pronounced]) == sorted(guard.name for guard in GUARDS)
    assert len(NAMES) == len(GUARDS)


def test_a_guard_without_a_check_is_pronounced_by_the_run() -> None:
    """A row about nothing is a lie."""
    used = {name for path in (ROOT / "dcs_upkeep" / "execution").rglob("*.py") for name in re.findall(r'"(\w+)"', path.read_text("utf-8"))}
    pronounced = {guard.name for guard in GUARDS if guard.check is None}
    assert pronounced == {"backup", "request"}
    assert pronounced <= used


def test_each_check_has_a_function_of_its_guards_name() -> None:
    """A reader who has the name from a report finds the rule by searching for it."""
    for room in ROOMS:
        for entry in [value for value in vars(room).values() if isinstance(value, Guard)]:
            assert getattr(room, entry.name).__module__ == room.__name__


def test_the_permanent_guards_are_those_that_shape_the_digest() -> None:
    """A time-dependent guard among them would make the afternoon's approval fail at night."""
    assert [guard.name for guard in GUARDS if guard.permanent] == [guard.name for guard in permanent.GUARDS]


def test_every_setting_that_a_row_names_exists() -> None:
    named = {name for one in GUARDS for name in re.findall(r"UPKEEP_[A-Z_]+", f"{one.setting} {one.how_to_lift}")}
    assert named - set(SETTING_FIELDS) == set()


def test_what_refuses_nothing_in_a_dry_run_is_on_the_page() -> None:
    sentence = re.search(r"In a dry run (.*?) refuse\s+nothing", PAGE, re.DOTALL)
    assert sentence is not None
    assert set(re.findall(r"`(\w+)`", sentence[1])) == whole_plan.ONLY_TOLD_IN_DRY_RUN


def test_what_refuses_a_plan_whole_is_on_the_page() -> None:
    sentence = re.search(r"<!-- /guards -->\s+(.*?) refuse a plan\s+whole", PAGE, re.DOTALL)
    assert sentence is not None
    assert set(re.findall(r"`(\w+)`", sentence[1])) == {guard.name for guard in GUARDS if isinstance(guard, PlanGuard)}


def test_the_digest_is_made_as_the_page_says() -> None:
    """Somebody else's program must be able to compute it."""
    import hashlib

    instances = [["a", "loses"], ["b", "keeps"], ["c", "disposable"]]
    form = {"action": "restart", "backup": "none", "instances": instances, "project_id": "p", "region": "r"}
    text = json.dumps(form, sort_keys=True, separators=(",", ":"))
    wanted = f"v2:{hashlib.sha256(text.encode('ascii')).hexdigest()}"
    assert make_digest(make_about(Action.RESTART, "r", "p", "none"), {one: LossClass(word) for one, word in reversed(instances)}) == wanted
