"""The halt lever as an operator's command: pulled, released, or one run ended for good. Each says what it reached and whom it told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dcs_upkeep.domain.errors import JournalError, Problem, RecordError
from dcs_upkeep.domain.model import Trigger
from dcs_upkeep.domain.ports import Journal, Ports
from dcs_upkeep.domain.problems import json_line, list_some, shorten
from dcs_upkeep.domain.run import ControlCommand, Disposition, RunResult, short_id
from dcs_upkeep.domain.stopping import ended_words
from dcs_upkeep.execution.coordinator import LOOK_AT_RUNS, RunCoordinator
from dcs_upkeep.journal import halt, run_index, run_overview
from dcs_upkeep.journal.run_stream import read_run
from dcs_upkeep.reporting import halt_messages
from dcs_upkeep.reporting.publisher import publish_progress

MOST_STOPS = 100
MOST_CANDIDATES = 10
LEAST_CHARS = 4  # of an id that is not written out
NO_REASON = "no reason given"


def pull(command: ControlCommand, journal: Journal, ports: Ports, runs: RunCoordinator) -> RunResult:
    """Stop every run of this journal; or, if the command names one, end that one for good."""
    if command.about is not None:
        return _end_run(command, command.about, journal, ports, runs)
    asked = command.reason or NO_REASON
    record, pulled = halt.pull_once(journal, ports.clock, asked, who(command.trigger))
    stops = _live(journal, ports, runs)
    told: Mapping[str, str] = {}
    if pulled:
        ports.log("halt.set", level="warning", halt=record["id"], reason=record["reason"])
        told = publish_progress(ports, halt_messages.halt_pulled(record, runs.scope.location, stops, ports.reader))
    release = json_line({"command": "release", "halt": record["id"]})
    body = {
        "command": "halt",
        **reached(journal, runs),
        "halt": record,
        "older_halt": None if pulled else record,
        **_listed(stops),
        "told": _told(told),
        "next": f"{_what(record, stops, pulled=pulled, asked=asked)} To let go: {release}.",
    }
    return RunResult(Disposition.DONE, body)


def release(command: ControlCommand, journal: Journal, ports: Ports, runs: RunCoordinator) -> RunResult:
    """Let go of the halt that is named, and of no other: so its id has to be written out."""
    halt_id, by = command.halt_id or "", who(command.trigger)
    current = halt.current_halt(journal)
    if current is None or current["id"] != halt_id or not halt.release(journal, ports.clock, halt_id, by):
        current = halt.current_halt(journal)
        in_force = (
            f"the halt in force is {current['id']}, pulled by {current['by']}: {current['reason']}" if current else "no halt is in force"
        )
        fix = "Look at it with the command status, and name the one that you mean."
        what = f"{shorten(halt_id)} cannot be released in {journal.name}: {in_force}"
        return runs.refuse(command.trigger, command.run_id, (Problem("halt", what, fix),))
    ports.log("halt.released", halt=halt_id)
    message = halt_messages.halt_released(current, runs.scope.location, by, ports.clock.now().isoformat(timespec="seconds"), ports.reader)
    body = {
        "command": "release",
        **reached(journal, runs),
        "halt": halt_id,
        "older_halt": current,
        **_listed(_live(journal, ports, runs)),
        "told": _told(publish_progress(ports, message)),
        "next": "Runs that were stopped do not go on; send what they left again.",
    }
    return RunResult(Disposition.DONE, body)


def reached(journal: Journal, runs: RunCoordinator) -> dict[str, Any]:
    """Where a command has worked: the journal, and whose runs it means."""
    return {"journal": journal.name, "scope": runs.scope.as_json()}


def find_run(begins: str, journal: Journal, ports: Ports, runs: RunCoordinator) -> str | Problem:
    """The run with this id, or the only one whose id or short id begins so; else what is wrong with it."""
    try:
        if read_run(journal, begins)[0].claimed is not None:
            return begins
    except RecordError:  # it is on record, though nobody can use it
        return begins
    if len(begins) < LEAST_CHARS:
        fix = f"Write {LEAST_CHARS} signs of its id or more. {LOOK_AT_RUNS}"
        return Problem("run", f"{shorten(begins)} is too short to name a run", fix)
    found = run_index.find_run_ids(journal, runs.scope, begins, ports.clock.now())
    if len(found) == 1:
        return found[0]
    if not found:
        return Problem("run", f"no run {shorten(begins)} is on record in {journal.name}", LOOK_AT_RUNS)
    names = list_some((f"{short_id(one)} ({shorten(one)})" for one in found), most=MOST_CANDIDATES)
    return Problem("run", f"{shorten(begins)} may be any of {len(found)} runs: {names}", "Write more of its id.")


def who(trigger: Trigger) -> str:
    """Who sends a command, as far as its trigger shows."""
    return f"{trigger.kind}:{trigger.id}" + (f" by {trigger.principal}" if trigger.principal else "")


def _end_run(command: ControlCommand, about: str, journal: Journal, ports: Ports, runs: RunCoordinator) -> RunResult:
    """Nothing more of this run is sent. If nobody works on it, what is open is watched here, and its report told."""
    run_id = find_run(about, journal, ports, runs)
    if isinstance(run_id, Problem):
        return runs.refuse(command.trigger, command.run_id, (run_id,))
    state, _ = read_run(journal, run_id)
    if state.claimed is None or state.ended:
        fix = "Nothing of it is sent any more; look at its report with the command show."
        return runs.refuse(command.trigger, command.run_id, (Problem("run", f"the run {shorten(run_id)} has ended already", fix),))
    record = halt.end_run(journal, ports.clock, run_id, state.claimed, command.reason or NO_REASON, who(command.trigger))
    ports.log("run.ended", level="warning", run_id=run_id, reason=record["reason"])
    body: dict[str, Any] = {"command": "halt", **reached(journal, runs), "run": run_id, "short_id": short_id(run_id), "ended": dict(record)}
    is_ours = state.scope in (None, runs.scope)
    if not is_ours or ports.clock.now().timestamp() < state.live_until(runs.grace_s):
        whose = "" if is_ours else f" of {state.scope}"
        step = f"The invocation{whose} that works on it sends nothing more, watches what is open, and reports."
        return RunResult(Disposition.DONE, {**body, "next": step})
    result = runs.resume(run_id, journal, command.trigger, ends=ended_words(record))
    step = "It is over; its report is here."
    return RunResult(Disposition.DONE, {**body, "report": dict(result.body), "next": step}, may_have_sent=result.may_have_sent)


def _live(journal: Journal, ports: Ports, runs: RunCoordinator) -> list[dict[str, Any]] | None:
    """The runs that the lever stops. None if they cannot be read: the lever works all the same."""
    try:
        return run_overview.live_runs(journal, runs.scope, ports.clock.now())
    except JournalError as err:
        ports.log("journal.failed", level="warning", reason=f"which runs are live could not be read: {err}")
        return None


def _listed(stops: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    return {"stops": None if stops is None else list(stops[:MOST_STOPS]), "stops_left_out": max(0, len(stops or ()) - MOST_STOPS)}


def _told(told: Mapping[str, str]) -> dict[str, Any]:
    return {"topics": [one for one, why in told.items() if not why], "failed": {one: why for one, why in told.items() if why}}


def _what(record: Mapping[str, str], stops: Sequence[object] | None, *, pulled: bool, asked: str) -> str:
    if not pulled:
        older = f"{record['id']} was in force already: {record['reason']}, by {record['by']} at {record['at']}. It stays as it is"
        kept = "" if asked == record["reason"] else f", and {shorten(asked)} is not on record"
        return f"{older}{kept}."
    if stops is None:
        return "Every run stops before its next write; which are live could not be read."
    live = f"{len(stops)} live run(s) stop before their next write" if stops else "No run is live"
    return f"{live}; nothing new is begun."
