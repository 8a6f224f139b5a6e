"""What a run writes down, and what it adds up to: `fold(entries) -> RunState`. Pure; the stores are adapters.

An entry is JSON as it is stored. Every change of a run's state is an entry first, with a store behind it or without, so
that a resumed run and a running one cannot disagree. Times (`at`) are seconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypedDict, assert_never

from dcs_upkeep.model import Action, Evidence, Outcome, OutcomeKind, Plan, PlannedInstance, Refusal


class Baseline(TypedDict):
    """What an instance showed just before sending; `launched_at` is None where the read was a list."""

    status: str
    launched_at: str | None


class Planned(TypedDict):
    kind: Literal["planned"]
    at: float
    plan: dict[str, Any]


class Guarded(TypedDict):
    """The guards ran again just before a wave: who left it, and what the rest showed."""

    kind: Literal["guarded"]
    at: float
    wave: int
    outcomes: list[dict[str, Any]]
    baseline: dict[str, Baseline]


class Sending(TypedDict):
    """Durable before its PUT leaves: whatever happens next, these IDs are known to be in question."""

    kind: Literal["sending"]
    at: float
    wave: int
    attempt: int
    ids: list[str]


class Sent(TypedDict):
    """What one answer means per ID: `accepted`, `doubt` (nobody knows), `again` (not executed), `api_failed`, or a final outcome."""

    kind: Literal["sent"]
    at: float
    attempt: int
    verdicts: dict[str, str]
    what: str
    code: str | None
    request_id: str | None


class Seen(TypedDict):
    """What reading showed: `busy` IDs in this action's busy state, `evidence` IDs whose lost answer is settled so (with the reason)."""

    kind: Literal["seen"]
    at: float
    busy: list[str]
    evidence: dict[str, str]


class Watched(TypedDict):
    """Final outcomes."""

    kind: Literal["watched"]
    at: float
    outcomes: list[dict[str, Any]]


class Stopped(TypedDict):
    """Nothing more is sent. `rest` is what becomes of the instances whose turn has not come."""

    kind: Literal["stopped"]
    at: float
    why: str
    rest: str
    guard: str | None
    reason: str


Entry = Planned | Guarded | Sending | Sent | Seen | Watched | Stopped


class Stage(StrEnum):
    """Where one instance of a plan stands."""

    PENDING = "pending"  # its turn has not come, or it was proven not executed and may be sent again
    SENDING = "sending"  # an attempt with it has begun and has no answer yet
    DOUBT = "doubt"  # the answer was lost: evidence decides, never another PUT
    API_FAILED = "api_failed"  # the API said failed and gives no reason: its state is to be read
    ACCEPTED = "accepted"  # the API took it, or evidence says so: being watched
    DONE = "done"


@dataclass(slots=True)
class Progress:
    """One instance of the plan on its way. `explicit`: the API itself said success, so an end state that holds may count."""

    instance_id: str
    wave: int
    stage: Stage = Stage.PENDING
    attempts: int = 0
    first_sent_at: float | None = None
    answered_at: float | None = None
    explicit: bool = False
    seen_busy: bool = False
    note: str = ""
    code: str | None = None
    request_id: str | None = None
    baseline: Baseline | None = None
    outcome: Outcome | None = None


@dataclass(slots=True)
class RunState:
    """All that the entries of a run add up to."""

    plan: Plan | None = None
    progress: dict[str, Progress] = field(default_factory=dict)
    attempts: int = 0
    open_attempts: dict[int, list[str]] = field(default_factory=dict)
    waves_begun: int = 0
    stop: Stopped | None = None

    def apply(self, entry: Entry) -> None:
        """Take one more entry into account."""
        match entry["kind"]:
            case "planned":
                self._planned(plan_from_json(entry["plan"]))
            case "guarded":
                self.waves_begun = max(self.waves_begun, entry["wave"])
                for instance_id, baseline in entry["baseline"].items():
                    self.progress[instance_id].baseline = baseline
                self._finish(entry["outcomes"])
            case "sending":
                self._sending(entry)
            case "sent":
                self._sent(entry)
            case "seen":
                self._seen(entry)
            case "watched":
                self._finish(entry["outcomes"])
            case "stopped":
                self.stop = self.stop or entry
            case _:
                assert_never(entry["kind"])

    def failures(self) -> int:
        """What counts against the error budget, over the whole plan."""
        counted = (OutcomeKind.FAILED, OutcomeKind.UNKNOWN)
        return sum(1 for one in self.progress.values() if one.outcome is not None and one.outcome.outcome in counted)

    def at_stage(self, *stages: Stage, wave: int | None = None) -> list[Progress]:
        """The instances that stand at one of these stages, in the order of the plan."""
        return [one for one in self.progress.values() if one.stage in stages and wave in (None, one.wave)]

    def may_have_sent(self) -> bool:
        """Whether any attempt was begun at all. From then on an invocation returns and does not raise."""
        return self.attempts > 0

    def _planned(self, plan: Plan) -> None:
        self.plan = plan
        for number, wave in enumerate(plan.waves, start=1):
            for instance_id in wave:
                self.progress[instance_id] = Progress(instance_id, number)

    def _sending(self, entry: Sending) -> None:
        self.attempts = max(self.attempts, entry["attempt"])
        self.open_attempts[entry["attempt"]] = entry["ids"]
        for instance_id in entry["ids"]:
            one = self.progress[instance_id]
            one.stage = Stage.SENDING
            one.attempts += 1
            one.first_sent_at = entry["at"]

    def _sent(self, entry: Sent) -> None:
        self.open_attempts.pop(entry["attempt"], None)
        for instance_id, verdict in entry["verdicts"].items():
            one = self.progress[instance_id]
            one.stage = Stage.PENDING if verdict == "again" else Stage(verdict)
            one.explicit = verdict == Stage.ACCEPTED
            one.note, one.code, one.request_id = entry["what"], entry["code"], entry["request_id"]
            one.answered_at = entry["at"]

    def _seen(self, entry: Seen) -> None:
        for instance_id in entry["busy"]:
            self.progress[instance_id].seen_busy = True
        for instance_id, reason in entry["evidence"].items():
            one = self.progress[instance_id]
            one.stage, one.note = Stage.ACCEPTED, reason

    def _finish(self, outcomes: Iterable[Mapping[str, Any]]) -> None:
        for raw in outcomes:
            outcome = outcome_from_json(raw)
            one = self.progress[outcome.instance_id]
            one.stage, one.outcome = Stage.DONE, outcome


def fold(entries: Iterable[Entry]) -> RunState:
    """Add up the entries of one run, in order."""
    state = RunState()
    for entry in entries:
        state.apply(entry)
    return state


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
        "waves": [list(wave) for wave in plan.waves],
        "instances": [asdict(one) for one in plan.instances.values()],
        "settled": [outcome_to_json(outcome) for outcome in plan.settled],
        "refusal": asdict(plan.refusal) if plan.refusal else None,
        "notes": list(plan.notes),
    }


def plan_from_json(raw: Mapping[str, Any]) -> Plan:
    """The other way round."""
    return Plan(
        **{**{name: raw[name] for name in _PLAIN}, "action": Action(raw["action"])},
        waves=tuple(tuple(wave) for wave in raw["waves"]),
        instances={one["instance_id"]: PlannedInstance(**one) for one in raw["instances"]},
        settled=tuple(outcome_from_json(one) for one in raw["settled"]),
        refusal=Refusal(**raw["refusal"]) if raw["refusal"] else None,
        notes=tuple(raw["notes"]),
    )


_PLAIN = ("action", "name", "dry_run", "digest", "max_failures", "pause_s", "watch_timeout_s")
