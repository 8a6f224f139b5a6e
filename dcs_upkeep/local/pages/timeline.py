"""Where everything stands on a picture of the run: rows of pixels downwards, shares of its width across. Pure.

Long stretches in which nothing was under way are drawn short, and marked: a run that waited three days for its window is read like another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from dcs_upkeep.local.pages.record import Attempt, Band, Marks, Record
from dcs_upkeep.local.pages.rows import Row

WAVE_PX, ROW_PX, PAD_PX = 30, 18, 8
DENSE_FROM, DENSE_PX = 60, 6
DENSEST_FROM, DENSEST_PX = 400, 1
MOST_LANES = 2_000
MOST_TICKS = 7
IDLE_SHARE = 0.10  # of the time in which something was under way: a longer stretch without anything is drawn so long
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
LEAST_WIDTH = 0.25


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one instance's row, in percent of the width. `kind` says how it is drawn."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of pixels: a wave's head (no `row`) or an instance. `named`: whether there is room for its name."""

    y: int
    height: int
    wave: int
    row: Row | None
    spans: tuple[Span, ...]
    named: bool
    size: int = 0
    begin: float | None = None
    end: float | None = None
    gate: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Something that concerns the whole run: `pause` between waves, `handed_over`, `unattended`, `idle`. `short`: drawn short."""

    kind: str
    x: float
    width: float
    seconds: float
    short: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """A time under the picture."""

    x: float
    at: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole picture. `left_out`: instances that it has no row for. `stop_x`: where the run decided to send nothing more."""

    height: int
    lanes: tuple[Lane, ...]
    stretches: tuple[Stretch, ...]
    ticks: tuple[Tick, ...]
    stop_x: float | None
    left_out: int
    begin: float
    end: float
    exact: bool


class Scale:
    """From a time to a share of the width."""

    def __init__(self, busy: Sequence[tuple[float, float]], begin: float, end: float) -> None:
        """`busy`: when anything was under way, in order and apart."""
        total = sum(stop - start for start, stop in busy) or 1.0
        most_idle = total * IDLE_SHARE
        self._pieces: list[tuple[float, float, float, float]] = []  # begin, end, where on the scale, how much of it
        self.broken: list[tuple[float, float]] = []
        at, place = begin, 0.0
        for start, stop in [*busy, (end, end)]:
            if start > at:
                idle = start - at
                if idle > most_idle * 1.5:
                    self.broken.append((at, start))
                    idle = most_idle
                self._pieces.append((at, start, place, idle))
                place += idle
            if stop > start:
                self._pieces.append((start, stop, place, stop - start))
                place += stop - start
            at = max(at, stop)
        self._whole = place or 1.0

    def x(self, at: float) -> float:
        """In percent."""
        for begin, end, place, share in self._pieces:
            if at <= end:
                return round(100 * (place + share * max(0.0, at - begin) / (end - begin)) / self._whole, 3)
        return 100.0

    def span(self, kind: str, begin: float, end: float) -> Span:
        """What lies between two times, wide enough to be seen."""
        x = self.x(begin)
        return Span(kind, min(x, 100 - LEAST_WIDTH), round(max(LEAST_WIDTH, self.x(end) - x), 3))

    def drawn_s(self) -> float:
        """How many seconds the width stands for, where nothing is drawn short."""
        return self._whole


def draw(rows: Sequence[Row], record: Record | None, run: tuple[float | None, float | None], gates: Mapping[int, str]) -> Timeline | None:
    """The picture of what was sent; None if nothing was. `run`: when it began and ended; `gates`: wave -> what its gate said."""
    shown = [row for row in rows if row.wave is not None]
    times = {row.place: when for row in shown if (when := _times(row, record, run[1])) is not None}
    if not times:
        return None
    begin = min(value for value in (run[0], *(when[0] for when in times.values())) if value is not None)
    end = max(value for value in (run[1], *(when[1] for when in times.values())) if value is not None)
    scale = Scale(_union(times.values()), begin, max(end, begin + 1))
    lanes = _lanes(shown, record, times, scale, gates)
    stop = record.state.stop if record else None
    return Timeline(
        height=lanes[-1].y + lanes[-1].height + PAD_PX,
        lanes=tuple(lanes),
        stretches=tuple(_stretches(scale, record.bands if record else (), [lane for lane in lanes if lane.row is None])),
        ticks=tuple(_ticks(scale, begin, end)),
        stop_x=scale.x(stop["at"]) if stop else None,
        left_out=max(0, len(shown) - MOST_LANES),
        begin=begin,
        end=end,
        exact=record is not None,
    )


def _lanes(
    shown: Sequence[Row], record: Record | None, times: Mapping[int, tuple[float, float]], scale: Scale, gates: Mapping[int, str]
) -> list[Lane]:
    """Each wave's head with its instances below."""
    waves = sorted({row.wave for row in shown if row.wave is not None})
    by_wave = {wave: [row for row in shown if row.wave == wave] for wave in waves}
    # Of a wave that nothing was sent in, its head says all that there is to say.
    kept = _keep({wave: some if any(row.place in times for row in some) else [] for wave, some in by_wave.items()})
    total, odd = sum(map(len, kept.values())), sum(1 for some in kept.values() for row in some if not row.fine)
    lanes: list[Lane] = []
    y = 0
    for wave, some in kept.items():
        lanes.append(_head(y, wave, len(by_wave[wave]), [times[row.place] for row in by_wave[wave] if row.place in times], scale, gates))
        y += WAVE_PX
        for row in some:
            named = total <= DENSE_FROM or (not row.fine and odd <= DENSE_FROM)
            height = ROW_PX if named else DENSEST_PX if total > DENSEST_FROM else DENSE_PX
            lanes.append(Lane(y, height, wave, row, tuple(_spans(row, record, times.get(row.place), scale, named=named)), named))
            y += height
        y += PAD_PX
    return lanes


def _head(y: int, wave: int, size: int, times: Sequence[tuple[float, float]], scale: Scale, gates: Mapping[int, str]) -> Lane:
    """The head of a wave. `times`: of those of its instances that were sent."""
    begin, end = min((one for one, _ in times), default=None), max((one for _, one in times), default=None)
    spans = (scale.span("wave", begin, end),) if begin is not None and end is not None else ()
    return Lane(y, WAVE_PX, wave, None, spans, named=True, size=size, begin=begin, end=end, gate=gates.get(wave, ""))


def _times(row: Row, record: Record | None, ended_at: float | None) -> tuple[float, float] | None:
    """From when to when it was under way; None if it was not sent."""
    marks = record.marks.get(row.instance_id) if record else None
    begin = marks.attempts[0].begun_at if marks and marks.attempts else row.sent_at
    if begin is None:
        return None
    return begin, max(begin, row.done_at if row.done_at is not None else ended_at if ended_at is not None else begin)


def _keep(by_wave: Mapping[int, Sequence[Row]]) -> dict[int, list[Row]]:
    """Those that get a row: what is not fine before the others, in their order."""
    every = sorted((row for some in by_wave.values() for row in some), key=lambda row: row.fine)
    chosen = {row.place for row in every[:MOST_LANES]}
    return {wave: [row for row in some if row.place in chosen] for wave, some in by_wave.items()}


def _spans(row: Row, record: Record | None, when: tuple[float, float] | None, scale: Scale, *, named: bool) -> Iterable[Span]:
    """What is drawn in one row: calls, waiting to be sent again, busy, and when the busy state was seen first."""
    if when is None:
        return
    marks = record.marks.get(row.instance_id) if record else None
    if marks is None or not marks.attempts:
        yield scale.span(f"busy o-{row.outcome}", *when)
        return
    last = marks.attempts[-1]
    for attempt, following in zip(marks.attempts, [*marks.attempts[1:], None], strict=True):
        if named:
            yield scale.span("call", attempt.begun_at, _answered(attempt, following, when[1]))
        if following is not None:
            yield scale.span("again", _answered(attempt, following, when[1]), following.begun_at)
    begin = last.ended_at if last.ended_at is not None else last.begun_at
    yield from _after(row, marks, last, (begin, max(begin, when[1])), scale, named=named)


def _after(row: Row, marks: Marks, last: Attempt, when: tuple[float, float], scale: Scale, *, named: bool) -> Iterable[Span]:
    begin, end = when
    if last.verdict in (None, "doubt") and marks.evidence_at is not None:
        yield scale.span("doubt", begin, marks.evidence_at)
        begin = marks.evidence_at
    kind = "doubt" if last.verdict in (None, "doubt") and marks.evidence_at is None else f"busy o-{row.outcome}"
    if end > begin:
        yield scale.span(kind, begin, end)
    if named and marks.busy_at is not None:
        yield scale.span("seen", marks.busy_at, marks.busy_at)


def _answered(attempt: Attempt, following: Attempt | None, end: float) -> float:
    if attempt.ended_at is not None:
        return attempt.ended_at
    return following.begun_at if following is not None else end


def _union(times: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """When anything was under way."""
    found: list[tuple[float, float]] = []
    for begin, end in sorted(times):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def _stretches(scale: Scale, bands: Iterable[Band], heads: Sequence[Lane]) -> Iterable[Stretch]:
    told = [(band.kind, band.begin, band.end) for band in bands if band.end > band.begin]
    for before, after in pairwise(heads):
        if before.end is not None and after.begin is not None and after.begin - before.end >= 1:
            told.append(("pause", before.end, after.begin))
    told += [("idle", begin, end) for begin, end in scale.broken if not any(one == begin for _, one, _ in told)]
    for kind, begin, end in told:
        span = scale.span(kind, begin, end)
        yield Stretch(kind, span.x, span.width, end - begin, any(one <= begin and end <= other for one, other in scale.broken))


def _ticks(scale: Scale, begin: float, end: float) -> Iterable[Tick]:
    """Round times, none under what is drawn short, no two close together."""
    step = next((step for step in STEPS_S if scale.drawn_s() / step <= MOST_TICKS), STEPS_S[-1])
    last = -100.0
    at = -(-begin // step) * step
    for _ in range(2_000):
        if at > end:
            return
        skip = next((stop for start, stop in scale.broken if start < at < stop), None)
        if skip is not None:
            at = -(-skip // step) * step
            continue
        x = scale.x(at)
        if x - last >= 100 / (MOST_TICKS + 4):
            yield Tick(x, at)
            last = x
        at += step
