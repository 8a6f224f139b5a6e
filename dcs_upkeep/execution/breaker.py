"""The circuit breaker: what failed is put on record at once, and too much of it within an hour, over all runs, pulls the halt lever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dcs_upkeep.domain.errors import JournalError
from dcs_upkeep.domain.model import Location, Outcome
from dcs_upkeep.domain.ports import Journal, Ports
from dcs_upkeep.domain.timestamps import read_moment
from dcs_upkeep.guards import guard
from dcs_upkeep.guards.per_call import FailureRecord
from dcs_upkeep.journal import failures, halt
from dcs_upkeep.journal.failures import Failures
from dcs_upkeep.journal.run_state import FAILURES, RunState
from dcs_upkeep.reporting import messages
from dcs_upkeep.reporting.publisher import publish_progress

# Whoever pulls the lever tells the topics at once. If nobody has after so long, that invocation died in between.
TELL_AGAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """The breaker as one run sees it. Without a journal there is none. `most`: UPKEEP_BREAKER; 0 is off."""

    ports: Ports
    location: Location
    run_id: str
    most: int

    def check(self, state: RunState, ending: Sequence[Outcome] = ()) -> FailureRecord:
        """Note what this run failed at and nobody has noted yet, and pull the lever if that is due. Returns what the guard judges.

        Asked after outcomes, before each attempt, and when a run begins, goes on or ends, so that neither a death nor a journal that
        fails between an outcome and its note loses one. `ending`: outcomes that the run's report alone gives.
        """
        journal = self.ports.journal
        if journal is None or not self.most:
            return None
        try:
            return self._check(journal, state, ending)
        except (JournalError, KeyError, TypeError, ValueError) as err:
            self.ports.log("journal.failed", level="warning", guard="breaker", reason=f"the circuit breaker cannot count: {err}")
            return guard.UNREADABLE

    def _check(self, journal: Journal, state: RunState, ending: Sequence[Outcome]) -> Mapping[str, int]:
        now = self.ports.clock.now().timestamp()
        scope = failures.scope_of(self.ports.host, self.location)
        found = failures.read_failures(journal, scope, now)
        missing = {one: at for one, at in _failed_at(state, ending, now).items() if (self.run_id, one) not in found.noted}
        if missing:
            failures.note_failures(journal, scope, self.run_id, missing)
            found = failures.read_failures(journal, scope, now)
        if found.halt is not None:
            self._see_that_it_is_told(journal, scope, found, now)
        elif sum(found.counted.values()) >= self.most:
            self._pull(journal, scope, found)
        return found.counted

    def _pull(self, journal: Journal, scope: str, found: Failures) -> None:
        count = sum(found.counted.values())
        reason = f"circuit breaker: {count} failed or unknown within an hour, in {', '.join(sorted(found.counted)[:10])}"
        record, pulled = halt.pull_once(journal, self.ports.clock, reason, failures.puller(scope))
        if pulled:  # of several runs at one moment one has, and tells
            self.ports.log("breaker.tripped", level="error", halt=record["id"], failed=dict(found.counted), reason=reason)
            self._tell(journal, record, found)

    def _see_that_it_is_told(self, journal: Journal, scope: str, found: Failures, now: float) -> None:
        """Tell the topics of a halt of ours if whoever pulled it died before it could."""
        record = found.halt or {}
        if record["by"] != failures.puller(scope) or now - read_moment(record["at"]).timestamp() < TELL_AGAIN_S:
            return
        if not halt.is_told(journal, record["id"]):
            self._tell(journal, record, found)

    def _tell(self, journal: Journal, record: Mapping[str, str], found: Failures) -> None:
        """Whatever UPKEEP_NOTIFY says."""
        publish_progress(self.ports, messages.breaker_tripped(record, self.location, found.counted, self.most, self.ports.reader))
        halt.note_told(journal, record["id"], self.ports.clock.now().timestamp())


def _failed_at(state: RunState, ending: Sequence[Outcome], now: float) -> dict[str, float]:
    """Instance ID -> when it failed or became unknown, of those that still count."""
    found = {
        progress.instance_id: progress.done_at or now
        for progress in state.progress.values()
        if progress.outcome is not None and progress.outcome.outcome in FAILURES
    }
    found |= {one.instance_id: now for one in ending if one.outcome in FAILURES and one.instance_id not in found}
    return {instance_id: at for instance_id, at in found.items() if at > now - failures.PERIOD_S}
