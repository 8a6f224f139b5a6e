"""The request: what is taken, and how every problem is named at once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from dcs_upkeep.domain import request
from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.errors import InvalidEventError
from dcs_upkeep.domain.problems import to_problem
from dcs_upkeep.domain.request import canonical, normal_id, parse_request

ID_A = "2e803f66-fbb0-47ad-b6cb-fb87f5bed4ef"
ID_B = "e3a7019c-8824-4c1a-8289-5300f19b9f64"
MINIMAL = {"action": "restart", "instances": [ID_A]}


def problems(raw: object) -> dict[str, str]:
    """Path -> what and fix, of everything found wrong."""
    with pytest.raises(InvalidEventError) as caught:
        parse_request(raw)
    return {problem.path: f"{problem.what}. {problem.fix}" for problem in caught.value.problems}


def test_the_body_of_the_official_call_is_a_valid_request() -> None:
    """Whoever can call the API can use the tool."""
    request = parse_request(MINIMAL)
    assert request.action is Action.RESTART
    assert request.instances == (ID_A,)
    assert (request.dry_run, request.expires_after_s, request.cooldown_s, request.allow_empty) == (False, 3600, 0, True)


@pytest.mark.parametrize("form", [ID_A.upper(), ID_A.replace("-", ""), ID_A.title()], ids=["upper", "no hyphens", "mixed"])
def test_an_id_in_any_case_or_form_is_brought_to_the_form_that_dcs_lists(form: str) -> None:
    """Otherwise the answer's rows would not be found again, and a success would read as unknown."""
    assert parse_request({"action": "restart", "instances": [form]}).instances == (ID_A,)


@pytest.mark.parametrize("text", ["", "x", ID_A[:-1], ID_A + "0", f" {ID_A}", f"{{{ID_A}}}", ID_A.replace("-", "", 1), "2e803f66"])
def test_what_is_no_id_is_refused(text: str) -> None:
    """A name or a cut-off ID must not reach the API, where one bad ID fails a whole batch."""
    assert normal_id(text) is None
    assert "is not a valid instance ID" in problems({"action": "restart", "instances": [text]})["instances[0]"]


def test_a_duplicate_is_refused_by_name_in_any_spelling() -> None:
    """A duplicate in a batch may be executed twice."""
    found = problems({"action": "restart", "instances": [ID_A, ID_B, ID_A.upper()]})
    assert ID_A in found["instances"]
    assert "0 and 2" in found["instances"]


def test_every_problem_is_named_at_once_with_its_path() -> None:
    """Mending one field per night is not a way to live."""
    found = problems(
        {
            "acton": "restart",
            "instances": [ID_A, 5, "cache-1"],
            "select": {"nam": "cache-*"},
            "rollout": {"canary": "1", "max_failures": "5 %", "wave_sise": 3},
            "dry_run": "yes",
        }
    )
    assert set(found) == {
        "acton",
        "action",
        "instances[1]",
        "instances[2]",
        "select",
        "select.nam",
        "rollout.canary",
        "rollout.max_failures",
        "rollout.wave_sise",
        "dry_run",
    }
    assert "Did you mean action?" in found["acton"]
    assert "Did you mean name?" in found["select.nam"]
    assert "Did you mean wave_size?" in found["rollout.wave_sise"]


@pytest.mark.parametrize(
    ("change", "path", "says"),
    [
        ({"action": "restrt"}, "action", "Did you mean restart?"),
        ({"action": None}, "action", "the action must not be null"),
        ({"action": "delete"}, "action", "Write one of restart, soft_restart, flush, stop, start"),
        ({"instances": []}, "instances", "must not be empty"),
        ({"instances": "x"}, "instances", "must be a list, not 'x'"),
        ({"select": {"tags": {"a": "b"}}}, "select", "instances and select cannot be combined"),
        ({"watch": True}, "watch", "true is not a valid value"),
        ({"watch": {"timeout": 5}}, "watch.timeout", "Did you mean timeout_s?"),
        ({"watch": False, "rollout": {"canary": 1}}, "rollout.canary", "canary cannot be used if watch is false"),
        ({"watch": False, "rollout": {"wave_size": 1}}, "rollout.wave_size", "wave_size cannot be used if watch is false"),
        ({"approve": "yes"}, "approve", "v2: and 64 hexadecimal digits"),
        ({"approve": f"v2:{'a' * 64}.short"}, "approve", "with a dot and ten characters"),
        ({"approve": f"v1:{'a' * 64}.abcdefghij"}, "approve", "not a valid approval"),
        ({"approve": f"v3:{'a' * 64}"}, "approve", "not a valid approval"),
        ({"run_id": "a b"}, "run_id", "not a valid run ID"),
        ({"rollout": {"max_failures": True}}, "rollout.max_failures", "neither a count nor a percentage"),
        ({"rollout": {"max_failures": "101%"}}, "rollout.max_failures", "neither a count nor a percentage"),
        ({"rollout": {"max_failures": -1}}, "rollout.max_failures", "neither a count nor a percentage"),
        ({"rollout": {"wave_size": 0}}, "rollout.wave_size", "greater than or equal to 1"),
        ({"cooldown_s": float("nan")}, "cooldown_s", "finite"),
        ({"window": {"start": "25:00", "end": "04:00", "timezone": "UTC"}}, "window.start", "not a valid time of day"),
        ({"window": {"start": "02:00", "end": "04:00", "timezone": "Mars/Base"}}, "window.timezone", "not a known time zone"),
        ({"window": {"start": "02:00", "end": "04:00", "timezone": "UTC", "days": ["monday"]}}, "window.days[0]", "'mon'"),
        ({"backup": "after"}, "backup", "'none' or 'before'"),
        ({"dry_run": 1}, "dry_run", "must be true or false, not 1. "),
        ({"name": 5}, "name", "must be a string, not 5. Write it in double quotes."),
        ({"name": {"secret": 1}}, "name", "must be a string, not an object."),
        ({"rollout": [1]}, "rollout", "must be a JSON object, not a list."),
        ({"rollout": {"canary": None, "wave_size": 10**400}}, "rollout.wave_size", "a huge number"),
    ],
    ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict) else "",
)
def test_one_problem_says_where_what_and_what_to_write(change: Mapping[str, Any], path: str, says: str) -> None:
    """The message is all that its reader has at three in the morning."""
    found = problems({**MINIMAL, **change})
    assert list(found) == [path]
    assert says in found[path]


@pytest.mark.parametrize(
    "select",
    [{}, {"tags": {}}, {"exclude_tags": {"a": "b"}}, {"exclude_instances": [ID_A]}],
    ids=["none", "no tags", "tags out", "ids out"],
)
def test_a_selection_needs_a_positive_condition(select: dict[str, Any]) -> None:
    """What only excludes means everything else, and nobody means that."""
    assert "at least one condition is required" in problems({"action": "restart", "select": select})["select"]


def test_nothing_to_act_on_is_refused() -> None:
    """Neither instances nor select."""
    assert "neither instances nor select is given" in problems({"action": "restart"})["instances"]


def test_beside_a_reviewed_plan_stands_only_who_asks_and_how() -> None:
    """A reviewed plan that an event can change has not been reviewed."""
    assert set(problems({"plan": "nightly", "action": "flush", "rollout": {}})) == {"action", "rollout"}
    assert parse_request({"plan": "nightly", "dry_run": True, "requested_by": "me"}).plan == "nightly"


@pytest.mark.parametrize("raw", [None, [], "restart", 5, True], ids=str)
def test_what_is_no_object_is_refused(raw: object) -> None:
    """Any JSON value may arrive."""
    assert "a request must be a JSON object" in problems(raw)[""]


def test_a_long_value_is_cut_in_the_message() -> None:
    """A message of megabytes helps nobody and may hold what it should not."""
    with pytest.raises(InvalidEventError) as caught:
        parse_request({"action": "x" * 100_000, "instances": [ID_A]})
    assert len(str(caught.value)) < 500


def test_two_requests_for_the_same_are_equal_in_canonical_form() -> None:
    """Labels, approvals, the order of IDs and written-out defaults do not make another request."""
    one = parse_request({"action": "restart", "instances": [ID_A, ID_B], "name": "x", "requested_by": "me", "run_id": "k"})
    two = parse_request({"action": "restart", "instances": [ID_B.upper(), ID_A], "dry_run": False, "approve": "v1:" + "0" * 64})
    assert canonical(one) == canonical(two)
    assert canonical(one) != canonical(parse_request({"action": "restart", "instances": [ID_A]}))
    assert canonical(one) != canonical(parse_request({"action": "stop", "instances": [ID_A, ID_B]}))


def test_a_named_plan_compares_by_name() -> None:
    """The plan file may be edited between two deliveries of one event."""
    assert canonical(parse_request({"plan": "a", "requested_by": "x"})) == canonical(parse_request({"plan": "a"}))
    assert canonical(parse_request({"plan": "a"})) != canonical(parse_request({"plan": "b"}))


@pytest.mark.parametrize("name", ["int", "str", "Watch", "literal[False]", "[key]"])
def test_a_field_that_is_called_like_a_branch_of_pydantic_s_is_named(name: str) -> None:
    """pydantic names the branches of a union in its paths; a user's own field may have such a name."""
    with pytest.raises(InvalidEventError) as caught:
        parse_request({"action": "restart", "instances": ["2e803f66-fbb0-47ad-b6cb-fb87f5bed4ef"], name: 1})
    assert [problem.path for problem in caught.value.problems] == [name]


FLOODS: dict[str, dict[str, Any]] = {
    "ids": {"action": "restart", "instances": [f"bad-{n}" for n in range(60_000)]},
    "no ids": {"action": "restart", "instances": [0] * 1_000_000},
    "fields": {"action": "restart", "instances": [ID_A], **{f"made-up-{n}": n for n in range(50_000)}},
    "tags": {"action": "restart", "select": {"tags": {f"tag-{n}": n for n in range(50_000)}}},
    "excluded": {"action": "restart", "select": {"name": "*", "exclude_instances": ["bad"] * 60_000}},
    "versions": {"action": "restart", "select": {"engine_versions": [0] * 60_000}},
    "rollout": {"action": "restart", "instances": [ID_A], "rollout": {f"made-up-{n}": n for n in range(50_000)}},
    "days": {"action": "restart", "instances": [ID_A], "window": {"start": "1", "end": "2", "timezone": "UTC", "days": ["x"] * 60_000}},
}


@pytest.mark.parametrize("event", FLOODS.values(), ids=FLOODS)
def test_a_flood_of_problems_is_twenty_and_a_count(event: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused anyway must cost little: sentences are only made for what is told."""
    made = []
    monkeypatch.setattr(request, "to_problem", lambda *given: made.append(given) or to_problem(*given))
    with pytest.raises(InvalidEventError) as caught:
        parse_request(event)
    assert len(caught.value.problems) == 21
    assert re.match(r"\d+ more problems were found", caught.value.problems[-1].what)
    assert len(made) <= 21
    assert len(str(caught.value)) < 8_000


def test_problems_keep_their_places_in_a_flood() -> None:
    with pytest.raises(InvalidEventError) as caught:
        parse_request({"action": "restart", "instances": [ID_A, *["bad"] * 100]})
    assert [one.path for one in caught.value.problems[:20]] == [f"instances[{n}]" for n in range(1, 21)]
    assert caught.value.problems[-1].what.startswith("80 more problems")


def test_what_is_wrong_across_fields_is_told_whatever_the_flood() -> None:
    with pytest.raises(InvalidEventError) as caught:
        parse_request({"instances": ["bad"] * 100, "select": {"name": "*"}})
    assert {"action", "select"} <= {one.path for one in caught.value.problems}


def test_a_label_is_one_line() -> None:
    assert parse_request({"action": "restart", "instances": [ID_A], "name": "a\nb", "requested_by": "每周\u202e"}).name == "a?b"
