"""Ctrl-C and SIGTERM in real processes, and the levers pulled from another terminal while a demo runs.

Nothing here hurries: what is interrupted waits for an hour, or for an instance that never comes back.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dcs_upkeep.domain.run import short_id
from dcs_upkeep.local.emulator import Emulator, make_fleet
from dcs_upkeep.local.live_demos import new_file
from tests.local.test_cli import ROOT, cli, write

HUNG_S = 120  # real seconds: no step takes so long on any machine
RESTART: dict[str, Any] = {"action": "restart", "select": {"tags": {"env": "demo"}}}
PAUSES = {**RESTART, "rollout": {"canary": 1, "pause_s": 864_000}}
HANGS = {**RESTART, "rollout": {"canary": 1}, "watch": {"timeout_s": 86_400}}
FAST = ("--time-scale", "100")


class Child:
    """A command in a process of its own, whose words are read as they come. Both its outputs are one, in their order."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A shell's background jobs ignore it, and so would what they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        )
        self.lines: list[str] = []
        self._killer = threading.Timer(HUNG_S, self.process.kill)
        self._killer.start()

    def until(self, words: str) -> str:
        """The first line from here on that has these words."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if words in line:
                return self.lines[-1]
        raise AssertionError(f"it never said {words!r}:\n{self.text}")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Its exit status, once all of its words are read."""
        assert self.process.stdout is not None
        self.lines += [line.rstrip("\n") for line in self.process.stdout]
        return self.process.wait()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def close(self) -> None:
        self._killer.cancel()
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@contextmanager
def child(*words: str, home: Path, **env: str) -> Iterator[Child]:
    one = Child([sys.executable, "-u", *words], {"HOME": str(home), "PATH": os.environ["PATH"], "COLUMNS": "200", **env})
    try:
        yield one
    finally:
        one.close()


@contextmanager
def running(event: Any, *words: str, home: Path, **env: str) -> Iterator[Child]:
    with child("-m", "dcs_upkeep", "run", write(home, event), "--instances", "3", *FAST, *words, home=home, **env) as one:
        yield one


def answer(*words: str, home: Path, status: int = 0, **env: str) -> dict[str, Any]:
    done = cli(*words, home=home, **env)
    assert done.returncode == status, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "Ctrl-C (SIGINT)"), (signal.SIGTERM, "SIGTERM")])
def test_the_first_signal_stops_and_says_what_to_type(number: int, name: str, tmp_path: Path) -> None:
    journal = f"sqlite:///{tmp_path}/runs.db"
    with running({**PAUSES, "run_id": "night"}, "--journal", journal, home=tmp_path) as run:
        assert run.until("run ") == run.lines[0], "the run's id is the first thing that is said"
        run_id = run.lines[0].split("(")[1].rstrip(")")
        short = short_id(run_id)
        assert run.lines[0].startswith(f"run {short} (direct:night@")
        run.until("wave 1: 1 completed")
        run.signal(number)
        run.until(f"STOPPING run {short}")
        assert name in run.lines[-1]
        assert run.until("Nothing more is sent").endswith("nothing is open; 2 not sent. Once more, and this process ends at once.")
        assert run.until("To go on:").endswith(f"resume {short} --journal {journal}")
        assert run.until("To end it for good:").endswith(f"halt --run {short} --journal {journal}")
        run.until("halted: 1 completed, 2 deferred")
        assert run.end() == 2
        assert "Traceback" not in run.text
    (row,) = answer("runs", "--journal", journal, home=tmp_path)["runs"]
    assert (row["short_id"], row["status"]) == (short, "stopped")
    swept = answer("sweep", "--journal", journal, home=tmp_path)
    assert (swept["resumed"], swept["journal"], swept["scope"]["host"]) == ([], journal, "local")
    ended = answer("halt", "enough", "--run", short, "--journal", journal, home=tmp_path)
    assert ended["report"]["counts"] == {"completed": 1, "not_attempted": 2}
    shown = cli("show", "--json", short[:6], "--journal", journal, home=tmp_path)
    assert json.loads(shown.stdout)["run_id"] == run_id


def stuck(folder: Path) -> tuple[str, str]:
    """A fleet of which nothing comes back."""
    fleet = folder / "fleet.json"
    fleet.write_text(json.dumps({"count": 3, "tags": {"env": "demo"}, "ends_in": "stuck"}), encoding="utf-8")
    return "--fleet", str(fleet)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_second_signal_leaves_at_once(number: int, status: int, tmp_path: Path) -> None:
    journal = f"sqlite:///{tmp_path}/runs.db"
    with running(HANGS, "--journal", journal, *stuck(tmp_path), home=tmp_path) as run:
        run.until("wave 1: 1 RESTARTING")
        run.signal(signal.SIGINT)
        run.until("STOPPING run")
        assert "watched to its end (1: cache-001)" in run.until("Nothing more is sent")
        run.until("To end it for good:")
        run.signal(number)
        run.until("LEFT run")
        assert run.until("OPEN").endswith("OPEN, and watched by nobody now: 1: cache-001; 2 not sent.")
        assert "resume" in run.until("To go on:")
        assert run.end() == status
        assert "Traceback" not in run.text
    (row,) = answer("runs", "--journal", journal, home=tmp_path)["runs"]
    assert (row["status"], row["open"], row["lease_until"]) == ("stopped", 1, None)


def test_with_json_only_the_report_is_on_the_standard_output(tmp_path: Path) -> None:
    words = ["-m", "dcs_upkeep", "run", write(tmp_path, PAUSES), "--json", "--instances", "3", *FAST]
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "UPKEEP_JOURNAL": f"sqlite:///{tmp_path}/runs.db"}
    with subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        killer = threading.Timer(HUNG_S, run.kill)
        killer.start()
        while not answers_with_a_wave(tmp_path, env["UPKEEP_JOURNAL"]):
            assert run.poll() is None
        run.send_signal(signal.SIGTERM)
        out, err = run.communicate()
        killer.cancel()
    assert json.loads(out)["status"] == "halted"
    assert "STOPPING run" in err


def answers_with_a_wave(home: Path, journal: str) -> bool:
    done = cli("runs", "--journal", journal, home=home)
    return any(row.get("done") == 1 for row in json.loads(done.stdout)["runs"])


def test_a_demo_that_is_stopped_is_over(tmp_path: Path) -> None:
    """Its fleet and its journal end with it, and so does what others find it by."""
    with running(PAUSES, home=tmp_path) as run:
        run.until("wave 1: 1 completed")
        run.signal(signal.SIGINT)
        run.until("Nothing of it is kept")
        run.until("halted: 1 completed, 2 not attempted")
        assert run.end() == 2
    assert list(tmp_path.glob(".local/state/dcs-upkeep/demos/*.json")) == []


def test_what_demos_leave_is_removed_a_day_later(tmp_path: Path) -> None:
    old, recent = tmp_path / "old.db-wal", tmp_path / "recent.db"
    for path in (old, recent):
        path.touch()
    os.utime(old, (0, 0))
    new_file(tmp_path)
    assert (old.exists(), recent.exists()) == (False, True)


def test_the_levers_reach_a_demo_from_another_terminal(tmp_path: Path) -> None:
    with running(PAUSES, home=tmp_path) as run:
        run.until("wave 1: 1 completed")
        short = run.lines[0].split()[1]
        status = answer("runs", home=tmp_path)
        (row,) = status["runs"]
        assert (row["short_id"], row["action"], row["wave"], row["done"], row["instances"]) == (short, "restart", 1, 1, 3)
        assert row["lease_until"] > row["began_at"], "told in the demo's own time"
        halted = answer("halt", "trying it", home=tmp_path)
        assert [one["short_id"] for one in halted["stops"]] == [short]
        assert "/demos/" in halted["journal"]
        run.until("halted: 1 completed, 2 not attempted")
        assert run.end() == 2
    said = cli("runs", home=tmp_path)
    assert (said.returncode, "No demo runs now" in said.stderr) == (2, True)


def test_a_halt_of_one_demo_can_be_released_and_is_not_the_next_one_s(tmp_path: Path) -> None:
    with running(HANGS, *stuck(tmp_path), home=tmp_path) as run:
        run.until("wave 1: 1 RESTARTING")
        halt_id = answer("halt", "trying it", home=tmp_path)["halt"]["id"]
        assert answer("halt", "again", home=tmp_path)["older_halt"]["reason"] == "trying it"
        assert answer("release", halt_id, home=tmp_path)["older_halt"]["id"] == halt_id
        assert answer("runs", home=tmp_path)["halt"] is None
        answer("halt", "and again", home=tmp_path)
        run.process.kill()
        run.end()
    assert len(list(tmp_path.glob(".local/state/dcs-upkeep/demos/*.json"))) == 1, "it was killed, and its note is there"
    with running(PAUSES, home=tmp_path) as run:
        run.until("wave 1: 1 completed")
        assert answer("runs", home=tmp_path)["halt"] is None
        run.signal(signal.SIGINT)
        run.end()
    assert list(tmp_path.glob(".local/state/dcs-upkeep/demos/*.json")) == [], "what the dead one left is gone too"


def test_of_two_demos_one_has_to_be_named(tmp_path: Path) -> None:
    first, second = f"sqlite:///{tmp_path}/first.db", f"sqlite:///{tmp_path}/second.db"
    with running(PAUSES, "--journal", first, home=tmp_path) as one, running(PAUSES, "--journal", second, home=tmp_path) as two:
        for run in (one, two):
            run.until("wave 1: 1 completed")
        said = cli("halt", "which?", home=tmp_path)
        assert said.returncode == 2
        assert first in said.stderr
        assert second in said.stderr
        (row,) = answer("halt", "this one", "--journal", second, home=tmp_path)["stops"]
        assert two.lines[0].split()[1] == row["short_id"]
        two.until("halted")
        one.signal(signal.SIGINT)
        one.end()


@pytest.mark.parametrize("words", [("halt", "x"), ("release", "halt-0"), ("runs",), ("sweep",), ("show", "abcd"), ("resume", "abcd")])
def test_on_the_real_cloud_a_journal_has_to_be_named(words: tuple[str, ...], tmp_path: Path) -> None:
    done = cli(*words, "--cloud", home=tmp_path)
    assert done.returncode == 2
    assert "Name the journal" in done.stderr
    assert list(tmp_path.glob(".local/**/*.db")) == []


HANDLER = "import json, sys, handler; print(json.dumps(handler.handler(json.loads(sys.argv[1]), None)))"


@pytest.mark.parametrize("signals", [1, 2])
def test_whoever_calls_the_handler_on_a_laptop_is_heard_too(signals: int, tmp_path: Path) -> None:
    with Emulator(make_fleet(2, tags={"env": "demo"}, ends_in="stuck")) as emu:
        settings = {
            "UPKEEP_ENDPOINT": emu.url,
            "UPKEEP_REGION": "cn-north-4",
            "UPKEEP_PROJECT_ID": emu.project_id,
            "UPKEEP_JOURNAL": f"sqlite:///{tmp_path}/runs.db",
            "HUAWEICLOUD_SDK_AK": emu.ak,
            "HUAWEICLOUD_SDK_SK": emu.sk,
            "PYTHONPATH": str(ROOT),
            "UPKEEP_POLL_S": "2",
        }
        with child("-c", HANDLER, json.dumps(HANGS), home=tmp_path, **settings) as run:
            run.until("wave.polled")
            run.signal(signal.SIGTERM)
            run.until("STOPPING run")
            assert '{"resume": "direct:' in run.until("To go on:")
            run.until("To end it for good:")
            if signals == 2:
                run.signal(signal.SIGTERM)
                run.until("LEFT run")
                assert run.end() == 143
            else:
                (one,) = [one for one in emu.instances() if one.status == "RESTARTING"]
                emu.remove(one.instance_id)  # it is gone, which ends its watch
                run.until('"status": "halted"')
                run.end()
            assert "Traceback" not in run.text
