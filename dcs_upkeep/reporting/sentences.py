"""Each line of the log as a sentence for people: `message_of` has one for every line, `sentence` for what a terminal shows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcs_upkeep.domain.bounds import cut
from dcs_upkeep.domain.model import OutcomeKind
from dcs_upkeep.domain.problems import list_some, one_line

SENTENCE_BYTES = 2_000
MOST_WAVES = 20

# Lines that say what happened in `reason` alone -> what that is about.
ABOUT: Mapping[str, str] = {
    "alarms.unreadable": "Cloud Eye did not say which alarms fire",
    "backup.unreadable": "the backups could not be read",
    "call.waited": "calls to the cloud wait",
    "credentials.kept": "the key pair stays in use",
    "credentials.renewed": "the key pair was renewed",
    "event.held_back": "a message waits for its turn",
    "event.ignored": "nothing is done about this event",
    "journal.absent": "there is no journal",
    "journal.failed": "the journal failed",
    "journal.recovered": "the journal answers again",
    "run.duplicated": "this event was delivered before",
    "run.failed": "the run met a fault",
    "run.overtaken": "another invocation has the run",
    "topic.failed": "a topic could not be told",
    "wave.read_failed": "the instances could not be read",
}


def message_of(event: str, fields: Mapping[str, Any]) -> str:
    """What this line means, on one line and not long. A line that no sentence fits says its name."""
    try:
        said = sentence(event, fields) or _for_the_log(event, fields)
    except (KeyError, TypeError, AttributeError, ValueError):  # a line must be written, whatever its fields hold
        said = None
    words = said or f"{event.replace('.', ' ').replace('_', ' ')}{_why(fields)}"
    return cut(one_line(words.strip()), SENTENCE_BYTES)


def sentence(event: str, fields: Mapping[str, Any]) -> str | None:
    """One line of the log as a person reads it; None for what only a machine wants."""
    match event:
        case "plan.made" if fields.get("guard"):
            return f"refused by {fields['guard']}: {fields['reason']}"
        case "plan.made":
            waves = fields["waves"]
            left_out = f", {fields['settled']} left out" if fields.get("settled") else ""
            sizes = list_some((str(size) for size in waves), most=MOST_WAVES) or "none"
            return f"plan: {fields['instances']} instances in {fields.get('wave_count', len(waves))} waves of {sizes}{left_out}"
        case "wave.started" | "wave.polled" | "wave.settled":
            return f"wave {fields['wave']}: {wave_words(event, fields)}"
        case "wave.sent":
            return f"wave {fields['wave']}: sent {fields['instances']}, {fields['reason']}"
        case "wave.waited":
            return f"wave {fields['wave']}: {fields['waiting']} waited for, {fields['reason']}"
        case "instance.verified" if not is_fine(fields.get("outcome")):
            return f"  {_instance(fields)}: {fields['outcome']}, {fields['reason']}"
        case "topic.published":
            return f"published: {fields.get('subject')}"
        case "event.refused" | "settings.refused":
            where = f"{fields['path']}: " if fields.get("path") else ""
            return f"refused: {where}{fields['reason']}. {fields['next']}"
        case "refusal.counted":
            return f"refused as {fields['times']} others of this kind within an hour; the topics were told of the first"
        case "breaker.tripped":
            return f"HALTED, nothing new is begun: {fields['reason']}; to let go: release {fields['halt']}"
        case "run.stopped":
            return f"STOPPED, {fields['waiting']} not sent, and nothing goes on by itself: {fields['reason']}"
        case "run.ended":
            return f"the run {fields.get('run_id', '')} was ended for good: {fields['reason']}"
        case "run.deferred":
            return f"the run goes on in a further invocation ({fields.get('reason') or fields.get('not_before') or 'at once'})"
        case "backup.polled":
            return f"backups: {fields['waiting']} under way, {fields['done']} done"
        case _:
            return f"{ABOUT[event]}{_why(fields)}" if event in ABOUT else None


def _for_the_log(event: str, fields: Mapping[str, Any]) -> str | None:
    """What nobody needs on a terminal while the run is under way."""
    match event:
        case "run.reported":
            return _reported(fields)
        case "run.claimed":
            again = f", for the {fields['hops'] + 1}th invocation" if fields.get("hops") else ""
            return f"the run {fields.get('run_id', '')} is carried out here{again}"
        case "doctor.found":
            return f"doctor: {fields.get('state')}, {fields.get('what')}: {fields['reason']} {fields.get('next') or ''}"
        case "run.swept":
            return "nobody worked on this run; it goes on in an invocation of its own"
        case "instance.verified":
            return f"{_instance(fields)}: {fields['outcome']}, {fields['reason']}"
        case "halt.set":
            return f"HALTED: every run stops before its next write ({fields['reason']}); to let go: release {fields['halt']}"
        case "halt.released":
            return f"the halt {fields['halt']} was released"
        case _:
            return None


def _reported(fields: Mapping[str, Any]) -> str:
    """How one record ended."""
    if "status" not in fields:
        what = fields.get("ignored") or fields.get("failed") or fields.get("next") or "done"
        return f"{fields.get('command') or fields.get('ending')}: {what}"
    counts = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in (fields.get("counts") or {}).items())
    replayed = " (replayed: nothing was done now)" if fields.get("replayed") else ""
    said = f"{fields.get('action') or fields.get('command') or 'event'}: {fields['status']}{replayed}"
    return f"{said}{f', {counts}' if counts else ''}. {fields.get('next') or fields.get('reason') or ''}"


def wave_words(event: str, fields: Mapping[str, Any]) -> str:
    """What is going on in a wave, without its number."""
    if event == "wave.started":
        return f"{fields['instances']} instances"
    counts = fields["states"] if event == "wave.polled" else fields["counts"]
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    return told or "nothing to watch"


def is_fine(outcome: object) -> bool:
    """A word that is no outcome here, as in the report of a later version, is not."""
    return any(kind.fine for kind in OutcomeKind if kind == outcome)


def _instance(fields: Mapping[str, Any]) -> str:
    return str(fields.get("name") or fields["instance_id"])


def _why(fields: Mapping[str, Any]) -> str:
    return f": {fields['reason']}" if fields.get("reason") else ""
