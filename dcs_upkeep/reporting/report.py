"""What became of a run, as one JSON object: returned, logged, published and stored. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired

from typing_extensions import TypedDict

from dcs_upkeep import __version__
from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.bounds import TEXT_BYTES, cut
from dcs_upkeep.domain.model import Location, Outcome, OutcomeKind, Plan, RunStatus, Trigger
from dcs_upkeep.domain.problems import one_line
from dcs_upkeep.domain.timestamps import iso

REPORT_VERSION = 1


class TriggerReport(TypedDict):
    """Where the event came from. `principal`: who asked, as the trigger shows it."""

    kind: str
    id: str
    time: str | None
    principal: str | None


class PlanReport(TypedDict):
    """What was decided. `waves` are instance IDs; `digest` is what an approval is bound to.

    `showing`: the record of what was shown to a person; `<digest>.<showing>` is what `approve` takes, once.
    """

    name: str | None
    action: str | None
    digest: str | None
    dry_run: bool
    waves: list[list[str]]
    showing: NotRequired[str]


class InstanceReport(TypedDict):
    """One instance: its outcome, why, and when."""

    instance_id: str
    name: str | None
    outcome: str
    reason: str
    guard: str | None
    wave: int | None
    evidence: str | None
    loses_data: bool | None
    error_code: str | None
    request_id: str | None
    sent_at: str | None
    completed_at: str | None
    elapsed_s: float | None


class ProblemReport(TypedDict):
    """One thing wrong with the event: where, what, and what to write instead."""

    path: str
    what: str
    fix: str


class Report(TypedDict):
    """All outcomes of one run. Times are ISO 8601 in UTC, durations seconds; `next` is what the reader should do now.

    `left_out`: what did not fit into an answer, and where it is.
    """

    report_version: int
    run_id: str
    status: str
    replayed: bool
    trigger: TriggerReport
    tool_version: str
    region: str
    project_id: str
    requested_by: str | None
    hops: int
    plan: PlanReport
    counts: dict[str, int]
    instances: list[InstanceReport]
    problems: list[ProblemReport]
    notes: list[str]
    calls: dict[str, int]
    started_at: str
    ended_at: str
    elapsed_s: float
    next: str
    possibly_repeated: NotRequired[bool]
    left_out: NotRequired[list[str]]


@dataclass(frozen=True, slots=True)
class Header:
    """What every report of one run says, whatever became of it."""

    run_id: str
    trigger: Trigger
    location: Location
    requested_by: str | None
    name: str | None
    action: Action | None
    dry_run: bool
    started_at: datetime


def status_of(outcomes: Iterable[Outcome], *, halted: bool = False, refused: bool = False, unseen: bool = False) -> RunStatus:
    """The first that fits, in this order. `refused`: the event or the plan was refused whole.

    `unseen`: something was accepted whose effect was to be watched and could not be.
    """
    kinds = {outcome.outcome for outcome in outcomes}
    if halted:
        return RunStatus.HALTED
    if OutcomeKind.DEFERRED in kinds:
        return RunStatus.DEFERRED
    if OutcomeKind.PLANNED in kinds and not refused:
        return RunStatus.PLANNED
    sent = any(kind.sent for kind in kinds)
    if not sent and (refused or OutcomeKind.REFUSED in kinds):
        # An instance that was fine already beside one that was refused: nothing was sent, so it is `rejected` all the same.
        return RunStatus.REJECTED
    if sent and not kinds & {OutcomeKind.ACCEPTED, OutcomeKind.COMPLETED}:
        return RunStatus.FAILED
    if unseen or not all(kind.fine for kind in kinds):
        return RunStatus.PARTIAL
    return RunStatus.SUCCEEDED


def matched_nothing(report: Report) -> bool:
    """Whether the selection was empty, and nothing was wrong with that: a mistyped tag must not be a green report every week."""
    return report["status"] == RunStatus.SUCCEEDED and not report["counts"]


def summarize(
    header: Header,
    plan: Plan | None,
    outcomes: Sequence[Outcome],
    *,
    status: RunStatus,
    next_step: str,
    ended_at: datetime,
    calls: Mapping[str, int] | None = None,
    hops: int = 0,
    problems: Sequence[ProblemReport] = (),
    notes: Sequence[str] = (),
) -> Report:
    """Put a run into the report's shape. Instances stand in the order of `outcomes`."""
    counts = Counter(outcome.outcome.value for outcome in outcomes)
    trigger = header.trigger
    action = plan.action if plan else header.action
    report = Report(
        report_version=REPORT_VERSION,
        run_id=header.run_id,
        status=status.value,
        replayed=False,
        trigger=TriggerReport(
            kind=trigger.kind.value, id=trigger.id, time=iso(trigger.time) if trigger.time else None, principal=trigger.principal
        ),
        tool_version=__version__,
        region=header.location.region,
        project_id=header.location.project_id,
        requested_by=_shown(header.requested_by),
        hops=hops,
        plan=PlanReport(
            name=_shown(header.name),
            action=action.value if action else None,
            digest=plan.digest if plan else None,
            dry_run=header.dry_run,
            waves=[list(wave) for wave in plan.waves] if plan else [],
        ),
        counts={kind.value: counts[kind.value] for kind in OutcomeKind if counts[kind.value]},
        instances=[_instance(outcome) for outcome in outcomes],
        problems=list(problems),
        notes=[_sentence(note) for note in notes],
        calls=dict(sorted((calls or {}).items())),
        started_at=iso(header.started_at),
        ended_at=iso(ended_at),
        elapsed_s=round((ended_at - header.started_at).total_seconds(), 3),
        next=one_line(next_step),
    )
    if plan is not None and plan.showing is not None:
        report["plan"]["showing"] = plan.showing
    return report


def _instance(outcome: Outcome) -> InstanceReport:
    return InstanceReport(
        instance_id=outcome.instance_id,
        name=outcome.name,
        outcome=outcome.outcome.value,
        reason=_sentence(outcome.reason),
        guard=outcome.guard,
        wave=outcome.wave,
        evidence=outcome.evidence.value if outcome.evidence else None,
        loses_data=outcome.loses_data,
        error_code=outcome.error_code,
        request_id=outcome.request_id,
        sent_at=outcome.sent_at,
        completed_at=outcome.completed_at,
        elapsed_s=outcome.elapsed_s,
    )


def _shown(label: str | None) -> str | None:
    return one_line(label) if label is not None else None


def _sentence(text: str) -> str:
    """A reason or a note: one line, however long the words of strangers in it are."""
    return cut(one_line(text), TEXT_BYTES)
