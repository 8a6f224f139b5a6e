"""What a person sees while a run is under way: fed by the log, drawn live on a terminal, plain lines if it is piped."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dcs_upkeep.domain.model import OutcomeKind, RunStatus
from dcs_upkeep.domain.problems import list_some, one_line
from dcs_upkeep.domain.run import short_id
from dcs_upkeep.reporting.bounded import brief_next
from dcs_upkeep.reporting.sentences import is_fine, sentence, wave_words

MOST_NAMES = 30  # of one group; `--json` has all
APPROVING_BYTES = 600  # an approving event that is longer is told as the event that was sent, with the approval
NEXT_BYTES = 100_000


class Progress(Protocol):
    """Implements ports.Log."""

    def __call__(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """Take one line of the log."""
        ...


class Silent:
    """For `--json`: the report alone."""

    def __call__(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """Take one line."""


class Plain:
    """One line for each thing that changed. Why something was not sent is told at the end, once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: tuple[object, ...] = ()

    def __call__(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """Take one line of the log; what says nothing new is not shown."""
        said = None if event == "instance.verified" and not _was_sent(fields["outcome"]) else sentence(event, fields)
        if event == "plan.made" and fields.get("guard"):
            said = f"refused by {fields['guard']}"
        if said is None or (event, said) == self._last:
            return
        self._last = (event, said)
        style = "yellow" if level in ("warning", "error") else None
        self._console.print(one_line(said), style=style, markup=False, highlight=False, soft_wrap=True)


class Drawn:
    """A bar for each wave, redrawn in place; everything else as lines above."""

    def __init__(self, console: Console) -> None:
        self._plain = Plain(console)
        self._waves: dict[int, dict[str, Any]] = {}
        self._live = Live(console=console, refresh_per_second=8, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.update(self._picture(), refresh=True)
        self._live.stop()

    def __call__(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """Take one line of the log."""
        if event == "plan.made" and not fields.get("guard"):
            self._waves = {number: {"size": size, "done": 0, "said": "waiting"} for number, size in enumerate(fields["waves"], start=1)}
        number = fields.get("wave")
        wave = self._waves.get(number) if isinstance(number, int) else None
        if wave is not None and event in ("wave.started", "wave.polled", "wave.settled"):
            wave["done"] = fields.get("completed", wave["done"])
            wave["said"] = wave_words(event, fields)
            if event == "wave.settled":
                wave["done"] = sum(fields["counts"].values())
            self._live.update(self._picture())
            return
        if event not in ("instance.verified", "wave.sent") or level != "info":
            self._plain(event, level=level, **fields)

    def _picture(self) -> Group:
        table = Table.grid(padding=(0, 2))
        for number, wave in self._waves.items():
            bar = ProgressBar(total=max(1, wave["size"]), completed=min(wave["done"], wave["size"]), width=30)
            table.add_row(f"wave {number} of {len(self._waves)}", bar, f"{wave['done']}/{wave['size']}", Text(wave["said"]))
        return Group(table)


def closing(report: Mapping[str, Any], width: int) -> Iterator[Table | str]:
    """The end on a screen: a table of the instances that were sent, and each reason once, with the instances it is about."""
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in report["instances"]:
        groups.setdefault((row["outcome"], row["guard"] or "", row["reason"]), []).append(row)
    sent = [row for row in report["instances"] if _was_sent(row["outcome"])]
    alone = {rows[0]["instance_id"] for rows in groups.values() if len(rows) == 1}
    if sent:
        yield _table(sent, alone, wide=width >= 120)
    for (outcome, guard, reason), rows in groups.items():
        if _was_sent(outcome) and len(rows) == 1:
            continue
        yield one_line(f"{len(rows)} {outcome.replace('_', ' ')}{f' [{guard}]' if guard else ''}: {reason}")
        if not _was_sent(outcome):
            yield "    " + list_some((row["name"] or row["instance_id"] for row in rows), most=MOST_NAMES)


def _was_sent(outcome: str) -> bool:
    return not any(kind == outcome and not kind.sent for kind in OutcomeKind)


def _table(rows: Sequence[Mapping[str, Any]], alone: Collection[str], *, wide: bool) -> Table:
    """Where there is little width, IDs are cut to what tells them apart. `alone`: those whose reason is no other's."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("name", "instance", "wave", "outcome", "after", "why"):
        table.add_column(title, justify="right" if title in ("wave", "after") else "left", no_wrap=title != "why")
    for row in rows:
        guard = f"[{row['guard']}] " if row["guard"] else ""
        elapsed = f"{row['elapsed_s']:.0f} s" if row["elapsed_s"] is not None else ""
        style = "green" if is_fine(row["outcome"]) else "red"
        why = one_line(guard + row["reason"]) if row["instance_id"] in alone else "(below)"
        name, instance_id = one_line(row["name"] or ""), row["instance_id"] if wide else row["instance_id"][:8]
        table.add_row(Text(name), instance_id, str(row["wave"] or ""), Text(row["outcome"], style), elapsed, Text(why))
    return table


def closing_lines(report: Mapping[str, Any]) -> list[str]:
    """The end in words: status, counts, what is lost, notes, what to do next."""
    counts = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in report["counts"].items()) or "no instance"
    replayed = " (the first report of this run, replayed)" if report["replayed"] else ""
    run = f"run {short_id(report['run_id'])} ({report['run_id']})"
    lines = [f"{report['status']}: {counts}, in {report['elapsed_s']:g} s, {run}{replayed}"]
    losing = [row for row in report["instances"] if row["outcome"] == "planned" and row["loses_data"] is not False]
    if losing:
        lines.append(
            f"data would be lost on {len(losing)}: {list_some((row['name'] or row['instance_id'] for row in losing), most=MOST_NAMES)}"
        )
    plan = report["plan"]
    if plan["digest"] and (plan["dry_run"] or "showing" in plan):
        lines.append(f"digest: {plan['digest']}" + (f", showing {plan['showing']}" if "showing" in plan else ""))
    lines += [f"note: {note}" for note in report["notes"]]
    lines += [f"left out: {what}" for what in report.get("left_out", ())]
    lines += [f"problem: {row['path'] + ': ' if row['path'] else ''}{row['what']}. {row['fix']}" for row in report["problems"]]
    approves = report["status"] in (RunStatus.PLANNED, RunStatus.REJECTED) and plan["digest"]
    lines.append(f"next: {brief_next(report, APPROVING_BYTES if approves else NEXT_BYTES)}")
    return [one_line(line) for line in lines]
