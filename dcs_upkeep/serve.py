"""One invocation: its event's records become runs, and their reports the answer that the host expects.

When to raise and when to return is decided here and nowhere else: raise only while nothing has been sent, so that the
platform keeps the event; once a write may have happened, return, so that a platform retry cannot run half a plan again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dcs_upkeep import triggers
from dcs_upkeep.commands import obey
from dcs_upkeep.ending import Task
from dcs_upkeep.errors import RefusedError
from dcs_upkeep.model import OutcomeKind, RunStatus
from dcs_upkeep.plans import Plans
from dcs_upkeep.ports import Ports
from dcs_upkeep.publishing import said
from dcs_upkeep.report import FINE
from dcs_upkeep.runner import End, Ended, Runner
from dcs_upkeep.settings import Settings
from dcs_upkeep.triggers import Control, Delivery, Ignored, Invalid, Scope

HTTP_CODES: Mapping[End, int] = {End.REFUSED: 422, End.REUSED: 409, End.RUNNING: 409, End.FAULT: 503}
COMES_BACK = frozenset({End.REFUSED, End.REUSED, End.RUNNING, End.FAULT})  # of SQS: the queue hands these out again


class Server:
    """Serves one invocation. `dry_run` makes every request one."""

    def __init__(self, settings: Settings, scope: Scope, plans: Plans | None, ports: Ports, *, dry_run: bool = False) -> None:
        self._settings = settings
        self._scope = scope
        self._plans = plans
        self._ports = ports
        self._dry_run = dry_run
        self._runner = Runner(settings, scope.project_id, ports)

    def serve(self, event: object) -> dict[str, Any]:
        """Handle one event of any shape.

        Returns the report (several records: `{"runs": [...]}`; HTTP and SQS: their own envelopes).
        Raises: RefusedError, or the fault itself, only where nothing has been sent.
        """
        now = self._ports.clock.now()
        delivery = triggers.parse(event, self._scope, self._plans, now, plans_only=self._settings.plans_only)
        ended = [replace(self._handle(item), record=item.record) for item in delivery.items]
        self._log_reported(delivery, ended)
        if delivery.sqs:
            return {"batchItemFailures": [{"itemIdentifier": one.record} for one in ended if one.end in COMES_BACK]}
        if delivery.http:
            return _http_answer(ended[0])
        _raise_if_nothing_was_sent(ended)
        if delivery.several:
            return {"runs": [dict(one.body) for one in ended]}
        return dict(ended[0].body)

    def _handle(self, item: triggers.Run | Control | Ignored | Invalid) -> Ended:
        """One record; whatever it meets, the others get their turn."""
        try:
            match item:
                case triggers.Run():
                    request = item.request.model_copy(update={"dry_run": True}) if self._dry_run else item.request
                    return self._runner.start(Task(request, item.trigger, item.run_id, item.named, item.alarm_id))
                case Invalid():
                    return self._runner.refuse(item.trigger, item.run_id, item.problems)
                case Ignored():
                    self._ports.log("event.ignored", reason=item.reason)
                    return Ended(End.IGNORED, {"ignored": item.reason})
                case Control():
                    return obey(item, self._ports, self._runner)
        except Exception as err:  # a fault of ours before the run could take it in; within a run, the run itself does
            self._ports.log("run.failed", level="error", reason=said(err))
            return Ended(End.FAULT, {"failed": said(err)}, fault=err)

    def _log_reported(self, delivery: Delivery, ended: Sequence[Ended]) -> None:
        """The one line that stands alone: what became of this invocation."""
        bad = any(one.end in (End.REFUSED, End.REUSED, End.FAULT) or one.body.get("status") in ("failed", "partial") for one in ended)
        level = "error" if bad else "info"
        if len(ended) == 1:
            self._ports.log("run.reported", level=level, ending=ended[0].end.value, **_telling(ended[0].body))
            return
        runs = [{"ending": one.end.value, **_telling(one.body)} for one in ended]
        self._ports.log("run.reported", level=level, trigger={"kind": delivery.kind.value}, runs=runs)


def _telling(body: Mapping[str, Any]) -> dict[str, Any]:
    """A report for the log: all but the instances that are fine, of which the counts tell."""
    told = {key: value for key, value in body.items() if key not in ("instances", "plan")}
    if "instances" in body:
        told["not_fine"] = [one for one in body["instances"] if OutcomeKind(one["outcome"]) not in FINE]
    if "plan" in body:
        plan = body["plan"]
        told |= {key: plan[key] for key in ("name", "action", "digest", "dry_run")}
        told["waves"] = [len(wave) for wave in plan["waves"]]
    return told


def _raise_if_nothing_was_sent(ended: Sequence[Ended]) -> None:
    """Mark the invocation failed where no record may have sent anything and one was refused or met a fault."""
    if any(one.may_have_sent for one in ended):
        return
    bad = [one for one in ended if one.end in (End.REFUSED, End.REUSED, End.FAULT)]
    if not bad:
        return
    fault = bad[0].fault
    if len(ended) == 1 and fault is not None:
        raise fault
    body = bad[0].body if len(ended) == 1 else {"runs": [dict(one.body) for one in ended]}
    raise RefusedError(" | ".join(_sentence(one) for one in bad[:5]), body) from fault


def _sentence(one: Ended) -> str:
    """Why this record was refused, in words for the platform's error field."""
    report = one.body
    if "problems" not in report:
        return said(one.fault) if one.fault else str(report)
    reasons = [f"{item['path']}: {item['what']}".lstrip(": ") for item in report["problems"]]
    reasons += list(dict.fromkeys(f"{item['guard']}: {item['reason']}" for item in report["instances"] if item["outcome"] == "refused"))
    shown = "; ".join(reasons[:5]) + (f"; and {len(reasons) - 5} more" if len(reasons) > 5 else "")
    return f"Refused, nothing was sent ({report['run_id']}): {shown}. {report['next']}"


def _http_answer(one: Ended) -> dict[str, Any]:
    """API Gateway, APIG and function URLs all take this shape."""
    code = HTTP_CODES.get(one.end, 202 if one.body.get("status") == RunStatus.DEFERRED else 200)
    if one.may_have_sent and one.end is not End.RUNNING:
        code = 202 if one.body.get("status") == RunStatus.DEFERRED else 200
    return {
        "statusCode": code,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(one.body),
        "isBase64Encoded": False,
    }
