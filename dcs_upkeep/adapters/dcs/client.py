"""DCS on huaweicloudsdkdcs: the status PUT exactly once, reads with retries, all within the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import SystemRandom
from threading import Lock
from typing import TypeVar

from dcs_upkeep.adapters import timeouts
from dcs_upkeep.adapters.dcs import read_answers, status_answers
from dcs_upkeep.adapters.dcs.backups import HuaweiBackups
from dcs_upkeep.adapters.dcs.session import Session
from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.deadline import LONGEST_PUT_S, PUT_CONNECT_S, PUT_READ_S, Deadline
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Answer, AnswerKind, Credentials, Instance, Location
from dcs_upkeep.domain.ports import Clock, Tick, no_tick
from dcs_upkeep.domain.settings import BATCH_LIMIT

MIN_PUT_S = 3.0  # less is not worth a PUT whose answer would probably be lost
SHOWS = 16  # `show` calls at the same time
FEW = 5  # up to here one `show` each is cheaper than a page of 1000
MAX_PAGES = 1000
MISSING = "DCS.3022"
T = TypeVar("T")
_LIST, _SHOW, _CONFIGS, _PUT = "list_instances", "show_instance", "list_configurations", "restart_or_flush_instances"
# What the code asks of DCS here, for the shipped policies and for messages. (DCS API, permissions and supported actions.)
PERMISSIONS = {
    _LIST: "dcs:instance:list",
    _SHOW: "dcs:instance:get",
    _CONFIGS: "dcs:instance:getConfiguration",
    _PUT: status_answers.PERMISSION,
}


class HuaweiDcs:
    """Implements ports.Dcs. One for an invocation, connected by its first call. Thread-safe.

    Every method that calls the cloud raises SettingsError if credentials, region, project or endpoint cannot be used.
    """

    def __init__(
        self,
        credentials: Callable[[], Credentials],
        location: Callable[[], Location],
        *,
        endpoint: str = "",
        clock: Clock,
        deadline: Deadline,
        random: Callable[[], float] | None = None,
    ) -> None:
        """`deadline`: real seconds left for calls. `random`: 0 to 1, for the waits of reads."""
        self._deadline = deadline
        self._session = Session(
            credentials, location, endpoint=endpoint, clock=clock, deadline=deadline, random=random or SystemRandom().random
        )
        self._lock = Lock()
        self._pool: ThreadPoolExecutor | None = None

    # --- the write -----------------------------------------------------------------------------------------------

    def send(self, action: Action, instance_ids: Sequence[str]) -> Answer:
        """One status PUT, one HTTP attempt. An error of the cloud becomes an answer too, and is never raised.

        Source: RestartOrFlushInstances, PUT /v2/{project_id}/instances/status.
        """
        asked = list(dict.fromkeys(instance_ids))
        if not 1 <= len(asked) <= BATCH_LIMIT:
            return Answer(AnswerKind.BAD_REQUEST, f"not sent: one call takes 1 to {BATCH_LIMIT} instance IDs, not {len(asked)}")
        client, wire = self._session.connect()
        from dcs_upkeep.adapters.dcs import sdk

        left_s = self._deadline.remaining_s()
        if left_s <= 0:
            return Answer(AnswerKind.NOT_CONNECTED, "not sent: no time is left in this invocation")
        body = sdk.make("ChangeInstanceStatusBody", instances=asked, action=action.value)
        request = sdk.make("RestartOrFlushInstancesRequest", body=body)
        wire.begin(timeouts.fit(left_s, PUT_CONNECT_S, PUT_READ_S))
        self._session.count(_PUT)
        try:
            raw = client.restart_or_flush_instances(request)
        except Exception as err:  # whatever it is, the request may have left: the answer says so instead of raising
            return status_answers.from_error(err, self._session.clean, not_sent=wire.seen and not wire.written)
        return status_answers.from_response(raw, asked, self._session.clean)

    def put_timeout_s(self) -> float:
        """The longest that a PUT sent now may take, in seconds; 0 if under 3 s are left."""
        left_s = self._deadline.remaining_s()
        return min(left_s, LONGEST_PUT_S) if left_s >= MIN_PUT_S else 0.0

    # --- the reads -----------------------------------------------------------------------------------------------

    def snapshot(self, tick: Tick = no_tick) -> tuple[Instance, ...]:
        """The whole fleet, in pages of 1000. Raises: CloudError, also if the listing does not come to an end."""
        return tuple(self._list(lambda _: False, tick).values())

    def read(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Mapping[str, Instance]:
        """These instances: one `show` each for up to 5, else list pages until all are found. What is gone is absent."""
        wanted = list(dict.fromkeys(instance_id.lower() for instance_id in instance_ids))
        if len(wanted) <= FEW:
            return self.show(wanted, tick)
        ids = frozenset(wanted)
        found = self._list(lambda found: found.keys() >= ids, tick)
        return {instance_id: found[instance_id] for instance_id in wanted if instance_id in found}

    def show(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Mapping[str, Instance]:
        """These instances by `show_instance`, 16 at a time. What is gone is absent. Raises: CloudError."""
        wanted = list(dict.fromkeys(instance_id.lower() for instance_id in instance_ids))
        if len(wanted) <= 1:
            found = [_ticked(self._show(instance_id), tick) for instance_id in wanted]
        else:
            self._session.connect()
            with self._lock:
                pool = self._pool = self._pool or ThreadPoolExecutor(SHOWS, thread_name_prefix="show")
            futures = [pool.submit(self._show, instance_id) for instance_id in wanted]
            try:
                found = [_ticked(future.result(), tick) for future in futures]
            finally:
                for future in futures:  # after one error the rest is not worth asking
                    future.cancel()
        return {instance.instance_id: instance for instance in found if instance is not None}

    def configurations(self, instance_id: str) -> Mapping[str, str]:
        """An instance's Redis parameters, name -> value, such as `appendonly` -> `yes`. Raises: CloudError."""
        return self._session.ask(
            _CONFIGS,
            PERMISSIONS[_CONFIGS],
            lambda client, make: client.list_configurations(make("ListConfigurationsRequest", instance_id=instance_id)),
            read_answers.configurations_of,
        )

    @property
    def backups(self) -> HuaweiBackups:
        """Backups, over the same connections."""
        return HuaweiBackups(self._session)

    def calls(self) -> Mapping[str, int]:
        """SDK operation -> HTTP attempts so far."""
        return self._session.calls()

    def _show(self, instance_id: str) -> Instance | None:
        try:
            return self._session.ask(
                _SHOW,
                PERMISSIONS[_SHOW],
                lambda client, make: client.show_instance(make("ShowInstanceRequest", instance_id=instance_id)),
                lambda content: read_answers.shown(content, instance_id),
            )
        except CloudError as err:
            if err.status == 404 and status_answers.canonical_code(err.code or "") == MISSING:
                return None
            raise

    def _list(self, enough: Callable[[Mapping[str, Instance]], bool], tick: Tick) -> dict[str, Instance]:
        """Pages until `enough`, or until `instance_num` is reached; if that is missing or too low, until a short page."""
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
            tick()
            known = len(found)
            for instance in instances:
                earlier = found.get(instance.instance_id, instance)
                found[instance.instance_id] = read_answers.merged(earlier, instance)
            offset += rows
            full = rows >= read_answers.PAGE
            # One full page that counts as many is either the whole fleet or an `instance_num` that counts pages: look once more.
            doubtful = full and total == rows
            more = total > offset if total is not None and total >= offset and not doubtful else full
            if rows == 0 or not more or enough(found):
                return found
            if len(found) == known:
                break  # the same page again: going on would never end, and stopping here would pass for the whole fleet
        what = f"the listing does not come to an end at offset {offset}"
        raise CloudError(_LIST, what, "Try again; if it stays so, ask Huawei Cloud's support.")

    def _page(self, offset: int) -> tuple[list[Instance], int, int | None]:
        return self._session.ask(
            _LIST,
            PERMISSIONS[_LIST],
            lambda client, make: client.list_instances(make("ListInstancesRequest", limit=read_answers.PAGE, offset=offset)),
            read_answers.page_of,
        )


def _ticked(found: T, tick: Tick) -> T:
    """What was found; and time has passed."""
    tick()
    return found
