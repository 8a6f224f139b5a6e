"""Hosts: what each platform gives, what an older runtime leaves out, and where the key pair comes from."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import boto3
import pytest

from dcs_upkeep.adapters import hosts
from dcs_upkeep.adapters.hosts import functiongraph
from dcs_upkeep.domain.errors import CloudError, SettingsError
from dcs_upkeep.domain.model import Location
from tests.contexts import FunctionGraphContext, LambdaContext

PAIR = {"HUAWEICLOUD_SDK_AK": "ak-of-env", "HUAWEICLOUD_SDK_SK": "sk-of-env", "HUAWEICLOUD_SDK_PROJECT_ID": "p"}


def fg(
    settings: dict[str, str] | None = None, ak: str = "ak", sk: str = "sk", token: str = "token", without: tuple[str, ...] = ()
) -> functiongraph.FunctionGraphHost:
    found = hosts.detect(FunctionGraphContext(settings or {}, ak=ak, sk=sk, token=token, left_s=42, without=without), {})
    assert isinstance(found, functiongraph.FunctionGraphHost)
    return found


def test_each_host_is_known_by_its_context() -> None:
    assert fg().kind == "functiongraph"
    assert hosts.detect(LambdaContext(), {}).kind == "lambda"
    assert hosts.detect(None, {}).kind == "local"


def test_functiongraph_reads_settings_by_get_user_data() -> None:
    host = fg({"UPKEEP_REGION": "cn-north-4"})
    assert host.setting("UPKEEP_REGION") == "cn-north-4"
    assert host.setting("UPKEEP_TOPICS") is None


def test_functiongraph_gives_time_names_and_its_urn() -> None:
    host = fg()
    assert host.remaining_s() == 42
    assert host.function == "dcs-upkeep"
    assert host.request_id == "8f1a3b1c-0000-4000-8000-000000000001"
    assert host.urn(Location("cn-north-4", "p")) == "urn:fss:cn-north-4:p:function:default:dcs-upkeep:latest"


def test_what_a_runtime_may_lack_is_guarded() -> None:
    host = fg(without=("getRemainingTimeInMilliSeconds", "getProjectID", "getPackage", "getVersion", "getFunctionName", "getRequestID"))
    assert 890 < host.remaining_s() <= 900
    assert host.credentials().project_id is None
    assert host.urn(Location("r", "p")) == "urn:fss:r:p:function:default:function:latest"
    assert len(host.request_id) == 32
    bare = fg(without=("getRemainingTimeInMilliSeconds", "getRunningTimeInSeconds"))
    assert bare.remaining_s() <= 3


def test_the_agency_s_pair_comes_first_and_is_fetched_each_time() -> None:
    pair = fg(PAIR).credentials()
    assert (pair.ak, pair.sk, pair.security_token, pair.project_id) == ("ak", "sk", "token", "0123456789abcdef0123456789abcdef")


def test_an_agency_that_is_missing_gives_empty_strings_and_the_settings_are_next() -> None:
    pair = fg(PAIR, ak="", sk="", token="").credentials()
    assert (pair.ak, pair.sk, pair.project_id) == ("ak-of-env", "sk-of-env", "p")


def test_no_pair_at_all_says_what_to_do() -> None:
    with pytest.raises(SettingsError, match="agency"):
        fg(ak="", sk="", token="").credentials()
    with pytest.raises(SettingsError, match="HUAWEICLOUD_SDK_AK"):
        hosts.detect(None, {"HUAWEICLOUD_SDK_AK": "alone"}).credentials()
    with pytest.raises(SettingsError, match="UPKEEP_CREDENTIALS_SECRET"):
        hosts.detect(LambdaContext(), {}).credentials()


def test_the_names_of_huawei_s_samples_work_too() -> None:
    pair = hosts.detect(None, {"CLOUD_SDK_AK": "a", "CLOUD_SDK_SK": "b"}).credentials()
    assert (pair.ak, pair.sk, pair.security_token) == ("a", "b", None)


def test_lambda_gives_time_and_names() -> None:
    host = hosts.detect(LambdaContext(left_s=12), {"A": "b"})
    assert (host.remaining_s(), host.function, host.request_id, host.setting("A")) == (12, "dcs-upkeep", LambdaContext.aws_request_id, "b")


def test_local_has_no_end_of_time() -> None:
    assert hosts.detect(None, {}).remaining_s() == math.inf


def test_a_key_pair_never_shows_in_text() -> None:
    pair = fg().credentials()
    assert "sk" not in repr(pair).replace("security_token", "").replace("(", " ").split()
    assert "token'" not in repr(pair)


def test_the_secret_holds_the_pair_on_lambda(aws: str) -> None:
    client = boto3.client("secretsmanager", region_name="eu-central-1")
    arn = client.create_secret(Name="huawei", SecretString=json.dumps({**PAIR, "HUAWEICLOUD_SDK_AK": "ak-of-secret"}))["ARN"]
    pair = hosts.detect(LambdaContext(), {**PAIR, "UPKEEP_CREDENTIALS_SECRET": arn}).credentials()
    assert (pair.ak, pair.project_id) == ("ak-of-secret", "p")


def test_a_secret_that_cannot_be_used_never_shows_its_content(aws: str) -> None:
    client = boto3.client("secretsmanager", region_name="eu-central-1")
    arn = client.create_secret(Name="broken", SecretString="ak=very-secret")["ARN"]
    with pytest.raises(SettingsError) as caught:
        hosts.detect(LambdaContext(), {"UPKEEP_CREDENTIALS_SECRET": arn}).credentials()
    assert "very-secret" not in str(caught.value)
    with pytest.raises(CloudError, match="secretsmanager:GetSecretValue"):
        hosts.detect(LambdaContext(), {"UPKEEP_CREDENTIALS_SECRET": f"{arn}-gone"}).credentials()


def test_a_secret_is_kept_for_longer_than_what_costs_nothing_and_may_say_when_its_pair_ends(aws: str) -> None:
    client = boto3.client("secretsmanager", region_name="eu-central-1")
    content = {**PAIR, "HUAWEICLOUD_SDK_EXPIRES_AT": "2026-12-24T18:00:00.123456Z"}
    arn = client.create_secret(Name="lent", SecretString=json.dumps(content))["ARN"]
    pair = hosts.detect(LambdaContext(), {"UPKEEP_CREDENTIALS_SECRET": arn}).credentials()
    assert (pair.keep_s, pair.ends_at) == (600, datetime(2026, 12, 24, 18, 0, 0, 123456, UTC))
    assert (fg().credentials().keep_s, fg().credentials().ends_at) == (60, None)
    env = hosts.detect(None, content).credentials()
    assert (env.keep_s, env.ends_at) == (60, pair.ends_at)


def test_an_end_that_cannot_be_read_is_refused_without_being_shown() -> None:
    with pytest.raises(SettingsError, match="HUAWEICLOUD_SDK_EXPIRES_AT: this is not a valid time") as caught:
        hosts.detect(None, {**PAIR, "HUAWEICLOUD_SDK_EXPIRES_AT": "sk-pasted-here"}).credentials()
    assert "pasted" not in str(caught.value)
