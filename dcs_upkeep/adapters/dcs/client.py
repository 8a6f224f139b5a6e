"""DCS on huaweicloudsdkdcs: the status PUT exactly once, reads with retries, all within the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dcs_upkeep.adapters import timeouts
from dcs_upkeep.adapters.account import Account, Key, status_of
from dcs_upkeep.adapters.dcs import listing, read_answers, status_answers
from dcs_upkeep.adapters.dcs.backups import HuaweiBackups
from dcs_upkeep.adapters.dcs.session import Session
from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.deadline import LONGEST_PUT_S, PUT_CONNECT_S, PUT_READ_S, Deadline
from dcs_upkeep.domain.errors import CloudError, SettingsError, UnauthorizedError
from dcs_upkeep.domain.model import Answer, AnswerKind, Instance, Location
from dcs_upkeep.domain.ports import Tick, no_tick
from dcs_upkeep.domain.settings import BATCH_LIMIT

MIN_PUT_S = 3.0  # less is not worth a PUT whose answer would probably be lost
FEW = 5  # up to here one `show` each is cheaper than a page of 1000
MISSING = "DCS.3022"
_LIST, _SHOW, _CONFIGS, _PUT = "list_instances", "show_instance", "list_configurations", "restart_or_flush_instances"
# What the code asks of DCS here, for the shipped policies and for messages. (DCS API, permissions and supported actions.)
PERMISSIONS = {
    _LIST: "dcs:instance:list",
    _SHOW: "dcs:instance:get",
    _CONFIGS: "dcs:instance:getConfiguration",
    _PUT: status_answers.PERMISSION,
}


class _TooLateError(Exception):
    """A status PUT would have no time for its answer within what its caller has counted on. It did not leave."""


class HuaweiDcs:
    """Implements ports.Dcs. One for an invocation, connected by its first call. Thread-safe.

    Every method that calls the cloud raises SettingsError if credentials, region, project or endpoint cannot be used.
    """

    def __init__(self, account: Account, location: Callable[[], Location], *, endpoint: str = "", deadline: Deadline) -> None:
        """`deadline`: real seconds left for calls."""
        self._account = account
        self._deadline = deadline
        self._session = Session(account, location, endpoint=endpoint, deadline=deadline)

    # --- the write -----------------------------------------------------------------------------------------------

    def send(self, action: Action, instance_ids: Sequence[str]) -> Answer:
        """One status PUT, one HTTP attempt; after a 401 one more with credentials fetched anew, within the time of the one.

        A flush is not repeated even then. An error of the cloud becomes an answer too, and is never raised.
        Source: RestartOrFlushInstances, PUT /v2/{project_id}/instances/status.
        """
        asked = list(dict.fromkeys(instance_ids))
        if not 1 <= len(asked) <= BATCH_LIMIT:
            return Answer(AnswerKind.BAD_REQUEST, f"not sent: one call takes 1 to {BATCH_LIMIT} instance IDs, not {len(asked)}")
        if self._deadline.remaining_s() <= 0:
            return Answer(AnswerKind.NOT_CONNECTED, "not sent: no time is left in this invocation")
        account, wire = self._account, self._account.wire
        if account.pace.wait_s() > 0:  # who sends has waited for it; since then another call was answered 429
            return Answer(AnswerKind.NOT_SENT, "not sent: the account is throttled, and every call waits")
        begun, begun_s = account.pace.begin(), wire.real_s()

        def put(key: Key) -> Any:
            client = self._session.client(key)
            from dcs_upkeep.adapters.dcs import sdk

            body = sdk.make("ChangeInstanceStatusBody", instances=asked, action=action.value)
            room_s = LONGEST_PUT_S - (wire.real_s() - begun_s)
            if room_s < MIN_PUT_S:
                raise _TooLateError
            left_s = min(self._deadline.remaining_s(), room_s)
            wire.begin(timeouts.fit(left_s, PUT_CONNECT_S, PUT_READ_S))
            self._session.count(_PUT)
            return client.restart_or_flush_instances(sdk.make("RestartOrFlushInstancesRequest", body=body))

        try:
            raw = account.keys.call(_PUT, put, again=action is not Action.FLUSH)
        except SettingsError:
            raise
        except _TooLateError:
            return Answer(AnswerKind.NOT_SENT, "not sent: fetching the key pair took the time that a call may take")
        except UnauthorizedError as err:
            return Answer(AnswerKind.UNAUTHORIZED, self._session.clean(err), status=401, code=err.code, request_id=err.request_id)
        except Exception as err:  # whatever it is, the request may have left: the answer says so instead of raising
            answer = status_answers.from_error(err, self._session.clean, not_sent=wire.seen and not wire.written)
            if answer.kind is AnswerKind.THROTTLED:
                account.pace.throttled(_PUT, begun, wire.retry_after)
            elif status_of(err) is not None:
                account.pace.passed(begun)
            return answer
        account.pace.passed(begun)
        return status_answers.from_response(raw, asked, self._session.clean)

    def put_timeout_s(self) -> float:
        """The longest that a PUT sent now may take, in seconds; 0 if under 3 s are left."""
        left_s = self._deadline.remaining_s()
        return min(left_s, LONGEST_PUT_S) if left_s >= MIN_PUT_S else 0.0

    # --- the reads -----------------------------------------------------------------------------------------------

    def snapshot(self, tick: Tick = no_tick) -> tuple[Instance, ...]:
        """The whole fleet, in pages of 1000. Raises: CloudError, also if the listing does not come to an end."""
        return tuple(listing.read_all(self._pages(tick)).values())

    def read(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Mapping[str, Instance]:
        """These instances: one `show` each for up to 5, else list pages until all are found. What is gone is absent.

        A list moves while it is paged, so what is not in it is asked for by `show`. One that may not be read is as good as gone where
        others may, since it lies outside what is granted.
        """
        wanted = list(dict.fromkeys(instance_id.lower() for instance_id in instance_ids))
        ids = frozenset(wanted)
        found = listing.read_until(self._pages(tick), lambda found: found.keys() >= ids) if len(wanted) > FEW else {}
        missing = [instance_id for instance_id in wanted if instance_id not in found]
        shown = self.show_each(missing, tick)
        for instance_id, one in shown.items():
            if isinstance(one, Instance):
                found[instance_id] = one
            elif one.status != 403 or not any(name in found or isinstance(shown.get(name), Instance) for name in wanted):
                raise one
        return {instance_id: found[instance_id] for instance_id in wanted if instance_id in found}

    def show(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Mapping[str, Instance]:
        """These instances by `show_instance`, 16 at a time. What is gone is absent. Raises: CloudError."""
        return self._shown(instance_ids, tick, stop=True)

    def show_each(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Mapping[str, Instance | CloudError]:
        """The same, each for itself: one that cannot be read has its error in its place."""
        return self._shown(instance_ids, tick, stop=False)

    def configurations(self, instance_ids: Sequence[str], tick: Tick = no_tick) -> Mapping[str, Mapping[str, str] | CloudError]:
        """Instance ID -> its Redis parameters, name -> value, such as `appendonly` -> `yes`; or why it could not be read."""

        def ask(instance_id: str) -> Mapping[str, str]:
            return self._session.ask(
                _CONFIGS,
                PERMISSIONS[_CONFIGS],
                lambda client, make: client.list_configurations(make("ListConfigurationsRequest", instance_id=instance_id)),
                read_answers.configurations_of,
            )

        return self._session.each(_CONFIGS, instance_ids, ask, tick)

    @property
    def backups(self) -> HuaweiBackups:
        """Backups, over the same connections."""
        return HuaweiBackups(self._session)

    def calls(self) -> Mapping[str, int]:
        """SDK operation -> HTTP attempts so far."""
        return self._session.calls()

    def _shown(self, instance_ids: Sequence[str], tick: Tick, *, stop: bool) -> dict[str, Any]:
        wanted = [instance_id.lower() for instance_id in instance_ids]
        found = self._session.each(_SHOW, wanted, self._show, tick, stop=stop)
        return {instance_id: one for instance_id, one in found.items() if one is not None}

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

    def _pages(self, tick: Tick) -> Callable[[int], listing.Page]:
        def ask(offset: int) -> listing.Page:
            page = self._session.alone(_LIST, lambda: self._page(offset), tick)
            tick()
            return page

        return ask

    def _page(self, offset: int) -> listing.Page:
        return self._session.ask(
            _LIST,
            PERMISSIONS[_LIST],
            lambda client, make: client.list_instances(make("ListInstancesRequest", limit=read_answers.PAGE, offset=offset)),
            read_answers.page_of,
        )
