"""A plan in a file: carried out exactly, once, and refused with what has moved since it was shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from dcs_upkeep.local.command_lines import Place
from dcs_upkeep.local.running import Asked
from dcs_upkeep.local.saved_plan import MARK
from tests.local.terminal import BY_TAG, FAST, FLUSH, cli, write
from tests.local.test_asking import EVENT, at_hand, carried_out
from tests.world import World, world


def saved(here: World, surface: Any, folder: Path, event: Any = EVENT, cloud: bool = True) -> str:
    """The file that `plan --out` has made."""
    out = folder / "plan.json"
    assert carried_out(surface, Asked(write(folder, event), Place(cloud=cloud), dry_run=True, out=out)) == 0
    return str(out)


def run(surface: Any, file: str, **changes: Any) -> int:
    return carried_out(surface, Asked(file, changes.pop("place", Place(cloud=True)), dry_run=False, **{"yes": True, **changes}))


def test_a_saved_plan_is_carried_out_once(tmp_path: Path) -> None:
    plan = str(tmp_path / "plan.json")
    made = cli("plan", write(tmp_path, FLUSH), "--out", plan, *FAST, home=tmp_path)
    assert made.returncode == 0, made.stderr
    assert f"run {plan}" in made.stdout
    first = cli("run", plan, *FAST, home=tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "DATA LOST on 3" in first.stdout
    second = cli("run", plan, *FAST, home=tmp_path)
    assert second.returncode == 2
    assert "was used by run" in second.stdout


def test_the_file_has_what_was_shown_and_how_to_approve_it(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    assert cli("plan", write(tmp_path, BY_TAG), "--out", str(plan), "--json", *FAST, home=tmp_path).returncode == 0
    told = json.loads(plan.read_text(encoding="utf-8"))
    assert told[MARK] == 1
    assert told["event"] == BY_TAG
    (report,) = told["reports"]
    assert report["plan"]["digest"].startswith("v2:")
    assert report["plan"]["showing"]
    assert [row["outcome"] for row in report["instances"]] == ["planned"] * 3


MOVES: list[tuple[Callable[[World], object], str]] = [
    (lambda here: here.emu.edit(here.ids[0], status="CLOSED"), "cache-001 was planned in wave 1 and is refused [state]"),
    (lambda here: here.emu.edit(here.ids[0], tags={"env": "other"}), "cache-001 is gone: it was planned in wave 1"),
    (
        lambda here: here.emu.edit(here.ids[0], tags={"env": "test", "upkeep": "never"}),
        "cache-001 was planned in wave 1 and is refused [protected]",
    ),
    (lambda here: here.emu.edit(here.ids[0], name="cache-1"), "cache-1 was planned"),
    (lambda here: here.emu.edit(here.ids[3], tags={"env": "test"}), "cache-004 is new: planned in wave"),
    (
        lambda here: here.emu.edit(here.ids[0], appendonly="no"),
        "cache-001 was planned in wave 1 and is planned in wave 1, loses its data",
    ),
    (lambda here: here.settings.update(UPKEEP_PROTECTED_TAGS="env=test"), "cache-002 was planned in wave 1 and is refused [protected]"),
]


@pytest.mark.parametrize(("move", "said"), MOVES, ids=[said[:50] for _, said in MOVES])
def test_if_the_world_moved_it_says_what_and_sends_nothing(move: Any, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also where nothing would be lost: whoever saved it saw another set."""
    with world(4, journal=True) as here:
        here.emu.edit(here.ids[3], tags={"env": "other"})
        with at_hand(here, monkeypatch) as surface:
            file = saved(here, surface, tmp_path)
        move(here)
        with at_hand(here, monkeypatch) as surface:
            assert run(surface, file) == 2
            told = surface.err.export_text()
        assert said in told
        assert "no longer what" in told
        assert here.puts == []


def test_if_nothing_moved_exactly_it_is_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with world(4, journal=True) as here, at_hand(here, monkeypatch) as surface:
        file = saved(here, surface, tmp_path, {**EVENT, "action": "flush"})
        assert run(surface, file) == 0, surface.err.export_text()
        assert here.executions() == dict.fromkeys(here.ids, 1)


def test_it_is_asked_about_as_an_event_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with world(3, journal=True) as here, at_hand(here, monkeypatch) as surface:
        file = saved(here, surface, tmp_path)
        reads = here.emu.truth.count("list")
        questions: list[str] = []
        monkeypatch.setattr(typer, "confirm", lambda question: bool(questions.append(question)))
        assert run(surface, file, yes=False) == 2
        assert len(questions) == 1
        assert here.puts == []
        assert here.emu.truth.count("list") - reads <= reads, "what was compared is what is shown: it is read once"


def test_its_approval_ends_as_every_other_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with world(3, journal=True) as here, at_hand(here, monkeypatch) as surface:
        file = saved(here, surface, tmp_path)
        here.clock.sleep(86_401)
        assert run(surface, file) == 2
        assert "the approval expired" in " ".join(surface.out.export_text().split())
        assert here.puts == []


def test_it_belongs_where_it_was_made_and_says_itself_what_is_approved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with world(3, journal=True) as here, at_hand(here, monkeypatch) as surface:
        file = saved(here, surface, tmp_path)
        assert run(surface, file, place=Place(cloud=False)) == 2
        assert "Run it with --cloud." in " ".join(surface.err.export_text().split())
        assert run(surface, file, approve="v2:" + "a" * 64) == 2
        assert "Leave out --approve" in " ".join(surface.err.export_text().split())
        assert here.puts == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({MARK: 2}, "its form is 2, known is 1"),
        ({"reports": None}, "what was shown is not whole"),
        ({"reports": [{}]}, "it has no plan"),
        ({"reports": [7]}, "what was shown is not whole"),
    ],
)
def test_a_file_that_is_no_plan_is_refused(change: Any, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with world(3, journal=True) as here, at_hand(here, monkeypatch) as surface:
        file = Path(saved(here, surface, tmp_path))
        file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **change}), encoding="utf-8")
        assert run(surface, str(file)) == 2
        told = surface.err.export_text()
    assert said in told
    assert "Make it again: plan EVENT --out FILE." in told


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({**EVENT, "select": {"name": "none*"}}, "there is nothing to carry out"),
        ({"action": "reboot"}, "there is nothing to carry out"),
        ({**EVENT, "window": {"start": "00:00", "end": "00:01", "timezone": "UTC", "days": ["mon"]}}, ""),
        ({"command": "halt", "reason": "x"}, "there is nothing to carry out"),
    ],
)
def test_what_cannot_be_carried_out_is_not_saved(event: Any, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    with world(3, journal=True) as here, at_hand(here, monkeypatch) as surface:
        assert carried_out(surface, Asked(write(tmp_path, event), Place(cloud=True), dry_run=True, out=out)) == 2
        assert said in surface.err.export_text()
    assert not out.exists()


def test_a_place_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with world(3, journal=True) as here, at_hand(here, monkeypatch) as surface:
        nowhere = tmp_path / "nowhere" / "plan.json"
        assert carried_out(surface, Asked(write(tmp_path, EVENT), Place(cloud=True), dry_run=True, out=nowhere)) == 2
        assert "is not written: No such file" in surface.err.export_text()
