"""Which instances of the fleet a request means. Pure."""

from __future__ import annotations

from typing import Any

import pytest

from dcs_upkeep.domain.request import parse_request
from dcs_upkeep.planning.selection import selected
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
