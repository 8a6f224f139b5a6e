"""The log: one JSON object a line on standard output, which both platforms collect."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Mapping
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

from dcs_upkeep.domain.deadline import ENDLESS, Deadline
from dcs_upkeep.domain.ports import Clock


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
    ) -> None:
        """`fixed`: fields of every line."""
        handler = logging.StreamHandler(stream or sys.stdout)
        # A value that JSON does not know becomes text; a lone surrogate is escaped.
        handler.setFormatter(JsonFormatter(json_ensure_ascii=True, json_default=str))
        self._logger = logging.Logger("dcs_upkeep", level)  # noqa: LOG001  (getLogger would share state between invocations)
        self._logger.addHandler(handler)
        self._clock = clock
        self._began = clock.monotonic()
        self._fixed = dict(fixed or {})
        self._deadline = deadline

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
            **self._fixed,
            **fields,
            "elapsed_ms": int((self._clock.monotonic() - self._began) * 1000),
            "remaining_ms": None if math.isinf(left_s) else int(left_s * 1000),
        }
        self._logger.log(number, {key: value for key, value in line.items() if value is not None})
