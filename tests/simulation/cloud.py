"""DCS and its backups at the port: the fleet's truth behind answers that come late, wrong or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dcs_upkeep.domain.ports import Tick, no_tick
from tests.simulation import plug
from tests.simulation.fleet import ACTIONS, SimInstance
from tests.simulation.scenario import BASE

if TYPE_CHECKING:
    from tests.simulation.records import Invocation, Put
    from tests.simulation.world import World

FEW = 5
ERRORS = {"429": (429, "APIGW.0308"), "500": (500, "DCS.5000"), "401": (401, "APIGW.0301"), "403": (403, "DCS.2003"), "lost": (None, None)}


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(BASE + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class SimDcs:
    """Implements the product's `Dcs` port for one invocation."""

    def __init__(self, world: World, invocation: Invocation) -> None:
        self._world = world
        self._invocation = invocation
        self._project = invocation.function["project"]
        self._calls: Counter[str] = Counter()
        self._began_at = world.scheduler.now
        self._refused = False  # the key pair, for good

    # --- reading -------------------------------------------------------------------------------------------------

    def snapshot(self, tick: Tick = no_tick) -> tuple[Any, ...]:
        self.ask("list", tick)
        tick()
        rows = self._world.fleet.of(self._project, self._world.scheduler.now)
        self._invocation.rng.shuffle(rows)
        return tuple(plug.instance(one, shown=False, iso=iso) for one in rows)

    def read(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Mapping[str, Any]:
        if len(instance_ids) <= FEW:
            return self.show(instance_ids, tick)
        wanted = set(instance_ids)
        found = {one.instance_id: one for one in self.snapshot(tick)}
        return {one: found[one] for one in instance_ids if one in found and one in wanted}

    def show(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Mapping[str, Any]:
        found = self.show_each(instance_ids, tick)
        for one in found.values():
            if isinstance(one, Exception):
                raise one
        return found

    def show_each(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Mapping[str, Any]:
        found = self.each("show", instance_ids, tick)
        return {one: it if isinstance(it, Exception) else plug.instance(it, shown=True, iso=iso) for one, it in found.items() if it}

    def configurations(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Mapping[str, Any]:
        gone = plug.cloud_error("list_configurations", 404, "DCS.3022", "answered 404")
        found = self.each("configurations", instance_ids, tick)
        return {one: it if isinstance(it, Exception) else {"appendonly": it.appendonly} if it else gone for one, it in found.items()}

    def each(self, op: str, instance_ids: Sequence[str], tick: Tick) -> dict[str, Any]:
        """Instance ID -> the instance, None if there is none, or why it cannot be read. What ends all reading is raised."""
        found: dict[str, Any] = {}
        for instance_id in dict.fromkeys(instance_ids):
            try:
                self.ask(op, tick)
            except Exception as err:
                if not plug.is_of_one_call(err):
                    raise
                found[instance_id] = err
            else:
                found[instance_id] = self._world.fleet.find(instance_id, self._project, self._world.scheduler.now)
            tick()
        return found

    def calls(self) -> Mapping[str, int]:
        return dict(self._calls)

    def ask(self, op: str, tick: Tick = no_tick) -> None:
        """One read's time and luck. The adapter's own tries are part of it: a failure takes seconds, and a 429 is waited out."""
        world, process = self._world, self._invocation.process
        world.step(process, op)
        self._calls[op] += 1
        if self._refused:
            raise plug.unauthorized_error(op)
        while (mode := self._mode(op)) == "429":
            self._invocation.unread += 1
            wait_s = 1.0 + self._invocation.random() * 20.0
            if self._invocation.kill_at - world.scheduler.now < wait_s + 15.0:
                raise plug.throttled_error(op, wait_s)
            world.scheduler.pause(wait_s)
            tick()
        if not mode:
            world.scheduler.pause(0.02 + self._invocation.random() * 0.1)
            return
        if mode == "slow":
            world.scheduler.pause(20.0)
            return
        self._invocation.unread += 1
        world.scheduler.pause(15.0 if mode == "lost" else 0.2 if mode in ("401", "403") else 4.0)
        world.note(process, f"{op}: {mode}")
        if mode == "401":
            self._refused = True
            raise plug.unauthorized_error(op)
        status, code = ERRORS.get(mode, (500, "DCS.5000"))
        raise plug.cloud_error(op, status, code, f"answered {status} {code}" if status else "no answer came")

    def _mode(self, op: str) -> str:
        world = self._world
        now = world.scheduler.now
        if any(self._began_at < one["at"] <= now for one in world.faults.all("expire")):
            return "401"
        fault = world.faults.meet("api", now, op)
        if fault is not None:
            return str(fault["mode"])
        return "" if world.quota.allows(now) else "429"

    # --- the one write -------------------------------------------------------------------------------------------

    def put_timeout_s(self) -> float:
        return plug.put_timeout_s(self._invocation.kill_at - self._world.scheduler.now)

    def send(self, action: Any, instance_ids: Sequence[str]) -> Any:
        """One status PUT. It leaves at once: a process frozen between its last check and the socket is the documented limit."""
        world, invocation = self._world, self._invocation
        self._calls["put"] += 1
        put = world.new_put(invocation, plug.action_name(action), tuple(instance_ids))
        mode = self._mode("put")
        fault = world.faults.met[-1] if mode and world.faults.met else {}
        way_s = 0.1 + invocation.random() * 0.8
        timeout_s = self.put_timeout_s()
        world.note(invocation.process, f"PUT {put.number} {put.action} {mode}", {"ids": [one[:8] for one in put.ids]})
        refused = self._refused_before(mode)
        if refused is not None:
            world.scheduler.pause(way_s)
            put.answered = str(refused.kind)
            return refused
        executes = mode not in ("500_not", "lost_not")
        if mode == "lost_later":
            way_s = timeout_s + float(fault.get("seconds", 10.0))
        if executes:
            world.scheduler.at(world.scheduler.now + way_s, lambda: self._arrive(put, mode))
        if mode.startswith("lost"):
            world.scheduler.pause(timeout_s)
            answer = plug.answer("lost", "the answer was lost (ReadTimeoutError): whether it was executed is not known")
        else:
            world.scheduler.pause(way_s + 0.05 + invocation.random() * 0.4)
            answer = self._answer(put, mode)
        put.answered = str(answer.kind)
        world.note(invocation.process, f"PUT {put.number} answered {answer.kind}: {answer.what}")
        world.step(invocation.process, "put.done")
        return answer

    def _refused_before(self, mode: str) -> Any:
        """The answer to what never reached DCS."""
        match mode:
            case "429":
                return plug.answer("throttled", "answered 429 APIGW.0308", status=429, code="APIGW.0308")
            case "refused":
                return plug.answer("not_connected", "no connection was made (NewConnectionError): nothing was sent")
            case "401":
                return plug.answer("unauthorized", "answered 401", status=401, code="APIGW.0301")
            case "403":
                return plug.answer("denied", "answered 403", status=403, code="DCS.2003")
            case "400_request":
                return plug.answer("bad_request", "answered 400 DCS.4064", status=400, code="DCS.4064")
            case "400_many":
                return plug.answer("too_many", "answered 400 DCS.4100", status=400, code="DCS.4100")
        return None

    def _arrive(self, put: Put, mode: str) -> None:
        """The request is at DCS: each instance is asked whether it may, then all begin."""
        world, now = self._world, self._world.scheduler.now
        spared = set(put.ids[1::2]) if mode in ("half", "missing_not") else set()
        healthy: list[str] = []
        for instance_id in put.ids:
            one = world.fleet.find(instance_id, self._project, now)
            culprit = one is None or not one.may(put.action, now) or (mode == "400_busy" and instance_id == put.ids[-1])
            if culprit:
                put.refused_for = self._why(one)
                if world.scenario.partial:
                    self._execute(put, healthy)
                return
            healthy.append(instance_id)
        self._execute(put, [one for one in healthy if one not in spared])

    def _execute(self, put: Put, ids: Sequence[str]) -> None:
        for instance_id in ids:
            self._world.fleet.execute(instance_id, put.action, self._world.scheduler.now, put.number)
        put.executed = tuple(ids)
        self._world.note(None, f"PUT {put.number} executed on {len(ids)} of {len(put.ids)}")

    @staticmethod
    def _why(one: SimInstance | None) -> tuple[int, str, bool]:
        if one is None:
            return 404, "DCS.3022", False
        busy = one.seen_status in {row[1] for row in ACTIONS.values()}
        return 400, "DCS.4111" if busy else "DCS.4049", True

    def _answer(self, put: Put, mode: str) -> Any:
        if mode.startswith("500"):
            return plug.answer("lost", "whether it was executed is not known; answered 500", status=500, code="DCS.5000")
        if put.refused_for is not None:
            status, code, busy = put.refused_for
            return plug.answer("one_bad_id", f"answered {status} {code}", status=status, code=code, busy=busy)
        if mode == "garbage":
            return plug.answer("lost", "answered 200 without a result list: whether it was executed is not known", status=200)
        words = {one: "success" if one in put.executed else "failed" for one in put.ids}
        if mode.startswith("missing"):
            words = {one: word for number, (one, word) in enumerate(words.items()) if number % 2 == 0}
        return plug.answer("results", f"answered 200: {len(words)} rows", words, status=200)


class SimBackups:
    """Implements the product's `Backups` port for one invocation."""

    def __init__(self, world: World, dcs: SimDcs) -> None:
        self._world = world
        self._dcs = dcs

    def begin(self, instance_ids: Sequence[str], remark: str, not_before: datetime, tick: Tick = no_tick) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for instance_id in instance_ids:
            try:
                found[instance_id] = self._begin(instance_id, remark, not_before, tick)
            except Exception as err:
                if not plug.is_of_one_call(err):
                    raise
                found[instance_id] = err
        return found

    def _begin(self, instance_id: str, remark: str, not_before: datetime, tick: Tick) -> str:
        self._dcs.ask("backup", tick)
        now = self._world.scheduler.now
        rows = self._world.backups.setdefault(instance_id, [])
        for row in rows:
            begun = BASE + float(str(row["at"]))
            if row["remark"] == remark and row["ends_in"] == "succeed" and begun >= not_before.timestamp():
                return str(row["id"])
        fails = self._world.faults.meet("backup", now, "backup") is not None
        row = {"id": f"backup-{instance_id[:8]}-{len(rows)}", "remark": remark, "at": now, "done_at": now + 25.0}
        rows.append({**row, "ends_in": "failed" if fails else "succeed"})
        return str(row["id"])

    def states(self, backup_ids: Mapping[str, str], tick: Tick = no_tick) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for instance_id, backup_id in backup_ids.items():
            self._dcs.ask("backups", tick)
            for row in self._world.backups.get(instance_id, ()):
                if row["id"] == backup_id:
                    found[instance_id] = str(row["ends_in"]) if self._world.scheduler.now >= row["done_at"] else "backuping"
        return found
