"""A person's terminal for tests: the command line in a process of its own, piped or on a pseudo-terminal, and a cloud for it to reach."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcs_upkeep.local.emulator import Emulator, make_fleet

ROOT = Path(__file__).resolve().parents[2]
FAST = ("--instances", "3", "--time-scale", "300")
TOPIC = "urn:smn:cn-north-4:0123456789abcdef0123456789abcdef:reports"
BY_TAG: Mapping[str, Any] = {"action": "restart", "select": {"tags": {"env": "demo"}}, "rollout": {"canary": 0, "wave_size": 3}}
FLUSH: Mapping[str, Any] = {**BY_TAG, "action": "flush"}
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def environment(home: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(home), "PATH": os.environ["PATH"], **more}


def cli(*words: str, home: Path, stdin: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """The command, its output piped."""
    return subprocess.run(
        [sys.executable, "-m", "dcs_upkeep", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        env=environment(home, **env),
    )


@dataclass(frozen=True)
class Seen:
    """What a person saw on a terminal. `raw`: with everything that draws; `text`: as it can be read."""

    status: int
    raw: str

    @property
    def text(self) -> str:
        return _ESCAPES.sub("", self.raw).replace("\r", "")


def on_terminal(*words: str, home: Path, answers: Sequence[str] = (), columns: int = 80, **env: str) -> Seen:
    """The command on a pseudo-terminal. `answers`: what is typed at each question."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    surroundings = environment(home, TERM="xterm", COLUMNS=str(columns), **env)
    command = [sys.executable, "-m", "dcs_upkeep", *words]
    seen, waiting = b"", list(answers)
    with subprocess.Popen(command, cwd=ROOT, stdin=follower, stdout=follower, stderr=follower, env=surroundings) as child:
        os.close(follower)
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not piece:
                break
            seen += piece
            if waiting and seen.count(b"[y/N]: ") > len(answers) - len(waiting):
                os.write(leader, waiting.pop(0).encode() + b"\n")
        status = child.wait()
    os.close(leader)
    return Seen(status, seen.decode())


def write(folder: Path, event: Any, name: str = "event.json") -> str:
    path = folder / name
    path.write_text(json.dumps(event), encoding="utf-8")
    return str(path)


@dataclass(frozen=True)
class Cloud:
    """What plays the real cloud, and the environment by which `--cloud` reaches it."""

    emu: Emulator
    env: Mapping[str, str]

    @property
    def mails(self) -> list[str]:
        return [str(message.subject) for message in self.emu.truth.messages]

    @property
    def puts(self) -> int:
        return len(self.emu.truth.puts)


@contextmanager
def cloud(count: int = 3, **options: Any) -> Iterator[Cloud]:
    """Instances that restart in a moment, in real time: the command line runs on the machine's clock."""
    rows = make_fleet(count, tags={"env": "demo"})
    for row in rows:
        row.busy_s, row.lag_s = 0.2, 0.0
    with Emulator(rows, **options) as emu:
        env = {
            "UPKEEP_ENDPOINT": emu.url,
            "UPKEEP_SMN_ENDPOINT": emu.url,
            "UPKEEP_CES_ENDPOINT": emu.url,
            "UPKEEP_REGION": "cn-north-4",
            "UPKEEP_PROJECT_ID": emu.project_id,
            "UPKEEP_TOPICS": TOPIC,
            "UPKEEP_ALLOWED_ACTIONS": "restart,flush",
            "UPKEEP_POLL_S": "1",
            "UPKEEP_SETTLE_S": "1",
            "HUAWEICLOUD_SDK_AK": emu.ak,
            "HUAWEICLOUD_SDK_SK": emu.sk,
        }
        yield Cloud(emu, env)
