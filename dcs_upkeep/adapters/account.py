"""What all calls to one Huawei Cloud account share: the key pair, the pace, and what is known of the wire."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import SystemRandom
from typing import TypeVar

from dcs_upkeep.adapters import timeouts
from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.adapters.foreign_words import as_word
from dcs_upkeep.adapters.pace import AccountPace
from dcs_upkeep.adapters.wire import Wire
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import Problem, SettingsError, UnauthorizedError, describe_error
from dcs_upkeep.domain.model import Credentials
from dcs_upkeep.domain.ports import Clock, Log

T = TypeVar("T")
BEFORE_END_S = 300.0  # a key pair whose end is known is asked for again so long before it
AGAIN_S = 15.0  # and not more often, if it is given out unchanged until then
THROTTLED = frozenset({"APIGW.0308", "APIG.0308"})  # the gateway's own code, in its two spellings: nothing came past it


class HeldBackError(Exception):
    """The account is throttled: this call did not leave, or was answered 429. It may leave later, and nothing was executed."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair, and the how manieth of this invocation it is."""

    pair: Credentials
    number: int


class Keys:
    """The key pair of an invocation: fetched at the first call, when it is old or near its end, and when it is refused. Thread-safe.

    Five wrong signatures lock a key for whoever shares it. So the first call with a key goes alone, and after two 401 in a row, the
    second with what was fetched anew, nothing more is asked. Fetching because of age changes nothing of that: a pair that came so and is
    refused was not good yet, and one that cannot be fetched leaves the present one in use.
    """

    def __init__(self, fetch: Callable[[], Credentials], clock: Clock, log: Log) -> None:
        self._fetch = fetch
        self._clock = clock
        self._log = log
        self._lock = threading.Lock()
        self._alone = threading.Lock()
        self._key: Key | None = None
        self._is_good = False
        self._was_renewed = False  # since a key was good
        self._refusal: UnauthorizedError | None = None
        self._ask_at = (math.inf, math.inf)  # when the source is asked again, on the monotonic clock and by the time of day
        self._could_not = False  # at the last time

    @property
    def key(self) -> Key:
        """The key to use now. Raises: SettingsError if there is none."""
        with self._lock:
            if self._key is None:
                self._take(self._fetch(), 1)
            return self._key  # type: ignore[return-value]  # `_take` has set it

    def _take(self, pair: Credentials, number: int) -> None:
        """Use this pair from now on."""
        self._key, self._is_good = Key(pair, number), False
        self._plan(pair)

    def _plan(self, pair: Credentials) -> None:
        """When its source is asked again: after its age, or shortly before its end. A machine may sleep, so by both clocks."""
        now, wait_s = self._clock.now(), pair.keep_s
        if pair.ends_at is not None:
            wait_s = min(wait_s, max(AGAIN_S, (pair.ends_at - now).total_seconds() - BEFORE_END_S))
        self._ask_at = self._clock.monotonic() + wait_s, now.timestamp() + wait_s

    def _renew_if_old(self) -> None:
        """Ask the source again if it is time. By one thread; the others go on with the present pair meanwhile, which still works."""
        with self._lock:
            present, (ticks, moment) = self._key, self._ask_at
            if present is None or self._refusal is not None:
                return
            if self._clock.monotonic() < ticks and self._clock.now().timestamp() < moment:
                return
            self._plan(present.pair)  # so that nobody else asks
        try:
            pair = self._fetch()
            if pair.source != present.pair.source:
                raise SettingsError([Problem("credentials", f"{present.pair.source} gives none any more", "Look at it")])
        except Exception as err:  # whatever it is, the present pair may well be good for longer
            if not self._could_not:
                reason = f"the key pair could not be asked for again, and the present one stays in use: {describe_error(err)}"
                self._log("credentials.kept", level="warning", reason=reason)
            self._could_not = True
            return
        self._could_not = False
        with self._lock:
            if self._key is not present or self._refusal is not None:
                return  # it was refused meanwhile, and another fetched for that
            self._plan(pair)
            if not _same(pair, present.pair):
                self._take(pair, present.number + 1)
                self._log("credentials.renewed", reason=f"{pair.source or 'their source'} gives another key pair")

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
            self._renew_if_old()
            with self._turn() as key:
                if self._refusal is not None:
                    what = f"not asked, since the key pair was refused before ({self._refusal.operation} answered 401 {self._refusal.code})"
                    raise UnauthorizedError(operation, what, code=self._refusal.code)
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
    def _turn(self) -> Iterator[Key]:
        """The key for one call. Until it is known whether it is good, one call at a time."""
        key = self._proven()
        if key is None:
            with self._alone:
                key = self._proven()
                if key is None:
                    yield self.key
                    return
        yield key

    def _proven(self) -> Key | None:
        with self._lock:
            return self._key if self._is_good else None

    def _good(self, key: Key) -> None:
        with self._lock:
            if key == self._key:
                self._is_good, self._was_renewed = True, False

    def _refused(self, key: Key, operation: str, err: Exception) -> None:
        """Fetch another. Raises: UnauthorizedError if this one was fetched anew already, or none can be fetched."""
        with self._lock:
            if key != self._key:
                return  # another thread was told so before, and has fetched it
            code, request_id = as_word(getattr(err, "error_code", None)), as_word(getattr(err, "request_id", None)) or None
            what = f"answered 401 {code}, "
            if not self._was_renewed:
                try:
                    self._take(self._fetch(), key.number + 1)
                    self._was_renewed = True
                    return
                except Exception as fault:  # whatever it is, this key is not to be shown again
                    what += f"and other credentials could not be fetched: {describe_error(fault)}"
            else:
                what += "with credentials that were fetched anew too"
            self._is_good = False
            self._refusal = UnauthorizedError(operation, what, code=code, request_id=request_id)
            raise self._refusal from err


class Account:
    """One for an invocation, for every client of a Huawei Cloud service."""

    def __init__(self, fetch: Callable[[], Credentials], pace: AccountPace) -> None:
        self.keys = Keys(fetch, pace.clock, pace.log)
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


def _same(one: Credentials, other: Credentials) -> bool:
    """Whether these sign alike, whatever else is known of them."""
    return (one.ak, one.sk, one.security_token) == (other.ak, other.sk, other.security_token)


def own_account(fetch: Callable[[], Credentials]) -> Account:
    """One that nothing else shares, on the machine's time and without a log."""

    def silent(event: str, *, level: str = "info", **fields: object) -> None:
        """Nobody listens."""

    return Account(fetch, AccountPace(SystemClock(), SystemRandom().random, silent))


def status_of(err: Exception) -> int | None:
    """The HTTP status that an exception of the SDK carries, or None if there was no answer. The gateway's throttling is always 429."""
    status = getattr(err, "status_code", None)
    if not isinstance(status, int) or isinstance(status, bool):
        return None
    return 429 if 400 <= status < 500 and getattr(err, "error_code", None) in THROTTLED else status
