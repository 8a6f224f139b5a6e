"""`history`, and `show` in words: what the journal knows, by plain reads and no more than are shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.cells import cell_len
from rich.console import Console

from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.run import RunScope, short_id
from dcs_upkeep.journal.run_index import register_run
from dcs_upkeep.local import history
from dcs_upkeep.local.environment import Environment, Terminal
from dcs_upkeep.local.texts import speak
from tests.local.terminal import BY_TAG, FAST, cli, write
from tests.world import World, world

DAY_S = 86_400


class Counting(MemoryJournal):
    """Knows how often it was read, and whether anybody wrote."""

    reads = writes = 0

    def read(self, stream: str, after: int = -1) -> list[tuple[int, dict[str, object]]]:
        self.reads += 1
        return super().read(stream, after)

    def append(self, stream: str, seq: int, entry: Any) -> None:
        self.writes += 1
        super().append(stream, seq, entry)


@contextmanager
def a_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(3) as here:
        here.journal = Counting(here.clock)

        @contextmanager
        def opened(*_: Any, **__: Any) -> Iterator[Environment]:
            yield Environment(here.environ(), here.clock, here.journal)

        monkeypatch.setattr(history, "open_environment", opened)
        yield here


def told(monkeypatch: pytest.MonkeyPatch, width: int = 80, language: str = "en", **options: Any) -> str:
    surface = Terminal(out=Console(record=True, width=width, color_system=None), texts=speak(lambda _: language))
    monkeypatch.setattr(history, "Terminal", lambda **given: replace(surface, **given))
    history.history(**options)
    return surface.out.export_text()


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if re.match(r"\d{4}-\d\d-\d\d", line)]


def restart(here: World, run_id: str, **fields: Any) -> None:
    here.restart(run_id=run_id, **fields)


def test_the_newest_first_with_when_who_what_and_how_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_world(monkeypatch) as here:
        restart(here, "first", name="weekly restart", requested_by="ann")
        here.clock.sleep(DAY_S)
        here.emu.edit(here.ids[0], ends_in="ERROR")
        restart(here, "second", requested_by="bob")
        here.refused({"action": "flush", "instances": here.ids, "run_id": "third"})
        text = told(monkeypatch)
        ids = [short_id(f"direct:{name}@") for name in ("third", "second", "first")]
        listed = rows(text)
        assert [("flush" in row, "nothing sent" in row) for row in listed] == [(True, True), (False, False), (False, False)]
        assert "bob" in listed[1]
        assert "partial" in listed[1]
        assert "restart, 3 instances" in listed[1]
        assert "restart 'weekly restart'" in listed[2]
        assert "succeeded" in listed[2]
        assert all(re.search(r"[0-9a-f]{8}\s*$", row) for row in listed)
        assert len(ids) == 3
        assert "journal: memory:" in text


def test_the_short_id_is_the_digest_s_beginning() -> None:
    assert short_id("direct:night@0") == "16fdc359"
    assert short_id("\ud800") == short_id("\ud800")


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_whatever_the_names(width: int, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_world(monkeypatch) as here:
        restart(here, "a", name="订单服务会话缓存每周重启" * 5, requested_by="运维值班人员-第二组-夜班")
        restart(here, "b", name="the weekly restart of all session caches of the payment team " * 2, requested_by="x" * 60)
        text = told(monkeypatch, width, language)
    assert max(map(cell_len, text.splitlines())) <= width
    assert len(re.findall(r"[0-9a-f]{8}\s*$", text, re.MULTILINE)) == 2


def test_days_and_limit_bound_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_world(monkeypatch) as here:
        restart(here, "old")
        here.clock.sleep(3 * DAY_S)
        for number in range(6):
            restart(here, f"new-{number}")
        journal = here.journal
        assert isinstance(journal, Counting)
        writes = journal.writes
        journal.reads = 0
        assert len(rows(told(monkeypatch, days=2, limit=4))) == 4
        assert journal.reads <= 2 * 8 + 4 + 6  # shards of the days, the runs that are shown, the months' scopes
        assert "4 of 6 runs in the last 2 days" in told(monkeypatch, days=2, limit=4)
        assert len(rows(told(monkeypatch, days=4))) == 7
        assert "No runs" not in told(monkeypatch, days=1)
        assert journal.writes == writes


def test_other_functions_of_the_journal_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_world(monkeypatch) as here:
        other = RunScope("functiongraph", "nightly", "cn-south-1", "1" * 32)
        assert here.journal is not None
        register_run(here.journal, other, "theirs", here.clock.now())
        text = " ".join(told(monkeypatch).split())
    assert "No runs in the last 7 days." in text
    assert "also in this journal: nightly on functiongraph (cn-south-1, 11111111111111111111111111111111)" in text


def test_with_all_their_runs_are_listed_too_the_newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a function did in the night is looked for from a laptop."""
    with a_world(monkeypatch) as here:
        restart(here, "first")
        here.clock.sleep(3600)
        monkeypatch.setattr(LocalHost, "function", "nightly")
        restart(here, "second")
        monkeypatch.undo()
        monkeypatch.setattr(
            history, "open_environment", lambda *_, **__: nullcontext(Environment(here.environ(), here.clock, here.journal))
        )
        assert len(rows(told(monkeypatch, 120))) == 1
        both = rows(told(monkeypatch, 120, everything=True))
    assert ["nightly: restart" in row for row in both] == [True, False]
    assert "dcs-upkeep: restart" in both[1]


def test_a_run_that_cannot_be_read_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_world(monkeypatch) as here:
        restart(here, "fine")
        (run_id,) = (one["run_id"] for one in here.log.named("run.claimed"))
        scope = RunScope("local", "dcs-upkeep", "cn-north-4", here.emu.project_id)
        assert here.journal is not None
        register_run(here.journal, scope, "odd", here.clock.now())
        here.journal.append("run/odd", 0, {"kind": "claimed", "at": 0.0, "format": 99, "owner": "x", "lease_until": 0.0})
        text = told(monkeypatch)
    assert "unreadable" in text
    assert "succeeded" in text
    assert short_id(str(run_id)) in text


def test_as_json_each_run_has_the_same_words(tmp_path: Path) -> None:
    journal = ("--journal", f"sqlite:///{tmp_path}/runs.db")
    event = write(tmp_path, {**BY_TAG, "name": "weekly", "requested_by": "ann"})
    assert cli("run", event, *FAST, *journal, home=tmp_path).returncode == 0
    found = json.loads(cli("history", "--json", *journal, home=tmp_path).stdout)
    (row,) = found["runs"]
    assert {key: row[key] for key in ("status", "action", "name", "who", "instances", "counts")} == {
        "status": "succeeded",
        "action": "restart",
        "name": "weekly",
        "who": row["who"],
        "instances": 3,
        "counts": {"completed": 3},
    }
    assert row["short_id"] == short_id(row["run_id"])
    shown = cli("show", row["run_id"], *journal, home=tmp_path, COLUMNS="80")
    assert shown.returncode == 0
    for words in ("asked  restart 'weekly' by", "where  cn-north-4", "succeeded: 3 completed", row["short_id"]):
        assert words in shown.stdout
    assert "nothing was done now" not in shown.stdout
    assert json.loads(cli("show", "--json", row["run_id"], *journal, home=tmp_path).stdout)["counts"] == {"completed": 3}


def test_times_are_told_in_the_reader_s_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_world(monkeypatch) as here:
        restart(here, "a")
        here.settings["UPKEEP_TIMEZONE"] = "Asia/Shanghai"
        assert "when (Asia/Shanghai)" in told(monkeypatch, 120)
        here.settings["UPKEEP_TIMEZONE"] = "Nowhere/At-All"
        with pytest.raises(typer.Exit):  # it is refused as every other setting that is not valid
            told(monkeypatch, 120)
