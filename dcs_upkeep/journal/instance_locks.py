"""Who may act on an instance: one run at a time, kept in a stream per instance, together with when it was last reached.

What a record means is not judged here: whoever asks for a lock brings the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import Verdict
from dcs_upkeep.domain.ports import Clock, Journal
from dcs_upkeep.journal.append import Entries, append_next
from dcs_upkeep.journal.run_lease import LeaseTerms
from dcs_upkeep.journal.run_stream import read_run

# A stream lives for some months (domain/lifetimes) and is refused after; an instance lives for years. So its claims go to
# a new stream every 14 days, and the one before is read as well. Around the change both are written, the older first, so
# that two runs with clocks a little apart still meet in one of them.
PERIOD_S = 14 * 86_400
OVERLAP_S = 3_600
HANDED_OVER_S = 900.0  # how long a run between two invocations keeps its instances: three sweeps
PARALLEL = 16
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LockRecord:
    """What is on record about one instance, as the run sees it that asks. Times are seconds since 1970.

    `holder`: the other run that claimed it last, None if there is none or that run is over. `until`: when that claim
    runs out. `ours`: the asking run's own claim is on record, whoever has claimed it since. `reached_at`: action -> when
    it last reached the instance.
    """

    holder: str | None = None
    until: float | None = None
    ours: bool = False
    reached_at: Mapping[str, float] = field(default_factory=dict)


Rule = Callable[[LockRecord], Verdict]


@dataclass(slots=True)
class _Claims:
    """The entries of one instance, added up for one run. `claimed_last`: stream -> who wrote its last entry, if that is a claim.

    `term`: of this run's last claim, `claimed_term`: in each stream. `since`: term of a claim of this run -> the other runs that
    have claimed it after that.
    """

    run_id: str
    holder: str | None = None
    ours: bool = False
    claimed_last: dict[str, str | None] = field(default_factory=dict)
    term: int = 0
    claimed_term: dict[str, int] = field(default_factory=dict)
    since: dict[int, list[str]] = field(default_factory=dict)
    reached_at: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, entry: Mapping[str, object]) -> None:
        """Take one more entry of that stream into account."""
        run_id, reached_at = str(entry["run_id"]), entry.get("reached_at")
        if entry["kind"] == "held":
            self.holder = self.claimed_last[name] = run_id
            if run_id == self.run_id:
                self.ours, self.term = True, int(str(entry.get("term", 0)))
                self.claimed_term[name] = self.term
                self.since.setdefault(self.term, [])
            else:
                for others in self.since.values():
                    others.append(run_id)
            return
        self.claimed_last[name] = None
        if self.holder == run_id:
            self.holder, self.ours = None, False
        if isinstance(reached_at, int | float):
            action = str(entry["action"])
            self.reached_at[action] = max(reached_at, self.reached_at.get(action, 0.0))


class InstanceLocks:
    """The instance claims of one run. Every method raises JournalError if the store cannot tell."""

    def __init__(
        self, journal: Journal, project_id: str, run_id: str, clock: Clock, terms: LeaseTerms, tick: Callable[[], None] = lambda: None
    ) -> None:
        """`tick`: called after each instance, in the thread that asks, since thousands of them take their time."""
        self._journal = journal
        self._project_id = project_id
        self._run_id = run_id
        self._clock = clock
        self._terms = terms
        self._tick = tick

    def acquire(self, instance_ids: Sequence[str], decide: Rule, term: int = 0) -> dict[str, Verdict]:
        """Claim every instance that the rule allows, in sorted order. Returns the others, and why. Claiming twice does no harm.

        `term`: how often the run was taken over or its lease taken anew. A claim of an earlier term is made again: another run may be
        about to claim the instance since it saw the lease lapsed, and of two claims at one place only one is written.
        """
        return self._refused(instance_ids, lambda instance_id: self._acquire(instance_id, decide, term))

    def held_since(self, terms: Mapping[str, int]) -> dict[str, str]:
        """Instance ID -> another run that has claimed it since this run's claim of that term, for those where there is one."""
        found: dict[str, str] = {}
        for instance_id, claims in self._each(sorted(terms), self._read).items():
            ours = [term for term in claims.since if term <= terms[instance_id]]
            if ours and (others := claims.since[max(ours)]):
                found[instance_id] = others[-1]
        return found

    def peek(self, instance_ids: Sequence[str], decide: Rule) -> dict[str, Verdict]:
        """Those that `acquire` would refuse now. Writes nothing."""
        return self._refused(instance_ids, lambda instance_id: decide(self._record(self._read(instance_id))))

    def verify(self, instance_ids: Sequence[str], decide: Rule) -> dict[str, Verdict]:
        """Those that the rule refuses by what is on record now: another run may claim them once this run's lease has lapsed."""
        return self.peek(instance_ids, decide)

    def release(self, reached_at: Mapping[str, float | None], action: Action) -> None:
        """Let go of every instance, and note when the action reached it (None: it did not)."""
        self._each(sorted(reached_at), lambda instance_id: self._release(instance_id, action, reached_at[instance_id]))

    def _acquire(self, instance_id: str, decide: Rule, term: int) -> Verdict:
        for stream in self._streams()[1]:
            verdict = self._acquire_in(f"{stream}/{instance_id}", instance_id, decide, term)
            if not verdict.allowed:
                break
        return verdict

    def _acquire_in(self, name: str, instance_id: str, decide: Rule, term: int) -> Verdict:
        """Claim it in one of its streams, unless the rule refuses, or an earlier invocation of this run did so already."""
        verdicts: list[Verdict] = []

        def claim(entries: Entries) -> Mapping[str, object] | None:
            claims = self._read(instance_id, {name: entries})
            verdicts.append(decide(self._record(claims)))
            is_ours = claims.claimed_last.get(name) == self._run_id and claims.claimed_term.get(name, 0) >= term
            if not verdicts[-1].allowed or is_ours:
                return None
            return {"kind": "held", "run_id": self._run_id, "at": self._clock.now().timestamp(), "term": term}

        append_next(self._journal, name, claim)
        return verdicts[-1]

    def _release(self, instance_id: str, action: Action, reached_at: float | None) -> None:
        for stream in self._streams()[1]:
            name = f"{stream}/{instance_id}"

            def leave(entries: Entries, name: str = name) -> Mapping[str, object] | None:
                if reached_at is None and self._read(instance_id, {name: entries}).holder != self._run_id:
                    return None
                return {"kind": "left", "run_id": self._run_id, "action": action.value, "reached_at": reached_at}

            append_next(self._journal, name, leave)

    def _record(self, claims: _Claims) -> LockRecord:
        """The same with what the other run's own stream says: a run that is over holds nothing."""
        holder = None if claims.holder == self._run_id else claims.holder
        if holder is None:
            return LockRecord(ours=claims.ours, reached_at=claims.reached_at)
        state, _ = read_run(self._journal, holder)
        if state.ended or state.claimed is None:
            return LockRecord(ours=claims.ours, reached_at=claims.reached_at)
        until = state.lease_until + (HANDED_OVER_S if state.handed_over else self._terms.grace_s)
        return LockRecord(holder, until, claims.ours, claims.reached_at)

    def _read(self, instance_id: str, known: Mapping[str, Entries] | None = None) -> _Claims:
        """What the streams of an instance add up to. `known`: those that were read already."""
        claims = _Claims(self._run_id)
        for stream in self._streams()[0]:
            name = f"{stream}/{instance_id}"
            found = known[name] if known and name in known else [entry for _, entry in self._journal.read(name)]
            for entry in found:
                claims.add(name, entry)
        return claims

    def _streams(self) -> tuple[list[str], list[str]]:
        """The streams to read, and those to write to, older first; the instance's ID completes each name."""
        at = self._clock.now().timestamp()
        first, last = int((at - OVERLAP_S) // PERIOD_S), int((at + OVERLAP_S) // PERIOD_S)
        names = [f"instance/{self._project_id}/{period}" for period in range(first - 1, last + 1)]
        return names, names[1:]

    def _refused(self, instance_ids: Sequence[str], ask: Callable[[str], Verdict]) -> dict[str, Verdict]:
        verdicts = self._each(sorted(instance_ids), ask)
        return {instance_id: verdict for instance_id, verdict in verdicts.items() if not verdict.allowed}

    def _each(self, instance_ids: Sequence[str], work: Callable[[str], T]) -> dict[str, T]:
        """Do the same for each instance, several at a time, begun in the given order."""
        if len(instance_ids) <= 1:
            return {instance_id: work(instance_id) for instance_id in instance_ids}
        done: dict[str, T] = {}
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="claim") as pool:
            for instance_id, found in zip(instance_ids, pool.map(work, instance_ids), strict=True):
                done[instance_id] = found
                self._tick()
        return done
