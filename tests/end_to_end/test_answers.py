"""The table of answers in docs/architecture.md, row by row, over HTTP: what is sent again, what never, and what the report says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world import Fault, world


def test_success_is_accepted_and_watched_to_its_end() -> None:
    with world(3) as w:
        report = w.restart()
        assert set(w.outcomes(report).values()) == {"completed"}
        assert {one["evidence"] for one in report["instances"]} == {"observed"}
        assert len(w.puts) == 1


def test_failed_is_failed_and_says_the_instance_s_state() -> None:
    """The API gives no reason, so the reader needs to know what the instance shows."""
    with world(3) as w:
        w.emu.add_fault(Fault("put", "failed", ids=(w.ids[1],)))
        report = w.restart()
        assert list(w.outcomes(report).values()) == ["completed", "failed", "completed"]
        assert "RUNNING" in report["instances"][1]["reason"]
        assert report["status"] == "partial"


@pytest.mark.parametrize(
    "kind", ["500_executed", "lost_answer", "truncated", "garbage", "empty_object", "null_results", "204", "nameless_rows", "odd_result"]
)
def test_a_lost_answer_is_never_sent_again_and_evidence_settles_it(kind: str) -> None:
    """Each of these was executed; a second PUT would restart everything twice."""
    with world(3, faults=[Fault("put", kind, word="perhaps")]) as w:
        report = w.restart()
        assert len(w.puts) == 1
        assert set(w.executions().values()) == {1}
        assert set(w.outcomes(report).values()) == {"completed"}
        assert all("another actor cannot be excluded" in one["reason"] for one in report["instances"])


@pytest.mark.parametrize("kind", ["500", "502_html", "drop"])
def test_a_lost_answer_without_evidence_is_unknown_and_never_sent_again(kind: str) -> None:
    """Nothing was executed, but nobody can know that: a person has to judge."""
    with world(3, faults=[Fault("put", kind)]) as w:
        report = w.restart()
        assert len(w.puts) == 1
        assert set(w.outcomes(report).values()) == {"unknown"}
        assert report["status"] == "failed"
        assert "unknown" in report["next"]


def test_updated_at_alone_is_no_evidence() -> None:
    """An edit of a tag moves it."""
    with world(2, faults=[Fault("put", "500")]) as w:
        w.emu.edit(w.ids[0], updated_at=99.0)
        assert set(w.outcomes(w.restart()).values()) == {"unknown"}


def test_ids_missing_from_the_answer_are_in_doubt() -> None:
    with world(4) as w:
        w.emu.add_fault(Fault("put", "missing_ids", ids=(w.ids[0],)))
        report = w.restart()
        assert len(w.puts) == 1
        assert "another actor" in report["instances"][0]["reason"]
        assert "another actor" not in report["instances"][1]["reason"]


def test_ids_never_asked_for_change_nothing() -> None:
    with world(3, faults=[Fault("put", "extra_ids")]) as w:
        report = w.restart()
        assert len(report["instances"]) == 3
        assert set(w.outcomes(report).values()) == {"completed"}


def test_429_waits_slows_down_and_sends_again() -> None:
    with world(3, faults=[Fault("put", "429", times=3)]) as w:
        report = w.restart()
        assert len(w.puts) == 4
        gaps = [later.at - earlier.at for earlier, later in zip(w.puts, w.puts[1:], strict=False)]
        assert min(gaps) >= 0.5
        assert set(w.executions().values()) == {1}
        assert set(w.outcomes(report).values()) == {"completed"}


@pytest.mark.parametrize(("code", "status"), [("DCS.3022", 404), ("DCS.4061", 400), ("DCS.4007", 400)])
def test_one_bad_id_is_found_by_halves_and_the_healthy_go_through(code: str, status: int) -> None:
    with world(8) as w:
        w.emu.add_fault(Fault("put", "error", times=None, status=status, code=code, message="on purpose", instance_id=w.ids[5]))
        report = w.restart()
        outcomes = w.outcomes(report)
        assert [one for one, outcome in outcomes.items() if outcome != "completed"] == [w.ids[5]]
        assert report["instances"][-1]["error_code"] in (code, None)
        assert max(w.executions().values()) == 1
        assert len(w.puts) <= 8


def test_a_batch_is_read_before_any_of_it_is_sent_again() -> None:
    """Nothing documents what a 400 means for the rest of a batch: here the rest was executed."""
    with world(4, partial_execution=True) as w:
        w.emu.set_status(w.ids[3], "EXTENDING")
        w.clock.on_sleep = None
        report = w.run({"action": "restart", "instances": w.ids[:3], "rollout": {"canary": 0}})
        assert set(w.outcomes(report).values()) == {"completed"}
        assert max(w.executions().values()) == 1


def test_only_a_busy_culprit_waits() -> None:
    """The healthy never wait for it, and it gets its turn when it is free."""
    with world(4) as w:
        busy = Fault("put", "error", times=4, status=400, code="DCS.4026", message="busy", instance_id=w.ids[0])
        w.emu.add_fault(busy)
        report = w.restart()
        assert set(w.outcomes(report).values()) == {"completed"}
        sent_at = {one["instance_id"]: one["sent_at"] for one in report["instances"]}
        assert sent_at[w.ids[0]] > max(sent_at[one] for one in w.ids[1:])
        assert max(w.executions().values()) == 1


def test_too_many_halves_the_batch_for_the_rest_of_the_run() -> None:
    with world(8, faults=[Fault("put", "error", status=400, code="DCS.4100", message="too many")]) as w:
        report = w.restart()
        assert set(w.outcomes(report).values()) == {"completed"}
        assert [len(one.ids) for one in w.puts] == [8, 4, 4]


@pytest.mark.parametrize("code", ["DCS.4002", "DCS.4004", "DCS.4005", "DCS.4064", "DCS.4065"])
def test_a_400_about_the_request_itself_stops_the_run_without_bisecting(code: str) -> None:
    with world(4, faults=[Fault("put", "error", times=None, status=400, code=code, message="no")]) as w:
        report = w.restart()
        assert len(w.puts) == 1
        assert {one["guard"] for one in report["instances"]} == {"request"}
        assert report["status"] == "rejected"


@pytest.mark.parametrize("action", ["stop", "start"])
def test_a_region_that_does_not_know_stop_and_start_says_so(action: str) -> None:
    with world(3, region_knows_stop_start=False) as w:
        if action == "start":
            for one in w.ids:
                w.emu.set_status(one, "CLOSED")
        report = w.run({"action": action, "instances": w.ids, "rollout": {"canary": 0}})
        assert set(w.outcomes(report).values()) == {"refused"}
        assert w.emu.truth.executed == []


@pytest.mark.parametrize("kind", ["401", "403"])
def test_a_denied_call_stops_the_run_and_names_the_permission(kind: str) -> None:
    with world(4, faults=[Fault("put", kind, times=None)], settings={"UPKEEP_BATCH_SIZE": "2", "UPKEEP_PARALLEL_CALLS": "1"}) as w:
        report = w.restart()
        assert len(w.puts) == (2 if kind == "401" else 1)  # the second with credentials that were fetched anew
        assert sorted(w.outcomes(report).values()) == ["failed", "failed", "not_attempted", "not_attempted"]
        if kind == "403":
            assert "dcs:instance:modifyStatus" in report["instances"][0]["reason"]


@pytest.mark.parametrize("kind", ["500", "drop", "garbage", "hang", "DCS.4026"])
def test_a_flush_is_sent_at_most_once_whatever_happens(kind: str) -> None:
    """I3. It cannot be undone, and a second one would clear what was written since the first."""
    fault = (
        Fault("put", "error", status=400, code=kind, message="x")
        if kind.startswith("DCS")
        else Fault("put", kind, times=None, executed=False)
    )
    with world(3) as w:
        event = {"action": "flush", "instances": w.ids, "rollout": {"canary": 0}}
        approved = w.approving(event)
        w.emu.add_fault(fault)
        # What hangs is given up in the machine's own time: as little is left as a wave is begun with, and no topic wants a part of it.
        short: dict[str, Any] = {"left_s": 7.5, "UPKEEP_TOPICS": ""} if kind == "hang" else {}
        report = w.run(approved, **short)
        assert len(w.puts) == 1
        assert max(w.executions().values(), default=0) <= 1
        assert "completed" not in w.outcomes(report).values()


def test_a_flush_is_sent_again_after_a_429() -> None:
    with world(3, faults=[Fault("put", "429")]) as w:
        event = {"action": "flush", "instances": w.ids, "rollout": {"canary": 0}}
        assert set(w.outcomes(w.run(w.approving(event))).values()) == {"completed"}
        assert set(w.executions().values()) == {1}


def test_no_put_holds_more_than_the_batch_size() -> None:
    """I6."""
    with world(23, settings={"UPKEEP_BATCH_SIZE": "7"}) as w:
        w.restart()
        assert max(len(one.ids) for one in w.puts) == 7
        assert len(w.puts) == 4
