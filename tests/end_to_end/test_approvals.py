"""One approval, one run: every way in which an approval could be used for what nobody was shown, or twice, or too late."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.domain.errors import JournalError
from tests.fakes import FakeClock
from tests.world import World, make_fleet, printed_event, world

DAY_S = 86_400.0


def flush(w: World, **fields: Any) -> dict[str, Any]:
    return {"action": "flush", "instances": w.ids[:2], "rollout": {"canary": 0}, **fields}


def approval_refusal(w: World, event: Any, *words: str, **settings: str) -> Mapping[str, Any]:
    """The report of an event that the guard `approval` refuses for this reason; it sends nothing."""
    before = len(w.puts)
    report = w.refused(event, **settings)
    assert {row["guard"] for row in report["instances"]} == {"approval"}
    reason = report["instances"][0]["reason"]
    assert [word for word in words if word not in reason] == [], reason
    assert len(w.puts) == before
    return report


@pytest.mark.parametrize("journal", [False, True])
@pytest.mark.parametrize("source", ["dry run", "refusal"])
def test_what_was_shown_may_be_carried_out(journal: bool, source: str) -> None:
    with world(3, journal=journal) as w:
        event = w.approving(flush(w)) if source == "dry run" else printed_event(w.refused(flush(w)))
        assert ("." in event["approve"]) is journal
        report = w.run(event)
        assert report["counts"] == {"completed": 2}
        assert report["plan"].get("showing") == (event["approve"].partition(".")[2] or None)
        assert w.emu.truth.lost_data == set(w.ids[:2])


@pytest.mark.parametrize("days", [1.01, 30, 140])
def test_the_event_of_a_refusal_is_worth_nothing_long_after(days: float) -> None:
    """After 140 days the record itself is past its time."""
    with world(3, journal=True) as w:
        event = printed_event(w.refused(flush(w)))
        w.clock.sleep(days * DAY_S)
        report = approval_refusal(w, event, "expired" if days <= 30 else "not in this journal")
        assert w.run(printed_event(report))["counts"] == {"completed": 2}


def test_somebody_elses_later_dry_run_renews_no_approval() -> None:
    with world(3, journal=True) as w:
        event = w.approving(flush(w))
        w.clock.sleep(20 * 3600)
        later = w.approving(flush(w))
        w.refused(flush(w))
        w.clock.sleep(5 * 3600)
        approval_refusal(w, event, "expired")
        assert w.run(later)["counts"] == {"completed": 2}


def sns(event: Any, message_id: str) -> dict[str, Any]:
    record = {"MessageId": message_id, "TopicArn": "arn:aws:sns:eu-central-1:0:asks", "Message": json.dumps(event), "Type": "Notification"}
    return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": "arn:x", "Sns": record}]}


def test_one_approving_event_in_four_messages_starts_one_run() -> None:
    with world(3, journal=True) as w:
        event = printed_event(w.refused(flush(w)))
        first = w.run(sns(event, "m-1"))
        assert first["counts"] == {"completed": 2}
        for number in (2, 3, 4):
            approval_refusal(w, sns(event, f"m-{number}"), "used by run", first["run_id"][:20], "one approval starts one run")
        assert w.run(sns(event, "m-1"))["replayed"]
        assert max(w.executions().values()) == 1


class Overtaken(MemoryJournal):
    """A journal in which something happens just before the first `used` is written."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.before_use: Callable[[], object] | None = None

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        if entry.get("kind") == "used" and self.before_use is not None:
            happens, self.before_use = self.before_use, None
            happens()
        super().append(stream, seq, entry)


def test_of_two_events_that_both_found_the_approval_unused_one_is_carried_out() -> None:
    with world(3) as w:
        w.journal = journal = Overtaken(w.clock)
        event = w.approving(flush(w))
        journal.before_use = lambda: w.run({**event, "run_id": "first"})
        report = w.refused({**event, "run_id": "second"})
        assert {row["guard"] for row in report["instances"]} == {"approval"}
        assert "first" in report["instances"][0]["reason"]
        assert max(w.executions().values()) == 1
        assert w.run(printed_event(report))["counts"] == {"completed": 2}


def test_two_dry_runs_of_one_plan_are_two_approvals() -> None:
    with world(3, journal=True) as w:
        one, two = w.approving(flush(w)), w.approving(flush(w))
        assert one["approve"].split(".")[0] == two["approve"].split(".")[0]
        for event in (one, two):
            assert w.run(event)["counts"] == {"completed": 2}
            approval_refusal(w, event, "used by run")


@pytest.mark.parametrize("showing", ["", ".0123456789"], ids=["digest alone", "an invented showing"])
def test_a_digest_computed_by_hand_approves_nothing_where_there_is_a_journal(showing: str) -> None:
    with world(3, journal=True) as w:
        digest = w.run(flush(w, dry_run=True))["plan"]["digest"]
        report = approval_refusal(w, flush(w, approve=f"{digest}{showing}"), "digest alone" if not showing else "not in this journal")
        assert w.run(printed_event(report))["counts"] == {"completed": 2}


@pytest.mark.parametrize("journal", [False, True])
def test_a_digest_of_the_first_form_is_refused_with_the_event_that_works(journal: bool) -> None:
    with world(3, journal=journal) as w:
        report = approval_refusal(w, flush(w, approve=f"v1:{'0' * 64}"), "earlier form")
        assert w.run(printed_event(report))["counts"] == {"completed": 2}


@pytest.mark.parametrize("journal", [False, True])
@pytest.mark.parametrize(("asked", "sent"), [("before", "none"), ("none", "before")])
def test_an_approval_with_backups_is_none_for_an_event_without(asked: str, sent: str, journal: bool) -> None:
    with world(3, journal=journal) as w:
        event = {**w.approving(flush(w, backup=asked)), "backup": sent}
        words = (f"backup was '{asked}' and is '{sent}'",) if journal else ("another plan",)
        report = approval_refusal(w, event, *words)
        assert w.emu.truth.count("copy") == 0
        assert w.run(printed_event(report))["counts"] == {"completed": 2}


def test_another_set_is_refused_with_what_came_and_went() -> None:
    with world(4, journal=True) as w:
        event = {**w.approving(flush(w)), "instances": w.ids[1:3]}
        report = approval_refusal(w, event, f"added: {w.ids[2]}", f"removed: {w.ids[0]}")
        assert w.run(printed_event(report))["counts"] == {"completed": 2}
        assert w.emu.truth.lost_data == set(w.ids[1:3])


def test_a_class_that_changed_since_the_showing_is_named() -> None:
    with world(3, journal=True) as w:
        event = w.approving({"action": "restart", "instances": w.ids})
        w.emu.edit(w.ids[1], appendonly="no")
        approval_refusal(w, event, f"{w.ids[1]} (keeps then, loses now)")


def test_a_tag_taken_away_is_a_change_of_class() -> None:
    """Disposable data became data that counts, and nobody was shown that."""
    scratch = {"UPKEEP_DISPOSABLE_TAGS": "tier=scratch"}
    rows = make_fleet(2, tags={"tier": "scratch"})
    with world(rows, journal=True, settings=scratch) as w:
        event = w.approving(flush(w))
        w.emu.edit(w.ids[0], tags={})
        approval_refusal(w, event, f"{w.ids[0]} (disposable then, loses now)")


def test_what_starts_no_run_leaves_the_approval_unused() -> None:
    """A dry run with it, a refusal for another reason, an instance that is on hold: it is still good for the run that it was given for."""
    shut = {"start": "01:00", "end": "01:01", "timezone": "UTC"}
    with world(3, journal=True) as w:
        event = w.approving(flush(w))
        w.run({**event, "dry_run": True})
        report = w.refused({**event, "window": shut})
        assert {row["guard"] for row in report["instances"]} == {"window"}
        assert "{" not in report["next"]
        for one in w.ids:
            w.emu.edit(one, tags={"upkeep-hold": "2999-01-01"})
        w.refused(event)
        for one in w.ids:
            w.emu.edit(one, tags={"env": "test"})
        assert w.run(event)["counts"] == {"completed": 2}


def test_a_run_that_was_released_may_be_asked_for_again_with_its_own_approval() -> None:
    """Its key is free, and so is what it was approved with; a run of another name is another run."""
    with world(3, journal=True) as w:
        event = {**w.approving(flush(w, backup="before", watch={"timeout_s": 60})), "run_id": "night"}
        w.emu.backups.backup_s = 10_000
        report = w.refused(event)
        assert {row["guard"] for row in report["instances"]} == {"backup"}
        approval_refusal(w, {**event, "run_id": "dawn"}, "used by run", "night")
        w.emu.backups.backup_s = 20
        assert w.run(event)["counts"] == {"completed": 2}


def test_the_reviewed_plan_and_its_approval_are_sent_as_they_were_printed(tmp_path: Any) -> None:
    plans = tmp_path / "plans.json"
    with world(2, journal=True) as w:
        plans.write_text(json.dumps({"plans": {"empty": {"action": "flush", "instances": w.ids}}}))
        report = w.run({"plan": "empty", "dry_run": True}, plans_path=plans)
        event = printed_event(report)
        assert event == {"plan": "empty", "approve": f"{report['plan']['digest']}.{report['plan']['showing']}"}
        assert w.run(event, plans_path=plans)["counts"] == {"completed": 2}


class Failing(MemoryJournal):
    """A journal that does not take entries of these kinds."""

    def __init__(self, clock: FakeClock, *kinds: str) -> None:
        super().__init__(clock)
        self.kinds = kinds

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        if entry.get("kind") in self.kinds:
            raise JournalError(f"{stream}: the store does not answer.")
        super().append(stream, seq, entry)


def test_what_cannot_be_put_on_record_prints_no_event_that_could_not_work() -> None:
    with world(3) as w:
        w.journal = Failing(w.clock, "shown")
        shown = w.run(flush(w, dry_run=True))
        refused = w.refused(flush(w))
        for report in (shown, refused):
            assert report["next"].startswith("Mend the journal")
            assert "could not be put on record" in report["next"]
            assert 'approve":' not in report["next"]
            assert "showing" not in report["plan"]
            assert any("could not be put on record" in note for note in report["notes"])
        assert w.puts == []


def test_an_approval_whose_use_cannot_be_put_on_record_starts_nothing() -> None:
    with world(3) as w:
        w.journal = journal = Failing(w.clock)
        event = {**w.approving(flush(w)), "run_id": "night"}
        journal.kinds = ("used",)
        with pytest.raises(JournalError):
            w.run(event)
        assert w.puts == []
        journal.kinds = ()
        assert w.run(event)["counts"] == {"completed": 2}


def test_a_record_that_cannot_be_read_approves_nothing() -> None:
    with world(3, journal=True) as w:
        digest = w.run(flush(w, dry_run=True))["plan"]["digest"]
        assert w.journal is not None
        w.journal.append(f"plan/{digest}.aaaaaaaaaa", 0, {"kind": "shown", "at": None})
        approval_refusal(w, flush(w, approve=f"{digest}.aaaaaaaaaa"), "not in this journal")


def test_a_showing_means_nothing_where_nobody_can_look_it_up() -> None:
    """The journal is what knows whether it was used."""
    with world(3, journal=True) as w:
        event = w.approving(flush(w))
        w.journal = None
        report = approval_refusal(w, event, "without a journal")
        assert w.run(printed_event(report))["counts"] == {"completed": 2}


def test_the_message_of_a_refusal_carries_the_event() -> None:
    with world(2, journal=True) as w:
        report = w.refused(flush(w))
        message = w.emu.truth.messages[-1]
        assert message.subject.startswith("APPROVE? would lose data on 2 of 2: flush")
        for text in (message.text(), message.text("default"), json.loads(message.text("wechat"))["content"]):
            assert json.JSONDecoder().raw_decode(text, text.index('{"action"'))[0] == printed_event(report)
