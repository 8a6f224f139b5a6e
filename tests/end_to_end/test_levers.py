"""Whoever pulls or releases the lever is told what it reached, and so is everybody else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from dcs_upkeep import bootstrap
from dcs_upkeep.domain.run import short_id
from tests.contexts import FunctionGraphContext
from tests.end_to_end.test_stopping import Watched
from tests.world import TOPIC, Fault, World, world

RUN = {"action": "restart", "rollout": {"canary": 1, "wave_size": 2}, "run_id": "night"}


def halt_while_it_runs(w: World, reason: str = "storm") -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """(what the lever answers while the canary of a run is watched, the report of that run)."""
    journal = Watched(w.clock)
    w.journal = journal
    told: list[dict[str, Any]] = []

    def seen(stream: str, entry: Mapping[str, object]) -> None:
        if stream.startswith("run/") and entry["kind"] == "sent" and not told:
            told.append({})
            told[0] = w.run({"command": "halt", "reason": reason})

    journal.seen = seen
    report = w.run({**RUN, "instances": w.ids})
    return told[0], report


def subjects(w: World) -> list[str]:
    return [str(one.subject) for one in w.emu.truth.messages]


def test_it_names_the_journal_the_scope_and_what_it_stops() -> None:
    with world(4) as w:
        answer, report = halt_while_it_runs(w)
        assert (answer["journal"], answer["older_halt"], answer["halt"]["reason"]) == ("memory:", None, "storm")
        assert answer["scope"] == {"host": "local", "function": "dcs-upkeep", "region": "cn-north-4", "project_id": w.emu.project_id}
        (row,) = answer["stops"]
        assert (row["run_id"], row["short_id"]) == (report["run_id"], short_id(report["run_id"]))
        assert (row["action"], row["wave"], row["waves"], row["open"], row["done"]) == ("restart", 1, 3, 1, 0)
        assert "1 live run(s)" in answer["next"]
        assert (report["status"], report["counts"]) == ("halted", {"completed": 1, "not_attempted": 3})


def test_an_older_halt_stays_and_is_told() -> None:
    with world(2, journal=True) as w:
        first = w.run({"command": "halt", "reason": "storm"})
        again = w.run({"command": "halt", "reason": "another"})
        assert again["halt"] == again["older_halt"] == first["halt"]
        for words in ("halt-0 was in force already: storm, by direct:", "'another' is not on record"):
            assert words in again["next"]
        assert again["stops"] == []
        assert len(subjects(w)) == 1, "nothing has changed, so nobody is told again"


def test_the_topics_hear_who_pulled_it_why_and_who_let_go() -> None:
    with world(4) as w:
        answer, _ = halt_while_it_runs(w, "the payment team\nsees errors")
        assert answer["told"] == {"topics": [TOPIC], "failed": {}}
        pulled = w.emu.truth.messages[0]
        assert str(pulled.subject).startswith("HALTED by direct:")
        for words in (
            "DCS Upkeep report: HALTED",
            "sees errors",
            '{"command":"release","halt":"halt-0"}',
            short_id(answer["stops"][0]["run_id"]),
        ):
            assert words in pulled.message
        released = w.run({"command": "release", "halt": "halt-0"})
        assert released["older_halt"]["reason"] == answer["halt"]["reason"]
        assert (released["journal"], released["stops"], released["told"]["topics"]) == ("memory:", [], [TOPIC])
        assert "Halt released by direct:" in subjects(w)[-1]


def test_a_topic_that_fails_changes_nothing_about_the_halt() -> None:
    with world(2, journal=True, faults=[Fault("publish", "error", status=404, code="SMN.0009", times=None)]) as w:
        answer = w.run({"command": "halt", "reason": "storm"})
        assert list(answer["told"]["failed"]) == [TOPIC]
        assert answer["told"]["topics"] == []
        assert w.run({"command": "status"})["halt"]["reason"] == "storm"


def test_runs_of_other_functions_are_stopped_and_named() -> None:
    """The lever is the journal's, whoever keeps runs in it."""
    with world(2) as w:
        journal = Watched(w.clock)
        w.journal = journal

        def dies(stream: str, entry: Mapping[str, object]) -> None:
            if stream.startswith("run/") and entry["kind"] == "planned":
                raise KeyboardInterrupt

        journal.seen = dies
        with pytest.raises(KeyboardInterrupt):
            w.run({**RUN, "instances": w.ids})
        journal.seen = lambda stream, entry: None
        context = FunctionGraphContext(w.environ(), ak=w.emu.ak, sk=w.emu.sk, token="")
        answer = bootstrap.handle({"command": "halt"}, context, clock=w.clock, log=w.log, journal=w.journal)
        (row,) = answer["stops"]
        assert (row["scope"]["host"], answer["scope"]["host"], row["status"]) == ("local", "functiongraph", "running")
        assert json.loads(json.dumps(answer)) == answer


def test_a_journal_that_cannot_say_which_runs_are_live_does_not_keep_the_lever() -> None:
    from dcs_upkeep.domain.errors import JournalError

    with world(2) as w:
        journal = Watched(w.clock)
        w.journal = journal
        read = journal.read

        def fails(stream: str, after: int = -1) -> list[tuple[int, dict[str, object]]]:
            if stream.startswith("runs/"):
                raise JournalError("the index does not answer. Look at it.")
            return read(stream, after)

        journal.read = fails  # type: ignore[method-assign]
        answer = w.run({"command": "halt", "reason": "storm"})
        assert (answer["stops"], answer["halt"]["reason"]) == (None, "storm")
        assert "could not be read" in answer["next"]


def test_many_live_runs_are_bounded() -> None:
    from dcs_upkeep.execution.levers import MOST_STOPS, _listed

    told = _listed([{"run_id": str(number)} for number in range(MOST_STOPS + 7)])
    assert (len(told["stops"]), told["stops_left_out"]) == (MOST_STOPS, 7)
