"""Control events: halt, release, status, sweep, doctor. Each answers with what it found or did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from dcs_upkeep.domain.errors import CloudError, JournalError, Problem, describe_error
from dcs_upkeep.domain.ports import Journal, Ports
from dcs_upkeep.domain.run import ControlCommand, Disposition, RunResult
from dcs_upkeep.execution import levers
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
    work: Mapping[str, Callable[[ControlCommand, Journal, Ports, RunCoordinator], RunResult]] = {
        "halt": levers.pull,
        "release": levers.release,
        "status": _status,
        "sweep": _sweep,
        "show": _show,
        "resume": _resume,
    }
    try:
        return work[command.command](command, journal, ports, runs)
    except JournalError as err:
        ports.log("journal.failed", level="error", reason=str(err))
        return RunResult(Disposition.FAULT, {"command": command.command, "failed": str(err)}, fault=err)


def _status(_: ControlCommand, journal: Journal, ports: Ports, runs: RunCoordinator) -> RunResult:
    now = ports.clock.now()
    body = {
        "command": "status",
        **levers.reached(journal, runs),
        "halt": halt.current_halt(journal),
        "runs": run_overview.summarize_runs(journal, runs.scope, now, live_only=True),
        "other_scopes": run_overview.summarize_others(journal, runs.scope, now),
    }
    return RunResult(Disposition.DONE, body)


def _show(command: ControlCommand, journal: Journal, ports: Ports, runs: RunCoordinator) -> RunResult:
    run_id = levers.find_run(command.about or "", journal, ports, runs)
    if isinstance(run_id, Problem):
        return runs.refuse(command.trigger, command.run_id, (run_id,))
    return runs.show(run_id, journal, command.trigger)


def _resume(command: ControlCommand, journal: Journal, ports: Ports, runs: RunCoordinator) -> RunResult:
    """Go on with a run; with one that a person has stopped too, if it is a person who asks. The function calls itself so as well."""
    run_id = levers.find_run(command.about or "", journal, ports, runs)
    if isinstance(run_id, Problem):
        return runs.refuse(command.trigger, command.about or "", (replace(run_id, path="resume"),))
    return runs.resume(run_id, journal, command.trigger, by_person=not command.by_self)


def _sweep(command: ControlCommand, journal: Journal, ports: Ports, runs: RunCoordinator) -> RunResult:
    """Each run that nobody works on goes on in an invocation of its own. One whose record cannot be used is left, and told.

    If the function cannot call itself, one of them goes on here. Never a fault: raised every five minutes it would fill the
    dead-letter queue. The status rings the alarm of failed runs.
    """
    if not (runs.scope.region and runs.scope.project_id):
        step = (
            "Set UPKEEP_REGION and UPKEEP_PROJECT_ID, or mend the credentials that name the project: whose runs to look for is not known."
        )
        body: dict[str, object] = {"command": "sweep", **levers.reached(journal, runs), "resumed": [], "failed": {}}
        return RunResult(Disposition.DONE, {**body, "status": "failed", "next": step})
    lapsed = run_overview.lapsed_runs(journal, runs.scope, ports.clock.now(), runs.grace_s)
    for run_id, reason in lapsed.unusable.items():
        ports.log("journal.failed", level="error", run_id=run_id, reason=reason)
    resumed, failed = _hand_on(lapsed.run_ids, ports)
    body = {"command": "sweep", **levers.reached(journal, runs), "resumed": resumed, "failed": failed}
    if lapsed.stopped:
        body["watched"] = _watch(command, journal, ports, runs, lapsed.stopped)
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


def _watch(command: ControlCommand, journal: Journal, ports: Ports, runs: RunCoordinator, run_ids: Iterable[str]) -> list[str]:
    """See to what was sent of runs that a person stopped; nothing more of them is sent. Here, since a call of this function to itself
    would be taken for a person's word.
    """
    watched = []
    for run_id in run_ids:
        if ports.stop.by is not None:
            break
        try:
            runs.resume(run_id, journal, command.trigger)
        except Exception as err:  # whatever one run meets, the next gets its turn
            ports.log("run.failed", level="error", run_id=run_id, reason=describe_error(err))
        else:
            watched.append(run_id)
    return watched


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
        if ports.stop.by is not None:
            break
        try:
            result = runs.resume(run_id, journal, command.trigger)
        except Exception as err:  # whatever one run meets, the next gets its turn
            ports.log("run.failed", level="error", run_id=run_id, reason=describe_error(err))
            continue
        if result.disposition is Disposition.DONE or result.may_have_sent:
            waiting.remove(run_id)
            return {"carried_on": run_id, "waiting": waiting, "report": dict(result.body)}, result.may_have_sent
    return {"carried_on": None, "waiting": waiting}, False
