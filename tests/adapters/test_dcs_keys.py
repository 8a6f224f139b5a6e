"""Keys that are refused: fetched once more, tried once, and then left alone. Five wrong signatures lock a key for whoever shares it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dcs_upkeep.adapters.account import Account
from dcs_upkeep.adapters.cloud_eye import CloudEye
from dcs_upkeep.adapters.dcs.client import HuaweiDcs
from dcs_upkeep.adapters.pace import AccountPace
from dcs_upkeep.adapters.topics import build_topics
from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.deadline import ENDLESS
from dcs_upkeep.domain.errors import CloudError, Problem, SettingsError, UnauthorizedError
from dcs_upkeep.domain.model import AnswerKind, Credentials, Location
from dcs_upkeep.domain.ports import Message
from dcs_upkeep.local.emulator import Emulator, Fault, make_fleet
from tests.fakes import FakeClock, FakeLog

Emulate = Callable[..., Emulator]
Connect = Callable[..., HuaweiDcs]
URN = "urn:smn:cn-north-4:0123456789abcdef0123456789abcdef:reports"


def ids_of(emu: Emulator) -> list[str]:
    return [one.instance_id for one in emu.instances()]


def refused(emu: Emulator) -> int:
    """How many calls were answered 401, whatever for."""
    return sum(1 for one in emu.truth.requests if one.status == 401)


class Fetch:
    """The host's credentials as they are now, and how often they were asked for."""

    def __init__(self, emu: Emulator) -> None:
        self.emu, self.times = emu, 0

    def __call__(self) -> Credentials:
        self.times += 1
        return Credentials(self.emu.ak, self.emu.sk, self.emu.security_token)


CALLS: list[Callable[[HuaweiDcs, list[str]], Any]] = [
    lambda dcs, _: dcs.snapshot(),
    lambda dcs, ids: dcs.read(ids),
    lambda dcs, ids: dcs.show(ids),
    lambda dcs, ids: dcs.show_each(ids),
    lambda dcs, ids: dcs.configurations(ids),
    lambda dcs, ids: dcs.backups.states(dict.fromkeys(ids, "b")),
]
NAMES = ["snapshot", "read", "show", "show_each", "configurations", "backups"]


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_a_wrong_key_is_shown_twice_and_no_more_however_many_calls_there_are(
    emulate: Emulate, connect: Connect, call: Callable[[HuaweiDcs, list[str]], Any]
) -> None:
    emu = emulate(make_fleet(60))
    dcs = connect(emu, key_pair=Credentials(emu.ak, "not the secret key"))
    for _ in range(5):
        with pytest.raises(UnauthorizedError, match="key pair"):
            call(dcs, ids_of(emu))
    assert (len(emu.truth.refused("signature")), emu.truth.count()) == (2, 2)
    assert emu.truth.key_locks == []


@pytest.mark.parametrize("call", CALLS[2:], ids=NAMES[2:])
def test_a_key_that_is_refused_for_one_kind_of_call_is_given_up_after_two(
    emulate: Emulate, connect: Connect, call: Callable[[HuaweiDcs, list[str]], Any]
) -> None:
    """The listing was answered; then it is refused for each of sixty."""
    emu = emulate(make_fleet(60), faults=[Fault(one, "401", times=None) for one in ("show", "configs", "backups")])
    dcs = connect(emu)
    dcs.snapshot()
    with pytest.raises(UnauthorizedError):
        call(dcs, ids_of(emu))
    assert refused(emu) == 2


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_keys_that_were_renewed_are_fetched_and_the_call_goes_through(
    emulate: Emulate, connect: Connect, call: Callable[[HuaweiDcs, list[str]], Any]
) -> None:
    """An agency's pair changes while a function is warm."""
    emu = emulate(make_fleet(60), security_token="first")
    fetch = Fetch(emu)
    dcs = connect(emu, fetch=fetch)
    dcs.snapshot()
    emu.rotate_keys()
    call(dcs, ids_of(emu))
    assert (refused(emu), fetch.times) == (1, 2)
    emu.rotate_keys()
    call(dcs, ids_of(emu))
    assert (refused(emu), fetch.times) == (2, 3)


def test_keys_that_end_in_the_middle_of_many_reads_lose_none_of_them(emulate: Emulate, connect: Connect) -> None:
    def end(record: Any) -> None:
        if record.operation == "show" and emu.truth.count("show") == 20:
            emu.rotate_keys()

    emu = emulate(make_fleet(60), on_request=end)
    fetch = Fetch(emu)
    assert len(connect(emu, fetch=fetch).show(ids_of(emu))) == 60
    assert fetch.times == 2
    assert emu.truth.refused("signature") == []


def test_where_no_other_key_can_be_fetched_nothing_more_is_asked(emulate: Emulate, connect: Connect) -> None:
    emu = emulate()
    pairs = iter([Credentials(emu.ak, "wrong")])

    def fetch() -> Credentials:
        for pair in pairs:
            return pair
        raise SettingsError([Problem("credentials", "there are none", "Set them.")])

    dcs = connect(emu, fetch=fetch)
    for _ in range(3):
        with pytest.raises(UnauthorizedError):
            dcs.snapshot()
    assert emu.truth.count() == 1


@pytest.mark.parametrize("action", [Action.RESTART, Action.STOP])
def test_a_status_put_is_tried_once_more_with_the_other_key(emulate: Emulate, connect: Connect, action: Action) -> None:
    """A 401 comes from the gateway: nothing was executed."""
    emu = emulate()
    dcs = connect(emu, fetch=Fetch(emu))
    dcs.snapshot()
    emu.rotate_keys()
    assert dcs.send(action, ids_of(emu)).kind is AnswerKind.RESULTS
    assert [one.status for one in emu.truth.puts] == [401, 200]


def test_a_flush_is_not_sent_again_even_then(emulate: Emulate, connect: Connect) -> None:
    emu = emulate()
    dcs = connect(emu, fetch=Fetch(emu))
    dcs.snapshot()
    emu.rotate_keys()
    assert dcs.send(Action.FLUSH, ids_of(emu)).kind is AnswerKind.UNAUTHORIZED
    assert len(emu.truth.puts) == 1
    assert len(dcs.snapshot()) == 6


def test_a_status_put_with_a_dead_key_does_not_leave(emulate: Emulate, connect: Connect) -> None:
    emu = emulate(faults=[Fault("put", "401", times=None)])
    dcs = connect(emu)
    for _ in range(3):
        answer = dcs.send(Action.RESTART, ids_of(emu))
        assert (answer.kind, answer.status, "key pair" in answer.what) == (AnswerKind.UNAUTHORIZED, 401, True)
    assert len(emu.truth.puts) == 2
    with pytest.raises(UnauthorizedError):
        dcs.snapshot()
    assert emu.truth.count() == 2


def test_a_key_that_one_service_refuses_is_shown_to_no_other(emulate: Emulate, clock: FakeClock) -> None:
    emu = emulate()
    account = Account(lambda: Credentials(emu.ak, "wrong"), AccountPace(clock, lambda: 0.0, FakeLog()))
    location = Location("cn-north-4", emu.project_id)
    eye = CloudEye(account, lambda: location, endpoint=emu.url, deadline=ENDLESS)
    (topic,) = build_topics([URN], account=account, smn_endpoint=emu.url, deadline=ENDLESS)
    dcs = HuaweiDcs(account, lambda: location, endpoint=emu.url, deadline=ENDLESS)
    for call in (lambda: eye.firing([]), lambda: topic.publish(Message("a", "b")), dcs.snapshot):
        with pytest.raises(CloudError) as caught:
            call()
        assert caught.value.status == 401
    assert emu.truth.count() == 2
