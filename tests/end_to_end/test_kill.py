"""Killed at every point between two journal entries, then resumed: nothing twice, nothing lost, nothing claimed that is not true."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.end_to_end.conftest import Lab
from tests.world import printed_event

EVENT = {"action": "restart", "select": {"tags": {"env": "test"}}, "run_id": "night"}
USED_AT = 3  # appends of a flush: the index, the claim, the approval, the plan
LATER_S = 500.0  # past the lease, the longest PUT and the skew


def entries_of_a_whole_run(lab: Lab, event: Any) -> list[str]:
    """The kinds of all that it appends, in order."""
    said = lab.start(event).end()
    assert said is not None
    report, kinds = said
    assert report["status"] == "succeeded"
    assert len(lab.emu.truth.puts) == 2, "two waves"
    return kinds


def killed_and_resumed(lab: Lab, event: Any, when: str, at: int) -> dict[str, Any]:
    assert lab.start(event, kill=(when, at)).end() is None
    lab.clock.sleep(LATER_S)
    report = lab.run(event)
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
    again = lab.run(event)
    assert again["replayed"] is True
    assert again["instances"] == report["instances"]
    return report


def approved(lab: Lab, event: Any) -> dict[str, Any]:
    return {**printed_event(lab.run({**event, "dry_run": True})), "run_id": event["run_id"]}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("store", ["sqlite", "dynamodb", "obs"])
def test_at_every_append(store: str, when: str, lab: Callable[..., Lab]) -> None:
    kinds = entries_of_a_whole_run(lab(store), EVENT)
    assert {"claimed", "planned", "held", "sending", "sent", "watched", "reported", "left"} <= set(kinds)
    for at in range(1, len(kinds) + 1):
        killed_and_resumed(lab(store), EVENT, when, at)


def test_a_flush_whose_answer_died_with_its_process_is_not_sent_again(lab: Callable[..., Lab]) -> None:
    """Nothing shows that a flush was executed, once it is over: the journal alone knows that it may have been."""
    first = lab()
    event = {**EVENT, "action": "flush"}
    kinds = entries_of_a_whole_run(first, approved(first, event))
    assert kinds.index("used") < kinds.index("planned"), "an approval that two runs could plan with would start them both"
    for at in (place for place, kind in enumerate(kinds, 1) if kind == "sent"):
        one = lab()
        report = killed_and_resumed(one, approved(one, event), "before", at)
        for instance_id in one.emu.truth.puts[-1].ids:
            assert len(one.emu.truth.executions(instance_id)) == 1
            assert [row["outcome"] for row in report["instances"] if row["instance_id"] == instance_id] == ["unknown"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_approval_stays_with_the_run_that_died_over_it(when: str, lab: Callable[..., Lab]) -> None:
    """The same run goes on with it; no other is started by it."""
    one = lab()
    event = approved(one, {**EVENT, "action": "flush"})
    assert one.start(event, kill=(when, USED_AT)).end() is None
    assert one.sent() == []
    one.clock.sleep(LATER_S)
    assert one.run(event)["counts"] == {"completed": 3}
    other = one.run({**event, "run_id": "dawn"})
    assert (other["error"], {row["guard"] for row in other["instances"]}) == ("RefusedError", {"approval"})
    assert "night" in other["instances"][0]["reason"]
