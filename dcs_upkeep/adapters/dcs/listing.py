"""A listing that moves while it is paged: whoever existed all the time is in it, whatever is created and deleted meanwhile. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dcs_upkeep.adapters.dcs import read_answers
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Instance

MAX_PAGES = 1000
ENOUGH_PASSES, MOST_PASSES = 3, 10  # of a fleet that changes while it is read; of a listing that leaves out others each time
# Rows by which a page overlaps the one before once rows were seen to move up: from the least, four times as many whenever it is not enough.
LEAST_OVERLAP, MOST_OVERLAP = 50, 500

Page = tuple[list[Instance], int, int | None]  # its instances, its number of rows, `instance_num`


@dataclass
class _Pass:
    """One way through all pages.

    Each page begins with the last row of the one before. If it does not hold a row that is known, rows were deleted in front of it and
    others have moved up past its beginning, unseen: it is asked for again from further in front, and the next ones overlap by more.
    """

    ask: Callable[[int], Page]
    enough: Callable[[Mapping[str, Instance]], bool]
    found: dict[str, Instance] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)  # each `instance_num` that counts more than its page

    def run(self) -> None:
        """Until `enough`, or until `instance_num` is reached; if that is missing or too low, until a short page. Raises: CloudError."""
        begin = end = 0
        back = 1
        last_ids: list[str] = []
        is_doubtful = False  # whether the fleet may have ended with the last page
        for _ in range(MAX_PAGES):
            try:
                instances, rows, total = self.ask(begin)
            except CloudError as err:
                if err.status != 400 or not begin:
                    raise
                if is_doubtful:
                    return
                instances, rows, total = [], 0, None  # an offset past the end may be refused (DCS.4800)
            if begin and not any(instance.instance_id in self.found for instance in instances):
                back = max(LEAST_OVERLAP, back * 4)
                begin = max(0, end - back)
                continue
            back = min(back, MOST_OVERLAP)
            before, last_ids = last_ids, [instance.instance_id for instance in instances]
            if begin and last_ids == before and rows >= read_answers.PAGE:
                break  # the same page again: going on would never end, and stopping here would pass for the whole fleet
            known = len(self.found)
            self._take(instances)
            if total is not None and total > rows:
                self.counts.append(total)
            end = begin + rows
            is_full = rows >= read_answers.PAGE
            is_new = len(self.found) > known
            # One full page that counts as many is either the whole fleet or an `instance_num` that counts pages: look once more.
            is_doubtful = is_full and total == rows
            more = total > end if total is not None and total >= end and not is_doubtful else is_full
            if not more or self.enough(self.found) or not (is_new or is_full):
                return
            begin = max(0, end - back)
        what = f"the listing does not come to an end at offset {begin}"
        raise CloudError("list_instances", what, "Try again; if it stays so, ask Huawei Cloud's support.")

    def _take(self, instances: list[Instance]) -> None:
        for instance in instances:
            earlier = self.found.get(instance.instance_id, instance)
            self.found[instance.instance_id] = read_answers.merged(earlier, instance)

    @property
    def is_settled(self) -> bool:
        """Whether the count was one all the time, and is that of what was found."""
        return not self.counts or (len(set(self.counts)) == 1 and self.counts[-1] <= len(self.found))


def read_until(ask: Callable[[int], Page], enough: Callable[[Mapping[str, Instance]], bool]) -> dict[str, Instance]:
    """Pages until `enough`, or to the end. `ask`: one page from that row on. Raises: CloudError."""
    listing = _Pass(ask, enough)
    listing.run()
    return listing.found


def read_all(ask: Callable[[int], Page]) -> dict[str, Instance]:
    """All instances. A listing whose count changed, or is not that of what it lists, is read again, a few times at most.

    One that shows fewer than there were at its beginning, and others each time, is in no order: it is read more often, and never taken
    for the whole. Raises: CloudError, also if the listing does not come to an end.
    """
    found: dict[str, Instance] = {}
    seen: list[tuple[int, frozenset[str]]] = []
    at_first = 0
    for number in range(1, MOST_PASSES + 1):
        listing = _Pass(ask, lambda _: False)
        listing.run()
        found |= listing.found
        at_first = at_first or (listing.counts[0] if listing.counts else 0)
        last = (listing.counts[-1] if listing.counts else 0, frozenset(listing.found))
        if listing.is_settled or last in seen:  # twice the same: it counts what it does not list
            return found
        if number >= ENOUGH_PASSES and len(found) >= at_first:
            return found
        seen.append(last)
    what = f"the listing does not hold still: of {at_first} instances {len(found)} were shown in {MOST_PASSES} readings"
    raise CloudError("list_instances", what, "Try again; name the instances, if it stays so.")
