"""The journal on OBS: what an append costs, what becomes of answers that are lost, and what is said of each refusal."""

from __future__ import annotations

import json
import multiprocessing
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dcs_upkeep.adapters.account import Keys
from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.adapters.journals import obs, obs_bucket, open_journal
from dcs_upkeep.doctor.obs import Race, race
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import JournalError, RecordError, SeqTakenError, SettingsError
from dcs_upkeep.domain.lifetimes import TTL_S
from dcs_upkeep.domain.model import Credentials
from dcs_upkeep.local.emulator import DEMO_AK, DEMO_SK, Bucket, Emulator, Fault, LifecycleRule
from dcs_upkeep.local.emulator.obs import StoredObject
from tests.buckets import BUCKET, access, emulator, url_of
from tests.fakes import FakeClock, FakeLog

KEY = "upkeep/expiring/run/a"
SHORT_S = (3.0, 0.6)  # real seconds: what a test waits for an answer that never comes


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def emu(clock: FakeClock) -> Iterator[Emulator]:
    with emulator(clock) as one:
        yield one


@pytest.fixture
def bucket(emu: Emulator) -> Bucket:
    return emu.obs.buckets[BUCKET]


@pytest.fixture
def connect(emu: Emulator, clock: FakeClock) -> Callable[..., obs.ObsJournal]:
    """Another invocation's journal, which knows nothing yet."""

    def make(url: str = "", **changes: Any) -> obs.ObsJournal:
        deadline = {"deadline": changes.pop("deadline")} if "deadline" in changes else {}
        made = open_journal(url or url_of(emu), clock=clock, obs=access(**changes), **deadline)
        assert isinstance(made, obs.ObsJournal)
        return made

    return make


def calls(emu: Emulator) -> list[str]:
    """What was asked since the last look."""
    found = [record.operation for record in emu.truth.requests]
    emu.truth.forget()
    return found


# What it costs.


def test_an_append_of_its_owner_is_one_call(connect: Callable[..., obs.ObsJournal], emu: Emulator) -> None:
    journal = connect()
    for seq in range(5):
        journal.append("run/a", seq, {"n": seq})
    assert calls(emu) == ["append"] * 5
    assert [entry["n"] for _, entry in journal.read("run/a")] == [0, 1, 2, 3, 4]
    assert calls(emu) == ["get_object"]


def test_who_read_up_to_a_place_writes_it_with_one_call(connect: Callable[..., obs.ObsJournal], emu: Emulator) -> None:
    first, second = connect(), connect()
    first.append("run/a", 0, {"n": 0})
    assert second.read("run/a") == [(0, {"n": 0})]
    calls(emu)
    second.append("run/a", 1, {"n": 1})
    assert calls(emu) == ["append"]
    assert first.read("run/a", after=0) == [(1, {"n": 1})]
    first.append("run/a", 2, {"n": 2})
    assert calls(emu) == ["get_object", "append"]


def test_who_knows_nothing_reads_first(connect: Callable[..., obs.ObsJournal], emu: Emulator) -> None:
    connect().append("run/a", 0, {})
    calls(emu)
    connect().append("run/a", 1, {})
    assert calls(emu) == ["get_object", "append"]


def test_a_tail_is_read_by_its_range_alone(connect: Callable[..., obs.ObsJournal], emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    ask = obs_bucket.Bucket.get_object

    def measured(self: obs_bucket.Bucket, *args: Any) -> bytes | None:
        data = ask(self, *args)
        sizes.append(len(data or b""))
        return data

    monkeypatch.setattr(obs_bucket.Bucket, "get_object", measured)
    journal = connect()
    for seq in range(3):
        journal.append("run/a", seq, {"text": "x" * 1000})
    assert [seq for seq, _ in journal.read("run/a", after=1)] == [2]
    assert journal.read("run/a", after=2) == []
    assert journal.read("run/a", after=7) == []
    assert 1000 < sizes[0] < 1200
    assert sizes[1:] == [0, 0]


def test_no_range_begins_where_the_object_ends(connect: Callable[..., obs.ObsJournal], emu: Emulator) -> None:
    """Stores differ in what they answer to one; the byte before is always there."""
    first, second = connect(), connect()
    first.append("run/a", 0, {})
    assert second.read("run/a") == [(0, {})]
    assert [journal.read("run/a", after=0) for journal in (first, second)] == [[], []]
    assert {record.status for record in emu.truth.of("get_object")} == {200, 206}


def test_a_taken_place_that_was_seen_costs_nothing(connect: Callable[..., obs.ObsJournal], emu: Emulator) -> None:
    journal = connect()
    journal.append("run/a", 0, {})
    calls(emu)
    with pytest.raises(SeqTakenError):
        journal.append("run/a", 0, {})
    assert calls(emu) == []


def test_of_two_that_wait_for_one_place_the_second_is_told_with_two_calls(connect: Callable[..., obs.ObsJournal], emu: Emulator) -> None:
    first, second = connect(), connect()
    first.append("run/a", 0, {"mine": 1})
    second.read("run/a")
    first.append("run/a", 1, {"mine": 1})
    calls(emu)
    with pytest.raises(SeqTakenError):
        second.append("run/a", 1, {"mine": 2})
    assert calls(emu) == ["append", "get_object"]
    second.append("run/a", 2, {"mine": 2})
    assert calls(emu) == ["append"], "what settled it is known from then on"


def test_claims_are_read_sixteen_at_a_time(connect: Callable[..., obs.ObsJournal]) -> None:
    journal = connect()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda one: journal.append(f"instance/p/1/{one}", 0, {"n": one}), range(64)))
        found = list(pool.map(lambda one: connect().read(f"instance/p/1/{one}"), range(64)))
    assert found == [[(0, {"n": one})] for one in range(64)]


# Two objects of one stream.


def test_a_stream_goes_on_in_a_further_object(
    connect: Callable[..., obs.ObsJournal], bucket: Bucket, emu: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(obs, "ENTRIES_PER_OBJECT", 3)
    journal = connect()
    for seq in range(7):
        journal.append("run/a", seq, {"n": seq})
    assert list(bucket.objects) == [KEY, f"{KEY}.part1", f"{KEY}.part2"]
    calls(emu)
    other = connect()
    assert [entry["n"] for _, entry in other.read("run/a")] == list(range(7))
    assert calls(emu) == ["get_object"] * 3
    assert [entry["n"] for _, entry in other.read("run/a", after=4)] == [5, 6]
    assert [entry["n"] for _, entry in connect().read("run/a", after=4)] == [5, 6]
    calls(emu)
    other.append("run/a", 7, {"n": 7})
    other.append("run/a", 8, {"n": 8})
    assert connect().read("run/a", after=7) == [(8, {"n": 8})]
    connect().append("run/a", 9, {"n": 9})
    assert len(journal.read("run/a")) == 10
    with pytest.raises(SeqTakenError):
        journal.append("run/a", 9, {})


def test_the_next_object_is_raced_for_like_any_place(connect: Callable[..., obs.ObsJournal], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obs, "ENTRIES_PER_OBJECT", 2)

    def write(_: int) -> int:
        mine, won = connect(), 0
        for seq in range(9):
            try:
                mine.append("run/a", seq, {})
                won += 1
            except SeqTakenError:
                pass
        return won

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(8))) == 9
    assert len(connect().read("run/a")) == 9


def test_ten_thousand_appends_need_two_objects(connect: Callable[..., obs.ObsJournal], bucket: Bucket) -> None:
    """What is there already is made here, the rest is written: OBS takes no more than 10,000 for one object."""
    row = '{{"seq":{},"token":"t","expires_at":null,"entry":{{}}}}\n'
    journal = connect()
    journal.append("control/halt", 0, {})
    one = bucket.objects["upkeep/lasting/control/halt"]
    one.data = "".join(row.format(seq) for seq in range(8998)).encode()
    one.appends = 8998
    late = connect()
    for seq in range(8998, 10_003):
        late.append("control/halt", seq, {"n": seq})
    assert {key: one.appends for key, one in bucket.objects.items()} == {
        "upkeep/lasting/control/halt": 9000,
        "upkeep/lasting/control/halt.part1": 1003,
    }
    found = connect().read("control/halt")
    assert [seq for seq, _ in found] == list(range(10_003))


# Answers that are lost.


@pytest.mark.parametrize("kind", ["lost_answer", "500_executed", "truncated", "garbage", "204"])
@pytest.mark.parametrize("lost", [1, 2, 99])
def test_its_own_write_whose_answer_was_lost_is_known_again(
    kind: str, lost: int, connect: Callable[..., obs.ObsJournal], emu: Emulator
) -> None:
    """Written, and nobody heard: its own second attempt must not read as another owner."""
    journal = connect()
    journal.append("run/a", 0, {"n": 0})
    emu.add_fault(Fault("append", kind, times=lost))
    journal.append("run/a", 1, {"n": 1})
    emu.clear_faults()
    journal.append("run/a", 2, {"n": 2})
    assert [entry["n"] for _, entry in connect().read("run/a")] == [0, 1, 2]


def test_an_answer_that_never_comes_is_waited_for_so_long_and_no_longer(
    connect: Callable[..., obs.ObsJournal], emu: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(obs_bucket, "CONNECT_S", SHORT_S[0])
    monkeypatch.setattr(obs_bucket, "READ_S", SHORT_S[1])
    journal = connect()
    emu.add_fault(Fault("append", "hang_executed"))
    journal.append("run/a", 0, {"n": 0})
    assert calls(emu)[:2] == ["append", "append"]
    emu.add_fault(Fault("append", "hang"))
    journal.append("run/a", 1, {"n": 1})
    emu.add_fault(Fault("append", "trickle", delay_s=5.0))
    emu.add_fault(Fault("append", "slow_head", delay_s=5.0))
    journal.append("run/a", 2, {"n": 2})
    emu.add_fault(Fault("get_object", "trickle", delay_s=0.2))
    emu.add_fault(Fault("get_object", "hang"))
    assert [entry["n"] for _, entry in journal.read("run/a")] == [0, 1, 2]


@pytest.mark.parametrize("kind", ["lost_answer", "500_executed"])
def test_the_place_of_another_is_seen_behind_a_lost_answer(kind: str, connect: Callable[..., obs.ObsJournal], emu: Emulator) -> None:
    first, second = connect(), connect()
    first.append("run/a", 0, {"mine": 1})
    emu.add_fault(Fault("append", kind))
    with pytest.raises(SeqTakenError):
        second.append("run/a", 0, {"mine": 2})
    assert connect().read("run/a") == [(0, {"mine": 1})]


@pytest.mark.parametrize("kind", ["drop", "500", "503", "429", "502_html"])
def test_what_was_not_carried_out_is_sent_again_with_growing_waits(
    kind: str, connect: Callable[..., obs.ObsJournal], emu: Emulator, clock: FakeClock
) -> None:
    journal = connect()
    emu.add_fault(Fault("append", kind, times=3))
    journal.append("run/a", 0, {"n": 0})
    assert calls(emu) == ["append"] * 4
    assert clock.monotonic() == pytest.approx(0.2 + 0.8 + 3.2)
    emu.add_fault(Fault("get_object", kind, times=3))
    assert journal.read("run/a") == [(0, {"n": 0})]


def test_a_conflict_that_obs_wants_tried_again_is(connect: Callable[..., obs.ObsJournal], emu: Emulator) -> None:
    emu.add_fault(Fault("append", "error", status=409, code="OperationAborted", times=2))
    connect().append("run/a", 0, {})
    assert calls(emu) == ["append"] * 3


@pytest.mark.parametrize("code", ["PositionMismatch", ""])
def test_a_conflict_of_another_word_is_settled_by_what_stands_there(
    code: str, connect: Callable[..., obs.ObsJournal], emu: Emulator
) -> None:
    first, second = connect(), connect()
    first.append("run/a", 0, {"mine": 1})
    emu.add_fault(Fault("append", "error", status=409, code=code, times=2))
    with pytest.raises(SeqTakenError):
        second.append("run/a", 0, {"mine": 2})
    with pytest.raises(JournalError, match=f"append_object failed .*{code or 'HTTP 409'}"):
        second.append("run/a", 1, {"mine": 2})
    second.append("run/a", 1, {"mine": 2})
    assert [entry["mine"] for _, entry in connect().read("run/a")] == [1, 2]


@pytest.mark.parametrize("kind", ["drop", "500", "503", "429"])
def test_what_stays_unknown_is_said_and_may_be_tried_again(kind: str, connect: Callable[..., obs.ObsJournal], emu: Emulator) -> None:
    journal = connect()
    journal.append("run/a", 0, {})
    emu.add_fault(Fault("append", kind, times=None))
    with pytest.raises(JournalError, match=r"append_object .*network path"):
        journal.append("run/a", 1, {"n": 1})
    emu.clear_faults()
    journal.append("run/a", 1, {"n": 2})
    assert connect().read("run/a", after=0) == [(1, {"n": 2})]


def test_the_waits_are_spread(connect: Callable[..., obs.ObsJournal], emu: Emulator, clock: FakeClock) -> None:
    emu.add_fault(Fault("append", "503", times=3))
    connect(random=lambda: 0.25).append("run/a", 0, {})
    assert clock.monotonic() == pytest.approx((0.2 + 0.8 + 3.2) / 4)


def test_nothing_takes_longer_than_the_invocation_has(connect: Callable[..., obs.ObsJournal], emu: Emulator, clock: FakeClock) -> None:
    emu.add_fault(Fault("any", "503", times=None))
    journal = connect(deadline=Deadline(lambda: 1.5 - clock.monotonic()))
    with pytest.raises(JournalError):
        journal.append("run/a", 0, {})
    assert clock.monotonic() < 1.5


def test_an_append_gives_up_well_within_a_lease(connect: Callable[..., obs.ObsJournal], emu: Emulator, clock: FakeClock) -> None:
    """Whatever each attempt takes; here as long as it may."""

    def slow(record: Any) -> None:
        clock.sleep(obs_bucket.CONNECT_S + obs_bucket.READ_S)

    with Emulator([], clock=clock, wall_clock=clock.now, on_request=slow) as stalling:
        stalling.obs.create(BUCKET)
        stalling.add_fault(Fault("any", "500", times=None))
        with pytest.raises(JournalError):
            connect(url_of(stalling)).append("run/a", 0, {})
    assert clock.monotonic() <= obs.LONGEST_S + obs_bucket.CONNECT_S + obs_bucket.READ_S < 60


def test_a_404_without_a_word_is_nothing_there_and_one_with_a_page_is_not(connect: Callable[..., obs.ObsJournal], emu: Emulator) -> None:
    emu.obs.create(BUCKET, bare=True)
    assert connect().read("run/a") == []
    emu.add_fault(Fault("get_object", "error", status=404, code=""))
    with pytest.raises(JournalError, match="HTTP 404"):
        connect().read("run/a")


@pytest.mark.parametrize("kind", ["204", "empty_object", "garbage"])
def test_nothing_is_there_only_if_obs_says_so(kind: str, connect: Callable[..., obs.ObsJournal], emu: Emulator) -> None:
    """An empty answer of something in between must not read as a lever that nobody has pulled."""
    connect().append("control/halt", 0, {"kind": "halted"})
    emu.add_fault(Fault("get_object", kind, times=None))
    with pytest.raises(JournalError):
        connect().read("control/halt")


def test_an_empty_object_is_not_an_empty_stream(connect: Callable[..., obs.ObsJournal], bucket: Bucket) -> None:
    """Ours never are: each begins with an entry."""
    bucket.objects[KEY] = StoredObject(b"", 0, 0.0, "STANDARD")
    with pytest.raises(JournalError, match="HTTP 200 of 0 bytes"):
        connect().read("run/a")


# Who asks.


def test_a_token_travels_and_is_signed(clock: FakeClock) -> None:
    with Emulator([], clock=clock, wall_clock=clock.now, security_token="token-1") as emu:
        emu.obs.create(BUCKET)
        good = open_journal(url_of(emu), clock=clock, obs=access(fetch=lambda: Credentials(DEMO_AK, DEMO_SK, "token-1")))
        good.append("run/a", 0, {"n": 0})
        assert good.read("run/a") == [(0, {"n": 0})]
        assert emu.truth.refused() == []


def test_a_key_that_has_ended_is_fetched_once_more(connect: Callable[..., obs.ObsJournal], emu: Emulator) -> None:
    fetched: list[str] = []

    def fetch() -> Credentials:
        fetched.append(emu.ak)
        return Credentials(emu.ak, emu.sk)

    journal = connect(fetch=fetch)
    journal.append("run/a", 0, {"n": 0})
    emu.rotate_keys()
    journal.append("run/a", 1, {"n": 1})
    assert fetched == ["EMULATEDACCESSKEY001", "EMULATEDACCESSKEY002"]
    assert [record.refused for record in emu.truth.refused()] == ["expired_key"]
    assert len(journal.read("run/a")) == 2


def test_after_two_refusals_nothing_more_is_asked_with_the_key(connect: Callable[..., obs.ObsJournal], emu: Emulator) -> None:
    """Five wrong signatures would lock it for whoever shares it."""
    keys = Keys(lambda: Credentials(DEMO_AK, "wrong"), FakeClock(), FakeLog())
    journal = open_journal(url_of(emu), clock=FakeClock(), obs=obs.ObsAccess(keys))
    for _ in range(4):
        with pytest.raises(JournalError, match="key pair") as caught:
            journal.append("run/a", 0, {})
        assert "wrong" not in str(caught.value)
    assert emu.truth.count() == 2
    assert emu.truth.key_locks == []


def test_it_does_not_wait_for_the_accounts_other_services(clock: FakeClock) -> None:
    with Emulator([], clock=clock, wall_clock=clock.now, quota=(1, 300.0)) as emu:
        emu.obs.create(BUCKET)
        journal = open_journal(url_of(emu), clock=clock, obs=access())
        for seq in range(3):
            journal.append("run/a", seq, {})
        assert (clock.monotonic(), emu.truth.quota_refusals) == (0, [])


def no_pair() -> Credentials:
    raise SettingsError([])


def test_no_key_pair_is_a_fault_of_the_journal(connect: Callable[..., obs.ObsJournal]) -> None:
    with pytest.raises(JournalError):
        connect(fetch=no_pair).append("run/a", 0, {})
    with pytest.raises(JournalError):
        connect(fetch=no_pair).read("run/a")


# What OBS refuses, and what a person is to do.


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"worm": True}, "AccessDenied.*WORM"),
        ({"posix": True}, "ObjectNotAppendable.*parallel file"),
        ({"storage_class": "COLD"}, "ObjectNotAppendable.*standard class"),
        ({"replicated": True}, "OperationNotSupported.*without cross-region replication"),
        (
            {"denied": frozenset({"append"})},
            r"AccessDenied, request \w+.*Grant obs:object:PutObject on what is below upkeep-journal/upkeep/",
        ),
    ],
)
def test_a_bucket_that_takes_no_appends_is_told_from_others(
    fields: dict[str, Any], words: str, connect: Callable[..., obs.ObsJournal], emu: Emulator
) -> None:
    emu.obs.create(BUCKET, **fields)
    with pytest.raises(JournalError, match=words):
        connect().append("run/a", 0, {})
    assert calls(emu) == ["append"], "asking again would not help"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("obs://another-bucket?region=cn-north-4&endpoint={}", "NoSuchBucket.*Create the bucket another-bucket"),
        ("obs://bbb?endpoint=http://127.0.0.1:9", "network path"),
    ],
)
def test_a_bucket_out_of_reach_is_named(url: str, words: str, connect: Callable[..., obs.ObsJournal], emu: Emulator) -> None:
    journal = connect(url.format(emu.url))
    with pytest.raises(JournalError, match=words):
        journal.append("run/a", 0, {})
    with pytest.raises(JournalError, match=words):
        journal.read("run/a")


def test_a_right_to_read_that_is_missing_is_named(connect: Callable[..., obs.ObsJournal], emu: Emulator) -> None:
    emu.obs.create(BUCKET, denied=frozenset({"get_object"}))
    with pytest.raises(JournalError, match="Grant obs:object:GetObject .*obs:bucket:ListBucket"):
        connect().read("run/a")
    emu.obs.create(BUCKET, lists=False)
    with pytest.raises(JournalError, match="obs:bucket:ListBucket"):
        connect().read("run/a")


def test_a_wrong_clock_is_named(emu: Emulator) -> None:
    ahead = FakeClock()
    ahead.set_ahead(1000.0)
    with pytest.raises(JournalError, match="RequestTimeTooSkewed.*NTP"):
        open_journal(url_of(emu), clock=ahead, obs=access()).append("run/a", 0, {})


def test_another_region_is_named(connect: Callable[..., obs.ObsJournal], emu: Emulator) -> None:
    emu.add_fault(Fault("append", "error", status=307, code="TemporaryRedirect"))
    with pytest.raises(JournalError, match="in another region"):
        connect().append("run/a", 0, {})


# What somebody else put there.


def test_a_normal_object_at_its_place_is_not_overwritten(connect: Callable[..., obs.ObsJournal], bucket: Bucket, emu: Emulator) -> None:
    connect().append("run/b", 0, {})
    other = bucket.objects.pop("upkeep/expiring/run/b")
    other.appends = 0
    bucket.objects[KEY] = other
    with pytest.raises(JournalError, match=f"ObjectNotAppendable.*{KEY}"):
        connect().append("run/a", 0, {})


@pytest.mark.parametrize(
    "strange",
    [
        b"no line",
        b"not json\n",
        b"[1]\n",
        b"{}\n",
        b'{"seq":1,"token":"t","expires_at":null}\n',
        b'{"seq":1,"token":7,"expires_at":null,"entry":{}}\n',
        b'{"seq":true,"token":"t","expires_at":null,"entry":{}}\n',
        b'{"seq":1,"token":"t","expires_at":"soon","entry":{}}\n',
        b'{"seq":1,"token":"t","expires_at":null,"entry":[1]}\n',
        b'{"seq":1,"token":"t","expires_at":null,"entry":{}}',
        b"\xff\xfe\n",
        b"\n",
    ],
)
def test_what_is_no_line_of_ours_is_not_taken_for_an_entry(strange: bytes, connect: Callable[..., obs.ObsJournal], bucket: Bucket) -> None:
    journal = connect()
    journal.append("run/a", 0, {"n": 0})
    bucket.objects[KEY].data += strange
    for one in (journal, connect()):
        with pytest.raises(RecordError, match="entry 1 is no JSON object"):
            one.read("run/a")
        with pytest.raises(RecordError, match="entry 1 is no JSON object"):
            one.append("run/a", 1, {"n": 1})


def test_a_line_of_another_place_is_a_gap(connect: Callable[..., obs.ObsJournal], bucket: Bucket) -> None:
    connect().append("run/a", 0, {})
    bucket.objects[KEY].data += b'{"seq":2,"token":"t","expires_at":null,"entry":{}}\n'
    with pytest.raises(RecordError, match="entry 1 is missing"):
        connect().read("run/a")


def test_an_object_that_somebody_removed_is_not_begun_anew(connect: Callable[..., obs.ObsJournal], bucket: Bucket) -> None:
    """By whoever read or wrote it; who comes later cannot know."""
    for after in (-1, 0, 1):
        journal = connect()
        journal.append("run/a", 0, {})
        journal.append("run/a", 1, {})
        del bucket.objects[KEY]
        with pytest.raises(JournalError, match=f"is gone .*removed or replaced {KEY}"):
            journal.read("run/a", after=after)
        assert connect().read("run/a") == []


def test_an_object_that_somebody_made_shorter_is_seen(connect: Callable[..., obs.ObsJournal], bucket: Bucket) -> None:
    def shortened() -> obs.ObsJournal:
        journal = connect()
        journal.append("run/a", 0, {})
        journal.append("run/a", 1, {})
        one = bucket.objects[KEY]
        one.data = one.data[: one.data.index(b"\n") + 1]
        return journal

    with pytest.raises(JournalError, match="gone from place 2 on"):
        shortened().append("run/a", 2, {})
    del bucket.objects[KEY]
    with pytest.raises(JournalError, match="gone from place 2 on"):
        shortened().read("run/a", after=1)
    del bucket.objects[KEY]
    with pytest.raises(JournalError, match="gone from place 1 on"):
        shortened().read("run/a")
    assert len(connect().read("run/a")) == 1


# Streams.


def test_every_entry_of_a_stream_ends_when_its_first_does(connect: Callable[..., obs.ObsJournal], bucket: Bucket, clock: FakeClock) -> None:
    connect().append("run/a", 0, {})
    connect().append("control/halt", 0, {})
    clock.sleep(1000)
    connect().append("run/a", 1, {})
    ends = [json.loads(line)["expires_at"] for line in bucket.objects[KEY].data.splitlines()]
    assert ends == [ends[0]] * 2
    assert ends[0] == pytest.approx(clock.now().timestamp() - 1000 + TTL_S, abs=1.5)
    assert json.loads(bucket.objects["upkeep/lasting/control/halt"].data)["expires_at"] is None


def test_the_lifecycle_rule_takes_what_is_past_its_time_and_nothing_else(
    connect: Callable[..., obs.ObsJournal], emu: Emulator, clock: FakeClock
) -> None:
    emu.obs.create(BUCKET, lifecycle=[LifecycleRule("upkeep/expiring/", 140)])
    connect().append("run/a", 0, {})
    connect().append("control/halt", 0, {"kind": "halted"})
    clock.sleep(TTL_S - 1)
    assert len(connect().read("run/a")) == 1
    clock.sleep(2)
    with pytest.raises(RecordError, match="past its time"):
        connect().read("run/a")
    clock.sleep(9 * 86_400.0)
    assert connect().read("run/a") == []
    connect().append("run/a", 0, {"anew": True})
    assert connect().read("control/halt") == [(0, {"kind": "halted"})]


ODD = (
    "run/arn:aws:scheduler:eu-central-1:123456789012:schedule/default/night/2026-03-01T02:00:00Z",
    "run/每晚重启",
    "run/",
    "run//",
    "run/a b",
    "run/a%20b",
    "run/a+b?c#d&e=f",
    "run/.",
    "run/..",
    "run/a/../b",
    "run/a.part1",
    "run/a_2Epart1",
    "run/A",
    "run/a\nb\x00\u202e",
    "run/\U0001f600",
    "run/" + "x" * 2000,
    "run/" + "x" * 2001,
    "run/" + "每" * 700,
    "/run/a",
    "lasting/control/halt",
)


def test_streams_of_odd_names_are_kept_apart(
    connect: Callable[..., obs.ObsJournal], bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(obs, "ENTRIES_PER_OBJECT", 1)
    names = ("run/a", *ODD)
    journal = connect()
    for seq in range(2):
        for place, name in enumerate(names):
            journal.append(name, seq, {"n": place})
    assert len(bucket.objects) == 2 * len(names)
    for place, name in enumerate(names):
        assert connect().read(name) == [(0, {"n": place}), (1, {"n": place})], name
    for key in bucket.objects:
        assert re.fullmatch(r"upkeep/expiring/[A-Za-z0-9._/-]+", key)
        assert len(key) <= 1024
        assert "//" not in key
        assert not {".", ".."} & set(key.split("/"))


def test_a_long_name_is_still_readable_in_front(connect: Callable[..., obs.ObsJournal], bucket: Bucket) -> None:
    connect("").append("run/night-restart-" + "x" * 3000, 0, {})
    (key,) = bucket.objects
    assert key.startswith("upkeep/expiring/run/night-restart-xxx")
    assert len(key) <= 1024


def test_prefixes_are_kept_apart_and_may_be_missing(connect: Callable[..., obs.ObsJournal], bucket: Bucket, emu: Emulator) -> None:
    for prefix, folder in (("", ""), ("a", "a/"), ("a/b.c/", "a/b.c/")):
        journal = connect(f"obs://{BUCKET}/{prefix}?endpoint={emu.url}")
        journal.append("run/a", 0, {"at": prefix})
        assert f"{folder}expiring/run/a" in bucket.objects
        assert journal.read("run/a") == [(0, {"at": prefix})]


@pytest.mark.parametrize(
    ("url", "region", "endpoint", "address"),
    [
        ("obs://bbb/p?region=cn-north-4", "", "", "https://bbb.obs.cn-north-4.myhuaweicloud.com/"),
        ("obs://bbb/p", "eu-west-101", "", "https://bbb.obs.eu-west-101.myhuaweicloud.com/"),
        ("obs://bbb?region=cn-north-4", "x", "https://obs.example.com/", "https://bbb.obs.example.com/"),
        (
            "obs://bbb?region=a1&endpoint=https://obs.eu-west-0.prod-cloud-ocb.com:8443",
            "",
            "https://x",
            "https://bbb.obs.eu-west-0.prod-cloud-ocb.com:8443/",
        ),
        ("obs://bbb?endpoint=http://127.0.0.1:9", "", "", "http://127.0.0.1:9/bbb/"),
        ("obs://bbb?endpoint=http://localhost:9", "", "", "http://localhost:9/bbb/"),
        ("obs://bbb?endpoint=https://10.0.0.7", "", "", "https://10.0.0.7/bbb/"),
        ("obs://bbb?endpoint=https://[fd00::7]", "", "", "https://[fd00::7]/bbb/"),
    ],
)
def test_where_a_bucket_is_called(url: str, region: str, endpoint: str, address: str, clock: FakeClock) -> None:
    journal = open_journal(url, clock=clock, obs=access(region=region, endpoint=endpoint))
    assert isinstance(journal, obs.ObsJournal)
    assert journal.bucket.place == obs_bucket.Place("bbb", address)
    again = open_journal(journal.name, clock=clock, obs=access())
    assert isinstance(again, obs.ObsJournal)
    assert again.bucket.place == journal.bucket.place, "its name is an address"


def test_the_signature_is_that_of_the_official_signer() -> None:
    """Made by the signer of huaweicloudsdkobs 3.1.219, `OBSSigner.doAuth`, from the same values."""
    headers = {"Date": "Tue, 28 Jul 2020 06:29:47 GMT", "x-obs-security-token": "t", "User-Agent": "x"}
    made = obs_bucket.signature(Credentials("AK", "SK"), "POST", headers, "/obs-test/log.conf?append&position=0")
    assert made == "OBS AK:eRuzICtmQD1vPJz5Y43qevDcfIw="


# Many writers, and some that die.


@pytest.mark.parametrize("kind", ["lost_answer", "500_executed", "503", "drop", "garbage"])
def test_each_place_has_one_winner_whatever_becomes_of_answers(kind: str, connect: Callable[..., obs.ObsJournal], emu: Emulator) -> None:
    """The faults are further apart than eight writers can bring the four attempts of one append."""
    for number in range(60):
        emu.add_fault(Fault("append", kind, after=11 * number))
    assert race([connect() for _ in range(8)], 40) == Race(40, 8, ())
    assert {record.fault for record in emu.truth.of("append")} == {None, kind}


def _append_and_wait(url: str) -> None:
    open_journal(url, clock=SystemClock(), obs=access()).append("run/a", 0, {"mine": 1})


class Told(dict[str, Any]):
    """Says when an object was written."""

    def __init__(self, written: threading.Event) -> None:
        super().__init__()
        self._written = written

    def __setitem__(self, key: str, one: Any) -> None:
        super().__setitem__(key, one)
        self._written.set()


@pytest.mark.parametrize(("kind", "written"), [("hang_executed", True), ("hang", False)])
def test_who_is_killed_between_request_and_answer_leaves_a_whole_entry_or_none(kind: str, written: bool, clock: FakeClock) -> None:
    reached = threading.Event()
    with emulator(clock, None if written else lambda _: reached.set()) as emu:
        if written:
            emu.obs.buckets[BUCKET].objects = Told(reached)
        emu.add_fault(Fault("append", kind))
        writer = multiprocessing.get_context("spawn").Process(target=_append_and_wait, args=(url_of(emu),))
        writer.start()
        assert reached.wait(60)
        writer.kill()
        writer.join()
        journal = open_journal(url_of(emu), clock=clock, obs=access())
        assert journal.read("run/a") == ([(0, {"mine": 1})] if written else [])
        journal.append("run/a", int(written), {"mine": 2})
        assert len(journal.read("run/a")) == 1 + written


def _write_alone(url: str, results: Any) -> None:
    mine, won = open_journal(url, clock=SystemClock(), obs=access()), 0
    for seq in range(15):
        try:
            mine.append("run/race", seq, {})
            won += 1
        except SeqTakenError:
            pass
    results.put(won)


def test_it_holds_between_processes(emu: Emulator, connect: Callable[..., obs.ObsJournal]) -> None:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    writers = [context.Process(target=_write_alone, args=(url_of(emu), results)) for _ in range(3)]
    for one in writers:
        one.start()
    assert sum(results.get(timeout=60) for _ in writers) == 15
    for one in writers:
        one.join()
    assert len(connect().read("run/race")) == 15
