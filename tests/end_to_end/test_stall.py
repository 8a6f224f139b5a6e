"""Owners that stall, and many at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.end_to_end.conftest import Lab, ended

EVENT = {"action": "restart", "select": {"tags": {"env": "test"}}, "run_id": "night"}
LATER_S = 500.0  # past the lease, the longest PUT and the skew


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("store", ["sqlite", "dynamodb", "obs"])
def test_a_stalled_owner_that_wakes_after_it_was_taken_over_sends_nothing_more(store: str, attempt: int, lab: Callable[..., Lab]) -> None:
    """Frozen when this attempt is on record and has not left yet; time has gone on when it wakes."""
    one = lab(store)
    owner = one.start(EVENT, halt_at_sending=attempt)
    owner.wait_until_halted()
    assert len(one.emu.truth.puts) == attempt - 1
    one.clock.sleep(LATER_S)
    successor = one.run(EVENT)
    assert successor["status"] in ("succeeded", "partial", "failed")
    after = len(one.emu.truth.puts)
    owner.wake()
    assert owner.report["status"] not in ("succeeded", "partial", "failed")
    assert len(one.emu.truth.puts) == after
    sent = one.sent()
    assert len(sent) == len(set(sent))


@pytest.mark.parametrize("store", ["sqlite", "dynamodb", "obs"])
def test_of_eight_concurrent_deliveries_one_runs(store: str, lab: Callable[..., Lab]) -> None:
    """Time stands still until the other seven have their answer, so that whoever won is still at work."""
    one = lab(store)
    with one.clock.stopped():
        begun = [one.start(EVENT) for _ in range(8)]
        others = ended(begun, 7)
        assert {other.report["status"] for other in others} == {"running"}
    (owner,) = set(begun) - set(others)
    report = owner.report
    assert (report["status"], report["replayed"]) == ("succeeded", False)
    assert sorted(one.sent()) == sorted(one.ids)
    assert len({entry["owner"] for entry in one.entries(report["run_id"])}) == 1, "nobody took it over"


def test_of_two_runs_over_one_instance_one_acts(lab: Callable[..., Lab]) -> None:
    """Time stands still until one was refused, so that the other is still at work."""
    one = lab()
    event = {"action": "restart", "instances": one.ids[:1]}
    with one.clock.stopped():
        begun = [one.start({**event, "run_id": name}) for name in ("first", "second")]
        (refused,) = ended(begun, 1)
        report = refused.report
        assert report["status"] == "rejected"
        assert report["instances"][0]["guard"] in ("claims", "state")
    (owner,) = set(begun) - {refused}
    assert owner.report["status"] == "succeeded"
    assert one.sent() == one.ids[:1]
