"""What the topics hear of the halt lever: pulled, or released. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dcs_upkeep.domain.bounds import MAIL_BYTES, cut_in_json
from dcs_upkeep.domain.model import REPORT_MARK, Location
from dcs_upkeep.domain.ports import Message
from dcs_upkeep.domain.problems import one_line
from dcs_upkeep.domain.reader import ENGLISH, Reader
from dcs_upkeep.reporting.brief import fitted, telephoned
from dcs_upkeep.reporting.mail import sentence_of, step_lines
from dcs_upkeep.reporting.messages import subject_of
from dcs_upkeep.reporting.steps import Step, release_of
from dcs_upkeep.reporting.urgency import Urgency
from dcs_upkeep.reporting.voice import Voice, voice_for

MOST_RUNS = 50


def halt_pulled(
    halt: Mapping[str, str], location: Location, stops: Sequence[Mapping[str, Any]] | None, reader: Reader = ENGLISH
) -> Message:
    """A person has pulled the lever. `stops`: the runs that it stops (`run_overview.live_runs`); None if they could not be read."""
    voice = voice_for(reader)
    verdict = voice.say("halted", who=halt["by"])
    lines = [
        voice.line("why", halt["reason"]),
        voice.line("what", f"{_stopping(stops, voice)}{voice.say('halt.what', halt=halt['id'])}"),
    ]
    step = release_of(halt["id"])
    shown = list(stops or ())
    rows = [f"  {run_line(row, voice)}" for row in shown[:MOST_RUNS]]
    if len(shown) > MOST_RUNS:
        rows.append(f"  {voice.say('and_more', count=len(shown) - MOST_RUNS, where=halt['id'])}")
    notice = {"notice": f"{REPORT_MARK}: HALTED", "halt": dict(halt), "stops": shown[:MOST_RUNS]}
    return _message(
        verdict, halt["reason"], [*lines, *_about(location, halt["at"], voice), *step_lines(step, voice), *rows], notice, voice, step
    )


def halt_released(halt: Mapping[str, str], location: Location, by: str, at: str, reader: Reader = ENGLISH) -> Message:
    """The lever is let go of. `halt`: the one that was in force."""
    voice = voice_for(reader)
    lines = [
        voice.line("what", voice.say("release.what")),
        voice.line("why", voice.say("release.was", halt=halt["id"], who=halt["by"], at=voice.time(halt["at"]), reason=halt["reason"])),
    ]
    notice = {"notice": f"{REPORT_MARK}: released", "halt": dict(halt), "released_by": by}
    return _message(voice.say("released", who=by), halt["reason"], [*lines, *_about(location, at, voice)], notice, voice)


def _message(
    verdict: str, reason: str, lines: Sequence[str], notice: Mapping[str, object], voice: Voice, step: Step | None = None
) -> Message:
    """In every form, with what to copy in each."""
    whole = [f"{REPORT_MARK}: {verdict}", *lines]
    subject = subject_of(verdict, reason, voice)
    copied = [sentence_of(step, voice), step.command] if step else []
    attributes = {"status": "halted", "urgency": Urgency.HALTED.value} if step else {"status": "released", "urgency": Urgency.OK.value}
    return Message(
        subject=subject,
        text=cut_in_json("\n".join(map(one_line, whole)), MAIL_BYTES),
        brief=fitted(whole),
        sms=telephoned([subject, *copied]),
        data=json.dumps(notice, ensure_ascii=False, default=str),
        attributes=attributes,
    )


def _about(location: Location, at: str, voice: Voice) -> list[str]:
    region = location.region or voice.say("no_region")
    return [
        voice.line("where", voice.say("halt.where", region=region, project=location.project_id or "-")),
        voice.line("when", voice.time(at)),
    ]


def _stopping(stops: Sequence[Mapping[str, Any]] | None, voice: Voice) -> str:
    if stops is None:
        return voice.say("halt.unread")
    return voice.say("halt.stops", count=len(stops)) if stops else voice.say("halt.nobody")


def run_line(row: Mapping[str, Any], voice: Voice) -> str:
    """One live run in a line: its short id first."""
    if row["status"] == "unreadable":
        return voice.say("halt.unreadable", short=row["short_id"], reason=row["reason"], run=row["run_id"])
    wave = voice.say("halt.wave", wave=row["wave"], waves=row["waves"]) if row["wave"] else voice.say("halt.before")
    scope = row.get("scope")
    whose = voice.say("halt.whose", function=scope["function"], host=scope["host"]) if scope else ""
    return voice.say(
        "halt.run",
        short=row["short_id"],
        action=row["action"] or "-",
        whose=whose,
        wave=wave,
        open=row["open"],
        done=row["done"],
        instances=row["instances"],
        run=row["run_id"],
    )
