"""What the command `doctor` answers: the findings, bounded, and what to do about them. Each is a line of the log, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from dcs_upkeep import __version__
from dcs_upkeep.doctor.finding import Finding, State
from dcs_upkeep.domain.bounds import cut
from dcs_upkeep.domain.ports import Log
from dcs_upkeep.domain.problems import list_some, one_line

MOST_FINDINGS = 100
WHAT_BYTES, SAID_BYTES, FIX_BYTES = 300, 1_000, 600
LEVELS: Mapping[State, str] = {"ok": "info", "look": "warning", "fail": "error"}


def answer(found: Iterable[Finding], log: Log) -> dict[str, Any]:
    """The body of the answer. Only what fails makes its status `failed`: what is worth a look may be meant so."""
    findings: list[Finding] = []
    for one in found:  # as each is known, so that the log has them if the invocation is ended meanwhile
        finding = _bounded(one)
        findings.append(finding)
        if len(findings) <= MOST_FINDINGS:
            log("doctor.found", level=LEVELS[one.state], state=one.state, what=finding.what, reason=finding.said, next=finding.fix)
    counts = Counter(finding.state for finding in findings)
    kept = sorted(sorted(range(len(findings)), key=lambda place: (list(LEVELS)[::-1].index(findings[place].state), place))[:MOST_FINDINGS])
    body: dict[str, Any] = {
        "status": "failed" if counts["fail"] else "succeeded",
        "tool_version": __version__,
        "counts": {state: counts[state] for state in LEVELS},
        "findings": [findings[place].as_json() for place in kept],
        "next": _next(findings),
    }
    if len(kept) < len(findings):
        body["left_out"] = [f"findings: {len(findings) - len(kept)} of {len(findings)}, those that are fine first"]
    return body


def _next(findings: Iterable[Finding]) -> str:
    bad = [finding.what for finding in findings if finding.state == "fail"]
    if bad:
        return f"Mend what fails, as each finding says, and send the command again: {list_some(bad)}."
    return "Look at the findings whose state is look: a run works, or nobody can tell from here."


def _bounded(one: Finding) -> Finding:
    """On one line each: a plan's name or a cloud's words may hold anything."""
    what, said, fix = one_line(one.what), one_line(one.said), one_line(one.fix)
    return Finding(one.state, cut(what, WHAT_BYTES), cut(said, SAID_BYTES), cut(fix, FIX_BYTES))
