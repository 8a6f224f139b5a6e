"""DCS on huaweicloudsdkdcs: the status PUT exactly once, reads with retries, all within the time that is left."""

from __future__ import annotations

import random as random_module
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from dcs_upkeep import __version__
from dcs_upkeep.adapters import endpoints
from dcs_upkeep.adapters.dcs import backups, read_answers, status_answers
from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.errors import CloudError, Problem, SettingsError
from dcs_upkeep.domain.model import Answer, AnswerKind, Credentials, Instance
from dcs_upkeep.domain.ports import Clock
from dcs_upkeep.domain.settings import BATCH_LIMIT

if TYPE_CHECKING:
    from dcs_upkeep.adapters.dcs.sdk import RawDcsClient
    from dcs_upkeep.adapters.dcs.transport import Wire


T = TypeVar("T")
CONNECT_S, PUT_READ_S, READ_S = 5.0, 30.0, 15.0
MIN_PUT_S = 3.0  # less is not worth a PUT whose answer would probably be lost
SHOWS = 16  # `show` calls at the same time
FEW = 5  # up to here one `show` each is cheaper than a page of 1000
CONNECTIONS = 32  # SHOWS and as many status calls as UPKEEP_PARALLEL_CALLS allows
READ_ATTEMPTS = 4
FIRST_WAIT_S, MAX_WAIT_S = 0.5, 8.0
MAX_PAGES = 1000
MISSING = "DCS.3022"
_LIST, _SHOW, _CONFIGS, _PUT = "list_instances", "show_instance", "list_configurations", "restart_or_flush_instances"
# What the code asks of DCS, for the shipped policies and for messages. (DCS API, permissions and supported actions.)
PERMISSIONS = {
    _LIST: "dcs:instance:list",
    _SHOW: "dcs:instance:get",
    _CONFIGS: "dcs:instance:getConfiguration",
    _PUT: status_answers.PERMISSION,
    backups.COPY: "dcs:instance:backupData",
    backups.LIST: "dcs:instance:getDataBackupLog",
}


class HuaweiDcs:
    """Implements ports.Dcs. One per invocation: its connections are pooled, its key pair may be short-lived. Thread-safe."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        region: str,
        project_id: str,
        endpoint: str = "",
        clock: Clock,
        left: Callable[[], float],
        random: Callable[[], float] | None = None,
    ) -> None:
        """`left`: real seconds left for calls, infinity where there is no end. `random`: 0 to 1, for the waits of reads.

        Raises: SettingsError where region, project or endpoint cannot be used.
        """
        self._credentials = credentials
        self._region = region
        self._project_id = project_id
        self._endpoint = endpoint
        self._clock = clock
        self._left = left
        self._random = random or random_module.SystemRandom().random
        self._clean = status_answers.cleaner((credentials.ak, credentials.sk, credentials.security_token))
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._client: RawDcsClient | None = None
        self._wire: Wire | None = None
        self._pool: ThreadPoolExecutor | None = None
        endpoints.check(region, project_id, endpoint)

    # --- the write -----------------------------------------------------------------------------------------------

    def send(self, action: Action, instance_ids: Sequence[str]) -> Answer:
        """One status PUT, one HTTP attempt. Raises nothing that the cloud does; SettingsError where it cannot be reached at all.

        Source: RestartOrFlushInstances, PUT /v2/{project_id}/instances/status.
        """
        asked = list(dict.fromkeys(instance_ids))
        if not 1 <= len(asked) <= BATCH_LIMIT:
            return Answer(AnswerKind.BAD_REQUEST, f"not sent: one call takes 1 to {BATCH_LIMIT} instance IDs, not {len(asked)}")
        from dcs_upkeep.adapters.dcs import sdk, transport

        client, wire = self._connect()
        left_s = self._left()
        if left_s <= 0:
            return Answer(AnswerKind.NOT_CONNECTED, "not sent: no time is left in this invocation")
        body = sdk.ChangeInstanceStatusBody(instances=asked, action=action.value)
        wire.begin(transport.fit(left_s, CONNECT_S, PUT_READ_S))
        self._count(_PUT)
        try:
            raw = client.restart_or_flush_instances(sdk.RestartOrFlushInstancesRequest(body=body))
        except Exception as err:  # whatever it is, the request may have left: the answer says so instead of raising
            return status_answers.from_error(err, self._clean, not_sent=wire.seen and not wire.written)
        return status_answers.from_response(raw, asked, self._clean)

    def put_timeout_s(self) -> float:
        """The longest that a PUT sent now may take, in seconds; 0 where under 3 s are left."""
        left_s = self._left()
        if left_s < MIN_PUT_S:
            return 0.0
        return min(left_s, CONNECT_S + PUT_READ_S)

    # --- the reads -----------------------------------------------------------------------------------------------

    def snapshot(self) -> tuple[Instance, ...]:
        """The whole fleet, in pages of 1000. Raises: CloudError, also where the listing does not come to an end."""
        return tuple(self._list(lambda _: False).values())

    def read(self, instance_ids: Sequence[str]) -> Mapping[str, Instance]:
        """These instances: one `show` each for up to 5, else list pages until all are found. What is gone is absent."""
        wanted = {one.lower() for one in instance_ids}
        if len(wanted) <= FEW:
            return self.show(instance_ids)
        found = self._list(lambda found: wanted <= found.keys())
        return {one: found[one] for one in dict.fromkeys(one.lower() for one in instance_ids) if one in found}

    def show(self, instance_ids: Sequence[str]) -> Mapping[str, Instance]:
        """These instances by `show_instance`, 16 at a time. What is gone is absent. Raises: CloudError."""
        wanted = list(dict.fromkeys(one.lower() for one in instance_ids))
        if len(wanted) <= 1:
            found = [self._show(one) for one in wanted]
        else:
            self._connect()
            with self._lock:
                pool = self._pool = self._pool or ThreadPoolExecutor(SHOWS, thread_name_prefix="show")
            futures = [pool.submit(self._show, one) for one in wanted]
            try:
                found = [future.result() for future in futures]
            finally:
                for future in futures:  # after one error the rest is not worth asking
                    future.cancel()
        return {one.instance_id: one for one in found if one is not None}

    def configurations(self, instance_id: str) -> Mapping[str, str]:
        """An instance's Redis parameters, name -> value, such as `appendonly` -> `yes`. Raises: CloudError."""
        return self._ask(
            _CONFIGS,
            lambda client, sdk: client.list_configurations(sdk.ListConfigurationsRequest(instance_id=instance_id)),
            read_answers.configurations_of,
        )

    @property
    def backups(self) -> backups.HuaweiBackups:
        """Backups, by the same client."""
        return backups.HuaweiBackups(self)

    def calls(self) -> Mapping[str, int]:
        """SDK operation -> HTTP attempts so far."""
        with self._lock:
            return dict(self._calls)

    def _show(self, instance_id: str) -> Instance | None:
        try:
            return self._ask(
                _SHOW,
                lambda client, sdk: client.show_instance(sdk.ShowInstanceRequest(instance_id=instance_id)),
                lambda content: read_answers.shown(content, instance_id),
            )
        except CloudError as err:
            if err.status == 404 and status_answers.canonical_code(err.code or "") == MISSING:
                return None
            raise

    def _list(self, enough: Callable[[Mapping[str, Instance]], bool]) -> dict[str, Instance]:
        """Pages until `enough`, or until `instance_num` is reached; where that is missing or too low, until a short page."""
        found: dict[str, Instance] = {}
        offset = 0
        doubtful = False  # whether the fleet may have ended with the last page
        for _ in range(MAX_PAGES):
            try:
                instances, rows, total = self._page(offset)
            except CloudError as err:
                if doubtful and err.status == 400:  # an offset past the end may be refused (DCS.4800)
                    return found
                raise
            known = len(found)
            for one in instances:
                found[one.instance_id] = read_answers.merged(found[one.instance_id], one) if one.instance_id in found else one
            offset += rows
            full = rows >= read_answers.PAGE
            # One full page that counts as many is either the whole fleet or an `instance_num` that counts pages: look once more.
            doubtful = full and total == rows
            more = total > offset if total is not None and total >= offset and not doubtful else full
            if rows == 0 or not more or enough(found):
                return found
            if len(found) == known:
                break  # the same page again: going on would never end, and stopping here would pass for the whole fleet
        raise CloudError(
            _LIST, f"the listing does not come to an end at offset {offset}", "Try again; if it stays so, ask Huawei Cloud's support."
        )

    def _page(self, offset: int) -> tuple[list[Instance], int, int | None]:
        return self._ask(
            _LIST,
            lambda client, sdk: client.list_instances(sdk.ListInstancesRequest(limit=read_answers.PAGE, offset=offset)),
            read_answers.page_of,
        )

    def _ask(self, operation: str, call: Callable[[RawDcsClient, Any], Any], parse: Callable[[object], T]) -> T:
        from dcs_upkeep.adapters.dcs import sdk

        return self.ask(operation, lambda client: call(client, sdk), parse)

    def ask(self, operation: str, call: Callable[[RawDcsClient], Any], parse: Callable[[object], T], *, once: bool = False) -> T:
        """One read, tried up to 4 times with growing waits in full jitter, never beyond the time left. Raises: CloudError.

        `once`: it writes, so that only what was throttled is tried again.
        """
        from dcs_upkeep.adapters.dcs import transport

        client, wire = self._connect()
        fault: Exception | None = None
        for attempt in range(READ_ATTEMPTS):
            wait_s = self._random() * min(MAX_WAIT_S, FIRST_WAIT_S * 2**attempt) if attempt else 0.0
            left_s = self._left()
            if wait_s >= left_s:
                break
            if wait_s:
                self._clock.sleep(wait_s)
                left_s = self._left()
            wire.begin(transport.fit(max(left_s, 0.05), CONNECT_S, READ_S))
            self._count(operation)
            try:
                return self._parsed(call(client), parse)
            except Exception as err:
                fault = err
                status = status_answers.status_of(err)
                if (status is not None and status < 500 and status != 429) or (once and status != 429):
                    break
        raise self._cloud_error(operation, fault) from fault

    @staticmethod
    def _parsed(raw: Any, parse: Callable[[object], T]) -> T:
        if raw.status_code != 200:
            raise read_answers.UnreadableError(f"answered {raw.status_code}, which this API does not do")
        return parse(raw.raw_content)

    def _cloud_error(self, operation: str, fault: Exception | None) -> CloudError:
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
                fix = f"Grant {PERMISSIONS[operation]} to the agency or user."
            case 429:
                fix = "The account is throttled; try again later."
            case _ if status >= 500:
                fix = "DCS has a fault; try again later."
            case _:
                fix = "Check UPKEEP_REGION, UPKEEP_ENDPOINT and UPKEEP_PROJECT_ID."
        what = self._clean(f"answered {status} {code}: {getattr(fault, 'error_msg', None)}")
        return CloudError(operation, what, fix, status=status, code=code, request_id=status_answers.request_id_of(fault))

    def _count(self, operation: str) -> None:
        with self._lock:
            self._calls[operation] += 1

    def _connect(self) -> tuple[RawDcsClient, Wire]:
        with self._lock:
            if self._client is None or self._wire is None:
                from dcs_upkeep.adapters.dcs import sdk

                endpoint = self._endpoint or sdk.region_endpoint(self._region)
                if not endpoint:
                    raise SettingsError(
                        [Problem("UPKEEP_REGION", f"the SDK knows no region {self._region!r}", "Correct it, or set UPKEEP_ENDPOINT.")]
                    )
                endpoints.check(self._region, self._project_id, endpoint)
                self._wire = sdk.Wire(self._clock)
                self._client = sdk.connect(
                    self._credentials,
                    self._project_id,
                    endpoint,
                    self._wire,
                    connections=CONNECTIONS,
                    user_agent=f"dcs-upkeep/{__version__}",
                    loopback=endpoints.is_loopback(endpoint),
                )
            return self._client, self._wire
