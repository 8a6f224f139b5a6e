"""What every part of one run in one invocation works with, gathered once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dcs_upkeep.domain.deadline import CLOSE_S, LONGEST_PUT_S, PUBLISH_S, Deadline
from dcs_upkeep.domain.errors import StopAskedError
from dcs_upkeep.domain.model import Answer, Evidence, Instance, Location, Outcome, OutcomeKind, Plan
from dcs_upkeep.domain.ports import Ports, with_fields
from dcs_upkeep.domain.problems import shorten
from dcs_upkeep.domain.request import Request
from dcs_upkeep.domain.run import RunScope, RunSpec
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.execution.breaker import Breaker
from dcs_upkeep.execution.retry_policy import SendRate
from dcs_upkeep.execution.verification import Verifier
from dcs_upkeep.guards.policy import Policy, action_of, make_policy
from dcs_upkeep.journal.instance_locks import InstanceLocks
from dcs_upkeep.journal.progress import Progress, Stage
from dcs_upkeep.journal.run_lease import LeaseTerms
from dcs_upkeep.journal.run_state import FAILURES, RunState
from dcs_upkeep.journal.run_writer import RunWriter
from dcs_upkeep.reporting.build import outcome_of
from dcs_upkeep.reporting.run_log import log_outcome

UNWATCHED_RETRY_S = 300.0  # how long a busy instance may be waited for if no watch gives a limit
Settled = tuple[Progress, OutcomeKind, str, Evidence | None]


@dataclass(frozen=True)
class RunContext:
    """One run in one invocation."""

    spec: RunSpec  # what is asked for, and by whom
    settings: Settings  # of this invocation, which may differ from those of the one before
    scope: RunScope  # whose run it is: this function, region and project
    ports: Ports  # everything outside; the log has the run's id on each line
    policy: Policy  # what request and settings ask of the guards
    writer: RunWriter  # the only way to change the run's state
    locks: InstanceLocks | None  # this run's instances; None without a journal
    deadline: Deadline  # for calls to DCS: the host's end, less what closing the run needs
    verifier: Verifier  # what a reading of an instance proves
    rate: SendRate  # how fast status calls may go out; it only ever slows down
    had_s: float  # what this invocation had when it began with the run: the host's word for it
    began_at: datetime  # when the run began: in an earlier invocation, if it was resumed

    @property
    def location(self) -> Location:
        """Region and project of the fleet."""
        return self.scope.location

    @property
    def state(self) -> RunState:
        """What the run's entries add up to."""
        return self.writer.state

    @property
    def request(self) -> Request:
        """The request, defaults filled in."""
        return self.spec.request

    @property
    def plan(self) -> Plan:
        """The plan, once it is made."""
        if self.state.plan is None:
            raise AssertionError("nothing is planned yet")
        return self.state.plan

    @property
    def breaker(self) -> Breaker:
        """What counts the failures of all runs."""
        return Breaker(self.ports, self.location, self.spec.run_id, self.settings.breaker)

    @property
    def has_more_to_do(self) -> bool:
        """Whether something is still to be planned or sent, so that a stop now would leave something undone."""
        return self.state.plan is None or bool(self.state.at_stage(Stage.PENDING))

    @property
    def keeps_what_is_left(self) -> bool:
        """Whether what is left of a run that a person stops can be gone on with: it is on record, and that outlives this process."""
        return self.writer.journalled and self.ports.journal is not None and self.ports.journal.durable

    def sleep(self, seconds: float) -> None:
        """Let time pass, and renew the run's lease as it does. Raises: StopAskedError, as `tick`."""
        ends = self.ports.clock.monotonic() + seconds
        while (left_s := ends - self.ports.clock.monotonic()) > 0:
            self.writer.sleep(min(left_s, self.ports.stop.look_s))
            self.tick()

    def tick(self) -> None:
        """What must not wait for long work: the lease, and a person who asks this process to stop.

        Raises: StopAskedError if one does, and nothing is open that is to be watched.
        """
        self.writer.renew_if_due()
        stop, state = self.ports.stop, self.state
        if stop.by is not None and stop.breaks and state.stop is None and not state.open():
            raise StopAskedError(stop.by)

    def refuse(self, instance_id: str, wave: int | None, guard: str, reason: str) -> Outcome:
        """The outcome of a planned instance that a guard has refused just now. Put nothing on record."""
        planned = self.plan.instances[instance_id]
        return Outcome(instance_id, planned.name, OutcomeKind.REFUSED, reason, guard=guard, wave=wave, loses_data=planned.loses_data)

    def own_evidence(self, doubtful: Sequence[Progress], shown: Mapping[str, Instance]) -> dict[str, str]:
        """Instance ID -> why its lost answer counts as accepted: what a reading shows, if nobody else held the instance in between.

        Whoever else did may have caused it: those end as unknown here, and the other run is named.
        Raises: JournalError if nobody can tell who held it. That is no word on whether it was acted on.
        """
        found = {
            progress.instance_id: reason
            for progress in doubtful
            if (reason := self.verifier.evidence(progress, shown.get(progress.instance_id)))
        }
        if self.locks is None or not found:
            return found
        others = self.locks.held_since({one.instance_id: one.term for one in doubtful if one.instance_id in found})
        foreign = [progress for progress in doubtful if progress.instance_id in others]
        why = "what was seen since may be the work of the run {}, which held the instance in between: nobody can tell"
        self.give_outcomes(
            [(one, OutcomeKind.UNKNOWN, f"{one.note}; {why.format(shorten(others[one.instance_id]))}", None) for one in foreign]
        )
        return {instance_id: reason for instance_id, reason in found.items() if instance_id not in others}

    def outcome(self, instance_id: str, kind: OutcomeKind, reason: str, answer: Answer, guard: str | None = None) -> Outcome:
        """The outcome of an instance that this answer decides. Put nothing on record."""
        progress = replace(self.state.progress[instance_id], code=answer.code, request_id=answer.request_id)
        return outcome_of(progress, self.plan.instances[instance_id], kind, reason, self.writer.now(), guard=guard)

    def give_outcomes(self, settled: Sequence[Settled]) -> None:
        """Give these instances their outcomes, on record and in the log."""
        now = self.writer.now()
        outcomes = [
            outcome_of(progress, self.plan.instances[progress.instance_id], kind, reason, now, evidence)
            for progress, kind, reason, evidence in settled
        ]
        self.writer.watched(outcomes)
        for outcome in outcomes:
            log_outcome(self.ports, outcome)
        if any(outcome.outcome in FAILURES for outcome in outcomes):
            self.breaker.check(self.state)

    def fail(self, instance_ids: Iterable[str], reason: str) -> None:
        """These were proven not executed, and will not be sent again."""
        self.give_outcomes([(self.state.progress[one], OutcomeKind.FAILED, reason, None) for one in instance_ids])


def make_context(spec: RunSpec, settings: Settings, scope: RunScope, ports: Ports, writer: RunWriter, terms: LeaseTerms) -> RunContext:
    """Gather it. `ports.log` gets the run's id and action on each line."""
    request = spec.request
    ports = bind_log(ports, spec)
    journal = ports.journal if writer.journalled or request.dry_run else None
    timeout_s = UNWATCHED_RETRY_S if request.watch is False else float(request.watch.timeout_s)
    claimed = writer.state.claimed
    return RunContext(
        spec=spec,
        settings=settings,
        scope=scope,
        ports=ports,
        policy=make_policy(request, settings),
        writer=writer,
        locks=InstanceLocks(journal, scope.project_id, spec.run_id, ports.clock, terms, writer.renew_if_due) if journal else None,
        deadline=ports.deadline.keep(CLOSE_S + (PUBLISH_S if settings.topics else 0.0)),
        verifier=Verifier(action_of(request), settings.settle_s, timeout_s, settings.poll_s, LONGEST_PUT_S + settings.skew_s),
        rate=SendRate(settings.batch_size, settings.parallel_calls, ports.pace),
        had_s=ports.deadline.remaining_s(),
        began_at=datetime.fromtimestamp(claimed["at"], UTC) if claimed else ports.clock.now(),
    )


def bind_log(ports: Ports, spec: RunSpec) -> Ports:
    """The ports, with the run named on every line of the log."""
    action = spec.request.action
    fixed = {"run_id": spec.run_id, "action": action.value if action else None, "dry_run": spec.request.dry_run}
    return replace(ports, log=with_fields(ports.log, **fixed))
