"""`history`: the runs of the last days from the journal. It reads, and no more than it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.bootstrap import Adapters
from dcs_upkeep.domain.errors import RecordError, SettingsError, UpkeepError
from dcs_upkeep.domain.ports import Journal
from dcs_upkeep.domain.problems import list_some, one_line, shorten
from dcs_upkeep.domain.run import RunScope, short_id
from dcs_upkeep.domain.settings import read_settings
from dcs_upkeep.domain.timestamps import iso_at
from dcs_upkeep.journal import run_index
from dcs_upkeep.journal.run_lease import is_of
from dcs_upkeep.journal.run_state import RunState
from dcs_upkeep.journal.run_stream import read_run
from dcs_upkeep.local.answers import NOT_ALL
from dcs_upkeep.local.cells import fit
from dcs_upkeep.local.environment import Environment, Terminal, open_environment
from dcs_upkeep.local.options import AsJson, Cloud, JournalUrl
from dcs_upkeep.local.progress import Silent
from dcs_upkeep.local.texts import Texts
from dcs_upkeep.local.when import local_time, zone_of

MOST_SCOPES = 5
GOOD = frozenset({"succeeded", "planned"})


@dataclass(frozen=True, slots=True)
class Found:
    """What the journal has. `listed`: how many runs of these days; `rows`: the newest of them; `others`: who else has runs there."""

    journal: str
    listed: int
    rows: Sequence[Mapping[str, Any]]
    others: Sequence[RunScope]


def history(
    days: Annotated[int, typer.Option(min=1, max=30, help="How far back, today included.")] = 7,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many runs are read and shown, the newest first.")] = 20,
    cloud: Cloud = False,
    as_json: AsJson = False,
    everything: Annotated[bool, typer.Option("--all", help="The runs of other functions and projects in the journal too.")] = False,
    journal: JournalUrl = None,
) -> None:
    """The runs of the last days: when, who, what, how it ended."""
    surface = Terminal(as_json=as_json, everything=everything)
    with open_environment(surface, cloud=cloud, journal=journal, fleet=None, instances=24, time_scale=60.0, kept=True) as here:
        try:
            found = _look(surface, here, days, limit)
        except SettingsError as err:
            surface.fail_by(err.problems)
        except UpkeepError as err:
            surface.fail(str(err), NOT_ALL)
        if as_json:
            surface.print_json(
                {
                    "journal": found.journal,
                    "days": days,
                    "found": found.listed,
                    "runs": list(found.rows),
                    "other_scopes": [other.as_json() for other in found.others],
                }
            )
            return
        _show(surface, here, found, days)


def _look(surface: Terminal, here: Environment, days: int, limit: int) -> Found:
    """A stream for each shard of each day, and one for each run that is shown. Raises: UpkeepError."""
    host = LocalHost(here.environ)
    adapters = Adapters(host, read_settings(host.setting), here.clock, Silent(), here.journal)
    journal, location = adapters.journal, adapters.location
    if journal is None:
        surface.fail(surface.texts("history.no_journal"), step=surface.texts("history.no_journal.next"))
    scope = RunScope(host.kind, host.function, location.region, location.project_id)
    now = here.clock.now()
    others = run_index.other_scopes(journal, scope, now)
    listed, rows = 0, []
    for one in (scope, *(others[:MOST_SCOPES] if surface.everything else ())):
        ids = run_index.list_run_ids(journal, one, run_index.last_days(now, days))
        newest = list(reversed(ids))[:limit]
        states = run_index.in_parallel(newest, lambda run_id: _read(journal, run_id))
        found = [(run_id, state) for run_id, state in zip(newest, states, strict=True) if isinstance(state, str) or is_of(state, one)]
        rows += [_row(run_id, state, one) for run_id, state in found]
        listed += len(ids)
    if len({row["function"] for row in rows}) > 1:
        rows.sort(key=lambda row: str(row.get("began_at", "")), reverse=True)
    return Found(journal.name, listed, rows[:limit], others)


def _read(journal: Journal, run_id: str) -> RunState | str:
    """Its state, or why that cannot be told: one that cannot be used hides no other. Raises: JournalError."""
    try:
        return read_run(journal, run_id)[0]
    except RecordError as err:
        return str(err)


def _row(run_id: str, state: RunState | str, scope: RunScope) -> dict[str, Any]:
    """One run for a program; a person sees the same."""
    row: dict[str, Any] = {"run_id": run_id, "short_id": short_id(run_id), **scope.as_json()}
    if isinstance(state, str) or state.claimed is None:
        return {**row, "status": "unreadable", "reason": state if isinstance(state, str) else "it has no beginning"}
    claimed, request = state.claimed, state.claimed["request"]
    trigger = claimed["trigger"]
    outcomes: dict[str, int] = {}
    for progress in state.progress.values():
        word = progress.outcome.outcome.value if progress.outcome else "open"
        outcomes[word] = outcomes.get(word, 0) + 1
    return {
        **row,
        "began_at": iso_at(claimed["at"]),
        "ended_at": state.reported["ended_at"] if state.reported else None,
        "trigger": trigger["kind"],
        "who": trigger.get("principal") or request.get("requested_by") or trigger["kind"],
        "action": state.plan.action.value if state.plan else request.get("action"),
        "name": request.get("name") or claimed["named"],
        "instances": len(state.progress),
        "counts": outcomes,
        "status": state.reported["status"] if state.reported else "released" if state.released else "running",
        "goes_on_at": iso_at(state.not_before) if state.handed_over and state.not_before and not state.ended else None,
    }


def _show(surface: Terminal, here: Environment, found: Found, days: int) -> None:
    texts = surface.texts
    zone, zone_name = zone_of(here.environ.get)
    if not found.rows:
        surface.show([Text(texts("history.none", days=days))])
    else:
        surface.show([Text(texts("history.head", shown=len(found.rows), found=found.listed, days=days)), ""])
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        for key in ("when", "who", "what", "end", "run"):
            title = texts(f"history.{key}") + (f" ({zone_name})" if key == "when" else "")
            table.add_column(title, no_wrap=key != "what", overflow="ellipsis" if key != "what" else "fold")
        for row in found.rows:
            when = local_time(row["began_at"], zone) if "began_at" in row else "-"
            who, what = fit(str(row.get("who", "-")), 14), _what(row, texts, named=surface.everything)
            table.add_row(Text(when), Text(who), Text(what), _end(row, texts), Text(row["short_id"]))
        surface.show([table])
    told = [texts("history.journal", journal=one_line(found.journal))]
    if found.others:
        others = (
            texts("history.other", function=one.function or "-", host=one.host, region=one.region, project=one.project_id)
            for one in found.others
        )
        told.append(texts("history.others", others=list_some(others, most=MOST_SCOPES)))
    surface.show(Text(one_line(words), "dim") for words in told)


def _what(row: Mapping[str, Any], texts: Texts, *, named: bool) -> str:
    if "action" not in row:
        return fit(str(row["reason"]), 60)
    whose = f"{fit(row['function'], 24)}: " if named else ""
    name = f" {shorten(row['name'])}" if row["name"] else ""
    return whose + fit(f"{row['action'] or '-'}{name}", 40) + texts("list.comma") + texts.count("instances", row["instances"])


def _end(row: Mapping[str, Any], texts: Texts) -> Text:
    status = row["status"]
    if status == "running" and row["goes_on_at"]:
        return Text(texts("history.waiting", at=row["goes_on_at"][:16]))
    words = {"running": "history.running", "released": "history.released", "unreadable": "history.unreadable"}
    style = "green" if status in GOOD else "" if status in ("running", "released") else "red"
    return Text(texts(words[status]) if status in words else str(status), style)
