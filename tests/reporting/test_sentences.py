"""Every line of the log says in a sentence what it means."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from dcs_upkeep.reporting.sentences import SENTENCE_BYTES, message_of

PACKAGE = Path(__file__).resolve().parents[2] / "dcs_upkeep"


def events() -> set[str]:
    """The names of all lines: the first argument of each call of a log."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        if "emulator" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called in ("log", "_log") and isinstance(node.args[0].value, str):
                    found.add(node.args[0].value)
    return found


FIELDS = {
    "wave": 1, "waves": [1], "instances": 2, "reason": "because", "guard": None, "states": {"RUNNING": 1}, "counts": {"completed": 1},
    "waiting": 1, "done": 1, "outcome": "completed", "instance_id": "a", "next": "Mend it.", "path": "action", "halt": "halt-0",
    "subject": "s", "times": 2, "status": "succeeded", "run_id": "night", "hops": 0,
}  # fmt: skip


def test_there_are_lines_to_look_at() -> None:
    assert {"run.reported", "wave.sent", "instance.verified", "event.refused"} <= events()


@pytest.mark.parametrize("event", sorted(events()))
def test_each_line_has_a_sentence_of_its_own(event: str) -> None:
    said = message_of(event, FIELDS)
    assert said
    assert said != f"{event.replace('.', ' ').replace('_', ' ')}: because", "say what it means in reporting/sentences.py"


@pytest.mark.parametrize("fields", [{}, {"reason": "x\n\u202ey" * 9_000}, {"counts": None, "waves": 3, "status": None}])
@pytest.mark.parametrize("event", sorted(events()))
def test_no_fields_keep_a_line_from_being_written(event: str, fields: dict[str, object]) -> None:
    said = message_of(event, fields)
    assert said.isprintable()
    assert len(said.encode()) <= SENTENCE_BYTES
