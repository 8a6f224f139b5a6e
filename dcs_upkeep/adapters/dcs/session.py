"""One call to DCS within the time left, or one for each of many: trying again, waiting, counting, and what went wrong in words."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from dcs_upkeep.adapters import endpoints, timeouts
from dcs_upkeep.adapters.account import Account, HeldBackError, Key, status_of
from dcs_upkeep.adapters.dcs import read_answers, status_answers
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import CloudError, Problem, SettingsError, UnauthorizedError
from dcs_upkeep.domain.model import Location
from dcs_upkeep.domain.ports import Tick, no_tick

if TYPE_CHECKING:  # the SDK is not imported before the first call
    from dcs_upkeep.adapters.dcs.sdk import RawDcsClient


T = TypeVar("T")
CONNECT_S, READ_S = 5.0, 20.0  # the latter for a whole answer, such as a page of 1000
CONNECTIONS = 32  # 16 reads at a time, and as many status calls as UPKEEP_PARALLEL_CALLS allows
PARALLEL = 16
READ_ATTEMPTS = 4
FIRST_WAIT_S, MAX_WAIT_S = 0.5, 8.0
ROOM_S = 10.0  # who waits for the account leaves so much time for the call itself, and for handing the run on


class Session:
    """One for an invocation: its connections are pooled, its key pair may be short-lived. Thread-safe.

    `deadline`: real seconds left for calls. Credentials and location are asked at the first call.
    """

    def __init__(self, account: Account, location: Callable[[], Location], *, endpoint: str, deadline: Deadline) -> None:
        self.account = account
        self._location = location
        self._endpoint = endpoint
        self._deadline = deadline
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._client: tuple[Key, RawDcsClient] | None = None
        self._secrets: tuple[str | None, ...] = ()
        self._pool: ThreadPoolExecutor | None = None
        self.clean = status_answers.cleaner(())  # the first call, which brings the secrets, replaces it

    def client(self, key: Key) -> RawDcsClient:
        """The client for this key, made by its first call. Raises: SettingsError if it cannot be made from what is set."""
        with self._lock:
            if self._client is None or self._client[0] != key:
                location = self._location()
                endpoints.check(location, self._endpoint)
                from dcs_upkeep.adapters.dcs import sdk

                endpoint = self._endpoint or sdk.region_endpoint(location.region)
                if not endpoint:
                    what = f"the SDK knows no region {location.region!r}"
                    raise SettingsError([Problem("UPKEEP_REGION", what, "Correct it, or set UPKEEP_ENDPOINT.")])
                self._secrets += key.pair.ak, key.pair.sk, key.pair.security_token
                self.clean = status_answers.cleaner(self._secrets)
                self._client = key, sdk.connect(key.pair, location.project_id, endpoint, self.account.wire, connections=CONNECTIONS)
            return self._client[1]

    def count(self, operation: str) -> None:
        """A request is about to leave."""
        with self._lock:
            self._calls[operation] += 1

    def calls(self) -> Mapping[str, int]:
        """SDK operation -> HTTP attempts so far."""
        with self._lock:
            return dict(self._calls)

    def ask(
        self,
        operation: str,
        right: str,
        call: Callable[[RawDcsClient, Callable[..., Any]], Any],
        parse: Callable[[object], T],
        *,
        once: bool = False,
    ) -> T:
        """One read, tried up to 4 times with growing waits in full jitter, never beyond the time left. From any thread.

        `right`: what has to be granted for it. `call` gets the client and `sdk.make`. `once`: it writes, so that it is not tried again.
        Raises: HeldBackError while the account is throttled, which `alone` and `each` wait out; else CloudError.
        """
        pace = self.account.pace
        fault: Exception | None = None
        for attempt in range(READ_ATTEMPTS):
            wait_s = pace.random() * min(MAX_WAIT_S, FIRST_WAIT_S * 2**attempt) if attempt else 0.0
            if wait_s >= self._deadline.remaining_s():
                break
            if wait_s:
                pace.clock.sleep(wait_s)
            try:
                return self.account.attempt(operation, lambda key: self._read(key, operation, call, parse))
            except (HeldBackError, CloudError, SettingsError):
                raise
            except Exception as err:  # whatever it is, it was a read: its error is told below
                fault = err
                status = status_of(err)
                if once or (status is not None and status < 500):
                    break
        raise self._cloud_error(operation, right, fault) from fault

    def _read(self, key: Key, operation: str, call: Callable[[RawDcsClient, Callable[..., Any]], Any], parse: Callable[[object], T]) -> T:
        client = self.client(key)
        from dcs_upkeep.adapters.dcs import sdk

        self.account.wire.begin(timeouts.fit(self._deadline.remaining_s(), CONNECT_S, READ_S))
        self.count(operation)
        return _parsed(call(client, sdk.make), parse)

    def alone(self, operation: str, ask: Callable[[], T], tick: Tick = no_tick) -> T:
        """One `ask`, once the account may be asked. On the calling thread. Raises: ThrottledError, or what it raises."""
        while True:
            self.account.pace.wait(operation, self._deadline, tick, room_s=ROOM_S)
            try:
                return ask()
            except HeldBackError:
                continue

    def each(
        self, operation: str, names: Sequence[str], ask: Callable[[str], T], tick: Tick = no_tick, *, stop: bool = False
    ) -> dict[str, T | CloudError]:
        """`ask` for each of these, 16 at a time, with a `tick` after each. Name -> what it returned, or why it failed.

        The first goes alone, so that a key that is refused and an account that is throttled are found out by one call. Waiting is done
        here, on the calling thread. `stop`: the first failure is raised. Raises: ThrottledError, UnauthorizedError.
        """
        found: dict[str, T | CloudError] = {}
        waiting = list(dict.fromkeys(names))

        def take(name: str, get: Callable[[], T]) -> None:
            try:
                found[name] = get()
            except HeldBackError:
                return
            except CloudError as err:
                if stop or isinstance(err, UnauthorizedError):
                    raise
                found[name] = err
            tick()

        while waiting:
            self.account.pace.wait(operation, self._deadline, tick, room_s=ROOM_S)
            first, others = waiting[0], waiting[1:]
            take(first, lambda name=first: ask(name))  # type: ignore[misc]  # a default binds it
            if others and first in found:
                pool = self._threads()
                futures = {name: pool.submit(ask, name) for name in others}
                try:
                    for name, future in futures.items():
                        take(name, future.result)
                finally:
                    for future in futures.values():  # after an error that is raised the rest is not worth asking
                        future.cancel()
            waiting = [name for name in waiting if name not in found]
        return found

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            self._pool = self._pool or ThreadPoolExecutor(PARALLEL, thread_name_prefix="reads")
            return self._pool

    def _cloud_error(self, operation: str, right: str, fault: Exception | None) -> CloudError:
        """The same words for every failed read: where, what, and what to do next."""
        if fault is None:
            return CloudError(operation, "no time is left in this invocation", "Give the function a longer timeout.")
        status = status_of(fault)
        if status is None:
            what = str(fault) if isinstance(fault, read_answers.UnreadableError) else f"no answer came ({status_answers.cause_of(fault)})"
            return CloudError(operation, what, "Check the endpoint and the network path to it, then try again.")
        code = status_answers.code_of(fault)
        match status:
            case 403:
                fix = f"Grant {right} to the agency or user."
            case _ if status >= 500:
                fix = "DCS has a fault; try again later."
            case _:
                fix = "Check UPKEEP_REGION, UPKEEP_ENDPOINT and UPKEEP_PROJECT_ID."
        what = self.clean(f"answered {status} {code}: {getattr(fault, 'error_msg', None)}")
        return CloudError(operation, what, fix, status=status, code=code, request_id=status_answers.request_id_of(fault))


def _parsed(raw: Any, parse: Callable[[object], T]) -> T:
    if raw.status_code != 200:
        raise read_answers.UnreadableError(f"answered {raw.status_code}, which this API does not do")
    return parse(raw.raw_content)
