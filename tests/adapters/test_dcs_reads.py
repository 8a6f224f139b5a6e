"""Reads: pages, retries within the time left, and answers of any shape."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from dcs_upkeep.adapters.account import own_account
from dcs_upkeep.adapters.dcs import read_answers
from dcs_upkeep.adapters.dcs.client import HuaweiDcs
from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.deadline import ENDLESS, Deadline
from dcs_upkeep.domain.errors import CloudError, Problem, SettingsError, UnauthorizedError
from dcs_upkeep.domain.model import Credentials
from dcs_upkeep.local.emulator import Emulator, Fault, make_fleet
from tests.fakes import FakeClock

Emulate = Callable[..., Emulator]
Connect = Callable[..., HuaweiDcs]


def ids_of(emu: Emulator) -> list[str]:
    """The fleet's IDs."""
    return [one.instance_id for one in emu.instances()]


@pytest.mark.parametrize(("size", "pages"), [(0, 1), (6, 1), (999, 1), (1001, 2), (2500, 3)])
def test_a_fleet_is_listed_in_pages_of_1000(emulate: Emulate, connect: Connect, size: int, pages: int) -> None:
    """The API's default page is 10: whoever forgets it acts on ten instances."""
    emu = emulate(make_fleet(size))
    assert sorted(one.instance_id for one in connect(emu).snapshot()) == sorted(ids_of(emu))
    assert emu.truth.count("list") == pages


def test_one_full_page_is_asked_beyond(emulate: Emulate, connect: Connect) -> None:
    """Some answers count the page as `instance_num`, and 1000 of 1000 looks the same in both readings."""
    emu = emulate(make_fleet(1000))
    assert len(connect(emu).snapshot()) == 1000
    emu = emulate(make_fleet(1000), faults=[Fault("list", "error", after=1, code="DCS.4800")])
    assert len(connect(emu).snapshot()) == 1000


def test_a_fleet_is_whole_even_where_instance_num_counts_the_page(emulate: Emulate, connect: Connect) -> None:
    """Half a fleet would leave the other half un-restarted, and reported as not found."""
    emu = emulate(make_fleet(2100), instance_num_counts_page=True)
    assert len(connect(emu).snapshot()) == 2100


def page(rows: list[Any], **more: Any) -> bytes:
    """A list answer."""
    return json.dumps({"instances": rows, **more}).encode()


class Pages:
    """Answers list pages from a script, in place of the SDK's client, and remembers the offsets."""

    def __init__(self, *pages: bytes) -> None:
        self.pages, self.offsets = list(pages), []  # type: ignore[var-annotated]

    def list_instances(self, request: Any) -> Any:
        """The next page; the last one over and over."""
        self.offsets.append(request.offset)
        content = self.pages[min(len(self.offsets), len(self.pages)) - 1]
        return type("Raw", (), {"status_code": 200, "raw_content": content, "request_id": None})()


def rows(first: int, count: int) -> list[dict[str, str]]:
    """So many list items."""
    return [{"instance_id": f"i-{n}", "status": "RUNNING"} for n in range(first, first + count)]


@pytest.fixture
def scripted(emulate: Emulate, connect: Connect) -> Callable[..., tuple[HuaweiDcs, Pages]]:
    """The adapter with scripted pages: shapes that the emulator does not have."""

    def make(*pages: bytes) -> tuple[HuaweiDcs, Pages]:
        dcs = connect(emulate())
        script = Pages(*pages)
        dcs._session._client = dcs._account.keys.key, script  # type: ignore[assignment]
        return dcs, script

    return make


def test_a_missing_or_wrong_instance_num_is_no_obstacle(scripted: Callable[..., tuple[HuaweiDcs, Pages]]) -> None:
    """Then a short page is the end."""
    for number in ({}, {"instance_num": None}, {"instance_num": "x"}, {"instance_num": 3}, {"instance_num": "1200"}):
        dcs, script = scripted(page(rows(0, 1000), **number), page(rows(999, 201), **number))
        assert len(dcs.snapshot()) == 1200, number
        assert script.offsets == [0, 999]


def test_a_number_that_is_too_high_costs_one_more_reading(scripted: Callable[..., tuple[HuaweiDcs, Pages]]) -> None:
    """And does not go on for ever. (It may count what is not listed, such as instances whose creation failed.)"""
    whole, last = page(rows(0, 3), instance_num=9), page(rows(2, 1), instance_num=9)
    dcs, script = scripted(whole, last, whole, last)
    assert len(dcs.snapshot()) == 3
    assert script.offsets == [0, 2, 0, 2]


def test_a_listing_that_repeats_itself_is_an_error(scripted: Callable[..., tuple[HuaweiDcs, Pages]]) -> None:
    """A server that ignores the offset must neither loop us nor pass its first page off as the fleet."""
    dcs, script = scripted(page(rows(0, 1000), instance_num=5000))
    with pytest.raises(CloudError, match="does not come to an end"):
        dcs.snapshot()
    assert len(script.offsets) == 2


def test_an_instance_on_two_pages_is_one_and_the_later_news_count(scripted: Callable[..., tuple[HuaweiDcs, Pages]]) -> None:
    """A list shifts while it is paged."""
    old = {"instance_id": "I-999", "status": "running", "updated_at": "2026-01-01T00:00:00Z"}
    new = old | {"instance_id": "i-999", "status": "ERROR", "updated_at": "2026-01-02T00:00:00Z"}
    dcs, _ = scripted(page([*rows(0, 999), new], instance_num=1002), page([old, *rows(2000, 2)], instance_num=1002))
    assert [one.status for one in dcs.snapshot() if one.instance_id == "i-999"] == ["ERROR"]


def test_few_instances_are_shown_one_by_one_and_more_are_listed(emulate: Emulate, connect: Connect) -> None:
    """Five calls are cheaper than a page of 1000; a hundred are not."""
    emu = emulate(make_fleet(30))
    dcs = connect(emu)
    ids = ids_of(emu)
    assert list(dcs.read(ids[:5])) == ids[:5]
    assert (emu.truth.count("show"), emu.truth.count("list")) == (5, 0)
    assert list(dcs.read(ids[:6])) == ids[:6]
    assert (emu.truth.count("show"), emu.truth.count("list")) == (5, 1)
    assert dcs.calls() == {"show_instance": 5, "list_instances": 1}


def test_reading_stops_at_the_page_that_holds_the_last_of_them(emulate: Emulate, connect: Connect) -> None:
    """A poll of one wave costs one page where one is enough."""
    emu = emulate(make_fleet(2500))
    connect(emu).read([one.upper() for one in listed(emu)[:10]])
    assert emu.truth.count("list") == 1


def listed(emu: Emulator) -> list[str]:
    """The IDs in the order in which the emulator lists them."""
    return [one.instance_id for one in emu.instances()]


def test_what_is_gone_is_absent_and_not_an_error(emulate: Emulate, connect: Connect) -> None:
    """An instance deleted since the plan was made is refused by a guard, not by an exception."""
    emu = emulate(make_fleet(9))
    ids = ids_of(emu)
    emu.remove(ids[0])
    dcs = connect(emu)
    assert list(dcs.read(ids[:3])) == ids[1:3]
    assert list(dcs.read(ids)) == ids[1:]
    assert dcs.show([]) == {}
    assert emu.truth.count("show") == 4  # what no list shows is asked for; a 404 is not tried again


def test_the_numeric_spelling_of_not_found_is_known(emulate: Emulate, connect: Connect) -> None:
    """Most codes exist in two spellings."""
    emu = emulate(numeric_codes=True)
    emu.remove(gone := ids_of(emu)[0])
    assert connect(emu).show([gone]) == {}


def test_another_404_is_no_missing_instance(emulate: Emulate, connect: Connect) -> None:
    """A wrong path must not read as a deleted fleet."""
    emu = emulate(faults=[Fault("show", "error", status=404, code="APIGW.0101")])
    with pytest.raises(CloudError, match=r"APIGW\.0101"):
        connect(emu).show(ids_of(emu)[:1])


def test_show_has_what_a_list_has_not(emulate: Emulate, connect: Connect) -> None:
    """Data loss is judged by it, and a restart proven."""
    emu = emulate()
    one = ids_of(emu)[0]
    shown, listed_one = connect(emu).show([one])[one], next(item for item in connect(emu).snapshot() if item.instance_id == one)
    assert (shown.cache_mode, shown.replica_count) == ("ha", 2)
    assert shown.launched_at
    assert (listed_one.cache_mode, listed_one.replica_count, listed_one.launched_at) == (None, None, None)
    assert (shown.name, shown.status, shown.engine) == (listed_one.name, listed_one.status, "Redis") == (shown.name, "RUNNING", "Redis")


def test_configurations_are_names_and_values(emulate: Emulate, connect: Connect) -> None:
    """`appendonly` decides whether a restart is a flush."""
    emu = emulate()
    dcs = connect(emu)
    assert dcs.configurations(ids_of(emu)[:1])[ids_of(emu)[0]]["appendonly"] == "yes"
    assert dcs.calls() == {"list_configurations": 1}


@pytest.mark.parametrize("kind", ["429", "500", "502_html", "drop", "garbage", "empty_object", "null_results", "204", "truncated"])
def test_a_read_that_fails_is_tried_again(emulate: Emulate, connect: Connect, kind: str) -> None:
    """Reads change nothing, so they may be repeated freely."""
    emu = emulate(faults=[Fault("list", kind, times=3)])
    assert len(connect(emu).snapshot()) == 6
    assert emu.truth.count("list") == 4


@pytest.mark.parametrize("kind", ["500", "502_html", "drop", "garbage", "null_results", "204"])
def test_a_read_gives_up_after_four_attempts_and_never_shows_an_empty_fleet(emulate: Emulate, connect: Connect, kind: str) -> None:
    """An empty fleet is a success: nothing matched. An unreadable one is not."""
    emu = emulate(faults=[Fault("list", kind, times=None)])
    with pytest.raises(CloudError) as caught:
        connect(emu).snapshot()
    assert str(caught.value).startswith("list_instances: ")
    assert caught.value.__cause__ is not None
    assert emu.truth.count("list") == 4


def test_waits_grow_in_full_jitter(emulate: Emulate, connect: Connect) -> None:
    """Many functions that were throttled together must not come back together."""
    emu = emulate(faults=[Fault("show", "500", times=None)])
    with pytest.raises(CloudError):
        connect(emu, random=lambda: 0.5).show(ids_of(emu)[:1])
    at = [record.at for record in emu.truth.of("show")]
    assert [later - earlier for earlier, later in itertools.pairwise(at)] == [0.5, 1.0, 2.0]


def test_retries_end_with_the_time_left(emulate: Emulate, connect: Connect, clock: FakeClock) -> None:
    """The report must still be written."""
    emu = emulate(faults=[Fault("list", "500", times=None)])
    with pytest.raises(CloudError, match="answered 500"):
        connect(emu, deadline=Deadline(lambda: 2.5 - clock.monotonic())).snapshot()
    assert emu.truth.count("list") == 2  # the third would begin after 3 s
    with pytest.raises(CloudError, match="no time is left"):
        connect(emu, deadline=Deadline(lambda: -1.0)).snapshot()
    assert emu.truth.count("list") == 2


def test_a_hanging_read_is_given_up_in_time(emulate: Emulate, connect: Connect) -> None:
    """Real time: the limit is a fraction of a second here."""
    emu = emulate(faults=[Fault("list", "hang", times=None)])
    with pytest.raises(CloudError, match="ReadTimeoutError"):
        connect(emu, deadline=Deadline(lambda: 0.4)).snapshot()
    assert emu.truth.count("list") == 1


def raised(found: Any) -> None:
    """The error that stands for one instance."""
    assert isinstance(found, CloudError)
    raise found


@pytest.mark.parametrize(("operation", "call", "permission"), [
    ("list", lambda dcs, _: dcs.snapshot(), "dcs:instance:list"),
    ("show", lambda dcs, ids: dcs.show(ids[:3]), "dcs:instance:get"),
    ("configs", lambda dcs, ids: raised(dcs.configurations(ids[:1])[ids[0]]), "dcs:instance:get"),
])  # fmt: skip
def test_a_denied_read_names_its_permission_at_once(emulate: Emulate, connect: Connect, operation: str, call: Any, permission: str) -> None:
    """Whoever reads it can grant it; asking again cannot."""
    emu = emulate(faults=[Fault(operation, "403", times=None)])
    with pytest.raises(CloudError, match=permission) as caught:
        call(connect(emu), ids_of(emu))
    assert (caught.value.status, caught.value.code) == (403, "DCS.2003")
    assert emu.truth.count(operation) <= 3


def test_a_wrong_key_says_what_to_check(emulate: Emulate, connect: Connect) -> None:
    """And never shows it."""
    emu = emulate()
    with pytest.raises(UnauthorizedError, match="key pair") as caught:
        connect(emu, key_pair=Credentials(emu.ak, "wrong-secret-key")).snapshot()
    assert emu.sk not in str(caught.value)
    assert "wrong-secret-key" not in str(caught.value)
    assert emu.truth.count("list") == 2


LOOSE: dict[str, Any] = {
    "instance_id": "ABC-1",
    "name": None,
    "status": "running",
    "tags": [{"key": 1, "value": True}, {"key": "env"}],
    "engine_version": 6.0,
    "max_memory": "not a number",
    "replica_count": "2",
    "enterprise_project_id": 0,
    "something_new": [{}],
}


def test_odd_types_in_one_row_spoil_no_page() -> None:
    """The API's own samples hold numbers where text is announced; the SDK's models raise on it."""
    (one, other), count, total = read_answers.page_of(page([LOOSE, {"name": "no id"}, 7, {"instance_id": "b"}], instance_num=True))
    assert (count, total) == (4, None)
    assert (one.instance_id, one.name, one.status, one.engine_version, one.replica_count) == ("abc-1", "", "RUNNING", "6.0", 2)
    assert one.tags == {"1": "true", "env": ""}
    assert (other.status, other.tags, other.updated_at) == ("", None, None)


UNKNOWN = object()


@pytest.mark.parametrize(
    ("told", "tags"),
    [
        pytest.param(UNKNOWN, None, id="no such field"),
        pytest.param(None, {}, id="null is an answer"),
        pytest.param([], {}, id="none"),
        pytest.param({"env": "prod"}, {"env": "prod"}, id="an object"),
        pytest.param([{"key": "env", "value": "prod"}, {"key": "a", "value": None}], {"env": "prod", "a": ""}, id="a list"),
        pytest.param("upkeep=never", None, id="text"),
        pytest.param(7, None, id="a number"),
        pytest.param(["upkeep=never"], None, id="a list of text"),
        pytest.param([{"key": "env", "value": "prod"}, None], None, id="one that cannot be read"),
        pytest.param([{"key": None, "value": "never"}], None, id="one without a key"),
        pytest.param([{"key": "upkeep", "value": ["never"]}], None, id="a value that is no plain one"),
        pytest.param({"upkeep": {"a": "never"}}, None, id="an object with such a value"),
    ],
)
def test_tags_that_were_not_told_or_cannot_be_read_are_unknown_and_not_none(told: Any, tags: dict[str, str] | None) -> None:
    """One of them might protect."""
    found = read_answers.instance_of({"instance_id": "a", **({} if told is UNKNOWN else {"tags": told})})
    assert found is not None
    assert found.tags == tags


@pytest.mark.parametrize(
    ("row", "has_task"),
    [({}, None), ({"task": None}, False), ({"task": {"id": "t-1"}}, True), ({"task": "t-1"}, True), ({"task": {}}, True)],
)
def test_only_a_null_task_is_none(row: dict[str, Any], has_task: bool | None) -> None:
    """What a task looks like is documented nowhere; a list has no such field."""
    found = read_answers.instance_of({"instance_id": "a", **row})
    assert found is not None
    assert found.has_task is has_task


@pytest.mark.parametrize("body", ["null", "[]", "7", '"x"', "{}", '{"instances": null}', '{"instances": {}}', "<html>", ""])
def test_what_is_no_list_is_never_an_empty_fleet(body: str) -> None:
    """It would be reported as: nothing matched, all well."""
    with pytest.raises(read_answers.UnreadableError):
        read_answers.page_of(body.encode())


def test_an_answer_about_another_instance_is_unreadable() -> None:
    """Evidence about one instance must not come from another."""
    with pytest.raises(read_answers.UnreadableError):
        read_answers.shown(b'{"instance_id": "b", "status": "RESTARTING"}', "a")


SETTINGS = [
    ({"project_id": ""}, "UPKEEP_PROJECT_ID"),
    ({"endpoint": ""}, "UPKEEP_REGION"),
    ({"endpoint": "http://dcs.example.com"}, "UPKEEP_ENDPOINT"),
    ({"endpoint": "http://127.example.com"}, "UPKEEP_ENDPOINT"),
    ({"endpoint": "", "region": "moon-1"}, "UPKEEP_ENDPOINT"),
]


@pytest.mark.parametrize(("change", "names"), SETTINGS, ids=["no project", "no region", "no TLS", "a name like loopback", "unknown region"])
def test_settings_that_cannot_work_are_refused_by_name(emulate: Emulate, connect: Connect, change: dict[str, str], names: str) -> None:
    """The SDK would ask IAM for the project, and send signatures in the clear."""
    emu = emulate(make_fleet(2))
    dcs = connect(emu, **change)
    assert dcs.calls() == {}
    for call in (
        dcs.snapshot,
        lambda: dcs.show(ids_of(emu)),
        lambda: dcs.send(Action.RESTART, ids_of(emu)),
        lambda: dcs.backups.begin(["a"], "b", FakeClock().now()),
    ):
        with pytest.raises(SettingsError, match=names):
            call()
    assert (emu.truth.count(), dcs.calls()) == (0, {})


def test_nothing_is_asked_for_before_the_first_call() -> None:
    """Every report asks an unused client for its calls, and a refused event may have no credentials."""

    def fetch() -> Any:
        raise SettingsError([Problem("credentials", "there are none", "Set them.")])

    dcs = HuaweiDcs(own_account(fetch), fetch, deadline=ENDLESS)
    assert (dcs.calls(), dcs.put_timeout_s()) == ({}, 35.0)
    assert dcs.backups.states({}) == {}
    with pytest.raises(SettingsError, match="there are none"):
        dcs.snapshot()


def test_a_region_has_its_endpoint() -> None:
    """From the SDK's own table."""
    from dcs_upkeep.adapters.dcs import sdk

    assert sdk.region_endpoint("cn-north-4") == "https://dcs.cn-north-4.myhuaweicloud.com"
    assert sdk.region_endpoint("moon-1") is None


def test_connections_are_kept_between_calls(emulate: Emulate, connect: Connect) -> None:
    """A TLS handshake per poll is time and money."""
    emu = emulate()
    dcs = connect(emu)
    for _ in range(5):
        dcs.snapshot()
    assert len({record.connection for record in emu.truth.of("list")}) == 1


def test_sixteen_are_shown_at_the_same_time(emulate: Emulate, connect: Connect) -> None:
    """Evidence for a lost wave of fifty must not take fifty round trips in a row."""
    emu = emulate(make_fleet(40), latency_s=0.02)
    assert len(connect(emu).show(ids_of(emu))) == 40
    assert 8 <= emu.truth.max_in_flight <= 16


def test_importing_the_adapter_does_not_import_the_sdk() -> None:
    """A refused event makes no call, and should not pay for the import."""
    import subprocess
    import sys

    code = "import sys, dcs_upkeep.adapters.dcs; print({'huaweicloudsdkcore', 'requests', 'urllib3', 'boto3'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_whoever_reads_much_is_called_back_after_each_page_and_each_show(emulate: Emulate, connect: Connect) -> None:
    """In the thread that asks: what is done meanwhile, such as renewing a lease, belongs to one thread alone."""
    emu = emulate(make_fleet(2500))
    ticks: list[threading.Thread] = []

    def tick() -> None:
        ticks.append(threading.current_thread())

    dcs = connect(emu)
    for read, count in (
        (lambda: dcs.snapshot(tick), 3),
        (lambda: dcs.read(ids_of(emu)[:5], tick), 5),
        (lambda: dcs.read(ids_of(emu), tick), 3),
        (lambda: dcs.show(ids_of(emu)[:20], tick), 20),
        (lambda: dcs.show(ids_of(emu)[:1], tick), 1),
    ):
        ticks.clear()
        read()
        assert ticks == [threading.current_thread()] * count
