"""Clock, log, host, journal and topic of one invocation, each an effect that may fail, last, or be the last one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tests.simulation import plug
from tests.simulation.scenario import BASE

if TYPE_CHECKING:
    from tests.simulation.records import Invocation
    from tests.simulation.world import World

AK, SK = "AKSIMULATED0SECRET01", "sk-simulated-secret-0123456789"


@lru_cache(maxsize=4096)
def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(BASE + seconds, UTC)


class SimClock:
    """`now` is off by the process's skew; `monotonic` stands still while the machine is suspended."""

    def __init__(self, world: World, invocation: Invocation) -> None:
        self._world = world
        self._process = invocation.process

    def now(self) -> datetime:
        return moment(self._world.scheduler.now + self._process.skew_s)

    def monotonic(self) -> float:
        return self._world.scheduler.now - self._process.asleep_s

    def sleep(self, seconds: float) -> None:
        self._world.step(self._process, "sleep")
        # A sleep too short for a float to move the time would never end, which no real clock does.
        self._world.scheduler.pause(max(seconds, 1e-6))


class SimLog:
    """Keeps every line, with when and whose."""

    def __init__(self, world: World, invocation: Invocation) -> None:
        self._world = world
        self._invocation = invocation

    def __call__(self, event: str, *, level: str = "info", **fields: object) -> None:
        if self._invocation.process.dead is not None:
            return
        self._invocation.lines.append((self._world.scheduler.now, event, level, fields))
        self._world.note(self._invocation.process, f"log {event}", fields)


class SimHost:
    """A function's host: so much time, settings as they were when it started, and calls to itself."""

    def __init__(self, world: World, invocation: Invocation) -> None:
        self._world = world
        self._invocation = invocation
        self.kind = invocation.function["host"]
        self.function = invocation.function["name"]
        self.request_id = invocation.request_id
        self.keeps_files = self.kind == "local"
        self.can_call_self = bool(invocation.function.get("calls_itself", True))

    def remaining_s(self) -> float:
        return self._invocation.kill_at - self._world.scheduler.now

    def setting(self, name: str) -> str | None:
        return self._invocation.environ.get(name)

    def credentials(self) -> Any:
        return plug.credentials(AK, SK, self._invocation.function["project"])

    def call_self(self, event: Mapping[str, object]) -> None:
        """Hand an event to the next invocation."""
        if not self.can_call_self:
            raise plug.cloud_error("call_self", 403, None, "this function may not call itself")
        world, invocation = self._world, self._invocation
        world.step(invocation.process, "self")
        fault = world.faults.meet("self", world.scheduler.now, "self")
        mode = fault["mode"] if fault else ""
        world.scheduler.pause(invocation.random() * 0.3)
        if mode != "fail":
            for copy in range(2 if mode == "doubled" else 1):
                world.deliver_self(invocation, dict(event), copy)
        world.note(invocation.process, f"calls itself {mode}", event)
        if mode in ("fail", "lost"):
            raise plug.cloud_error("call_self", 500, None, "the function service answered 500")
        world.step(invocation.process, "self.done")

    def next_event(self) -> None:
        """The simulation delivers what the function calls itself with."""


class SimTopic:
    """One topic. `fail`: the message is not taken; `lost`: taken, and nobody says so."""

    def __init__(self, world: World, invocation: Invocation, name: str) -> None:
        self.name = name
        self._world = world
        self._invocation = invocation

    def publish(self, message: Any) -> str:
        world, process = self._world, self._invocation.process
        world.step(process, "publish")
        fault = world.faults.meet("topic", world.scheduler.now, self.name[-1])
        mode = fault["mode"] if fault else ""
        world.scheduler.pause(0.05 + self._invocation.random() * 0.2)
        world.note(process, f"publish {self.name[-6:]} {mode}", {"subject": message.subject})
        world.published(self._invocation, self.name, message, taken=mode != "fail")
        if mode:
            raise plug.cloud_error("publish", 500, None, "the topic answered 500")
        world.step(process, "publish.done")
        return f"message-{world.scheduler.now:.3f}"


class SimStore:
    """What all journals of a simulation write into. `writes`: when, by whom, stream, place, entry."""

    def __init__(self) -> None:
        self.streams: dict[str, list[dict[str, Any]]] = {}
        self.writes: list[tuple[float, Invocation, str, int, dict[str, Any]]] = []

    def append(self, now: float, invocation: Invocation, stream: str, seq: int, entry: dict[str, Any]) -> bool:
        """False if that place is taken. A gap is the caller's fault, and is kept as the real stores keep it: as a refusal to read."""
        rows = self.streams.setdefault(stream, [])
        if seq < len(rows):
            return False
        if seq > len(rows):
            raise AssertionError(f"{stream}: place {seq} was written before place {len(rows)}")
        rows.append(entry)
        self.writes.append((now, invocation, stream, seq, entry))
        return True


class SimJournal:
    """One invocation's way to the store."""

    name = "simulated:"
    durable = True

    def __init__(self, world: World, invocation: Invocation) -> None:
        self._world = world
        self._invocation = invocation

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        world, invocation = self._world, self._invocation
        process, store = invocation.process, world.store
        written = json.loads(json.dumps(entry, allow_nan=False))
        kind = written.get("kind", "index")
        world.step(process, "append", f"append {kind}")
        fault = world.faults.meet("journal", world.scheduler.now, "append", f"append {kind}")
        mode = fault["mode"] if fault else ""
        world.scheduler.pause(float(fault["seconds"]) if fault and mode == "slow" else 0.004 + invocation.random() * 0.03)
        if mode == "fail":
            world.note(process, f"append {kind} to {stream} at {seq}: not written, error")
            raise plug.journal_error(f"{stream}: the store does not answer")
        if fault and mode == "late":
            later = world.scheduler.now + float(fault["seconds"])
            world.scheduler.at(later, lambda: world.write_late(invocation, stream, seq, written))
            world.scheduler.pause(3.0)
            world.note(process, f"append {kind} to {stream} at {seq}: error, written later")
            raise plug.journal_error(f"{stream}: the store does not answer in time")
        free = store.append(world.scheduler.now, invocation, stream, seq, written)
        world.note(process, f"append {kind} to {stream} at {seq}{'' if free else ': taken'} {mode}", written)
        world.step(process, "append.done", f"append {kind}.done")
        if mode == "lost":
            raise plug.journal_error(f"{stream}: the answer of the store was lost")
        if not free:
            raise plug.taken_error(stream, seq)

    def read(self, stream: str, after: int = -1) -> list[tuple[int, dict[str, object]]]:
        world, invocation = self._world, self._invocation
        world.step(invocation.process, "read")
        fault = world.faults.meet("journal", world.scheduler.now, "read")
        slow = fault is not None and fault["mode"] == "slow"
        world.scheduler.pause(float(fault["seconds"]) if fault and slow else 0.002 + invocation.random() * 0.01)
        if fault and not slow:
            world.note(invocation.process, f"read {stream}: error")
            raise plug.journal_error(f"{stream}: the store does not answer")
        return list(enumerate(world.store.streams.get(stream, ())))[after + 1 :]
