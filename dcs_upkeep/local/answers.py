"""From an event to the function's answer on a terminal, and the exit status that goes with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from dcs_upkeep import bootstrap
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.domain.errors import RefusedError, SettingsError, UpkeepError
from dcs_upkeep.local import progress
from dcs_upkeep.local.environment import REFUSED, Environment, Terminal, user_name

OK, NOT_ALL, DEFERRED = 0, 1, 3
EXITS: Mapping[str, int] = {
    "succeeded": OK,
    "planned": OK,
    "partial": NOT_ALL,
    "failed": NOT_ALL,
    "rejected": REFUSED,
    "halted": REFUSED,
    "deferred": DEFERRED,
    "running": DEFERRED,
}


def answer(surface: Terminal, here: Environment, body: object, plans: Path, *, as_json: bool, dry_run: bool) -> Mapping[str, Any]:
    """What the function says, whether it returns or refuses."""
    host = LocalHost(here.environ)

    def handled(log: progress.Progress) -> Mapping[str, Any]:
        try:
            return bootstrap.handle(
                body,
                host=host,
                clock=here.clock,
                log=log,
                journal=here.journal,
                plans_path=plans,
                dry_run=dry_run,
                user=user_name(),
                attended=True,
            )
        except RefusedError as err:
            return err.report
        except SettingsError as err:
            for problem in err.problems:
                surface.err.print(str(problem), markup=False)
            raise typer.Exit(REFUSED) from None
        except UpkeepError as err:
            surface.fail(str(err), NOT_ALL)

    if as_json:
        return handled(progress.Silent())
    if surface.out.is_terminal:
        with progress.Drawn(surface.out) as drawn:
            return handled(drawn)
    return handled(progress.Plain(surface.out))


def show_end(surface: Terminal, answer: Mapping[str, Any], *, as_json: bool) -> None:
    """The report, and the exit status that goes with the worst of it."""
    told = answer.get("runs") if isinstance(answer.get("runs"), list) and "command" not in answer else [answer]
    reports = [one for one in told or [] if "status" in one and "instances" in one]
    if as_json or not reports:
        typer.echo(json.dumps(answer, indent=2))
    else:
        for report in reports:
            for part in (*progress.closing(report, surface.out.width), *progress.closing_lines(report)):
                surface.out.print(part, markup=False, highlight=False, soft_wrap=isinstance(part, str))
    raise typer.Exit(max((EXITS[one["status"]] for one in reports), default=OK))
