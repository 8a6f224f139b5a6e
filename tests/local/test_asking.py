"""Before something real is touched: what is shown, the question, and what a yes is good for. And which mails leave."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.local import running
from dcs_upkeep.local.command_lines import Place
from dcs_upkeep.local.emulator import Fault
from dcs_upkeep.local.environment import Environment, Terminal
from dcs_upkeep.local.running import OLD_S, Asked, carry_out
from tests.local.terminal import BY_TAG, FLUSH, TOPIC, cli, cloud, on_terminal, write
from tests.world import World, world


def test_yes_at_the_question_carries_out_what_was_shown(tmp_path: Path) -> None:
    with cloud() as real:
        seen = on_terminal("run", write(tmp_path, BY_TAG), "--cloud", home=tmp_path, answers=["y"], **real.env)
    assert seen.status == 0, seen.text
    shown, _, rest = seen.text.partition("[y/N]: ")
    assert "3 of 3 instances in 1 wave: 3" in shown
    assert "restart 3 instances in cn-north-4, project 0123456789abcdef0123456789abcdef? No data is lost." in " ".join(shown.split())
    assert "succeeded: 3 completed" in rest
    assert real.puts == 1
    assert len(real.mails) == 1


@pytest.mark.parametrize("answer", ["n", ""])
def test_anything_but_yes_sends_nothing(answer: str, tmp_path: Path) -> None:
    with cloud() as real:
        seen = on_terminal("run", write(tmp_path, BY_TAG), "--cloud", home=tmp_path, answers=[answer], **real.env)
    assert seen.status == 2
    assert "Nothing was sent: you did not say yes." in seen.text
    assert (real.puts, real.mails) == (0, [])


def test_what_loses_data_is_not_even_asked_about_before_it_is_approved(tmp_path: Path) -> None:
    event = write(tmp_path, FLUSH)
    with cloud() as real:
        first = on_terminal("run", event, "--cloud", home=tmp_path, answers=["y"], **real.env)
        assert first.status == 2
        assert "[y/N]" not in first.text
        assert real.puts == 0
        command = next(line for line in first.text.replace("\n", "").split("  ") if "--approve v2:" in line)
        approve = command.split("--approve ")[1].split()[0]
        second = on_terminal("run", event, "--cloud", "--approve", approve, home=tmp_path, answers=["y"], **real.env)
    assert "LOSE THE DATA of 3?" in " ".join(second.text.split())
    assert second.status == 0, second.text
    assert "DATA LOST on 3: cache-001, cache-002, cache-003" in " ".join(second.text.split())


@pytest.mark.parametrize("yes", [False, True])
def test_where_nobody_can_be_asked_it_takes_yes_on_the_command_line(yes: bool, tmp_path: Path) -> None:
    with cloud() as real:
        done = cli("run", write(tmp_path, BY_TAG), "--cloud", *(["--yes"] if yes else []), home=tmp_path, **real.env)
    assert done.returncode == (0 if yes else 2), done.stderr
    assert real.puts == (1 if yes else 0)
    assert ("nobody can be asked: there is no terminal" in done.stderr) != yes
    assert ("--yes" in done.stderr) != yes


def test_yes_approves_no_loss_of_data(tmp_path: Path) -> None:
    with cloud() as real:
        done = cli("run", write(tmp_path, FLUSH), "--cloud", "--yes", home=tmp_path, **real.env)
    assert done.returncode == 2
    assert (real.puts, real.mails) == (0, [])


@pytest.mark.parametrize("event", [{**BY_TAG, "dry_run": True}, {"command": "status"}])
def test_what_changes_nothing_needs_no_yes(event: Any, tmp_path: Path) -> None:
    with cloud() as real:
        assert cli("run", write(tmp_path, event), "--cloud", home=tmp_path, **real.env).returncode == 0


@pytest.mark.parametrize(
    ("words", "event", "status"),
    [
        (("plan", "EVENT"), FLUSH, 0),
        (("plan", "EVENT"), {"action": "reboot"}, 2),
        (("run", "EVENT", "--yes"), {"action": "reboot"}, 2),
        (("run", "EVENT", "--yes"), FLUSH, 2),
        (("run", "EVENT", "--yes"), {**BY_TAG, "select": {"name": "none*"}}, 0),
        (("resume", "nope"), {}, 2),
        (("show", "nope"), {}, 2),
    ],
)
def test_the_topics_hear_of_nothing_that_was_not_sent(words: tuple[str, ...], event: Any, status: int, tmp_path: Path) -> None:
    """Each of these was a mail, while the person who made the typo sat in front of it."""
    path, journal = write(tmp_path, event), ("--journal", f"sqlite:///{tmp_path}/runs.db")
    with cloud() as real:
        done = cli(*(path if word == "EVENT" else word for word in words), "--cloud", *journal, home=tmp_path, **real.env)
        assert done.returncode == status, done.stdout + done.stderr
        assert real.mails == []


@pytest.mark.parametrize("words", [("plan", "EVENT"), ("run", "EVENT", "--yes")])
def test_notify_tells_them_all_the_same(words: tuple[str, ...], tmp_path: Path) -> None:
    path = write(tmp_path, FLUSH)
    with cloud() as real:
        cli(*(path if word == "EVENT" else word for word in words), "--cloud", "--notify", home=tmp_path, **real.env)
    assert len(real.mails) == 1


def test_a_plan_of_a_command_pulls_no_lever(tmp_path: Path) -> None:
    """`plan` changes nothing, whatever the file asks for."""
    journal = f"sqlite:///{tmp_path}/runs.db"
    with cloud() as real:
        done = cli("plan", "events/control-halt.json", "--cloud", "--journal", journal, home=tmp_path, **real.env)
        assert done.returncode == 0
        assert "a dry run carries out no command" in done.stdout
        ran = cli("run", write(tmp_path, BY_TAG), "--cloud", "--yes", "--journal", journal, home=tmp_path, **real.env)
        assert ran.returncode == 0, ran.stdout


def test_the_display_ticks_while_the_account_is_throttled(tmp_path: Path) -> None:
    """The screen is drawn by a thread: whoever looks at it sees that it lives."""
    throttled = Fault("list", "429", retry_after_s=4.0)
    with cloud(faults=[throttled]) as real:
        seen = on_terminal("run", write(tmp_path, BY_TAG), "--cloud", "--yes", home=tmp_path, **real.env)
    assert seen.status == 0
    assert "every call waits" in seen.text
    assert len(set(re.findall(r"(\d+) s elapsed, every call waits", seen.text))) >= 2


@contextmanager
def at_hand(here: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """The command in this process, on the world's own time, at a terminal."""
    environ = here.environ(UPKEEP_TOPICS=TOPIC, UPKEEP_JOURNAL="memory:")

    @contextmanager
    def opened(*_: Any, **__: Any) -> Iterator[Environment]:
        yield Environment(environ, here.clock, here.journal)

    monkeypatch.setattr(running, "open_environment", opened)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    yield Terminal(out=Console(record=True, force_terminal=True, width=80, color_system=None), err=Console(record=True, width=200))


def asked(folder: Path, event: Any = BY_TAG, **changes: Any) -> Asked:
    return Asked(write(folder, event), Place(cloud=True), dry_run=False, **changes)


def carried_out(surface: Terminal, what: Asked) -> int:
    with pytest.raises(typer.Exit) as left:
        carry_out(surface, what)
    return int(left.value.exit_code)


EVENT = {**BY_TAG, "select": {"tags": {"env": "test"}}}


def test_who_looked_for_long_is_shown_what_moved_and_asked_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with world(3, journal=True) as here, at_hand(here, monkeypatch) as surface:
        questions = []

        def confirm(question: str) -> bool:
            questions.append(question)
            if len(questions) == 1:
                here.clock.sleep(OLD_S + 1)
                here.emu.edit(here.ids[0], status="ERROR")
            return len(questions) < 3

        monkeypatch.setattr(typer, "confirm", confirm)
        here.emu.edit(here.ids[1], tags={"env": "other"})
        assert carried_out(surface, asked(tmp_path, {**EVENT, "action": "soft_restart"})) == 1
        text = surface.out.export_text()
    assert "While you were asked, things moved:" in text
    assert ["2 instances" in one for one in questions] == [True, False]
    assert len(here.puts) == 1


def test_who_looked_for_long_is_not_asked_twice_if_nothing_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with world(3, journal=True) as here, at_hand(here, monkeypatch) as surface:
        questions = []

        def confirm(question: str) -> bool:
            questions.append(question)
            here.clock.sleep(OLD_S + 1)
            return True

        monkeypatch.setattr(typer, "confirm", confirm)
        assert carried_out(surface, asked(tmp_path, EVENT)) == 0
    assert len(questions) == 1


def test_what_changes_between_the_yes_and_the_run_is_refused_by_the_approval(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Though nothing loses data: the yes was for these instances."""
    with world(3, journal=True) as here, at_hand(here, monkeypatch) as surface:

        def confirm(_: str) -> bool:
            here.emu.edit(here.ids[0], tags={"env": "other"})
            return True

        monkeypatch.setattr(typer, "confirm", confirm)
        assert carried_out(surface, asked(tmp_path, EVENT)) == 2
        text = " ".join(surface.out.export_text().split())
    assert "the approval is for another plan" in text
    assert f"removed: {here.ids[0]}" in text
    assert here.puts == []
    assert here.emu.truth.messages == []


def test_an_approval_of_the_event_s_own_is_the_one_that_is_used_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with world(3, journal=True) as here, at_hand(here, monkeypatch) as surface:
        event = here.approving({**EVENT, "action": "flush"})
        monkeypatch.setattr(typer, "confirm", lambda _: True)
        assert carried_out(surface, asked(tmp_path, event)) == 0
        again = here.refused({**event, "run_id": "again"})
    assert "was used by run" in again["instances"][0]["reason"]


def test_several_runs_are_asked_about_at_once_and_each_is_bound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with world(4, journal=True) as here, at_hand(here, monkeypatch) as surface:
        requests = [{"action": action, "instances": [here.ids[n]]} for n, action in enumerate(("restart", "soft_restart"))]
        source = {"eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:upkeep", "awsRegion": "eu-central-1"}
        event = {"Records": [{"messageId": f"m-{n}", "body": json.dumps(one), **source} for n, one in enumerate(requests)]}
        questions = []
        monkeypatch.setattr(typer, "confirm", lambda question: questions.append(question) or True)
        assert carried_out(surface, asked(tmp_path, event)) == 0, surface.out.export_text()
    assert questions[0].startswith("restart/soft_restart 2 instances in cn-north-4")
    assert len(here.puts) == 2
    with world(4, journal=True) as here, at_hand(here, monkeypatch) as surface:
        assert carried_out(surface, asked(tmp_path, event, approve="v2:" + "a" * 64 + ".abcdefghij")) == 2
        assert "--approve is for one run, and this event asks for 2." in surface.err.export_text()


def test_nobody_is_asked_about_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with world(3, journal=True) as here, at_hand(here, monkeypatch) as surface:
        monkeypatch.setattr(typer, "confirm", lambda _: pytest.fail("it asked"))
        assert carried_out(surface, asked(tmp_path, {**EVENT, "select": {"name": "none*"}})) == 0
        assert carried_out(surface, asked(tmp_path, {"action": "reboot"})) == 2
        assert carried_out(surface, asked(tmp_path, {**EVENT, "action": "stop", "cooldown_s": 1}, approve="v1:" + "a" * 64)) == 2
    assert here.puts == []


def test_a_journal_that_takes_no_showing_binds_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Broken(MemoryJournal):
        def append(self, stream: str, seq: int, entry: Any) -> None:
            from dcs_upkeep.domain.errors import JournalError

            if stream.startswith("plan/"):
                raise JournalError("it is read-only")
            super().append(stream, seq, entry)

    with world(3, journal=True) as here, at_hand(here, monkeypatch) as surface:
        here.journal = Broken(here.clock)
        monkeypatch.setattr(typer, "confirm", lambda _: pytest.fail("it asked"))
        assert carried_out(surface, asked(tmp_path, EVENT)) == 2
    assert here.puts == []
