"""The instances of a report as people read them: in groups, each reason once, what is fine last. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dcs_upkeep.domain.model import OutcomeKind
from dcs_upkeep.domain.problems import one_line
from dcs_upkeep.reporting.catalog import Catalog
from dcs_upkeep.reporting.report import InstanceReport, Report
from dcs_upkeep.reporting.urgency import Claim, Urgency, is_unseen

MOST_ROWS = 200
MOST_FINE = 20


@dataclass(frozen=True, slots=True)
class Group:
    """Instances with one thing to say about them. `why`: the reason that they share, in English; empty if there is nothing to explain."""

    heading: str
    rows: Sequence[InstanceReport]
    why: str = ""
    fine: bool = False

    @property
    def most(self) -> int:
        """So many of them are named."""
        return MOST_FINE if self.fine else MOST_ROWS


def groups_of(report: Report, claims: Sequence[Claim], words: Catalog) -> list[Group]:
    """Everything that is not fine first, in the order of its urgency; at the end what is."""
    action = action_in_words(report, words)
    found: list[Group] = []
    for claim in claims:
        match claim.urgency:
            case Urgency.DOWN:
                found += _by_reason(claim.rows, words, "group.down", action=action)
            case Urgency.DATA_LOST:
                found.append(Group(words.say("group.lost", count=len(claim.rows)), claim.rows))
            case Urgency.APPROVE:
                found += _losing(claim.rows, words)
            case Urgency.CHECK:
                found += _by_reason(claim.rows, words, "group.unseen" if claim.key == "check_unseen" else "group.unknown")
            case Urgency.FAILED:
                found += _by_reason(claim.rows, words, "group.failed")
            case _:
                pass
    found += _refused(report, words)
    for kind, key in ((OutcomeKind.DEFERRED, "group.waiting"), (OutcomeKind.NOT_ATTEMPTED, "group.not_attempted")):
        found += _by_reason([row for row in report["instances"] if row["outcome"] == kind], words, key)
    return [*found, *_fine(report, words)]


def _losing(rows: Iterable[InstanceReport], words: Catalog) -> Iterator[Group]:
    by_key: dict[str, list[InstanceReport]] = {"group.loses": [], "group.may_lose": []}
    for row in rows:
        by_key["group.loses" if row["loses_data"] is True else "group.may_lose"].append(row)
    for key, found in by_key.items():
        if found:
            yield Group(words.say(key, count=len(found)), found)


def _refused(report: Report, words: Catalog) -> Iterator[Group]:
    by_guard: dict[str, list[InstanceReport]] = {}
    for row in report["instances"]:
        if row["outcome"] == OutcomeKind.REFUSED:
            by_guard.setdefault(row["guard"] or "-", []).append(row)
    for guard, rows in by_guard.items():
        key = f"guard.{guard}" if words.has(f"guard.{guard}") else "guard.other"
        yield from _by_reason(rows, words, "group.refused", guard=guard, label=words.say(key))


def _by_reason(rows: Iterable[InstanceReport], words: Catalog, key: str, **fields: str) -> Iterator[Group]:
    by_reason: dict[str, list[InstanceReport]] = {}
    for row in rows:
        by_reason.setdefault(row["reason"], []).append(row)
    for reason, found in by_reason.items():
        yield Group(words.say(key, count=len(found), **fields), found, reason)


def _fine(report: Report, words: Catalog) -> Iterator[Group]:
    for kind in (OutcomeKind.PLANNED, OutcomeKind.ACCEPTED, OutcomeKind.COMPLETED, OutcomeKind.SKIPPED):
        rows = [row for row in report["instances"] if row["outcome"] == kind and not is_unseen(row)]
        if rows:
            yield Group(words.say(f"group.{kind}", count=len(rows)), rows, fine=True)


def instance_in_words(row: InstanceReport, words: Catalog) -> str:
    """Name, ID and wave."""
    name, wave = one_line(row["name"] or ""), row["wave"]
    if not name:
        return row["instance_id"]
    if wave is None:
        return words.say("instance", name=name, id=row["instance_id"])
    return words.say("instance_wave", name=name, id=row["instance_id"], wave=wave)


def action_in_words(report: Report, words: Catalog) -> str:
    """The action, and whether it was a dry run."""
    action = report["plan"]["action"]
    said = words.say(f"action.{action}") if action else words.say("an_event")
    return words.say("dry_run", action=said) if report["plan"]["dry_run"] else said
