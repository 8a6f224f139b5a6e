"""A report as a mail: what happened, what to do, who it is about, and what is fine last. Pure.

Every line passes `one_line`: names and texts of strangers cannot make one of their own. It fits into its share of a message; what had to
go is counted, with where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dcs_upkeep.domain.bounds import MAIL_BYTES, cut, cut_in_json, size_in_json
from dcs_upkeep.domain.model import REPORT_MARK, RunStatus
from dcs_upkeep.domain.problems import one_line
from dcs_upkeep.reporting.groups import Group, action_in_words, groups_of, instance_in_words
from dcs_upkeep.reporting.report import Report
from dcs_upkeep.reporting.steps import Step, steps_of
from dcs_upkeep.reporting.urgency import Claim
from dcs_upkeep.reporting.voice import Voice

EVENT_BYTES = 10_000  # an event for thousands of instances stands in the answer alone
REASON_BYTES = 1_000
PROBLEM_BYTES = 600
MOST_NOTES = 20
MOST_WAVES = 20
ROOM_FOR_REST = 600  # for how much was left out


def mail(report: Report, claims: Sequence[Claim], verdict: str, voice: Voice) -> str:
    """The text of a mail."""
    head = [f"{REPORT_MARK}: {verdict}", what_line(report, voice), ""]
    head += [line for step in steps_of(report, claims, EVENT_BYTES) for line in step_lines(step, voice)]
    for row in report["problems"]:
        head.append(voice.line("problem", cut(f"{row['path'] + ': ' if row['path'] else ''}{row['what']}. {row['fix']}", PROBLEM_BYTES)))
    if any(claim.urgency.is_harm for claim in claims):
        head.append(voice.line("console", voice.console(report["region"])))
    facts = ["", *fact_lines(report, voice)]
    groups = groups_of(report, claims, voice.words)
    room = MAIL_BYTES - sum(map(size_in_json, [*head, *facts]))
    told, fine = _group_lines(report, [group for group in groups if not group.fine], voice, room), []
    room -= sum(map(size_in_json, told))
    if room > ROOM_FOR_REST:
        fine = _group_lines(report, [group for group in groups if group.fine], voice, room)
    lines = [*head, *told, *facts, *fine]
    return cut_in_json("\n".join(one_line(line) for line in lines), MAIL_BYTES)


def what_line(report: Report, voice: Voice) -> str:
    """What it was about, and where."""
    name = report["plan"]["name"]
    action = action_in_words(report, voice.words)
    what = voice.say("words", action=action, name=name) if name else action
    where = voice.say("where", region=report["region"] or voice.say("no_region"), project=report["project_id"] or "-")
    return voice.line("what", what + voice.say("comma") + where)


def step_lines(step: Step, voice: Voice) -> Iterator[str]:
    """What to do, and below it what to copy."""
    yield voice.line("next", sentence_of(step, voice))
    if step.detail:
        yield f"  {cut(step.detail, REASON_BYTES)}"
    if step.event:
        yield f"  {voice.line('send', step.event)}"
    if step.command:
        yield f"  {voice.line('or', step.command)}"


def sentence_of(step: Step, voice: Voice) -> str:
    """The sentence alone. Times are the reader's."""
    return voice.say(step.key, **{name: voice.time(value) if name == "time" else value for name, value in step.fields.items()})


def _group_lines(report: Report, groups: Iterable[Group], voice: Voice, room: int) -> list[str]:
    lines: list[str] = []
    left_out = 0
    for group in groups:
        head = ["", group.heading, *([f"  {voice.line('why', cut(group.why, REASON_BYTES))}"] if group.why else [])]
        cost = sum(map(size_in_json, head))
        if room - cost < ROOM_FOR_REST:
            left_out += len(group.rows)
            continue
        room -= cost
        lines += head
        for number, row in enumerate(group.rows):
            line = f"  {instance_in_words(row, voice.words)}"
            cost = size_in_json(line)
            if number >= group.most or room - cost < ROOM_FOR_REST:
                lines.append(f"  {_rest(report, len(group.rows) - number, voice)}")
                room -= size_in_json(lines[-1])
                break
            room -= cost
            lines.append(line)
    return [*lines, "", _rest(report, left_out, voice)] if left_out else lines


def _rest(report: Report, count: int, voice: Voice) -> str:
    return voice.say("and_more", count=count, where=voice.say("more_are_in", run=report["run_id"]))


def fact_lines(report: Report, voice: Voice) -> Iterator[str]:
    """When, by whom, under which id, and what else there is to know."""
    plan, trigger = report["plan"], report["trigger"]
    yield voice.line("when", voice.span(report))
    yield voice.line("run", report["run_id"])
    said = trigger["kind"]
    if trigger["principal"]:
        said = voice.say("by", trigger=said, principal=cut(trigger["principal"], PROBLEM_BYTES))
    if report["requested_by"]:
        said = voice.say("requested", trigger=said, who=report["requested_by"])
    yield voice.line("trigger", said)
    if plan["waves"]:
        yield voice.line("waves", voice.names((str(len(wave)) for wave in plan["waves"]), MOST_WAVES))
    if plan["digest"] and report["status"] in (RunStatus.PLANNED, RunStatus.REJECTED):
        yield voice.line("digest", plan["digest"] + (f".{plan['showing']}" if "showing" in plan else ""))
    if report.get("possibly_repeated"):
        yield voice.line("note", voice.say("note.repeated"))
    told = {row["reason"] for row in report["instances"]}
    for note in [note for note in report["notes"] if note not in told][:MOST_NOTES]:
        yield voice.line("note", cut(note, REASON_BYTES))
