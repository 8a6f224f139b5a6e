"""One call to DCS within the time left: connecting, trying again, counting, and what went wrong in words."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from dcs_upkeep.adapters import endpoints, timeouts
from dcs_upkeep.adapters.dcs import read_answers, status_answers
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import CloudError, Problem, SettingsError
from dcs_upkeep.domain.model import Credentials, Location
from dcs_upkeep.domain.ports import Clock

if TYPE_CHECKING:  # the SDK is not imported before the first call
    from dcs_upkeep.adapters.dcs.sdk import RawDcsClient
    from dcs_upkeep.adapters.dcs.transport import Wire


T = TypeVar("T")
CONNECT_S, READ_S = 5.0, 15.0
CONNECTIONS = 32  # 16 reads at a time, and as many status calls as UPKEEP_PARALLEL_CALLS allows
READ_ATTEMPTS = 4
FIRST_WAIT_S, MAX_WAIT_S = 0.5, 8.0


class Session:
    """One for an invocation: its connections are pooled, its key pair may be short-lived. Thread-safe.

    `deadline`: real seconds left for calls. `random`: 0 to 1, for the waits of reads. Credentials and location are asked at the first call.
    """

    def __init__(
        self,
        credentials: Callable[[], Credentials],
        location: Callable[[], Location],
        *,
        endpoint: str,
        clock: Clock,
        deadline: Deadline,
        random: Callable[[], float],
    ) -> None:
        self._credentials = credentials
        self._location = location
        self._endpoint = endpoint
        self._clock = clock
        self._deadline = deadline
        self._random = random
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._connected: tuple[RawDcsClient, Wire] | None = None
        self.clean = status_answers.cleaner(())  # the first call, which brings the secrets, replaces it

    def connect(self) -> tuple[RawDcsClient, Wire]:
        """The client and its wire, made by the first call. Raises: SettingsError if they cannot be made from what is set."""
        with self._lock:
            if self._connected is None:
                key_pair, location = self._credentials(), self._location()
                endpoints.check(location, self._endpoint)
                from dcs_upkeep.adapters.dcs import sdk, transport

                endpoint = self._endpoint or sdk.region_endpoint(location.region)
                if not endpoint:
                    what = f"the SDK knows no region {location.region!r}"
                    raise SettingsError([Problem("UPKEEP_REGION", what, "Correct it, or set UPKEEP_ENDPOINT.")])
                self.clean = status_answers.cleaner((key_pair.ak, key_pair.sk, key_pair.security_token))
                wire = transport.Wire(self._clock)
                self._connected = sdk.connect(key_pair, location.project_id, endpoint, wire, connections=CONNECTIONS), wire
            return self._connected

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
        """One read, tried up to 4 times with growing waits in full jitter, never beyond the time left. Raises: CloudError.

        `right`: what has to be granted for it. `call` gets the client and `sdk.make`. `once`: it writes, so that only what was throttled
        is tried again.
        """
        client, wire = self.connect()
        from dcs_upkeep.adapters.dcs import sdk

        fault: Exception | None = None
        for attempt in range(READ_ATTEMPTS):
            wait_s = self._random() * min(MAX_WAIT_S, FIRST_WAIT_S * 2**attempt) if attempt else 0.0
            left_s = self._deadline.remaining_s()
            if wait_s >= left_s:
                break
            if wait_s:
                self._clock.sleep(wait_s)
                left_s = self._deadline.remaining_s()
            wire.begin(timeouts.fit(left_s, CONNECT_S, READ_S))
            self.count(operation)
            try:
                return _parsed(call(client, sdk.make), parse)
            except Exception as err:  # whatever it is, it was a read: its error is told below
                fault = err
                status = status_answers.status_of(err)
                if (status is not None and status < 500 and status != 429) or (once and status != 429):
                    break
        raise self._cloud_error(operation, right, fault) from fault

    def _cloud_error(self, operation: str, right: str, fault: Exception | None) -> CloudError:
        """The same words for every failed read: where, what, and what to do next."""
        if fault is None:
            return CloudError(operation, "no time is left in this invocation", "Give the function a longer timeout.")
        status = status_answers.status_of(fault)
        if status is None:
            what = str(fault) if isinstance(fault, read_answers.UnreadableError) else f"no answer came ({status_answers.cause_of(fault)})"
            return CloudError(operation, what, "Check the endpoint and the network path to it, then try again.")
        code = status_answers.code_of(fault)
        match status:
            case 401:
                fix = "Check the key pair, its token, its project and this machine's clock."
            case 403:
                fix = f"Grant {right} to the agency or user."
            case 429:
                fix = "The account is throttled; try again later."
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
