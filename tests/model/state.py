"""One run as it stands: its record, its invocations, the PUTs that are under way, and what time does to them.

Time is in ticks and relative, so that the state space is finite without a horizon. An invocation that does nothing while time goes on
is stalled; it may do so between any two steps.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import NamedTuple

from dcs_upkeep.domain.model import OutcomeKind
from dcs_upkeep.journal.progress import Stage
from tests.model import product
from tests.model.product import GRACE, LEASE, PUT, SKEW, Core

FROZEN = PUT + SKEW - 1  # ticks that may pass between the last question and the socket: less than the grace
LOWEST = -GRACE - SKEW  # a lease that has been over for so long is over for everybody


class Invocation(NamedTuple):
    """One process. `phase`: what it is about to do.

    `left`: ticks of its lease, 0 if it has lapsed. `age`: how long its append is under way, it is frozen, or its PUT is out. `entry`: what
    it writes.
    `waited`: since it knows that an answer was lost. `asked`: whether the instance's claim was asked for under this lease.
    `overtaken`: it does not know yet that its place is taken. `halted`: its attempt was begun under a halt.
    """

    phase: str = ""
    entry: str = ""
    left: int = 0
    age: int = 0
    waited: int = 0
    asked: bool = False
    baseline: int = -1
    shared: bool = False
    answer: str = ""
    overtaken: bool = False
    halted: bool = False


NOBODY = Invocation()
# What an invocation that was overtaken cannot take back: the thread that sends, and a claim on its way to the other stream.
NOT_OURS = "told falsely: accepted, though no PUT of this run was carried out"
NOTHING_DONE = frozenset({OutcomeKind.REFUSED, OutcomeKind.NOT_ATTEMPTED})
SENDING = frozenset({"asks its lease", "frozen", "waits"})
ON_ITS_WAY = SENDING | {"claims"}


class Run(NamedTuple):
    """One run. `left`: ticks of its lease on record, negative once it is over. `baseline`: of its last attempt, -1 if there was none.

    `shared`: another run has held the instance since. `flying`: the ages of PUTs that no invocation waits for any more.
    `told`: somebody was told that nothing was done.
    """

    core: Core = Core()
    left: int = 0
    baseline: int = -1
    shared: bool = False
    invocations: tuple[Invocation, Invocation] = (NOBODY, NOBODY)
    flying: tuple[int, ...] = ()
    told: bool = False

    @property
    def settled(self) -> bool:
        """Whether its record says for good what became of the instance."""
        return self.core.stage in (Stage.ACCEPTED, Stage.DONE) or self.core.stopped

    @property
    def says_nothing_done(self) -> bool:
        """Whether its record, or somebody who was told, says that nothing was done and nothing will be."""
        stopped = self.core.stopped and self.core.stage is Stage.PENDING
        return self.told or stopped or self.core.outcome in NOTHING_DONE

    def puts(self) -> bool:
        """Whether a PUT of it is under way."""
        return bool(self.flying) or any(one.phase == "waits" for one in self.invocations)


class View(NamedTuple):
    """What an invocation finds when it looks beyond its run; `executed`, which it cannot see: a PUT of this run was carried out.

    `may_claim`, `is_ours`: all answers that its clock may lead to.
    """

    launches: int
    executed: bool
    mine: bool
    may_claim: AbstractSet[bool]
    is_ours: AbstractSet[bool]


class Move(NamedTuple):
    """One step. `effect`: on the instance or its stream. `wrong`: what must never happen, if it just did."""

    label: str
    run: Run
    effect: str = ""
    wrong: str = ""


def put(run: Run, slot: int, invocation: Invocation) -> Run:
    """The run with this invocation in that slot."""
    other = run.invocations[1 - slot]
    return run._replace(invocations=(invocation, other) if slot == 0 else (other, invocation))


def end(run: Run, slot: int) -> Run:
    """The run without the invocation in that slot. Its PUT goes on."""
    own = run.invocations[slot]
    flying = tuple(sorted((*run.flying, own.age))) if own.phase == "waits" else run.flying
    return put(run, slot, NOBODY)._replace(flying=flying)


def after_a_tick(run: Run, frozen: int = FROZEN, longest_put: int = PUT) -> Run:
    """The run one tick later. `frozen`, `longest_put`: the most ticks that an invocation is frozen, and that a PUT takes."""
    flying = tuple(age + 1 for age in run.flying if age < longest_put)
    invocations = (_older(run.invocations[0], frozen, longest_put), _older(run.invocations[1], frozen, longest_put))
    return run._replace(left=max(run.left - 1, LOWEST), flying=flying, invocations=invocations)


def _older(own: Invocation, frozen: int, longest_put: int) -> Invocation:
    if own == NOBODY:
        return own
    left = max(own.left - 1, 0)
    match own.phase:
        case "frozen":
            return own._replace(left=left, age=own.age + 1) if own.age < frozen else NOBODY
        case "waits":
            if own.age < longest_put:
                return own._replace(left=left, age=own.age + 1)
            return NOBODY if own.overtaken else Invocation("answered", left=left, asked=own.asked, answer="lost")
        case "writes":
            return own._replace(left=left, age=min(own.age + 1, LEASE), waited=min(own.waited + 1, product.SETTLE))
        case _:
            return own._replace(left=left, waited=min(own.waited + 1, product.SETTLE))


def after_a_claim(run: Run, *, by_another_run: bool, keeps_claim: bool = False) -> Run:
    """The run once somebody wrote to the instance's stream: a claim that was decided before finds its place taken and is decided anew."""
    invocations = list(run.invocations) if keeps_claim else [_ask_anew(one) for one in run.invocations]
    if by_another_run:
        invocations = [one._replace(shared=True) if one.entry == "sending" else one for one in invocations]
    return run._replace(invocations=(invocations[0], invocations[1]), shared=run.shared or by_another_run)


def _ask_anew(own: Invocation) -> Invocation:
    if own.phase != "claims":
        return own
    return NOBODY if own.overtaken else Invocation("works", left=own.left)


def normal(run: Run) -> Run:
    """The same without what makes no difference any more, and the invocations in one order."""
    first, second = (_plain(one, run) for one in run.invocations)
    run = run._replace(invocations=(first, second) if first <= second else (second, first))
    if run.core.stage is None or run.core.ended:
        run = run._replace(left=0)
    elif not run.core.handed_over:
        run = run._replace(left=max(run.left, -GRACE))
    if run.settled:
        outcome = OutcomeKind.REFUSED if run.says_nothing_done else OutcomeKind.UNKNOWN
        run = run._replace(core=Core(Stage.DONE, outcome, ended=run.core.ended), told=False)
    if run.settled or run.baseline < 0:
        run = run._replace(baseline=-1, shared=False)
    return run


def _plain(own: Invocation, run: Run) -> Invocation:
    if own.overtaken and own.phase != "asks its lease":
        own = own._replace(left=0)
    if own.phase == "works" and run.core.stage is Stage.DOUBT:
        return own
    return own._replace(waited=0)
