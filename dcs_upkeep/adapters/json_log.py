"""The log: one JSON object a line on standard output, which both platforms collect."""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from pythonjsonlogger.json import JsonFormatter

from dcs_upkeep.domain.bounds import LOG_LINE_BYTES
from dcs_upkeep.domain.deadline import ENDLESS, Deadline
from dcs_upkeep.domain.ports import Clock
from dcs_upkeep.domain.problems import escape

Words = Callable[[str, Mapping[str, Any]], str]
# By these lines are found, counted and read: they are short, and stay whole.
KEPT = frozenset({"time", "level", "event", "message", "host", "request_id", "run_id", "status", "ending", "report_version", "left_out"})
LEAST = 500  # bytes that a field which has to give way keeps


class JsonLog:
    """Implements ports.Log. A logger of its own, outside Python's tree: root handlers of a runtime never print a line twice."""

    def __init__(
        self,
        clock: Clock,
        *,
        stream: TextIO | None = None,
        level: str = "INFO",
        fixed: Mapping[str, object] | None = None,
        deadline: Deadline = ENDLESS,
        words: Words | None = None,
    ) -> None:
        """`fixed`: fields of every line. `words`: what a line means, for its field `message`."""
        out = stream or sys.stdout
        handler = logging.StreamHandler(out)
        handler.setFormatter(_OneLine(in_ascii=not _takes_utf8(out)))
        self._logger = logging.Logger("dcs_upkeep", level)  # noqa: LOG001  (getLogger would share state between invocations)
        self._logger.addHandler(handler)
        self._clock = clock
        self._began = clock.monotonic()
        self._fixed = dict(fixed or {})
        self._deadline = deadline
        self._words = words

    def __call__(self, event: str, *, level: str = "info", **fields: object) -> None:
        """Write one line; fields that are None are left out."""
        number = logging.getLevelNamesMapping()[level.upper()]
        if not self._logger.isEnabledFor(number):
            return
        left_s = self._deadline.remaining_s()
        line = {
            "time": self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": level,
            "event": event,
            "message": self._words(event, {**self._fixed, **fields}) if self._words else event,
            **self._fixed,
            **fields,
            "elapsed_ms": int((self._clock.monotonic() - self._began) * 1000),
            "remaining_ms": None if math.isinf(left_s) else int(left_s * 1000),
        }
        self._logger.log(number, _bounded({key: value for key, value in line.items() if value is not None}))


class _OneLine(JsonFormatter):
    """UTF-8 where the stream takes it. Whatever could end the line or turn it round, and half a pair, is an escape."""

    def __init__(self, *, in_ascii: bool) -> None:
        super().__init__(json_ensure_ascii=in_ascii, json_default=str)  # a value that JSON does not know becomes text

    def format(self, record: logging.LogRecord) -> str:
        return escape(super().format(record))


def _takes_utf8(stream: TextIO) -> bool:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return str(encoding).lower().replace("-", "").replace("_", "") in ("utf8", "utf8sig")


def _bounded(line: dict[str, Any]) -> dict[str, Any]:
    """The line, its largest fields cut until the platforms take it whole: one that they cut is no JSON, and no filter sees it."""
    over = _size(line) - LOG_LINE_BYTES
    if over <= 0:
        return line
    left_out = list(line.get("left_out") or ())
    for key in sorted(line.keys() - KEPT, key=lambda key: -_size(line[key])):
        value = line[key]
        line[key] = _beginning(value, max(LEAST, _size(value) - over - LEAST))
        left_out.append(f"{key}: {_what_is_missing(value, line[key])}")
        line["left_out"] = left_out[:20]
        over = _size(line) - LOG_LINE_BYTES
        if over <= 0:
            break
    return line


def _beginning(value: Any, room: int) -> Any:
    """As much of a list as fits, or the first part of the text of anything else."""
    if not isinstance(value, list | tuple):
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        while (size := _size(text)) > room:
            text = text[: min(len(text) - 1, len(text) * room // size)]
        return text
    kept: list[Any] = []
    for item in value:
        room -= _size(item) + 2
        if room < 0:
            break
        kept.append(item)
    return kept


def _what_is_missing(value: Any, kept: Any) -> str:
    if isinstance(value, list | tuple):
        return f"{len(value) - len(kept)} of {len(value)} entries; they are in the answer of the invocation, or in lines of their own"
    return "the end of a long text; it is in the answer of the invocation"


def _size(value: object) -> int:
    """Bytes with everything escaped that could be: no form of the line is longer."""
    return len(json.dumps(value, default=str))
