"""One invocation: its event's records become runs, and their reports the answer that the host expects.

When to raise and when to return is decided here and nowhere else: raise only while nothing has been sent, so that the
platform keeps the event; once a write may have happened, return, so that a platform retry cannot run half a plan again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dcs_upkeep.domain.errors import RefusedError, describe_error
from dcs_upkeep.domain.ports import Ports
from dcs_upkeep.domain.run import ControlCommand, Disposition, Ended
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.execution.commands import execute_command
from dcs_upkeep.execution.coordinator import RunCoordinator
from dcs_upkeep.reporting.run_log import canonical_fields
from dcs_upkeep.triggers import delivery, parser
from dcs_upkeep.triggers.delivery import Delivery, Ignored, Invalid, RunIdScope
from dcs_upkeep.triggers.plans_file import PlansFile
from dcs_upkeep.triggers.responses import error_sentence, http_answer, queue_answer


class InvocationHandler:
    """Serves one invocation. `dry_run` makes every request one."""

    def __init__(self, settings: Settings, scope: RunIdScope, plans: PlansFile | None, ports: Ports, *, dry_run: bool = False) -> None:
        self._settings = settings
        self._scope = scope
        self._plans = plans
        self._ports = ports
        self._dry_run = dry_run
        self._runner = RunCoordinator(settings, scope.project_id, ports)

    def handle(self, event: object) -> dict[str, Any]:
        """Handle one event of any shape.

        Returns the report (several records: `{"runs": [...]}`; HTTP and SQS: their own envelopes).
        Raises: RefusedError, or the fault itself, only where nothing has been sent.
        """
        now = self._ports.clock.now()
        delivery = parser.parse(event, self._scope, self._plans, now, plans_only=self._settings.plans_only)
        ended = [replace(self._handle(item), record=item.record) for item in delivery.items]
        self._log_reported(delivery, ended)
        if delivery.sqs:
            return queue_answer(ended)
        if delivery.http:
            return http_answer(ended[0])
        _raise_if_nothing_was_sent(ended)
        if delivery.several:
            return {"runs": [dict(one.body) for one in ended]}
        return dict(ended[0].body)

    def _handle(self, item: delivery.StartRun | ControlCommand | Ignored | Invalid) -> Ended:
        """One record; whatever it meets, the others get their turn."""
        try:
            match item:
                case delivery.StartRun():
                    spec = item.spec
                    if self._dry_run:
                        spec = replace(spec, request=spec.request.model_copy(update={"dry_run": True}))
                    return self._runner.start(spec)
                case Invalid():
                    return self._runner.refuse(item.trigger, item.run_id, item.problems)
                case Ignored():
                    self._ports.log("event.ignored", reason=item.reason)
                    return Ended(Disposition.IGNORED, {"ignored": item.reason})
                case ControlCommand():
                    return execute_command(item, self._ports, self._runner)
        except Exception as err:  # a fault of ours before the run could take it in; within a run, the run itself does
            self._ports.log("run.failed", level="error", reason=describe_error(err))
            return Ended(Disposition.FAULT, {"failed": describe_error(err)}, fault=err)

    def _log_reported(self, delivery: Delivery, ended: Sequence[Ended]) -> None:
        """The one line that stands alone: what became of this invocation."""
        bad = any(
            one.end in (Disposition.REFUSED, Disposition.REUSED, Disposition.FAULT) or one.body.get("status") in ("failed", "partial")
            for one in ended
        )
        level = "error" if bad else "info"
        if len(ended) == 1:
            self._ports.log("run.reported", level=level, ending=ended[0].end.value, **canonical_fields(ended[0].body))
            return
        runs = [{"ending": one.end.value, **canonical_fields(one.body)} for one in ended]
        self._ports.log("run.reported", level=level, trigger={"kind": delivery.kind.value}, runs=runs)


def _raise_if_nothing_was_sent(ended: Sequence[Ended]) -> None:
    """Mark the invocation failed where no record may have sent anything and one was refused or met a fault."""
    if any(one.may_have_sent for one in ended):
        return
    bad = [one for one in ended if one.end in (Disposition.REFUSED, Disposition.REUSED, Disposition.FAULT)]
    if not bad:
        return
    fault = bad[0].fault
    if len(ended) == 1 and fault is not None:
        raise fault
    body = bad[0].body if len(ended) == 1 else {"runs": [dict(one.body) for one in ended]}
    raise RefusedError(" | ".join(error_sentence(one) for one in bad[:5]), body) from fault
