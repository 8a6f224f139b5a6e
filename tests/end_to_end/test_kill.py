"""Killed at every point between two journal entries, then resumed: nothing twice, nothing lost, nothing claimed that is not true."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.end_to_end.conftest import Lab

EVENT = {"action": "restart", "select": {"tags": {"env": "test"}}, "run_id": "night"}
LATER_S = 500.0  # past the lease, the longest PUT and the skew


def appends_of_a_whole_run(lab: Lab) -> int:
    said = lab.start(EVENT).end()
    assert said is not None
    report, appends = said
    assert report["status"] == "succeeded"
    assert len(lab.emu.truth.puts) == 2, "two waves"
    return appends


def killed_and_resumed(lab: Lab, when: str, at: int) -> None:
    assert lab.start(EVENT, kill=(when, at)).end() is None
    lab.clock.sleep(LATER_S)
    report = lab.run(EVENT)
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
    again = lab.run(EVENT)
    assert again["replayed"] is True
    assert again["instances"] == report["instances"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("store", ["sqlite", "dynamodb"])
def test_at_every_append(store: str, when: str, lab: Callable[..., Lab]) -> None:
    appends = appends_of_a_whole_run(lab(store))
    assert appends > 15, "claims, plan, two waves, their answers and the report"
    for at in range(1, appends + 1):
        killed_and_resumed(lab(store), when, at)
