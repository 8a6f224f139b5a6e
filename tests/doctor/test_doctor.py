"""`doctor` against the emulator and moto: what it finds, that it only reads, and that it tells no secret."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.sns.models import sns_backends

from dcs_upkeep import bootstrap
from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.doctor import checks, obs
from dcs_upkeep.doctor.finding import Finding
from dcs_upkeep.domain.errors import UpkeepError
from dcs_upkeep.journal.halt import HALT_STREAM
from dcs_upkeep.local.emulator import Emulator, Fault, make_fleet
from dcs_upkeep.local.emulator.obs import StoredObject
from tests.buckets import BUCKET, emulator, url_of
from tests.fakes import FakeClock, FakeLog
from tests.local.test_cli import cli
from tests.tables import create_table

URN = "urn:smn:cn-north-4:0123456789abcdef0123456789abcdef:reports"
ARN = "arn:aws:sns:eu-central-1:123456789012:{}"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def examine(tmp_path: Path) -> Iterator[Callable[..., list[Finding]]]:
    """Runs it with the settings of a fleet where all is well, changed by what the test gives; a None takes one away."""
    running: list[Emulator] = []

    def run(emulator: Mapping[str, Any] | None = None, plans: Path | None = None, **changes: str | None) -> list[Finding]:
        clock = FakeClock()  # nobody waits between two attempts, and no slow machine makes it go wrong
        options = {"fleet": make_fleet(3), "topics": [URN], "wall_clock": clock.now, **(emulator or {})}
        subscriptions = options.pop("subscriptions", [1])
        emu = Emulator(options.pop("fleet"), **options).start()
        for status in subscriptions:
            emu.smn.sign_up(URN, status)
        running.append(emu)
        settings: dict[str, str | None] = {
            "UPKEEP_REGION": "cn-north-4",
            "UPKEEP_PROJECT_ID": emu.project_id,
            "UPKEEP_ENDPOINT": emu.url,
            "UPKEEP_SMN_ENDPOINT": emu.url,
            "UPKEEP_CES_ENDPOINT": emu.url,
            "UPKEEP_TOPICS": URN,
            "UPKEEP_JOURNAL": f"sqlite:///{tmp_path}/runs.db",
            "HUAWEICLOUD_SDK_AK": emu.ak,
            "HUAWEICLOUD_SDK_SK": emu.sk,
            **changes,
        }
        environ = {key: value for key, value in settings.items() if value is not None}
        found = list(bootstrap.examine(LocalHost(environ), clock, plans or tmp_path / "plans.json", FakeLog()))
        assert emu.truth.count("put") + emu.truth.count("publish") + emu.truth.count("copy") == 0, "it only reads"
        assert emu.sk not in " ".join(map(str, found))
        return found

    yield run
    for emu in running:
        emu.close()


def of(found: Sequence[Finding], what: str) -> Finding:
    (one,) = [one for one in found if one.what == what]
    return one


def failed(found: Sequence[Finding]) -> list[str]:
    return [one.what for one in found if one.state == "fail"]


def test_where_all_is_well_nothing_fails_and_all_is_named(examine: Callable[..., list[Finding]]) -> None:
    found = examine(UPKEEP_ALARM_VETO="1")
    assert failed(found) == []
    assert [one.what for one in found if one.state == "ok"] == [
        "version",
        "settings",
        "plans.json",
        "reach DCS",
        "reach SMN",
        "reach Cloud Eye",
        "clock",
        "credentials",
        "dcs:instance:list",
        "dcs:instance:get",
        "dcs:instance:getConfiguration",
        "dcs:instance:getDataBackupLog",
        "ces:alarmHistory:list",
        URN,
        "journal",
    ]
    assert "dcs:instance:modifyStatus" in of(found, "not tried").said


@pytest.mark.parametrize(
    ("changes", "what", "word"),
    [
        ({"UPKEEP_TOPIC": "x"}, "UPKEEP_TOPIC", "UPKEEP_TOPICS"),
        ({"UPKEEP_POLL_S": "often"}, "UPKEEP_POLL_S", "seconds"),
        ({"UPKEEP_REGION": None, "UPKEEP_ENDPOINT": None}, "UPKEEP_REGION", "no region is set"),
        ({"UPKEEP_REGION": "mars-1", "UPKEEP_ENDPOINT": None}, "UPKEEP_REGION", "mars-1"),
        ({"UPKEEP_PROJECT_ID": None}, "UPKEEP_PROJECT_ID", "no project is set"),
        ({"UPKEEP_ENDPOINT": "http://dcs.example.com"}, "UPKEEP_ENDPOINT", "https://"),
        ({"UPKEEP_ENDPOINT": NOWHERE}, "reach DCS", "does not answer"),
        ({"HUAWEICLOUD_SDK_SK": None}, "credentials", "HUAWEICLOUD_SDK_SK"),
        ({"HUAWEICLOUD_SDK_SK": "wrong"}, "dcs:instance:list", "401"),
        ({"UPKEEP_PLANS_ONLY": "1"}, "plans.json", "UPKEEP_PLANS_ONLY"),
        ({"UPKEEP_SMN_ENDPOINT": NOWHERE}, "reach SMN", "UPKEEP_SMN_ENDPOINT"),
        ({"UPKEEP_TOPICS": URN + "-typo"}, URN + "-typo", "404"),
        ({"UPKEEP_ALARM_VETO": "1", "UPKEEP_CES_ENDPOINT": NOWHERE}, "reach Cloud Eye", "UPKEEP_CES_ENDPOINT"),
        ({"UPKEEP_JOURNAL": "sqlite:////proc/none/runs.db"}, "journal", "cannot be opened"),
    ],
)
def test_what_will_not_work_fails_and_says_what_to_do(
    changes: dict[str, str | None], what: str, word: str, examine: Callable[..., list[Finding]]
) -> None:
    one = of([one for one in examine(**changes) if one.state == "fail"], what)
    assert word in str(one)
    assert str(one).endswith((".", "?")), "it says what to do"


@pytest.mark.parametrize(
    ("changes", "what", "word"),
    [
        ({"UPKEEP_TOPICS": None}, "UPKEEP_TOPICS", "log alone"),
        ({"UPKEEP_JOURNAL": None}, "journal", "duplicates"),
        ({"UPKEEP_JOURNAL": "memory:"}, "journal", "ends with the process"),
    ],
)
def test_what_works_with_less_is_worth_a_look(
    changes: dict[str, str | None], what: str, word: str, examine: Callable[..., list[Finding]]
) -> None:
    found = examine(**changes)
    assert failed(found) == []
    assert (of(found, what).state, word in str(of(found, what))) == ("look", True)


@pytest.mark.parametrize(
    ("operation", "right", "state"),
    [
        ("list", "dcs:instance:list", "fail"),
        ("show", "dcs:instance:get", "fail"),
        ("configs", "dcs:instance:getConfiguration", "fail"),
        ("backups", "dcs:instance:getDataBackupLog", "look"),
        ("alarms", "ces:alarmHistory:list", "fail"),
        ("attributes", URN, "look"),
        ("subscriptions", URN, "look"),
    ],
)
def test_a_right_that_is_missing_is_named(operation: str, right: str, state: str, examine: Callable[..., list[Finding]]) -> None:
    found = examine({"faults": [Fault(operation, "403", times=None)]}, UPKEEP_ALARM_VETO="1")
    one = of(found, right)
    assert (one.state, "403" in one.said) == (state, True)
    assert "rant" in str(one), "it says which right to grant"
    assert failed(found) == ([right] if state == "fail" else [])


def test_a_project_without_instances_is_worth_a_look(examine: Callable[..., list[Finding]]) -> None:
    found = examine({"fleet": []})
    assert failed(found) == []
    assert any("no instance in this region" in one.said for one in found if one.state == "look")


@pytest.mark.parametrize(
    ("apart_s", "state", "word"), [(0, "ok", ""), (60, "fail", "UPKEEP_SKEW_S"), (-60, "fail", "ahead"), (1200, "fail", "refused")]
)
def test_a_clock_that_is_off_is_found_even_where_no_call_is_let_in(
    apart_s: int, state: str, word: str, examine: Callable[..., list[Finding]]
) -> None:
    found = examine({"wall_clock": lambda: datetime.now(UTC) + timedelta(seconds=apart_s)})
    assert of(found, "clock").state == state
    assert word in str(of(found, "clock"))
    assert of(found, "dcs:instance:list").state == ("fail" if apart_s > 900 else "ok")


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_an_answer_without_a_date_is_worth_a_look(date: str | None, examine: Callable[..., list[Finding]]) -> None:
    class Timeless(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(404)
            if date:
                self.send_header("Date", date)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Timeless) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        found = examine(UPKEEP_ENDPOINT=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert of(found, "clock").state == "look"


@pytest.mark.parametrize(
    ("settings", "said", "told"),
    [
        ({}, "time left: as the host says, its units cross-checked", False),
        ({"UPKEEP_TIME_LIMIT_S": "900"}, "as UPKEEP_TIME_LIMIT_S says", True),
    ],
)
def test_whose_word_is_taken_for_the_time_is_told(
    settings: dict[str, str], said: str, told: bool, examine: Callable[..., list[Finding]]
) -> None:
    found = examine(**settings)
    assert said in of(found, "settings").said
    assert [one.said for one in found if one.what == "UPKEEP_TIME_LIMIT_S"] == (
        ["each invocation on a host is taken to last 900 s, whatever the host says"] if told else []
    )


def test_plans_are_held_against_the_settings(tmp_path: Path, examine: Callable[..., list[Finding]]) -> None:
    path = tmp_path / "mine.json"
    by_tag = {"select": {"tags": {"a": "b"}}}
    path.write_text(
        json.dumps(
            {
                "plans": {"wipe": {"action": "flush", **by_tag}, "fine": {"action": "restart", **by_tag}},
                "alarms": [{"name": "memory*", "action": "stop"}],
            }
        ),
        encoding="utf-8",
    )
    assert failed(examine(plans=path)) == ["mine.json: plans.wipe", "mine.json: alarms[0]"]
    assert failed(examine(plans=path, UPKEEP_ALLOWED_ACTIONS="flush,restart,stop")) == []
    path.write_text('{"plans": {"wipe": {"action": "wipe"}}}', encoding="utf-8")
    assert "plans.wipe" in " ".join(failed(examine(plans=path)))
    assert failed(examine(plans=tmp_path)) == [tmp_path.name]


@pytest.mark.parametrize(
    ("rules", "verify", "tried"),
    [(True, None, True), (True, "0", False), (False, None, False)],
    ids=["alarm rules", "alarm rules, not verified", "no alarm rule"],
)
def test_the_right_to_verify_alarms_is_tried_where_it_is_needed(
    rules: bool, verify: str | None, tried: bool, tmp_path: Path, examine: Callable[..., list[Finding]]
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"alarms": [{"name": "memory*", "action": "restart"}] if rules else []}), encoding="utf-8")
    faults = [Fault("alarms", "403", times=None)]
    assert failed(examine({"faults": faults}, plans=path, UPKEEP_ALARM_VERIFY=verify)) == (["ces:alarmHistory:list"] if tried else [])


def test_sns_topics_are_told_by_their_attributes(aws: str, examine: Callable[..., list[Finding]]) -> None:
    client = boto3.client("sns", region_name="eu-central-1")
    for name in ("heard", "unheard"):
        client.create_topic(Name=name)
    # Moto keeps the count but never raises it.
    sns_backends["123456789012"]["eu-central-1"].topics[ARN.format("heard")].subscriptions_confimed = 1
    names = [ARN.format(name) for name in ("heard", "unheard", "missing")]
    found = examine(UPKEEP_TOPICS=",".join(names))
    assert [of(found, name).state for name in names] == ["ok", "look", "fail"]
    assert "nobody is subscribed" in of(found, names[1]).said


def test_a_subscription_that_nobody_has_confirmed_is_told(aws: str, examine: Callable[..., list[Finding]]) -> None:
    boto3.client("sns", region_name="eu-central-1").create_topic(Name="half-heard")
    topic = sns_backends["123456789012"]["eu-central-1"].topics[ARN.format("half-heard")]
    topic.subscriptions_pending = 1
    said = [of(examine(UPKEEP_TOPICS=topic.arn), topic.arn)]
    topic.subscriptions_confimed = 2
    said.append(of(examine(UPKEEP_TOPICS=topic.arn), topic.arn))
    assert [one.state for one in said] == ["fail", "look"]
    assert ["1 subscriptions are not confirmed yet" in said[0].said, "2 subscribed, and 1 not confirmed" in said[1].said] == [True, True]
    assert "link in the mail" in said[1].fix


def test_sns_that_cannot_be_reached_fails(aws: str, monkeypatch: pytest.MonkeyPatch, examine: Callable[..., list[Finding]]) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOWHERE)
    found = examine(UPKEEP_TOPICS=ARN.format("heard"))
    assert failed(found) == ["reach SNS"]
    assert "cannot be reached" in of(found, ARN.format("heard")).said


def test_a_journal_on_dynamodb_is_written_and_read_back(aws: str, examine: Callable[..., list[Finding]]) -> None:
    client = boto3.client("dynamodb", region_name="eu-central-1")
    create_table(client, "runs-of-the-doctor")
    found = examine(UPKEEP_JOURNAL="dynamodb://runs-of-the-doctor?region=eu-central-1")
    assert of(found, "journal").state == "ok"
    (item,) = client.scan(TableName="runs-of-the-doctor")["Items"]
    assert item["stream"]["S"].startswith("doctor/")
    assert "expires_at" in item, "the store forgets it"
    assert "docs/journal.md" in str(of(examine(UPKEEP_JOURNAL="dynamodb://no-such-table?region=eu-central-1"), "journal"))


def test_a_store_that_breaks_its_promise_is_found() -> None:
    class Overwriting(MemoryJournal):
        def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
            self._streams.get(stream, {}).pop(seq, None)
            super().append(stream, seq, entry)

    class Forgetful(MemoryJournal):
        def read(self, stream: str, after: int = -1) -> list[tuple[int, dict[str, object]]]:
            return []

    for kind, word in ((Overwriting, "second entry"), (Forgetful, "read back")):
        with pytest.raises(UpkeepError, match=word):
            checks._write_and_read_back(kind(SystemClock()), SystemClock())


def test_on_the_command_line_the_exit_status_tells(tmp_path: Path) -> None:
    fine = cli("doctor", home=tmp_path)
    assert fine.returncode == 0, fine.stdout + fine.stderr
    assert {line.split()[0] for line in fine.stdout.splitlines()} == {"ok", "look"}
    bad = cli("doctor", "--cloud", "--json", home=tmp_path, UPKEEP_REGION="cn-north-4")
    assert bad.returncode == 1
    states = {one["what"]: one["state"] for one in json.loads(bad.stdout)}
    assert states["credentials"] == "fail"
    assert states["journal"] == "ok"


def test_it_says_what_must_protect_the_addresses(examine: Callable[..., list[Finding]]) -> None:
    """What stands in front of the function cannot be seen from here."""
    assert "IAM or App" in of(examine(), "APIG").fix
    assert not [one for one in examine() if one.what == "UPKEEP_HTTP_ANONYMOUS"]
    assert of(examine(UPKEEP_HTTP_ANONYMOUS="1"), "UPKEEP_HTTP_ANONYMOUS").state == "look"


def test_a_journal_on_obs_is_looked_at_more_closely(examine: Callable[..., list[Finding]], monkeypatch: pytest.MonkeyPatch) -> None:
    """On the same address as the rest, and with the same key pair."""
    monkeypatch.setattr(obs, "PLACES", 5)
    clock = FakeClock()
    with emulator(clock) as emu:
        found = examine(UPKEEP_JOURNAL=url_of(emu))
        assert of(found, "journal").state == "ok"
        assert of(found, "journal: race").state == "ok"
        assert of(found, "journal: lifecycle").state == "look"
        emu.obs.buckets.clear()
        assert "Create the bucket upkeep-journal" in of(examine(UPKEEP_JOURNAL=url_of(emu)), "journal").said


def test_what_a_run_reads_first_is_read(examine: Callable[..., list[Finding]], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not there, and the lever: a bucket that takes appends may refuse both."""
    monkeypatch.setattr(obs, "PLACES", 5)
    with emulator(FakeClock()) as emu:
        emu.obs.create(BUCKET, lists=False)
        assert "obs:bucket:ListBucket" in of(examine(UPKEEP_JOURNAL=url_of(emu)), "journal").said
        bucket = emu.obs.create(BUCKET)
        bucket.objects["upkeep/lasting/control/halt"] = StoredObject(b"no line\n", 1, 0.0, "STANDARD")
        assert checks.LEVER == HALT_STREAM
        assert "control/halt: entry 0 is no JSON object" in of(examine(UPKEEP_JOURNAL=url_of(emu)), "journal").said


def test_an_address_that_cannot_be_used_is_told_where_nothing_can_be_reached(examine: Callable[..., list[Finding]]) -> None:
    found = examine(UPKEEP_JOURNAL=f"obs://their.bucket/p?endpoint={NOWHERE}")
    assert of(found, "reach the journal").state == "fail"
    assert (of(found, "UPKEEP_JOURNAL").state, "without dots" in of(found, "UPKEEP_JOURNAL").said) == ("fail", True)
