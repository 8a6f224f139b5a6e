"""One invocation in a process of its own, which dies or waits at any of its journal's entries."""

from __future__ import annotations

import importlib
import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import boto3

from dcs_upkeep import bootstrap
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.adapters.journals import open_journal
from dcs_upkeep.domain.errors import UpkeepError
from dcs_upkeep.domain.ports import Journal
from tests.buckets import access
from tests.end_to_end.shared_clock import SharedClock

AWS_KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
HALTED = "halted"
# The processes are forked from one that has imported this file, so that what an invocation loads late is loaded once.
for name in (
    "adapters.dcs.sdk",
    "adapters.transport",
    "adapters.journals.dynamodb",
    "adapters.journals.sqlite",
    "adapters.journals.obs_bucket",
    "adapters.journals.obs",
    "adapters.topics.smn",
):
    importlib.import_module(f"dcs_upkeep.{name}")
importlib.import_module("huaweicloudsdksmn.v2")
# A session reads megabytes of JSON for its first client; one that has read them serves every process.
WARM = boto3.session.Session(**{name.lower(): value for name, value in AWS_KEYS.items()})
WARM.client("dynamodb", region_name="eu-central-1")


@dataclass(frozen=True)
class Task:
    """What to do. `kill`: on which side of which append to die; `halt_at_sending`: which attempt to wait at. Both count from 1."""

    event: Any
    environ: Mapping[str, str]
    journal: str
    clock: Path
    kill: tuple[Literal["before", "after"], int] | None = None
    halt_at_sending: int = 0


class WatchedJournal:
    """A journal that notes its appends, and ends or halts the process at one of them."""

    def __init__(self, inner: Journal, task: Task, talk: Connection) -> None:
        self._inner = inner
        self._task = task
        self._talk = talk
        self._lock = threading.Lock()
        self.appended: list[object] = []
        self.name, self.durable = inner.name, inner.durable

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        with self._lock:  # instances are claimed several at a time
            self.appended.append(entry.get("kind"))
            place = len(self.appended)
        if self._task.kill == ("before", place):
            os.kill(os.getpid(), signal.SIGKILL)
        self._inner.append(stream, seq, entry)
        if self._task.kill == ("after", place):
            os.kill(os.getpid(), signal.SIGKILL)
        if entry.get("kind") == "sending" and self.appended.count("sending") == self._task.halt_at_sending:
            # It hurts most here: `sending` is durable, and the lease is asked for next.
            self._talk.send(HALTED)
            self._talk.recv()

    def read(self, stream: str, after: int = -1) -> list[tuple[int, dict[str, object]]]:
        return self._inner.read(stream, after)


def invoke(task: Task, talk: Connection) -> None:
    """Handle the event, and answer with the report and what was appended, by kinds."""
    boto3.session.Session = lambda **_: WARM
    clock = SharedClock(task.clock)
    journal = WatchedJournal(open_journal(task.journal, clock=clock, obs=access()), task, talk)
    try:
        report = bootstrap.handle(task.event, host=LocalHost(task.environ), clock=clock, log=lambda *_, **__: None, journal=journal)
    except UpkeepError as err:
        report = {"error": type(err).__name__, "said": str(err), **getattr(err, "report", {})}
    talk.send((report, journal.appended))
