"""I4 and I5: what may be called completed, and what may be called not executed, where the cloud shows it late or not at all."""

from __future__ import annotations

from typing import Any

from tests.world import Fault, make_fleet, world


def test_an_end_state_that_was_never_left_is_no_completion_until_it_has_held() -> None:
    """The first polls come before the instance has begun to restart: RUNNING means nothing yet."""
    with world(make_fleet(2, tags={"env": "test"}, lag_s=20, busy_s=25)) as w:
        report = w.restart()
        assert set(w.outcomes(report).values()) == {"completed"}
        assert {one["evidence"] for one in report["instances"]} == {"observed"}
        assert all(one["elapsed_s"] >= 45 for one in report["instances"])


def test_without_an_explicit_success_an_end_state_that_held_is_accepted_at_most() -> None:
    """The answer was lost, launched_at moved, and no poll saw it busy: another actor may have done it."""
    fleet = make_fleet(2, tags={"env": "test"}, lag_s=0, busy_s=0.5)
    with world(fleet, faults=[Fault("put", "lost_answer")]) as w:
        report = w.restart()
        assert set(w.outcomes(report).values()) == {"accepted"}
        assert {one["evidence"] for one in report["instances"]} == {None}
        assert all("launched_at moved" in one["reason"] for one in report["instances"])


def test_a_flush_that_was_refused_for_one_id_is_not_called_unexecuted_for_the_others() -> None:
    """Nothing documents what becomes of the rest of such a batch; here it was executed."""

    def spoil(record: Any) -> None:
        if record.operation == "put":
            w.emu.set_status(w.ids[2], "RESTARTING")

    with world(3, partial_execution=True, on_request=spoil) as w:
        event = {"action": "flush", "instances": w.ids, "rollout": {"canary": 0}}
        report = w.run(w.approving(event))
        assert len(w.puts) == 1
        assert [w.executions()[one] for one in w.ids] == [1, 1, 0]
        outcomes = w.outcomes(report)
        assert [outcomes[one] for one in w.ids] == ["completed", "completed", "unknown"]


def test_what_was_in_error_before_is_not_failed_by_showing_it_a_while_longer() -> None:
    """A restart is how one gets out of ERROR, and the state changes late."""
    with world(make_fleet(1, tags={"env": "test"}, lag_s=20, busy_s=25)) as w:
        w.emu.set_status(w.ids[0], "ERROR")
        assert set(w.outcomes(w.restart()).values()) == {"completed"}
