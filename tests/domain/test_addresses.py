"""One rule for every address: TLS off this machine, no user, no password, and none of them in any message."""

from __future__ import annotations

import pytest

from dcs_upkeep.adapters import endpoints
from dcs_upkeep.domain.addresses import is_loopback
from dcs_upkeep.domain.errors import CloudError, SettingsError
from dcs_upkeep.domain.model import Location
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


ODD_REGIONS = (
    "evil.example/x?",
    "evil.example#",
    "a@evil.example",
    "evil.example",
    "cn-north-4.evil",
    "cn north-4",
    "cn-north-4:8443",
    "CN-North-4",
    "-cn",
    "cn-",
    "cn--4",
    "cn-north-4\u202e",
    "\uff43n-north-4",
    "../x",
    "a" * 64,
)


@pytest.mark.parametrize("region", ["cn-north-4", "ap-southeast-3", "eu-de", "la-north-2", "a"])
def test_a_region_as_huawei_cloud_writes_it_is_taken(region: str) -> None:
    assert read_settings({"UPKEEP_REGION": region}.get).region == region
    assert endpoints.of_service("ces", region) == f"https://ces.{region}.myhuaweicloud.com"
    assert read_settings({"UPKEEP_TOPICS": f"urn:smn:{region}:p:t"}.get).topics


@pytest.mark.parametrize("region", ODD_REGIONS)
def test_a_region_of_odd_form_is_refused_and_leads_to_no_other_host(region: str) -> None:
    """`https://ces.evil.example/x?.myhuaweicloud.com` is a call to somebody else, signed."""
    with pytest.raises(SettingsError, match="UPKEEP_REGION: .* is not valid. Write small letters"):
        read_settings({"UPKEEP_REGION": region}.get)
    with pytest.raises(CloudError, match="UPKEEP_REGION names no host"):
        endpoints.of_service("ces", region)
    with pytest.raises(SettingsError, match="UPKEEP_REGION: the region is not valid"):
        endpoints.check(Location(region, "p"), "")
    for topic in (f"urn:smn:{region}:p:t", f"arn:aws:sns:{region}:1:t"):
        with pytest.raises(SettingsError, match="UPKEEP_TOPICS"):
            read_settings({"UPKEEP_TOPICS": topic}.get)


@pytest.mark.parametrize("project_id", ["p/../q", "p?x", "p p", "\u0440", "p" * 65, "p#"])
def test_a_project_of_odd_form_is_refused_wherever_it_comes_from(project_id: str) -> None:
    with pytest.raises(SettingsError, match="UPKEEP_PROJECT_ID: .* is not valid. Write the project ID"):
        read_settings({"UPKEEP_PROJECT_ID": project_id}.get)
    with pytest.raises(SettingsError, match="UPKEEP_PROJECT_ID: the project of .* is not valid"):
        endpoints.check(Location("cn-north-4", project_id), "")
