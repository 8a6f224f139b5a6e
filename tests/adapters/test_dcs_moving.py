"""Listings that move while they are paged: whoever is there all the time is never missing. Over HTTP."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import pytest

from dcs_upkeep.adapters.dcs import listing
from dcs_upkeep.adapters.dcs.client import HuaweiDcs
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Instance
from dcs_upkeep.local.emulator import Emulator, Fault, make_fleet

Emulate = Callable[..., Emulator]
Connect = Callable[..., HuaweiDcs]


def ids_of(emu: Emulator) -> list[str]:
    return [one.instance_id for one in emu.instances()]


@pytest.mark.parametrize("count", [1, 700])
@pytest.mark.parametrize("before", ["first", "edge", "spread"])
def test_what_is_deleted_between_two_pages_takes_nobody_with_it(emulate: Emulate, connect: Connect, count: int, before: str) -> None:
    """The rows behind it move up, past the beginning of the next page."""
    emu = emulate(make_fleet(1500))
    ids = ids_of(emu)
    gone = {"first": ids[:count], "edge": ids[1000 - count : 1000], "spread": ids[0:1000:2][:count]}[before]
    emu.add_fault(Fault("list", "deleted", page=1, after=1, ids=gone))
    emu.add_fault(Fault("list", "deleted", after=1, ids=gone))
    found = {one.instance_id for one in connect(emu).snapshot()}
    assert set(ids_of(emu)) <= found
    assert emu.truth.count("list") <= 12


@pytest.mark.parametrize("place", [0, 999, 1000])
def test_named_instances_around_the_edge_are_all_found(emulate: Emulate, connect: Connect, place: int) -> None:
    emu = emulate(make_fleet(1500))
    ids = ids_of(emu)
    named = ids[995:1005]
    emu.add_fault(Fault("list", "deleted", after=1, ids=[ids[place]]))
    assert set(connect(emu).read(named)) == set(named) - {ids[place]} | ({ids[place]} & set(ids[:1000]) & set(named))


def test_what_is_created_between_two_pages_is_in_the_list(emulate: Emulate, connect: Connect) -> None:
    """The count has changed, so the listing is read again."""
    emu = emulate(make_fleet(1500), faults=[Fault("list", "created", after=1)])
    assert {one.instance_id for one in connect(emu).snapshot()} == set(ids_of(emu))
    assert len(ids_of(emu)) == 1501


def test_a_list_that_leaves_some_out_once_is_read_again(emulate: Emulate, connect: Connect) -> None:
    emu = emulate(make_fleet(9), faults=[Fault("list", "missing_ids")])
    assert {one.instance_id for one in connect(emu).snapshot()} == set(ids_of(emu))


def test_a_named_instance_that_the_list_does_not_show_is_asked_for(emulate: Emulate, connect: Connect) -> None:
    emu = emulate(make_fleet(9))
    ids = ids_of(emu)
    emu.add_fault(Fault("list", "missing_ids", times=None, ids=ids[3:5]))
    assert list(connect(emu).read(ids)) == ids
    assert emu.truth.count("show") == 2


@pytest.mark.parametrize("count", [3, 9])
def test_one_that_may_not_be_read_keeps_nobody_else_from_it(emulate: Emulate, connect: Connect, count: int) -> None:
    """By show, and by list: it lies in another enterprise project."""
    emu = emulate(make_fleet(count))
    ids = ids_of(emu)
    emu.change(ids[0], granted="403")
    assert list(connect(emu).read(ids)) == ids[1:]
    with pytest.raises(CloudError, match="dcs:instance:get"):
        connect(emu).read(ids[:1])


def test_a_fleet_of_100_000_that_never_stands_still_loses_nobody() -> None:
    """Pure, in one pass: ten are deleted, here and there, and one is created between any two pages."""
    fleet = list(range(100_000))  # in their order, so that they are found quickly; who is created stands in front
    mortal = random.Random(7).sample(fleet, 5000)
    always = {str(one) for one in fleet} - {str(one) for one in mortal}
    calls = 0

    def ask(begin: int) -> listing.Page:
        nonlocal calls
        calls += 1
        for _ in range(10):
            del fleet[bisect_left(fleet, mortal.pop())]
        fleet.insert(0, -calls)
        rows = fleet[begin : begin + 1000]
        return [Instance(str(one), "", "RUNNING") for one in rows], len(rows), len(fleet)

    found = listing.read_until(ask, lambda _: False)
    assert always <= found.keys()
    assert calls <= 130


def test_two_that_are_deleted_while_two_are_created_hide_nobody_though_the_count_is_the_same() -> None:
    fleet = [Instance(f"i-{n}", "", "RUNNING") for n in range(1500)]

    def ask(begin: int) -> listing.Page:
        if begin == 999 and len(fleet) == 1500 and fleet[0].instance_id == "i-0":
            fleet.extend(Instance(f"new-{n}", "", "RUNNING") for n in range(2))
            del fleet[:2]
        rows = fleet[begin : begin + 1000]
        return rows, len(rows), len(fleet)

    assert listing.read_all(ask).keys() == {f"i-{n}" for n in range(1500)} | {"new-0", "new-1"}


def test_a_list_that_comes_in_smaller_pages_than_were_asked_for_is_read_to_its_end() -> None:
    fleet = [Instance(f"i-{n}", "", "RUNNING") for n in range(95)]
    found = listing.read_all(lambda begin: (fleet[begin : begin + 10], len(fleet[begin : begin + 10]), 95))
    assert len(found) == 95


def test_an_offset_past_the_end_that_is_refused_is_a_list_that_has_shrunk() -> None:
    """DCS.4800. All behind the first page has moved into it."""
    fleet = [Instance(f"i-{n}", "", "RUNNING") for n in range(1500)]

    def ask(begin: int) -> listing.Page:
        if begin == 999 and len(fleet) == 1500:
            del fleet[:800]
        if begin >= len(fleet):
            raise CloudError("list_instances", "answered 400 DCS.4800", "", status=400, code="DCS.4800")
        rows: Any = fleet[begin : begin + 1000]
        return rows, len(rows), len(fleet)

    assert {f"i-{n}" for n in range(800, 1500)} <= listing.read_all(ask).keys()


@pytest.mark.parametrize("size", [1500, 3000])
def test_a_list_in_no_order_is_read_until_it_has_shown_everyone(size: int) -> None:
    """Each page is cut from another order, so that each pass leaves some out."""
    order = random.Random(3)
    fleet = [Instance(f"i-{n}", "", "RUNNING") for n in range(size)]

    def ask(begin: int) -> listing.Page:
        order.shuffle(fleet)
        rows = fleet[begin : begin + 1000]
        return rows, len(rows), len(fleet)

    assert listing.read_all(ask).keys() == {f"i-{n}" for n in range(size)}


def test_a_list_that_leaves_others_out_each_time_is_never_taken_for_the_whole() -> None:
    """Two of three pages that come are a choice of the server's."""
    fleet = [Instance(f"i-{n}", "", "RUNNING") for n in range(2500)]
    passes = 0

    def ask(begin: int) -> listing.Page:
        nonlocal passes
        passes += begin == 0
        shown = [*fleet[:999], *fleet[1000 + passes : 1100 + passes]]
        rows = shown[begin : begin + 1000]
        return rows, len(rows), len(fleet)

    with pytest.raises(CloudError, match="does not hold still: of 2500 instances 11"):
        listing.read_all(ask)


def test_a_fleet_that_grows_with_every_page_is_read_a_few_times_and_has_all_that_were_there() -> None:
    fleet = [Instance(f"i-{n}", "", "RUNNING") for n in range(2500)]
    calls = 0

    def ask(begin: int) -> listing.Page:
        nonlocal calls
        calls += 1
        fleet.insert(0, Instance(f"new-{calls}", "", "RUNNING"))
        rows = fleet[begin : begin + 1000]
        return rows, len(rows), len(fleet)

    assert {f"i-{n}" for n in range(2500)} <= listing.read_all(ask).keys()
    assert calls <= 12


@pytest.mark.parametrize("seed", range(5))
def test_rows_that_change_their_places_while_they_are_paged_are_all_found(seed: int) -> None:
    """As in a list by the time of the last change."""
    chance = random.Random(seed)
    fleet = [Instance(f"i-{n}", "", "RUNNING") for n in range(3000)]

    def ask(begin: int) -> listing.Page:
        for _ in range(20):
            fleet.insert(0, fleet.pop(chance.randrange(3000)))
        rows = fleet[begin : begin + 1000]
        return rows, len(rows), len(fleet)

    assert listing.read_all(ask).keys() == {f"i-{n}" for n in range(3000)}
