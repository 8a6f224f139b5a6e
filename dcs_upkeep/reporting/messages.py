"""What goes to a topic: one result, told in each form that its subscribers read. Pure.

A subject is built to the smaller of two services: UTF-8 without line breaks or control characters, under 100 characters for SNS, 512
bytes for SMN, which 99 characters never reach. The verdict stands first, then action, plan and region; a long name gives way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from dcs_upkeep.domain.bounds import DATA_BYTES, MAIL_BYTES, cut_in_json, size_in_json
from dcs_upkeep.domain.model import REPORT_MARK, Location
from dcs_upkeep.domain.ports import Message
from dcs_upkeep.domain.problems import one_line
from dcs_upkeep.domain.reader import ENGLISH, Reader
from dcs_upkeep.reporting.bounded import bounded_answer
from dcs_upkeep.reporting.brief import brief, fitted, sms, telephoned
from dcs_upkeep.reporting.groups import action_in_words
from dcs_upkeep.reporting.mail import mail, sentence_of, step_lines
from dcs_upkeep.reporting.report import Report
from dcs_upkeep.reporting.steps import release_of
from dcs_upkeep.reporting.urgency import Claim, Urgency, claims_of
from dcs_upkeep.reporting.voice import Voice, voice_for

MAX_SUBJECT = 99
MOST_CLAIMS = 3
LEAST_NAME = 6
MOST_WHO = 30
MOST_RUNS = 50


def compose(report: Report, reader: Reader = ENGLISH) -> Message:
    """The report for a topic."""
    voice, claims = voice_for(reader), claims_of(report)
    verdict = _verdict(report, claims, voice)
    subject = _subject(report, verdict, voice)
    return Message(
        subject=subject,
        text=mail(report, claims, verdict, voice),
        brief=brief(report, claims, verdict, voice),
        sms=sms(report, claims, subject, voice),
        data=_data(report),
        attributes=_attributes(report, claims[0].urgency),
    )


def progress(key: str, report: Report, reader: Reader = ENGLISH, **fields: object) -> Message:
    """A short word while a run is under way. `key`: what happened, with its fields."""
    voice = voice_for(reader)
    said = voice.say(key, **fields)
    subject = _subject(report, said, voice)
    counts = voice.say("list").join(voice.say(f"count.{kind}", count=count) for kind, count in report["counts"].items())
    lines = [f"{REPORT_MARK}: {subject}", *([voice.line("result", counts)] if counts else []), voice.line("run", report["run_id"])]
    text = "\n".join(map(one_line, lines))
    return Message(subject, text, fitted(lines), telephoned([subject]), _data(report), _attributes(report, Urgency.WAITING))


def breaker_tripped(
    halt: Mapping[str, str], location: Location, failures: Mapping[str, int], most: int, reader: Reader = ENGLISH
) -> Message:
    """The circuit breaker has pulled the halt lever: what failed, and what to copy to go on. `failures`: run -> failed or unknown."""
    voice, region = voice_for(reader), location.region or voice_for(reader).say("no_region")
    why = voice.say("breaker.why", count=sum(failures.values()), most=most)
    short = voice.say("breaker.short", count=sum(failures.values()))
    step = release_of(halt["id"], "next.breaker")
    subject = _short(voice.say("subject", verdict=voice.say("breaker"), about=voice.say("about", what=short, region=region)), MAX_SUBJECT)
    runs = sorted(failures.items())
    lines = [
        f"{REPORT_MARK}: {voice.say('breaker')}",
        voice.line("what", voice.say("breaker.what", halt=halt["id"])),
        voice.line("why", why),
        voice.line_of(voice.say("label.where"), voice.say("where", region=region, project=location.project_id or "-")),
        *step_lines(step, voice),
        voice.line("when", voice.time(halt["at"])),
        *(f"  {voice.say('breaker_runs', count=failed, run=run_id)}" for run_id, failed in runs[:MOST_RUNS]),
        *([f"  {voice.say('and_more', count=len(runs) - MOST_RUNS, where=halt['id'])}"] if len(runs) > MOST_RUNS else []),
    ]
    data = {"notice": f"{REPORT_MARK}: HALTED by the circuit breaker", "halt": dict(halt), "failed": dict(runs[:MOST_RUNS])}
    return Message(
        subject=subject,
        text=cut_in_json("\n".join(map(one_line, lines)), MAIL_BYTES),
        brief=fitted(lines),
        sms=telephoned([subject, sentence_of(step, voice), step.command]),
        data=json.dumps(data, ensure_ascii=False),
        attributes={"status": "halted", "urgency": Urgency.HALTED.value, "region": location.region},
    )


def subject_of(verdict: str, what: str, voice: Voice) -> str:
    """A subject about no report: what stands first, then what it is about."""
    return _short(one_line(f"{verdict}{voice.say('colon')}{what}"), MAX_SUBJECT)


def _verdict(report: Report, claims: Sequence[Claim], voice: Voice) -> str:
    """What stands first: the most urgent, and what else is wrong, as far as there is room."""
    lead = claims[0].urgency
    quiet = {Urgency.REFUSED, Urgency.OK} if lead in (Urgency.APPROVE, Urgency.HALTED) else {Urgency.OK} if _is_wrong(lead) else set()
    told = [_say(claim, voice) for claim in claims if claim.urgency not in quiet][:MOST_CLAIMS]
    verdict = told[0]
    for more in told[1:]:
        longer = f"{verdict}{voice.say('comma')}{more}"
        if _units(_fixed(report, longer, voice)) <= MAX_SUBJECT - LEAST_NAME:
            verdict = longer
    return voice.say("repeated", verdict=verdict) if report.get("possibly_repeated") else verdict


def _is_wrong(lead: Urgency) -> bool:
    return lead not in (Urgency.REFUSED, Urgency.WAITING, Urgency.PLANNED, Urgency.OK)


def _say(claim: Claim, voice: Voice) -> str:
    fields = {name: _short(value, MOST_WHO) if isinstance(value, str) else value for name, value in claim.fields.items()}
    return voice.say(claim.key, **fields)


def _subject(report: Report, verdict: str, voice: Voice) -> str:
    """The verdict, the action, the plan's name as far as it fits, and the region."""
    fixed = _fixed(report, verdict, voice)
    name = " ".join(one_line(report["plan"]["name"] or "").split())
    action = report["plan"]["action"] or ""
    room = MAX_SUBJECT - _units(fixed) - 1
    if not name or room < LEAST_NAME:
        return _short(fixed, MAX_SUBJECT)
    if name.split(" ")[0].casefold() == action:  # "restart the caches" says it already
        shown = _short(name, room + len(action) + 1)
        return _short(_whole(report, verdict, shown, voice), MAX_SUBJECT)
    shown = voice.say("words", action=action_in_words(report, voice.words), name=_short(name, room))
    return _short(_whole(report, verdict, shown, voice), MAX_SUBJECT)


def _fixed(report: Report, verdict: str, voice: Voice) -> str:
    """A subject without the plan's name."""
    return _whole(report, verdict, action_in_words(report, voice.words), voice)


def _whole(report: Report, verdict: str, what: str, voice: Voice) -> str:
    about = voice.say("about", what=what, region=report["region"] or voice.say("no_region"))
    return voice.say("subject", verdict=verdict, about=about)


def _data(report: Report) -> str:
    """The report for machines, cut to its share: `left_out` says what is missing and where it is."""
    body = bounded_answer(dict(report), in_text=True, most=DATA_BYTES)
    return json.dumps(body, ensure_ascii=False, default=str) if size_in_json(json.dumps(body)) <= DATA_BYTES else json.dumps(_least(report))


def _least(report: Report) -> dict[str, object]:
    """What is always short enough."""
    return {key: report[key] for key in ("report_version", "run_id", "status", "counts")}


def _attributes(report: Report, urgency: Urgency) -> dict[str, str]:
    """For filter policies: the same words in every language. What is not known is left out."""
    plan = report["plan"]
    found = {
        "status": report["status"],
        "urgency": urgency.value,
        "action": plan["action"] or "",
        "plan": plan["name"] or "",
        "region": report["region"],
    }
    return {name: one_line(value) for name, value in found.items() if value}


def _units(text: str) -> int:
    """Characters as the stricter of two ways counts them: one outside the first 65,536 counts twice."""
    return len(text) + sum(1 for sign in text if sign > "\uffff")


def _short(text: str, most: int) -> str:
    text = one_line(" ".join(text.split()))
    if _units(text) <= most:
        return text
    kept = text[: most - 3]
    while _units(kept) > most - 3:
        kept = kept[:-1]
    return f"{kept}..."
