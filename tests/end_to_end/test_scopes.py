"""Several functions on one journal: each goes on with its own runs, names the others, and leaves theirs alone (I13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from dcs_upkeep import bootstrap
from dcs_upkeep.adapters.hosts.functiongraph import FunctionGraphHost
from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.errors import RefusedError
from dcs_upkeep.local.emulator import Emulator, make_fleet
from tests.contexts import FunctionGraphContext
from tests.fakes import FakeClock
from tests.world import TimedHost, World, world

RUN = {"action": "restart", "select": {"tags": {"env": "test"}}, "run_id": "night"}
SWEEP = {"command": "sweep"}


class Function:
    """One function of its own name, fleet and settings."""

    def __init__(self, name: str, w: World) -> None:
        self.name = name
        self.w = w

    def invoke(self, event: Mapping[str, Any], left_s: float = 900.0) -> tuple[dict[str, Any], list[Mapping[str, object]]]:
        """One invocation: its answer, and the events that it sent to itself."""
        host = TimedHost(self.w.environ(), self.w.clock, left_s)
        host.function = self.name
        answer = bootstrap._invoke(event, host, self.w.clock, self.w.log, bootstrap.PLANS_PATH, dry_run=False, journal=self.w.journal)
        return answer, list(host.pending)

    def sweep(self) -> dict[str, Any]:
        """A sweep, and the invocations that it asks for."""
        answer, following = self.invoke(SWEEP)
        for event in following:
            self.invoke(event)
        return answer


@contextmanager
def two_functions(*, same_project: bool) -> Iterator[tuple[Function, Function]]:
    """`prod`, and `dev`, which protects the instances that prod acts on."""
    clock = FakeClock()
    journal = MemoryJournal(clock)
    protects = {"UPKEEP_PROTECTED_TAGS": "env=test"}
    with Emulator(make_fleet(3, tags={"env": "test"}), clock=clock) as first:
        prod = Function("prod", World(first, clock, journal, {}))
        if same_project:
            yield prod, Function("dev", World(first, clock, journal, protects))
            return
        with Emulator(make_fleet(2, tags={"env": "test"}), clock=clock, project_id="f" * 32) as second:
            yield prod, Function("prod", World(second, clock, journal, protects))


@pytest.mark.parametrize("same_project", [True, False], ids=["other function", "other project"])
def test_of_two_functions_on_one_journal_each_goes_on_with_its_own(same_project: bool) -> None:
    with two_functions(same_project=same_project) as (prod, dev):
        begun, _ = prod.invoke(RUN, left_s=20.0)
        assert begun["status"] == "deferred"
        run_id = begun["run_id"]
        sent = len(prod.w.puts)
        prod.w.clock.sleep(500)

        swept = dev.sweep()
        assert (swept["resumed"], swept["failed"], "status" in swept) == ([], {}, False)
        (named,) = swept["other_scopes"]
        assert (named["function"], named["project_id"]) == (prod.name, prod.w.emu.project_id)

        status, _ = dev.invoke({"command": "status"})
        assert status["runs"] == []
        assert [(other["function"], other["live"]) for other in status["other_scopes"]] == [(prod.name, [run_id])]

        with pytest.raises(RefusedError) as caught:
            dev.invoke({"resume": run_id})
        (problem,) = caught.value.report["problems"]  # type: ignore[misc]
        assert f"the function {prod.name} on local, region cn-north-4, project {prod.w.emu.project_id}" in problem["what"]
        assert len(prod.w.puts) == sent

        shown, _ = dev.invoke({"command": "show", "run": run_id})
        assert shown["project_id"] == prod.w.emu.project_id
        assert any("belongs to the function prod" in note for note in shown["notes"])

        own, _ = prod.invoke({"command": "status"})
        assert [run["run_id"] for run in own["runs"]] == [run_id]
        assert prod.sweep()["resumed"] == [run_id]
        report, _ = prod.invoke({"command": "show", "run": run_id})
        assert report["counts"] == {"completed": 3}
        assert not any("belongs to" in note for note in report["notes"])
        assert set(prod.w.executions().values()) == {1}

        told, _ = dev.invoke({"command": "show", "run": run_id})
        assert (told["counts"], told["project_id"]) == ({"completed": 3}, prod.w.emu.project_id)


def test_both_sweep_and_each_run_ends_where_it_began() -> None:
    with two_functions(same_project=False) as (prod, dev):
        first, _ = prod.invoke(RUN, left_s=20.0)
        dev.w.settings.clear()
        second, _ = dev.invoke(RUN, left_s=20.0)
        assert first["run_id"] != second["run_id"]
        prod.w.clock.sleep(500)
        assert (dev.sweep()["resumed"], prod.sweep()["resumed"]) == ([second["run_id"]], [first["run_id"]])
        assert (set(prod.w.executions().values()), set(dev.w.executions().values())) == ({1}, {1})


def test_a_sweep_that_does_not_know_its_project_says_so() -> None:
    """It would look at the runs of nobody, and find that all is well."""
    with world(1, journal=True, settings={"UPKEEP_PROJECT_ID": ""}) as w:
        answer = w.run(SWEEP)
        assert answer["status"] == "failed"
        assert "UPKEEP_PROJECT_ID" in answer["next"]


def test_where_the_function_cannot_call_itself_each_sweep_goes_on_with_one_run() -> None:
    with world(6, journal=True, security_token="token-of-the-agency") as w:
        context = FunctionGraphContext(
            w.environ(UPKEEP_FUNCTIONGRAPH_ENDPOINT="http://127.0.0.1:9"), ak=w.emu.ak, sk=w.emu.sk, token="token-of-the-agency"
        )

        def invoke(event: Mapping[str, Any], left_s: float = 900.0) -> dict[str, Any]:
            host = FunctionGraphHost(context)
            ends = w.clock.monotonic() + left_s
            host.remaining_s = lambda: ends - w.clock.monotonic()  # type: ignore[method-assign]
            return bootstrap.handle(event, host=host, clock=w.clock, log=w.log, journal=w.journal)

        runs = []
        for number in (0, 3):
            event = {"action": "restart", "instances": w.ids[number : number + 3], "run_id": f"night-{number}"}
            report = invoke(event, left_s=20.0)
            assert report["status"] == "deferred"
            runs.append(report["run_id"])
        w.clock.sleep(500)
        answer = invoke(SWEEP)
        assert (answer["resumed"], answer["carried_on"], answer["waiting"]) == ([], runs[0], runs[1:])
        assert answer["report"]["counts"] == {"completed": 3}
        assert answer["status"] == "failed"
        assert "call itself" in answer["next"]
        assert set(answer["failed"]) == set(runs)
        answer = invoke(SWEEP)
        assert (answer["carried_on"], answer["waiting"], answer["report"]["counts"]) == (runs[1], [], {"completed": 3})
        assert set(w.executions().values()) == {1}
        last = invoke(SWEEP)
        assert (last["resumed"], last["failed"], last["scope"]["host"]) == ([], {}, "functiongraph")


def test_what_one_run_meets_does_not_keep_a_sweep_from_the_next() -> None:
    """The function cannot call itself, and the first run was begun by something that this version cannot read."""
    with world(4, journal=True, security_token="token-of-the-agency") as w:
        context = FunctionGraphContext(
            w.environ(UPKEEP_FUNCTIONGRAPH_ENDPOINT="http://127.0.0.1:9"), ak=w.emu.ak, sk=w.emu.sk, token="token-of-the-agency"
        )
        runs = []
        for number in (0, 2):
            host = FunctionGraphHost(context)
            ends = w.clock.monotonic() + 20.0
            host.remaining_s = lambda ends=ends: ends - w.clock.monotonic()  # type: ignore[method-assign]
            event = {"action": "restart", "instances": w.ids[number : number + 2], "run_id": f"night-{number}"}
            runs.append(bootstrap.handle(event, host=host, clock=w.clock, log=w.log, journal=w.journal)["run_id"])
        assert isinstance(w.journal, MemoryJournal)
        rows = w.journal._streams[f"run/{runs[0]}"]
        rows[0] = (rows[0][0].replace('"action":"restart"', '"action":"reboot"', 1), rows[0][1])
        w.clock.sleep(500)
        answer = bootstrap.handle(SWEEP, host=FunctionGraphHost(context), clock=w.clock, log=w.log, journal=w.journal)
        assert (answer["carried_on"], answer["waiting"]) == (runs[1], [runs[0]])
