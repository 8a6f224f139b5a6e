"""What the entries of a run add up to: `fold(entries) -> RunState`. Pure; the stores are adapters.

Every change of a run's state is an entry first, with a store behind it or without, so that a resumed run and a running
one cannot disagree.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Never, NoReturn

from dcs_upkeep.domain.actions import RULES
from dcs_upkeep.domain.deadline import BEGIN_S
from dcs_upkeep.domain.errors import RecordError
from dcs_upkeep.domain.model import OutcomeKind, Plan
from dcs_upkeep.domain.run import RunScope
from dcs_upkeep.domain.stopping import PERSON
from dcs_upkeep.journal.entries import (
    FORMAT,
    Claimed,
    Entry,
    Reported,
    Seen,
    Sending,
    Sent,
    Stopped,
    Yielded,
    outcome_from_json,
    plan_from_json,
    scope_of,
)
from dcs_upkeep.journal.progress import UNDER_WAY, Progress, Stage

# What counts against the error budget, and for the circuit breaker.
FAILURES = frozenset({OutcomeKind.FAILED, OutcomeKind.UNKNOWN})
UNREADABLE = "unreadable"  # why a run was stopped: what it did, or was to act on, could not be read
_STAGES = {"again": Stage.PENDING, "final": Stage.DONE}  # verdicts that are no stage's own word


@dataclass(slots=True)
class RunState:
    """All that the entries of a run add up to."""

    began_at: float | None = None  # the first entry of its stream, whose age decides when it lapses
    claimed: Claimed | None = None
    scope: RunScope | None = None  # whose it is; None if the version that began it did not write that
    owner: str = ""
    lease_until: float = 0.0
    takeovers: int = 0
    hops: int = 0
    idle_hops: int = 0  # the last so many invocations that handed it over had got nothing done
    got_on: bool = False  # whether the present one has
    taken_at: float = 0.0  # when the present one began with it
    calls: dict[str, int] = field(default_factory=dict)
    topics: dict[str, str] = field(default_factory=dict)
    told: dict[str, str | None] = field(default_factory=dict)  # topic -> status of the report that it was told last
    reported: Reported | None = None
    released: bool = False
    handed_over: bool = False
    let_go: bool = False  # by a person who stopped it
    not_before: float = 0.0
    waited_until: float = 0.0  # what the hop before had handed it over with: people were told so
    plan_parts: list[str] = field(default_factory=list)
    plan: Plan | None = None
    progress: dict[str, Progress] = field(default_factory=dict)
    attempts: int = 0
    open_attempts: dict[int, list[str]] = field(default_factory=dict)
    waves_begun: int = 0
    stop: Stopped | None = None
    settled_at: float | None = None

    def apply(self, entry: Entry) -> None:
        """Take one more entry into account."""
        if self.began_at is None:
            self.began_at = entry["at"]
        self.owner = entry.get("owner", self.owner)
        self.lease_until = entry.get("lease_until", self.lease_until)
        self.handed_over, self.let_go = entry["kind"] == "yielded", False
        match entry["kind"]:
            case "claimed":
                self._claimed(entry)
            case "renewed":
                pass
            case "taken_over":
                self.taken_at = entry["at"]
                # Whoever goes on now waits for nothing any more: an old `not_before` would keep the sweep away if this one dies.
                self.takeovers, self.not_before = self.takeovers + 1, 0.0
                if entry.get("resumed") and self.is_stopped_by_person:
                    self.stop = None
            case "yielded":
                self._yielded(entry)
            case "publishing" | "published":
                self.topics[entry["topic"]] = entry["kind"]
                self.told[entry["topic"]] = entry.get("status")
            case "reported":
                self.reported = entry
            case "released":
                self.released = True
            case "planned":
                self.plan_parts = [*(self.plan_parts if entry["part"] else []), entry["text"]]
                if len(self.plan_parts) == entry["parts"]:
                    self._planned(plan_from_json(json.loads("".join(self.plan_parts))), entry["at"])
                    self.got_on = True
            case "guarded":
                self.waves_begun = max(self.waves_begun, entry["wave"])
                for instance_id, baseline in entry["baseline"].items():
                    progress = self.progress[instance_id]
                    progress.baseline = baseline
                    progress.classified_at = entry.get("classified_at", progress.classified_at)
                    progress.guarded_at = entry["at"] if progress.guarded_at is None else progress.guarded_at
            case "sending":
                self._sending(entry)
            case "sent":
                self._sent(entry)
            case "seen":
                self._seen(entry)
            case "watched":
                self._finish(entry["outcomes"], entry["at"])
            case "stopped":
                if self.stop is None or self.is_stopped_by_person:  # which a person may take back, and nobody anything else
                    self.stop = entry
            case _:
                _unknown(entry["kind"])

    def _claimed(self, entry: Claimed) -> None:
        if entry["format"] > FORMAT:
            what = f"it was begun by a later version of this tool (format {entry['format']}, this one knows {FORMAT})"
            raise RecordError(f"{what}. Let that version go on with it")
        # A key that was released and is claimed again begins anew: nothing of the run before was ever sent.
        self.claimed, self.released, self.plan, self.stop = entry, False, None, None
        self.scope = scope_of(entry)
        self.progress, self.topics, self.told = {}, {}, {}
        self.idle_hops, self.got_on, self.taken_at = 0, False, entry["at"]

    def _yielded(self, entry: Yielded) -> None:
        self.hops += 1
        self.idle_hops = self.idle_after(entry["at"]) if not {"not_before", "stopped_by"} & entry.keys() else 0
        self.got_on = False
        self.calls = {name: self.calls.get(name, 0) + entry["calls"].get(name, 0) for name in {**self.calls, **entry["calls"]}}
        self.not_before = self.waited_until = entry.get("not_before", 0.0)
        self.let_go = "stopped_by" in entry
        if self.let_go and self.stop is None:  # its owner may have left so soon that this is all it wrote of the stop
            rest, reason = OutcomeKind.DEFERRED.value, entry.get("stopped_by", "")
            self.stop = Stopped(kind="stopped", at=entry["at"], why=PERSON, rest=rest, guard=None, reason=reason)

    @property
    def is_stopped_by_person(self) -> bool:
        """Whether a person has stopped it, and another may let it go on."""
        return self.stop is not None and self.stop["why"] == PERSON

    @property
    def stop_rest(self) -> str | None:
        """What becomes of the instances whose turn has not come, if the run was stopped."""
        return self.stop["rest"] if self.stop is not None else None

    @property
    def waits_for_person(self) -> bool:
        """Whether a person has stopped it while it had still something to do, which nobody but a person lets it do."""
        left = self.plan is None or (not self.plan.dry_run and self.plan.refusal is None and bool(self.at_stage(Stage.PENDING)))
        return self.is_stopped_by_person and not self.ended and left

    @property
    def rests(self) -> bool:
        """Whether its owner has let go of it for that reason: nobody works on it."""
        return self.let_go and self.waits_for_person

    def open(self) -> list[Progress]:
        """The instances that were sent and are to be watched still."""
        stages = [Stage.SENDING, Stage.DOUBT, Stage.API_FAILED]
        is_watched = self.plan is not None and self.plan.watch_timeout_s is not None
        return self.at_stage(*stages, *([Stage.ACCEPTED] if is_watched else []))

    def failures(self) -> int:
        """What counts against the error budget, over the whole plan."""
        return sum(1 for progress in self.progress.values() if progress.outcome is not None and progress.outcome.outcome in FAILURES)

    def idle_after(self, now: float) -> int:
        """How many invocations in a row have got nothing done, if the present one ends now: nothing planned, sent or settled.

        One that waited for what takes its time has not been idle: for instances under way, or on their way to where the action may
        begin, and for the pause between two waves. It has to have had the time to look, though.
        """
        waited = now - self.taken_at >= BEGIN_S and self._waits(now)
        return 0 if self.got_on or waited else self.idle_hops + 1

    def _waits(self, now: float) -> bool:
        if self.plan is None:
            return False
        pauses = self.settled_at is not None and now < self.settled_at + self.plan.pause_s
        waits_for = RULES[self.plan.action].waits_for
        awaited = any(one.baseline is not None and one.baseline["status"] in waits_for for one in self.at_stage(Stage.PENDING))
        # What is over its time and still has no outcome needs longer invocations, not more of them.
        most_s = self.plan.watch_timeout_s
        watched = any(most_s is None or now - (one.sent_at or now) < most_s for one in self.at_stage(*UNDER_WAY))
        return pauses or awaited or watched

    @property
    def ended(self) -> bool:
        """Whether nobody needs to go on with it."""
        return self.reported is not None or self.released

    def live_until(self, grace_s: float) -> float:
        """Until when nobody else may go on with this run: its lease, and the longest that a last attempt of its owner may take."""
        return 0.0 if self.handed_over else self.lease_until + grace_s

    def at_stage(self, *stages: Stage, wave: int | None = None) -> list[Progress]:
        """The instances that stand at one of these stages, in the order of the plan."""
        return [progress for progress in self.progress.values() if progress.stage in stages and wave in (None, progress.wave)]

    def may_have_sent(self) -> bool:
        """Whether any attempt was begun at all. From then on an invocation returns and does not raise."""
        return self.attempts > 0

    def _planned(self, plan: Plan, at: float) -> None:
        self.plan = plan
        for number, wave in enumerate(plan.waves, start=1):
            for instance_id in wave:
                self.progress[instance_id] = Progress(instance_id, number, classified_at=plan.read_at or at)

    def _sending(self, entry: Sending) -> None:
        self.got_on = True
        self.attempts = max(self.attempts, entry["attempt"])
        self.open_attempts[entry["attempt"]] = entry["ids"]
        for instance_id in entry["ids"]:
            progress = self.progress[instance_id]
            progress.stage = Stage.SENDING
            progress.term = self.takeovers
            progress.attempts += 1
            progress.sent_at = entry["at"]

    def _sent(self, entry: Sent) -> None:
        self.open_attempts.pop(entry["attempt"], None)
        for instance_id, verdict in entry["verdicts"].items():
            progress = self.progress[instance_id]
            progress.stage = _STAGES[verdict] if verdict in _STAGES else Stage(verdict)
            progress.explicit = verdict == Stage.ACCEPTED
            progress.note, progress.code, progress.request_id = entry["what"], entry["code"], entry["request_id"]
            progress.answered_at = entry["at"]
        self._finish(entry.get("outcomes", []), entry["at"])

    def _seen(self, entry: Seen) -> None:
        for instance_id in entry["busy"]:
            self.progress[instance_id].seen_busy = True
        for instance_id, reason in entry["evidence"].items():
            progress = self.progress[instance_id]
            progress.stage, progress.note = Stage.ACCEPTED, reason
        for instance_id in entry.get("unexecuted", []):
            self.progress[instance_id].stage = Stage.PENDING

    def _finish(self, outcomes: Iterable[Mapping[str, Any]], at: float) -> None:
        for raw in outcomes:
            outcome = outcome_from_json(raw)
            progress = self.progress[outcome.instance_id]
            progress.stage, progress.outcome, progress.done_at = Stage.DONE, outcome, at
            self.settled_at, self.got_on = at, True


def fold(entries: Iterable[Entry], where: str = "") -> RunState:
    """Add up the entries of one run, in order. Raises: RecordError if they make no sense, naming the stream `where`."""
    state = RunState()
    for seq, entry in enumerate(entries):
        try:
            state.apply(entry)
        except RecordError as err:
            raise RecordError(f"{where}: {err}.") from None
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            what = f"entry {seq} cannot be read ({type(err).__name__})"
            raise RecordError(f"{where}: {what}. Look at what wrote it; the run has to be judged by a person.") from err
    return state


def _unknown(kind: Never) -> NoReturn:
    """Every kind has its case, as far as this version knows."""
    raise RecordError(f"this version knows no entry {str(kind)[:40]!r}. Let the version that wrote it go on with it")
