"""How a stranger's text is quoted and listed: a message stays short, on one line, and shows no contents."""

from __future__ import annotations

from typing import Any

import pytest

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.problems import join, list_some, shorten, suggest, suggest_or_list


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a b", "'a b'"),
        ("two\nlines", r"'two\nlines'"),
        ("x" * 61, f"'{'x' * 60}...'"),
        ("x" * 60, f"'{'x' * 60}'"),
        (Action.FLUSH, "'flush'"),
        ("\ud800", r"'\ud800'"),
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (1.5, "1.5"),
        (10**400, "a huge number"),
        ({"password": "x"}, "an object"),
        (["x"], "a list"),
        (("x",), "a list"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_value_is_shown_as_json_has_it(value: Any, shown: str) -> None:
    """A reader compares it with what he wrote, and a secret inside an object must not reach a log."""
    assert shorten(value) == shown


def test_a_list_names_the_first_few_and_counts_the_rest() -> None:
    assert list_some([]) == ""
    assert list_some("abcde") == "a, b, c, d, e"
    assert list_some("abcdefg") == "a, b, c, d, e and 2 more"
    assert list_some("abc", most=2, separator="; ") == "a; b and 1 more"


def test_a_name_cannot_break_a_line() -> None:
    """Reports and error fields are read line by line."""
    assert list_some(["a\nb", "é"]) == "a?b, é"
    assert join("rollout", "a\nb") == "rollout.a?b"
    assert join("", "x" * 100) == "x" * 60 + "..."


def test_a_near_name_is_suggested_and_else_all_are_listed() -> None:
    assert suggest("Restrat", Action) == "Did you mean restart?"
    assert suggest("zzz", Action) == ""
    assert suggest_or_list("zzz", ("a", "b")) == "Known names: a, b."
