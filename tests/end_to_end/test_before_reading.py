"""What is refused anyway is refused before it costs: every answer of a refusal here is counted in calls to the cloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dcs_upkeep.domain.errors import RefusedError
from tests.world import TimedHost, World, world

READS = ("list", "show", "configs", "backups", "tasks")
CLOSED = {"start": "01:00", "end": "01:01", "timezone": "UTC"}
BY_TAG = {"select": {"tags": {"env": "test"}}}


def calls(w: World) -> dict[str, int]:
    """Calls to DCS and Cloud Eye that were made."""
    return {name: count for name in (*READS, "alarms", "put") if (count := w.emu.truth.count(name))}


def guards(report: Mapping[str, Any]) -> set[str]:
    return {row["guard"] for row in report["instances"]}


# What refuses -> (fields of the event, settings, the first guard).
REFUSED: Mapping[str, tuple[dict[str, Any], dict[str, str], str]] = {
    "an action that is not allowed": ({"action": "flush"}, {"UPKEEP_ALLOWED_ACTIONS": "restart"}, "allowed_action"),
    "a blackout": ({}, {"UPKEEP_BLACKOUT": "2000-01-01/2100-01-01"}, "blackout"),
    "a closed window": ({"window": CLOSED}, {}, "window"),
    "too many names": ({}, {"UPKEEP_MAX_INSTANCES": "3"}, "blast_radius_count"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("by_tag", [False, True], ids=["named", "selected"])
def test_what_settings_request_and_clock_refuse_is_refused_without_a_call(name: str, by_tag: bool) -> None:
    fields, settings, guard = REFUSED[name]
    with world(4, journal=True) as w:
        what = BY_TAG if by_tag else {"instances": w.ids}
        report = w.refused({"action": "restart", **what, **fields}, **settings)
        expected = {"list": 1} if by_tag and guard == "blast_radius_count" else {}
        assert (report["status"], calls(w)) == ("rejected", expected)
        listed = not by_tag or bool(expected)
        assert (report["counts"], guards(report)) == (({"refused": 4}, {guard}) if listed else ({}, set()))
        assert report["next"]
        assert len(w.emu.truth.messages) == 1
        assert bool(report["notes"]) is not listed
        assert all(note.lower().startswith(f"{guard}: ") for note in report["notes"])


@pytest.mark.parametrize("what", ["named", "selected"])
def test_a_halt_and_an_open_breaker_cost_nothing_either(what: str) -> None:
    with world(4, journal=True) as w:
        w.run({"command": "halt", "reason": "a release is under way"})
        report = w.refused({"action": "restart", **({"instances": w.ids} if what == "named" else BY_TAG)})
        assert (report["status"], calls(w)) == ("halted", {})
        assert "a release is under way" in w.emu.truth.messages[-1].text("email")
        told = report["instances"][0]["reason"] if what == "named" else report["notes"][0]
        assert "halt 'halt-0' is in force, pulled by 'direct': 'a release is under way'" in told
    with world(4, settings={"UPKEEP_BREAKER": "1"}, journal=True) as w:
        w.emu.edit(w.ids[0], ends_in="ERROR")
        w.run({"action": "restart", "instances": w.ids[:1]})
        w.emu.truth.forget()
        report = w.refused({"action": "restart", "instances": w.ids[1:]})
        assert (report["status"], report["counts"], calls(w)) == ("halted", {"refused": 3}, {})


def test_the_error_of_a_selection_that_was_not_read_says_why() -> None:
    with world(2, journal=True) as w:
        w.run({"command": "halt", "reason": "a release is under way"})
        with pytest.raises(
            RefusedError, match="halt 'halt-0' is in force, pulled by 'direct': 'a release is under way'.*Release the halt when it is safe"
        ):
            w.run({"action": "restart", **BY_TAG})


def test_a_lever_that_cannot_be_read_is_not_to_be_released_but_mended() -> None:
    with world(2, journal=True) as w:
        assert w.journal is not None
        w.journal.append("control/halt", 0, {"strange": 1})
        with pytest.raises(RefusedError, match=r"halt: whether a halt is in force cannot be read.*Mend the journal") as caught:
            w.run({"action": "restart", **BY_TAG})
        assert "<id>" not in str(caught.value)


def test_a_flush_on_a_host_without_a_journal_costs_nothing() -> None:
    with world(3) as w:
        host = TimedHost(w.environ(), w.clock, 900.0, kind="lambda")
        with pytest.raises(RefusedError) as caught:
            w.run({"action": "flush", "instances": w.ids}, host=host)
        assert (guards(caught.value.report), calls(w)) == ({"journal"}, {})  # type: ignore[arg-type]


def test_plans_only_costs_nothing() -> None:
    with world(3, journal=True) as w:
        w.refused({"action": "restart", "instances": w.ids}, UPKEEP_PLANS_ONLY="1")
        assert calls(w) == {}


def test_all_that_is_known_by_then_is_told_at_once() -> None:
    with world(4, journal=True) as w:
        settings = {"UPKEEP_ALLOWED_ACTIONS": "start", "UPKEEP_BLACKOUT": "2000-01-01/2100-01-01", "UPKEEP_MAX_INSTANCES": "3"}
        report = w.refused({"action": "restart", "instances": w.ids, "window": CLOSED}, **settings)
        reason = report["instances"][0]["reason"]
        for words in ("not allowed here", "more than the 3 allowed", "blackout", "is closed"):
            assert words in reason
        assert calls(w) == {}


@pytest.mark.parametrize(
    ("settings", "guard"), [({}, "blast_radius_count"), ({"UPKEEP_MAX_INSTANCES": "5000", "UPKEEP_MAX_SHARE": "10%"}, "blast_radius_share")]
)
def test_a_selection_over_the_cap_or_the_share_costs_its_list_alone(settings: dict[str, str], guard: str) -> None:
    """1,500 instances once took 3,002 calls before they were refused."""
    with world(1500, journal=True) as w:
        report = w.refused({"action": "restart", **BY_TAG}, **settings)
        assert calls(w).keys() == {"list"}
        assert calls(w)["list"] <= 3
        assert (report["counts"], guards(report)) == ({"refused": 1500}, {guard})
        assert all(row["name"] for row in report["instances"])


def test_1500_names_over_the_cap_cost_nothing() -> None:
    with world(1500, journal=True) as w:
        report = w.refused({"action": "restart", "instances": w.ids})
        assert (report["counts"], calls(w)) == ({"refused": 1500}, {})


def test_what_a_guard_of_its_own_refuses_does_not_count_for_the_cap_and_keeps_its_reason() -> None:
    with world(6, journal=True) as w:
        for one in w.ids[4:]:
            w.emu.edit(one, tags={"env": "test", "upkeep": "never"})
        assert w.run({"action": "restart", **BY_TAG}, UPKEEP_MAX_INSTANCES="4")["counts"] == {"completed": 4, "refused": 2}
        w.emu.truth.forget()
        report = w.refused({"action": "restart", **BY_TAG}, UPKEEP_MAX_INSTANCES="3")
        assert (report["counts"], guards(report)) == ({"refused": 6}, {"blast_radius_count", "protected"})
        assert calls(w) == {"list": 1}


def test_a_dry_run_reads_on_and_tells_the_same() -> None:
    with world(4, journal=True) as w:
        report = w.run({"action": "restart", "instances": w.ids, "window": CLOSED, "dry_run": True})
        assert (report["status"], report["counts"]) == ("planned", {"planned": 4})
        assert sum("refused by window" in note for note in report["notes"]) == 1
        report = w.refused({"action": "restart", **BY_TAG, "dry_run": True}, UPKEEP_MAX_INSTANCES="3")
        assert report["plan"]["digest"]
        assert report["next"].count("UPKEEP_MAX_INSTANCES") == 1


@pytest.mark.parametrize("notify", ["stop", "stop,end"])
def test_a_selection_that_matches_nothing_is_told_first_of_all(notify: str) -> None:
    """A tag that was mistyped is no green mail every night."""
    with world(3, journal=True) as w:
        report = w.run({"action": "restart", "select": {"tags": {"env": "tset"}}}, UPKEEP_NOTIFY=notify)
        assert report["status"] == "succeeded"
        (message,) = w.emu.truth.messages
        assert message.subject.startswith("NOTHING MATCHED")


def test_an_exclusion_that_matched_nothing_is_told_in_the_report() -> None:
    with world(3, journal=True) as w:
        select = {"tags": {"env": "test"}, "exclude_tags": {"teir": "payment"}}
        report = w.run({"action": "restart", "select": select})
        assert "exclude_tags 'teir=payment' matched no instance" in report["notes"]
        (message,) = w.emu.truth.messages
        assert "teir=payment" in str(message)
        report = w.refused({"action": "restart", "select": select}, UPKEEP_MAX_INSTANCES="2")
        assert any("teir=payment" in note for note in report["notes"])
