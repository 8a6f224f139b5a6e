"""One rule for every address: TLS off this machine, no user, no password, and none of them in any message."""

from __future__ import annotations

import pytest

from dcs_upkeep.domain.addresses import is_loopback
from dcs_upkeep.domain.errors import SettingsError
from dcs_upkeep.domain.settings import read_settings

ENDPOINTS = ("UPKEEP_ENDPOINT", "UPKEEP_SMN_ENDPOINT", "UPKEEP_CES_ENDPOINT", "UPKEEP_FUNCTIONGRAPH_ENDPOINT")
LOOPBACK = ("http://127.0.0.1:8080", "http://localhost:1", "http://LOCALHOST", "http://[::1]:9", "http://127.8.9.10/")
REMOTE = (
    "http://smn.cn-north-4.myhuaweicloud.com",
    "http://10.0.0.1:8000",
    "http://127.0.0.1.example.com",
    "http://127.0.0.1x",
    "http://localhost.example.com",
    "http://[2001:db8::1]",
    "http://0.0.0.0:80",
)
MALFORMED = (
    "https://user:hunter2@host",
    "https://hunter2@host",
    "http://user:hunter2@127.0.0.1:8080",
    "http://127.0.0.1:hunter2@host",
    "https://user%40x:hunter2@host",
    "https://host?password=hunter2",
    "https://host/path",
    "https://host#hunter2",
    "https://ho st",
    "https://host\\@hunter2",
    "ftp://host",
    "host",
    "//host",
)


def refusal(name: str, text: str) -> str:
    """What is said of it, from a variable of its own and from the bundle."""
    said = []
    for settings in ({name: text}, {"UPKEEP_SETTINGS": f'{{"{name}": {text.encode("unicode_escape").decode()!r}}}'.replace("'", '"')}):
        with pytest.raises(SettingsError) as caught:
            read_settings(settings.get)
        assert [problem.path for problem in caught.value.problems] == [name]
        said.append(str(caught.value))
    assert said[0] == said[1]
    return said[0]


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize("address", [*LOOPBACK, "https://smn.cn-north-4.myhuaweicloud.com", "https://10.0.0.1:8443/"])
def test_what_may_be_called(name: str, address: str) -> None:
    assert getattr(read_settings({name: address}.get), name.removeprefix("UPKEEP_").lower()) == address.rstrip("/")


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize("address", REMOTE)
def test_only_this_machine_may_be_called_without_tls(name: str, address: str) -> None:
    """What is signed there, and what is published, could be read on the way."""
    assert "Write https:// before it" in refusal(name, address)
    assert "Write https:// before it" in refusal("UPKEEP_JOURNAL", f"dynamodb://table?endpoint={address}")


@pytest.mark.parametrize("address", MALFORMED)
def test_an_address_with_more_in_it_is_refused_and_not_repeated(address: str) -> None:
    for name in ENDPOINTS:
        assert "hunter2" not in refusal(name, address)
    assert "hunter2" not in refusal("UPKEEP_JOURNAL", f"dynamodb://table?endpoint={address}")


@pytest.mark.parametrize(
    "address",
    [
        "dynamodb://user:hunter2@table?region=a",
        "dynamodb://hunter2@table?region=a",
        "dynamodb://user%3Ahunter2%40table?region=a",
        "dynamodb://table?endpoint=https%3A%2F%2Fuser%3Ahunter2%40host",
        "dynamodb://table?region=a&endpoint=http%3A%2F%2Fhost",
        "dynamodb://table?region=user:hunter2@host",
        "sqlite://user:hunter2@/var/journal.db",
        "sqlite:////user:hunter2@host/journal.db",
        "sqlite:///journal.db?password=hunter2",
        "sqlite:///journal.db?Secret_Key=hunter2",
        "sqlite:///journal.db?a=b&pass%77ord=hunter2",
        "memory:user:hunter2@host",
        "obs://user:hunter2@bucket/prefix?region=a",
        "obs://bucket/prefix?region=a&ak=x&sk=hunter2",
        "obs://bucket/prefix?x-obs-security-token=hunter2",
        "redis://:hunter2@host",
    ],
)
def test_a_journal_s_address_holds_no_secret(address: str) -> None:
    assert "hunter2" not in refusal("UPKEEP_JOURNAL", address)


@pytest.mark.parametrize(
    "address",
    [
        "sqlite:////home/me@work/journal.db",
        "sqlite:///journal.db",
        "memory:",
        "dynamodb://table?region=cn-north-4",
        "dynamodb://table?region=a&endpoint=https://gemini.example.com:8443",
        "dynamodb://table?region=a&endpoint=https%3A%2F%2Fgemini.example.com",
        "dynamodb://table?endpoint=http://127.0.0.1:8000",
        "obs://bucket/prefix?region=cn-north-4",
    ],
)
def test_a_journal_s_address_without_one_is_taken(address: str) -> None:
    assert read_settings({"UPKEEP_JOURNAL": address}.get).journal == address


@pytest.mark.parametrize("name", ["UPKEEP_TOPICS", "UPKEEP_POLL_S", "UPKEEP_PROTECTED_TAGS", "UPKEEP_NOTIFY", "UPKEEP_BLACKOUT"])
def test_an_address_where_none_belongs_is_shown_without_its_password(name: str) -> None:
    assert "hunter2" not in refusal(name, "https://user:hunter2@host")


def test_what_is_no_address_is_not_this_machine() -> None:
    assert not is_loopback("127.0.0.1")
    assert not is_loopback("http://user@127.0.0.1")
