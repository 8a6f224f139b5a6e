"""A whole world for one test: emulator, tool and one time that only moves when somebody sleeps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dcs_upkeep import bootstrap
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.errors import RefusedError
from dcs_upkeep.domain.ports import Host, Journal
from dcs_upkeep.local.emulator import Emulator, Fault, make_fleet
from tests.fakes import FakeClock, FakeLog

TOPIC = "urn:smn:cn-north-4:0123456789abcdef0123456789abcdef:reports"


def printed_event(report: Mapping[str, Any]) -> dict[str, Any]:
    """The event that a report's `next` prints for its reader to send."""
    event: dict[str, Any] = json.JSONDecoder().raw_decode(report["next"], report["next"].index("{"))[0]
    return event


class TimedHost(LocalHost):
    """A host that leaves so much time."""

    def __init__(self, environ: Mapping[str, str], clock: FakeClock, left_s: float, kind: str = "local") -> None:
        super().__init__(environ)
        self.kind = kind
        self.keeps_files = kind == "local"
        self._clock = clock
        self._ends = clock.monotonic() + left_s

    def remaining_s(self) -> float:
        return self._ends - self._clock.monotonic()


class World:
    """`run` handles an event as the function would; `emu.truth` is what really happened."""

    def __init__(self, emu: Emulator, clock: FakeClock, journal: Journal | None, settings: Mapping[str, str]) -> None:
        self.emu = emu
        self.clock = clock
        self.journal = journal
        self.log = FakeLog()
        self.settings = dict(settings)

    @property
    def ids(self) -> list[str]:
        return [one.instance_id for one in self.emu.instances()]

    @property
    def puts(self) -> list[Any]:
        return self.emu.truth.puts

    def environ(self, **more: str) -> dict[str, str]:
        return {
            "UPKEEP_ENDPOINT": self.emu.url,
            "UPKEEP_SMN_ENDPOINT": self.emu.url,
            "UPKEEP_CES_ENDPOINT": self.emu.url,
            "UPKEEP_REGION": "cn-north-4",
            "UPKEEP_PROJECT_ID": self.emu.project_id,
            "UPKEEP_TOPICS": TOPIC,
            "UPKEEP_ALLOWED_ACTIONS": "restart,soft_restart,flush,stop,start",
            "HUAWEICLOUD_SDK_AK": self.emu.ak,
            "HUAWEICLOUD_SDK_SK": self.emu.sk,
            **self.settings,
            **more,
        }

    def run(
        self,
        event: Any,
        *,
        left_s: float | None = None,
        host: Host | None = None,
        dry_run: bool = False,
        plans_path: Path | None = None,
        **settings: str,
    ) -> dict[str, Any]:
        environ = self.environ(**settings)
        host = host or (LocalHost(environ) if left_s is None else TimedHost(environ, self.clock, left_s))
        return bootstrap.handle(
            event, host=host, clock=self.clock, log=self.log, journal=self.journal, dry_run=dry_run, plans_path=plans_path
        )

    def refused(self, event: Any, **settings: str) -> Mapping[str, Any]:
        """The report of a run that is refused whole."""
        try:
            self.run(event, **settings)
        except RefusedError as err:
            return err.report
        raise AssertionError("it was not refused")

    def restart(self, count: int | None = None, **fields: Any) -> dict[str, Any]:
        """Restart the first so many, all in one wave unless said otherwise."""
        rollout = {"canary": 0, "max_failures": 100, **fields.pop("rollout", {})}
        event = {"action": "restart", "instances": self.ids[:count], "rollout": rollout, **fields}
        settings = {key: event.pop(key) for key in list(event) if key.startswith(("UPKEEP_", "HUAWEICLOUD_"))}
        return self.run(event, **settings)

    def approving(self, event: Mapping[str, Any], **settings: str) -> dict[str, Any]:
        """The event that approves exactly what a dry run of this one shows."""
        return printed_event(self.run({**event, "dry_run": True}, **settings))

    def outcomes(self, report: Mapping[str, Any]) -> dict[str, str]:
        """Instance ID -> outcome."""
        return {one["instance_id"]: one["outcome"] for one in report["instances"]}

    def executions(self) -> dict[str, int]:
        """Instance ID -> how often the action was really executed."""
        return {one: len(self.emu.truth.executions(one)) for one in self.ids}


@contextmanager
def world(
    fleet: Any = 6, *, journal: bool = False, faults: Any = (), settings: Mapping[str, str] | None = None, **options: Any
) -> Iterator[World]:
    """A world with so many instances, or these."""
    clock = FakeClock()
    rows = make_fleet(fleet, tags={"env": "test"}) if isinstance(fleet, int) else fleet
    with Emulator(rows, **{"clock": clock, "faults": faults, "base_date": clock.now(), **options}) as emu:
        yield World(emu, clock, MemoryJournal(clock) if journal else None, settings or {})


__all__ = ["TOPIC", "Fault", "TimedHost", "World", "make_fleet", "printed_event", "world"]
