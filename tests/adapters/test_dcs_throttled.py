"""A throttled account, over HTTP: one pace for all calls, waited out on the calling thread."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest

from dcs_upkeep.adapters.account import Account
from dcs_upkeep.adapters.cloud_eye import CloudEye
from dcs_upkeep.adapters.dcs.client import HuaweiDcs
from dcs_upkeep.adapters.pace import PIECE_S, AccountPace
from dcs_upkeep.adapters.topics import build_topics
from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.deadline import ENDLESS, Deadline
from dcs_upkeep.domain.errors import ThrottledError
from dcs_upkeep.domain.model import AnswerKind, Credentials, Location
from dcs_upkeep.domain.ports import Message
from dcs_upkeep.local.emulator import Emulator, Fault, make_fleet
from tests.fakes import FakeClock, FakeLog

Emulate = Callable[..., Emulator]
Connect = Callable[..., HuaweiDcs]
URN = "urn:smn:cn-north-4:0123456789abcdef0123456789abcdef:reports"


def ids_of(emu: Emulator) -> list[str]:
    return [one.instance_id for one in emu.instances()]


READS: list[tuple[str, Callable[[HuaweiDcs, list[str]], Any]]] = [
    ("list", lambda dcs, _: dcs.snapshot()),
    ("list", lambda dcs, ids: dcs.read(ids)),
    ("show", lambda dcs, ids: dcs.show(ids)),
    ("configs", lambda dcs, ids: dcs.configurations(ids)),
    ("backups", lambda dcs, ids: dcs.backups.states(dict.fromkeys(ids, "b"))),
]


@pytest.mark.parametrize(("operation", "read"), READS, ids=["snapshot", "read", "show", "configurations", "backups"])
def test_a_read_waits_a_throttled_account_out(
    emulate: Emulate, connect: Connect, clock: FakeClock, operation: str, read: Callable[[HuaweiDcs, list[str]], Any]
) -> None:
    """A quota window is minutes; four attempts were over after seconds."""
    emu = emulate(make_fleet(40), faults=[Fault(operation, "429", times=None)])
    emu.at(150, emu.clear_faults)
    log = FakeLog()
    dcs = connect(emu, log=log)
    assert len(read(dcs, ids_of(emu)) or ids_of(emu)) == 40
    assert 150 <= clock.monotonic() <= 250
    assert len([one for one in emu.truth.of(operation) if one.status == 429]) <= 10
    assert len(log.named("call.waited")) == 1


def test_a_quota_is_kept_to_the_call(emulate: Emulate, connect: Connect, clock: FakeClock) -> None:
    """Told until when, nobody asks before; sixteen at a time change nothing about it."""
    emu = emulate(make_fleet(100), quota=(30, 300))
    assert len(connect(emu).show(ids_of(emu))) == 100
    assert emu.truth.called_while_refused == []
    assert 900 <= clock.monotonic() <= 905
    assert emu.truth.count("show") <= 100 + 3 * 16


def test_a_backup_that_was_throttled_is_begun_once(emulate: Emulate, connect: Connect, clock: FakeClock) -> None:
    emu = emulate(make_fleet(20), faults=[Fault("copy", "429", times=5)], base_date=clock.now())
    begun = connect(emu).backups.begin(ids_of(emu), "ours", clock.now())
    assert all(isinstance(one, str) for one in begun.values())
    assert sum(1 for one in emu.truth.of("copy") if one.status == 200) == 20


def test_ticks_come_on_the_calling_thread_every_few_seconds_of_a_wait(emulate: Emulate, connect: Connect, clock: FakeClock) -> None:
    emu = emulate(make_fleet(30), quota=(20, 200))
    at, threads = [0.0], set()

    def tick() -> None:
        at.append(clock.monotonic())
        threads.add(threading.current_thread())

    connect(emu).show(ids_of(emu), tick)
    assert clock.monotonic() >= 200
    assert max(later - earlier for earlier, later in itertools.pairwise(at)) <= PIECE_S
    assert threads == {threading.current_thread()}


def test_what_is_throttled_for_longer_than_there_is_time_says_so_at_once(emulate: Emulate, connect: Connect, clock: FakeClock) -> None:
    emu = emulate(quota=(1, 300))
    dcs = connect(emu, deadline=Deadline(lambda: 60.0 - clock.monotonic()))
    dcs.snapshot()
    for read in (dcs.snapshot, lambda: dcs.show(ids_of(emu)), lambda: dcs.configurations(ids_of(emu))):
        with pytest.raises(ThrottledError) as caught:
            read()
        assert 290 <= caught.value.opens_in_s <= 301
    assert clock.monotonic() == 0
    assert emu.truth.count() == 2


def test_a_429_to_any_call_holds_all_the_others(emulate: Emulate, clock: FakeClock) -> None:
    """One quota for DCS, Cloud Eye and SMN: whoever is told first tells the others."""
    emu = emulate(quota=(2, 100))
    account = Account(lambda: Credentials(emu.ak, emu.sk), AccountPace(clock, lambda: 0.0, FakeLog()))
    location = Location("cn-north-4", emu.project_id)
    dcs = HuaweiDcs(account, lambda: location, endpoint=emu.url, deadline=ENDLESS)
    eye = CloudEye(account, lambda: location, endpoint=emu.url, deadline=ENDLESS)
    (topic,) = build_topics([URN], account=account, smn_endpoint=emu.url, deadline=ENDLESS)
    calls: list[Callable[[], Any]] = [
        lambda: topic.publish(Message("a", "b")),
        lambda: eye.firing([]),
        lambda: dcs.show(ids_of(emu)[:1]),
        lambda: topic.publish(Message("a", "b")),
        lambda: dcs.configurations(ids_of(emu)[:1]),
        lambda: eye.firing([]),
    ]
    for call in calls:
        call()
    assert emu.truth.called_while_refused == []
    assert len(emu.truth.messages) == 2
    assert 200 <= clock.monotonic() < 210


def test_a_status_put_never_waits_and_does_not_leave_while_the_account_is_throttled(
    emulate: Emulate, connect: Connect, clock: FakeClock
) -> None:
    """Whoever sends has a lease to keep, and waits where that is renewed."""
    emu = emulate(quota=(1, 100))
    dcs = connect(emu)
    dcs.snapshot()
    answer = dcs.send(Action.RESTART, ids_of(emu))
    assert answer.kind is AnswerKind.THROTTLED
    assert dcs.send(Action.RESTART, ids_of(emu)).kind is AnswerKind.NOT_SENT
    assert (clock.monotonic(), len(emu.truth.puts)) == (0, 1)
    dcs.show(ids_of(emu)[:1])
    assert clock.monotonic() >= 100


def test_of_many_that_fail_each_has_its_own_error(emulate: Emulate, connect: Connect) -> None:
    emu = emulate(make_fleet(20))
    ids = ids_of(emu)
    for index in (0, 7):
        emu.add_fault(Fault("configs", "500", times=None, instance_id=ids[index]))
    found = connect(emu).configurations(ids)
    assert [index for index, one in enumerate(ids) if isinstance(found[one], Exception)] == [0, 7]
