"""What the cloud answered to a status PUT, translated once into an `Answer`. Pure; needs no SDK to be imported.

The table is in docs/architecture.md, under "What an answer means". What is documented nowhere counts as lost: then evidence decides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from dcs_upkeep.adapters.account import status_of
from dcs_upkeep.adapters.foreign_words import as_word
from dcs_upkeep.domain.model import Answer, AnswerKind
from dcs_upkeep.domain.problems import one_line

MAX_WHAT = 300
PERMISSION = "dcs:instance:modifyStatus"  # one IAM action for restart, flush, stop and start (DCS API, permissions table)
# Codes about the request itself. (Error codes of the DCS API reference.)
TOO_MANY = "DCS.4100"
BAD_REQUEST = frozenset({"DCS.4002", "DCS.4004", "DCS.4005", "DCS.4064", "DCS.4065"})
# Codes that waiting may cure: the same reference, and the set on which Huawei's Terraform provider retries.
BUSY = frozenset(
    {
        *(f"DCS.{n}" for n in (4017, 4026, 4049, 4096, 4097, 4104, 4111, 4113, 4114, 4115, 4116, 4117, 4118, 4120, 4121, 4231, 4975)),
        "CBC.99003651",
    }
)
# Statuses below 500 that do not say whether the request was carried out: 408 and 499 come from gateways that gave up
# waiting, which may be on DCS; 409 and 425 are documented for no DCS API, and a flush must not be repeated on a guess.
UNDECIDED = frozenset({408, 409, 425, 499})
_GATEWAY = ("APIGW.", "APIG.")
_FAMILIES = {"400": "4", "401": "1", "403": "3", "404": "3", "500": "5"}


def canonical_code(code: str) -> str:
    """One spelling for the two that most codes have: `111400026` -> `DCS.4026`. Others stay as they are."""
    if found := re.fullmatch(r"111(400|401|403|404|500)(\d{3})", code):
        return f"DCS.{_FAMILIES[found[1]]}{found[2]}"
    return code


def from_response(raw: Any, asked: Sequence[str], clean: Callable[[object], str]) -> Answer:
    """An answer below 400. `raw` has `status_code`, `raw_content` and `request_id`; `asked` are the IDs of the PUT."""
    status, request_id = raw.status_code, as_word(raw.request_id) or None
    rows = _rows(raw.raw_content) if isinstance(status, int) and 200 <= status < 300 else None
    if rows is None:
        what = f"answered {status} without a result list: whether it was executed is not known"
        return Answer(AnswerKind.LOST, what, {}, status, None, request_id)
    names = {one.lower(): one for one in asked}
    said: dict[str, set[object]] = {}
    strange = 0
    for row in rows:
        instance, word = (row.get("instance"), row.get("result")) if isinstance(row, Mapping) else (None, None)
        known = names.get(instance.lower()) if isinstance(instance, str) else None
        if known is None:
            strange += 1
            continue
        said.setdefault(known, set()).add(word if isinstance(word, str) else None)
    # An odd word, or two different words for one ID, says nothing: left out, so that evidence decides.
    results = {one: word for one, words in said.items() for word in ("success", "failed") if words == {word}}
    parts = [f"answered {status}: {_count(results, 'success')} success, {_count(results, 'failed')} failed"]
    if silent := len(asked) - len(results):
        parts.append(f"{silent} without a clear result")
    if strange:
        parts.append(f"{strange} rows for IDs that were not asked for")
    return Answer(AnswerKind.RESULTS, clean(", ".join(parts)), results, status, None, request_id)


def _count(results: Mapping[str, str], word: str) -> int:
    return sum(1 for one in results.values() if one == word)


def _rows(content: object) -> list[object] | None:
    try:
        body = json.loads(content) if isinstance(content, str | bytes) else None
    except (ValueError, RecursionError):
        return None
    rows = body.get("results") if isinstance(body, dict) else None
    return rows if isinstance(rows, list) else None


def from_error(err: Exception, clean: Callable[[object], str], *, not_sent: bool) -> Answer:
    """An exception of the call. `not_sent`: it is proven that no byte of the request left."""
    status = status_of(err)
    if status is None:
        if not_sent:
            return Answer(AnswerKind.NOT_CONNECTED, clean(f"no connection was made ({cause_of(err)}): nothing was sent"))
        return Answer(AnswerKind.LOST, clean(f"the answer was lost ({cause_of(err)}): whether it was executed is not known"))
    code = code_of(err)
    kind = _kind(status, canonical_code(code))
    said = f"answered {status} {code}: {getattr(err, 'error_msg', None)}"
    if kind is AnswerKind.UNAUTHORIZED:
        said = f"the key pair, its token or its project is not valid; {said}"
    if kind is AnswerKind.DENIED:
        said = f"the permission needed is {PERMISSION}, for the enterprise project of each instance; {said}"
    if kind is AnswerKind.LOST:
        said = f"whether it was executed is not known; {said}"
    busy = kind is AnswerKind.ONE_BAD_ID and canonical_code(code) in BUSY
    return Answer(kind, clean(said), {}, status, code, request_id_of(err), busy)


def _kind(status: int, code: str) -> AnswerKind:
    """The same table. `code` in its canonical spelling."""
    if status == 429:
        return AnswerKind.THROTTLED
    if status == 401:
        return AnswerKind.UNAUTHORIZED
    if status == 403:
        return AnswerKind.DENIED
    if status >= 500 or status < 400 or status in UNDECIDED:
        return AnswerKind.LOST
    if status not in (400, 404) or code in BAD_REQUEST:
        return AnswerKind.BAD_REQUEST
    if code == TOO_MANY:
        return AnswerKind.TOO_MANY
    # A gateway's own 400 or 404 (no such API, request too large) never reached DCS, and no single ID can have caused it.
    return AnswerKind.BAD_REQUEST if code.startswith(_GATEWAY) else AnswerKind.ONE_BAD_ID


def code_of(err: Exception) -> str:
    """The cloud's own error code, as text; the SDK puts the status there if the body had none."""
    return as_word(getattr(err, "error_code", None)) or str(status_of(err) or "")


def request_id_of(err: Exception) -> str | None:
    """The id to give to Huawei's support, or None."""
    return as_word(getattr(err, "request_id", None)) or None


def cause_of(err: BaseException) -> str:
    """The kind of the innermost cause, such as `NewConnectionError: Connection refused`. Never an exception's own text.

    (A proxy's address with its password can stand in such a text; the operating system's words cannot hold it.)
    """
    chain = list(_chain(err))
    named = [one for one in chain if type(one).__module__.startswith("urllib3")] or chain
    system = next((one.strerror for one in chain if isinstance(one, OSError) and isinstance(one.strerror, str)), None)
    return type(named[-1]).__name__ + (f": {system}" if system else "")


def _chain(err: BaseException) -> Iterator[BaseException]:
    """An exception, then what caused it: by `reason` (urllib3), by its arguments (requests), by cause or context."""
    seen: set[int] = set()
    current: BaseException | None = err
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        inner = [getattr(current, "reason", None), *current.args, current.__cause__, current.__context__]
        current = next((one for one in inner if isinstance(one, BaseException) and id(one) not in seen), None)


def cleaner(secrets: Sequence[str | None]) -> Callable[[object], str]:
    """Make a function that brings any text of the cloud's to one line of at most 300 characters, without `secrets`."""
    hidden = [one for one in secrets if one and len(one) >= 8]  # a real one has 16 and more; a shorter word would hide plain text

    def clean(text: object) -> str:
        line = " ".join(str(text).split())
        for one in hidden:
            line = line.replace(one, "***")
        line = one_line(line)
        return line if len(line) <= MAX_WHAT else f"{line[: MAX_WHAT - 3]}..."

    return clean
