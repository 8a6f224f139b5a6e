"""A report in a few lines, for a chat, and in one, for a telephone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dcs_upkeep.domain.bounds import CHAT_BYTES, SMS_SIGNS, cut, size_of
from dcs_upkeep.domain.model import REPORT_MARK
from dcs_upkeep.domain.problems import one_line
from dcs_upkeep.reporting.groups import groups_of
from dcs_upkeep.reporting.mail import sentence_of, what_line
from dcs_upkeep.reporting.report import InstanceReport, Report
from dcs_upkeep.reporting.steps import steps_of
from dcs_upkeep.reporting.urgency import Claim, Urgency
from dcs_upkeep.reporting.voice import Voice

EVENT_BYTES = 600
REASON_BYTES = 200
NAME_BYTES = 60
MOST_GROUPS = 4
MOST_NAMES = 5
IN_SMS = 3
_NO_BRACKETS = str.maketrans("[]【】", "()()")


def brief(report: Report, claims: Sequence[Claim], verdict: str, voice: Voice) -> str:
    """What a chat shows at a glance."""
    lines = [f"{REPORT_MARK}: {verdict}", what_line(report, voice)]
    for step in steps_of(report, claims, EVENT_BYTES):
        lines += [
            voice.line("next", sentence_of(step, voice)),
            *([step.event] if step.event else []),
            *([step.command] if step.command else []),
        ]
    for group in [group for group in groups_of(report, claims, voice.words) if not group.fine][:MOST_GROUPS]:
        lines.append(voice.line_of(group.heading, voice.names(_names(group.rows), MOST_NAMES)))
        if group.why:
            lines.append(voice.line("why", cut(group.why, REASON_BYTES)))
    lines += [voice.line("problem", f"{row['path']}: {row['what']}") for row in report["problems"][:MOST_GROUPS]]
    lines += [voice.line("when", voice.span(report)), voice.line("run", report["run_id"])]
    return fitted(lines)


def fitted(lines: Iterable[str]) -> str:
    """The first lines, as many as a chat takes; the last line shown is cut if nothing else helps."""
    text = ""
    for line in map(one_line, lines):
        if size_of(text) + size_of(line) + 1 > CHAT_BYTES:
            return cut(f"{text}\n{line}" if text else line, CHAT_BYTES)
        text = f"{text}\n{line}" if text else line
    return text


def sms(report: Report, claims: Sequence[Claim], subject: str, voice: Voice) -> str:
    """The subject, the first names, and what to do; what to copy stands in the mail."""
    (first, *_), (step, *_) = claims, steps_of(report, claims, EVENT_BYTES)
    names = voice.names(_names(first.rows), IN_SMS) if first.urgency.is_harm or first.urgency is Urgency.APPROVE else ""
    run = voice.say("sms_run", run=report["run_id"], time=voice.time(report["ended_at"]))
    names = names or "".join(f"{row['path']}: {row['what']}" for row in report["problems"][:1])
    how = step.command or (voice.say("sms_mail") if step.event else "")
    return telephoned([subject, names, sentence_of(step, voice), how, run])


def telephoned(parts: Iterable[str]) -> str:
    """One text without square or lenticular brackets, which telephone companies take for a sender's name, and not too long for them."""
    text = " | ".join(one_line(part) for part in parts if part).translate(_NO_BRACKETS)
    while len(text.encode("utf-16-le")) // 2 > SMS_SIGNS:
        text = text[: min(len(text), SMS_SIGNS) - 4].rstrip(".") + "..."
    return text


def _names(rows: Iterable[InstanceReport]) -> Iterable[str]:
    return (cut(row["name"] or row["instance_id"], NAME_BYTES) for row in rows)
