"""Who may act on an instance: one run at a time, kept in a stream per instance, together with when it was last reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.errors import JournalError, SeqTakenError
from dcs_upkeep.domain.model import Verdict
from dcs_upkeep.domain.ports import Clock, Journal
from dcs_upkeep.domain.timestamps import iso_at
from dcs_upkeep.guards import current, guard
from dcs_upkeep.journal.append import TRIES
from dcs_upkeep.journal.run_lease import LeaseTerms
from dcs_upkeep.journal.run_stream import read_run

# A stream lives 30 days and is refused after; an instance lives for years. So its claims go to a new stream every 14
# days, and the one before is read as well. Around the change both are written, the older first, so that two runs with
# clocks a little apart still meet in one of them.
PERIOD_S = 14 * 86_400
OVERLAP_S = 3_600
HANDED_OVER_S = 900.0  # how long a run between two invocations keeps its instances: three sweeps
PARALLEL = 16
T = TypeVar("T")


@dataclass(slots=True)
class InstanceRecord:
    """What the streams of one instance say: who holds it, and when which action last reached it (seconds since 1970).

    `last_in`: stream -> who wrote its last entry, where that is a claim.
    """

    holder: str | None = None
    last_in: dict[str, str | None] = field(default_factory=dict)
    reached_at: dict[str, float] = field(default_factory=dict)


class InstanceLocks:
    """The instance claims of one run. Every method raises JournalError where the store cannot tell."""

    def __init__(self, journal: Journal, project_id: str, run_id: str, clock: Clock, terms: LeaseTerms) -> None:
        self._journal = journal
        self._project_id = project_id
        self._run_id = run_id
        self._clock = clock
        self._terms = terms

    def acquire(self, instance_ids: Sequence[str], action: Action, cooldown_s: float) -> dict[str, Verdict]:
        """Claim every instance, in sorted order. Returns those that are refused, and why. Claiming twice does no harm."""
        verdicts = _each(sorted(instance_ids), lambda one: self._take(one, action, cooldown_s))
        return {one: verdict for one, verdict in verdicts.items() if not verdict.allowed}

    def peek(self, instance_ids: Sequence[str], action: Action, cooldown_s: float) -> dict[str, Verdict]:
        """Those that `acquire` would refuse now. Writes nothing."""
        verdicts = _each(sorted(instance_ids), lambda one: self._judge(self._read(one)[0], action, cooldown_s))
        return {one: verdict for one, verdict in verdicts.items() if not verdict.allowed}

    def verify(self, instance_ids: Sequence[str]) -> dict[str, Verdict]:
        """Those that another run has taken since, which it may where this run's lease had lapsed."""
        verdicts = _each(sorted(instance_ids), self._check)
        return {one: verdict for one, verdict in verdicts.items() if not verdict.allowed}

    def release(self, reached_at: Mapping[str, float | None], action: Action) -> None:
        """Let go of every instance, and note when the action reached it (None: it did not)."""
        _each(sorted(reached_at), lambda one: self._leave(one, action, reached_at[one]))

    def _take(self, instance_id: str, action: Action, cooldown_s: float) -> Verdict:
        for stream in self._streams()[1]:
            verdict = self._take_in(stream, instance_id, action, cooldown_s)
            if not verdict.allowed:
                return verdict
        return Verdict(True, "claims")

    def _take_in(self, stream: str, instance_id: str, action: Action, cooldown_s: float) -> Verdict:
        for _ in range(TRIES):
            record, places = self._read(instance_id)
            verdict = self._judge(record, action, cooldown_s)
            if not verdict.allowed:
                return verdict
            name = f"{stream}/{instance_id}"
            if record.last_in.get(name) == self._run_id:
                return verdict  # ours already, from an earlier invocation of this run
            entry = {"kind": "held", "run_id": self._run_id, "at": self._clock.now().timestamp()}
            try:
                self._journal.append(name, places.get(name, 0), entry)
            except SeqTakenError:
                continue
            return Verdict(True, "claims")
        raise JournalError(f"{stream}/{instance_id}: too many runs want this instance at once. Send the event again.")

    def _check(self, instance_id: str) -> Verdict:
        record, _ = self._read(instance_id)
        if record.holder == self._run_id:
            return Verdict(True, "claims")
        return self._judge_holder(record) if record.holder else Verdict(False, "claims", "this run's claim on it is not on record")

    def _judge(self, record: InstanceRecord, action: Action, cooldown_s: float) -> Verdict:
        verdict = self._judge_holder(record)
        if not verdict.allowed:
            return verdict
        last = record.reached_at.get(action.value)
        last_at = datetime.fromtimestamp(last, UTC) if last is not None else None
        return guard.ask("cooldown", current.cooldown, last_at, cooldown_s, self._clock.now())

    def _judge_holder(self, record: InstanceRecord) -> Verdict:
        """Whether the holder, if it is another run, is still at work."""
        if record.holder is None or record.holder == self._run_id:
            return Verdict(True, "claims")
        state, _ = read_run(self._journal, record.holder)
        if state.ended or state.claimed is None:
            return Verdict(True, "claims")
        until = state.lease_until + (HANDED_OVER_S if state.handed_over else self._terms.grace_s)
        now = self._clock.now()
        return guard.ask("claims", current.claims, record.holder, iso_at(until), run_id=self._run_id, now=now)

    def _leave(self, instance_id: str, action: Action, reached_at: float | None) -> None:
        for stream in self._streams()[1]:
            name = f"{stream}/{instance_id}"
            for _ in range(TRIES):
                record, places = self._read(instance_id)
                if record.holder != self._run_id and reached_at is None:
                    break
                entry = {"kind": "left", "run_id": self._run_id, "action": action.value, "reached_at": reached_at}
                try:
                    self._journal.append(name, places.get(name, 0), entry)
                except SeqTakenError:
                    continue
                break

    def _read(self, instance_id: str) -> tuple[InstanceRecord, dict[str, int]]:
        """What is on record about an instance, and the next place in each of its streams."""
        record, places = InstanceRecord(), {}
        for stream in self._streams()[0]:
            name = f"{stream}/{instance_id}"
            entries = self._journal.read(name)
            places[name] = len(entries)
            for _, entry in entries:
                run_id, reached_at = str(entry["run_id"]), entry.get("reached_at")
                if entry["kind"] == "held":
                    record.holder = record.last_in[name] = run_id
                    continue
                record.last_in[name] = None
                if record.holder == run_id:
                    record.holder = None
                if isinstance(reached_at, int | float):
                    action = str(entry["action"])
                    record.reached_at[action] = max(reached_at, record.reached_at.get(action, 0.0))
        return record, places

    def _streams(self) -> tuple[list[str], list[str]]:
        """The streams to read, and those to write to, older first; the instance's ID completes each name."""
        at = self._clock.now().timestamp()
        first, last = int((at - OVERLAP_S) // PERIOD_S), int((at + OVERLAP_S) // PERIOD_S)
        names = [f"instance/{self._project_id}/{period}" for period in range(first - 1, last + 1)]
        return names, names[1:]


def _each(instance_ids: Sequence[str], work: Callable[[str], T]) -> dict[str, T]:
    """Do the same for each instance, several at a time, begun in the given order."""
    if len(instance_ids) <= 1:
        return {one: work(one) for one in instance_ids}
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="claim") as pool:
        return dict(zip(instance_ids, pool.map(work, instance_ids), strict=True))
