"""What approves a plan, and what does not: exactly this, shown to a person, not long ago, and for one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_upkeep.domain.actions import Action, LossClass
from dcs_upkeep.domain.approval import ShownPlan
from dcs_upkeep.domain.model import PlannedInstance
from dcs_upkeep.domain.settings import Settings
from dcs_upkeep.guards import whole_plan
from dcs_upkeep.guards.approval import NAMED, ApprovalFacts, approval, approval_lapsed, losing

NOW = datetime(2026, 6, 10, 3, 0, tzinfo=UTC)
DAY_S = 86_400
DIGEST, OTHER_DIGEST, OLD_DIGEST = f"v2:{'a' * 64}", f"v2:{'b' * 64}", f"v1:{'a' * 64}"
GIVEN = f"{DIGEST}.abcdefghij"
ABOUT = {"action": "restart", "region": "r", "project_id": "p", "backup": "none"}
KEEPS, LOSES, DISPOSABLE = LossClass
CLASSES = {"i0": LOSES, "i1": KEEPS}
SHOWN = ShownPlan(ABOUT, CLASSES, NOW.timestamp() - 3600)


def planned(*loses: bool | None, **changes: Any) -> dict[str, PlannedInstance]:
    return {f"i{number}": PlannedInstance(f"i{number}", f"cache-{number}", lost, **changes) for number, lost in enumerate(loses)}


FACTS = ApprovalFacts(
    action=Action.RESTART,
    given=GIVEN,
    planned=planned(True, False),
    about=ABOUT,
    covered=CLASSES,
    digest=DIGEST,
    run_id="night",
    settings=Settings(),
    now=NOW,
    journalled=True,
    shown=SHOWN,
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({}, None, id="approved"),
        pytest.param({"given": None}, ["1 instance", "cache-0 (i0"], id="nothing given"),
        pytest.param({"given": None, "planned": planned(True, None)}, ["2 instances", "cache-0", "cache-1"], id="unknown counts as lost"),
        pytest.param({"given": None, "planned": planned(*[True] * 7)}, ["7 instances", "and 2 more"], id="nothing given, many"),
        pytest.param({"given": None, "planned": planned(False, False)}, None, id="nothing given, nothing lost"),
        pytest.param({"given": None, "planned": planned(True, None, disposable=True)}, None, id="nothing given, all disposable"),
        pytest.param({"given": OLD_DIGEST}, ["earlier form"], id="an old digest"),
        pytest.param({"given": OLD_DIGEST, "journalled": False, "digest": OLD_DIGEST}, ["earlier form"], id="an old digest, no journal"),
        pytest.param({"given": OLD_DIGEST, "planned": planned(False)}, ["earlier form"], id="an old digest, nothing lost"),
        pytest.param({"given": ""}, ["earlier form"], id="an empty text"),
        pytest.param({"given": GIVEN.upper()}, ["earlier form"], id="letter case counts"),
        pytest.param({"given": DIGEST}, ["a digest alone approves nothing"], id="computed by hand"),
        pytest.param({"given": OTHER_DIGEST}, ["a digest alone", "another plan"], id="computed by hand, another plan"),
        pytest.param({"given": DIGEST, "planned": planned(False)}, ["a digest alone"], id="computed by hand, nothing lost"),
        pytest.param({"shown": None}, ["abcdefghij", "not in this journal"], id="not on record"),
        pytest.param({"shown": None, "digest": OTHER_DIGEST}, ["not in this journal", "another plan"], id="not on record, another plan"),
        pytest.param({"digest": OTHER_DIGEST}, ["another plan", DIGEST[:50], OTHER_DIGEST[:50]], id="another plan"),
        pytest.param({"digest": OTHER_DIGEST, "planned": planned(False)}, ["another plan"], id="another plan, nothing lost"),
        pytest.param({"digest": ""}, ["another plan"], id="a plan without a digest"),
        pytest.param({"shown": replace(SHOWN, used_by="night")}, None, id="used by this very run"),
        pytest.param(
            {"shown": replace(SHOWN, used_by="dawn")}, ["used by run 'dawn'", "one approval starts one run"], id="used by another"
        ),
        pytest.param({"shown": replace(SHOWN, used_by="dawn"), "digest": OTHER_DIGEST}, ["used by run 'dawn'"], id="used, and drifted"),
        pytest.param(
            {"shown": replace(SHOWN, used_by="dawn", at=0.0)}, ["used by run 'dawn'"], id="used by another, which matters more than its age"
        ),
        pytest.param({"shown": replace(SHOWN, at=NOW.timestamp() - DAY_S)}, None, id="shown a day ago"),
        pytest.param(
            {"shown": replace(SHOWN, at=NOW.timestamp() - DAY_S - 1)},
            ["expired at 2026-06-10T02:59:59.000Z", "shown at 2026-06-09T02:59:59.000Z"],
            id="shown too long ago",
        ),
        pytest.param(
            {"shown": replace(SHOWN, at=NOW.timestamp() - DAY_S - 1, used_by="night")}, ["expired"], id="its own, and too long ago"
        ),
        pytest.param({"settings": Settings(approval_max_age_s=60)}, ["expired"], id="a shorter age"),
        pytest.param({"journalled": False, "given": DIGEST, "shown": None}, None, id="no journal"),
        pytest.param({"journalled": False, "given": OTHER_DIGEST, "shown": None}, ["another plan"], id="no journal, another plan"),
        pytest.param({"journalled": False, "given": "v2:", "digest": "", "shown": None}, ["another plan"], id="no journal, no digest"),
        pytest.param({"journalled": False, "shown": None}, ["without a journal", "abcdefghij"], id="no journal, and a showing"),
    ],
)
def test_only_what_was_shown_is_approved_and_once(changes: Mapping[str, Any], words: list[str] | None) -> None:
    refusals = whole_plan.approval_refusals(replace(FACTS, **changes))
    assert (words is None) is (refusals == []), refusals
    for refusal in refusals:
        assert refusal.guard == "approval"
        assert [word for word in words or [] if word not in refusal.reason] == [], refusal.reason
        assert refusal.next.startswith("Look at what would be lost")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"covered": {**CLASSES, "i2": LOSES}}, ["added: i2"]),
        ({"covered": {"i0": LOSES}}, ["removed: i1"]),
        ({"covered": {**CLASSES, "i1": LOSES}}, ["of another class now: i1 (keeps then, loses now)"]),
        ({"covered": {"i0": DISPOSABLE, "i1": KEEPS}}, ["i0 (loses then, disposable now)"]),
        ({"covered": {"i0": LOSES, "i2": KEEPS}}, ["added: i2", "removed: i1"]),
        ({"about": {**ABOUT, "backup": "before"}}, ["backup was 'none' and is 'before'"]),
        ({"about": {**ABOUT, "action": "flush", "region": "s"}}, ["action was 'restart' and is 'flush'", "region was 'r' and is 's'"]),
        ({"covered": {**CLASSES, **{f"n{number:02}": KEEPS for number in range(NAMED + 3)}}}, ["n09 and 3 more"]),
    ],
    ids=["added", "removed", "class", "disposable", "both", "backup", "action and region", "many"],
)
def test_a_drift_is_told_against_the_showing(changes: Mapping[str, Any], words: list[str]) -> None:
    reason = approval(replace(FACTS, digest=OTHER_DIGEST, **changes)) or ""
    assert [word for word in words if word not in reason] == [], reason


def test_an_approval_lapses_by_its_own_showing() -> None:
    """Asked again for as long as the run goes on, by the settings of that hour."""
    shown_at, settings = NOW.timestamp(), Settings(approval_max_age_s=600)
    assert approval_lapsed(None, settings, NOW) is None
    assert approval_lapsed(shown_at, settings, NOW + timedelta(seconds=600)) is None
    assert "expired at 2026-06-10T03:10:00.000Z" in str(approval_lapsed(shown_at, settings, NOW + timedelta(seconds=601)))


def test_a_clock_without_a_zone_approves_nothing() -> None:
    """Such a time would be read as the machine's local one."""
    (refusal,) = whole_plan.approval_refusals(replace(FACTS, now=NOW.replace(tzinfo=None)))
    assert "failed with ValueError" in refusal.reason


def test_those_that_need_an_approval_are_those_that_lose_and_are_not_disposable() -> None:
    found = [*planned(True, None, False).values(), PlannedInstance("i3", "cache-3", None, disposable=True)]
    assert [instance.loss_class for instance in found] == [LOSES, LOSES, KEEPS, DISPOSABLE]
    assert losing(found) == found[:2]


texts = st.text(max_size=30)


@given(texts, texts, texts, st.booleans())
def test_a_reason_stays_one_line_whatever_the_names(one: str, two: str, three: str, journalled: bool) -> None:
    names = {one: PlannedInstance(one, two, True, three)}
    facts = replace(
        FACTS, planned=names, covered={one: LOSES}, about={**ABOUT, "region": two}, digest=two, run_id=three, journalled=journalled
    )
    for given_text in (None, one, f"v2:{two}.{three}", GIVEN):
        reason = approval(replace(facts, given=given_text))
        assert reason is None or (reason and reason.isprintable())
