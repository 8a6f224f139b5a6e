"""`doctor` and a journal on OBS: the race for places, and what the bucket does to its objects in time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dcs_upkeep.adapters.journals import open_journal
from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.doctor import obs
from dcs_upkeep.doctor.finding import Finding
from dcs_upkeep.domain.deadline import ENDLESS
from dcs_upkeep.domain.errors import JournalError
from dcs_upkeep.domain.lifetimes import DAY_S, TTL_S
from dcs_upkeep.local.emulator import Emulator, Fault, LifecycleRule, Record
from tests.buckets import BUCKET, access, emulator, url_of
from tests.fakes import FakeClock

GOOD = LifecycleRule("upkeep/expiring/", obs.KEEP_DAYS)


@pytest.fixture
def emu() -> Iterator[Emulator]:
    with emulator(FakeClock(), lifecycle=[GOOD]) as one:
        yield one


@pytest.fixture
def look(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Finding]]:
    """Findings by what they are about, of a bucket of these fields."""
    monkeypatch.setattr(obs, "PLACES", 20)

    def run(prefix: str = "upkeep", **fields: Any) -> dict[str, Finding]:
        if fields:
            emu.obs.create(BUCKET, **fields)
        journal = open_journal(url_of(emu, prefix), clock=FakeClock(), obs=access())
        return {one.what.removeprefix("journal: "): one for one in obs.look_at(journal, ENDLESS)}

    return run


def states(found: dict[str, Finding]) -> dict[str, str]:
    return {what: one.state for what, one in found.items()}


def test_a_bucket_as_the_deployment_makes_it_is_fine(look: Callable[..., dict[str, Finding]], emu: Emulator) -> None:
    found = look()
    assert states(found) == {"race": "ok", "lifecycle": "ok", "versions": "ok"}
    assert "8 writers raced for 20 places" in found["race"].said
    assert emu.truth.count("append") == 8 * 20, "nobody knows a place from memory"
    assert all(key.startswith("upkeep/expiring/doctor/") for key in emu.obs.buckets[BUCKET].objects)


@pytest.mark.parametrize("after", [0, 100])
def test_one_place_that_two_won_fails_the_journal(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store lets a single append in at a place that is taken, at once or after a hundred that it refused as it should."""
    monkeypatch.setattr(obs, "PLACES", 20)
    seen = itertools.count()

    def break_promise(record: Record) -> None:
        if record.operation == "append" and next(seen) == after:
            emu.obs.both_win = 1

    with emulator(FakeClock(), break_promise, lifecycle=[GOOD]) as emu:
        race = next(obs.look_at(open_journal(url_of(emu), clock=FakeClock(), obs=access()), ENDLESS))
    assert race.state == "fail"
    assert "had not one winner" in race.said
    assert "Use another store" in race.fix


def test_the_race_needs_journals_alone() -> None:
    """So that it can be run wherever they are reached from. One that tells both that they won is seen."""

    class Generous(MemoryJournal):
        def append(self, stream: str, seq: int, entry: Any) -> None:
            if seq != 3:
                super().append(stream, seq, entry)
            else:
                self._streams[stream][seq] = ('{"writer":0}', None)

    honest, generous = MemoryJournal(FakeClock()), Generous(FakeClock())
    assert obs.race([honest] * 4, 6) == obs.Race(6, 4, ())
    assert obs.race([generous] * 4, 6) == obs.Race(6, 4, (3,))


def test_a_race_that_a_store_does_not_finish_says_why(look: Callable[..., dict[str, Finding]], emu: Emulator) -> None:
    emu.add_fault(Fault("append", "403", after=37, times=None))
    race = look()["race"]
    assert race.state == "fail"
    assert "AccessDenied" in race.said


def test_an_error_in_a_race_is_the_store_s_and_not_that_the_others_waited() -> None:
    class Failing(MemoryJournal):
        def append(self, stream: str, seq: int, entry: Any) -> None:
            raise JournalError("the store is away")

    with pytest.raises(JournalError, match="the store is away"):
        obs.race([MemoryJournal(FakeClock()), MemoryJournal(FakeClock()), Failing(FakeClock())], 5)


@pytest.mark.parametrize(
    ("rules", "state", "words"),
    [
        ([], "look", "Add a lifecycle rule for the prefix upkeep/expiring/"),
        ([LifecycleRule("upkeep/expiring/", 140, enabled=False)], "look", "Add a lifecycle rule"),
        ([LifecycleRule("other/", 1)], "look", "Add a lifecycle rule"),
        ([LifecycleRule("upkeep/expiring/run/", 140)], "look", "Add a lifecycle rule"),
        ([LifecycleRule("upkeep/expiring/", 130)], "fail", "deletes after 130 days what may be in use for 131 days"),
        ([GOOD, LifecycleRule("upkeep/expiring/run/", 7)], "fail", "after 7 days"),
        ([LifecycleRule("upkeep/", 140)], "fail", "halt lever"),
        ([LifecycleRule("", 140)], "fail", "halt lever"),
        ([GOOD, LifecycleRule("upkeep/lasting/control/", 3650)], "fail", "halt lever"),
        ([GOOD, LifecycleRule("other/", 1)], "ok", "deleted in time"),
    ],
)
def test_its_rules_are_held_against_what_the_journal_needs(
    rules: list[LifecycleRule], state: str, words: str, look: Callable[..., dict[str, Finding]]
) -> None:
    found = look(lifecycle=rules)["lifecycle"]
    assert found.state == state
    assert words in str(found)


def test_the_rule_that_is_asked_for_is_longer_than_any_stream_is_used() -> None:
    assert obs.KEEP_DAYS > TTL_S / DAY_S + 1


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("<Transition><Days>30</Days><StorageClass>COLD</StorageClass></Transition>", "archives after 30 days"),
        ("<Expiration><Date>2027-01-01T00:00:00.000Z</Date></Expiration>", "deletes by a date"),
        ("<Transition><Days>30</Days><StorageClass>WARM</StorageClass></Transition>", "Add a lifecycle rule"),
        ("<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>", "Add a lifecycle rule"),
    ],
)
def test_other_rules_than_by_days_count_too(step: str, words: str, emu: Emulator) -> None:
    rule = f"<Rule><Prefix>upkeep/expiring/</Prefix><Status>Enabled</Status>{step}</Rule>"
    journal = open_journal(url_of(emu), clock=FakeClock(), obs=access())
    found = list(obs._lifecycle(journal, f'<LifecycleConfiguration xmlns="http://x/">{rule}</LifecycleConfiguration>'))  # type: ignore[arg-type]
    assert words in str(found[0])


def test_versions_are_told(look: Callable[..., dict[str, Finding]]) -> None:
    found = look(versioning="Enabled", lifecycle=[GOOD])
    assert states(found) == {"race": "ok", "lifecycle": "ok", "versions": "look"}
    assert look(versioning="Suspended", lifecycle=[GOOD])["versions"].state == "ok"


def test_what_the_bucket_does_not_tell_is_said(look: Callable[..., dict[str, Finding]], emu: Emulator) -> None:
    found = look(denied=frozenset({"get_lifecycle", "get_versioning"}))
    assert states(found) == {"race": "ok", "lifecycle": "look", "versions": "look"}
    assert "Grant obs:bucket:GetLifecycleConfiguration" in found["lifecycle"].fix
    assert "Grant obs:bucket:GetBucketVersioning" in found["versions"].fix
    emu.add_fault(Fault("get_lifecycle", "garbage"))
    assert "not XML" in look(lifecycle=[GOOD])["lifecycle"].said


def test_nothing_is_said_of_other_stores() -> None:
    assert list(obs.look_at(MemoryJournal(FakeClock()), ENDLESS)) == []
