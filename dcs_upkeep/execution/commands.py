"""Control events: halt, release, status, sweep. Each answers with what it found or did."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dcs_upkeep.domain.errors import CloudError, JournalError, Problem
from dcs_upkeep.domain.model import Trigger
from dcs_upkeep.domain.ports import Journal, Ports
from dcs_upkeep.domain.run import ControlCommand, Disposition, Ended
from dcs_upkeep.execution.coordinator import RunCoordinator
from dcs_upkeep.journal import halt, run_index

NO_JOURNAL = "Set UPKEEP_JOURNAL, such as dynamodb://table?region=eu-central-1; the lever and the record of runs are kept there."


def execute_command(item: ControlCommand, ports: Ports, runner: RunCoordinator) -> Ended:
    """Carry out one control event."""
    journal = ports.journal
    if journal is None:
        return runner.refuse(
            item.trigger, item.run_id, (Problem("command", f"{item.command} needs a journal, and none is configured", NO_JOURNAL),)
        )
    if item.command == "resume":
        return runner.resume(item.about or "", journal, item.trigger)
    work: Mapping[str, Callable[[ControlCommand, Journal, Ports, RunCoordinator], Ended]] = {
        "halt": _halt,
        "release": _release,
        "status": _status,
        "sweep": _sweep,
        "show": _show,
    }
    try:
        return work[item.command](item, journal, ports, runner)
    except JournalError as err:
        ports.log("journal.failed", level="error", reason=str(err))
        return Ended(Disposition.FAULT, {"command": item.command, "failed": str(err)}, fault=err)


def _halt(item: ControlCommand, journal: Journal, ports: Ports, _: RunCoordinator) -> Ended:
    record = halt.halt(journal, ports.clock, item.reason or "no reason given", _who(item.trigger))
    ports.log("halt.set", level="warning", halt=record["id"], reason=record["reason"])
    step = f'Every run stops before its next write. To let go: {{"command": "release", "halt": "{record["id"]}"}}.'
    return Ended(Disposition.DONE, {"command": "halt", "halt": record, "next": step})


def _release(item: ControlCommand, journal: Journal, ports: Ports, runner: RunCoordinator) -> Ended:
    halt_id = item.halt_id or ""
    if not halt.release(journal, ports.clock, halt_id, _who(item.trigger)):
        current = halt.current_halt(journal)
        what = f"the halt in force is {current['id']}" if current else "no halt is in force"
        fix = "Look at it with the command status, and name the one that you mean."
        return runner.refuse(item.trigger, item.run_id, (Problem("halt", f"{halt_id!r} cannot be released: {what}", fix),))
    ports.log("halt.released", halt=halt_id)
    return Ended(
        Disposition.DONE, {"command": "release", "halt": halt_id, "next": "Runs that were stopped do not go on; send what they left again."}
    )


def _status(_: ControlCommand, journal: Journal, ports: Ports, __: RunCoordinator) -> Ended:
    live = run_index.summarize_runs(journal, ports.clock, live_only=True)
    return Ended(Disposition.DONE, {"command": "status", "halt": halt.current_halt(journal), "runs": live, "journal": journal.name})


def _show(item: ControlCommand, journal: Journal, _: Ports, runner: RunCoordinator) -> Ended:
    return runner.show(item.about or "", journal, item.trigger)


def _sweep(_: ControlCommand, journal: Journal, ports: Ports, runner: RunCoordinator) -> Ended:
    """Each run that nobody works on goes on in an invocation of its own. One whose record cannot be used is left, and told."""
    lapsed, unreadable = run_index.lapsed_runs(journal, ports.clock, runner.grace_s)
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
        return Ended(Disposition.FAULT, body, fault=fault)
    return Ended(Disposition.DONE, body)


def _who(trigger: Trigger) -> str:
    return f"{trigger.kind}:{trigger.id}"
