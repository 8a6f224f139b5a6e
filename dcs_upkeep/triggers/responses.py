"""What each trigger wants for an answer: an HTTP response, the queue's items to send again, the sentence of an error."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dcs_upkeep.domain.errors import describe_error
from dcs_upkeep.domain.model import OutcomeKind, RunStatus
from dcs_upkeep.domain.problems import list_some
from dcs_upkeep.domain.run import Disposition, RunResult


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """How one disposition is told: its HTTP status code, and whether a queue should deliver the record again."""

    http_code: int
    redeliver: bool = False


ANSWERS: Mapping[Disposition, AnswerRule] = {
    Disposition.DONE: AnswerRule(200),
    Disposition.IGNORED: AnswerRule(200),
    Disposition.REFUSED: AnswerRule(422, redeliver=True),
    Disposition.REUSED: AnswerRule(409, redeliver=True),
    Disposition.RUNNING: AnswerRule(409, redeliver=True),
    Disposition.FAULT: AnswerRule(503, redeliver=True),
}


def http_answer(result: RunResult) -> dict[str, Any]:
    """The response that API Gateway, APIG and function URLs all take."""
    # An error code after something may have been sent would invite the caller to send it again.
    told = Disposition.DONE if result.may_have_sent and result.disposition is not Disposition.RUNNING else result.disposition
    code = result.http_code or ANSWERS[told].http_code
    if code == 200 and result.body.get("status") == RunStatus.DEFERRED:
        code = 202
    return {
        "statusCode": code,
        "headers": {"Content-Type": "application/json", **({"Allow": "POST"} if code == 405 else {})},
        "body": json.dumps(result.body),
        "isBase64Encoded": False,
    }


def queue_answer(results: Sequence[RunResult]) -> dict[str, Any]:
    """What SQS takes: the messages that it should deliver again."""
    return {"batchItemFailures": [{"itemIdentifier": result.record} for result in results if ANSWERS[result.disposition].redeliver]}


def error_sentence(result: RunResult) -> str:
    """Why this record was refused, in words for the platform's error field."""
    report = result.body
    if "problems" not in report:
        return describe_error(result.fault) if result.fault else str(report)
    reasons = [f"{problem['path']}: {problem['what']}".lstrip(": ") for problem in report["problems"]]
    refused = [row for row in report["instances"] if row["outcome"] == OutcomeKind.REFUSED]
    reasons += dict.fromkeys(f"{row['guard']}: {row['reason']}" for row in refused)
    return f"Refused, nothing was sent ({report['run_id']}): {list_some(reasons, separator='; ')}. {report['next']}"
