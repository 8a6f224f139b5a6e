"""The entries of a run's stream, as they are stored: JSON objects with a `kind`. What they add up to is in `run_state`.

Times (`at`) are seconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal, NotRequired, TypedDict

from dcs_upkeep.domain.actions import Action, LossClass
from dcs_upkeep.domain.model import Evidence, Outcome, OutcomeKind, Plan, PlannedInstance, Refusal
from dcs_upkeep.domain.run import RunScope

# Of these entries. Raised if an older version would misread them: a run that says a higher one is left alone.
FORMAT = 1


class Baseline(TypedDict):
    """What an instance showed just before sending; `launched_at` is None if the read was a list."""

    status: str
    launched_at: str | None


class _Entry(TypedDict):
    """`owner`, `lease_until` and `nonce` are there if there is a store: every entry renews the lease of its writer.

    `nonce` tells this entry from every other, so that a writer who lost the store's answer knows its own again.
    """

    at: float
    owner: NotRequired[str]
    lease_until: NotRequired[float]
    nonce: NotRequired[str]


class Claimed(_Entry):
    """The run exists. `asked` names the request in words, `same_as` is equal for the same request alone.

    `scope`: whose it is; version 0.1.0 did not write that.
    """

    kind: Literal["claimed"]
    format: int
    run_id: str
    same_as: str
    asked: str
    named: str | None
    alarm_id: str | None
    request: dict[str, Any]
    trigger: dict[str, Any]
    scope: NotRequired[dict[str, str]]


class TakenOver(_Entry):
    """Another invocation goes on with the run: after a hand-over, or because the lease had lapsed.

    `resumed`: because a person asked for it, so that a stop by a person ends here.
    """

    kind: Literal["taken_over"]
    resumed: NotRequired[bool]


class Planned(_Entry):
    """One piece of the plan's JSON text; the pieces in order make the whole."""

    kind: Literal["planned"]
    part: int
    parts: int
    text: str


class Renewed(_Entry):
    """Still at work."""

    kind: Literal["renewed"]


class Yielded(_Entry):
    """This invocation is done and the next may go on: at once, or at `not_before`. `token` names the hand-over in logs.

    `stopped_by`: a person has stopped the run; only a person lets anything more of it be sent.
    """

    kind: Literal["yielded"]
    token: str
    calls: dict[str, int]
    not_before: NotRequired[float]
    stopped_by: NotRequired[str]


class Publishing(_Entry):
    """A publication may be about to happen. `status`: of the report that is told."""

    kind: Literal["publishing"]
    topic: str
    status: NotRequired[str]


class Published(_Entry):
    """It did."""

    kind: Literal["published"]
    topic: str
    status: NotRequired[str]


class Reported(_Entry):
    """The run is over. The report is made from the entries before this and from these."""

    kind: Literal["reported"]
    status: str
    next: str
    calls: dict[str, int]
    notes: list[str]
    ended_at: str
    elapsed_s: float


class Released(_Entry):
    """The run ended before any attempt: its key may be claimed again."""

    kind: Literal["released"]
    reason: str


class Guarded(_Entry):
    """The guards ran again: what those that are left showed. `classified_at`: when their data-loss classes were read, if they were."""

    kind: Literal["guarded"]
    wave: int
    baseline: dict[str, Baseline]
    classified_at: NotRequired[float]


class Sending(_Entry):
    """Durable before its PUT leaves: whatever happens next, these IDs are known to be in question."""

    kind: Literal["sending"]
    wave: int
    attempt: int
    ids: list[str]


class Sent(_Entry):
    """What one answer means per ID: `accepted`, `doubt` (nobody knows), `again` (not executed), `api_failed`, or `final`.

    `outcomes` has those of the IDs whose verdict is final, in this entry: one that stood in the next could be lost by a death between.
    """

    kind: Literal["sent"]
    attempt: int
    verdicts: dict[str, str]
    outcomes: NotRequired[list[dict[str, Any]]]
    what: str
    code: str | None
    request_id: str | None


class Seen(_Entry):
    """What reading showed: `busy` IDs in this action's busy state, `evidence` IDs whose lost answer is settled so (with the reason).

    `unexecuted`: IDs of a refused batch that, as the reading shows, were not acted on: they may be sent again.
    """

    kind: Literal["seen"]
    busy: list[str]
    evidence: dict[str, str]
    unexecuted: NotRequired[list[str]]


class Watched(_Entry):
    """Final outcomes."""

    kind: Literal["watched"]
    outcomes: list[dict[str, Any]]


class Stopped(_Entry):
    """Nothing more is sent. `rest` is what becomes of the instances whose turn has not come."""

    kind: Literal["stopped"]
    why: str
    rest: str
    guard: str | None
    reason: str


Entry = (
    Claimed
    | TakenOver
    | Planned
    | Renewed
    | Guarded
    | Sending
    | Sent
    | Seen
    | Watched
    | Stopped
    | Yielded
    | Publishing
    | Published
    | Reported
    | Released
)


def scope_of(claimed: Claimed) -> RunScope | None:
    """Whose the run is; None if a version began it that did not write that."""
    scope = claimed.get("scope")
    return None if scope is None else RunScope(scope["host"], scope["function"], scope["region"], scope["project_id"])


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """The outcome as the journal and the report hold it."""
    return asdict(outcome)


def outcome_from_json(raw: Mapping[str, Any]) -> Outcome:
    """The other way round."""
    evidence = raw["evidence"]
    return Outcome(**{**raw, "outcome": OutcomeKind(raw["outcome"]), "evidence": Evidence(evidence) if evidence else None})


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """The plan as the journal holds it."""
    return {
        **{name: getattr(plan, name) for name in _PLAIN},
        "covered": dict(plan.covered),
        "waves": [list(wave) for wave in plan.waves],
        "instances": [asdict(instance) for instance in plan.instances.values()],
        "settled": [outcome_to_json(outcome) for outcome in plan.settled],
        "refusal": asdict(plan.refusal) if plan.refusal else None,
        "notes": list(plan.notes),
        "read_at": plan.read_at,
        **{name: getattr(plan, name) for name in _LATER},
    }


def plan_from_json(raw: Mapping[str, Any]) -> Plan:
    """The other way round."""
    instances = {instance["instance_id"]: PlannedInstance(**instance) for instance in raw["instances"]}
    return Plan(
        **{**{name: raw[name] for name in _PLAIN}, "action": Action(raw["action"])},
        **{name: raw.get(name, default) for name, default in _LATER.items()},
        covered={one: _loss_class(word, instances.get(one)) for one, word in raw["covered"].items()},
        waves=tuple(tuple(wave) for wave in raw["waves"]),
        instances=instances,
        settled=tuple(outcome_from_json(outcome) for outcome in raw["settled"]),
        refusals=(Refusal(**raw["refusal"]),) if raw["refusal"] else (),
        notes=tuple(raw["notes"]),
        read_at=raw.get("read_at"),
    )


def _loss_class(raw: str | bool, planned: PlannedInstance | None) -> LossClass:
    """The class of one instance. Version 0.1.0 wrote whether its data would be lost, and marked what is disposable elsewhere."""
    if isinstance(raw, str):
        return LossClass(raw)
    return planned.loss_class if planned else LossClass.LOSES if raw else LossClass.KEEPS


_PLAIN = ("action", "name", "dry_run", "digest", "max_failures", "pause_s", "watch_timeout_s")
# What plans of version 0.1.0 lack, and how they are to be understood: they were in a journal, and nothing was shown in this form.
_LATER = {"showing": None, "shown_at": None, "needs_showing": True}
