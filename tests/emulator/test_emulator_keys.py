"""Key pairs that end, are renewed, or are locked."""

from __future__ import annotations

import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkdcs.v2 import ListInstancesRequest


def answer_to(client):
    try:
        return client.list_instances(ListInstancesRequest()).instance_num
    except ClientRequestException as error:
        return error.status_code, error.error_code


REFUSED = (401, "APIGW.0301")


def test_old_keys_end_when_new_ones_are_given_out(start, connect, fleet):
    """A client that was built before must be built again."""
    # Given
    emu = start(fleet)
    before = connect(emu)
    assert answer_to(before) == 4
    # When
    keys = emu.rotate_keys()
    # Then
    assert (answer_to(before), answer_to(connect(emu))) == (REFUSED, 4)
    assert (emu.ak, emu.sk, keys.ak) == (keys.ak, keys.sk, "EMULATEDACCESSKEY002")
    assert [(record.access_key, record.refused) for record in emu.truth.refused()] == [("EMULATEDACCESSKEY001", "expired_key")]


def test_old_keys_may_be_good_for_a_while(start, connect, fleet, clock):
    """Platforms hand out the next pair before the last one ends."""
    emu = start(fleet)
    before = connect(emu)
    emu.rotate_keys(grace_s=60, valid_s=100)
    after = connect(emu)
    found = []
    for step_s in (59, 1, 39, 1):
        clock.advance(step_s)
        found.append((answer_to(before), answer_to(after)))
    assert found == [(4, 4), (REFUSED, 4), (REFUSED, 4), (REFUSED, REFUSED)]


def test_a_grace_does_not_make_a_key_live_longer(start, connect, fleet, clock):
    """A pair that ends at 100 s ends at 100 s, though the next one is there."""
    emu = start(fleet, key_valid_until=100)
    before = connect(emu)
    emu.rotate_keys(grace_s=3600)
    clock.advance(100)
    assert answer_to(before) == REFUSED


def test_a_token_ends_at_its_time(start, connect, fleet, clock):
    """An agency's token is good for so long, whoever still holds it."""
    emu = start(fleet, security_token="token-1", key_valid_until=3600)
    client = connect(emu, security_token="token-1")
    clock.advance(3599)
    assert answer_to(client) == 4
    clock.advance(1)
    assert answer_to(client) == REFUSED
    emu.rotate_keys()
    assert emu.security_token == "emulated-token-2"
    assert answer_to(connect(emu, security_token="token-1")) == REFUSED
    assert answer_to(connect(emu, security_token=emu.security_token)) == 4
    assert [record.refused for record in emu.truth.refused()] == ["expired_key", "token"]


def test_five_wrong_signatures_in_a_row_lock_the_key(start, connect, fleet, clock):
    """Trying a dead secret again and again shuts out everybody who holds the right one."""
    # Given
    emu = start(fleet)
    right, wrong = connect(emu), connect(emu, sk="wrong")
    # When
    found = [answer_to(wrong) for _ in range(5)]
    # Then
    assert found == [REFUSED] * 5
    assert answer_to(right) == REFUSED
    assert emu.truth.refused("locked_key") == [emu.truth.requests[-1]]
    (lock,) = emu.truth.key_locks
    assert (lock.access_key, lock.began, lock.until) == (emu.ak, 1000, 1300)
    clock.advance(299)
    assert answer_to(right) == REFUSED
    clock.advance(1)
    assert answer_to(right) == 4


def test_a_right_signature_between_begins_the_count_anew(start, connect, fleet):
    """In a row means in a row."""
    emu = start(fleet)
    right, wrong = connect(emu), connect(emu, sk="wrong")
    for _ in range(3):
        for _ in range(4):
            answer_to(wrong)
        assert answer_to(right) == 4
    assert emu.truth.key_locks == []


@pytest.mark.parametrize("fields", [{"ak": "SOMEBODY"}, {}])
def test_an_unknown_or_ended_key_locks_nothing(start, connect, fleet, fields):
    """Its signatures are not wrong: it is just no longer anybody's."""
    emu = start(fleet)
    before = connect(emu, **fields)
    emu.rotate_keys()
    assert [answer_to(before) for _ in range(6)] == [REFUSED] * 6
    assert (emu.truth.key_locks, answer_to(connect(emu))) == ([], 4)


def test_a_new_secret_for_the_same_key_makes_the_old_one_wrong(start, connect, fleet):
    """The old secret is refused as ended while the emulator knows it."""
    emu = start(fleet)
    before = connect(emu)
    emu.rotate_keys(ak=emu.ak, sk="another")
    assert (answer_to(before), answer_to(connect(emu))) == (REFUSED, 4)


def test_keys_change_while_a_run_is_on(start, connect, fleet, clock):
    """Planned once, it happens at its time."""
    emu = start(fleet)
    before = connect(emu)
    emu.at(60, emu.rotate_keys)
    clock.advance(59)
    assert answer_to(before) == 4
    clock.advance(1)
    assert answer_to(before) == REFUSED
