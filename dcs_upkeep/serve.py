"""One invocation: its event's records become runs, and their reports the answer that the host expects.

When to raise and when to return is decided here and nowhere else: raise only while nothing has been sent, so that the
platform keeps the event; once a write may have happened, return, so that a platform retry cannot run half a plan again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dcs_upkeep import closing, triggers
from dcs_upkeep.errors import Problem, RefusedError
from dcs_upkeep.model import OutcomeKind, RunStatus, Trigger
from dcs_upkeep.plans import Plans
from dcs_upkeep.ports import Ports
from dcs_upkeep.report import FINE, ProblemReport, Report, summarize
from dcs_upkeep.run import Run, publish, refusal_frame
from dcs_upkeep.settings import Settings
from dcs_upkeep.triggers import Control, Delivery, Ignored, Invalid, Scope


class Ending(StrEnum):
    """How one record ended, as far as the host's answer goes."""

    DONE = "done"
    REFUSED = "refused"  # nothing was sent
    FAULT = "fault"  # a fault of ours or of the cloud, before the first write
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Ended:
    """One record's end. `body` is its report, or for an ignored one why."""

    ending: Ending
    body: Mapping[str, Any]
    record: str | None = None
    may_have_sent: bool = False
    fault: Exception | None = None


class Server:
    """Serves one invocation."""

    def __init__(self, settings: Settings, scope: Scope, plans: Plans | None, ports: Ports) -> None:
        self._settings = settings
        self._scope = scope
        self._plans = plans
        self._ports = ports

    def serve(self, event: object) -> dict[str, Any]:
        """Handle one event of any shape.

        Returns the report (several records: `{"runs": [...]}`; HTTP and SQS: their own envelopes).
        Raises: RefusedError, or the fault itself, only where nothing has been sent.
        """
        delivery = triggers.parse(event, self._scope, self._plans, self._ports.clock.now())
        ended = [self._handle(item) for item in delivery.items]
        self._log_reported(delivery, ended)
        if delivery.sqs:
            return {"batchItemFailures": [{"itemIdentifier": one.record} for one in ended if one.ending in (Ending.REFUSED, Ending.FAULT)]}
        if delivery.http:
            return _http_answer(ended[0])
        _raise_if_nothing_was_sent(ended)
        if delivery.several:
            return {"runs": [dict(one.body) for one in ended]}
        return dict(ended[0].body)

    def _handle(self, item: triggers.Run | Control | Ignored | Invalid) -> Ended:
        match item:
            case triggers.Run():
                return self._run(item)
            case Invalid():
                return self._refuse(item.trigger, item.run_id, item.problems, item.record)
            case Ignored():
                self._ports.log("event.ignored", reason=item.reason)
                return Ended(Ending.IGNORED, {"ignored": item.reason}, item.record)
            case Control():
                problem = Problem("command", f"{item.command} needs a journal, and none is configured", "Set UPKEEP_JOURNAL.")
                return self._refuse(item.trigger, f"{item.trigger.kind}:{item.trigger.id}", (problem,), item.record)

    def _run(self, item: triggers.Run) -> Ended:
        project_id = self._scope.project_id
        result = Run(item.request, item.trigger, item.run_id, self._settings, project_id, self._ports).execute()
        ending = Ending.DONE
        if result.fault is not None:
            ending = Ending.FAULT
        elif result.report["status"] == RunStatus.REJECTED:
            ending = Ending.REFUSED
        return Ended(ending, result.report, item.record, result.may_have_sent, result.fault)

    def _refuse(self, trigger: Trigger, run_id: str, problems: Sequence[Problem], record: str | None) -> Ended:
        """An event that is no valid request: said, published, and not one call made to DCS."""
        now = self._ports.clock.now()
        for problem in problems:
            self._ports.log("event.refused", level="warning", run_id=run_id, path=problem.path, reason=problem.what, next=problem.fix)
        report = summarize(
            refusal_frame(run_id, trigger, self._settings, self._scope.project_id, now),
            None,
            (),
            status=RunStatus.REJECTED,
            next_step=f"Nothing was sent; mend the event and send it again: {'; '.join(str(one) for one in problems[:5])}",
            ended_at=now,
            problems=[ProblemReport(path=one.path, what=one.what, fix=one.fix) for one in problems],
        )
        publish(self._ports, report)
        return Ended(Ending.REFUSED, report, record)

    def _log_reported(self, delivery: Delivery, ended: Sequence[Ended]) -> None:
        """The one line that stands alone: what became of this invocation."""
        if len(ended) == 1:
            one = ended[0]
            level = "info" if one.ending in (Ending.DONE, Ending.IGNORED) else "error"
            self._ports.log("run.reported", level=level, ending=one.ending.value, **_telling(one.body))
            return
        level = "error" if any(one.ending in (Ending.REFUSED, Ending.FAULT) for one in ended) else "info"
        runs = [{"ending": one.ending.value, **_telling(one.body)} for one in ended]
        self._ports.log("run.reported", level=level, trigger=delivery.kind.value, runs=runs)


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
    for one in ended:
        if one.fault is not None and len(ended) == 1:
            raise one.fault
    bad = [one for one in ended if one.ending in (Ending.REFUSED, Ending.FAULT)]
    if bad:
        body = bad[0].body if len(ended) == 1 else {"runs": [dict(one.body) for one in ended]}
        raise RefusedError(" | ".join(_sentence(one) for one in bad[:5]), body) from bad[0].fault


def _sentence(one: Ended) -> str:
    """Why this record was refused, in words for the platform's error field."""
    report = one.body
    reasons = [f"{item['path']}: {item['what']}".lstrip(": ") for item in report["problems"]]
    reasons += list(dict.fromkeys(f"{item['guard']}: {item['reason']}" for item in report["instances"] if item["outcome"] == "refused"))
    shown = "; ".join(reasons[:5]) + (f"; and {len(reasons) - 5} more" if len(reasons) > 5 else "")
    return f"Refused, nothing was sent ({report['run_id']}): {shown}. {report['next']}"


def _http_answer(one: Ended) -> dict[str, Any]:
    """API Gateway, APIG and function URLs all take this shape."""
    match one.ending:
        case Ending.REFUSED:
            code = 422
        case Ending.FAULT:
            code = 503
        case _:
            code = 202 if one.body.get("status") == RunStatus.DEFERRED else 200
    return {
        "statusCode": code,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(one.body),
        "isBase64Encoded": False,
    }
