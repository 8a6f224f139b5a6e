"""Backups: whose they are is told by their remark, and how old they are by the time at which they were begun."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from dcs_upkeep.adapters.dcs.backups import HuaweiBackups
from dcs_upkeep.adapters.dcs.client import HuaweiDcs
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.execution.backup import REMARK_CHARS, remark_of
from dcs_upkeep.local.emulator import Emulator, Fault, make_fleet
from tests.fakes import FakeClock

Begin = Callable[..., str]


@pytest.fixture
def emu(emulate: Callable[..., Emulator], clock: FakeClock) -> Emulator:
    return emulate(make_fleet(1), base_date=clock.now())


@pytest.fixture
def backups(emu: Emulator, connect: Callable[..., HuaweiDcs]) -> HuaweiBackups:
    return connect(emu).backups


@pytest.fixture
def begin(emu: Emulator, backups: HuaweiBackups, clock: FakeClock) -> Begin:
    """Begin a backup of the one instance for a run that was claimed so many seconds ago."""

    def make(remark: str = "ours", claimed_s_ago: float = 0.0) -> str:
        instance_id = emu.instances()[0].instance_id
        found = backups.begin([instance_id], remark, clock.now() - timedelta(seconds=claimed_s_ago))[instance_id]
        if isinstance(found, CloudError):
            raise found
        return found

    return make


def test_a_run_finds_the_backup_that_it_began_and_no_other(emu: Emulator, begin: Begin, clock: FakeClock) -> None:
    first = begin()
    clock.sleep(30)
    assert begin(claimed_s_ago=30) == first
    assert begin("theirs", claimed_s_ago=30) != first
    assert emu.truth.count("copy") == 2


def test_a_backup_that_is_older_than_the_claim_does_not_count(emu: Emulator, begin: Begin, clock: FakeClock) -> None:
    first = begin()
    clock.sleep(30)
    second = begin(claimed_s_ago=20)
    assert second != first
    clock.sleep(5)
    assert begin(claimed_s_ago=25) == second
    assert emu.truth.count("copy") == 2


@pytest.mark.parametrize("said", [None, "", "yesterday", 5])
def test_a_backup_that_does_not_say_when_it_was_begun_does_not_count(
    said: Any, backups: HuaweiBackups, begin: Begin, emu: Emulator
) -> None:
    first = begin()
    read = backups._records
    backups._records = lambda instance_id: [{**row, "created_at": said} for row in read(instance_id)]  # type: ignore[method-assign]
    assert begin(claimed_s_ago=30) != first
    assert emu.truth.count("copy") == 2


def test_a_lost_answer_is_settled_by_what_was_not_there_before_whatever_the_clocks_say(
    emu: Emulator, begin: Begin, clock: FakeClock
) -> None:
    """DCS's clock is an hour behind: its record looks older than the claim."""
    old = begin(claimed_s_ago=-3600)
    clock.sleep(30)
    emu.add_fault(Fault("copy", "lost_answer"))
    new = begin(claimed_s_ago=-3600)
    assert new != old
    assert emu.truth.count("copy") == 2


def test_a_lost_answer_without_a_record_is_no_backup(emu: Emulator, begin: Begin, clock: FakeClock) -> None:
    begin()
    clock.sleep(30)
    emu.add_fault(Fault("copy", "500", times=None, executed=False))
    with pytest.raises(CloudError):
        begin(claimed_s_ago=20)


def test_a_remark_tells_runs_apart_that_differ_at_their_end_or_in_their_claim_alone() -> None:
    long = "arn:aws:scheduler:eu-central-1:123456789012:schedule/" + "nightly/" * 20
    remarks = {remark_of(run_id, at) for run_id in (f"{long}1", f"{long}2", "short") for at in (1.0, 2.0)}
    assert len(remarks) == 6
    assert max(len(remark) for remark in remarks) <= REMARK_CHARS
    assert any("short" in remark for remark in remarks)
