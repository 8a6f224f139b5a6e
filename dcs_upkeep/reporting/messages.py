"""What goes to a topic: a subject and a text that a person understands at a glance. Pure.

Built to the smaller of two services. Subject: UTF-8 without line breaks or control characters, under 100 characters for SNS, 512
bytes for SMN, which 99 characters never reach. Text: both take 256 KB of UTF-8, subject and attributes among them. Whatever has to
go, goes from the instances that are fine; the others are never left out. Every line passes `one_line`: names and texts of strangers
cannot make one of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from dcs_upkeep.domain.bounds import MESSAGE_BYTES, TEXT_BYTES, cut, size_of
from dcs_upkeep.domain.model import REPORT_MARK, Location, OutcomeKind
from dcs_upkeep.domain.ports import Message
from dcs_upkeep.domain.problems import list_some, one_line
from dcs_upkeep.reporting.bounded import brief_next
from dcs_upkeep.reporting.report import InstanceReport, Report, matched_nothing

MAX_SUBJECT = 99
PART_MARK = 8  # as in (12/34)
MAX_BYTES = MESSAGE_BYTES - 1_000  # what is left beside the subject and attributes
MOST_RUNS = 50
MOST_LOSING = 500
MOST_WAVES = 20
NEXT_BYTES = 20_000  # an event for thousands of instances stands in the answer alone


def compose(report: Report, max_bytes: int = MAX_BYTES) -> tuple[Message, ...]:
    """The report for a topic: one message, or several if what is not fine alone is longer than `max_bytes`."""
    fine, not_fine = _sorted_out(report["instances"])
    head, subject = _head(report), _subject(report)
    told = [f"  {_line(row)}" for row in not_fine]
    if _size([*head, *told]) > max_bytes:
        told = list(_grouped(not_fine))
    parts = _parts(head, told, max_bytes)
    room = max_bytes - _size(parts[-1]) - 200
    parts[-1] = [*parts[-1], *_fine_lines(fine, room)]
    if len(parts) == 1:
        return (message(subject, parts[0]),)
    numbered = [(f"({number}/{len(parts)}) ", part) for number, part in enumerate(parts, start=1)]
    return tuple(message(f"{mark}{subject}", part) for mark, part in numbered)


def progress(what: str, report: Report) -> Message:
    """A short word while a run is under way."""
    lines = (f"{REPORT_MARK}: {what}", "", f"Run: {report['run_id']}", _counted(report))
    return message(f"DCS Upkeep {what}: {_about(report)}", lines)


def breaker_tripped(halt: Mapping[str, str], location: Location, failures: Mapping[str, int], most: int) -> Message:
    """The circuit breaker has pulled the halt lever: what failed, and what to copy to go on. `failures`: run -> failed or unknown."""
    where, why = location.region or "no region", halt["reason"].removeprefix("circuit breaker: ")
    release = f'{{"command": "release", "halt": "{halt["id"]}"}}'
    lines = [
        f"{REPORT_MARK}: HALTED by the circuit breaker",
        "",
        f"What:    no run that uses this journal begins anything new until a person releases {halt['id']}; what was sent is watched.",
        f"Why:     {why}; UPKEEP_BREAKER is {most}.",
        f"Where:   {where} / {location.project_id or 'no project'}",
        f"Next:    Look at the instances that failed; when it is safe, send {release}",
        f"         or: python -m dcs_upkeep release {halt['id']} --cloud",
        f"When:    {halt['at']}",
        "",
        *(f"  {failed} failed or unknown in {run_id}" for run_id, failed in sorted(failures.items())[:MOST_RUNS]),
    ]
    if len(failures) > MOST_RUNS:
        lines.append(f"  ... and {len(failures) - MOST_RUNS} more")
    return message(f"HALTED by the circuit breaker in {where}: {why}", lines)


def _subject(report: Report) -> str:
    repeated = "(repeated?) " if report.get("possibly_repeated") else ""
    urgent = "ACTION NEEDED: " if report["next"].startswith("ACTION NEEDED") else "NOTHING MATCHED: " if matched_nothing(report) else ""
    head, tail = f"{repeated}{urgent}DCS Upkeep {report['status']}: ", f" - {_counted(report)}"
    # The name gives way, never the counts; a part's number takes some room as well.
    return f"{head}{_about(report, MAX_SUBJECT - len(head) - len(tail) - PART_MARK)}{tail}"


def _about(report: Report, room: int = MAX_SUBJECT) -> str:
    """The action, the plan's name as far as it fits, and the region."""
    action, name = report["plan"]["action"] or "event", " ".join(one_line(report["plan"]["name"] or "").split())
    where = f" in {report['region'] or 'no region'}"
    if name.split(" ")[0].casefold() == action:
        action = ""  # "restart the caches" says it already
    room -= len(action) + len(where) + 1
    if _units(name) > room:
        name = _subject_cut(name, room) if room > 6 else ""
    return " ".join(part for part in (action, name) if part) + where


def _counted(report: Report) -> str:
    counts: Mapping[str, int] = report["counts"]
    kinds = sorted((kind for kind in OutcomeKind if counts.get(kind)), key=lambda kind: kind.place)
    return ", ".join(f"{counts[kind]} {kind.words}" for kind in kinds) or "no instance"


def _head(report: Report) -> list[str]:
    plan, trigger = report["plan"], report["trigger"]
    waves = list_some((str(len(wave)) for wave in plan["waves"]), most=MOST_WAVES)
    lines = [
        f"{REPORT_MARK}: {report['status']}",
        "",
        f"What:    {plan['action'] or 'an event that is no request'}{' (dry run)' if plan['dry_run'] else ''}"
        + (f", {plan['name']}" if plan["name"] else "")
        + f", in {report['region'] or 'no region'} / {report['project_id'] or 'no project'}",
        f"Result:  {_counted(report)}" + (f", in waves of {waves}" if waves else ""),
        f"Next:    {brief_next(report, NEXT_BYTES)}",
        f"When:    {report['started_at']} to {report['ended_at']}, {report['elapsed_s']:g} s"
        + (f", over {report['hops'] + 1} invocations" if report["hops"] else ""),
        f"Run:     {report['run_id']}",
        f"Trigger: {trigger['kind']}"
        + (f" by {trigger['principal']}" if trigger["principal"] else "")
        + (f", requested by {report['requested_by']}" if report["requested_by"] else ""),
    ]
    if plan["digest"]:
        lines.append(f"Digest:  {plan['digest']}" + (f", showing {plan['showing']}" if "showing" in plan else ""))
    if report.get("possibly_repeated"):
        lines.append("Note:    an earlier invocation may have sent this message already.")
    lines += [f"Note:    {note}" for note in report["notes"]]
    lines += [f"Problem: {row['path'] + ': ' if row['path'] else ''}{row['what']}. {row['fix']}" for row in report["problems"]]
    losing = [row for row in report["instances"] if row["loses_data"] is not False and row["outcome"] == OutcomeKind.PLANNED]
    if losing:
        lines += [
            "",
            f"Data would be lost on {len(losing)}:",
            *(f"  {row['name'] or ''} {row['instance_id']}" for row in losing[:MOST_LOSING]),
        ]
    if len(losing) > MOST_LOSING:
        lines.append(f"  ... and {len(losing) - MOST_LOSING} more; the answer of the invocation names them")
    return [*lines, ""]


def _sorted_out(instances: Sequence[InstanceReport]) -> tuple[list[InstanceReport], list[InstanceReport]]:
    """(fine, not fine), each in the order in which a reader wants them."""
    ordered = sorted(instances, key=lambda row: (OutcomeKind(row["outcome"]).place, row["wave"] or 0))
    fine = [row for row in ordered if OutcomeKind(row["outcome"]).fine]
    return fine, [row for row in ordered if not OutcomeKind(row["outcome"]).fine]


def _line(row: InstanceReport) -> str:
    wave = f", wave {row['wave']}" if row["wave"] else ""
    guard = f" [{row['guard']}]" if row["guard"] else ""
    line = f"{OutcomeKind(row['outcome']).words:13} {row['name'] or '-'} ({row['instance_id']}{wave}){guard}: {row['reason']}"
    return cut(line, TEXT_BYTES)


def _grouped(instances: Iterable[InstanceReport]) -> Iterable[str]:
    """The same with each reason once: outcome and reason, then bare IDs."""

    def key(row: InstanceReport) -> tuple[str, str]:
        return row["outcome"], row["reason"]

    for (outcome, reason), group in groupby(sorted(instances, key=key), key):
        yield f"  {OutcomeKind(outcome).words}: {reason}"
        yield from (f"    {row['instance_id']}" for row in group)


def _parts(head: list[str], told: Sequence[str], max_bytes: int) -> list[list[str]]:
    """Lines cut into messages that each fit; one if it can be. Every one begins as a report does, so that it is known for one."""
    parts, size = [list(head)], _size(head)
    if told:
        parts[0].append("Not fine:")
    for line in told:
        if size + _size([line]) > max_bytes - 300:
            parts.append([head[0], "", "Not fine, continued:"])
            size = _size(parts[-1])
        parts[-1].append(line)
        size += _size([line])
    return parts


def _fine_lines(fine: Sequence[InstanceReport], room: int) -> list[str]:
    """As many of the instances that are fine as fit, and how many were left out."""
    if not fine:
        return []
    lines = ["", "Fine:"]
    size = _size(lines)
    for number, row in enumerate(fine):
        line = f"  {_line(row)}"
        size += _size([line])
        if size > room:
            return [*lines, f"  ... and {len(fine) - number} more that are fine, left out here to fit the topic's limit"]
        lines.append(line)
    return lines


def _size(lines: Iterable[str]) -> int:
    return sum(size_of(line) + 1 for line in lines)


def message(subject: str, lines: Iterable[str]) -> Message:
    """A message as every channel takes it: a subject that fits, and one line for each line."""
    return Message(_subject_cut(one_line(" ".join(subject.split())), MAX_SUBJECT), "\n".join(one_line(line) for line in lines))


def _units(text: str) -> int:
    """Characters as the stricter of two ways counts them: one outside the first 65,536 counts twice."""
    return len(text) + sum(1 for sign in text if sign > "\uffff")


def _subject_cut(text: str, most: int) -> str:
    if _units(text) <= most:
        return text
    kept = text[: most - 3]
    while _units(kept) > most - 3:
        kept = kept[:-1]
    return f"{kept}..."
