"""A journal on OBS looked at: whether two appends at one position can both succeed, and what the bucket does to its objects in time.

That of two appends at one position one is refused follows from OBS's rule for a position; its pages do not speak of races. So `race`
has eight writers race for each of some hundred places. It needs journals alone, and runs wherever they are reached from.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from dcs_upkeep.adapters.journals.obs import ObsJournal
from dcs_upkeep.adapters.journals.obs_keys import key_prefixes
from dcs_upkeep.doctor.finding import Finding
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import JournalError, SeqTakenError, UpkeepError
from dcs_upkeep.domain.lifetimes import DAY_S, TTL_S
from dcs_upkeep.domain.ports import Journal

# What `doctor` asks of the bucket here; the function itself never does.
PERMISSIONS = {
    "get_bucket_lifecycle": "obs:bucket:GetLifecycleConfiguration",
    "get_bucket_versioning": "obs:bucket:GetBucketVersioning",
}
PLACES, WRITERS = 300, 8
LEFT_S = 20.0
KEEP_DAYS = 140  # what the rule should say: longer than any stream is used
ARCHIVES = ("COLD", "DEEP_ARCHIVE")
NO_JOURNAL = "Use another store, and tell of it: this bucket does not keep the promise that a journal rests on."


def look_at(journal: Journal, deadline: Deadline) -> Iterator[Finding]:
    """What `doctor` says of it beside what it says of every store; nothing if it is on another."""
    if not isinstance(journal, ObsJournal):
        return
    bucket, left_s = journal.bucket, lambda: min(LEFT_S, deadline.remaining_s())
    yield _raced([journal.anew() for _ in range(WRITERS)])
    rules, versions = PERMISSIONS["get_bucket_lifecycle"], PERMISSIONS["get_bucket_versioning"]
    yield from _judged("journal: lifecycle", rules, lambda: _lifecycle(journal, bucket.get_bucket_lifecycle(left_s)))
    yield from _judged("journal: versions", versions, lambda: _versions(bucket.get_bucket_versioning(left_s)))


@dataclass(frozen=True, slots=True)
class Race:
    """How it ended. `twice`: places that more than one writer won, or whose winner is not whom the record shows."""

    places: int
    writers: int
    twice: tuple[int, ...]


def race(journals: Sequence[Journal], places: int) -> Race:
    """Let each of these journals, which must not know of one another, append to each place of a stream of its own at the same time.

    Raises: JournalError if one of them cannot tell what became of an append.
    """
    stream, start = f"doctor/{uuid.uuid4().hex}", threading.Barrier(len(journals))

    def write(writer: int) -> list[int]:
        won = []
        try:
            for place in range(places):
                start.wait()
                try:
                    journals[writer].append(stream, place, {"kind": "doctor", "writer": writer})
                    won.append(place)
                except SeqTakenError:
                    pass
        except BaseException:
            start.abort()  # so that the others do not wait for it
            raise
        return won

    with ThreadPoolExecutor(len(journals)) as pool:
        ended = [pool.submit(write, writer) for writer in range(len(journals))]
        failures = [error for one in ended if (error := one.exception()) is not None]
    if failures:
        raise next((one for one in failures if not isinstance(one, threading.BrokenBarrierError)), failures[0])
    winners: list[list[int]] = [[] for _ in range(places)]
    for writer, one in enumerate(ended):
        for place in one.result():
            winners[place].append(writer)
    on_record = [[entry["writer"]] for _, entry in journals[0].read(stream)]
    on_record += [[] for _ in range(places - len(on_record))]
    return Race(places, len(journals), tuple(place for place in range(places) if winners[place] != on_record[place]))


def _raced(journals: Sequence[Journal]) -> Finding:
    what = "journal: race"
    try:
        found = race(journals, PLACES)
    except JournalError as err:
        return Finding("fail", what, str(err))
    if found.twice:
        said = f"of {found.places} places that {found.writers} writers raced for, {len(found.twice)} had not one winner"
        return Finding("fail", what, f"{said} (the first: {found.twice[0]})", NO_JOURNAL)
    return Finding("ok", what, f"{found.writers} writers raced for {found.places} places, and each had one winner")


def _judged(what: str, right: str, judge: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What is to be said of the bucket; a person should know if it does not tell."""
    from dcs_upkeep.adapters.journals.obs_bucket import ObsError

    try:
        yield from judge()
    except ObsError as err:
        yield Finding("look", what, f"not checked ({err.error_code})", f"Grant {right}, which only doctor needs, or look at the console.")
    except UpkeepError as err:
        yield Finding("look", what, f"not checked: {err}")
    except ET.ParseError:
        yield Finding("look", what, "not checked: the answer is not XML", "Check the endpoint of UPKEEP_JOURNAL.")


def _versions(xml: str) -> Iterator[Finding]:
    status = _child(ET.fromstring(xml), "Status")  # noqa: S314  # of OBS, over TLS
    if status == "Enabled":
        said = "the bucket keeps versions, so that what its lifecycle rule deletes is kept and paid for as an older version"
        yield Finding("look", "journal: versions", said, "Let a rule delete older versions, or use a bucket without them.")
    else:
        yield Finding("ok", "journal: versions", "the bucket keeps none")


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule in force. `days`: None if it is by date. `ends`: whether it deletes; else it moves to an archive."""

    prefix: str
    days: int | None
    ends: bool

    def touches(self, prefix: str) -> bool:
        return self.prefix.startswith(prefix) or prefix.startswith(self.prefix)


def _lifecycle(journal: ObsJournal, xml: str) -> Iterator[Finding]:
    """A rule must delete what is past its time, none may touch what is in use, and none what lasts."""
    what, least = "journal: lifecycle", TTL_S / DAY_S
    expiring, lasting = key_prefixes(journal.site.prefix)
    rules = _rules(xml)
    early = [one for one in rules if one.touches(expiring) and (one.days is None or one.days < least)]
    if early:
        when = "by a date" if early[0].days is None else f"after {early[0].days} days"
        said = f"a rule for {early[0].prefix!r} {'deletes' if early[0].ends else 'archives'} {when} what may be in use for {least:.0f} days"
        yield Finding("fail", what, said, f"Let it wait for {KEEP_DAYS} days, or leave {expiring} out.")
    if touching := next((one for one in rules if one.touches(lasting)), None):
        said = f"a rule for {touching.prefix!r} takes away what must last, such as the halt lever"
        yield Finding("fail", what, said, f"Let it leave {lasting} out: write a rule for {expiring} alone.")
    elif not early and any(one.ends and expiring.startswith(one.prefix) for one in rules):
        yield Finding("ok", what, f"{expiring} is deleted in time, {lasting} is kept")
    elif not early:
        fix = f"Add a lifecycle rule for the prefix {expiring} that deletes {KEEP_DAYS} days after the last change."
        yield Finding("look", what, "no rule deletes what is past its time, so that it is kept and paid for", fix)


def _rules(xml: str) -> list[_Rule]:
    """Those in force that delete or archive the newest version of an object."""
    found: list[_Rule] = []
    for rule in ET.fromstring(xml) if xml else ():  # noqa: S314  # of OBS, over TLS
        if _name(rule) != "Rule" or _child(rule, "Status") != "Enabled":
            continue
        for step in rule:
            ends = _name(step) == "Expiration"
            if ends or (_name(step) == "Transition" and _child(step, "StorageClass") in ARCHIVES):
                days = _child(step, "Days")
                found.append(_Rule(_child(rule, "Prefix"), int(days) if days.isdecimal() else None, ends))
    return found


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _child(element: ET.Element, name: str) -> str:
    """The text of the child of this name, empty if there is none."""
    return next(((one.text or "").strip() for one in element if _name(one) == name), "")
