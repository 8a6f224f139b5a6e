"""How a stranger's text is quoted and listed: a message stays short, on one line, and shows no contents."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.problems import join, json_line, list_some, one_line, shorten, suggest, suggest_or_list


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


SIGNS = [
    "\n",
    "\r",
    "\t",
    "\x00",
    "\x1b",
    "\x7f",
    "\x85",
    "\x9b",
    "\u2028",
    "\u2029",
    "\u202a",
    "\u202e",
    "\u2066",
    "\u2069",
    "\u200e",
    "\u200f",
]
SIGNS += ["\u061c", "\u200b", "\u2060", "\ufeff", "\u00ad", "\u3164", "\u2800", "\ud800", "\U000e0041"]


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: f"{ord(sign):04x}")
def test_no_stranger_s_sign_ends_a_line_turns_it_or_hides_in_it(sign: str) -> None:
    assert one_line(f"a{sign}b") == "a?b"
    assert sign not in shorten(f"a{sign}b")
    assert json.loads(json_line({"name": f"a{sign}b"})) == {"name": f"a{sign}b"}, "an event to copy means what it meant"
    assert json_line(f"a{sign}b").isprintable()


@pytest.mark.parametrize("text", ["每周重启会话缓存", "nächtlich", "ночь", "ليل", "a b", "\U0001f680"])
def test_all_else_stays_as_it_was_written(text: str) -> None:
    assert one_line(text) == text
    assert json_line(text) == f'"{text}"'


def test_a_wide_space_is_a_space() -> None:
    assert one_line("每周\u3000重启") == "每周 重启"
