"""What a person sees while a run is under way: fed by the log, drawn live on a terminal, plain lines if it is piped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dcs_upkeep.domain.model import OutcomeKind


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
    """One line for each thing that changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: tuple[object, ...] = ()

    def __call__(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """Take one line of the log; what says nothing new is not shown."""
        said = sentence(event, fields)
        if said is None or (event, said) == self._last:
            return
        self._last = (event, said)
        self._console.print(said, style="yellow" if level in ("warning", "error") else None, markup=False, highlight=False, soft_wrap=True)


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
            wave["said"] = _wave_words(event, fields)
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


def sentence(event: str, fields: Mapping[str, Any]) -> str | None:
    """One line of the log as a person reads it; None for what only a machine wants."""
    match event:
        case "plan.made" if fields.get("guard"):
            return f"refused by {fields['guard']}: {fields['reason']}"
        case "plan.made":
            waves = fields["waves"]
            left_out = f", {fields['settled']} left out" if fields.get("settled") else ""
            return f"plan: {fields['instances']} instances in {len(waves)} waves of {', '.join(map(str, waves)) or 'none'}{left_out}"
        case "wave.started" | "wave.polled" | "wave.settled":
            return f"wave {fields['wave']}: {_wave_words(event, fields)}"
        case "wave.sent":
            return f"wave {fields['wave']}: sent {fields['instances']}, {fields['reason']}"
        case "wave.waited":
            return f"wave {fields['wave']}: {fields['waiting']} waited for, {fields['reason']}"
        case "instance.verified" if not _is_fine(fields.get("outcome")):
            return f"  {fields.get('name') or fields['instance_id']}: {fields['outcome']}, {fields['reason']}"
        case "topic.published":
            return f"published: {fields.get('subject')}"
        case (
            "topic.failed"
            | "wave.read_failed"
            | "call.waited"
            | "run.failed"
            | "journal.failed"
            | "journal.absent"
            | "event.ignored"
            | "run.overtaken"
            | "run.duplicated"
        ):
            return f"{event}: {fields.get('reason')}"
        case "event.refused" | "settings.refused":
            where = f"{fields['path']}: " if fields.get("path") else ""
            return f"refused: {where}{fields['reason']}. {fields['next']}"
        case "breaker.tripped":
            return f"HALTED, nothing new is begun: {fields['reason']}; to let go: release {fields['halt']}"
        case "run.deferred":
            return f"the run goes on in a further invocation ({fields.get('reason') or fields.get('not_before') or 'at once'})"
        case "backup.polled":
            return f"backups: {fields['waiting']} under way, {fields['done']} done"
        case _:
            return None


def _is_fine(outcome: object) -> bool:
    """A word that is no outcome here, as in the report of a later version, is not."""
    return any(kind.fine for kind in OutcomeKind if kind == outcome)


def _wave_words(event: str, fields: Mapping[str, Any]) -> str:
    if event == "wave.started":
        return f"{fields['instances']} instances"
    counts = fields["states"] if event == "wave.polled" else fields["counts"]
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    return told or "nothing to watch"


def closing_table(report: Mapping[str, Any], width: int) -> Table:
    """Every instance with its outcome, and why. Where there is little width, IDs are cut to what tells them apart."""
    wide = width >= 120
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("name", "instance", "wave", "outcome", "after", "why"):
        table.add_column(title, justify="right" if title in ("wave", "after") else "left", no_wrap=title != "why")
    for row in report["instances"]:
        guard = f"[{row['guard']}] " if row["guard"] else ""
        elapsed = f"{row['elapsed_s']:.0f} s" if row["elapsed_s"] is not None else ""
        style = "green" if _is_fine(row["outcome"]) else "red"
        wave = str(row["wave"] or "")
        cells = (
            row["name"] or "",
            row["instance_id"] if wide else row["instance_id"][:8],
            wave,
            Text(row["outcome"], style),
            elapsed,
            Text(guard + row["reason"]),
        )
        table.add_row(*cells)
    return table


def closing_lines(report: Mapping[str, Any]) -> list[str]:
    """The end in words: status, counts, what is lost, notes, what to do next."""
    counts = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in report["counts"].items()) or "no instance"
    replayed = " (the first report of this run, replayed)" if report["replayed"] else ""
    lines = [f"{report['status']}: {counts}, in {report['elapsed_s']:g} s, run {report['run_id']}{replayed}"]
    losing = [row for row in report["instances"] if row["outcome"] == "planned" and row["loses_data"] is not False]
    if losing:
        lines.append(f"data would be lost on {len(losing)}: {', '.join(row['name'] or row['instance_id'] for row in losing)}")
    plan = report["plan"]
    if plan["digest"] and (plan["dry_run"] or "showing" in plan):
        lines.append(f"digest: {plan['digest']}" + (f", showing {plan['showing']}" if "showing" in plan else ""))
    lines += [f"note: {note}" for note in report["notes"]]
    lines += [f"problem: {row['path'] + ': ' if row['path'] else ''}{row['what']}. {row['fix']}" for row in report["problems"]]
    return [*lines, f"next: {report['next']}"]
