"""What the entries of a run add up to, kind by kind and in the sequences that matter."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, get_args, get_type_hints

import pytest

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.errors import RecordError
from dcs_upkeep.domain.model import Outcome, OutcomeKind, Plan, PlannedInstance
from dcs_upkeep.journal.entries import FORMAT, Entry, outcome_to_json, plan_to_json
from dcs_upkeep.journal.progress import Stage
from dcs_upkeep.journal.run_state import RunState, fold

AT = 1_793_586_600.0
PLAN = Plan(
    action=Action.RESTART,
    name="nightly",
    dry_run=False,
    digest="v1:0",
    waves=(("a",), ("b", "c")),
    instances={one: PlannedInstance(one, f"cache-{one}", loses_data=False) for one in "abc"},
)
PLAN_TEXT = json.dumps(plan_to_json(PLAN))


def entry(kind: str, at: float = AT, **fields: Any) -> Any:
    return {"kind": kind, "at": at, **fields}


def claimed(**fields: Any) -> Any:
    plain = {
        "format": FORMAT,
        "run_id": "direct:night@0",
        "same_as": "x",
        "asked": "restart of 3 instance(s)",
        "named": None,
        "alarm_id": None,
        "request": {"action": "restart"},
        "trigger": {"kind": "direct", "id": "night", "time": None},
    }
    return entry("claimed", **{**plain, "owner": "me", "lease_until": AT + 120, **fields})


def planned(part: int, parts: int, text: str) -> Any:
    return entry("planned", part=part, parts=parts, text=text)


def sending(attempt: int, *ids: str, at: float = AT) -> Any:
    return entry("sending", at, wave=1, attempt=attempt, ids=list(ids))


def sent(attempt: int, at: float = AT, **verdicts: str) -> Any:
    return entry("sent", at, attempt=attempt, verdicts=verdicts, what=f"answer {attempt}", code="DCS.1", request_id=f"r{attempt}")


def watched(**outcomes: OutcomeKind) -> Any:
    rows = [outcome_to_json(Outcome(one, f"cache-{one}", kind, "it is so", wave=1)) for one, kind in outcomes.items()]
    return entry("watched", AT + 30, outcomes=rows)


def stopped(why: str) -> Any:
    return entry("stopped", why=why, rest="not_attempted", guard=None, reason=f"because of {why}")


def yielded(at: float = AT, **calls: int) -> Any:
    return entry("yielded", at, token="t", calls=calls)


def taken_over(at: float = AT) -> Any:
    return entry("taken_over", at)


def reported() -> Any:
    return entry(
        "reported", status="succeeded", next="Nothing.", calls={"list": 2}, notes=[], ended_at="2026-11-02T02:31:00Z", elapsed_s=60.0
    )


WHOLE_PLAN = planned(0, 1, PLAN_TEXT)
BEGUN = (claimed(), WHOLE_PLAN)
PIECES = (planned(0, 2, PLAN_TEXT[:40]), planned(1, 2, PLAN_TEXT[40:]))


def stages(state: RunState) -> dict[str, str]:
    return {one: progress.stage.value for one, progress in state.progress.items()}


def shown(state: RunState, one: str, *fields: str) -> list[Any]:
    return [getattr(state.progress[one], field) for field in fields]


# What the last entry is about -> entries, what is read of the state, what it must be.
Row = tuple[list[Any], Callable[[RunState], Any], Any]
KINDS: Mapping[str, Row] = {
    "claimed": (
        [claimed()],
        lambda s: (s.claimed and s.claimed["run_id"], s.owner, s.lease_until, s.ended),
        ("direct:night@0", "me", AT + 120, False),
    ),
    "taken_over": (
        [claimed(), yielded(), entry("taken_over", owner="you", lease_until=AT + 300)],
        lambda s: (s.owner, s.lease_until, s.handed_over, s.hops),
        ("you", AT + 300, False, 1),
    ),
    "planned": ([*BEGUN], lambda s: (s.plan, stages(s), s.progress["c"].wave), (PLAN, dict.fromkeys("abc", "pending"), 2)),
    "renewed": (
        [*BEGUN, entry("renewed", owner="me", lease_until=AT + 240)],
        lambda s: (s.lease_until, s.live_until(45)),
        (AT + 240, AT + 285),
    ),
    "guarded": (
        [*BEGUN, entry("guarded", wave=2, baseline={"b": {"status": "RUNNING", "launched_at": "x"}})],
        lambda s: (s.waves_begun, shown(s, "b", "baseline"), shown(s, "c", "baseline")),
        (2, [{"status": "RUNNING", "launched_at": "x"}], [None]),
    ),
    "sending": (
        [*BEGUN, sending(1, "a", at=AT + 5)],
        lambda s: (shown(s, "a", "stage", "attempts", "sent_at"), s.open_attempts, s.may_have_sent()),
        ([Stage.SENDING, 1, AT + 5], {1: ["a"]}, True),
    ),
    "sent": (
        [*BEGUN, sending(1, "a"), sent(1, AT + 6, a="accepted")],
        lambda s: (shown(s, "a", "stage", "explicit", "answered_at", "note", "code", "request_id"), s.open_attempts),
        ([Stage.ACCEPTED, True, AT + 6, "answer 1", "DCS.1", "r1"], {}),
    ),
    "seen": (
        [*BEGUN, sending(1, "b", "c"), sent(1, b="accepted", c="doubt"), entry("seen", busy=["b"], evidence={"c": "launched_at moved"})],
        lambda s: (shown(s, "b", "seen_busy", "note"), shown(s, "c", "stage", "seen_busy", "explicit", "note")),
        ([True, "answer 1"], [Stage.ACCEPTED, False, False, "launched_at moved"]),
    ),
    "watched": (
        [*BEGUN, watched(a=OutcomeKind.COMPLETED, b=OutcomeKind.FAILED, c=OutcomeKind.UNKNOWN)],
        lambda s: (stages(s), s.progress["a"].outcome and s.progress["a"].outcome.outcome, s.failures(), s.settled_at),
        (dict.fromkeys("abc", "done"), OutcomeKind.COMPLETED, 2, AT + 30),
    ),
    "stopped": ([*BEGUN, stopped("budget")], lambda s: (s.stop and s.stop["why"], s.ended), ("budget", False)),
    "yielded": (
        [*BEGUN, yielded(list=2, put=1), entry("taken_over"), entry("yielded", token="u", calls={"list": 3}, not_before=AT + 900)],
        lambda s: (s.hops, s.calls, s.handed_over, s.not_before, s.live_until(45)),
        (2, {"list": 5, "put": 1}, True, AT + 900, 0.0),
    ),
    "publishing": ([*BEGUN, entry("publishing", topic="t")], lambda s: s.topics, {"t": "publishing"}),
    "published": ([*BEGUN, entry("publishing", topic="t"), entry("published", topic="t")], lambda s: s.topics, {"t": "published"}),
    "reported": ([*BEGUN, reported()], lambda s: (s.ended, s.reported and s.reported["status"], s.released), (True, "succeeded", False)),
    "released": ([*BEGUN, entry("released", reason="frozen")], lambda s: (s.ended, s.released, s.reported), (True, True, None)),
}
PAUSING = (claimed(), planned(0, 1, json.dumps(plan_to_json(replace(PLAN, pause_s=300.0)))), watched(a=OutcomeKind.COMPLETED))


def idle(state: RunState) -> int:
    return state.idle_hops


SEQUENCES: Mapping[str, Row] = {
    "nothing": ([], lambda s: (s.claimed, s.ended, s.may_have_sent()), (None, False, False)),
    "claimed again after a release begins anew": (
        [*BEGUN, stopped("halt"), entry("publishing", topic="t"), entry("released", reason="halted"), claimed(asked="again")],
        lambda s: (s.released, s.ended, s.plan, s.progress, s.stop, s.topics, s.claimed and s.claimed["asked"]),
        (False, False, None, {}, None, {}, "again"),
    ),
    "a key that is claimed again takes the new plan": (
        [*BEGUN, entry("released", reason="frozen"), claimed(), *PIECES],
        lambda s: (s.plan, stages(s)),
        (PLAN, dict.fromkeys("abc", "pending")),
    ),
    "one piece of two is no plan": ([claimed(), PIECES[0]], lambda s: (s.plan, s.progress), (None, {})),
    "two pieces are the plan": ([claimed(), *PIECES], lambda s: s.plan, PLAN),
    "a plan begun anew forgets the half that was written before": (
        [claimed(), PIECES[0], entry("taken_over"), *PIECES],
        lambda s: s.plan,
        PLAN,
    ),
    "what was not executed is pending again, and counts its attempts": (
        [*BEGUN, sending(1, "a"), sent(1, a="again"), sending(2, "a"), sent(2, a="accepted")],
        lambda s: (shown(s, "a", "stage", "attempts", "explicit", "note"), s.attempts),
        ([Stage.ACCEPTED, 2, True, "answer 2"], 2),
    ),
    "not executed, and not sent since": (
        [*BEGUN, sending(1, "a"), sent(1, a="again")],
        lambda s: (shown(s, "a", "stage", "explicit"), [progress.instance_id for progress in s.at_stage(Stage.PENDING, wave=1)]),
        ([Stage.PENDING, False], ["a"]),
    ),
    "an attempt without an answer stays open": (
        [*BEGUN, sending(1, "a"), entry("taken_over")],
        lambda s: (stages(s)["a"], s.open_attempts, s.may_have_sent()),
        ("sending", {1: ["a"]}, True),
    ),
    "its successor puts it in doubt": (
        [*BEGUN, sending(1, "b", "c"), entry("taken_over"), sent(1, b="doubt", c="doubt")],
        lambda s: (stages(s), shown(s, "b", "explicit"), s.open_attempts),
        ({"a": "pending", "b": "doubt", "c": "doubt"}, [False], {}),
    ),
    "one answer, two verdicts": (
        [*BEGUN, sending(1, "b", "c"), sent(1, b="accepted", c="api_failed")],
        lambda s: (stages(s), [progress.instance_id for progress in s.at_stage(Stage.ACCEPTED, Stage.API_FAILED, wave=2)]),
        ({"a": "pending", "b": "accepted", "c": "api_failed"}, ["b", "c"]),
    ),
    "the first reason for stopping stands": ([*BEGUN, stopped("halt"), stopped("budget")], lambda s: s.stop and s.stop["why"], "halt"),
    "an entry after the hand-over ends it": ([*BEGUN, yielded(), entry("renewed")], lambda s: (s.handed_over, s.hops), (False, 1)),
    "a hand-over at once takes back when the one before said not before": (
        [*BEGUN, entry("yielded", token="t", calls={}, not_before=AT + 900), yielded()],
        lambda s: s.not_before,
        0.0,
    ),
    "the hand-over of who planned was no idle one": ([*BEGUN, yielded()], lambda s: (s.hops, s.idle_hops, s.idle_after(AT)), (1, 0, 1)),
    "hand-overs without anything in between add up": (
        [*BEGUN, yielded(), taken_over(), yielded(), taken_over(AT + 5), entry("renewed", AT + 90), yielded(AT + 90)],
        lambda s: (s.hops, s.idle_hops),
        (3, 2),
    ),
    "an attempt is progress": ([*BEGUN, yielded(), taken_over(), yielded(), taken_over(), sending(1, "a"), yielded()], idle, 0),
    "an outcome is progress": (
        [*BEGUN, yielded(), taken_over(), yielded(), taken_over(), watched(a=OutcomeKind.REFUSED), yielded()],
        idle,
        0,
    ),
    "progress of the invocation before is not this one's": (
        [*BEGUN, yielded(), taken_over(), sending(1, "a"), sent(1, a="again"), yielded(), taken_over(), yielded()],
        idle,
        1,
    ),
    "to wait for an instance under way is not idle": (
        [*BEGUN, sending(1, "a"), sent(1, a="accepted"), yielded(), taken_over(AT), yielded(AT + 50)],
        idle,
        0,
    ),
    "without the time to look at it, it is": (
        [*BEGUN, sending(1, "a"), sent(1, a="accepted"), yielded(), taken_over(AT), yielded(AT + 1)],
        idle,
        1,
    ),
    "to wait for the pause between two waves is not idle": ([*PAUSING, yielded(), taken_over(AT + 50), yielded(AT + 99)], idle, 0),
    "when the pause is over, it is": ([*PAUSING, yielded(), taken_over(AT + 350), yielded(AT + 399)], idle, 1),
    "to wait for a window is not idle": (
        [*BEGUN, yielded(), taken_over(), yielded(), taken_over(), entry("yielded", token="t", calls={}, not_before=AT + 900)],
        idle,
        0,
    ),
    "a key that is claimed again begins without idle hops": (
        [*BEGUN, yielded(), taken_over(), yielded(), entry("released", reason="x"), claimed()],
        idle,
        0,
    ),
    "an entry without owner, of a run without a store, leaves the lease": (
        [claimed(), entry("renewed")],
        lambda s: (s.owner, s.lease_until),
        ("me", AT + 120),
    ),
}
ROWS = {**KINDS, **SEQUENCES}


def test_the_table_has_a_row_for_each_kind() -> None:
    assert set(KINDS) == {get_args(get_type_hints(one)["kind"])[0] for one in get_args(Entry)}


@pytest.mark.parametrize("name", ROWS)
def test_fold(name: str) -> None:
    entries, read, expected = ROWS[name]
    assert read(fold(entries)) == expected


@pytest.mark.parametrize("name", ROWS)
def test_entry_by_entry_is_the_same_as_all_at_once(name: str) -> None:
    """A running run applies its entries one by one, a resumed one reads them all: they must not disagree. Nor may reading change them."""
    entries, _, _ = ROWS[name]
    before = json.dumps(entries)
    state = RunState()
    for number, one in enumerate(entries, start=1):
        state.apply(one)
        assert state == fold(entries[:number])
    assert json.dumps(entries) == before


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (
            [claimed(format=FORMAT + 1)],
            f"run/x: it was begun by a later version of this tool \\(format {FORMAT + 1}, this one knows {FORMAT}\\)",
        ),
        ([claimed(), entry("rewound")], "run/x: this version knows no entry 'rewound'. Let the version that wrote it"),
        ([claimed(), entry("k" * 99)], f"no entry '{'k' * 40}'"),
        ([claimed(), {"at": AT}], "run/x: entry 1 cannot be read \\(KeyError\\).*judged by a person"),
        ([*BEGUN, sending(1, "z")], "run/x: entry 2 cannot be read \\(KeyError\\)"),
        ([*BEGUN, sending(1, "a"), sent(1, a="perhaps")], "run/x: entry 3 cannot be read \\(ValueError\\)"),
        ([claimed(), planned(0, 1, "{")], "run/x: entry 1 cannot be read \\(JSONDecodeError\\)"),
        ([*BEGUN, entry("watched", outcomes=None)], "run/x: entry 2 cannot be read \\(TypeError\\)"),
    ],
    ids=[
        "later format",
        "unknown kind",
        "long unknown kind",
        "no kind",
        "an ID of no plan",
        "unknown verdict",
        "a plan that is no JSON",
        "no outcomes",
    ],
)
def test_what_makes_no_sense_is_refused_naming_the_stream(entries: list[Any], words: str) -> None:
    """Nothing is guessed: a person judges such a run."""
    with pytest.raises(RecordError, match=words):
        fold(entries, "run/x")
