"""Keys that are refused: fetched once more, tried once, and then left alone. Five wrong signatures lock a key for whoever shares it.

And keys that are old or near their end: fetched before they are refused.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
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
    """The host's credentials as they are now, and how often they were asked for. `terms`: what else their source says of them."""

    def __init__(self, emu: Emulator, **terms: Any) -> None:
        self.emu, self.times, self.terms = emu, 0, terms
        self.fault: Exception | None = None

    def __call__(self) -> Credentials:
        self.times += 1
        if self.fault is not None:
            raise self.fault
        return Credentials(self.emu.ak, self.emu.sk, self.emu.security_token, **self.terms)


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


# --- before they are refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_a_pair_that_was_renewed_is_in_use_a_minute_later_without_a_refusal(
    emulate: Emulate, connect: Connect, clock: FakeClock, call: Callable[[HuaweiDcs, list[str]], Any]
) -> None:
    """An agency's token is renewed some time before the old one ends."""
    emu, log = emulate(make_fleet(60), security_token="first"), FakeLog()
    fetch = Fetch(emu)
    dcs = connect(emu, fetch=fetch, log=log)
    call(dcs, ids_of(emu))
    emu.rotate_keys(grace_s=120)
    clock.sleep(59)
    call(dcs, ids_of(emu))
    assert fetch.times == 1
    clock.sleep(2)
    call(dcs, ids_of(emu))
    assert fetch.times == 2
    clock.sleep(3600)
    call(dcs, ids_of(emu))
    assert (refused(emu), fetch.times, len(log.named("credentials.renewed"))) == (0, 3, 1)


def test_a_pair_that_is_given_out_unchanged_costs_no_new_connection_and_no_line(
    emulate: Emulate, connect: Connect, clock: FakeClock
) -> None:
    emu, log = emulate(), FakeLog()
    fetch = Fetch(emu)
    dcs = connect(emu, fetch=fetch, log=log)
    for _ in range(5):
        dcs.snapshot()
        clock.sleep(15)
        dcs.snapshot()
    assert fetch.times == 2
    assert len({one.connection for one in emu.truth.requests}) == 1
    assert log.lines == []


def test_a_machine_that_slept_asks_again_too(emulate: Emulate, connect: Connect, clock: FakeClock) -> None:
    """Its monotonic clock may have stood still."""
    emu = emulate()
    fetch = Fetch(emu)
    dcs = connect(emu, fetch=fetch)
    dcs.snapshot()
    clock.set_ahead(3600)
    dcs.show([])
    dcs.show(ids_of(emu)[:1])
    assert fetch.times == 2


def test_what_costs_something_is_asked_less_often(emulate: Emulate, connect: Connect, clock: FakeClock) -> None:
    emu = emulate()
    fetch = Fetch(emu, keep_s=600.0)
    dcs = connect(emu, fetch=fetch)
    for _ in range(120):
        dcs.show(ids_of(emu)[:1])
        clock.sleep(15)
    assert fetch.times == 3


def test_a_pair_whose_end_is_known_is_fetched_before_it(emulate: Emulate, connect: Connect, clock: FakeClock) -> None:
    """Whoever lends it may give it out unchanged until shortly before."""
    emu = emulate()
    fetch = Fetch(emu, keep_s=3600.0, ends_at=clock.now() + timedelta(seconds=900))
    dcs = connect(emu, fetch=fetch)
    dcs.snapshot()
    clock.sleep(599)
    dcs.snapshot()
    assert fetch.times == 1
    clock.sleep(2)
    for _ in range(3):
        dcs.snapshot()
    assert fetch.times == 2
    emu.rotate_keys(grace_s=290)
    fetch.terms["ends_at"] = clock.now() + timedelta(seconds=9000)
    clock.sleep(16)
    dcs.snapshot()
    clock.sleep(1000)
    dcs.snapshot()
    assert (fetch.times, refused(emu)) == (3, 0)


@pytest.mark.parametrize(
    "fault", [SettingsError([Problem("credentials", "none", "Set them.")]), CloudError("a", "b", "c"), RuntimeError("x")]
)
def test_a_pair_that_cannot_be_asked_for_stays_in_use_and_one_line_says_so(
    emulate: Emulate, connect: Connect, clock: FakeClock, fault: Exception
) -> None:
    emu, log = emulate(), FakeLog()
    fetch = Fetch(emu)
    dcs = connect(emu, fetch=fetch, log=log)
    dcs.snapshot()
    fetch.fault = fault
    for _ in range(4):
        clock.sleep(61)
        dcs.snapshot()
    assert fetch.times == 5
    (line,) = log.named("credentials.kept")
    assert "the present one stays in use" in line["reason"]
    assert refused(emu) == 0


def test_a_pair_of_another_source_is_taken_only_when_this_one_is_refused(emulate: Emulate, connect: Connect, clock: FakeClock) -> None:
    """An agency that gives none for a moment, and a user's pair in the settings, which may be of another project."""
    emu, log = emulate(), FakeLog()
    fetch = Fetch(emu, source="the agency")
    dcs = connect(emu, fetch=fetch, log=log)
    dcs.snapshot()
    fetch.terms["source"] = "the settings"
    emu.rotate_keys(grace_s=100)
    clock.sleep(61)
    dcs.snapshot()
    assert len(log.named("credentials.kept")) == 1
    assert log.named("credentials.renewed") == []
    clock.sleep(61)
    dcs.snapshot()
    assert refused(emu) == 1


def test_of_many_reads_only_one_goes_with_a_pair_that_nobody_has_tried(emulate: Emulate, connect: Connect, clock: FakeClock) -> None:
    """Sixteen at a time with a wrong one would lock the key three times over."""
    emu = emulate(make_fleet(60))
    pairs = [Credentials(emu.ak, emu.sk), *[Credentials(emu.ak, "not the secret key")] * 9]
    dcs = connect(emu, fetch=lambda: pairs.pop(0))
    dcs.show(ids_of(emu))
    clock.sleep(61)
    for _ in range(3):
        with pytest.raises(UnauthorizedError):
            dcs.show(ids_of(emu))
        clock.sleep(3600)
    assert len(emu.truth.refused("signature")) == 2
    assert emu.truth.key_locks == []
    assert len(pairs) == 7, "and nothing is fetched for a key that is given up"


def test_a_pair_that_ages_before_it_was_tried_counts_as_the_one_that_was_fetched_anew(emulate: Emulate, clock: FakeClock) -> None:
    """Else each minute of waiting would allow one more wrong signature."""
    emu = emulate()
    account = Account(lambda: Credentials(emu.ak, f"wrong-{clock.monotonic()}"), AccountPace(clock, lambda: 0.0, FakeLog()))
    shown: list[str] = []

    def ask(key: Any) -> Any:
        shown.append(key.pair.sk)
        raise RefusedKeyError

    for _ in range(4):
        with pytest.raises((RefusedKeyError, UnauthorizedError)):
            account.keys.call("restart_or_flush_instances", ask, again=False)  # a flush
        clock.sleep(100)
    assert shown == ["wrong-0.0", "wrong-100.0"]


class RefusedKeyError(Exception):
    status_code, error_code, request_id = 401, "APIGW.0301", "r"


def test_the_first_call_with_a_pair_that_came_by_age_goes_alone(clock: FakeClock) -> None:
    """A second one waits until it is known to be good."""
    made: list[int] = []
    account = Account(lambda: Credentials("ak", f"sk-{clock.monotonic()}"), AccountPace(clock, lambda: 0.0, FakeLog()))
    account.keys.call("a", lambda key: None)
    clock.sleep(61)
    begun, may_end = threading.Event(), threading.Event()

    def first(key: Any) -> None:
        begun.set()
        assert may_end.wait(30)
        made.append(key.number)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(account.keys.call, "a", first)
        assert begun.wait(30)
        other = pool.submit(account.keys.call, "a", lambda key: made.append(-key.number))
        assert not account.keys._alone.acquire(timeout=0.2), "the first holds it, and the other waits for it"
        assert made == []
        may_end.set()
        one.result(30)
        other.result(30)
    assert made == [2, -2]


def test_others_go_on_with_the_present_pair_while_one_asks(emulate: Emulate, clock: FakeClock) -> None:
    """A secret may take its time; nobody else waits for it."""
    asking, answered = threading.Event(), threading.Event()
    fetched: list[str] = []

    def fetch() -> Credentials:
        fetched.append("")
        if len(fetched) == 2:
            asking.set()
            assert answered.wait(30)
        return Credentials("ak", f"sk-{len(fetched)}")

    account = Account(fetch, AccountPace(clock, lambda: 0.0, FakeLog()))
    account.keys.call("a", lambda key: None)
    clock.sleep(61)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(account.keys.call, "a", lambda key: key.pair.sk)
        assert asking.wait(30)
        assert account.keys.call("a", lambda key: key.pair.sk) == "sk-1"
        answered.set()
        assert slow.result(30) == "sk-2"
    assert account.keys.call("a", lambda key: key.number) == 2


def test_every_client_follows_to_the_other_pair(emulate: Emulate, clock: FakeClock) -> None:
    emu = emulate(security_token="first")
    fetch = Fetch(emu)
    account = Account(fetch, AccountPace(clock, lambda: 0.0, FakeLog()))
    location = Location("cn-north-4", emu.project_id)
    eye = CloudEye(account, lambda: location, endpoint=emu.url, deadline=ENDLESS)
    (topic,) = build_topics([URN], account=account, smn_endpoint=emu.url, deadline=ENDLESS)
    dcs = HuaweiDcs(account, lambda: location, endpoint=emu.url, deadline=ENDLESS)
    for _ in range(3):
        eye.firing([])
        topic.publish(Message("a", "b"))
        assert dcs.send(Action.RESTART, ids_of(emu)).status == 200
        dcs.backups.states({ids_of(emu)[0]: "b"})
        emu.rotate_keys(grace_s=60)
        clock.sleep(61)
    assert refused(emu) == 0
    assert fetch.times == 3


def test_a_status_put_for_which_fetching_has_left_no_time_does_not_leave(
    emulate: Emulate, connect: Connect, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends has counted on its longest time for a lease; what is left of it would not do for an answer."""
    emu = emulate()
    ticks = [0.0]
    fetch = Fetch(emu)
    dcs = connect(emu, fetch=fetch)
    monkeypatch.setattr(dcs._account.wire, "real_s", lambda: ticks[0])

    def slowly() -> Credentials:
        ticks[0] += 33
        return fetch()

    dcs._account.keys._fetch = slowly
    answer = dcs.send(Action.FLUSH, ids_of(emu))
    assert (answer.kind, emu.truth.puts) == (AnswerKind.NOT_SENT, [])
    assert dcs.send(Action.FLUSH, ids_of(emu)).kind is AnswerKind.RESULTS
