"""Two runs and one instance: what may happen next, and what must never be true.

A world is one number, put together from the numbers of its runs and of its instance, and what was worked out for one is kept. Which
run is called which makes no difference: of two worlds that are the same but for that, only one is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from tests.model import product
from tests.model.lines import Line
from tests.model.product import ME, OTHER, Held
from tests.model.protocol import Protocol
from tests.model.state import Run, View, after_a_claim, after_a_tick, normal

TWICE = "acts twice: two PUTs of one run are carried out"
BOTH = "two runs act at the same time"
NOT_DONE = "told falsely: refused or not attempted, though a PUT of this run is carried out"
T = TypeVar("T")


class Site(NamedTuple):
    """The instance. `holder`: which run (0, 1) claimed it last, -1 for none; `older`: a claim of the other is on record as well.

    `executed`: how many PUTs of each run the cloud has carried out.
    """

    holder: int = -1
    older: bool = False
    executed: tuple[int, int] = (0, 0)

    def seen_from(self, who: int) -> Held:
        """Its stream as one of the runs reads it."""
        return Held("" if self.holder < 0 else ME if self.holder == who else OTHER, older=self.older)

    def swapped(self) -> Site:
        """The same with the runs called the other way round."""
        return Site(1 - self.holder if self.holder >= 0 else -1, self.older, (self.executed[1], self.executed[0]))

    def after(self, effect: str, who: int) -> Site:
        """After what a step of this run does to it."""
        if effect == "held":
            return self._replace(holder=who, older=self.older if self.holder == who else self.holder >= 0)
        if effect == "left":
            return self._replace(holder=-1, older=False)
        first, second = self.executed
        return self._replace(executed=(first + 1, second) if who == 0 else (first, second + 1))


class Numbers(Generic[T]):
    """Gives equal things one number."""

    def __init__(self) -> None:
        self.things: list[T] = []
        self._number: dict[T, int] = {}

    def of(self, thing: T) -> int:
        """Its number."""
        number = self._number.get(thing)
        if number is None:
            number = self._number[thing] = len(self.things)
            self.things.append(thing)
        return number


class Facts(NamedTuple):
    """What must be known of a run to see whether a world is wrong."""

    put_out: bool  # a PUT of it is under way
    at_work: bool  # and its lease has not lapsed
    says_nothing_done: bool  # its record or somebody who was told says that nothing was done
    over: bool  # there is nothing left to do for anybody


def facts_of(run: Run) -> Facts:
    """The same, read off the run."""
    begun, ended = run.core.stage is not None, run.core.ended
    return Facts(run.puts(), begun and not ended and run.left > 0, run.says_nothing_done, ended or not begun)


class Step(NamedTuple):
    """One step, told to a person. `who`: the run that makes it, -1 for time."""

    who: int
    label: str
    runs: tuple[Run, Run]
    site: Site


SITE_BITS, RUN_BITS = 7, 20
SITE_MASK, RUN_MASK = (1 << SITE_BITS) - 1, (1 << RUN_BITS) - 1


class System:
    """What may happen under one set of rules."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._claim_grace = -100 if Line.CLAIM_WAIT in protocol.without else protocol.grace
        self._hop_lets_go = Line.CLAIM_STAYS in protocol.without
        self._keeps_claim = Line.CLAIM_PLACE in protocol.without
        self.seen: set[str] = set()  # the kinds of steps so far
        self.runs: Numbers[Run] = Numbers()
        self._sites: Numbers[Site] = Numbers()
        self._views: Numbers[View] = Numbers()
        self._facts: list[Facts] = []
        self._telling: list[bool] = []  # whether a run could be what is wrong with a world
        self._later: dict[int, int] = {}
        self._view_of: dict[tuple[int, int, int], int] = {}
        self._moves_of: dict[tuple[int, int], list[tuple[int, str, str]]] = {}
        self._swapped_site: dict[int, int] = {}
        self._after_a_claim: dict[tuple[int, bool], int] = {}
        self.start = self.number((Run(), Run()), Site())

    # --- by number, fast -----------------------------------------------------------------------------------------------

    def next_worlds(self, world: int) -> list[tuple[int, str]]:
        """Every world that may follow, and what is wrong with the step to it, if anything."""
        first, second, site = world >> RUN_BITS + SITE_BITS, world >> SITE_BITS & RUN_MASK, world & SITE_MASK
        found = []
        for who, own, other in ((0, first, second), (1, second, first)):
            for run, effect, wrong in self._moves(who, own, other, site):
                if effect or wrong or self._telling[run]:
                    found.append(self._apply(who, run, other, site, effect, wrong))
                elif who == 0 and run < other:  # most steps change nothing but their run
                    found.append(((run << RUN_BITS | other) << SITE_BITS | site, ""))
                else:
                    found.append((self._world(run, other, site) if who == 0 else self._world(other, run, site), ""))
        found.append((self._world(self._tick(first), self._tick(second), site), ""))
        return found

    def is_over(self, world: int) -> bool:
        """Whether every run that was begun has ended."""
        return self._facts[world >> RUN_BITS + SITE_BITS].over and self._facts[world >> SITE_BITS & RUN_MASK].over

    def _moves(self, who: int, own: int, other: int, site: int) -> list[tuple[int, str, str]]:
        asked = (who, other, site)
        view = self._view_of.get(asked)
        if view is None:
            view = self._view_of[asked] = self._views.of(self.view(who, self.runs.things[other], self._sites.things[site]))
        moves = self._moves_of.get((own, view))
        if moves is None:
            every = list(self._protocol.moves(self.runs.things[own], self._views.things[view]))
            self.seen.update(move.label[3:] for move in every if move.label[1] == ":")
            moves = self._moves_of[own, view] = list({(self._run(move.run), move.effect, move.wrong): None for move in every})
        return moves

    def _apply(self, who: int, run: int, other: int, site: int, effect: str, wrong: str) -> tuple[int, str]:
        if effect:
            before, site = other, self._sites.of(self._sites.things[site].after(effect, who))
            if effect != "executed":
                run, other = self._claimed(run, by_another=False), self._claimed(other, by_another=effect == "held")
            wrong = wrong or self._wrong_effect(who, before, site, effect)
        return self._world(*((run, other) if who == 0 else (other, run)), site), wrong or self._wrong(who, run, other, site)

    def _wrong_effect(self, who: int, other: int, site: int, effect: str) -> str:
        after = self._sites.things[site]
        if effect == "executed" and after.executed[who] > 1:
            return TWICE
        if effect == "executed" and after.holder == 1 - who and self._facts[other].at_work:
            return BOTH
        return ""

    def _wrong(self, who: int, run: int, other: int, site: int) -> str:
        facts, executed = self._facts[run], self._sites.things[site].executed[who]
        if facts.put_out and self._facts[other].put_out:
            return BOTH
        return NOT_DONE if executed and facts.says_nothing_done else ""

    def _tick(self, run: int) -> int:
        later = self._later.get(run)
        if later is None:
            later = self._later[run] = self._run(self._after_a_tick(self.runs.things[run]))
        return later

    def _claimed(self, run: int, *, by_another: bool) -> int:
        after = self._after_a_claim.get((run, by_another))
        if after is None:
            found = after_a_claim(self.runs.things[run], by_another_run=by_another, keeps_claim=self._keeps_claim)
            after = self._after_a_claim[run, by_another] = self._run(found)
        return after

    # --- one number for what is the same -------------------------------------------------------------------------------

    def number(self, runs: tuple[Run, Run], site: Site) -> int:
        """The number of a world."""
        return self._world(self._run(runs[0]), self._run(runs[1]), self._sites.of(site))

    def _run(self, run: Run) -> int:
        number = self.runs.of(normal(run))
        if number == len(self._facts):
            facts = facts_of(self.runs.things[number])
            self._facts.append(facts)
            self._telling.append(facts.put_out or facts.says_nothing_done)
        return number

    def _world(self, first: int, second: int, site: int) -> int:
        if first >= second:
            other = self._swapped(site)
            if first > second or other < site:
                first, second, site = second, first, other
        return (first << RUN_BITS | second) << SITE_BITS | site

    def _swapped(self, site: int) -> int:
        other = self._swapped_site.get(site)
        if other is None:
            other = self._swapped_site[site] = self._sites.of(self._sites.things[site].swapped())
        return other

    def _after_a_tick(self, run: Run) -> Run:
        return after_a_tick(run, self._protocol.frozen, self._protocol.put)

    # --- step by step, for a person ------------------------------------------------------------------------------------

    def view(self, who: int, other: Run, site: Site) -> View:
        """What an invocation of this run finds."""
        held = site.seen_from(who)
        left = -100 if other.core.handed_over and self._hop_lets_go else other.left
        rules = [product.claim_rules(held, other.core, left, self._claim_grace, ahead) for ahead in (0, self._protocol.ahead)]
        return View(
            sum(site.executed),
            site.executed[who] > 0,
            held.last == ME,
            frozenset(may for may, _ in rules),
            frozenset(ours for _, ours in rules),
        )

    def steps(self, runs: tuple[Run, Run], site: Site) -> Iterator[Step]:
        """Everything that may follow, in words and with every invocation in its place."""
        for who in (0, 1):
            other = runs[1 - who]
            for move in self._protocol.moves(runs[who], self.view(who, other, site)):
                own, then_other, then = move.run, other, site.after(move.effect, who) if move.effect else site
                if move.effect in ("held", "left"):
                    own = after_a_claim(own, by_another_run=False, keeps_claim=self._keeps_claim)
                    then_other = after_a_claim(other, by_another_run=move.effect == "held", keeps_claim=self._keeps_claim)
                both = (own, then_other) if who == 0 else (then_other, own)
                yield Step(who, move.label, both, then)
        yield Step(-1, "a tick passes", (self._after_a_tick(runs[0]), self._after_a_tick(runs[1])), site)
