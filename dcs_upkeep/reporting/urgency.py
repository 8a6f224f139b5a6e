"""What a report means for the person who is woken by it: the harm first. Pure.

What is harm, in the order in which it is told:
- DOWN: `failed` or `unknown`, and the last state that was seen is not RUNNING; after a `stop`, CLOSING and CLOSED are what was wanted.
- DATA LOST: the action reached an instance whose data it clears (`loses_data` is true): done, accepted, or DOWN after it had begun.
  That it was approved makes it no less lost. Not for `flush`, which is asked for to clear data, nor where a tag calls the data disposable:
  then nobody read whether it would be lost (`loses_data` is null).
- APPROVE?: nothing was done, and an approval is what is wanting; or a dry run showed that it will be.
- CHECK: `unknown`, or `accepted` though its effect was to be watched.
- FAILED: `failed`, and it stands where it stood: refused by the API, or never executed.
- STOPPED, HALTED: something was not attempted. ACTION NEEDED: something waits for a person, or could not even begin.
- NOTHING MATCHED, refused, waiting, a plan, ok: nobody is harmed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from dcs_upkeep.domain.actions import RULES, Action, DataLoss
from dcs_upkeep.domain.model import OutcomeKind, RunStatus, TriggerKind
from dcs_upkeep.reporting.report import InstanceReport, Report, matched_nothing

ACTION_NEEDED = "ACTION NEEDED"
_API_FAILED = "the API said failed"
# The last state that an outcome's own words name. Nothing but our words stands before or after it: what a stranger wrote cannot fake one.
_LAST_STATES = (
    re.compile(r"it ended in (?P<state>ERROR)"),
    re.compile(r"(?P<gone>it is gone)"),
    re.compile(r"not [A-Z]+ within \S+ s; (?:its last state is (?P<state>[A-Z_]+)|(?P<gone>it is no longer listed))"),
    re.compile(r"the API said failed, without a reason; it is (?:(?P<state>[A-Z_]+)|(?P<gone>no longer listed)) now\Z"),
    re.compile(r".*; no evidence within \S+ s that it was acted on; it is (?:(?P<state>[A-Z_]+)|(?P<gone>no longer listed)) now\Z"),
)
_LOSING = re.compile(r"would clear the data of (\d+) instances? and is not approved")
_PULLED_BY = re.compile(r"(?:halt: )?(?:halt '[^']{0,80}'|a halt) is in force, pulled by (?:'([^']*)'|\"([^\"]*)\")")
_HALT_ID = re.compile(r"(?:halt: )?halt '([^']{1,80})' is in force")


class Urgency(StrEnum):
    """The words for filter policies, most urgent first; they are the same in every language."""

    DOWN = "down"
    DATA_LOST = "data_lost"
    APPROVE = "approve"
    CHECK = "check"
    FAILED = "failed"
    STOPPED = "stopped"
    HALTED = "halted"
    ACTION_NEEDED = "action_needed"
    NOTHING_MATCHED = "nothing_matched"
    REFUSED = "refused"
    WAITING = "waiting"
    PLANNED = "planned"
    OK = "ok"

    @property
    def is_harm(self) -> bool:
        """Whether an instance is in trouble, so that somebody looks at it in the console."""
        return self in (Urgency.DOWN, Urgency.DATA_LOST, Urgency.CHECK, Urgency.FAILED)


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a reader has to know. `key`: its sentence in the catalogue, with `fields`; `rows`: the instances it is about."""

    urgency: Urgency
    key: str
    fields: Mapping[str, object] = field(default_factory=dict)
    rows: Sequence[InstanceReport] = ()


def claims_of(report: Report) -> tuple[Claim, ...]:
    """Everything that this report says, the most urgent first; never empty."""
    found = [*_harm(report), *_want_of_approval(report), *_stops(report), *_quiet(report)]
    order = list(Urgency)
    return tuple(sorted(found, key=lambda claim: order.index(claim.urgency)))


def _harm(report: Report) -> Iterable[Claim]:
    rows, total = report["instances"], len(report["instances"])
    down = [row for row in rows if is_down(row, report["plan"]["action"])]
    others = [row for row in rows if not is_down(row, report["plan"]["action"])]
    unknown = [row for row in others if row["outcome"] == OutcomeKind.UNKNOWN]
    failed = [row for row in others if row["outcome"] == OutcomeKind.FAILED]
    if down:
        yield Claim(Urgency.DOWN, "down", {"count": len(down), "total": total}, down)
    if lost := [row for row in rows if has_lost(row, report["plan"]["action"])]:
        yield Claim(Urgency.DATA_LOST, "data_lost", {"count": len(lost)}, lost)
    if unknown:
        yield Claim(Urgency.CHECK, "check", {"count": len(unknown)}, unknown)
    if unseen := [row for row in rows if is_unseen(row)]:
        yield Claim(Urgency.CHECK, "check_unseen", {"count": len(unseen)}, unseen)
    if failed:
        yield Claim(Urgency.FAILED, "failed", {"count": len(failed), "total": total}, failed)


def last_state(row: InstanceReport) -> str | None:
    """The status in which an instance was seen last, as its outcome's words say; `DELETED` if it is gone, None if they do not say."""
    for pattern in _LAST_STATES:
        if found := pattern.match(row["reason"]):
            return found.groupdict().get("state") or "DELETED"
    return None


def is_down(row: InstanceReport, action: str | None) -> bool:
    """Whether an instance is not back."""
    state = last_state(row) if row["outcome"] in (OutcomeKind.FAILED, OutcomeKind.UNKNOWN) else None
    wanted = {"RUNNING", "CLOSING", "CLOSED"} if action == Action.STOP else {"RUNNING"}
    return state is not None and state not in wanted


def has_lost(row: InstanceReport, action: str | None) -> bool:
    """Whether the data of an instance is gone, and that was not what the action is for."""
    if row["loses_data"] is not True or action is None or RULES[Action(action)].data_loss is DataLoss.ALWAYS:
        return False
    begun = is_down(row, action) and row["outcome"] == OutcomeKind.FAILED and not row["reason"].startswith(_API_FAILED)
    return begun or row["outcome"] in (OutcomeKind.COMPLETED, OutcomeKind.ACCEPTED)


def is_unseen(row: InstanceReport) -> bool:
    """Whether the API took it, and its effect was to be watched and was not seen."""
    return row["outcome"] == OutcomeKind.ACCEPTED and not row["reason"].endswith("the effect was not watched, as asked")


def _want_of_approval(report: Report) -> Iterable[Claim]:
    rows, plan = report["instances"], report["plan"]
    planned = report["status"] == RunStatus.PLANNED
    refused = report["status"] == RunStatus.REJECTED and ("showing" in plan or any(row["guard"] == "approval" for row in rows))
    told = [row["reason"] for row in rows[:1]] + report["notes"]
    counts = [int(found[1]) for text in told if (found := _LOSING.search(text))]
    losing = [row for row in rows if row["loses_data"] is not False and row["outcome"] in (OutcomeKind.REFUSED, OutcomeKind.PLANNED)]
    if (planned or refused) and counts:
        yield Claim(Urgency.APPROVE, "approve", {"count": counts[0], "total": len(rows)}, losing)
    elif refused:
        yield Claim(Urgency.APPROVE, "approve_again", rows=losing)
    elif planned:
        yield Claim(Urgency.PLANNED, "planned", {"count": report["counts"].get(OutcomeKind.PLANNED, 0)})


def _stops(report: Report) -> Iterable[Claim]:
    rows, status = report["instances"], report["status"]
    left = [row for row in rows if row["outcome"] == OutcomeKind.NOT_ATTEMPTED]
    waves = [row["wave"] for row in rows if row["wave"] is not None and OutcomeKind(row["outcome"]).sent]
    if left and status != RunStatus.HALTED:
        yield Claim(Urgency.STOPPED, "stopped", {"wave": max(waves)}, left) if waves else Claim(Urgency.STOPPED, "stopped_first", rows=left)
    if status == RunStatus.HALTED:
        yield _halted(report, left)
    if report["next"].startswith(ACTION_NEEDED) or is_fault(report):
        yield Claim(Urgency.ACTION_NEEDED, "action_needed")


def _halted(report: Report, left: Sequence[InstanceReport]) -> Claim:
    who = pulled_by(report)
    if who is None:
        return Claim(Urgency.HALTED, "halted_unknown", rows=left)
    if who == "the circuit breaker":
        return Claim(Urgency.HALTED, "halted_breaker", rows=left)
    if who in list(TriggerKind):
        return Claim(Urgency.HALTED, "halted_event", {"kind": who}, left)
    return Claim(Urgency.HALTED, "halted", {"who": who}, left)


def is_fault(report: Report) -> bool:
    """Whether it met a fault before the first write: there is no outcome to read, and a person has to mend something."""
    return report["status"] == RunStatus.FAILED and not any(OutcomeKind(row["outcome"]).sent for row in report["instances"])


def pulled_by(report: Report) -> str | None:
    """Who has pulled the halt lever that stopped this run, as its reasons tell; None if they do not."""
    found = _first(_PULLED_BY, report)
    return None if found is None else found[1] or found[2]


def halt_id(report: Report) -> str | None:
    """The halt that stopped this run."""
    found = _first(_HALT_ID, report)
    return None if found is None else found[1]


def _first(pattern: re.Pattern[str], report: Report) -> re.Match[str] | None:
    """In what the halt guard said, of an instance or of a selection that was not read: nobody else's words stand at the beginning."""
    texts = [row["reason"] for row in report["instances"] if row["guard"] == "halt"] + list(report["notes"])
    return next((found for text in texts if (found := pattern.match(text))), None)


def _quiet(report: Report) -> Iterable[Claim]:
    rows, status = report["instances"], report["status"]
    refused = [row for row in rows if row["outcome"] == OutcomeKind.REFUSED]
    fine = [row for row in rows if OutcomeKind(row["outcome"]).fine and not is_unseen(row)]
    if matched_nothing(report):
        yield Claim(Urgency.NOTHING_MATCHED, "nothing_matched")
    elif status == RunStatus.REJECTED:
        yield Claim(Urgency.REFUSED, "refused", rows=refused)
    elif refused and status != RunStatus.HALTED:
        yield Claim(Urgency.REFUSED, "refused_some", {"count": len(refused), "total": len(rows)}, refused)
    if status in (RunStatus.DEFERRED, RunStatus.RUNNING) and not report["next"].startswith(ACTION_NEEDED):
        yield Claim(Urgency.WAITING, "waiting", rows=[row for row in rows if row["outcome"] == OutcomeKind.DEFERRED])
    if fine and status not in (RunStatus.PLANNED, RunStatus.REJECTED):
        yield Claim(Urgency.OK, "ok", {"count": len(fine), "total": len(rows)}, fine)
