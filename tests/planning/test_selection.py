"""Which instances of the fleet a request means. Pure."""

from __future__ import annotations

from typing import Any

import pytest

from dcs_upkeep.domain.request import Select, parse_request
from dcs_upkeep.planning.selection import idle_exclusions, selected
from tests.planning.fleets import fleet, instance


@pytest.mark.parametrize(
    ("select", "numbers"),
    [
        ({"tags": {"env": "prod"}}, [1, 2, 4]),
        ({"tags": {"env": "prod", "app": "web"}}, [2]),
        ({"name": "cache-00[13]"}, [1, 3]),
        ({"name": "Cache-*"}, []),
        ({"engine_versions": ["5.0"]}, [1, 2, 3]),
        ({"engine_versions": ["6"]}, [4]),
        ({"engine_versions": ["4"]}, []),
        ({"tags": {"env": "prod"}, "exclude_tags": {"app": "web"}}, [1, 4]),
        ({"tags": {"env": "prod"}, "exclude_instances": ["00000000-0000-4000-8000-000000000001"]}, [2, 4]),
    ],
)
def test_all_conditions_of_a_selection_must_hold(select: dict[str, Any], numbers: list[int]) -> None:
    known = fleet(
        instance(1), instance(2, tags={"env": "prod", "app": "web"}), instance(3, tags={"env": "dev"}), instance(4, engine_version="6.0")
    )
    found = selected(parse_request({"action": "restart", "select": select}), known)
    assert [int(one[-3:]) for one in found] == numbers


TAGGED = fleet(
    instance(1, tags={"env": "prod", "Tier": "Payment"}),
    instance(2, tags={"env": "prod", " tier ": " payment "}),
    instance(3, tags={"env": "prod", "tier": "web"}),
    instance(4, tags={"env": "prod", "tier": ""}),
    instance(5, tags={"env": "prod"}),
    instance(6, tags=None),
)


@pytest.mark.parametrize(
    ("exclude", "numbers"),
    [
        ({"exclude_tags": {"tier": "*"}}, [5, 6]),
        ({"exclude_tags": {" TIER ": " * "}}, [5, 6]),
        ({"exclude_tags": {"Tier": "Payment"}}, [3, 4, 5, 6]),
        ({"exclude_tags": {"tier": " PAYMENT"}}, [3, 4, 5, 6]),
        ({"exclude_tags": {"tier": "payment", "TIER": "web"}}, [4, 5, 6]),
        ({"exclude_tags": {"tier": ""}}, [1, 2, 3, 5, 6]),
        ({"exclude_tags": {"tier": "pay*"}}, [1, 2, 3, 4, 5, 6]),
        ({"exclude_instances": [instance(1).instance_id, instance(6).instance_id]}, [2, 3, 4, 5]),
    ],
)
def test_an_exclusion_is_as_lenient_as_protection(exclude: dict[str, Any], numbers: list[int]) -> None:
    """`Tier=Payment` was meant to keep them out, however somebody wrote it."""
    request = parse_request({"action": "restart", "select": {"tags": {"env": "prod"}, **exclude}})
    assert [int(one[-3:]) for one in selected(request, TAGGED)] == numbers
    assert idle_exclusions(request.select or Select(), TAGGED.values()) == (
        ("exclude_tags 'tier=pay*' matched no instance",) if len(numbers) == 6 else ()
    )


def test_an_id_that_dcs_lists_in_capitals_is_excluded_all_the_same() -> None:
    known = fleet(instance(1, instance_id="ABCDEF00-0000-4000-8000-000000000001"))
    request = parse_request({"action": "restart", "select": {"name": "*", "exclude_instances": ["abcdef00-0000-4000-8000-000000000001"]}})
    assert selected(request, known) == ()


def test_any_value_of_a_tag_may_be_selected() -> None:
    request = parse_request({"action": "restart", "select": {"tags": {"tier": "*"}}})
    assert [int(one[-3:]) for one in selected(request, TAGGED)] == [3, 4, 6]


def test_an_exclusion_that_matches_nothing_is_told() -> None:
    """A typo: what was to be kept out is in."""
    absent = [f"00000000-0000-4000-8000-00000000009{digit}" for digit in range(9)]
    select = {"name": "*", "exclude_tags": {"tear": "payment", "tier": "web"}, "exclude_instances": [instance(1).instance_id, *absent]}
    request = parse_request({"action": "restart", "select": select})
    assert idle_exclusions(request.select or Select(), TAGGED.values()) == (
        "exclude_tags 'tear=payment' matched no instance",
        f"exclude_instances: DCS lists no instance {', '.join(absent[:5])} and 4 more",
    )


def test_named_ids_stay_in_their_order_whether_they_exist_or_not() -> None:
    ids = [instance(number).instance_id for number in (3, 1, 9)]
    assert selected(parse_request({"action": "restart", "instances": ids}), fleet(instance(1), instance(3))) == tuple(ids)


def test_a_selection_is_in_the_order_of_names_and_then_of_ids_however_the_fleet_is_listed() -> None:
    """Two machines must make the same waves of the same fleet."""
    rows = [instance(3, name="b"), instance(1, name="b"), instance(2, name="a")]
    request = parse_request({"action": "restart", "select": {"name": "*"}})
    wanted = tuple(instance(number).instance_id for number in (2, 1, 3))
    assert selected(request, fleet(*rows)) == selected(request, fleet(*reversed(rows))) == wanted


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [("5.0", "5.0", True), ("5.0.9", "5.0", True), ("5.0", "5", True), ("50.0", "5", False), ("5", "5.0", False), ("", "5", False)],
)
def test_a_version_fits_as_a_whole_or_by_its_first_parts(version: str, wanted: str, fits: bool) -> None:
    request = parse_request({"action": "restart", "select": {"engine_versions": [wanted]}})
    assert bool(selected(request, fleet(instance(1, engine_version=version)))) is fits
