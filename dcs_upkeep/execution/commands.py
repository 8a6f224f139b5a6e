"""Control events: halt, release, status, sweep, doctor. Each answers with what it found or did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from dcs_upkeep.domain.errors import CloudError, JournalError, Problem, describe_error
from dcs_upkeep.domain.model import Trigger
from dcs_upkeep.domain.ports import Journal, Ports
from dcs_upkeep.domain.run import ControlCommand, Disposition, RunResult
from dcs_upkeep.execution.coordinator import RunCoordinator
from dcs_upkeep.journal import halt, run_index, run_overview

NO_JOURNAL = "Set UPKEEP_JOURNAL, such as obs://bucket/prefix?region=cn-north-4; the lever and the record of runs are kept there."


def execute_command(command: ControlCommand, ports: Ports, runs: RunCoordinator) -> RunResult:
    """Carry out one control event."""
    if command.command == "doctor":  # which has to work where nothing else does
        return RunResult(Disposition.DONE, {"command": "doctor", **ports.examine()})
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


def _status(_: ControlCommand, journal: Journal, ports: Ports, runs: RunCoordinator) -> RunResult:
    now = ports.clock.now()
    body = {
        "command": "status",
        "halt": halt.current_halt(journal),
        "runs": run_overview.summarize_runs(journal, runs.scope, now, live_only=True),
        "other_scopes": run_overview.summarize_others(journal, runs.scope, now),
        "journal": journal.name,
    }
    return RunResult(Disposition.DONE, body)


def _show(command: ControlCommand, journal: Journal, _: Ports, runs: RunCoordinator) -> RunResult:
    return runs.show(command.about or "", journal, command.trigger)


def _sweep(command: ControlCommand, journal: Journal, ports: Ports, runs: RunCoordinator) -> RunResult:
    """Each run that nobody works on goes on in an invocation of its own. One whose record cannot be used is left, and told.

    If the function cannot call itself, one of them goes on here. Never a fault: raised every five minutes it would fill the
    dead-letter queue. The status rings the alarm of failed runs.
    """
    if not (runs.scope.region and runs.scope.project_id):
        step = (
            "Set UPKEEP_REGION and UPKEEP_PROJECT_ID, or mend the credentials that name the project: whose runs to look for is not known."
        )
        return RunResult(Disposition.DONE, {"command": "sweep", "status": "failed", "resumed": [], "failed": {}, "next": step})
    lapsed = run_overview.lapsed_runs(journal, runs.scope, ports.clock.now(), runs.grace_s)
    for run_id, reason in lapsed.unusable.items():
        ports.log("journal.failed", level="error", run_id=run_id, reason=reason)
    resumed, failed = _hand_on(lapsed.run_ids, ports)
    body: dict[str, object] = {"command": "sweep", "resumed": resumed, "failed": failed}
    if others := run_index.other_scopes(journal, runs.scope, ports.clock.now()):
        body["other_scopes"] = [other.as_json() for other in others]
    may_have_sent, steps = False, []
    if failed:
        carried_on, may_have_sent = _carry_on_here(command, journal, ports, runs, failed)
        body |= carried_on
        steps.append(f"Let the function call itself: {next(iter(failed.values()))} Until then each sweep goes on with one run.")
    if lapsed.unusable:
        body["unreadable"] = lapsed.unusable
        steps.append("Look at what each unreadable run did, in the console and in the log; the sweep forgets it after five days.")
    if steps:
        body |= {"status": "failed", "next": " ".join(steps)}
    return RunResult(Disposition.DONE, body, may_have_sent=may_have_sent)


def _hand_on(run_ids: Sequence[str], ports: Ports) -> tuple[list[str], dict[str, str]]:
    """Call this function once for each run. Returns those for which that worked, and the others with the reason."""
    resumed: list[str] = []
    failed: dict[str, str] = {}
    for run_id in run_ids:
        try:
            ports.host.call_self({"resume": run_id})
        except CloudError as err:
            failed[run_id] = str(err)
            ports.log("run.deferred", level="error", run_id=run_id, reason=str(err))
        else:
            resumed.append(run_id)
            ports.log("run.swept", level="warning", run_id=run_id)
    return resumed, failed


def _carry_on_here(
    command: ControlCommand, journal: Journal, ports: Ports, runs: RunCoordinator, run_ids: Iterable[str]
) -> tuple[dict[str, object], bool]:
    """Go on with one of these in this invocation: the first that lets itself be gone on with. Also: whether it may have sent anything."""
    waiting = list(run_ids)
    for run_id in list(waiting):
        try:
            result = runs.resume(run_id, journal, command.trigger)
        except Exception as err:  # whatever one run meets, the next gets its turn
            ports.log("run.failed", level="error", run_id=run_id, reason=describe_error(err))
            continue
        if result.disposition is Disposition.DONE or result.may_have_sent:
            waiting.remove(run_id)
            return {"carried_on": run_id, "waiting": waiting, "report": dict(result.body)}, result.may_have_sent
    return {"carried_on": None, "waiting": waiting}, False


def _who(trigger: Trigger) -> str:
    return f"{trigger.kind}:{trigger.id}" + (f" by {trigger.principal}" if trigger.principal else "")
