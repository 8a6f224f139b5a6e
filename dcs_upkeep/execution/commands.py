"""Control events: halt, release, status, sweep. Each answers with what it found or did."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dcs_upkeep.domain.errors import CloudError, JournalError, Problem
from dcs_upkeep.domain.model import Trigger
from dcs_upkeep.domain.ports import Journal, Ports
from dcs_upkeep.domain.run import ControlCommand, Disposition, RunResult
from dcs_upkeep.execution.coordinator import RunCoordinator
from dcs_upkeep.journal import halt, run_index

NO_JOURNAL = "Set UPKEEP_JOURNAL, such as dynamodb://table?region=eu-central-1; the lever and the record of runs are kept there."


def execute_command(command: ControlCommand, ports: Ports, runs: RunCoordinator) -> RunResult:
    """Carry out one control event."""
    journal = ports.journal
    if journal is None:
        return runs.refuse(
            command.trigger, command.run_id, (Problem("command", f"{command.command} needs a journal, and none is configured", NO_JOURNAL),)
        )
    if command.command == "resume":
        return runs.resume(command.about or "", journal, command.trigger)
    work: Mapping[str, Callable[[ControlCommand, Journal, Ports, RunCoordinator], RunResult]] = {
        "halt": _halt,
        "release": _release,
        "status": _status,
        "sweep": _sweep,
        "show": _show,
    }
    try:
        return work[command.command](command, journal, ports, runs)
    except JournalError as err:
        ports.log("journal.failed", level="error", reason=str(err))
        return RunResult(Disposition.FAULT, {"command": command.command, "failed": str(err)}, fault=err)


def _halt(command: ControlCommand, journal: Journal, ports: Ports, _: RunCoordinator) -> RunResult:
    record = halt.halt(journal, ports.clock, command.reason or "no reason given", _who(command.trigger))
    ports.log("halt.set", level="warning", halt=record["id"], reason=record["reason"])
    step = f'Every run stops before its next write. To let go: {{"command": "release", "halt": "{record["id"]}"}}.'
    return RunResult(Disposition.DONE, {"command": "halt", "halt": record, "next": step})


def _release(command: ControlCommand, journal: Journal, ports: Ports, runs: RunCoordinator) -> RunResult:
    halt_id = command.halt_id or ""
    if not halt.release(journal, ports.clock, halt_id, _who(command.trigger)):
        current = halt.current_halt(journal)
        what = f"the halt in force is {current['id']}" if current else "no halt is in force"
        fix = "Look at it with the command status, and name the one that you mean."
        return runs.refuse(command.trigger, command.run_id, (Problem("halt", f"{halt_id!r} cannot be released: {what}", fix),))
    ports.log("halt.released", halt=halt_id)
    return RunResult(
        Disposition.DONE, {"command": "release", "halt": halt_id, "next": "Runs that were stopped do not go on; send what they left again."}
    )


def _status(_: ControlCommand, journal: Journal, ports: Ports, __: RunCoordinator) -> RunResult:
    live = run_index.summarize_runs(journal, ports.clock, live_only=True)
    return RunResult(Disposition.DONE, {"command": "status", "halt": halt.current_halt(journal), "runs": live, "journal": journal.name})


def _show(command: ControlCommand, journal: Journal, _: Ports, runs: RunCoordinator) -> RunResult:
    return runs.show(command.about or "", journal, command.trigger)


def _sweep(_: ControlCommand, journal: Journal, ports: Ports, runs: RunCoordinator) -> RunResult:
    """Each run that nobody works on goes on in an invocation of its own. One whose record cannot be used is left, and told."""
    lapsed, unreadable = run_index.lapsed_runs(journal, ports.clock, runs.grace_s)
    for run_id, reason in unreadable.items():
        ports.log("journal.failed", level="error", run_id=run_id, reason=reason)
    failed: dict[str, str] = {}
    for run_id in lapsed:
        try:
            ports.host.call_self({"resume": run_id})
        except CloudError as err:
            failed[run_id] = str(err)
            ports.log("run.deferred", level="error", run_id=run_id, reason=str(err))
        else:
            ports.log("run.swept", level="warning", run_id=run_id)
    body: dict[str, object] = {"command": "sweep", "resumed": [one for one in lapsed if one not in failed], "failed": failed}
    if unreadable:
        # No fault: raised every five minutes it would fill the dead-letter queue. The status rings the alarm of failed runs.
        step = "Look at what each run did, in the console and in the log; the sweep forgets it after five days."
        body |= {"status": "failed", "unreadable": unreadable, "next": step}
    if failed:
        fault = CloudError("sweep", f"{len(failed)} of {len(lapsed)} runs could not be taken up", next(iter(failed.values())))
        return RunResult(Disposition.FAULT, body, fault=fault)
    return RunResult(Disposition.DONE, body)


def _who(trigger: Trigger) -> str:
    return f"{trigger.kind}:{trigger.id}"
