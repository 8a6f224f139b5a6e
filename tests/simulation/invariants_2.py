"""I9 to I15: what people are told, what an approval is worth, how old a fact may be, whose run it is, and what is unavailable when."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.simulation import plug
from tests.simulation.evidence import Entry, Evidence, Run
from tests.simulation.fleet import FOREVER, Execution
from tests.simulation.records import Invocation, Put
from tests.simulation.world import TOPICS

RECHECK_S = 600.0
# From a reading to the PUT that rests on it: other readings, claims, the entry, and a thread's turn.
SLACK_S = 15.0
DEFAULT_WAVE_SIZE = 50
BLACKOUT_UNTIL_S = 21 * 3600.0  # the day that the generator closes ends 21 hours after it begins
OVER = ("running", "deferred")
BY_PERSON = "stopped by a person"
BEHIND = "the journal cannot be written"


def told_to_the_topics(evidence: Evidence) -> Iterator[str]:
    """I9 the report is published though one topic fails; a failed publication is counted, and changes no outcome."""
    for invocation in evidence.world.invocations:
        for report in invocation.reports:
            if report["replayed"] or report["status"] in OVER:
                continue
            if any(event == "refusal.counted" for _, event, _, _ in invocation.lines):
                continue  # of a kind that the topics were told of within the hour
            by_person = report["status"] == "halted" and any(BY_PERSON in text for text in (*report["notes"], report["next"]))
            if by_person and not any(row["sent_at"] for row in report["instances"]):
                continue  # whoever stopped it knows, and nobody else has heard of it
            tried = {one.topic: one for one in evidence.world.tellings if report["run_id"] in one.text}
            for topic in TOPICS:
                if topic not in tried:
                    yield f"{invocation.name}: {report['status']} of {report['run_id']} was never published to {topic[-7:]}"
            missed = [one for one in tried.values() if not one.taken and one.invocation is invocation]
            if missed and not report["calls"].get("publish_failed"):
                yield f"{invocation.name}: a publication failed, and the report does not count it"
            run = evidence.run_at(report["run_id"], invocation.ended_at or 0.0)
            if run is None or invocation.event.get("dry_run"):
                continue
            if any(BEHIND in note for note in report["notes"]):
                continue  # it says itself that the record lacks its end; a sweep corrects it
            reported = {row["instance_id"]: row["outcome"] for row in report["instances"]}
            for instance_id, outcome in run.outcomes().items():
                rests = by_person and reported.get(instance_id) == "deferred"  # until a person goes on with it
                if reported.get(instance_id, outcome) != outcome and not rests:
                    yield f"{invocation.name}: {instance_id[:8]} is {outcome} on record, and {reported[instance_id]} in the report"


def same_plan_same_digest(evidence: Evidence) -> Iterator[str]:
    """I10 the same plan gives the same digest, whatever the order in which the cloud lists."""
    digests: dict[str, set[str]] = {}
    for invocation in evidence.world.invocations:
        version = (len(evidence.world.fleet.edits), len(evidence.executions))
        if not invocation.event.get("dry_run") or invocation.unread or invocation.fleet_version != version:
            continue
        request = {key: value for key, value in invocation.event.items() if key not in ("run_id", "name", "requested_by")}
        for report in invocation.reports:
            if report["plan"]["digest"]:
                key = json.dumps([invocation.function["name"], invocation.environ, request], sort_keys=True)
                digests.setdefault(key, set()).add(report["plan"]["digest"])
    for key, found in digests.items():
        if len(found) > 1:
            yield f"one plan has the digests {sorted(found)}: {key[:200]}"


def one_run_per_approval(evidence: Evidence) -> Iterator[str]:
    """I11 an approval starts at most one run, and none after its age. Without a journal nothing can know that, and the bare digest is taken."""
    if not evidence.scenario.journal:
        return
    used: dict[str, set[str]] = {}
    for run in evidence.runs:
        approve = run.request.get("approve")
        if not approve or not run.puts:
            continue
        used.setdefault(approve, set()).add(run.run_id)
        shown = [
            one.ended_at
            for one in evidence.world.invocations
            if one.ended_at is not None and any(plug.approval_in(report) == approve for report in one.reports)
        ]
        age_s = float(run.puts[0].invocation.environ.get("UPKEEP_APPROVAL_MAX_AGE_S", 86_400))
        if shown and run.began_at > max(shown) + age_s:
            yield f"{run.run_id} acted on an approval of {run.began_at - max(shown):.0f} s, and {age_s:.0f} s were allowed"
    for approve, run_ids in used.items():
        if len(run_ids) > 1:
            yield f"{approve[:14]} started {sorted(run_ids)}"


def facts_are_fresh(evidence: Evidence) -> Iterator[str]:
    """I12 an instance is acted on only under guards, class and settings no older than the recheck time and two polls."""
    for put in evidence.world.puts:
        run = evidence.run_of[put.number]
        recheck_s = float(put.invocation.environ.get("UPKEEP_RECHECK_S", RECHECK_S))
        polls_s = 2 * float(put.invocation.environ.get("UPKEEP_POLL_S", 10)) + SLACK_S
        if put.action not in put.invocation.environ["UPKEEP_ALLOWED_ACTIONS"].split(","):
            yield f"PUT {put.number}: {put.action} was not allowed when {put.invocation.name} began"
        if put.invocation.environ.get("UPKEEP_BLACKOUT") and put.at < BLACKOUT_UNTIL_S:
            yield f"PUT {put.number} left in a blackout that was there when {put.invocation.name} began"
        for instance_id in put.ids:
            before = {"tags": _tags_at(evidence, instance_id, put.at - polls_s), "later": _tags_at(evidence, instance_id, put.at)}
            if _is_protected(before["tags"], put.invocation) and _is_protected(before["later"], put.invocation):
                yield f"PUT {put.number}: {instance_id[:8]} has been protected for more than {polls_s:.0f} s"
            if run is not None and run.request.get("backup") == "before" and _without_backup(evidence, run, put, instance_id):
                yield f"PUT {put.number}: {instance_id[:8]} would lose its data, and has no backup that this run began"
            if run is not None and not run.request.get("approve") and _loses_since(evidence, put, instance_id, recheck_s):
                yield f"PUT {put.number}: {instance_id[:8]} has been losing its data for more than {recheck_s:.0f} s, unapproved"


def _tags_at(evidence: Evidence, instance_id: str, moment: float) -> dict[str, str]:
    tags = dict(evidence.world.fleet.instances[instance_id].tags)
    for edit in reversed(evidence.world.fleet.edits):
        if edit.instance_id == instance_id and edit.what.startswith("tag:") and edit.at > moment:
            key = edit.what[4:]
            tags.pop(key, None)
            if edit.old is not None:
                tags[key] = edit.old
    return tags


def _is_protected(tags: Mapping[str, str], invocation: Invocation) -> bool:
    pairs = [word.partition("=")[::2] for word in invocation.environ.get("UPKEEP_PROTECTED_TAGS", "").split(",") if word]
    return any(tags.get(key) == value for key, value in [("upkeep", "never"), *pairs])


def _without_backup(evidence: Evidence, run: Run, put: Put, instance_id: str) -> bool:
    rows = evidence.world.backups.get(instance_id, ())
    fine = any(row["ends_in"] == "succeed" and run.began_at <= row["at"] and row["done_at"] <= put.at for row in rows)
    return not fine and evidence.world.fleet.instances[instance_id].cache_mode == "single" and put.action != "start"


def _loses_since(evidence: Evidence, put: Put, instance_id: str, recheck_s: float) -> bool:
    """Whether it loses its data, nobody calls it disposable, and both have been so for longer than the recheck time."""
    instance = evidence.world.fleet.instances[instance_id]
    edits = [one for one in evidence.world.fleet.edits if one.instance_id == instance_id and one.what == "appendonly"]
    appendonly = [instance.appendonly, *(one.old for one in edits if one.at > put.at - recheck_s)]
    loses = put.action != "start" and (
        put.action == "flush" or instance.cache_mode == "single" or all(word != "yes" for word in appendonly)
    )
    key, _, value = put.invocation.environ.get("UPKEEP_DISPOSABLE_TAGS", "").partition("=")
    moments = (put.at, put.at - recheck_s)
    return loses and not any(_tags_at(evidence, instance_id, moment).get(key) == value for moment in moments)


def runs_stay_at_home(evidence: Evidence) -> Iterator[str]:
    """I13 no run begun in a scope is lost, or carried on in another."""

    def home(invocation: Invocation) -> tuple[str, str]:
        return invocation.function["name"], invocation.function["project"]

    for run in evidence.runs:
        if run.claimed is None:
            continue
        at_home = home(run.claimed.invocation)
        strangers: dict[str, Entry] = {}
        for entry in run.entries:
            # A duplicate that is told of another function's run writes nothing; whoever writes works on it.
            if home(entry.invocation) != at_home:
                strangers.setdefault(entry.invocation.name, entry)
        for name, entry in strangers.items():
            yield f"{run.run_id} of {at_home} was carried on by {name} of {home(entry.invocation)} ({entry.kind})"
    if not evidence.world.quiet and evidence.scenario.journal:
        yield f"these runs never ended: {evidence.world.unfinished()}"


def few_at_a_time(evidence: Evidence) -> Iterator[str]:
    """I14 at no time more instances are unavailable than `max_unavailable`, `wave_size` and the budgets allow."""
    for run in evidence.runs:
        if run.plan is None or not run.puts:
            continue
        most = _most_at_a_time(run)
        mine = [one for put in run.puts for one in evidence.executions_of.get(put.number, ())]
        for one in mine:
            down = {other.instance_id for other in mine if other.at <= one.at < _down_until(other)}
            if len(down) > most:
                yield f"{run.run_id}: {len(down)} instances were unavailable at {one.at:.1f} s, and {most} are allowed"
                break


def _most_at_a_time(run: Run) -> int:
    plan = run.plan or {}
    rollout = run.request.get("rollout") or {}
    if rollout.get("max_unavailable") is not None:
        share = rollout["max_unavailable"]
        planned = sum(len(wave) for wave in plan["waves"])
        size = share if isinstance(share, int) else max(1, int(float(share.rstrip("%")) * planned / 100))
    else:
        # Of the request, not of the waves that were made of it: those are what is judged.
        size = max(int(rollout.get("wave_size") or DEFAULT_WAVE_SIZE), int(rollout.get("canary") or 0))
    return size + int(plan["max_failures"])


def _down_until(one: Execution) -> float:
    """What has ended in another state than it should stays unavailable; a stopped instance was meant to be."""
    return FOREVER if one.ends_in not in ("RUNNING", "CLOSED") else one.back_at


def rests_until_a_person_resumes(evidence: Evidence) -> Iterator[str]:
    """I15 what a person has stopped sends nothing more, until a person goes on with it."""
    resting: set[str] = set()
    for _, invocation, stream, _, entry in evidence.world.store.writes:
        kind, name = entry.get("kind"), invocation.name
        if stream.startswith("run/") and (
            (kind == "stopped" and entry["why"] == "person" and entry["rest"] == "deferred") or "stopped_by" in entry
        ):
            resting.add(stream)
        elif kind == "taken_over" and entry.get("resumed"):
            resting.discard(stream)
            if not invocation.by_person:
                yield f"{name} goes on with {stream} as if a person had asked for it"
        elif kind == "claimed":
            resting.discard(stream)
        elif kind == "sending" and stream in resting:
            yield f"{name} sends of {stream}, which a person has stopped"


def told_stays_true(evidence: Evidence) -> Iterator[str]:
    """I15 what a person was told last (`deferred`, `not_attempted`, `halted`) stays true."""
    last: dict[tuple[int, str], Any] = {}
    for told in evidence.told:
        run = evidence.run_at(told.run_id, told.at)
        for instance_id, outcome in told.outcomes.items() if run else ():
            later = [put.number for put in run.put_at(instance_id) if put.at > told.at] if run else []
            if outcome in ("not_attempted", "refused", "skipped") and later:
                yield f"{told.how} of {told.invocation.name}: {instance_id[:8]} is {outcome}, and PUT {later} left after it"
            if run is not None and (run.has_ended or not run.entries):  # one that never ends is lost, which is I13
                last[id(run), instance_id] = (told, outcome, later)
    for (_, instance_id), (told, outcome, later) in last.items():
        failed = [one for one in evidence.world.tellings if not one.taken and one.at > told.at and told.run_id in one.text]
        if outcome == "deferred" and later and not failed:  # else the topics took no later word
            yield f"{told.how} of {told.invocation.name} was the last word, {instance_id[:8]} deferred, and PUT {later} left after it"
