"""The log: one JSON object a line, once, whatever the values."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest

from dcs_upkeep.adapters.json_log import JsonLog
from dcs_upkeep.domain.deadline import ENDLESS, Deadline
from tests.fakes import FakeClock


def written(**options: Any) -> tuple[JsonLog, io.StringIO]:
    stream = io.StringIO()
    return JsonLog(FakeClock(), stream=stream, **options), stream


def test_a_line_is_one_json_object_with_its_fixed_fields() -> None:
    log, stream = written(fixed={"host": "local", "request_id": "r"}, deadline=Deadline(lambda: 12.5))
    log("wave.sent", wave=1, reason="two\nlines", nothing=None)
    (text,) = stream.getvalue().splitlines()
    line = json.loads(text)
    assert (line["event"], line["host"], line["request_id"], line["wave"], line["reason"]) == ("wave.sent", "local", "r", 1, "two\nlines")
    assert (line["elapsed_ms"], line["remaining_ms"], line["level"]) == (0, 12500, "info")
    assert "nothing" not in line


def test_fields_that_logging_keeps_for_itself_are_fields_like_others() -> None:
    log, stream = written()
    log("a.b", name="x", args=[1], message="m", msg="n", levelname="q")
    line = json.loads(stream.getvalue())
    assert (line["name"], line["args"], line["msg"], line["levelname"]) == ("x", [1], "n", "q")


@pytest.mark.parametrize("value", ["\ud800", "ä", {"deep": [object]}, b"bytes"])
def test_any_value_makes_a_line(value: object) -> None:
    log, stream = written()
    log("a.b", value=value)
    assert json.loads(stream.getvalue())["event"] == "a.b"


def test_the_level_is_kept() -> None:
    log, stream = written(level="WARNING")
    log("quiet.kept")
    log("loud.heard", level="error")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["loud.heard"]


def test_root_handlers_of_a_runtime_print_nothing_twice() -> None:
    """FunctionGraph and Lambda both put handlers on the root logger."""
    root, heard = logging.getLogger(), io.StringIO()
    handler = logging.StreamHandler(heard)
    root.addHandler(handler)
    try:
        log, stream = written(deadline=ENDLESS)
        log("a.b")
    finally:
        root.removeHandler(handler)
    assert heard.getvalue() == ""
    assert len(stream.getvalue().splitlines()) == 1


def test_text_stays_utf_8_and_what_could_forge_a_line_is_an_escape() -> None:
    log, stream = written()
    log("a.b", plan="每周重启会话缓存", name="x\u2028{\u202e\x85\x1b\ud800")
    (text,) = stream.getvalue().splitlines()
    assert '"每周重启会话缓存"' in text
    assert text.isprintable()
    assert json.loads(text)["name"] == "x\u2028{\u202e\x85\x1b\ud800"
    text.encode()


def test_a_stream_that_takes_no_utf_8_gets_escapes() -> None:
    """As with LANG=C, or on an old console."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    JsonLog(FakeClock(), stream=stream)("a.b", plan="每周")
    stream.flush()
    assert json.loads(raw.getvalue())["plan"] == "每周"


@pytest.mark.parametrize(
    "fields",
    [
        {"not_fine": [{"reason": "每" * 500}] * 3_000},
        {"next": "x" * 900_000},
        {"next": '"\\' * 300_000},
        {"a": "x" * 190_000, "b": ["y" * 50_000] * 5, "c": {"deep": "z" * 400_000}},
        {f"f{n}": "x" * 3_000 for n in range(100)},
    ],
    ids=["rows", "text", "quotes", "several", "many"],
)
def test_a_line_is_never_longer_than_the_platforms_take(fields: dict[str, Any]) -> None:
    """A line that they cut is no JSON, and no filter and no alarm sees it."""
    log, stream = written(words=lambda event, fields: "said")
    log("run.reported", level="error", status="failed", run_id="night", **fields)
    (text,) = stream.getvalue().splitlines()
    assert len(text.encode()) <= 200_000
    line = json.loads(text)
    assert (line["status"], line["run_id"], line["message"], line["level"]) == ("failed", "night", "said", "error")
    assert line["left_out"]
