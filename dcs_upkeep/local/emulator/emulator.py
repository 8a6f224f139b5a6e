"""The emulator itself: the parts put together behind one small surface for tests and demos."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any

from .backups import BackupService
from .ces import AlarmService
from .dcs import DcsService, Rules
from .exchange import Route
from .faults import Fault, FaultPlan
from .fleet import Instance
from .fleet_state import FleetState
from .gateway import Gateway
from .inprocess import Answered, hand_over
from .keys import KeyRing
from .obs import ObsService
from .overviews import OverviewService
from .quota import Quota
from .server import Server
from .signature import Keys, SignedRequest
from .smn import SmnService
from .timeline import Timeline
from .truth import Record, Truth

# Fake on purpose: they open this emulator and nothing else.
DEMO_AK = "EMULATEDACCESSKEY001"
DEMO_SK = "emulated-secret-key-for-loopback-only"
DEMO_PROJECT_ID = "0123456789abcdef0123456789abcdef"
BASE_DATE = datetime(2026, 3, 1, tzinfo=UTC)


def scaled_clock(time_scale: float) -> Callable[[], float]:
    """A clock that starts at 0 and runs `time_scale` times as fast as the real one."""
    started_at = time.monotonic()
    return lambda: (time.monotonic() - started_at) * time_scale


def utc_now() -> datetime:
    return datetime.now(UTC)


class Emulator:
    """A loopback server that plays DCS v2, SMN, Cloud Eye and OBS. Use it in a `with`, or call `start()` and `close()`.

    `clock`: seconds, any origin; share it with the code under test so that nothing sleeps. Default: real time times
    `time_scale`. `base_date`: the date that the clock's first value stands for in created_at, updated_at, launched_at.
    `wall_clock`: the real time that signatures are checked against. `topics`: the topic URNs that exist, None for any;
    nobody is subscribed to them before `smn.sign_up`.
    `on_request`: called with each Record before it is answered, e.g. to change the fleet between two reads.
    `sleep`: how delays (`latency_s`, a fault's `delay_s`) are waited for. Default: in real time.
    `quota`: (calls, seconds) of the account over all services. Beyond it every call is 429 APIGW.0308 until the window
    is over, with a Retry-After header unless `quota_tells_when` is False. See `truth.quota_refusals`.
    `key_valid_until`: the first key pair, or its token, is 401 from so many seconds after the start; `rotate_keys` gives
    another. Five wrong signatures in a row lock a key for five minutes. See `truth.key_locks`.
    `rules`: fields of `dcs.Rules`, e.g. partial_execution=True, region_knows_stop_start=False, task_refuses=True.
    Buckets of OBS are made with `obs.create`.
    What single instances do, e.g. flap, vanish or hide their tags, is told by the fields of `Instance`; how answers
    fail, by `faults.KINDS`; what changes when, by `at` and `change`.
    """

    def __init__(
        self,
        fleet: Iterable[Instance],
        *,
        clock: Callable[[], float] | None = None,
        time_scale: float = 1.0,
        project_id: str = DEMO_PROJECT_ID,
        ak: str = DEMO_AK,
        sk: str = DEMO_SK,
        security_token: str | None = None,
        key_valid_until: float | None = None,
        quota: tuple[int, float] | None = None,
        quota_tells_when: bool = True,
        faults: Iterable[Fault] = (),
        latency_s: float = 0.0,
        topics: Iterable[str] | None = None,
        port: int = 0,
        base_date: datetime = BASE_DATE,
        wall_clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], object] | None = None,
        on_request: Callable[[Record], None] | None = None,
        **rules: Any,
    ) -> None:
        self.project_id = project_id
        self.truth = Truth()
        self.clock = clock or scaled_clock(time_scale)
        self.timeline = Timeline(self.clock, base_date)
        self._state = FleetState(fleet, self.timeline, self.truth)
        read_rules = Rules(**rules)
        self.backups = BackupService(self._state)
        self.alarms = AlarmService(self.timeline)
        self._routes = OverviewService(self._state).routes() + DcsService(self._state, read_rules).routes()
        self.smn = SmnService(topics, self.truth, self.timeline.now)
        self._routes += self.smn.routes()
        self._routes += self.backups.routes() + self.alarms.routes()
        self.obs = ObsService(self.timeline)
        self._plan = FaultPlan()
        for fault in faults:
            self.add_fault(fault)
        until = None if key_valid_until is None else self.timeline.started_at + key_valid_until
        self._keys = KeyRing(Keys(ak, sk, security_token, until), self.truth, self.timeline.now, wall_clock)
        limit = Quota(*quota, tells_when=quota_tells_when, truth=self.truth) if quota else None
        self._stopping = threading.Event()
        self._wait = sleep or self._stopping.wait
        self._gateway = Gateway(
            self._routes, self.obs, self._keys, limit, self._state, project_id, self._plan, self.truth, self.timeline,
            wall_clock, self._wait, latency_s, read_rules.numeric_codes, on_request,
        )  # fmt: skip
        self._port = port
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def ak(self) -> str:
        """The access key that a host would hand out now."""
        return self._keys.newest.ak

    @property
    def sk(self) -> str:
        return self._keys.newest.sk

    @property
    def security_token(self) -> str | None:
        return self._keys.newest.security_token

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listen().server_port}"

    def listen(self) -> Server:
        """Take the port, if that was not done yet; requests wait until `start()`. Without it no socket is opened."""
        if self._server is None:
            self._server = Server(self._gateway, self._port, self._stopping)
        return self._server

    def answer(self, method: str, url_path_with_query: str, headers: Mapping[str, str], body: bytes = b"") -> Answered:
        """Ask without a socket: (status, headers, body). The request is signed, recorded and executed like any other.

        The path is encoded as it would be sent; a `Host` header must be among those that were signed. Raises, of
        this package: TimedOutError where a socket would hang, ConnectionDroppedError, BodyCutError.
        A slow answer is waited for, on `sleep`, before it is returned whole.
        """
        path, _, query = url_path_with_query.partition("?")
        lower = {name.lower(): value for name, value in headers.items()}
        try:
            record, answer = self._gateway.answer(SignedRequest(method.upper(), path, query, lower, body), 0)
        finally:
            self.truth.end()
        return hand_over(record, answer, self._wait)

    def start(self) -> Emulator:
        server = self.listen()
        self._thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="emulator", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop at once, also when requests hang."""
        self._stopping.set()
        if self._thread is not None and self._server is not None:
            self._server.stop()
            self._thread.join()
        elif self._server is not None:
            self._server.server_close()
        self._thread = None

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def instance(self, instance_id: str) -> Instance:
        """A snapshot of one instance as a reader would see it now. KeyError if there is none."""
        self.timeline.catch_up()
        one = self._state.find(instance_id)
        if one is None:
            raise KeyError(instance_id)
        return one

    def instances(self) -> list[Instance]:
        self.timeline.catch_up()
        return self._state.all()

    def iso(self, at: float) -> str:
        """A clock value as the API would write it."""
        return self._state.iso(at)

    def at(self, seconds: float, change: Callable[[], object]) -> None:
        """Plan a change so many seconds after the start: `at(60, lambda: emu.remove(id))`.

        It is made when the clock has passed that time and somebody looks, and has begun at that time, not at the look.
        """
        self.timeline.at(seconds, change)

    def add(self, one: Instance, *, first: bool = False) -> None:
        """Create an instance, behind all others in the list or before them."""
        self._state.add(one, first=first)

    def remove(self, instance_id: str) -> None:
        """Delete an instance: from now on it is 404."""
        self._state.remove(instance_id)

    def edit(self, instance_id: str, **changes: Any) -> None:
        """Set any Instance fields, as somebody outside would: `edit(id, busy_s=5, ends_in="ERROR")`."""
        self._state.edit(instance_id, **changes)

    def change(self, *instance_ids: str, at: float | None = None, **changes: Any) -> None:
        """Edit several instances, now or `at` so many seconds after the start: `change(a, b, at=60, appendonly="no")`."""
        for instance_id in instance_ids:
            if at is None:
                self.edit(instance_id, **changes)
            else:
                self.at(at, partial(self.edit, instance_id, **changes))

    def set_status(self, instance_id: str, status: str, for_s: float | None = None, then: str | None = None) -> None:
        """Put an instance in a state, ending what was under way; after `for_s` it passes, by itself, into `then`."""
        self.edit(instance_id, status=status, status_s=for_s, status_then=then)

    def set_tags(self, instance_id: str, tags: Mapping[str, str]) -> None:
        self.edit(instance_id, tags=dict(tags))

    def set_alarm(self, instance_id: str, alarm_id: str, firing: bool = True, *, name: str | None = None, node: str | None = None) -> None:
        """Let the alarm of a rule (`alarm_id`) about an instance, or one of its nodes, fire or be over."""
        self.alarms.set(instance_id, alarm_id, "alarm" if firing else "ok", name=name, node=node)

    def rotate_keys(
        self,
        ak: str | None = None,
        sk: str | None = None,
        security_token: str | None = None,
        *,
        grace_s: float = 0.0,
        valid_s: float | None = None,
    ) -> Keys:
        """Give out another key pair, `emu.ak` and `emu.sk` from now on; the old ones end after `grace_s`.

        What is not given is made up; a token only if there was one. `valid_s`: the new pair ends in its turn.
        """
        until = None if valid_s is None else self.timeline.now() + valid_s
        return self._keys.renew(ak, sk, security_token, until, grace_s)

    def act(self, instance_id: str, action: str) -> None:
        """Let another actor do this to the instance now; in `truth.executed` it is `by` "other"."""
        self._state.execute(instance_id, action, by="other")

    def add_fault(self, fault: Fault) -> None:
        known = {route.operation for route in (*self._routes, *self.obs.routes)} | {"any"}
        if fault.operation not in known:
            raise ValueError(f"unknown operation {fault.operation!r} in a fault; known: {', '.join(sorted(known))}")
        self._plan.add(fault)

    def clear_faults(self) -> None:
        self._plan.clear()

    def add_route(self, route: Route) -> None:
        """Serve one more endpoint; patterns carry {project_id}, which is checked."""
        self._routes.append(route)
