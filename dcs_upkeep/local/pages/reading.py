"""What a page is made of, as it comes: a report in JSON, or a run in a journal."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dcs_upkeep.domain.ports import Journal
from dcs_upkeep.domain.problems import list_some
from dcs_upkeep.domain.run import RunScope
from dcs_upkeep.journal import run_index
from dcs_upkeep.journal.run_stream import run_stream

NOBODY = RunScope("", "", "", "")


class NotAReportError(ValueError):
    """What was given is no report, and no event either; its message says why."""


def read_report(value: object) -> Mapping[str, Any] | None:
    """The report, checked to have a report's form; None if this is something else. Raises: NotAReportError."""
    if not isinstance(value, dict):
        return None
    runs = value.get("reports", value.get("runs"))  # a saved plan, or the answer to an event of several records
    if isinstance(runs, list) and "command" not in value:
        if len(runs) != 1:
            raise NotAReportError(f"it holds {len(runs)} reports. Keep one of them in a file of its own.")
        return read_report(runs[0])
    if "report_version" not in value:
        return None
    from pydantic import TypeAdapter, ValidationError

    from dcs_upkeep.reporting.report import Report

    try:
        TypeAdapter(Report).validate_python(value)
    except ValidationError as err:
        places = list_some((".".join(map(str, one["loc"])) for one in err.errors(include_url=False, include_input=False)), most=5)
        raise NotAReportError(
            f"this is not a whole report; look at {places}. Use the JSON as `run --json` or `show --json` prints it."
        ) from None
    return value


def find_runs(journal: Journal, word: str, now: datetime) -> list[str]:
    """The run with that id, else those of the last days whose id, or its digest, begins so, or whose id ends so. Raises: JournalError."""
    if journal.read(run_stream(word)):
        return [word]
    days = run_index.last_days(now, ahead=run_index.AHEAD_DAYS)
    listed = run_index.list_old_run_ids(journal, run_index.last_days(now))
    for scope in run_index.other_scopes(journal, NOBODY, now):
        listed += run_index.list_run_ids(journal, scope, days)
    every = list(dict.fromkeys(listed))
    return [one for one in every if one.startswith(word) or _digest(one).startswith(word)] or [one for one in every if one.endswith(word)]


def _digest(run_id: str) -> str:
    """Its beginning is the short form of the id, which is read out and copied."""
    return hashlib.sha256(run_id.encode("utf-8", "surrogatepass")).hexdigest()
