"""The command line, as a person uses it."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.world import printed_event

ROOT = Path(__file__).resolve().parents[2]


def cli(*words: str, home: Path, stdin: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dcs_upkeep", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        input=stdin,
        env={"HOME": str(home), "PATH": os.environ["PATH"], **env},
    )


def write(folder: Path, event: Any) -> str:
    path = folder / "event.json"
    path.write_text(json.dumps(event), encoding="utf-8")
    return str(path)


BY_TAG = {"action": "restart", "select": {"tags": {"env": "demo"}}, "rollout": {"canary": 0, "wave_size": 3}}


def test_a_run_shows_its_waves_its_notification_and_its_end(tmp_path: Path) -> None:
    done = cli("run", write(tmp_path, BY_TAG), "--instances", "6", "--time-scale", "300", home=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in (
        "nothing real is touched",
        "wave 1: sent 3",
        "wave 2: 3 completed",
        "published: ok 6 of 6: restart",
        "succeeded: 6 completed",
        "next: Nothing to do.",
    ):
        assert words in done.stdout


def test_json_prints_the_report_alone(tmp_path: Path) -> None:
    done = cli("run", "--json", "-", "--instances", "3", "--time-scale", "300", home=tmp_path, stdin=json.dumps(BY_TAG))
    assert json.loads(done.stdout)["counts"] == {"completed": 3}


def test_plan_changes_nothing_and_prints_the_approving_event(tmp_path: Path) -> None:
    done = cli("plan", write(tmp_path, {**BY_TAG, "action": "flush"}), "--instances", "3", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "DATA of 3 of 3 (marked !): cache-001, cache-002, cache-003" in done.stdout
    assert re.search(r'"approve":"v2:[0-9a-f]{64}\.[a-z0-9]{10}"', done.stdout)


def test_the_event_that_plan_prints_may_be_run_once(tmp_path: Path) -> None:
    """The fleet of an emulator ends with its command; what was shown does not."""
    flush = write(tmp_path, {**BY_TAG, "action": "flush"})
    shown = json.loads(cli("plan", "--json", flush, "--instances", "3", "--time-scale", "300", home=tmp_path).stdout)
    event = write(tmp_path, printed_event(shown))
    first, second = (cli("run", "--json", event, "--instances", "3", "--time-scale", "300", home=tmp_path) for _ in range(2))
    assert json.loads(first.stdout)["counts"] == {"completed": 3}, first.stdout
    assert (second.returncode, json.loads(second.stdout)["instances"][0]["guard"]) == (2, "approval")
    assert json.loads(first.stdout)["run_id"] in second.stdout


@pytest.mark.parametrize(
    ("event", "status", "word"),
    [
        ({"action": "restart"}, 2, "neither instances nor select is given"),
        ({**BY_TAG, "action": "flush"}, 2, "approval"),
        ({**BY_TAG, "select": {"name": "none*"}}, 0, "matched no instance"),
        ({**BY_TAG, "window": {"start": "00:00", "end": "00:01", "timezone": "UTC", "days": ["mon"], "on_miss": "defer"}}, 3, "deferred"),
    ],
)
def test_the_exit_status_tells_how_it_went(event: Any, status: int, word: str, tmp_path: Path) -> None:
    done = cli("run", write(tmp_path, event), "--instances", "3", "--time-scale", "300", home=tmp_path)
    assert done.returncode == status, done.stdout + done.stderr
    assert word in done.stdout


def test_a_fleet_of_ones_own_and_a_failing_instance(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.json"
    fleet.write_text(json.dumps({"count": 3, "tags": {"env": "demo"}, "ends_in": "ERROR"}), encoding="utf-8")
    done = cli("run", write(tmp_path, BY_TAG), "--fleet", str(fleet), "--time-scale", "300", home=tmp_path)
    assert done.returncode == 1
    assert "ERROR" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "nofile.json"), "nofile.json: No such file"),
        (("run", "README.md"), "not valid JSON"),
        (("run", "events/direct-dry-run.json", "--fleet", "README.md"), "README.md"),
        (("run", "events/direct-dry-run.json", "--instances", "0"), "--instances"),
        (("run", "--colour", "red"), "--colour"),
        (("run", "events/direct-dry-run.json", "--cloud"), "HUAWEICLOUD_SDK_AK"),
        (("run", "events/direct-dry-run.json", "--journal", "redis://x"), "UPKEEP_JOURNAL"),
        (("check", "README.md"), "not valid JSON"),
        (("check", "nofile"), "nofile"),
    ],
)
def test_what_a_person_can_get_wrong_gets_a_sentence_and_no_traceback(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = cli(*words, home=tmp_path)
    assert done.returncode != 0
    assert said in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_check_reads_plans(tmp_path: Path) -> None:
    assert cli("check", "events/plans/plans.json", home=tmp_path).stdout.strip() == "plans.json: 1 plans, 1 alarm rules, nothing wrong"
    bad = tmp_path / "plans.json"
    bad.write_text('{"plans": {"a": {"action": "reboot", "select": {}}}, "alarms": [{"action": "restart"}]}', encoding="utf-8")
    said = cli("check", str(bad), home=tmp_path).stderr
    for place in ("plans.a.action", "plans.a.select", "alarms[0]"):
        assert place in said


def test_the_lever_the_runs_and_a_report_on_record(tmp_path: Path) -> None:
    """All on one journal, which is a file here."""
    journal = ("--journal", f"sqlite:///{tmp_path}/runs.db")
    event = write(tmp_path, {**BY_TAG, "run_id": "mine"})
    first = json.loads(cli("run", "--json", event, "--instances", "3", "--time-scale", "300", *journal, home=tmp_path).stdout)
    shown = cli("show", "--json", first["run_id"], *journal, home=tmp_path)
    assert json.loads(shown.stdout) == {**first, "replayed": True}
    halted = json.loads(cli("halt", "storm", *journal, home=tmp_path).stdout)
    assert json.loads(cli("runs", *journal, home=tmp_path).stdout)["halt"]["reason"] == "storm"
    refused = cli("run", write(tmp_path, {**BY_TAG, "run_id": "other"}), "--instances", "3", *journal, home=tmp_path)
    assert refused.returncode == 2
    assert cli("release", halted["halt"]["id"], *journal, home=tmp_path).returncode == 0
    assert cli("resume", "nobody", *journal, home=tmp_path).returncode == 2


def test_on_a_terminal_waves_are_drawn_live(tmp_path: Path) -> None:
    """A pseudo-terminal, since progress is drawn on nothing else."""
    leader, follower = pty.openpty()
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-m", "dcs_upkeep", "run", write(tmp_path, BY_TAG), "--instances", "6", "--time-scale", "300"]
    with subprocess.Popen(command, cwd=ROOT, stdout=follower, stderr=follower, env=env) as child:
        os.close(follower)
        seen = b""
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not piece:
                break
            seen += piece
        assert child.wait() == 0
    os.close(leader)
    text = seen.decode()
    assert "wave 1 of 2" in text
    assert "\x1b[" in text
    assert "3/3" in text
    assert "succeeded: 6 completed" in text


def test_an_alarm_can_be_tried_on_the_emulator(tmp_path: Path) -> None:
    """Its Cloud Eye shows what the event speaks of; nothing else could make it fire there."""
    done = cli(
        "run", "events/smn-alarm.json", "--plans", "events/plans/plans.json", "--instances", "3", "--time-scale", "300", home=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 completed" in done.stdout
