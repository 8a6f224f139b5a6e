"""What is sent again and what never, row by row. Pure."""

from __future__ import annotations

import pytest

from dcs_upkeep.domain.actions import RULES, Action
from dcs_upkeep.domain.model import Answer, AnswerKind
from dcs_upkeep.execution.retry_policy import (
    AGAIN,
    AT_ONCE,
    FINAL,
    KEPT_BACK_S,
    MAX_REFUSED_CONNECTIONS,
    NEVER_AGAIN,
    READ_AFTER_S,
    Batch,
    Bisect,
    Doubt,
    Fail,
    HalveBatches,
    Reaction,
    ReadFirst,
    RetryAfter,
    SendRate,
    StopRun,
    Watch,
    bisect,
    busy_wait_s,
    reaction,
    reaction_to_reading,
    split,
    throttle_wait_s,
    verdicts,
)

DENIED = Batch(("a", "b", "c"), refused=Answer(AnswerKind.DENIED, ""))
ONE, MANY = Batch(("a",)), Batch(("a", "b", "c"))
TRIED = Batch(("a",), refused_connections=MAX_REFUSED_CONNECTIONS)
RESTART, FLUSH = Action.RESTART, Action.FLUSH
ROWS: list[tuple[AnswerKind, Action, Batch, Reaction]] = [
    (AnswerKind.RESULTS, RESTART, MANY, Watch()),
    (AnswerKind.RESULTS, FLUSH, MANY, Watch()),
    (AnswerKind.LOST, RESTART, MANY, Doubt()),
    (AnswerKind.LOST, FLUSH, ONE, Doubt()),
    (AnswerKind.THROTTLED, RESTART, MANY, RetryAfter(2.0)),
    (AnswerKind.THROTTLED, FLUSH, MANY, RetryAfter(2.0)),
    (AnswerKind.NOT_SENT, RESTART, MANY, RetryAfter(KEPT_BACK_S, within_watch=False)),
    (AnswerKind.NOT_SENT, FLUSH, ONE, RetryAfter(KEPT_BACK_S, within_watch=False)),
    (AnswerKind.NOT_CONNECTED, RESTART, MANY, RetryAfter(2.0)),
    (AnswerKind.NOT_CONNECTED, FLUSH, ONE, RetryAfter(2.0)),
    (AnswerKind.NOT_CONNECTED, RESTART, TRIED, Fail()),
    (AnswerKind.NOT_CONNECTED, FLUSH, TRIED, Fail()),
    (AnswerKind.ONE_BAD_ID, RESTART, MANY, ReadFirst(READ_AFTER_S)),
    (AnswerKind.ONE_BAD_ID, RESTART, ONE, ReadFirst(READ_AFTER_S)),
    (AnswerKind.ONE_BAD_ID, FLUSH, MANY, Doubt()),
    (AnswerKind.ONE_BAD_ID, FLUSH, ONE, Fail(NEVER_AGAIN)),
    (AnswerKind.TOO_MANY, RESTART, MANY, HalveBatches()),
    (AnswerKind.TOO_MANY, RESTART, ONE, Fail()),
    (AnswerKind.TOO_MANY, FLUSH, MANY, Fail(NEVER_AGAIN)),
    (AnswerKind.TOO_MANY, FLUSH, ONE, Fail(NEVER_AGAIN)),
    (AnswerKind.BAD_REQUEST, RESTART, MANY, StopRun(refuses=True)),
    (AnswerKind.BAD_REQUEST, FLUSH, ONE, StopRun(refuses=True)),
    (AnswerKind.DENIED, RESTART, MANY, ReadFirst(AT_ONCE)),
    (AnswerKind.DENIED, RESTART, ONE, StopRun(refuses=False)),
    (AnswerKind.DENIED, FLUSH, MANY, StopRun(refuses=False)),
    (AnswerKind.DENIED, FLUSH, ONE, StopRun(refuses=False)),
    (AnswerKind.UNAUTHORIZED, RESTART, MANY, StopRun(refuses=False)),
    (AnswerKind.UNAUTHORIZED, FLUSH, ONE, StopRun(refuses=False)),
]


@pytest.mark.parametrize(("kind", "action", "batch", "wanted"), ROWS, ids=lambda value: str(value)[:30])
def test_each_row_of_the_table(kind: AnswerKind, action: Action, batch: Batch, wanted: Reaction) -> None:
    assert reaction(kind, RULES[action], batch, 1.0) == wanted


def test_every_kind_of_answer_has_its_rows_for_a_flush_and_for_the_others() -> None:
    """A kind that is added without a thought for flush must not pass."""
    assert {kind for kind, action, *_ in ROWS if action is FLUSH} == set(AnswerKind)
    assert {kind for kind, action, *_ in ROWS if action is not FLUSH} == set(AnswerKind)


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("kind", list(AnswerKind))
@pytest.mark.parametrize("batch", [ONE, MANY, TRIED])
def test_only_what_is_proven_unexecuted_may_be_sent_again(kind: AnswerKind, action: Action, batch: Batch) -> None:
    """The one rule behind the table. For a flush only a 429, or no connection, or our own keeping back is proof enough."""
    found = reaction(kind, RULES[action], batch, 0.5)
    if kind in (AnswerKind.LOST, AnswerKind.RESULTS):
        assert not isinstance(found, RetryAfter | ReadFirst | Bisect | HalveBatches)
    if action is FLUSH and isinstance(found, RetryAfter | ReadFirst | Bisect | HalveBatches):
        assert kind in (AnswerKind.THROTTLED, AnswerKind.NOT_CONNECTED, AnswerKind.NOT_SENT)


@pytest.mark.parametrize(
    ("batch", "fit", "culprit_found", "wanted"),
    [
        pytest.param(MANY, 2, True, RetryAfter(0.0, within_watch=False), id="the culprit is known: the others go on"),
        pytest.param(MANY, 1, False, RetryAfter(0.0, within_watch=False), id="one is left"),
        pytest.param(MANY, 3, False, Bisect(), id="nothing explains it: look for the culprit"),
        pytest.param(Batch(("a",), waited=True), 1, False, RetryAfter(0.0, within_watch=False), id="it has waited and is ready"),
        pytest.param(Batch(("a",), refused=Answer(AnswerKind.ONE_BAD_ID, "", busy=True)), 1, False, ReadFirst(10.0), id="busy by its code"),
        pytest.param(Batch(("a",), refused=Answer(AnswerKind.ONE_BAD_ID, "")), 1, False, Fail(), id="refused, and nobody knows why"),
        pytest.param(DENIED, 3, False, StopRun(refuses=False), id="denied, and all may be read: the right itself is missing"),
        pytest.param(DENIED, 2, True, RetryAfter(0.0, within_watch=False), id="denied for the one that may not be read"),
    ],
)
def test_what_follows_from_reading_a_refused_batch(batch: Batch, fit: int, culprit_found: bool, wanted: Reaction) -> None:
    assert reaction_to_reading(batch, fit, 10.0, culprit_found=culprit_found) == wanted


def test_what_the_journal_says_of_each_id() -> None:
    answer = Answer(AnswerKind.RESULTS, "", {"a": "success", "b": "failed"})
    assert verdicts(Watch(), ("a", "b", "c"), answer) == {"a": "accepted", "b": "api_failed", "c": "doubt"}
    for unsure in (Doubt(), ReadFirst(1.0)):
        assert verdicts(unsure, ("a",), answer) == {"a": "doubt"}
    for other in (RetryAfter(1.0), Bisect(), HalveBatches()):
        assert verdicts(other, ("a",), answer) == {"a": AGAIN}
    for last in (Fail(), StopRun(refuses=True), StopRun(refuses=False)):
        assert verdicts(last, ("a",), answer) == {"a": FINAL}


def test_counts_go_with_the_batch_by_the_kind_of_answer() -> None:
    assert ONE.with_count(AnswerKind.THROTTLED).throttled == 1
    assert ONE.with_count(AnswerKind.NOT_CONNECTED).refused_connections == 1
    assert ONE.with_count(AnswerKind.LOST) == ONE


def test_waits_grow_and_have_an_end() -> None:
    assert [throttle_wait_s(times, 1.0) for times in (1, 2, 3, 6, 50)] == [2.0, 4.0, 8.0, 60.0, 60.0]
    assert throttle_wait_s(5, 0.0) == 0.5
    assert [round(busy_wait_s(times, 10.0), 1) for times in (0, 1, 2, 9)] == [10.0, 15.0, 22.5, 60.0]
    assert busy_wait_s(9, 300.0) == 300.0


def test_the_rate_only_slows_down() -> None:
    rate = SendRate(50, 4)
    seen = []
    for _ in range(8):
        rate.slow_down()
        rate.shrink()
        seen.append((rate.parallel, rate.gap_s, rate.batch_size))
    assert seen[:3] == [(2, 0.5, 25), (1, 1.0, 12), (1, 2.0, 6)]
    assert seen[-1] == (1, 10.0, 1)


@pytest.mark.parametrize("count", range(1, 12))
def test_no_id_is_lost_or_doubled_by_cutting(count: int) -> None:
    ids = tuple(str(n) for n in range(count))
    assert sum(split(ids, 3), ()) == ids
    assert sum(bisect(ids), ()) == ids
    assert len(bisect(ids)) == min(2, count)
