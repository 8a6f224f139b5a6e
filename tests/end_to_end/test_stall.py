"""Owners that stall, and many at once."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable

import pytest

from tests.end_to_end.conftest import Lab

EVENT = {"action": "restart", "select": {"tags": {"env": "test"}}, "run_id": "night"}


@pytest.mark.parametrize("store", ["sqlite", "dynamodb"])
def test_a_stalled_owner_that_wakes_after_it_was_taken_over_sends_nothing_more(store: str, lab: Callable[..., Lab]) -> None:
    """Frozen right before its second PUT; its own clock has gone on when it wakes."""
    one = lab(store)
    with one.start(EVENT, stop_before_put=4) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline().strip() == "stopped"
        before = len(one.emu.truth.puts)
        successor = one.run(EVENT, ahead_s=500.0)
        assert successor is not None
        assert successor["status"] in ("succeeded", "partial", "failed")
        after = len(one.emu.truth.puts)
        os.kill(owner.pid, signal.SIGCONT)
        owner.stdout.read()
    assert len(one.emu.truth.puts) == after
    assert before <= after
    sent = one.sent()
    assert len(sent) == len(set(sent))


@pytest.mark.parametrize("store", ["sqlite", "dynamodb"])
def test_of_eight_concurrent_deliveries_one_runs(store: str, lab: Callable[..., Lab]) -> None:
    one = lab(store)
    children = [one.start(EVENT) for _ in range(8)]
    reports = []
    for child in children:
        assert child.stdout is not None
        reports.append(child.stdout.read())
        child.wait()
        child.stdout.close()

    told = [json.loads(text) for text in reports]
    acted = [report for report in told if report.get("status") == "succeeded" and not report["replayed"]]
    assert len(acted) == 1
    assert all(report.get("replayed") or report.get("status") == "running" or report is acted[0] for report in told)
    assert sorted(one.sent()) == sorted(one.ids)


def test_of_two_runs_over_one_instance_one_acts(lab: Callable[..., Lab]) -> None:
    one = lab()
    event = {"action": "restart", "instances": one.ids[:1]}
    children = [one.start({**event, "run_id": name}) for name in ("first", "second")]

    told = []
    for child in children:
        assert child.stdout is not None
        told.append(json.loads(child.stdout.read()))
        child.wait()
        child.stdout.close()
    assert len(one.sent()) == 1
    (refused,) = [report for report in told if report["status"] == "rejected"]
    assert refused["instances"][0]["guard"] in ("claims", "state")
