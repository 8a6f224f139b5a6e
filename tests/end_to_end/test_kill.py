"""Killed at every point between two journal entries, then resumed: nothing twice, nothing lost, nothing claimed that is not true."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.end_to_end.conftest import Lab

EVENT = {"action": "restart", "select": {"tags": {"env": "test"}}, "run_id": "night"}
APPENDS = 22  # of a whole run of three instances in two waves; the first test holds it
LATER_S = 500.0  # past the lease, the longest PUT and the skew


def killed_and_resumed(lab: Lab, at: int, when: str) -> None:
    assert lab.run(EVENT, kill_at=at, kill_when=when) is None
    report = lab.run(EVENT, ahead_s=LATER_S)
    assert report is not None
    assert "error" not in report, report
    sent = lab.sent()
    assert len(sent) == len(set(sent)), f"killed {when} append {at}: an instance was sent twice"
    for one in report["instances"]:
        done = len(lab.emu.truth.executions(one["instance_id"]))
        if one["outcome"] in ("completed", "accepted"):
            assert done == 1, one
        if one["outcome"] in ("not_attempted", "refused", "skipped"):
            assert done == 0, one
    entries = lab.entries(report["run_id"])
    assert [entry["kind"] for entry in entries].count("reported") == 1
    again = lab.run(EVENT, ahead_s=LATER_S)
    assert again is not None
    assert again["replayed"] is True
    assert again["instances"] == report["instances"]


def test_a_whole_run_has_as_many_appends_as_the_tests_below_kill_it_at(lab: Callable[..., Lab]) -> None:
    one = lab()
    assert one.run(EVENT, kill_at=APPENDS, kill_when="after") is None
    other = lab()
    assert other.run(EVENT, kill_at=APPENDS + 1, kill_when="after") is not None


@pytest.mark.parametrize("when", ["before", "after"])
def test_sqlite_at_every_point(when: str, lab: Callable[..., Lab]) -> None:
    labs = [lab() for _ in range(APPENDS)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda at: killed_and_resumed(labs[at - 1], at, when), range(1, APPENDS + 1)))


@pytest.mark.parametrize("when", ["before", "after"])
def test_dynamodb_at_every_point(when: str, lab: Callable[..., Lab]) -> None:
    labs = [lab("dynamodb") for _ in range(APPENDS)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda at: killed_and_resumed(labs[at - 1], at, when), range(1, APPENDS + 1)))
