"""What one invocation is built from: nothing before it is needed, and on a platform no journal that is thrown away with it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dcs_upkeep import bootstrap
from dcs_upkeep.domain.errors import RefusedError, SettingsError
from dcs_upkeep.domain.model import Credentials
from dcs_upkeep.domain.settings import read_settings
from tests.fakes import FakeClock, FakeHost, FakeLog

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = {"UPKEEP_REGION": "cn-north-4", "UPKEEP_PROJECT_ID": "p"}
LIBRARIES = {"huaweicloudsdkcore", "huaweicloudsdkces", "huaweicloudsdksmn", "requests", "urllib3", "boto3", "botocore", "sqlite3"}


class Poor(FakeHost):
    """A host without a key pair."""

    def credentials(self) -> Credentials:
        raise AssertionError("nothing needs credentials here")


def host(kind: str = "functiongraph", **settings: str) -> Poor:
    return Poor({**SETTINGS, **settings}, Credentials("a", "b"), FakeClock(), kind=kind)


def journal_of(kind: str, **settings: str) -> Any:
    found = host(kind, **settings)
    return bootstrap.Adapters(found, read_settings(found.setting), FakeClock(), FakeLog()).journal


def test_a_refused_event_needs_no_credentials() -> None:
    clock, log = FakeClock(), FakeLog()
    with pytest.raises(RefusedError) as caught:
        bootstrap.handle({"action": "restrat"}, host=host(UPKEEP_ALARM_VETO="1"), clock=clock, log=log)
    assert caught.value.report["calls"].get("list_instances") is None  # type: ignore[attr-defined]
    assert log.named("run.reported")


def test_a_refused_event_loads_neither_sdk_nor_store() -> None:
    """Their import is most of a cold start."""
    code = f"""
import json, sys
from dcs_upkeep import bootstrap
from dcs_upkeep.domain.errors import RefusedError
try:
    bootstrap.handle({{"action": "restrat"}}, environ={{**{SETTINGS!r}, "UPKEEP_ALARM_VETO": "1"}}, log=lambda *_, **__: None)
except RefusedError:
    ours = [name for name in sys.modules if name.startswith("dcs_upkeep.doctor")]
    print(json.dumps([*ours, *sorted({LIBRARIES!r} & set(sys.modules))]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("url", ["sqlite:///runs.db", "memory:"])
def test_on_a_platform_a_journal_that_ends_with_the_instance_has_to_be_asked_for(url: str) -> None:
    """A duplicate that comes to another instance would run again."""
    for kind in ("functiongraph", "lambda"):
        with pytest.raises(SettingsError, match="UPKEEP_JOURNAL_EPHEMERAL=1"):
            journal_of(kind, UPKEEP_JOURNAL=url)
        assert journal_of(kind, UPKEEP_JOURNAL=url, UPKEEP_JOURNAL_EPHEMERAL="1").name == url
    assert journal_of("local", UPKEEP_JOURNAL=url).name == url


@pytest.mark.parametrize("url", ["dynamodb://runs?region=eu-central-1", "obs://runs-bucket/upkeep?region=cn-north-4"])
def test_a_table_and_a_bucket_outlive_the_instance(url: str) -> None:
    assert journal_of("functiongraph", UPKEEP_JOURNAL=url).name == url


def test_a_journal_on_obs_loads_nothing_before_it_is_asked() -> None:
    code = f"""
import json, sys
from dcs_upkeep import bootstrap
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.adapters.json_log import JsonLog
from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.domain.settings import read_settings
host = LocalHost({{**{SETTINGS!r}, "UPKEEP_JOURNAL": "obs://runs-bucket"}})
print(bootstrap.Adapters(host, read_settings(host.setting), SystemClock(), JsonLog(SystemClock())).journal.name)
print(json.dumps(sorted({LIBRARIES!r} & set(sys.modules))))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines() == ["obs://runs-bucket?region=cn-north-4", "[]"]


def test_a_bucket_is_where_the_settings_say_if_its_address_does_not() -> None:
    assert journal_of("functiongraph", UPKEEP_JOURNAL="obs://runs-bucket", UPKEEP_REGION="la-south-2").site.region == "la-south-2"
    settings = {"UPKEEP_JOURNAL": "obs://runs-bucket", "UPKEEP_OBS_ENDPOINT": "https://obs.example.com"}
    assert journal_of("functiongraph", **settings).site.endpoint == "https://obs.example.com"
    with pytest.raises(SettingsError, match="no region is named"):
        journal_of("functiongraph", UPKEEP_JOURNAL="obs://runs-bucket", UPKEEP_REGION="")


def test_a_journal_that_is_handed_in_takes_the_place_of_the_settings() -> None:
    class Store:
        name, durable = "mine", True

        def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None: ...

        def read(self, stream: str, after: int = -1) -> list[tuple[int, dict[str, object]]]:
            return []

    mine, found = Store(), host(UPKEEP_JOURNAL="memory:")
    adapters = bootstrap.Adapters(found, read_settings(found.setting), FakeClock(), FakeLog(), mine)
    assert adapters.ports(dict).journal is mine


def test_the_project_is_the_settings_else_the_credentials_else_unknown() -> None:
    def project(key_pair: Credentials | None, **settings: str) -> str:
        class Host(FakeHost):
            def credentials(self) -> Credentials:
                if key_pair is None:
                    raise SettingsError(())
                return key_pair

        found = Host(settings, Credentials("", ""), FakeClock())
        return bootstrap.Adapters(found, read_settings(found.setting), FakeClock(), FakeLog()).location.project_id

    known = Credentials("a", "b", project_id="of-credentials")
    assert project(known, UPKEEP_PROJECT_ID="of-settings") == "of-settings"
    assert project(known) == "of-credentials"
    assert project(Credentials("a", "b")) == ""
    assert project(None) == ""
