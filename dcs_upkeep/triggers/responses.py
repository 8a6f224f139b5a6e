"""What each trigger wants for an answer: HTTP codes, queue items, the sentence of an error."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dcs_upkeep.domain.errors import describe_error
from dcs_upkeep.domain.model import RunStatus
from dcs_upkeep.domain.run import Disposition, RunResult

HTTP_CODES: Mapping[Disposition, int] = {
    Disposition.REFUSED: 422,
    Disposition.REUSED: 409,
    Disposition.RUNNING: 409,
    Disposition.FAULT: 503,
}
COMES_BACK = frozenset(
    {Disposition.REFUSED, Disposition.REUSED, Disposition.RUNNING, Disposition.FAULT}
)  # of SQS: the queue hands these out again


def sentence_of(result: RunResult) -> str:
    """Why this record was refused, in words for the platform's error field."""
    report = result.body
    if "problems" not in report:
        return describe_error(result.fault) if result.fault else str(report)
    reasons = [f"{item['path']}: {item['what']}".lstrip(": ") for item in report["problems"]]
    reasons += list(dict.fromkeys(f"{item['guard']}: {item['reason']}" for item in report["instances"] if item["outcome"] == "refused"))
    shown = "; ".join(reasons[:5]) + (f"; and {len(reasons) - 5} more" if len(reasons) > 5 else "")
    return f"Refused, nothing was sent ({report['run_id']}): {shown}. {report['next']}"


def sqs_answer(results: Sequence[RunResult]) -> dict[str, Any]:
    """Which messages the queue hands out again."""
    return {"batchItemFailures": [{"itemIdentifier": result.record} for result in results if result.disposition in COMES_BACK]}


def http_answer(result: RunResult) -> dict[str, Any]:
    """API Gateway, APIG and function URLs all take this shape."""
    code = HTTP_CODES.get(result.disposition, 202 if result.body.get("status") == RunStatus.DEFERRED else 200)
    if result.may_have_sent and result.disposition is not Disposition.RUNNING:
        code = 202 if result.body.get("status") == RunStatus.DEFERRED else 200
    return {
        "statusCode": code,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(result.body),
        "isBase64Encoded": False,
    }
