"""Runs as they happen on the emulator, and reports as nobody should write them, for the tests of pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dcs_upkeep.journal.run_stream import run_stream
from dcs_upkeep.local.emulator import make_fleet
from dcs_upkeep.local.pages.model import Page, build_page
from dcs_upkeep.local.pages.record import Record, read_record
from dcs_upkeep.local.pages.render import Source, render
from dcs_upkeep.local.pages.words import words_for
from tests.world import Fault, World, world

RESTART: Mapping[str, Any] = {
    "action": "restart",
    "name": "weekly restart of the session caches",
    "rollout": {"canary": 1, "wave_size": 8, "pause_s": 60},
}
SCRIPT = "</script><script>alert(1)</script>"
IMAGE = '"><img src="http://127.0.0.1:9/x" onerror="alert(2)">'
TURNED = "cache\u202egnp.exe"
# Names that a stranger may give an instance, or a later version of a report may hold.
NAMES = (
    SCRIPT,
    IMAGE,
    TURNED,
    "会话缓存-广州-主",
    "n" * 5_000,
    "a\nb\x1b[2J",
    "{{ 7 * 7 }}",
    "%s {n} {0}",
    "javascript:alert(3)",
    "كاش-جدة",
)


def record_of(w: World, report: Mapping[str, Any]) -> Record:
    assert w.journal is not None
    return read_record([entry for _, entry in w.journal.read(run_stream(report["run_id"]))])


def html_of(page: Page, language: str = "en", zone: str | None = None, kind: str = "journal") -> str:
    return render(page, words_for(language, zone), Source(kind, "sqlite:///journal.db", 1_795_000_000.0))


def ok() -> tuple[dict[str, Any], Record]:
    """All well, with a pause between the waves."""
    with world(24, journal=True) as w:
        report = w.run({**RESTART, "instances": w.ids})
        return report, record_of(w, report)


def down() -> tuple[dict[str, Any], Record]:
    """One is not back, and the run stops."""
    rows = make_fleet(24, tags={"env": "test"})
    rows[7].ends_in, rows[7].name, rows[5].name = "ERROR", "payment-session-cache-eu-north-0007-with-a-long-name", "会话缓存-广州-主"
    with world(rows, journal=True) as w:
        report = w.run({**RESTART, "instances": w.ids})
        return report, record_of(w, report)


def faulty() -> tuple[dict[str, Any], Record]:
    """Throttled once, one answer lost and settled by evidence, one lost and never settled."""
    faults = [Fault("put", "429", after=1), Fault("put", "lost_answer", after=2), Fault("put", "500", after=3)]
    with world(24, journal=True, faults=faults) as w:
        report = w.run({**RESTART, "instances": w.ids})
        return report, record_of(w, report)


def planned(action: str = "flush") -> dict[str, Any]:
    """A dry run."""
    with world(12, journal=True) as w:
        return w.run({**RESTART, "action": action, "instances": w.ids, "dry_run": True})


def unapproved() -> Mapping[str, Any]:
    """What would lose data, and nobody approved."""
    with world(6, journal=True) as w:
        return w.refused({"action": "flush", "instances": w.ids})


def many(count: int = 1_000) -> tuple[dict[str, Any], Record]:
    """A run over so many, of which three are not back: a small run, with each of its instances there again and again."""
    report, record = ok()
    few, marks = report["instances"], dict(record.marks)
    report["instances"] = rows = []
    for place in range(count):
        row = few[place % len(few)]
        instance_id = f"{place:08d}-0000-4000-8000-{place:012d}"
        rows.append({**row, "instance_id": instance_id, "name": f"cache-{place:04d}"})
        marks[instance_id] = record.marks[row["instance_id"]]
    for place in (7, count // 2, count - 1):
        rows[place] |= {"outcome": "failed", "reason": "it ended in ERROR"}
    report |= {"status": "partial", "counts": {"completed": count - 3, "failed": 3}}
    return report, replace(record, marks=marks)


def hostile() -> dict[str, Any]:
    """A report in which every text is a stranger's."""
    report, _ = faulty()
    for row, name in zip(report["instances"], NAMES * 3, strict=False):
        row["name"], row["reason"], row["error_code"], row["request_id"] = name, f"because of {name}", name, name
    report["instances"][0]["outcome"] = report["instances"][1]["guard"] = f"x' onmouseover='alert(4) {SCRIPT}"
    report["counts"] = {SCRIPT: 1, IMAGE: 23}
    report["plan"]["name"] = report["requested_by"] = report["trigger"]["principal"] = SCRIPT + TURNED
    report["plan"]["action"] = "%s {n} {0} {n.__class__}"
    report["run_id"] = report["region"] = report["trigger"]["id"] = IMAGE
    report["notes"] = report["left_out"] = list(NAMES)
    report["problems"] = [{"path": name, "what": name, "fix": name} for name in NAMES]
    report["calls"] = dict.fromkeys(NAMES, 1)
    report["next"] = f'{SCRIPT} send: {{"name": "{SCRIPT}"}} {IMAGE}'
    report["gates"] = [{"wave": 1, "verdict": SCRIPT, "checks": [{"metric": name, "instance_id": name, "limit": name} for name in NAMES]}]
    report["at_stake"] = {"instances": SCRIPT, "keys": SCRIPT, "used_memory_mb": SCRIPT}
    return report


def page_of(made: tuple[Mapping[str, Any], Record]) -> Page:
    return build_page(*made)
