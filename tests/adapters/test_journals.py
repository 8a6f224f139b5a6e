"""One contract for all stores: append if absent, in order, nothing lost, nothing trusted that is not whole."""

from __future__ import annotations

import multiprocessing
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.adapters.journals import open_journal
from dcs_upkeep.domain.errors import JournalError, RecordError, SeqTakenError, SettingsError
from dcs_upkeep.domain.lifetimes import TTL_S
from dcs_upkeep.domain.ports import Journal
from tests.buckets import access, emulator, url_of
from tests.fakes import FakeClock
from tests.tables import create_table

pytestmark = pytest.mark.usefixtures("aws")
STORES = ("memory", "sqlite", "dynamodb", "obs")
Open = Callable[..., Journal]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, clock: FakeClock, moto: str, tmp_path: Path) -> Iterator[str]:
    if request.param != "obs":
        yield make_url(request.param, moto, tmp_path)
        return
    with emulator(clock) as emu:
        yield url_of(emu)


def open_store(url: str, clock: FakeClock) -> Journal:
    return open_journal(url, clock=clock, obs=access())


def make_url(store: str, moto: str, folder: Path) -> str:
    if store == "memory":
        return "memory:"
    if store == "sqlite":
        return f"sqlite:///{folder}/deep/journal.db"
    table = f"journal-{abs(hash(str(folder)))}"
    create_table(boto3.client("dynamodb", region_name="eu-central-1", endpoint_url=moto), table)
    return f"dynamodb://{table}?region=eu-central-1&endpoint={moto}"


@pytest.fixture
def journal(url: str, clock: FakeClock) -> Journal:
    return open_store(url, clock)


def test_what_is_read_is_what_was_written_in_order(journal: Journal) -> None:
    entries: list[dict[str, object]] = [{"n": 0, "text": "ä\U0001f600\n", "deep": [{"a": None}]}, {"n": 1.5}, {"n": True}]
    for seq, entry in enumerate(entries):
        journal.append("run/a", seq, entry)
    journal.append("run/b", 0, {"other": 1})
    assert journal.read("run/a") == list(enumerate(entries))
    assert journal.read("run/a", after=1) == [(2, entries[2])]
    assert journal.read("run/none") == []


def test_a_taken_place_stays_as_it_is(journal: Journal) -> None:
    journal.append("run/a", 0, {"mine": 1})
    with pytest.raises(SeqTakenError):
        journal.append("run/a", 0, {"mine": 2})
    assert journal.read("run/a") == [(0, {"mine": 1})]


def test_an_entry_that_is_too_long_is_refused_and_nothing_written(journal: Journal) -> None:
    with pytest.raises(JournalError, match="longer than"):
        journal.append("run/a", 0, {"text": "x" * 300_001})
    assert journal.read("run/a") == []


def test_a_long_stream_comes_back_whole(journal: Journal) -> None:
    """DynamoDB answers in pages of 1 MB."""
    for seq in range(12):
        journal.append("run/a", seq, {"text": "x" * 150_000})
    assert len(journal.read("run/a")) == 12


def test_a_gap_is_refused(journal: Journal) -> None:
    """OBS does not even let it be written: a place is a position there."""

    def leave_one_out() -> None:
        journal.append("run/a", 2, {})
        journal.read("run/a")

    journal.append("run/a", 0, {})
    with pytest.raises(JournalError, match="entry 1 is missing"):
        leave_one_out()


def test_a_stream_past_its_time_is_refused_and_ends_as_one(journal: Journal, clock: FakeClock) -> None:
    journal.append("run/a", 0, {})
    clock.sleep(TTL_S - 10)
    journal.append("run/a", 1, {})
    assert len(journal.read("run/a")) == 2
    clock.sleep(20)
    with pytest.raises(JournalError, match="past its time"):
        journal.read("run/a")


def test_the_halt_lever_is_never_forgotten(journal: Journal, clock: FakeClock) -> None:
    journal.append("control/halt", 0, {"kind": "halted"})
    clock.sleep(TTL_S * 10)
    assert journal.read("control/halt") == [(0, {"kind": "halted"})]


def test_of_eight_writers_one_wins_each_place(url: str, clock: FakeClock) -> None:
    shared = open_store(url, clock)

    def write(writer: int) -> int:
        mine = shared if url == "memory:" else open_store(url, clock)
        won = 0
        for seq in range(10):
            try:
                mine.append("run/race", seq, {"writer": writer})
                won += 1
            except SeqTakenError:
                pass
        return won

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(8))) == 10
    assert len(shared.read("run/race")) == 10


def _write_alone(url: str, writer: int, results: Any) -> None:
    mine = open_journal(url, clock=SystemClock())
    won = 0
    for seq in range(20):
        try:
            mine.append("run/race", seq, {"writer": writer})
            won += 1
        except SeqTakenError:
            pass
    results.put(won)


def test_sqlite_holds_between_processes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/journal.db"
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    writers = [context.Process(target=_write_alone, args=(url, number, results)) for number in range(3)]
    for one in writers:
        one.start()
    assert sum(results.get(timeout=60) for _ in writers) == 20
    for one in writers:
        one.join()


def test_sqlite_keeps_it_all_when_opened_again_and_from_others_eyes(tmp_path: Path, clock: FakeClock) -> None:
    url = f"sqlite:///{tmp_path}/journal.db"
    open_journal(url, clock=clock).append("run/a", 0, {"n": 1})
    assert open_journal(url, clock=clock).read("run/a") == [(0, {"n": 1})]
    assert (tmp_path / "journal.db").stat().st_mode & 0o077 == 0


def _message(stream: Any) -> bytes:
    """One HTTP message with a Content-Length; nothing where the other side has closed."""
    head = b""
    while line := stream.readline():
        head += line
        if line == b"\r\n":
            break
    length = next((int(line.split(b":")[1]) for line in head.lower().splitlines() if line.startswith(b"content-length:")), 0)
    body: bytes = stream.read(length)
    return head + body


@contextmanager
def losing_answers(target: str, drop: Callable[[bytes], bool]) -> Iterator[str]:
    """A proxy on loopback that hands requests on, and closes the connection in place of the answers that `drop` names."""
    host, port = target.removeprefix("http://").split(":")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(client,), daemon=True).start()

    def handle(client: socket.socket) -> None:
        with client, socket.create_connection((host, int(port))) as upstream:
            reading, answering = client.makefile("rb"), upstream.makefile("rb")
            while request := _message(reading):
                upstream.sendall(request)
                answer = _message(answering)
                if drop(request):
                    return
                client.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


@pytest.mark.parametrize("lost", [1, 2, 99])
def test_dynamodb_knows_its_own_write_whose_answer_was_lost(lost: int, moto: str, tmp_path: Path, clock: FakeClock) -> None:
    """Written, and nobody heard: the SDK's own second attempt must not read as another owner."""
    left = [lost]

    def drop(request: bytes) -> bool:
        if b"PutItem" in request and left[0] > 0:
            left[0] -= 1
            return True
        return False

    with losing_answers(moto, drop) as proxy:
        url = make_url("dynamodb", moto, tmp_path).replace(moto, proxy)
        journal = open_journal(url, clock=clock)
        journal.append("run/a", 0, {"n": 1})
        assert journal.read("run/a") == [(0, {"n": 1})]
        left[0] = 1
        with pytest.raises(SeqTakenError):
            journal.append("run/a", 0, {"n": 2})


def test_a_store_that_cannot_be_reached_says_what_to_do(clock: FakeClock, tmp_path: Path) -> None:
    gone = open_journal("dynamodb://t?region=eu-central-1&endpoint=http://127.0.0.1:9", clock=clock)
    with pytest.raises(JournalError, match="network path"):
        gone.append("run/a", 0, {})
    with pytest.raises(JournalError, match="network path"):
        gone.read("run/a")
    folder = open_journal(f"sqlite:///{tmp_path}", clock=clock)
    with pytest.raises(JournalError, match="cannot be opened"):
        folder.read("run/a")


def test_a_missing_table_is_named(moto: str, clock: FakeClock) -> None:
    with pytest.raises(JournalError, match="Create the table nobody"):
        open_journal(f"dynamodb://nobody?region=eu-central-1&endpoint={moto}", clock=clock).read("run/a")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis://x",
        "sqlite://",
        "dynamodb://t",
        "dynamodb://t?region=a&table=b",
        "dynamodb://t?region=a.evil.example/x",
        "dynamodb://t?endpoint=http://10.0.0.1",
        "dynamodb://user:hunter2@t?region=a",
        "dynamodb://t/x?region=a",
        "dynamodb://t?endpoint=https://user:hunter2@host",
        "dynamodb://?region=a",
        "memory:x",
        "obs://",
        "obs://ab?region=cn-north-4",
        "obs://Bucket?region=cn-north-4",
        "obs://bucket.of.dots?region=cn-north-4",
        "obs://bucket",
        "obs://bucket?region=evil.example.com/",
        "obs://bucket?region=a&table=b",
        "obs://bucket/../x?region=cn-north-4",
        "obs://bucket//x?region=cn-north-4",
        "obs://bucket/a%20b?region=cn-north-4",
        "obs://bucket?endpoint=http://10.0.0.1",
        "obs://bucket?endpoint=https://user:hunter2@host",
        "obs://user:hunter2@bucket?region=cn-north-4",
        "obs://bucket?region=cn-north-4#x",
        "sqlite:///",
    ],
)
def test_an_address_that_names_no_store_is_refused(url: str, clock: FakeClock) -> None:
    with pytest.raises(SettingsError, match="UPKEEP_JOURNAL: .*Write dynamodb://.*, memory:, obs://.* or sqlite:///path") as caught:
        open_store(url, clock)
    assert "hunter2" not in str(caught.value)


def test_a_pair_of_its_own_signs_the_calls(moto: str, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """GeminiDB's user and password, where there is no environment to find them in."""
    url = make_url("dynamodb", moto, tmp_path)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    journal = open_journal(url, clock=clock, key_pair=("user", "hunter2-password"))
    journal.append("run/a", 0, {"n": 1})
    assert journal.read("run/a") == [(0, {"n": 1})]
    assert "hunter2" not in journal.name
    with pytest.raises(JournalError, match="NoCredentialsError"):
        open_journal(url, clock=clock).read("run/a")


@pytest.mark.parametrize("content", [{}, {"entry": {"S": "not json"}}, {"entry": {"S": "[1]"}}])
def test_what_somebody_else_put_there_is_not_taken_for_an_entry(
    content: dict[str, Any], moto: str, tmp_path: Path, clock: FakeClock
) -> None:
    url = make_url("dynamodb", moto, tmp_path)
    journal = open_journal(url, clock=clock)
    journal.append("run/a", 0, {"n": 0})
    client = boto3.client("dynamodb", region_name="eu-central-1", endpoint_url=moto)
    client.put_item(TableName=url.split("//")[1].split("?")[0], Item={"stream": {"S": "run/a"}, "seq": {"N": "1"}, **content})
    with pytest.raises(RecordError, match="entry 1 is no JSON object"):
        journal.read("run/a")
