"""I1 to I8: what the cloud did, against what the tool says it did. Each judge reads the truth, the journal, reports and logs alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.simulation import plug
from tests.simulation.adapters import AK, SK
from tests.simulation.evidence import Evidence, Run
from tests.simulation.fleet import ACTIONS
from tests.simulation.records import Put

NOT_DONE = frozenset({"refused", "skipped", "planned", "not_attempted"})


@dataclass(frozen=True)
class Violation:
    """One promise that was broken: which, and how, in words."""

    invariant: str
    what: str


Judge = Callable[[Evidence], Iterator[str]]


def one_outcome_each(evidence: Evidence) -> Iterator[str]:
    """I1 every instance of a plan ends in exactly one outcome."""
    for invocation in evidence.world.invocations:
        for report in invocation.reports:
            ids = [row["instance_id"] for row in report["instances"]]
            if len(ids) != len(set(ids)):
                yield f"{invocation.name}: an instance stands in the report twice"
            if strange := {row["outcome"] for row in report["instances"]} - plug.wanted_outcomes():
                yield f"{invocation.name}: no such outcome: {strange}"
            if sum(report["counts"].values()) != len(ids):
                yield f"{invocation.name}: the counts are of another number of instances"
            planned = {one for wave in report["plan"]["waves"] for one in wave}
            if not planned <= set(ids):
                yield f"{invocation.name}: planned and without an outcome: {sorted(planned - set(ids))}"
            asked = set(invocation.event.get("instances", ())) if report["plan"]["digest"] else set()
            if not asked <= set(ids):
                yield f"{invocation.name}: asked for and without an outcome: {sorted(asked - set(ids))}"


def no_put_without_right(evidence: Evidence) -> Iterator[str]:
    """I2 no status PUT from a refused event, a dry run or a duplicate; and none that is not on record before."""
    for put in evidence.unannounced:
        yield f"PUT {put.number} of {put.invocation.name} left without a sending entry of its own before it"
    for put in evidence.world.puts:
        if put.invocation.event.get("dry_run"):
            yield f"PUT {put.number} left from the dry run {put.invocation.name}"
        for report in put.invocation.reports:
            # A request that the API itself refused was sent, and is rejected all the same.
            refused = report["status"] == "rejected" and put.executed
            if report["replayed"] or report["status"] == "planned" or refused:
                yield f"PUT {put.number} left from {put.invocation.name}, which reports {report['status']}, replayed {report['replayed']}"
    for run in evidence.runs:
        planned = {one for wave in (run.plan or {}).get("waves", ()) for one in wave}
        for put in run.puts if run.plan else ():
            if not set(put.ids) <= planned:
                yield f"PUT {put.number} holds instances that are not in the plan of {run.run_id}"


def one_flush(evidence: Evidence) -> Iterator[str]:
    """I3 at most one executed flush per instance and run, whatever the faults."""
    yield from _more_than_one(evidence, flush=True)


def acts_once(evidence: Evidence) -> Iterator[str]:
    """The second promise, for every action: no run executes it twice on one instance."""
    yield from _more_than_one(evidence, flush=False)


MAY_COME_AGAIN = frozenset({"throttled", "not_connected"})
FINAL = frozenset({"denied", "bad_request", "results", "lost", "None"})


def sent_again_by_the_rules(evidence: Evidence) -> Iterator[str]:
    """A flush is sent again only after a 429 or without a connection; nothing is after an answer that is final or lost."""
    for run in evidence.runs:
        before: dict[str, Put] = {}
        for put in run.puts:
            for instance_id in put.ids:
                earlier = before.get(instance_id)
                if earlier is None:
                    continue
                answered = str(earlier.answered)
                # A 403 to a batch may be for one of its instances alone: they are read, and the others go on.
                is_final = answered in FINAL and not (answered == "denied" and len(earlier.ids) > 1)
                if is_final or (put.action == "flush" and answered not in MAY_COME_AGAIN):
                    yield f"{run.run_id}: {instance_id[:8]} is in PUT {put.number}, after PUT {earlier.number} was answered {answered}"
            before |= dict.fromkeys(put.ids, put)


def _more_than_one(evidence: Evidence, *, flush: bool) -> Iterator[str]:
    seen: dict[tuple[str, str], list[int]] = {}
    for run in evidence.runs:
        for put in run.puts:
            if (put.action == "flush") == flush:
                for instance_id in put.executed:
                    seen.setdefault((run.run_id, instance_id), []).append(put.number)
    for (run_id, instance_id), numbers in seen.items():
        if len(numbers) > 1:
            yield f"{run_id} acted on {instance_id[:8]} {len(numbers)} times, by PUTs {numbers}"


def completed_is_true(evidence: Evidence) -> Iterator[str]:
    """I4 no `completed` that the cloud did not do."""
    for told in evidence.told:
        run = evidence.run_at(told.run_id, told.at)
        for instance_id, outcome in told.outcomes.items():
            if outcome == "completed" and (run is None or not _was_done(evidence, run, instance_id, told.at)):
                yield f"{told.how} of {told.invocation.name}: {instance_id[:8]} is completed, and the cloud did not do it"


def _was_done(evidence: Evidence, run: Run, instance_id: str, moment: float) -> bool:
    sent = run.put_at(instance_id)
    if not sent:
        return False
    action = sent[0].action
    busy, end = ACTIONS[action][1:]
    return any(
        one.instance_id == instance_id
        and ACTIONS[one.action][1] == busy
        and one.ends_in == end
        and one.at >= sent[0].at - evidence.world.fleet.instances[instance_id].busy_s - 10.0
        and one.back_at <= moment
        for one in evidence.executions
    )


def nothing_behind_the_report(evidence: Evidence) -> Iterator[str]:
    """I5 nothing executed that the report calls refused, skipped, planned or not attempted."""
    for told in evidence.told:
        run = evidence.run_at(told.run_id, told.at)
        for instance_id, outcome in told.outcomes.items() if run else ():
            if outcome in NOT_DONE:
                for put, _ in evidence.executed(run, instance_id) if run else ():
                    if put.at <= told.at:
                        yield f"{told.how} of {told.invocation.name}: {instance_id[:8]} is {outcome}, and PUT {put.number} was executed on it"


def batch_size(evidence: Evidence) -> Iterator[str]:
    """I6 no PUT with more than the batch size."""
    for put in evidence.world.puts:
        most = int(put.invocation.environ.get("UPKEEP_BATCH_SIZE", 50))
        if len(put.ids) > most or len(set(put.ids)) != len(put.ids):
            yield f"PUT {put.number} holds {len(put.ids)} IDs, and the batch size is {most}"


def waves_in_turn(evidence: Evidence) -> Iterator[str]:
    """I7 no watched wave starts before the one before it is settled and inside budget."""
    for run in evidence.runs:
        if run.plan is None or run.plan["watch_timeout_s"] is None:
            continue
        outcomes: dict[str, str] = {}
        sent: dict[str, int] = {}
        begun: set[int] = set()
        for entry in run.entries:
            if "outcomes" in entry.body:
                outcomes |= {row["instance_id"]: row["outcome"] for row in entry.body["outcomes"]}
            if entry.kind != "sending":
                continue
            wave = entry.body["wave"]
            if wave not in begun:
                failures = sum(1 for word in outcomes.values() if word in ("failed", "unknown"))
                if failures > run.plan["max_failures"]:
                    yield f"{run.run_id}: wave {wave} began after {failures} failures, and {run.plan['max_failures']} were allowed"
                if early := [one for one, number in sent.items() if number < wave and one not in outcomes]:
                    yield f"{run.run_id}: wave {wave} began before {[one[:8] for one in early]} of an earlier one had an outcome"
            begun.add(wave)
            sent |= dict.fromkeys(entry.body["ids"], wave)


def no_secret(evidence: Evidence) -> Iterator[str]:
    """I8 no secret in any log line, report or message."""
    for invocation in evidence.world.invocations:
        said = repr((invocation.lines, invocation.answer, invocation.error, invocation.reports))
        if AK in said or SK in said:
            yield f"{invocation.name} says the key"
    if any(AK in one.text or SK in one.text for one in evidence.world.tellings):
        yield "a message says the key"


def it_ends(evidence: Evidence) -> Iterator[str]:
    """No invocation goes round and round without getting anywhere."""
    if evidence.world.stuck:
        yield evidence.world.stuck


def no_fault_of_ours(evidence: Evidence) -> Iterator[str]:
    """No exception leaves an invocation that is not one of ours, and none is swallowed as "a fault of this tool"."""
    for invocation in evidence.world.invocations:
        if invocation.error is not None and plug.is_a_fault_of_ours(invocation.error):
            yield f"{invocation.name} raised {invocation.error!r}"
        for _, event, _, fields in invocation.lines:
            if "a fault of this tool" in str(fields.get("reason", "")):
                yield f"{invocation.name}: {event}: {fields['reason']}"
