"""The protocol holds in every state that can be reached, and each of its lines is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from dcs_upkeep.execution import retry_policy
from dcs_upkeep.execution.verification import Verifier
from dcs_upkeep.guards import current
from dcs_upkeep.journal.instance_locks import InstanceLocks, LockRecord
from dcs_upkeep.journal.lease import Lease
from dcs_upkeep.journal.run_state import RunState
from tests.model import product
from tests.model.checker import LOST, check
from tests.model.lines import Assumption, Line
from tests.model.protocol import OVERTAKEN, SENT_LATE, UNDER_A_HALT
from tests.model.state import NOT_OURS
from tests.model.system import BOTH, NOT_DONE, TWICE

MISSED: dict[Line, str] = {
    Line.DURABLE: NOT_DONE,
    Line.PLACE: SENT_LATE,
    Line.OWN_TOKEN: OVERTAKEN,
    Line.FIRST_TRY: SENT_LATE,
    Line.CHECK_AFTER: SENT_LATE,
    Line.MONO: SENT_LATE,
    Line.WALL: SENT_LATE,
    Line.WAIT: SENT_LATE,
    Line.DOUBT: NOT_DONE,
    Line.LOST: NOT_DONE,
    Line.SHARED: NOT_OURS,
    Line.SINCE: NOT_OURS,
    Line.SHARED_AGAIN: NOT_OURS,
    Line.HALT: UNDER_A_HALT,
    Line.HOP: SENT_LATE,
    Line.TELL: NOT_DONE,
    Line.SWEEP: LOST,
}


def test_the_protocol_holds_in_every_state_that_can_be_reached() -> None:
    found = check()
    assert found.wrong == "", "\n".join(found.trace)
    # A model in which nothing happens holds as well.
    assert found.states > 100_000
    assert found.steps >= {
        "its PUT is executed, the answer is lost",
        "its claim is written, though it is overtaken",
        "its connection breaks, its PUT goes on",
        "finds its lease lapsed and takes over its own run",
        "finds its lease too short, sends nothing",
        "finds the instance claimed: refused",
        "finds the lever pulled",
        "sees evidence, and that another run held the instance: unknown",
        "sees evidence: accepted",
        "sees no evidence: unknown",
        "takes over the run, which was handed over",
        "takes over the run, whose lease has lapsed, which took 4 ticks",
        "reports",
    }


@pytest.mark.parametrize("line", Line, ids=lambda line: line.name)
def test_each_line_of_the_protocol_is_needed(line: Line) -> None:
    found = check({line})
    assert found.wrong == MISSED.get(line, BOTH), line.value
    assert found.trace


# What is found first above is a step that must not be made. This is what comes of it.
HARM = [
    (Line.DURABLE, TWICE),
    (Line.DOUBT, TWICE),
    (Line.LOST, TWICE),
    (Line.CHECK_AFTER, BOTH),
    (Line.MONO, BOTH),
    (Line.WALL, BOTH),
    (Line.HOP, BOTH),
]


@pytest.mark.parametrize(("line", "harm"), HARM, ids=[line.name for line, _ in HARM])
def test_without_these_lines_harm_is_done(line: Line, harm: str) -> None:
    assert check({line}, only=harm).wrong == harm, line.value


@pytest.mark.parametrize("assumption", Assumption, ids=lambda assumption: assumption.name)
def test_the_protocol_rests_on_what_it_says_it_rests_on(assumption: Assumption) -> None:
    assert check({assumption}).wrong == BOTH, assumption.value


@pytest.fixture
def anew() -> Iterator[None]:
    """The product is asked anew, here and after."""
    product.forget()
    yield
    product.forget()


read_record = InstanceLocks._record


def record_without_grace(locks: InstanceLocks, claims: Any) -> LockRecord:
    """A claim that ends with the lease of its run."""
    record = read_record(locks, claims)
    return replace(record, until=record.until - product.GRACE * product.TICK_S if record.until else None)


MISTAKES: list[tuple[object, str, Callable[..., object], str]] = [
    (RunState, "live_until", lambda state, grace_s: 0.0 if state.handed_over else state.lease_until, SENT_LATE),
    (Lease, "left_s", lambda lease, mono, wall: lease.length_s - (mono - lease.began_mono), SENT_LATE),
    (Lease, "lapsed", lambda lease, mono, wall: False, BOTH),
    (Lease, "covers", lambda lease, seconds, mono, wall: not lease.lapsed(mono, wall), BOTH),
    (Verifier, "evidence", lambda verifier, progress, instance: "it looks so", NOT_OURS),
    (Verifier, "doubt_over", lambda verifier, progress, now: True, BOTH),
    (current, "claims", lambda *about, **more: None, BOTH),
    (InstanceLocks, "_record", record_without_grace, BOTH),
    (retry_policy, "verdicts", lambda reaction, ids, answer: dict.fromkeys(ids, retry_policy.AGAIN), NOT_DONE),
]


@pytest.mark.parametrize(("where", "name", "mistake", "missed"), MISTAKES, ids=[name for _, name, _, _ in MISTAKES])
@pytest.mark.usefixtures("anew")
def test_a_mistake_in_the_product_is_seen_in_the_model(
    monkeypatch: pytest.MonkeyPatch, where: object, name: str, mistake: object, missed: str
) -> None:
    """The model's decisions are the product's own, so that the two cannot drift apart."""
    monkeypatch.setattr(where, name, mistake)
    assert check().wrong == missed
