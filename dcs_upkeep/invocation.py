"""One invocation: its event's records become runs, and their reports the answer that the host expects.

When to raise and when to return is decided here and nowhere else: raise only while nothing has been sent, so that the
platform keeps the event; once a write may have happened, return, so that a platform retry cannot run half a plan again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never

from dcs_upkeep import triggers
from dcs_upkeep.domain.bounds import ANSWER_BYTES
from dcs_upkeep.domain.errors import RefusedError, describe_error
from dcs_upkeep.domain.ports import Ports
from dcs_upkeep.domain.run import ControlCommand, Disposition, RunResult, RunScope, RunSpec
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.execution.commands import execute_command
from dcs_upkeep.execution.coordinator import RunCoordinator
from dcs_upkeep.reporting.bounded import bounded_answer, brief_next, sendable
from dcs_upkeep.reporting.run_log import canonical_fields
from dcs_upkeep.triggers import Delivery, Ignored, Invalid, RunIdScope, StartRun
from dcs_upkeep.triggers.delivery import DeliveryItem
from dcs_upkeep.triggers.plans_file import PlansFile
from dcs_upkeep.triggers.responses import ANSWERS, error_sentence, held_back, http_answer, queue_answer

MOST_TOLD = 5  # records in one error text
NEXT_BYTES = 1_500  # of each
BAD = frozenset({Disposition.REFUSED, Disposition.REUSED, Disposition.FAULT})
READING = frozenset({"status", "show", "doctor"})  # commands that change nothing
NO_COMMAND = "a dry run carries out no command: nothing was done. To carry it out, run it."


@dataclass(frozen=True, slots=True)
class Caller:
    """Who stands behind an invocation, if it is a person at a terminal.

    `user`: who that is. `amend`: their last word on what a record asks for, such as an approval. `seen`: is handed what each record came
    to, whatever form the trigger wants its answer in. `tells_all`: whether the topics are told what was not sent too, as of a function.
    """

    user: str | None = None
    amend: Callable[[RunSpec], RunSpec] = lambda spec: spec
    seen: Callable[[RunResult], None] = lambda _: None
    tells_all: bool = True


NOBODY = Caller()


class InvocationHandler:
    """Handles the event of one invocation. `dry_run` makes every request one, and carries out no command that changes anything."""

    def __init__(
        self,
        settings: Settings,
        scope: RunIdScope,
        plans: PlansFile | None,
        ports: Ports,
        caller: Caller = NOBODY,
        *,
        dry_run: bool = False,
    ) -> None:
        self._settings = settings
        self._scope = scope
        self._plans = plans
        self._ports = ports
        self._caller = caller
        self._dry_run = dry_run
        self._runs = RunCoordinator(settings, RunScope(scope.host, scope.function, scope.region, scope.project_id), ports)

    def handle(self, event: object, *, by_self: bool = False) -> dict[str, Any]:
        """Handle one event of any shape. `by_self`: it comes from this process itself.

        Returns the report (several records: `{"runs": [...]}`; HTTP and SQS: their own envelopes).
        Raises: RefusedError, or the fault itself, only while nothing has been sent.
        """
        now = self._ports.clock.now()
        delivery = triggers.parse(
            event, self._scope, self._plans, now, plans_only=self._settings.plans_only, http_anonymous=self._settings.http_anonymous
        )
        if by_self:
            items = (replace(item, by_self=True) if isinstance(item, ControlCommand) else item for item in delivery.items)
            delivery = replace(delivery, items=tuple(items))
        results = self._handle_items(delivery)
        for result in results:
            self._log_reported(delivery, result)
            self._caller.seen(result)
        return sendable(self._answer(delivery, results))

    def _answer(self, delivery: Delivery, results: Sequence[RunResult]) -> dict[str, Any]:
        """In the trigger's own form. Raises as `handle` does."""
        if delivery.sqs:
            return queue_answer(results)
        if delivery.http:
            most = ANSWER_BYTES // len(results)
            told = (replace(result, body=bounded_answer(result.body, in_text=True, most=most)) for result in results)
            return http_answer(*told, header_lists=delivery.header_lists)
        _raise_if_nothing_was_sent(results)
        if delivery.several:
            return bounded_answer({"runs": [dict(result.body) for result in results]})
        return bounded_answer(results[0].body)

    def _handle_items(self, delivery: Delivery) -> list[RunResult]:
        """Record by record. In a FIFO group nothing is carried out after one that failed, so that all come back in their order."""
        results: list[RunResult] = []
        failed: set[str] = set()
        for item in delivery.items:
            group = delivery.groups.get(item.record or "", "")
            result = self._hold_back(group) if group in failed else self._handle_item(item)
            if group and ANSWERS[result.disposition].redeliver:
                failed.add(group)
            results.append(replace(result, record=item.record))
        return results

    def _hold_back(self, group: str) -> RunResult:
        self._ports.log("event.held_back", level="warning", reason=held_back(group))
        return RunResult(Disposition.HELD_BACK, {"held_back": held_back(group)})

    def _handle_item(self, item: DeliveryItem) -> RunResult:
        """One record; whatever it meets, the others get their turn."""
        try:
            match item:
                case StartRun():
                    spec = self._caller.amend(item.spec)
                    if self._dry_run:
                        spec = replace(spec, request=spec.request.model_copy(update={"dry_run": True}))
                    return self._runs.start(spec)
                case Invalid():
                    if item.late is not None and (found := self._runs.delivered_again(item.late)) is not None:
                        return found
                    refused = self._runs.refuse_event(item.trigger, item.run_id, item.problems, item.kind)
                    return replace(refused, http_code=item.http_code)
                case Ignored():
                    self._ports.log("event.ignored", reason=item.reason)
                    return RunResult(Disposition.IGNORED, {"ignored": item.reason}, http_code=item.http_code)
                case ControlCommand() if self._dry_run and item.command not in READING:
                    return RunResult(Disposition.IGNORED, {"ignored": NO_COMMAND})
                case ControlCommand():
                    return execute_command(item, self._ports, self._runs)
                case _:
                    assert_never(item)
        except Exception as err:  # a fault of ours before the run could take it in; within a run, the run itself does
            self._ports.log("run.failed", level="error", reason=describe_error(err))
            return RunResult(Disposition.FAULT, {"failed": describe_error(err)}, fault=err)

    def _log_reported(self, delivery: Delivery, result: RunResult) -> None:
        """The one line that stands alone: what became of this record. Filters and alarms see a line, never what is inside a list."""
        is_bad = result.disposition in BAD or result.body.get("status") in ("failed", "partial")
        fields = {"trigger": {"kind": delivery.kind.value}, **canonical_fields(result.body)}
        if result.record is not None:
            fields["record"] = result.record
        self._ports.log("run.reported", level="error" if is_bad else "info", ending=result.disposition.value, **fields)


def asks_doctor(event: object, scope: RunIdScope, now: datetime) -> bool:
    """Whether an event is the command `doctor` and nothing else: it works without valid settings, to say what is wrong with them."""
    match triggers.parse(event, scope, None, now).items:
        case (ControlCommand(command="doctor"),):
            return True
    return False


def _raise_if_nothing_was_sent(results: Sequence[RunResult]) -> None:
    """Mark the invocation failed if no record may have sent anything and one was refused or met a fault."""
    if any(result.may_have_sent for result in results):
        return
    bad = [result for result in results if result.disposition in BAD]
    if not bad:
        return
    fault = bad[0].fault
    if len(results) == 1 and fault is not None:
        raise fault
    body = bad[0].body if len(results) == 1 else {"runs": [dict(result.body) for result in results]}
    raise RefusedError(" | ".join(error_sentence(_in_brief(result)) for result in bad[:MOST_TOLD]), body) from fault


def _in_brief(result: RunResult) -> RunResult:
    """For the platform's error field, which has no room for an event of thousands of instances."""
    body = result.body
    return replace(result, body={**body, "next": brief_next(body, NEXT_BYTES)}) if "next" in body and "status" in body else result
