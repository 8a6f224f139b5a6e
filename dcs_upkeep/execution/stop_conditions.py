"""Whether the next attempt may leave: error budget, halt lever, hour and time left. Asked before every PUT, not once per run."""

from __future__ import annotations

from dcs_upkeep.domain import time_windows
from dcs_upkeep.domain.model import OutcomeKind, Plan, Verdict
from dcs_upkeep.domain.ports import Ports
from dcs_upkeep.guards import guard, per_call
from dcs_upkeep.guards.policy import Policy
from dcs_upkeep.journal.run_writer import RunWriter
from dcs_upkeep.planning.readings import halt_verdict


class StopConditions:
    """One run's gate in one invocation. What shuts it for good is written down; being out of time only ends this invocation.

    `time_is_up`: this invocation must not begin anything more. `not_before`: seconds since 1970 before which going on is no use.
    """

    def __init__(self, plan: Plan, policy: Policy, recorder: RunWriter, ports: Ports) -> None:
        self._plan = plan
        self._policy = policy
        self._recorder = recorder
        self._ports = ports
        self.time_is_up = False
        self.not_before: float | None = None

    def may_send(self) -> bool:
        """Ask everything. Writes down why not."""
        state = self._recorder.state
        if state.stop is None and (failures := state.failures()) > self._plan.max_failures:
            reason = f"{failures} failed or unknown, more than the {self._plan.max_failures} that max_failures allows"
            self._recorder.stop("budget", OutcomeKind.NOT_ATTEMPTED, reason)
        if state.stop is None and not (verdict := halt_verdict(self._ports.journal)).allowed:
            self._recorder.stop("halt", OutcomeKind.NOT_ATTEMPTED, verdict.reason, guard=verdict.guard)
        if state.stop is None and not self.time_is_up:
            self._ask_the_hour()
        if state.stop is None and not self.time_is_up and self._ports.dcs.put_timeout_s() <= 0:
            self.out_of_time("too little time is left in this invocation to send and to report")
        return state.stop is None and not self.time_is_up

    def out_of_time(self, reason: str, not_before: float | None = None) -> None:
        """With a journal a further invocation goes on; without one the rest is deferred for a person to send."""
        self.time_is_up = True
        self.not_before = not_before
        if not self._recorder.journalled:
            self._recorder.stop("time", OutcomeKind.DEFERRED, reason)

    def _ask_the_hour(self) -> None:
        """The window and the blackouts, which may have shut since the plan was made."""
        now, policy = self._ports.clock.now(), self._policy
        verdict = guard.ask("blackout", per_call.blackout, policy.blackouts, now)
        if not verdict.allowed:
            self._recorder.stop("blackout", OutcomeKind.NOT_ATTEMPTED, verdict.reason, guard=verdict.guard)
            return
        if policy.window is None:
            return
        verdict = guard.ask("window", per_call.window, policy.window, now)
        if verdict.allowed:
            return
        if not policy.defers:
            self._recorder.stop("window", OutcomeKind.NOT_ATTEMPTED, verdict.reason, guard=verdict.guard)
            return
        self._defer(verdict)

    def _defer(self, verdict: Verdict) -> None:
        try:
            window = self._policy.window
            opens = time_windows.next_opening(window, self._ports.clock.now()) if window else None
        except ValueError:
            opens = None
        if opens is None:
            self._recorder.stop("window", OutcomeKind.NOT_ATTEMPTED, verdict.reason, guard=verdict.guard)
        else:
            self.out_of_time(verdict.reason, opens.timestamp())
