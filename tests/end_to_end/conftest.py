"""Runs invocations in processes of their own against one emulator and one journal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from dcs_upkeep.adapters.journals import open_journal
from dcs_upkeep.local.emulator import Emulator, make_fleet
from tests.fakes import FakeClock
from tests.tables import create_table

ROOT = Path(__file__).resolve().parents[2]
SCALE = 100.0


@dataclass
class Lab:
    """An emulator, a journal, and processes that share them."""

    emu: Emulator
    url: str

    @property
    def ids(self) -> list[str]:
        return [one.instance_id for one in self.emu.instances()]

    def start(self, event: Any, *, ahead_s: float = 0.0, settings: dict[str, str] | None = None, **told: Any) -> subprocess.Popen[str]:
        """Begin an invocation whose clock is so far ahead."""
        environ = {
            "UPKEEP_ENDPOINT": self.emu.url,
            "UPKEEP_SMN_ENDPOINT": self.emu.url,
            "UPKEEP_REGION": "cn-north-4",
            "UPKEEP_PROJECT_ID": self.emu.project_id,
            "UPKEEP_TOPICS": f"urn:smn:cn-north-4:{self.emu.project_id}:reports",
            "HUAWEICLOUD_SDK_AK": self.emu.ak,
            "HUAWEICLOUD_SDK_SK": self.emu.sk,
            **(settings or {}),
        }
        env = {**os.environ, "PYTHONPATH": str(ROOT), "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.end_to_end.child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT
        )
        assert child.stdin is not None
        json.dump({"event": event, "environ": environ, "journal": self.url, "ahead_s": ahead_s, "scale": SCALE, **told}, child.stdin)
        child.stdin.close()
        return child

    def run(self, event: Any, **told: Any) -> dict[str, Any] | None:
        """An invocation to its end: what it said, or None where it was killed."""
        with self.start(event, **told) as child:
            assert child.stdout is not None
            text = child.stdout.read()
        if not text:
            return None
        said: dict[str, Any] = json.loads(text.splitlines()[-1])
        return said

    def entries(self, run_id: str) -> list[dict[str, object]]:
        clock = FakeClock()
        return [entry for _, entry in open_journal(self.url, clock=clock).read(f"run/{run_id}")]

    def sent(self) -> list[str]:
        """Every ID of every PUT that arrived."""
        return [one for put in self.emu.truth.puts for one in put.ids]


@pytest.fixture
def lab(tmp_path: Path, moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Lab]]:
    """Makes a lab with so many instances on this store."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    running: list[Emulator] = []

    def make(store: str = "sqlite", count: int = 3, **options: Any) -> Lab:
        began = time.monotonic()
        emu = Emulator(make_fleet(count, tags={"env": "test"}), clock=lambda: (time.monotonic() - began) * SCALE, **options).start()
        running.append(emu)
        url = f"sqlite:///{tmp_path}/journal-{len(running)}.db"
        if store == "dynamodb":
            table = f"j{abs(hash((str(tmp_path), len(running))))}"
            create_table(boto3.client("dynamodb", region_name="eu-central-1", endpoint_url=moto), table)
            url = f"dynamodb://{table}?region=eu-central-1&endpoint={moto}"
        return Lab(emu, url)

    yield make
    for one in running:
        one.close()
