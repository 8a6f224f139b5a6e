"""What all calls to one Huawei Cloud account share: the key pair, the pace, and what is known of the wire."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import SystemRandom
from typing import TypeVar

from dcs_upkeep.adapters import timeouts
from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.adapters.pace import AccountPace
from dcs_upkeep.adapters.wire import Wire
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import CloudError, SettingsError, UnauthorizedError
from dcs_upkeep.domain.model import Credentials

T = TypeVar("T")


class HeldBackError(Exception):
    """The account is throttled: this call did not leave, or was answered 429. It may leave later, and nothing was executed."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair, and the how manieth of this invocation it is."""

    pair: Credentials
    number: int


class Keys:
    """The key pair of an invocation: fetched at the first call, and once more when it is refused. Thread-safe.

    Five wrong signatures lock a key for whoever shares it. So the first call with a key goes alone, and after two 401 in a row, the
    second with what was fetched anew, nothing more is asked.
    """

    def __init__(self, fetch: Callable[[], Credentials]) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._alone = threading.Lock()
        self._key: Key | None = None
        self._is_good = False
        self._was_renewed = False  # since a key was good
        self._refusal: UnauthorizedError | None = None

    @property
    def key(self) -> Key:
        """The key to use now. Raises: SettingsError if there is none."""
        with self._lock:
            if self._key is None:
                self._key = Key(self._fetch(), 1)
            return self._key

    @property
    def refused(self) -> bool:
        """Whether nothing more is asked, since two keys in a row were refused."""
        with self._lock:
            return self._refusal is not None

    def call(self, operation: str, make: Callable[[Key], T], *, again: bool = True) -> T:
        """Make a call; after a 401 once more with what is fetched then, unless `again` is False.

        Raises: UnauthorizedError if that is refused too, or was before; else what the call raises.
        """
        while True:
            with self._turn():
                if self._refusal is not None:
                    what = f"not asked, since the key pair was refused before ({self._refusal.operation} answered 401 {self._refusal.code})"
                    raise UnauthorizedError(operation, what, code=self._refusal.code)
                key = self.key
                try:
                    found = make(key)
                except Exception as err:
                    status = status_of(err)
                    if status == 401:
                        self._refused(key, operation, err)
                    elif status is not None and status < 500 and status != 429:
                        self._good(key)
                    if status != 401 or not again:
                        raise
                else:
                    self._good(key)
                    return found

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Until it is known whether the key is good, one call at a time."""
        if not self._is_good:
            with self._alone:
                if not self._is_good:
                    yield
                    return
        yield

    def _good(self, key: Key) -> None:
        with self._lock:
            if key == self._key:
                self._is_good, self._was_renewed = True, False

    def _refused(self, key: Key, operation: str, err: Exception) -> None:
        """Fetch another. Raises: UnauthorizedError if this one was fetched anew already, or none can be fetched."""
        with self._lock:
            if key != self._key:
                return  # another thread was told so before, and has fetched it
            code, request_id = str(getattr(err, "error_code", None) or ""), getattr(err, "request_id", None)
            what = f"answered 401 {code}, "
            if not self._was_renewed:
                try:
                    self._key, self._is_good, self._was_renewed = Key(self._fetch(), key.number + 1), False, True
                    return
                except (CloudError, SettingsError) as fault:
                    what += f"and other credentials could not be fetched: {fault}"
            else:
                what += "with credentials that were fetched anew too"
            self._is_good = False
            self._refusal = UnauthorizedError(operation, what, code=code, request_id=request_id)
            raise self._refusal from err


class Account:
    """One for an invocation, for every client of a Huawei Cloud service."""

    def __init__(self, fetch: Callable[[], Credentials], pace: AccountPace) -> None:
        self.keys = Keys(fetch)
        self.pace = pace
        self.wire = Wire(pace.clock)

    def attempt(self, operation: str, make: Callable[[Key], T], *, again: bool = True) -> T:
        """Make a call now, from any thread. Raises: HeldBackError while the account is throttled; UnauthorizedError; or what it raises."""
        if self.pace.wait_s() > 0:
            raise HeldBackError
        begun = self.pace.begin()
        try:
            found = self.keys.call(operation, make, again=again)
        except Exception as err:
            status = status_of(err)
            if status == 429:
                self.pace.throttled(operation, begun, self.wire.retry_after)
                raise HeldBackError from err
            if status is not None and status != 401:
                self.pace.passed(begun)
            raise
        self.pace.passed(begun)
        return found

    def call(self, operation: str, deadline: Deadline, usual_s: tuple[float, float], make: Callable[[Key], T]) -> T:
        """Make a call, and wait for the account as long as there is time. `usual_s`: (connect, read) timeouts, cut to the time left.

        On the calling thread alone. Raises: ThrottledError, UnauthorizedError, or what it raises.
        """

        def timed(key: Key) -> T:
            self.wire.begin(timeouts.fit(deadline.remaining_s(), *usual_s))
            return make(key)

        while True:
            self.pace.wait(operation, deadline, room_s=sum(usual_s))
            try:
                return self.attempt(operation, timed)
            except HeldBackError:
                continue


def own_account(fetch: Callable[[], Credentials]) -> Account:
    """One that nothing else shares, on the machine's time and without a log."""

    def silent(event: str, *, level: str = "info", **fields: object) -> None:
        """Nobody listens."""

    return Account(fetch, AccountPace(SystemClock(), SystemRandom().random, silent))


def status_of(err: Exception) -> int | None:
    """The HTTP status that an exception of the SDK carries, or None if there was no answer."""
    status = getattr(err, "status_code", None)
    return status if isinstance(status, int) and not isinstance(status, bool) else None
