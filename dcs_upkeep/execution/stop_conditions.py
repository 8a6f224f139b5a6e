"""Whether the next attempt may leave: error budget, halt lever, breaker, hour and time left. Asked before every PUT, not once per run."""

from __future__ import annotations

from collections.abc import Mapping

from dcs_upkeep.domain import time_windows
from dcs_upkeep.domain.errors import ThrottledError, UnauthorizedError
from dcs_upkeep.domain.lifetimes import SEND_S, days
from dcs_upkeep.domain.model import OutcomeKind
from dcs_upkeep.domain.stopping import ENDED, PERSON, ended_words
from dcs_upkeep.domain.timestamps import iso_at
from dcs_upkeep.execution.context import RunContext
from dcs_upkeep.guards import per_call
from dcs_upkeep.guards.carry_on import CarryOnFacts, may_carry_on
from dcs_upkeep.guards.evaluate import first
from dcs_upkeep.guards.per_call import CallFacts
from dcs_upkeep.journal.halt import claim_of
from dcs_upkeep.journal.run_state import UNREADABLE
from dcs_upkeep.planning.readings import halt_record

THROTTLED = "when the account may be asked again"


class StopConditions:
    """What stops one run in one invocation. What stops it for good is written down; being out of time only ends this invocation.

    `time_is_up`: this invocation must not begin anything more, for the reason `why`. `not_before`: seconds since 1970 before which
    going on is no use; `waits_for`: what happens then.
    """

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self.time_is_up = False
        self.why = ""
        self.not_before: float | None = None
        self.waits_for = ""

    def heed(self) -> bool:
        """Whether a person asks this process to stop. Writes it down.

        What was not sent waits until a person lets it go on; if nothing keeps the run that long, it is over.
        """
        context, by = self._context, self._context.ports.stop.by
        if by is not None and context.state.stop is None and context.has_more_to_do:
            rest = OutcomeKind.DEFERRED if context.keeps_what_is_left else OutcomeKind.NOT_ATTEMPTED
            context.writer.stop(PERSON, rest, by)
        return by is not None

    def may_send(self) -> bool:
        """Ask everything. Writes down why not."""
        context, state = self._context, self._context.state
        if self.heed():
            return False
        if state.stop is None and (failures := state.failures()) > context.plan.max_failures:
            reason = f"{failures} failed or unknown, more than the {context.plan.max_failures} that max_failures allows"
            context.writer.stop("budget", OutcomeKind.NOT_ATTEMPTED, reason)
        if state.stop is None and self._is_too_late(context.writer.now()):
            context.writer.stop("age", OutcomeKind.DEFERRED, f"its record is older than {days(SEND_S)}, and would lapse before its end")
        if context.writer.behind and not context.writer.catch_up():
            self.out_of_time("the journal cannot be written, and nothing is sent that is not on record first")
        if state.stop is None and not self.time_is_up:
            self._ask_settings()
        if state.stop is None and not self.time_is_up:
            self._ask_guards()
        if state.stop is None and not self.time_is_up and context.ports.dcs.put_timeout_s() <= 0:
            self.out_of_time("too little time is left in this invocation to send and to report")
        return state.stop is None and not self.time_is_up

    def out_of_time(self, reason: str, not_before: float | None = None, waits_for: str = "") -> None:
        """With a journal a further invocation goes on; without one the rest is deferred for a person to send. The first reason stands."""
        if self.time_is_up:
            return
        self.time_is_up, self.why = True, reason
        self.not_before, self.waits_for = not_before, waits_for
        if not self._context.writer.journalled:
            self._context.writer.stop("time", OutcomeKind.DEFERRED, reason)

    def throttled(self, err: ThrottledError) -> None:
        """The account will be throttled for longer than this invocation lasts."""
        self.out_of_time(str(err), self._context.writer.now() + err.opens_in_s, THROTTLED)

    def unauthorized(self, err: UnauthorizedError) -> None:
        """No call of this invocation will be answered any more. Raises it while nothing was sent."""
        if not self._context.state.may_have_sent():
            raise err
        self._context.writer.stop(UNREADABLE, OutcomeKind.NOT_ATTEMPTED, f"what was to be acted on could not be read: {err}")

    def _ask_settings(self) -> None:
        """What the settings of this invocation, and the approval's age, say of a plan that was made under others."""
        context, spec = self._context, self._context.spec
        facts = CarryOnFacts(
            plan=context.plan,
            settings=context.settings,
            now=context.ports.clock.now(),
            approved=spec.request.approve is not None,
            reviewed=spec.plan_name is not None or spec.alarm_id is not None,
        )
        verdict = may_carry_on(facts)
        if not verdict.allowed:
            context.writer.stop(verdict.guard, OutcomeKind.REFUSED, verdict.reason, guard=verdict.guard)

    def _ask_guards(self) -> None:
        """The lever, the breaker, the blackouts and the window, which may have changed since the plan was made."""
        context, policy = self._context, self._context.policy
        # The breaker first: it may pull the lever, which is read after it.
        failures = context.breaker.check(context.state)
        claimed = context.state.claimed
        now, halt = context.ports.clock.now(), halt_record(context.ports.journal, claim_of(claimed) if claimed else None)
        if isinstance(halt, Mapping) and "run" in halt:
            context.writer.stop(ENDED, OutcomeKind.NOT_ATTEMPTED, ended_words(halt), guard=per_call.HALT.name)
            return
        facts = CallFacts(now, halt, policy.blackouts, policy.window, failures, context.settings.breaker)
        verdict = first(per_call.GUARDS, facts)
        if verdict.allowed:
            return
        opens_at = self._opens_at() if verdict.guard == per_call.WINDOW.name and policy.defers else None
        if opens_at is not None and self._is_too_late(opens_at):
            reason = f"the window opens at {iso_at(opens_at)}, when the record of this run will be older than {days(SEND_S)}"
            context.writer.stop("age", OutcomeKind.DEFERRED, reason)
        elif opens_at is None:
            context.writer.stop(verdict.guard, OutcomeKind.NOT_ATTEMPTED, verdict.reason, guard=verdict.guard)
        else:
            self.out_of_time(verdict.reason, opens_at, "when its window opens")

    def _is_too_late(self, at: float) -> bool:
        """Whether nothing may be sent then, since what is on record of this run lapses too soon after."""
        began_at = self._context.state.began_at
        return self._context.writer.journalled and began_at is not None and at - began_at > SEND_S

    def _opens_at(self) -> float | None:
        """When the window opens, in seconds since 1970; None if nobody can tell."""
        window = self._context.policy.window
        try:
            return time_windows.next_opening(window, self._context.ports.clock.now()).timestamp() if window else None
        except ValueError:
            return None
