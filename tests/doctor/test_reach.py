"""Whether what a run calls can be reached: names, ports and proxies, without a request."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dcs_upkeep.doctor import reach
from dcs_upkeep.doctor.reach import Endpoint, endpoints_of
from dcs_upkeep.domain.deadline import ENDLESS, Deadline
from dcs_upkeep.domain.settings import read_settings

URN = "urn:smn:cn-east-3:0123456789abcdef0123456789abcdef:reports"
ARN = "arn:aws:sns:eu-central-1:123456789012:reports"
SECRET = "hunter2"
NO_NAME = socket.gaierror("no such name")


@pytest.fixture
def port() -> Iterator[int]:
    """A port at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def asked(address: str, service: str = "DCS", setting: str = "UPKEEP_ENDPOINT") -> Any:
    return reach.reach([Endpoint(service, address, setting)], ENDLESS)[service]


def test_a_port_that_is_open_is_reached(port: int) -> None:
    found = asked(f"http://127.0.0.1:{port}")
    assert (found.state, found.what) == ("ok", "reach DCS")


def test_a_port_at_which_nobody_listens_is_told_with_the_setting_to_correct() -> None:
    found = asked("http://127.0.0.1:9")
    assert (found.state, "does not answer" in found.said, "UPKEEP_ENDPOINT" in found.fix) == ("fail", True, True)


@pytest.mark.parametrize("error", [NO_NAME, UnicodeError("label empty or too long")])
def test_a_name_that_is_not_found_is_told_from_a_port_that_does_not_answer(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> Any:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    found = asked("https://dcs.mars-1.myhuaweicloud.com")
    assert (found.state, "name is not found" in found.said) == ("fail", True)


def test_a_lookup_that_hangs_keeps_nobody_longer_than_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    def hangs(*_: object, **__: object) -> Any:
        done.wait(60)
        raise NO_NAME

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    places = [Endpoint("DCS", "https://dcs.example", "A"), Endpoint("SMN", "https://smn.example", "B")]
    found = reach.reach(places, Deadline(lambda: 0.2))
    assert not done.is_set()
    done.set()
    assert {service: one.state for service, one in found.items()} == {"DCS": "fail", "SMN": "fail"}


def test_behind_a_proxy_the_proxy_is_what_is_reached_and_its_password_is_not_told(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv("https_proxy", f"http://me:{SECRET}@127.0.0.1:{port}")
    monkeypatch.delenv("no_proxy", raising=False)
    found = asked("https://dcs.example")
    assert (found.state, f"127.0.0.1:{port}, the proxy" in found.said, SECRET in str(found)) == ("ok", True, False)
    monkeypatch.setenv("https_proxy", f"http://me:{SECRET}@127.0.0.1:9")
    found = asked("https://dcs.example")
    assert (found.state, "HTTPS_PROXY" in found.fix, SECRET in str(found)) == ("fail", True, False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert asked(f"https://127.0.0.1:{port}").state == "ok"


def test_every_address_that_a_run_calls_is_asked_for_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    settings = read_settings(
        {"UPKEEP_REGION": "cn-north-4", "UPKEEP_TOPICS": f"{URN},{URN}-2,{ARN}", "UPKEEP_JOURNAL": "dynamodb://t?region=eu-west-1"}.get
    )
    whole = {one.service: one.address for one in endpoints_of(settings, "cn-north-4", alarms=True, calls_functiongraph=True)}
    assert whole == {
        "DCS": "https://dcs.cn-north-4.myhuaweicloud.com",
        "SMN": "https://smn.cn-east-3.myhuaweicloud.com",
        "SNS": "https://sns.eu-central-1.amazonaws.com",
        "Cloud Eye": "https://ces.cn-north-4.myhuaweicloud.com",
        "FunctionGraph": "https://functiongraph.cn-north-4.myhuaweicloud.com",
        "the journal": "https://dynamodb.eu-west-1.amazonaws.com",
    }
    plain = read_settings({"UPKEEP_REGION": "cn-north-4", "UPKEEP_JOURNAL": "sqlite:///runs.db"}.get)
    assert [one.service for one in endpoints_of(plain, "cn-north-4", alarms=False, calls_functiongraph=False)] == ["DCS"]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("dynamodb://t?endpoint=https://gemini.example:8000", "https://gemini.example:8000"),
        ("obs://bucket/prefix?region=cn-north-4", "https://obs.cn-north-4.myhuaweicloud.com"),
        ("obs://bucket/prefix?region=cn-north-4&endpoint=https://obs.example", "https://obs.example"),
        ("obs://bucket", "https://obs.cn-east-3.myhuaweicloud.com"),
        ("obs://bucket?region=", "https://obs.cn-east-3.myhuaweicloud.com"),
        ("obs:", None),
        ("dynamodb://t?region=no%20region", None),
        ("memory:", None),
    ],
)
def test_a_journal_is_reached_where_its_address_says(url: str, address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert reach._of_journal(read_settings({"UPKEEP_REGION": "cn-east-3", "UPKEEP_JOURNAL": url}.get)) == address


def test_a_journal_on_obs_is_reached_at_the_endpoint_of_the_settings_if_its_address_names_none() -> None:
    told = {"UPKEEP_REGION": "cn-east-3", "UPKEEP_JOURNAL": "obs://bucket/prefix", "UPKEEP_OBS_ENDPOINT": "https://obs.example"}
    assert reach._of_journal(read_settings(told.get)) == "https://obs.example"


def test_without_the_library_of_a_topic_the_others_are_asked_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    settings = read_settings({"UPKEEP_REGION": "cn-north-4", "UPKEEP_TOPICS": f"{ARN},{URN}"}.get)
    assert [one.service for one in endpoints_of(settings, "cn-north-4", alarms=False, calls_functiongraph=False)] == ["DCS", "SMN"]
