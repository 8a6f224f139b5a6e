"""Settings: one definition each, every problem at once, and nothing secret in a message."""

from __future__ import annotations

import pytest

from dcs_upkeep.domain.errors import SettingsError
from dcs_upkeep.domain.settings import SETTING_FIELDS, Settings, read_settings


def test_every_setting_has_a_name_a_sentence_and_a_default() -> None:
    assert all(name.startswith("UPKEEP_") and item.metadata["doc"] for name, item in SETTING_FIELDS.items())
    assert read_settings({}.get) == Settings()


def test_all_problems_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"UPKEEP_POLL_S": "soon", "UPKEEP_BATCH_SIZE": "51", "UPKEEP_ALLOWED_ACTIONS": "reboot", "UPKEEP_TOPICS": "mail"}.get)
    assert {problem.path for problem in caught.value.problems} == {
        "UPKEEP_POLL_S",
        "UPKEEP_BATCH_SIZE",
        "UPKEEP_ALLOWED_ACTIONS",
        "UPKEEP_TOPICS",
    }


def test_one_object_may_carry_any_of_them_and_a_variable_of_its_own_wins() -> None:
    settings = read_settings({"UPKEEP_SETTINGS": '{"UPKEEP_POLL_S": 7, "UPKEEP_REGION": "a"}', "UPKEEP_REGION": "b"}.get)
    assert (settings.poll_s, settings.region) == (7.0, "b")


@pytest.mark.parametrize("text", ["[]", "{", '{"UPKEEP_POLLS": "1"}', '{"UPKEEP_POLL_S": [1]}', "[" * 100_000])
def test_a_bad_object_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="UPKEEP_SETTINGS"):
        read_settings({"UPKEEP_SETTINGS": text}.get)


@pytest.mark.parametrize("name", ["UPKEEP_ENDPOINT", "UPKEEP_JOURNAL"])
def test_an_address_with_a_password_is_not_repeated(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({name: "https://user:hunter2@host/x"}.get)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("UPKEEP_MAX_SHARE", "10%", "max_share", 0.1),
        ("UPKEEP_PROTECTED_TAGS", "a=b, c=", "protected_tags", (("a", "b"), ("c", ""))),
        ("UPKEEP_PLANS_ONLY", "1", "plans_only", True),
        ("UPKEEP_NOTIFY", "start,wave", "notify", ("start", "wave")),
        ("UPKEEP_TOPICS", "urn:smn:r:p:t,urn:smn:r:p:t", "topics", ("urn:smn:r:p:t",)),
        ("UPKEEP_LANGUAGE", "zh_cn", "language", "zh-CN"),
        ("UPKEEP_TIMEZONE", "Asia/Shanghai", "timezone", "Asia/Shanghai"),
    ],
)
def test_texts_become_values(name: str, text: str, field: str, value: object) -> None:
    assert getattr(read_settings({name: text}.get), field) == value


def test_a_misspelt_name_in_the_object_is_told_the_right_one() -> None:
    with pytest.raises(SettingsError, match=r"Did you mean UPKEEP_POLL_S\?"):
        read_settings({"UPKEEP_SETTINGS": '{"UPKEEP_POL_S": 7}'}.get)
    with pytest.raises(SettingsError, match="docs/settings.md"):
        read_settings({"UPKEEP_SETTINGS": '{"x": 7}'}.get)


@pytest.mark.parametrize(
    ("name", "text", "fix"),
    [
        ("UPKEEP_TIMEZONE", "Asia/Shangai", "Did you mean Asia/Shanghai? Write an IANA name"),
        ("UPKEEP_TIMEZONE", "the moon's", "Write an IANA name such as Asia/Shanghai or UTC."),
        ("UPKEEP_TIMEZONE", "../../etc/passwd", "Write an IANA name"),
        ("UPKEEP_LANGUAGE", "de", "Write en or zh-CN."),
    ],
)
def test_who_reads_is_refused_with_what_to_write(name: str, text: str, fix: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({name: text}.get)
    (problem,) = caught.value.problems
    assert (problem.path, problem.fix.startswith(fix)) == (name, True)


@pytest.mark.parametrize(
    ("lease_s", "skew_s", "lease", "skew"), [(60, 30, 70, 20), (120, 90, 130, 80), (60, 21, 61, 20), (159, 120, 160, 119)]
)
def test_a_lease_and_a_skew_that_let_no_call_leave_are_refused_with_what_works(lease_s: int, skew_s: int, lease: int, skew: int) -> None:
    with pytest.raises(SettingsError, match=f"UPKEEP_LEASE_S={lease_s} and UPKEEP_SKEW_S={skew_s}") as caught:
        read_settings({"UPKEEP_LEASE_S": str(lease_s), "UPKEEP_SKEW_S": str(skew_s)}.get)
    (problem,) = caught.value.problems
    assert f"UPKEEP_LEASE_S to {lease} or more" in problem.fix
    assert f"UPKEEP_SKEW_S to {skew} or less" in problem.fix
    assert read_settings({"UPKEEP_LEASE_S": str(lease), "UPKEEP_SKEW_S": str(skew_s)}.get).lease_s == lease
    assert read_settings({"UPKEEP_LEASE_S": str(lease_s), "UPKEEP_SKEW_S": str(skew)}.get).skew_s == skew


def test_one_of_the_pair_alone_is_held_against_the_others_default_and_told_with_the_rest() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"UPKEEP_SKEW_S": "90", "UPKEEP_POLL_S": "soon"}.get)
    assert [problem.path for problem in caught.value.problems] == ["UPKEEP_POLL_S", "UPKEEP_LEASE_S"]


def test_a_lease_that_is_no_number_is_told_once() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"UPKEEP_SKEW_S": "90", "UPKEEP_LEASE_S": "long"}.get)
    assert len(caught.value.problems) == 1
