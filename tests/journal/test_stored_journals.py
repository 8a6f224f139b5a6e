"""Journals that version 0.1.0 left behind, cut where its process died or ended: this version goes on with them on every store.

`stored/*.json`: `streams` are the entries as they were written from `began_at` to `made_at`; `executed` is what the fleet
had really been made to do by then (seconds since `began_at`, ID, action), `sent` the IDs that had left in a PUT.
`report` is that version's own report: as it stood, or for a run that was cut off, of its own sweep `swept_after_s` later.
`refuses` is what it said to another event `after_s` later. `says_now` is what this version says in other words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from dcs_upkeep.adapters.journals import open_journal
from dcs_upkeep.execution.coordinator import REPLAYED
from dcs_upkeep.journal.entries import Entry
from dcs_upkeep.local.emulator import Emulator, make_fleet
from tests.adapters.test_journals import STORES, make_url
from tests.fakes import FakeClock
from tests.world import World, printed_event

pytestmark = pytest.mark.usefixtures("aws")
STORED: Mapping[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((Path(__file__).parent / "stored").glob("*.json"))
}
UNFINISHED = [name for name, stored in STORED.items() if "swept_after_s" in stored]
REPORTED = [
    name for name, stored in STORED.items() if any(entry.get("kind") == "reported" for entry in sum(stored["streams"].values(), []))
]
# Of an instance's row, what does not depend on how many requests the tool makes on its way.
TOLD = ("instance_id", "name", "outcome", "reason", "guard", "wave", "evidence", "loses_data", "sent_at")


@contextmanager
def opened(name: str, url: str) -> Iterator[World]:
    """The world as it was at the cut, with the stored entries in this store."""
    stored = STORED[name]
    clock = FakeClock(datetime.fromisoformat(stored["began_at"]))
    with Emulator(make_fleet(**stored["fleet"]), clock=clock) as emu:
        w = World(emu, clock, open_journal(url, clock=clock), {})
        assert w.journal is not None
        for stream, entries in stored["streams"].items():
            for seq, entry in enumerate(entries):
                w.journal.append(stream, seq, entry)
        for at, instance_id, action in stored["executed"]:
            clock.sleep(at - clock.monotonic())
            emu.act(instance_id, action)
        clock.sleep((datetime.fromisoformat(stored["made_at"]) - clock.now()).total_seconds())
        yield w


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, moto: str, tmp_path: Path) -> str:
    return make_url(request.param, moto, tmp_path)


def put_ids(w: World) -> list[str]:
    """Every ID that this version sent."""
    return [instance_id for put in w.puts for instance_id in put.ids]


def told(report: Mapping[str, Any]) -> dict[str, Any]:
    """What a person is told: of two runs over the same fleet the same, however many requests each made."""
    return {
        **{field: report[field] for field in ("run_id", "status", "trigger", "counts", "hops", "plan", "next", "notes", "started_at")},
        "instances": [{field: row[field] for field in TOLD} for row in report["instances"]],
    }


def with_nobody(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The trigger of a run whose version did not note who asked."""
    return {**stored["report"]["trigger"], "principal": None}


def test_every_kind_of_entry_and_stream_is_among_them() -> None:
    kinds = {get_args(get_type_hints(entry)["kind"])[0] for entry in get_args(Entry)}
    streams = [(stream, entry) for stored in STORED.values() for stream, entries in stored["streams"].items() for entry in entries]
    assert {entry["kind"] for stream, entry in streams if stream.startswith("run/")} == kinds
    assert {stream.split("/")[0] for stream, _ in streams} == {"run", "instance", "control", "plan", "runs"}
    assert {entry["kind"] for stream, entry in streams if stream.startswith("instance/")} == {"held", "left"}
    assert {entry["kind"] for stream, entry in streams if stream == "control/halt"} == {"halted", "released"}
    assert {word for _, entry in streams if entry.get("kind") == "sent" for word in entry["verdicts"].values()} >= {
        "accepted",
        "again",
        "doubt",
        "api_failed",
    }
    assert any(entry.get("not_before") for _, entry in streams)
    assert len(REPORTED) >= 2


FIXED = ("instance_id", "outcome", "guard")  # a refusal's reason is words, and words may get better


@pytest.mark.parametrize("name", REPORTED)
def test_a_reported_run_is_replayed_and_shown_as_it_was_reported(name: str, url: str) -> None:
    stored = STORED[name]
    with opened(name, url) as w:
        w.clock.sleep(3600)
        shown = w.run({"command": "show", "run": stored["run_id"]})
        assert w.emu.truth.messages == []
        as_it_was = {**stored["report"], "replayed": True, "tool_version": shown["tool_version"], "trigger": with_nobody(stored)}
        assert shown == as_it_was
        for answer in (w.run(stored["event"]), w.run(stored["event"]), w.run({"resume": stored["run_id"]})):
            assert answer == {**as_it_was, "next": f"{REPLAYED} {as_it_was['next']}"}
        # What the topic had not taken is published by the first replay, and only by that.
        assert len(w.emu.truth.messages) == 1 - stored["topics_told"]
        assert w.puts == []


@pytest.mark.parametrize("name", UNFINISHED)
def test_a_run_that_was_cut_off_is_swept_to_the_report_that_the_old_version_would_have_made(name: str, url: str) -> None:
    stored = STORED[name]
    with opened(name, url) as w:
        too_early_s = stored.get("too_early_s", 0.0)
        w.clock.sleep(too_early_s)
        if "yielded" not in name:  # one that was handed over may be gone on with at once
            assert w.run({"command": "sweep"})["resumed"] == []
        w.clock.sleep(stored["swept_after_s"] - too_early_s)
        report = w.run({"command": "sweep"})
        if not planned(stored):  # then the plan is made anew, with a digest of this version's form
            assert report["plan"]["digest"].startswith("v2:")
            report["plan"]["digest"] = stored["report"]["plan"]["digest"]
        assert told(report) == {**told(stored["report"]), **stored.get("says_now", {}), "trigger": with_nobody(stored)}
        assert not set(put_ids(w)) & (set(stored["sent"]) - not_executed(stored)), "sent twice"
        assert set(put_ids(w)) | set(stored["sent"]) >= {
            row["instance_id"] for row in report["instances"] if row["outcome"] in ("accepted", "completed")
        }
        assert max(w.executions().values()) <= 1
        # One report, and this version replays it as any of its own.
        messages = len(w.emu.truth.messages)
        assert messages == 1
        assert w.run({"command": "sweep"})["resumed"] == []
        again = w.run({"resume": stored["run_id"]})
        again["plan"]["digest"] = report["plan"]["digest"]
        assert again == {**report, "replayed": True, "next": f"{REPLAYED} {report['next']}"}
        assert len(w.emu.truth.messages) == messages


def test_a_run_that_was_handed_over_may_be_gone_on_with_at_once(url: str) -> None:
    """Its lease has not lapsed, and nobody holds it any more."""
    with opened("yielded", url) as w:
        assert w.run({"resume": STORED["yielded"]["run_id"]})["counts"] == {"completed": 3}
        assert not set(put_ids(w)) & set(STORED["yielded"]["sent"])


def planned(stored: Mapping[str, Any]) -> bool:
    """Whether the run had its plan whole on record."""
    parts = [entry for entry in stored["streams"][f"run/{stored['run_id']}"] if entry["kind"] == "planned"]
    return bool(parts) and len(parts) == parts[0]["parts"]


def not_executed(stored: Mapping[str, Any]) -> set[str]:
    """The IDs whose last attempt was proven not executed: these are sent once more."""
    verdicts: dict[str, str] = {}
    for entry in stored["streams"][f"run/{stored['run_id']}"]:
        verdicts |= entry["verdicts"] if entry["kind"] == "sent" else dict.fromkeys(entry.get("ids", ()), "sending")
    return {instance_id for instance_id, verdict in verdicts.items() if verdict == "again"}


@pytest.mark.parametrize("name", [name for name, stored in STORED.items() if "refuses" in stored])
def test_halt_cooldown_holder_and_a_lapsed_approval_refuse_as_before(name: str, url: str) -> None:
    expected = STORED[name]["refuses"]
    with opened(name, url) as w:
        w.clock.sleep(expected["after_s"])
        report = w.refused(expected["event"])
        assert report["status"] == expected["status"]
        assert [{field: row[field] for field in FIXED} for row in report["instances"]] == [
            {field: row[field] for field in FIXED} for row in expected["instances"]
        ]
        assert w.puts == []


def test_a_publication_of_which_nobody_knows_is_made_again_and_says_so(url: str) -> None:
    with opened("publishing", url) as w:
        w.clock.sleep(1000)
        w.run({"command": "sweep"})
        assert "may have" in w.emu.truth.messages[0].text()


def test_a_halt_in_force_is_shown_and_let_go_of_by_its_name(url: str) -> None:
    with opened("halted", url) as w:
        assert w.run({"command": "status"})["halt"]["reason"] == "storm"
        assert w.run({"command": "halt", "reason": "another"})["halt"]["id"] == "halt-0"
        assert w.refused({"command": "release", "halt": "halt-1"})["problems"][0]["path"] == "halt"
        assert w.run({"command": "status"})["halt"] is not None
        w.run({"command": "release", "halt": "halt-0"})
        assert w.run({"command": "status"})["halt"] is None


def test_a_halt_that_was_released_stops_nothing_and_the_next_has_an_id_of_its_own(url: str) -> None:
    with opened("halt-released", url) as w:
        assert w.restart(2)["counts"] == {"completed": 2}
        assert w.run({"command": "halt", "reason": "again"})["halt"]["id"] == "halt-2"


def test_an_approval_of_what_the_old_version_showed_is_refused_with_the_event_that_works(url: str) -> None:
    """Its form does not say whether backups come first, nor what a tag calls disposable."""
    stored = STORED["shown"]
    with opened("shown", url) as w:
        w.clock.sleep(3600)
        report = w.refused({"action": "flush", "instances": w.ids, "approve": stored["digest"]})
        assert {row["guard"] for row in report["instances"]} == {"approval"}
        assert w.puts == []
        assert w.run(printed_event(report))["counts"] == {"completed": 3}


def test_a_key_that_was_released_may_be_claimed_again(url: str) -> None:
    stored = STORED["released"]
    with opened("released", url) as w:
        w.clock.sleep(60)
        report = w.run(stored["event"])
        assert (report["run_id"], report["replayed"], report["counts"]) == (stored["run_id"], False, {"completed": 2})


def test_a_released_instance_is_free_once_its_cooldown_is_over(url: str) -> None:
    with opened("reported", url) as w:
        w.clock.sleep(3700)
        assert w.restart(cooldown_s=3600)["counts"] == {"completed": 3}
