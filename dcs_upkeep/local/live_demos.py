"""The demos that run on this machine now, so that `halt`, `runs` and the others reach them from another terminal.

A demo's time runs faster than ours. It leaves a note of its journal and of its clock, and holds a lock on the note for as long as it
lives: a note that nobody holds is of a demo that is over, and is removed by whoever finds it. Its database outlives it by a day, since
whoever has just stopped it may still be reading there.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dcs_upkeep.adapters.clocks import ScaledClock

NOTE = ".json"
KEPT_S = 86_400.0


@dataclass(frozen=True, slots=True)
class LiveDemo:
    """A demo that another process runs: its journal's address, its time, and the settings with which its emulator is reached."""

    journal: str
    clock: ScaledClock
    environ: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.journal}, begun at {self.clock.began[0].isoformat(timespec='seconds')}, {self.clock.scale:g} times as fast"


def new_file(folder: Path) -> Path:
    """A database of its own for one demo. Its folder is made, and old ones are removed."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in folder.glob("*.db*"):
        with suppress(OSError):
            if time.time() - old.stat().st_mtime > KEPT_S:
                old.unlink()
    return folder / f"{uuid.uuid4().hex[:12]}.db"


@contextmanager
def announced(folder: Path, journal: str, clock: ScaledClock, environ: Mapping[str, str]) -> Iterator[None]:
    """Let others find this demo while the block lasts."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    note = folder / f"{uuid.uuid4().hex[:12]}{NOTE}"
    told = {
        "journal": journal,
        "scale": clock.scale,
        "began_at": clock.began[0].isoformat(),
        "began_mono": clock.began[1],
        "environ": dict(environ),
    }
    with os.fdopen(os.open(note, os.O_CREAT | os.O_RDWR, 0o600), "w", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write(json.dumps(told))
        held.flush()
        try:
            yield
        finally:
            note.unlink(missing_ok=True)


def live_demos(folder: Path) -> list[LiveDemo]:
    """Those that run now."""
    found = []
    for note in sorted(folder.glob(f"*{NOTE}")):
        try:
            with note.open(encoding="utf-8") as held:
                told = json.load(held)
                if _is_held(held.fileno()):
                    began = datetime.fromisoformat(told["began_at"]), float(told["began_mono"])
                    found.append(LiveDemo(told["journal"], ScaledClock(told["scale"], began), told["environ"]))
                else:
                    note.unlink(missing_ok=True)
        except (OSError, ValueError, KeyError, TypeError):  # being written or removed just now, or not ours
            continue
    return found


def _is_held(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
