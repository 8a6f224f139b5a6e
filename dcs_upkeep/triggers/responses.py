"""What each trigger wants for an answer: an HTTP response, the queue's items to send again, the sentence of an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dcs_upkeep.domain.errors import describe_error
from dcs_upkeep.domain.model import OutcomeKind, RunStatus
from dcs_upkeep.domain.problems import json_line, list_some, shorten
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
    Disposition.HELD_BACK: AnswerRule(503, redeliver=True),
}


def http_answer(*results: RunResult, header_lists: bool = False) -> dict[str, Any]:
    """The response that API Gateway, APIG, function URLs, load balancers and VPC Lattice all take.

    Of several records in one request the worst gives its code. `header_lists`: each header's value is a list.
    """
    codes = [_http_code(result) for result in results]
    # An error code after something may have been sent would invite the caller to send it again.
    is_safe = len(results) == 1 or not any(result.may_have_sent for result in results)
    code = max(codes if is_safe else [code for code in codes if code < 400] or [200])
    body = results[0].body if len(results) == 1 else {"runs": [dict(result.body) for result in results]}
    headers = {"Content-Type": "application/json", **({"Allow": "POST"} if code == 405 else {})}
    return {
        "statusCode": code,
        **({"multiValueHeaders": {name: [value] for name, value in headers.items()}} if header_lists else {"headers": headers}),
        "body": json_line(body),
        "isBase64Encoded": False,
    }


def _http_code(result: RunResult) -> int:
    told = Disposition.DONE if result.may_have_sent and result.disposition is not Disposition.RUNNING else result.disposition
    code = result.http_code or ANSWERS[told].http_code
    return 202 if code == 200 and result.body.get("status") == RunStatus.DEFERRED else code


def queue_answer(results: Sequence[RunResult]) -> dict[str, Any]:
    """What SQS takes: the messages that it should deliver again, each once.

    A message that held several records comes back only if none of them may have sent anything: it could not come back in part.
    """
    by_message: dict[str | None, list[RunResult]] = {}
    for result in results:
        by_message.setdefault(result.record, []).append(result)
    failed = [
        record
        for record, found in by_message.items()
        if any(ANSWERS[result.disposition].redeliver for result in found)
        and (len(found) == 1 or not any(result.may_have_sent for result in found))
    ]
    return {"batchItemFailures": [{"itemIdentifier": record} for record in failed]}


def held_back(group: str) -> str:
    """Why a record of a FIFO group was given back untouched."""
    return f"a message before it in the group {shorten(group.rsplit('/', 1)[-1])} failed, and the group keeps its order"


def error_sentence(result: RunResult) -> str:
    """Why this record was refused, in words for the platform's error field."""
    report = result.body
    if "problems" not in report:
        return describe_error(result.fault) if result.fault else json_line(report)
    reasons = [f"{problem['path']}: {problem['what']}".lstrip(": ") for problem in report["problems"]]
    refused = [row for row in report["instances"] if row["outcome"] == OutcomeKind.REFUSED]
    reasons += dict.fromkeys(f"{row['guard']}: {row['reason']}" for row in refused)
    reasons = reasons or list(report["notes"])  # of a selection that was not even read
    return f"Refused, nothing was sent ({report['run_id']}): {list_some(reasons, separator='; ')}. {report['next']}"
