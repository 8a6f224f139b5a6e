"""What a person sees while a run is under way: fed by the log, drawn live on a terminal, plain lines if it is piped."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dcs_upkeep.domain.ports import Clock
from dcs_upkeep.local import estimate
from dcs_upkeep.local.cells import fit
from dcs_upkeep.local.groups import is_fine, was_sent
from dcs_upkeep.local.lines import line, wave_words
from dcs_upkeep.local.texts import Texts

REDRAWN_A_SECOND = 4
BAR_CELLS = 20
MOST_SHOWN = 3  # waves that are drawn with a bar each: the one under way, and what is next to it
THROTTLED_S = 15.0  # nothing says when a wait is over, and the next line of the log does


class Progress(Protocol):
    """Implements ports.Log."""

    def __call__(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """Take one line of the log."""
        ...


class Silent:
    """For `--json`: the report alone."""

    def __call__(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """Take one line."""


class Noted:
    """Hands every line on, and keeps what the log says of each plan. `made`: run id -> its line."""

    def __init__(self, inner: Progress) -> None:
        self._inner = inner
        self.made: dict[str, Mapping[str, Any]] = {}

    def __call__(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """Take one line of the log."""
        if event == "plan.made":
            self.made[str(fields.get("run_id", ""))] = fields
        self._inner(event, level=level, **fields)


class Plain:
    """One line for each thing that changed. Why something was not sent is told at the end, once."""

    def __init__(self, console: Console, texts: Texts) -> None:
        self._console = console
        self._texts = texts
        self._last: tuple[object, ...] = ()

    def __call__(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """Take one line of the log; what says nothing new is not shown."""
        if (
            event == "event.refused"
            or (event == "plan.made" and fields.get("dry_run"))
            or (event == "instance.verified" and not was_sent(fields["outcome"]))
        ):
            return
        said = line(event, fields, self._texts)
        if said is None or (event, said) == self._last:
            return
        self._last = (event, said)
        style = "yellow" if level in ("warning", "error") else None
        self._console.print(said, style=style, markup=False, highlight=False, soft_wrap=True)


@dataclass(slots=True)
class _Wave:
    size: int
    said: str
    done: int = 0
    began_s: float | None = None
    ended_s: float | None = None


@dataclass(slots=True)
class _Seen:
    """What the log has said so far."""

    waves: dict[int, _Wave] = field(default_factory=dict)
    action: str = ""
    pause_s: float = 0.0
    watch_s: float | None = None
    faults: int = 0
    throttled_until_s: float = 0.0
    planned: bool = False
    over: bool = False


class Drawn:
    """Elapsed time, time left and a bar for the waves that matter now, redrawn in place by a thread; faults as lines above, as they come.

    The thread draws whether or not anything is logged, so that nothing looks frozen while a call or a throttled account is waited for.
    """

    def __init__(self, console: Console, texts: Texts, clock: Clock) -> None:
        self._plain = Plain(console, texts)
        self._texts = texts
        self._clock = clock
        self._width = console.width
        self._began_s = clock.monotonic()
        self._seen = _Seen()
        self._lock = threading.Lock()
        self._live = Live(console=console, refresh_per_second=REDRAWN_A_SECOND, get_renderable=self.picture)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._seen.over = True
        self._live.transient = not self._seen.waves  # what is left standing is what was done
        self._live.stop()

    def __call__(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """Take one line of the log."""
        with self._lock:
            is_drawn = self._take(event, level, fields)
        if not is_drawn:
            self._plain(event, level=level, **fields)

    def picture(self) -> Group:
        """What is drawn now."""
        with self._lock:
            seen, now_s = self._seen, self._clock.monotonic()
            return Group(*self._bars(seen), Text(fit(self._status(seen, now_s), self._width - 1)))

    def _take(self, event: str, level: str, fields: Mapping[str, Any]) -> bool:
        """Returns whether the picture shows it, so that it needs no line."""
        seen, now_s = self._seen, self._clock.monotonic()
        seen.throttled_until_s = now_s + max(THROTTLED_S, float(fields.get("wait_s") or 0)) if event == "call.waited" else 0.0
        if event == "plan.made" and not fields.get("guard") and not fields.get("dry_run"):
            waiting = self._texts("live.waiting")
            seen.waves = {number: _Wave(size, waiting) for number, size in enumerate(fields["waves"], start=1)}
            seen.action, seen.planned = str(fields.get("action") or ""), True
            seen.pause_s, seen.watch_s = float(fields.get("pause_s") or 0), fields.get("watch_timeout_s")
        if event == "instance.verified" and not is_fine(fields["outcome"]) and was_sent(fields["outcome"]):
            seen.faults += 1
        wave = seen.waves.get(fields["wave"]) if isinstance(fields.get("wave"), int) else None
        if wave is None or event not in ("wave.started", "wave.polled", "wave.settled"):
            return event in ("instance.verified", "wave.sent", "plan.made") and level == "info"
        wave.said = wave_words(event, fields, self._texts)
        wave.done = fields.get("completed", wave.done)
        wave.began_s = now_s if wave.began_s is None else wave.began_s
        if event == "wave.settled":
            wave.done, wave.ended_s = sum(fields["counts"].values()), now_s
        return level == "info"

    def _bars(self, seen: _Seen) -> list[Table | Text]:
        """The waves next to the one that is under way; of the others how many there are."""
        if not seen.waves:
            return [] if seen.planned or seen.over else [Text(self._texts("live.reading"))]
        current = next((number for number, wave in seen.waves.items() if wave.ended_s is None), len(seen.waves))
        first = max(1, min(current - 1, len(seen.waves) - MOST_SHOWN + 1))
        shown = {number: wave for number, wave in seen.waves.items() if first <= number < first + MOST_SHOWN}
        made = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(4):
            made.add_column(no_wrap=True)
        for number, wave in shown.items():
            bar = ProgressBar(total=max(1, wave.size), completed=min(wave.done, wave.size), width=BAR_CELLS)
            title = self._texts("live.wave", number=number, waves=len(seen.waves))
            made.add_row(title, bar, f"{wave.done}/{wave.size}", Text(fit(wave.said, max(8, self._width - BAR_CELLS - 34))))
        return [made]

    def _status(self, seen: _Seen, now_s: float) -> str:
        texts = self._texts
        parts = [texts("live.elapsed", elapsed=texts.duration(now_s - self._began_s))]
        left_s = self._left_s(seen, now_s)
        if left_s is not None:
            parts.append(texts("live.left", left=texts.duration(left_s)))
        done = sum(1 for wave in seen.waves.values() if wave.ended_s is not None)
        if len(seen.waves) > MOST_SHOWN and done:
            parts.append(texts.count("live.done", done))
        if seen.faults:
            parts.append(texts.count("live.faults", seen.faults))
        if seen.throttled_until_s > now_s:
            parts.append(texts("live.throttled"))
        return texts("list.comma").join(parts)

    def _left_s(self, seen: _Seen, now_s: float) -> float | None:
        """None before anybody knows, and when a wave takes longer than those before it."""
        if not seen.waves or seen.over:
            return None
        each_s = estimate.duration(seen.action, 1, 0.0, seen.watch_s).each_s
        took_s = [wave.ended_s - wave.began_s for wave in seen.waves.values() if wave.ended_s is not None and wave.began_s is not None]
        began_s = next((wave.began_s for wave in seen.waves.values() if wave.began_s is not None and wave.ended_s is None), None)
        open_waves = sum(1 for wave in seen.waves.values() if wave.ended_s is None)
        left_s = estimate.left_s(open_waves, seen.pause_s, took_s, each_s) - (now_s - began_s if began_s is not None else 0.0)
        return left_s if left_s > 0 else None
