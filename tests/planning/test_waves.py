"""How a plan is cut into waves, and how many failures it bears. Pure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_upkeep.domain.request import parse_request
from dcs_upkeep.planning.waves import failure_budget, make_waves
from tests.planning.fleets import instance


@pytest.mark.parametrize(
    ("count", "rollout", "sizes"),
    [
        pytest.param(0, {}, [], id="nothing"),
        pytest.param(1, {}, [1], id="the canary alone"),
        pytest.param(120, {}, [1, 50, 50, 19], id="defaults"),
        pytest.param(7, {"canary": 0, "wave_size": 3}, [3, 3, 1], id="no canary"),
        pytest.param(7, {"canary": 2, "wave_size": 3}, [2, 3, 2], id="a canary of two"),
        pytest.param(7, {"canary": 5, "wave_size": 3}, [3, 3, 1], id="a canary is no larger than a wave"),
        pytest.param(3, {"canary": 1, "wave_size": 100}, [1, 2], id="a wave larger than the rest"),
    ],
)
def test_sizes_of_waves(count: int, rollout: dict[str, Any], sizes: list[int]) -> None:
    request = parse_request({"action": "restart", "select": {"name": "*"}, "rollout": rollout})
    assert [len(wave) for wave in make_waves([instance(number) for number in range(count)], request)] == sizes


def test_without_watching_there_is_one_wave() -> None:
    request = parse_request({"action": "restart", "select": {"name": "*"}, "watch": False})
    assert [len(wave) for wave in make_waves([instance(number) for number in range(120)], request)] == [120]


def test_no_two_of_one_shard_are_in_one_wave_and_those_without_a_shard_count_as_one() -> None:
    tags: list[dict[str, str]] = [{"shard": "a"}, {"shard": "a"}, {"shard": "b"}, {}, {}, {"shard": "a"}]
    targets = [instance(number, tags=mine) for number, mine in enumerate(tags)]
    request = parse_request({"action": "restart", "select": {"name": "*"}, "rollout": {"canary": 0, "spread_by": "shard"}})
    by_id = {target.instance_id: target.tags.get("shard") for target in targets}
    waves = [[by_id[instance_id] for instance_id in wave] for wave in make_waves(targets, request)]
    assert waves == [["a", "b", None], ["a", None], ["a"]]


@given(st.integers(0, 130), st.integers(0, 5), st.integers(1, 60), st.integers(0, 4))
def test_waves_keep_the_order_and_neither_lose_nor_double_an_id(count: int, canary: int, size: int, shards: int) -> None:
    targets = [instance(number, tags={"shard": str(number % shards)} if shards else {}) for number in range(count)]
    rollout: dict[str, Any] = {"canary": canary, "wave_size": size, **({"spread_by": "shard"} if shards else {})}
    waves = make_waves(targets, parse_request({"action": "restart", "select": {"name": "*"}, "rollout": rollout}))
    flat = [one for wave in waves for one in wave]
    assert sorted(flat) == [one.instance_id for one in targets]
    assert all(1 <= len(wave) <= max(size, canary) for wave in waves)
    if count and canary and not shards:
        assert len(waves[0]) <= min(canary, size)
        assert flat == [one.instance_id for one in targets]


@pytest.mark.parametrize(
    ("share", "count", "budget"), [(3, 10, 3), ("5%", 39, 1), ("5%", 19, 0), ("100%", 7, 7), ("33.3%", 3, 0), ("29%", 100, 29)]
)
def test_a_share_of_failures_is_rounded_down(share: Any, count: int, budget: int) -> None:
    assert failure_budget(share, count) == budget
