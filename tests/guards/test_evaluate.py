"""How guards are asked: in which order, until when, and what becomes of one that cannot decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import Instance, OutcomeKind, Verdict
from dcs_upkeep.domain.time_windows import parse_blackout
from dcs_upkeep.guards import before_reading, current, evaluate, per_call, permanent, whole_plan
from dcs_upkeep.guards.current import LockFacts
from dcs_upkeep.guards.guard import UNREADABLE, Guard
from dcs_upkeep.guards.per_call import CallFacts
from dcs_upkeep.guards.permanent import InstanceFacts
from dcs_upkeep.guards.policy import Policy

NOW = datetime(2026, 6, 10, 3, 0, tzinfo=UTC)


def guard(name: str, check: Callable[[str], Any] | None) -> Guard[str]:
    """A guard whose row does not matter. `check` may give what no type would let it give."""
    return Guard(name=name, setting="-", default="on", refuses_when="-", how_to_lift="-", check=check)


def broken(_: str) -> str:
    raise RuntimeError("token=s3cret")


YES, NO, NO_TOO = guard("yes", lambda _: None), guard("no", lambda _: "no."), guard("no_too", lambda _: "no, too.")
UNDECIDED = "and a guard that cannot decide refuses"


@pytest.mark.parametrize(
    ("guards", "refusals"),
    [
        pytest.param([], [], id="none at all"),
        pytest.param([YES, YES], [], id="nobody refuses"),
        pytest.param([YES, NO], [("no", "no.")], id="the last"),
        pytest.param([NO, NO_TOO], [("no", "no."), ("no_too", "no, too.")], id="two, in their order"),
        pytest.param([NO_TOO, YES, NO], [("no_too", "no, too."), ("no", "no.")], id="two, in the other order"),
        pytest.param([guard("raises", broken)], [("raises", f"the guard raises failed with RuntimeError, {UNDECIDED}")], id="raises"),
        pytest.param([guard("mute", lambda _: "")], [("mute", f"the guard mute gave no reason, {UNDECIDED}")], id="an empty reason"),
        pytest.param([guard("mute", lambda _: " \n")], [("mute", f"the guard mute gave no reason, {UNDECIDED}")], id="a blank reason"),
        pytest.param([guard("odd", lambda _: True)], [("odd", f"the guard odd gave no reason, {UNDECIDED}")], id="True"),
        pytest.param([guard("odd", lambda _: False)], [("odd", f"the guard odd gave no reason, {UNDECIDED}")], id="False"),
        pytest.param([guard("odd", lambda _: Verdict(True, "odd"))], [("odd", f"the guard odd gave no reason, {UNDECIDED}")], id="a verdict"),
        pytest.param([guard("raises", broken), NO], [("raises", f"the guard raises failed with RuntimeError, {UNDECIDED}"), ("no", "no.")], id="raises"),
        pytest.param([guard("pronounced", None), NO], [("no", "no.")], id="one that the run pronounces is not asked"),
    ],
)  # fmt: skip
def test_the_first_refusal_and_every_refusal(guards: list[Guard[str]], refusals: list[tuple[str, str]]) -> None:
    """A guard that errs, blocks. Its exception's text may hold anything, so it is not repeated."""
    every = evaluate.every(guards, "subject")
    assert [(verdict.guard, verdict.reason) for verdict in every] == refusals
    assert not any(verdict.allowed for verdict in every)
    first = evaluate.first(guards, "subject")
    assert first.allowed is (not refusals)
    assert refusals == [] or (first.guard, first.reason) == refusals[0]


def test_no_guard_is_asked_after_a_refusal() -> None:
    """The later ones may take for granted what the earlier ones let through."""
    asked: list[str] = []
    last = guard("last", asked.append)
    assert not evaluate.first([NO, last], "subject").allowed
    assert asked == []
    evaluate.every([NO, last], "subject")
    assert asked == ["subject"]


def test_guards_are_asked_in_this_order() -> None:
    """The first refusal is what a report shows: another order would change reports."""
    assert [entry.name for entry in before_reading.GUARDS] == ["alarm_verify"]
    assert [entry.name for entry in permanent.GUARDS] == ["found", "engine", "protected"]
    assert [entry.name for entry in current.GUARDS] == ["state", "hold", "maintenance_window", "alarm_veto"]
    assert [entry.name for entry in current.LOCK_GUARDS] == ["claims", "cooldown"]
    assert [entry.name for entry in per_call.GUARDS] == ["halt", "breaker", "blackout", "window"]
    assert [entry.name for entry in whole_plan.LIMITS] == [
        "allowed_action",
        "empty",
        "blast_radius_count",
        "blast_radius_share",
        "journal",
        "unread",
    ]


# --- one instance ------------------------------------------------------------------------------------------------

POLICY = Policy(
    action=Action.STOP,
    protected_tags=(("upkeep", "never"),),
    disposable_tags=(),
    window=None,
    defers=False,
    blackouts=(),
    respect_maintenance_window=True,
)
FINE = Instance("a", "cache-a", "RUNNING", engine_version="5.0", maintain_begin="02:00:00", maintain_end="04:00:00")
# Everything is wrong with it; each row of the table mends what the row before was refused for.
WRONG: Mapping[str, Any] = {
    "engine": "Memcached",
    "tags": {"upkeep": "never", "upkeep-hold": "2999-01-01"},
    "status": "UPGRADING",
    "maintain_begin": "10:00:00",
    "maintain_end": "12:00:00",
}
MENDED: list[tuple[str, Mapping[str, Any]]] = [
    ("engine", {}),
    ("protected", {"engine": "Redis"}),
    ("state", {"tags": {"upkeep-hold": "2999-01-01"}}),
    ("hold", {"status": "RUNNING"}),
    ("maintenance_window", {"tags": {}}),
    ("alarm_veto", {"maintain_begin": "02:00:00", "maintain_end": "04:00:00"}),
]


@pytest.mark.parametrize(("name", "count"), [(name, count) for count, (name, _) in enumerate(MENDED, start=1)])
def test_an_instance_is_refused_by_the_first_guard_that_has_something_against_it(name: str, count: int) -> None:
    changes = {key: value for _, mended in MENDED[:count] for key, value in mended.items()}
    instance = replace(FINE, **{**WRONG, **changes})
    outcome = evaluate.evaluate_instance(instance, "a", POLICY, NOW, wave=3, firing={"a": {"al1": "memory"}})
    assert outcome is not None
    assert (outcome.outcome, outcome.guard, outcome.name, outcome.wave) == (OutcomeKind.REFUSED, name, "cache-a", 3)
    assert outcome.reason


@pytest.mark.parametrize(
    ("instance", "options", "guard_name"),
    [
        pytest.param(None, {}, "found", id="not listed"),
        pytest.param(FINE, {}, None, id="nothing against it, and no veto"),
        pytest.param(FINE, {"firing": {"a": {}}}, None, id="no alarm"),
        pytest.param(FINE, {"firing": {}}, "alarm_veto", id="its alarms could not be read"),
        pytest.param(FINE, {"firing": {"a": {"al1": "memory"}}, "triggered_by": "al1"}, None, id="the alarm that asked for the run"),
        pytest.param(replace(FINE, tags=None), {}, "protected", id="its tags were not told"),
        pytest.param(replace(FINE, tags=7), {}, "protected", id="a guard that fails"),
        pytest.param(replace(FINE, has_task=True), {}, "state", id="a background task"),
        pytest.param(replace(FINE, has_task=False), {}, None, id="no background task"),
        pytest.param(replace(FINE, status="STARTING"), {}, None, id="on its way to where it may begin"),
        pytest.param(replace(FINE, status=""), {}, "state", id="its status was not told"),
        pytest.param(replace(FINE, engine=""), {}, "engine", id="its engine was not told"),
        pytest.param(replace(FINE, maintain_begin=None), {}, "maintenance_window", id="no window of its own"),
    ],
)
def test_an_instance_may_be_acted_on_if_no_guard_refuses(
    instance: Instance | None, options: Mapping[str, Any], guard_name: str | None
) -> None:
    outcome = evaluate.evaluate_instance(instance, "a", POLICY, NOW, **options)
    assert (outcome.guard if outcome else None) == guard_name


def test_its_own_window_counts_only_if_the_request_asks_for_it() -> None:
    lenient = replace(POLICY, respect_maintenance_window=False)
    assert evaluate.evaluate_instance(replace(FINE, maintain_begin=None), "a", lenient, NOW) is None


def test_what_is_already_in_the_end_state_is_skipped_but_not_before_the_permanent_guards() -> None:
    """A protected instance must be told as protected; a held one that is stopped already has nothing to be held from."""
    stopped = replace(FINE, status="CLOSED", tags={"upkeep-hold": "2999-01-01"})
    skipped = evaluate.evaluate_instance(stopped, "a", POLICY, NOW)
    assert skipped is not None
    assert (skipped.outcome, skipped.guard, skipped.loses_data) == (OutcomeKind.SKIPPED, "state", False)
    protected = evaluate.evaluate_instance(replace(stopped, tags={"upkeep": "never"}), "a", POLICY, NOW)
    assert protected is not None
    assert (protected.outcome, protected.guard) == (OutcomeKind.REFUSED, "protected")


def test_a_permanent_guard_refuses_what_is_not_listed_even_if_it_is_asked_alone() -> None:
    """Only `found` allows itself to look at nothing."""
    facts = InstanceFacts("a", None, POLICY)
    assert [verdict.guard for verdict in evaluate.every(permanent.GUARDS, facts)] == [entry.name for entry in permanent.GUARDS]


# --- the journal's word, and a call ------------------------------------------------------------------------------

FREE = LockFacts(holder_run_id=None, until=None, run_id="mine", last_reached_at=None, cooldown_s=60.0, now=NOW)


@pytest.mark.parametrize(
    ("changes", "guard_name"),
    [
        pytest.param({}, None, id="free, and never reached"),
        pytest.param({"holder_run_id": "mine", "until": "2999-01-01T00:00Z"}, None, id="its own"),
        pytest.param({"holder_run_id": "other", "until": "2999-01-01T00:00Z"}, "claims", id="another run's"),
        pytest.param({"holder_run_id": "other", "until": "2026-06-10T02:59Z"}, None, id="another run's, run out"),
        pytest.param({"holder_run_id": UNREADABLE}, "claims", id="unreadable"),
        pytest.param({"last_reached_at": "2026-06-10T02:59:30Z"}, "cooldown", id="reached a moment ago"),
        pytest.param({"holder_run_id": "other", "last_reached_at": "2026-06-10T02:59:30Z"}, "claims", id="both"),
        pytest.param({"last_reached_at": UNREADABLE}, "cooldown", id="when it was reached is unreadable"),
        pytest.param({"last_reached_at": "2026-06-10T02:59:30Z", "cooldown_s": 0.0}, None, id="no cooldown"),
    ],
)
def test_what_the_journal_says_of_an_instance(changes: Mapping[str, Any], guard_name: str | None) -> None:
    verdict = evaluate.first(current.LOCK_GUARDS, replace(FREE, **changes))
    assert verdict.allowed is (guard_name is None)
    assert verdict.allowed or verdict.guard == guard_name


@pytest.mark.parametrize(
    ("halt", "failures", "guard_names"),
    [
        (None, None, ["blackout"]),
        ({"id": "h-1"}, {"a": 1}, ["halt", "blackout"]),
        ({"id": "h-1"}, {"a": 1, "b": 1}, ["halt", "breaker", "blackout"]),
        (UNREADABLE, UNREADABLE, ["halt", "breaker", "blackout"]),
    ],
    ids=["no halt", "a halt", "the breaker's halt", "unreadable"],
)
def test_every_reason_against_a_call_is_found(halt: Any, failures: Any, guard_names: list[str]) -> None:
    """A window that is not set refuses nothing."""
    facts = CallFacts(NOW, halt, parse_blackout("2026-06-10"), None, failures, 2)
    assert [verdict.guard for verdict in evaluate.every(per_call.GUARDS, facts)] == guard_names
