"""What one run may do next.

Whatever an invocation knows of its run is what is on record, since one whose place was taken can only end: what it would still have
done has no effect but for a PUT or a claim already on its way. The entries that are not modelled as slow (`stopped`, `watched`,
`yielded`, `reported`, and the instance's `left`) are those after which their writer sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from dcs_upkeep.domain.model import OutcomeKind
from dcs_upkeep.journal.progress import Stage
from tests.model import product
from tests.model.lines import Assumption, Line
from tests.model.product import GRACE, LEASE, PUT, SKEW
from tests.model.state import FROZEN, NOBODY, NOT_OURS, ON_ITS_WAY, SENDING, Invocation, Move, Run, View, end, put

OVERTAKEN = "told falsely: an owner says that another invocation has taken over, and none has"
SENT_LATE = "a PUT leaves though its invocation has the run no more"
UNDER_A_HALT = "a halt is not heeded: an attempt that was begun under it leaves"


class Protocol:
    """The rules, less those lines that are taken away."""

    def __init__(self, without: AbstractSet[Line | Assumption] = frozenset()) -> None:
        self.without = without
        self.frozen = FROZEN + (Assumption.FROZEN in without)
        self.put = PUT + (Assumption.TIMEOUT in without)
        self.ahead = SKEW + (Assumption.CLOCKS in without)
        self.grace = GRACE - PUT * (Line.WAIT_PUT in without) - SKEW * (Line.WAIT_SKEW in without)
        self._cover = PUT * (Line.CHECK_PUT not in without) + SKEW * (Line.CHECK_SKEW not in without)
        self._clock = "wall" if Line.MONO in without else "mono" if Line.WALL in without else ""

    def moves(self, run: Run, view: View) -> Iterator[Move]:
        """Everything that may happen to the run next, apart from time going on."""
        for slot in (0, 1):
            if run.invocations[slot] == NOBODY:
                yield from self._begin(run, slot)
            else:
                yield from self._work(run, slot, view)
                yield Move(f"{slot}: dies", end(run, slot))
        for number in range(len(run.flying)):
            flying = run.flying[:number] + run.flying[number + 1 :]
            yield Move("a PUT that nobody waits for is executed", run._replace(flying=flying), "executed")

    # --- an invocation begins ------------------------------------------------------------------------------------------

    def _begin(self, run: Run, slot: int) -> Iterator[Move]:
        if run.core.stage is None:
            claimed = run._replace(core=product.after(run.core, "claimed"), left=LEASE)
            yield Move(f"{slot}: claims the run", put(claimed, slot, Invocation("works", left=LEASE)))
        elif not run.core.ended and self._may_take_over(run):
            since = LEASE - run.left if run.core.handed_over else self.ahead - self.grace - run.left
            how = "which was handed over" if run.core.handed_over else "whose lease has lapsed"
            yield from self._take_over(run, slot, since, f"takes over the run, {how}")

    def _may_take_over(self, run: Run) -> bool:
        if Line.SWEEP in self.without and not run.core.handed_over:
            return False
        return Line.WAIT in self.without or product.may_take_over(run.core, run.left, self.grace, self.ahead)

    # --- an invocation at work -----------------------------------------------------------------------------------------

    def _work(self, run: Run, slot: int, view: View) -> Iterator[Move]:
        own = run.invocations[slot]
        if Line.HOP in self.without and own.phase in SENDING and not own.overtaken:
            yielded = self._write(run, slot, "yielded")
            yield Move(f"{slot}: hands over without its answer", put(yielded, slot, own._replace(overtaken=True)))
        match own.phase:
            case "works" | "answered":
                yield from self._decide(run, slot, view)
            case "claims":
                yield self._claimed(run, slot)
            case "writes":
                yield from self._wrote(run, slot)
            case "asks its lease":
                yield from self._ask_lease(run, slot)
            case "frozen":
                yield self._leave(run, slot)
            case "waits":
                yield from self._answers(run, slot)

    def _take_over(self, run: Run, slot: int, since: int, label: str) -> Iterator[Move]:
        """`taken_over`, decided and written in one: what it was decided on stays so until somebody writes to its place.

        `since`: for how many ticks it has been so. The append may have been under way for so long, and its lease counts from before it.
        """
        own = run.invocations[slot]
        core = product.after(run.core, "taken_over")
        if core.stage is Stage.SENDING:
            unknown = "again" if Line.DOUBT in self.without else Stage.DOUBT.value
            said = self._verdict(own.answer) if own.answer else unknown
            core = product.after(core, "sent", said)
        asked = own.asked and Line.ASK_AGAIN in self.without
        longest = LEASE if run.left <= -GRACE else min(max(since, 0), LEASE)
        for ticks in range(longest + 1):
            left = LEASE - ticks
            taken = self._fence(run._replace(core=core, left=left), slot)
            slowly = f", which took {ticks} ticks" if ticks else ""
            yield Move(f"{slot}: {label}{slowly}", put(taken, slot, Invocation("works", left=left, asked=asked)))

    def _decide(self, run: Run, slot: int, view: View) -> Iterator[Move]:
        """What is about to be written; first whether anything may be."""
        own = run.invocations[slot]
        lapsed = {False} if Line.FENCE in self.without else product.has_lapsed(own.left, self._clock)
        if True in lapsed:
            yield from self._take_over(run, slot, -run.left, "finds its lease lapsed and takes over its own run")
        if False not in lapsed:
            return
        if own.phase == "answered":
            said = self._verdict(own.answer)
            yield Move(f"{slot}: begins to write what the answer means: {said}", put(run, slot, own._replace(phase="writes", entry="sent")))
        elif run.settled:
            yield from self._finish(run, slot, view)
        elif run.core.stage is Stage.PENDING:
            yield from self._pending(run, slot, view)
            yield from self._renew_or_hand_over(run, slot)
        elif run.core.stage is Stage.DOUBT:
            yield from self._doubt(run, slot, view)
            yield from self._renew_or_hand_over(run, slot)

    def _renew_or_hand_over(self, run: Run, slot: int) -> Iterator[Move]:
        own = run.invocations[slot]
        if own.asked:  # before that a stalled renewal is a stalled claim
            yield Move(f"{slot}: begins to renew its lease", put(run, slot, own._replace(phase="writes", entry="renewed")))
        yield Move(f"{slot}: hands over", end(self._write(run, slot, "yielded"), slot))

    # --- before an attempt ---------------------------------------------------------------------------------------------

    def _pending(self, run: Run, slot: int, view: View) -> Iterator[Move]:
        own = run.invocations[slot]
        if not own.asked:
            yield from self._claim(run, slot, view)
            return
        counts = not run.shared or Line.SHARED_AGAIN in self.without
        if counts and product.is_evidence(run.baseline, view.launches):
            yield from self._settle(run, slot, OutcomeKind.ACCEPTED, "sees evidence before another attempt", executed=view.executed)
            return
        unasked = bool({Line.CLAIM, Line.ASK_AGAIN} & self.without)
        if False in view.is_ours and not unasked:
            yield from self._settle(run, slot, OutcomeKind.REFUSED, "finds its claim gone")
        if True in view.is_ours or unasked:
            yield from self._begin_attempt(run, slot, view)

    def _claim(self, run: Run, slot: int, view: View) -> Iterator[Move]:
        own = run.invocations[slot]
        if Line.CLAIM in self.without:
            yield Move(f"{slot}: claims nothing", put(run, slot, own._replace(asked=True)))
            return
        if False in view.may_claim:
            yield from self._settle(run, slot, OutcomeKind.REFUSED, "finds the instance claimed")
        if True not in view.may_claim:
            return
        if view.mine and Line.CLAIM_ANEW in self.without:
            yield Move(f"{slot}: finds its run's claim on record", put(run, slot, own._replace(asked=True)))
        else:
            yield Move(f"{slot}: finds the instance free", put(run, slot, own._replace(phase="claims")))

    def _claimed(self, run: Run, slot: int) -> Move:
        own = run.invocations[slot]
        if own.overtaken:
            return Move(f"{slot}: its claim is written, though it is overtaken", end(run, slot), "held")
        if Line.SINCE in self.without:
            run = run._replace(shared=False)
        return Move(f"{slot}: its claim is written", put(run, slot, Invocation("works", left=own.left, asked=True)), "held")

    def _begin_attempt(self, run: Run, slot: int, view: View) -> Iterator[Move]:
        own = run.invocations[slot]
        if Line.HALT not in self.without:
            stopped = self._write(run, slot, "stopped")
            yield Move(f"{slot}: finds the lever pulled", put(stopped, slot, own._replace(left=LEASE)))
        for halted in (False, True) if Line.HALT in self.without else (False,):
            begun = own._replace(phase="writes", entry="sending", baseline=view.launches, halted=halted)
            how = "begins an attempt, under a halt" if halted else "begins an attempt"
            if Line.DURABLE in self.without:
                yield Move(f"{slot}: {how}, writes nothing", put(run, slot, begun._replace(phase="frozen")))
            elif Line.CHECK_AFTER not in self.without or True in product.is_covered(own.left, self._cover):
                yield Move(f"{slot}: {how}", put(run, slot, begun))

    # --- an attempt ----------------------------------------------------------------------------------------------------

    def _wrote(self, run: Run, slot: int) -> Iterator[Move]:
        """The entry that was under way is on record. Its lease counts from before the append, or from its first try."""
        own = run.invocations[slot]
        left = LEASE - own.age
        believed = LEASE if Line.FIRST_TRY in self.without else max(left, 0)
        if not {Line.OLD_LEASE, Line.FENCE} & self.without and True in product.has_lapsed(own.left):
            believed = 0
        said = self._verdict(own.answer) if own.entry == "sent" else ""
        written = self._write(run, slot, own.entry, said, left=left)
        then = Invocation("works", left=believed, asked=own.asked, waited=own.waited)
        if own.entry == "sending":
            written = written._replace(baseline=own.baseline, shared=own.shared)
            then = Invocation("asks its lease", left=believed, asked=own.asked, halted=own.halted)
        yield Move(f"{slot}: its `{own.entry}` is written", put(written, slot, then))
        if Line.OWN_TOKEN in self.without:
            yield Move(f"{slot}: its `{own.entry}` is written, though the store says it failed", end(written, slot), wrong=OVERTAKEN)

    def _ask_lease(self, run: Run, slot: int) -> Iterator[Move]:
        own = run.invocations[slot]
        covered = {True} if Line.CHECK_AFTER in self.without else product.is_covered(own.left, self._cover, self._clock)
        if True in covered:
            frozen = Invocation("frozen", left=own.left, asked=own.asked, overtaken=own.overtaken, halted=own.halted)
            yield Move(f"{slot}: finds its lease long enough", put(run, slot, frozen))
        if False in covered:
            yield Move(f"{slot}: finds its lease too short, sends nothing", self._answered(run, slot, "not_sent"))

    def _leave(self, run: Run, slot: int) -> Move:
        own = run.invocations[slot]
        wrong = SENT_LATE if own.overtaken else UNDER_A_HALT if own.halted else ""
        return Move(f"{slot}: its PUT leaves", put(run, slot, own._replace(phase="waits", age=0)), wrong=wrong)

    def _answers(self, run: Run, slot: int) -> Iterator[Move]:
        own = run.invocations[slot]
        yield Move(f"{slot}: its PUT is executed, the answer is success", self._answered(run, slot, "success"), "executed")
        yield Move(f"{slot}: its PUT is executed, the answer is lost", self._answered(run, slot, "lost"), "executed")
        yield Move(f"{slot}: its PUT is throttled", self._answered(run, slot, "throttled"))
        flying = tuple(sorted((*run.flying, own.age)))
        yield Move(f"{slot}: its connection breaks, its PUT goes on", self._answered(run, slot, "lost")._replace(flying=flying))

    def _answered(self, run: Run, slot: int, answer: str) -> Run:
        own = run.invocations[slot]
        if own.overtaken:
            return put(run, slot, NOBODY)  # it could write nothing more
        return put(run, slot, Invocation("answered", left=own.left, asked=own.asked, answer=answer))

    def _verdict(self, answer: str) -> str:
        return "again" if answer == "lost" and Line.LOST in self.without else product.verdict(answer)

    # --- after an attempt ----------------------------------------------------------------------------------------------

    def _doubt(self, run: Run, slot: int, view: View) -> Iterator[Move]:
        own = run.invocations[slot]
        if Line.LEAVE in self.without and view.mine:
            yield Move(f"{slot}: lets go of the instance", run, "left")
        if product.is_evidence(run.baseline, view.launches):
            if run.shared and Line.SHARED not in self.without:
                yield from self._settle(run, slot, OutcomeKind.UNKNOWN, "sees evidence, and that another run held the instance")
            else:
                yield from self._settle(run, slot, OutcomeKind.ACCEPTED, "sees evidence", executed=view.executed)
        elif product.doubt_is_over(own.waited) or Line.SETTLE in self.without:
            yield from self._settle(run, slot, OutcomeKind.UNKNOWN, "sees no evidence")

    def _settle(self, run: Run, slot: int, outcome: OutcomeKind, why: str, *, executed: bool = False) -> Iterator[Move]:
        settled = self._write(run, slot, "watched", outcome.value)
        wrong = NOT_OURS if outcome is OutcomeKind.ACCEPTED and not executed else ""
        yield Move(f"{slot}: {why}: {outcome.value}", put(settled, slot, Invocation("works", left=LEASE)), wrong=wrong)
        if Line.TELL in self.without and outcome is OutcomeKind.REFUSED:
            yield Move(f"{slot}: {why}; the journal fails, and it tells {outcome.value}", end(run._replace(told=True), slot))

    def _finish(self, run: Run, slot: int, view: View) -> Iterator[Move]:
        if view.mine:
            yield Move(f"{slot}: lets go of the instance", run, "left")
        else:
            yield Move(f"{slot}: reports", end(self._write(run, slot, "reported"), slot))

    # --- writing -------------------------------------------------------------------------------------------------------

    def _write(self, run: Run, slot: int, kind: str, detail: str = "", left: int = LEASE) -> Run:
        """One more entry in the run's stream, at the place that the other invocation may have meant for its own."""
        return self._fence(run._replace(core=product.after(run.core, kind, detail), left=left), slot)

    def _fence(self, run: Run, slot: int) -> Run:
        other = run.invocations[1 - slot]
        if other.phase in ON_ITS_WAY:
            return put(run, 1 - slot, other._replace(overtaken=True))
        return run if Line.PLACE in self.without else put(run, 1 - slot, NOBODY)
