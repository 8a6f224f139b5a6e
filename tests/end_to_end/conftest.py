"""Runs invocations in processes of their own against one emulator and one journal, in one time that moves only when somebody sleeps."""

from __future__ import annotations

import multiprocessing
import os
import signal
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

import boto3
import pytest

from dcs_upkeep.adapters.journals import open_journal
from dcs_upkeep.local.emulator import Emulator, make_fleet
from tests.buckets import BUCKET, access, url_of
from tests.end_to_end import child
from tests.end_to_end.shared_clock import SharedClock
from tests.tables import create_table

HUNG_S = 60.0  # real seconds, and the only ones here: no invocation takes so long on any machine


class Invocation:
    """One invocation, in a process of its own."""

    def __init__(self, process: ForkServerProcess, talk: Connection) -> None:
        self._process = process
        self._talk = talk

    @property
    def sentinel(self) -> int:
        return self._process.sentinel

    def wait_until_halted(self) -> None:
        """It says that it halts; then it is frozen whole, as a platform freezes it."""
        assert self._hear() == child.HALTED
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._signal(signal.SIGCONT)
        self._talk.send("go on")

    def end(self) -> tuple[dict[str, Any], list[str]] | None:
        """Its report and the kinds of its entries in their order; None if it was killed."""
        try:
            said: tuple[dict[str, Any], list[str]] | None = self._hear()
        except EOFError:
            said = None
        self._process.join(HUNG_S)
        assert self._process.exitcode == (0 if said else -signal.SIGKILL)
        return said

    @property
    def report(self) -> dict[str, Any]:
        said = self.end()
        assert said is not None, "it was killed"
        return said[0]

    def close(self) -> None:
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._talk.close()

    def _hear(self) -> Any:
        assert self._talk.poll(HUNG_S), "it hangs"
        return self._talk.recv()

    def _signal(self, number: int) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)


def ended(invocations: Sequence[Invocation], count: int) -> list[Invocation]:
    """So many of them, the first that ended."""
    waiting = {one.sentinel: one for one in invocations}
    found: list[Invocation] = []
    while len(found) < count:
        ready = wait(list(waiting), HUNG_S)
        assert ready, f"{len(found)} of {count} have ended, and no other does"
        found += [waiting.pop(one) for one in ready]
    return found


@dataclass
class Lab:
    """An emulator, a journal and a clock, and processes that share them."""

    emu: Emulator
    clock: SharedClock
    url: str
    processes: ForkServerContext
    begun: list[Invocation] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [one.instance_id for one in self.emu.instances()]

    def start(self, event: Any, **options: Any) -> Invocation:
        """Begin an invocation. `options`: fields of child.Task."""
        environ = {
            "UPKEEP_ENDPOINT": self.emu.url,
            "UPKEEP_SMN_ENDPOINT": self.emu.url,
            "UPKEEP_REGION": "cn-north-4",
            "UPKEEP_PROJECT_ID": self.emu.project_id,
            "UPKEEP_TOPICS": f"urn:smn:cn-north-4:{self.emu.project_id}:reports",
            "UPKEEP_ALLOWED_ACTIONS": "restart,flush",
            "HUAWEICLOUD_SDK_AK": self.emu.ak,
            "HUAWEICLOUD_SDK_SK": self.emu.sk,
        }
        ours, its = self.processes.Pipe()
        task = child.Task(event, environ, self.url, self.clock.path, **options)
        process = self.processes.Process(target=child.invoke, args=(task, its), daemon=True)
        process.start()
        its.close()  # so that ours ends with the process
        self.begun.append(Invocation(process, ours))
        return self.begun[-1]

    def run(self, event: Any, **options: Any) -> dict[str, Any]:
        """The report of an invocation that nobody kills."""
        return self.start(event, **options).report

    def entries(self, run_id: str) -> list[dict[str, object]]:
        return [entry for _, entry in open_journal(self.url, clock=self.clock, obs=access()).read(f"run/{run_id}")]

    def sent(self) -> list[str]:
        """Every ID of every PUT that arrived."""
        return [one for put in self.emu.truth.puts for one in put.ids]

    def close(self) -> None:
        for one in self.begun:
            one.close()
        self.emu.close()
        self.clock.close()


@pytest.fixture(scope="session")
def processes() -> ForkServerContext:
    """Forks each invocation from one process without threads that has imported everything: it begins in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([child.__name__])
    return context


@pytest.fixture
def lab(processes: ForkServerContext, tmp_path: Path, moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Lab]]:
    """Makes a lab with so many instances on this store."""
    for name, value in child.AWS_KEYS.items():
        monkeypatch.setenv(name, value)
    labs: list[Lab] = []

    def make(store: str = "sqlite", count: int = 3) -> Lab:
        clock = SharedClock(tmp_path / f"clock-{len(labs)}")
        url = f"sqlite:///{tmp_path}/journal-{len(labs)}.db"
        if store == "dynamodb":
            table = f"journal-{uuid.uuid4()}"
            create_table(boto3.client("dynamodb", region_name="eu-central-1", endpoint_url=moto), table)
            url = f"dynamodb://{table}?region=eu-central-1&endpoint={moto}"
        emu = Emulator(make_fleet(count, tags={"env": "test"}), clock=clock.monotonic).start()
        if store == "obs":
            emu.obs.create(BUCKET)
            emu.obs.now = clock.now
            url = url_of(emu)
        labs.append(Lab(emu, clock, url, processes))
        return labs[-1]

    yield make
    for one in labs:
        one.close()
