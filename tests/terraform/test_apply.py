"""deploy/functiongraph applied by Terraform with every set of variables, on a stand-in for the provider: made, unchanged, destroyed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.terraform.stand_in import KNOWN
from tests.terraform.workspace import DEPLOY, Workspace

PROJECT = "0123456789abcdef0123456789abcdef"
URL = "https://a-bucket.obs.cn-north-4.myhuaweicloud.com/dcs-upkeep.zip"
GIVEN = {"region": "cn-north-4", "project_id": PROJECT, "project_name": "cn-north-4", "alarm_user": "ops", "package_url": URL}
GEMINIDB = {
    "journal": "dynamodb://dcs-upkeep?region=cn-north-4&endpoint=https://192.168.0.10:8000",
    "geminidb_user": "rwuser",
    "geminidb_password": "s3cret",
    "vpc_id": "11111111-1111-4111-8111-111111111111",
    "subnet_id": "22222222-2222-4222-8222-222222222222",
}
SUBSCRIBERS = [
    {"protocol": "email", "endpoint": "sre@example.com"},
    {"protocol": "sms", "endpoint": "+8613800000000"},
    {"protocol": "https", "endpoint": "https://example.com/hook"},
    {"protocol": "wechat", "endpoint": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k"},
    {"protocol": "dingding", "endpoint": "https://oapi.dingtalk.com/robot/send?access_token=t", "keyword": "DCS"},
    {"protocol": "feishu", "endpoint": "https://open.feishu.cn/open-apis/bot/v2/hook/h"},
    {"protocol": "welink", "endpoint": "group-1", "client_id": "tenant"},
]
SECRETS = {"https://open.feishu.cn/open-apis/bot/v2/hook/h": "sign", "group-1": "client"}
SETS: dict[str, dict[str, Any]] = {
    "default": {},
    "a schedule": {"schedule_enabled": True, "silent_for_days": 2, "schedule": "CRON_TZ=Asia/Shanghai 0 0 3 ? * SUN"},
    "no journal": {"journal": "none"},
    "a bucket that is there": {"journal": "obs://their-bucket/some/folder?region=cn-north-4"},
    "GeminiDB": GEMINIDB,
    "GeminiDB and a way out": {**GEMINIDB, "make_nat": True},
    "plans only": {"plans_only": True, "allowed_actions": ["restart", "flush"], "max_instances": 7},
    "every subscriber": {"subscriptions": SUBSCRIBERS, "bot_secrets": SECRETS},
    "named and limited": {
        "name": "keeper",
        "bucket_name": "a-name-of-ours",
        "encrypt_bucket": False,
        "only_instances": ["4c8a3b1e-0000-4000-8000-000000000000"],
        "timeout": 900,
        "log_days": 7,
        "alarm_user": "",
        "alarm_language": "zh-cn",
        "report_services": ["ces"],
        "settings": {"UPKEEP_NOTIFY": "start,stop,end"},
    },
    "every variable at once": {
        **GEMINIDB,
        "make_nat": True,
        "name": "keeper",
        "timeout": 7200,
        "schedule": "CRON_TZ=Asia/Shanghai 0 0 3 ? * SUN",
        "schedule_enabled": True,
        "scheduled_request": '{"action": "soft_restart", "select": {"tags": {"upkeep": "weekly"}}}',
        "allowed_actions": ["restart", "soft_restart", "flush"],
        "max_instances": 7,
        "plans_only": True,
        "bucket_name": "a-name-of-ours",
        "encrypt_bucket": False,
        "only_instances": ["4c8a3b1e-0000-4000-8000-000000000000"],
        "settings": {"UPKEEP_NOTIFY": "start,stop,end", "UPKEEP_SETTINGS": '{"UPKEEP_POLL_S": "20"}'},
        "subscriptions": SUBSCRIBERS,
        "bot_secrets": SECRETS,
        "alarm_language": "zh-cn",
        "report_services": ["ces", "apm"],
        "silent_for_days": 3,
        "log_days": 30,
    },
}


def said(done: Any) -> str:
    return " ".join((done.stdout + done.stderr).split())


def test_one_set_gives_every_variable_there_is() -> None:
    """But for the zip on this machine, which takes the place of its address, and has tests of its own."""
    named = {
        name for path in DEPLOY.glob("*.tf") for name in re.findall(r'^variable "(\w+)"', path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {*GIVEN, *SETS["every variable at once"]} == named - {"package_file"}


@pytest.mark.parametrize("name", SETS)
def test_each_set_is_made_stays_as_it_is_and_goes_again(workspace: Workspace, name: str) -> None:
    done = workspace.apply(**{**GIVEN, **SETS[name]})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in said(done)
    again = workspace.apply(**{**GIVEN, **SETS[name]})
    assert "0 added, 0 changed, 0 destroyed" in said(again)
    gone = workspace.run("destroy", "-no-color", "-input=false", "-auto-approve")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert list(workspace.cloud.iterdir()) == []


def test_the_default_has_a_private_bucket_whose_rule_ends_with_the_journal_s_own_folder(workspace: Workspace) -> None:
    assert workspace.apply(**GIVEN).returncode == 0
    (bucket,) = workspace.made("obs_bucket")
    assert (bucket["acl"], bucket["versioning"], bucket["sse_algorithm"], bucket["force_destroy"]) == ("private", False, "AES256", False)
    (rule,) = bucket["lifecycle_rule"]
    assert (rule["prefix"], [one["days"] for one in rule["expiration"]]) == ("journal/expiring", [140])
    (function,) = workspace.made("fgs_function")
    settings = json.loads(function["user_data"])
    assert settings["UPKEEP_JOURNAL"] == f"obs://{bucket['bucket']}/journal?region=cn-north-4" == workspace.outputs()["journal"]
    assert (function["timeout"], function["runtime"], function["handler"], function["memory_size"]) == (
        21600,
        "Python3.12",
        "handler.handler",
        512,
    )
    timers = [json.loads(one["event_data"]) for one in workspace.made("fgs_function_trigger") if one["type"] == "TIMER"]
    assert [(one["name"], one["schedule"], json.loads(one["user_event"])) for one in timers] == [("sweep", "5m", {"command": "sweep"})]


def test_what_the_code_gets_is_limited_to_its_own_folder_function_and_instances(workspace: Workspace) -> None:
    assert workspace.apply(**GIVEN, only_instances=["4c8a3b1e-0000-4000-8000-000000000000"]).returncode == 0
    roles = {one["name"]: json.loads(one["policy"])["Statement"] for one in workspace.made("identity_role")}
    (bucket,) = (one["bucket"] for one in workspace.made("obs_bucket"))
    resources = {action: one.get("Resource") for one in roles["dcs-upkeep"] for action in one["Action"]}
    assert resources["dcs:instance:modifyStatus"] == ["DCS:*:*:instance:4c8a3b1e-0000-4000-8000-000000000000"]
    assert resources["functiongraph:function:invokeAsync"] == ["FunctionGraph:*:*:function:default/dcs-upkeep"]
    objects, look = roles["dcs-upkeep-journal"]
    assert objects["Resource"] == [f"obs:*:*:object:{bucket}/journal/*"]
    assert look["Resource"] == [f"obs:*:*:bucket:{bucket}"]
    (kept,) = roles["dcs-upkeep-failed-events"]
    assert kept["Resource"] == [f"obs:*:*:object:{bucket}/failed-events*"]
    agencies = {one["name"]: one for one in workspace.made("identity_agency")}
    (function,) = workspace.made("fgs_function")
    assert (function["app_agency"], function["agency"]) == ("dcs-upkeep", "dcs-upkeep-platform")
    assert agencies["dcs-upkeep"]["all_resources_roles"] == ["dcs-upkeep-journal"]
    assert agencies["dcs-upkeep-platform"]["all_resources_roles"] == ["dcs-upkeep-failed-events"]


def test_network_rights_are_there_in_a_vpc_alone_and_never_reach_the_code(workspace: Workspace) -> None:
    assert workspace.apply(**{**GIVEN, **GEMINIDB, "make_nat": True}).returncode == 0
    roles = {one["name"]: json.loads(one["policy"])["Statement"] for one in workspace.made("identity_role")}
    assert set(roles) == {"dcs-upkeep", "dcs-upkeep-platform"}
    assert any(action.startswith("vpc:") for one in roles["dcs-upkeep-platform"] for action in one["Action"])
    assert not any(action.startswith("vpc:") for one in roles["dcs-upkeep"] for action in one["Action"])
    (function,) = workspace.made("fgs_function")
    assert json.loads(function["encrypted_user_data"]) == {"GEMINIDB_USER": "rwuser", "GEMINIDB_PASSWORD": "s3cret"}
    assert "s3cret" not in function["user_data"]
    (rule,) = workspace.made("nat_snat_rule")
    assert rule["subnet_id"] == GEMINIDB["subnet_id"]
    (kept,) = (json.loads(one["on_failure"][0]["param"]) for one in workspace.made("fgs_async_invoke_configuration"))
    assert kept == {"topic_urn": workspace.outputs()["report_topic_urn"]}


def test_cloud_eye_alone_may_publish_alarms_and_no_service_requests(workspace: Workspace) -> None:
    assert workspace.apply(**GIVEN).returncode == 0
    allowed = {one["name"]: (one["services_publish_allowed"], one["users_publish_allowed"]) for one in workspace.made("smn_topic")}
    assert allowed == {"dcs-upkeep-alarms": ("ces", None), "dcs-upkeep-requests": (None, None), "dcs-upkeep-reports": ("ces,apm", None)}
    listening = {json.loads(one["event_data"])["topic_urn"] for one in workspace.made("fgs_function_trigger") if one["type"] == "SMN"}
    told = workspace.outputs()
    assert listening == {told["alarm_topic_urn"], told["request_topic_urn"]}
    (alarm,) = workspace.made("ces_alarmrule")
    assert [one["notification_list"] for one in alarm["alarm_actions"]] == [[told["report_topic_urn"]]]
    assert [one["value"] for block in alarm["resources"] for one in block["dimensions"]] == ["default-dcs-upkeep"]


def test_each_kind_of_subscriber_gets_what_its_protocol_needs(workspace: Workspace) -> None:
    done = workspace.apply(**GIVEN, **SETS["every subscriber"])
    made = {one["protocol"]: one for one in workspace.made("smn_subscription")}
    assert set(made) == {one["protocol"] for one in SUBSCRIBERS}
    assert [made["feishu"]["extension"][0][key] for key in ("sign_secret", "client_secret")] == ["sign", None]
    assert [made["welink"]["extension"][0][key] for key in ("client_id", "client_secret", "sign_secret")] == ["tenant", "client", None]
    assert made["dingding"]["extension"][0]["keyword"] == "DCS"
    assert all(made[name]["extension"] == [] for name in ("email", "sms", "https", "wechat"))
    assert "Each of 7 subscribers is asked to confirm" in workspace.outputs()["next"]
    assert "within 48 hours" in workspace.outputs()["next"]
    assert '"sign"' not in done.stdout


def test_another_subscriber_leaves_those_that_have_confirmed(workspace: Workspace) -> None:
    workspace.apply(**GIVEN, subscriptions=SUBSCRIBERS[1:2])
    (before,) = workspace.made("smn_subscription")
    done = workspace.apply(**GIVEN, subscriptions=SUBSCRIBERS[:2])
    assert "1 added, 0 changed, 0 destroyed" in said(done)
    assert before["id"] in [one["id"] for one in workspace.made("smn_subscription")]


def test_the_three_alarms_ring_at_the_topic_of_reports(workspace: Workspace) -> None:
    workspace.apply(**GIVEN, schedule_enabled=True, silent_for_days=3)
    rules = {one["name"]: one for one in workspace.made("lts_keywords_alarm_rule")}
    assert set(rules) == {"dcs-upkeep-run-failed", "dcs-upkeep-silence"}
    silence = rules["dcs-upkeep-silence"]
    assert (silence["trigger_condition_count"], silence["trigger_condition_frequency"]) == (3, 3)
    assert [
        (one["condition"], one["number"], one["search_time_range"], one["search_time_range_unit"]) for one in silence["keywords_requests"]
    ] == [("<", 1, 24, "hour")]
    for rule in rules.values():
        ((notice,),) = (rule["notification_save_rule"],)
        assert rule["send_notifications"] is True
        assert [one["topic_urn"] for one in notice["topics"]] == [workspace.outputs()["report_topic_urn"]]
    assert {one["name"] for one in workspace.made("lts_search_criteria")} == {"dcs-upkeep-runs", "dcs-upkeep-instances-that-are-not-fine"}


def test_without_a_user_log_tank_service_sends_nothing_and_says_so(workspace: Workspace) -> None:
    workspace.apply(**{**GIVEN, "alarm_user": ""})
    (rule,) = workspace.made("lts_keywords_alarm_rule")
    assert (rule["send_notifications"], rule["notification_save_rule"]) == (False, [])
    assert "Log Tank Service sends no alarms: set alarm_user." in workspace.outputs()["next"]


@pytest.mark.parametrize("journal", ["obs", "none"])
def test_a_new_zip_updates_the_function_and_the_same_one_does_not(workspace: Workspace, package: Path, journal: str) -> None:
    given = {**GIVEN, "package_url": "", "package_file": str(package), "journal": journal}
    done = workspace.apply(**given)
    assert done.returncode == 0, done.stdout + done.stderr
    (before,) = workspace.made("fgs_function")
    (uploaded,) = workspace.made("obs_bucket_object")
    assert before["code_url"] == f"https://{uploaded['bucket']}.obs.cn-north-4.myhuaweicloud.com/{uploaded['key']}"
    assert "0 added, 0 changed, 0 destroyed" in said(workspace.apply(**given))
    package.write_bytes(package.read_bytes() + b"another")
    done = workspace.apply(**given)
    assert "1 added, 1 changed, 1 destroyed" in said(done)
    (after,) = workspace.made("fgs_function")
    assert after["code_url"] != before["code_url"]
    assert after["id"] == before["id"]
    assert workspace.run("destroy", "-no-color", "-auto-approve").returncode == 0
    assert list(workspace.cloud.iterdir()) == []


def test_a_journal_that_is_switched_on_keeps_the_function(workspace: Workspace) -> None:
    """The way of an older deployment without a journal to one that has it."""
    workspace.apply(**GIVEN, journal="none")
    (before,) = workspace.made("fgs_function")
    assert "UPKEEP_JOURNAL" not in json.loads(before["user_data"])
    done = workspace.apply(**GIVEN)
    assert done.returncode == 0
    (after,) = workspace.made("fgs_function")
    assert after["id"] == before["id"]
    assert "UPKEEP_JOURNAL" in json.loads(after["user_data"])


def test_the_example_is_complete(workspace: Workspace, package: Path) -> None:
    example = (Path(__file__).parents[2] / "deploy" / "functiongraph" / "example.tfvars").read_text(encoding="utf-8")
    (workspace.folder / "terraform.tfvars").write_text(example.replace("../../dist/dcs-upkeep-functiongraph-py312.zip", str(package)))
    done = workspace.run("apply", "-no-color", "-input=false", "-auto-approve")
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_are_formatted_and_valid(workspace: Workspace) -> None:
    assert workspace.run("validate", "-no-color").returncode == 0
    assert workspace.run("fmt", "-check", "-no-color").stdout == ""


OLD = Path(__file__).parent / "version_0_1"


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ({"report_email": "a@b.c", "schedule_enabled": True}, {"subscriptions": SUBSCRIBERS[:1], "schedule_enabled": True}, None),
        ({"report_email": "a@b.c", **GEMINIDB}, {"subscriptions": SUBSCRIBERS[:1], **GEMINIDB}, GEMINIDB["journal"]),
        ({}, {"journal": "none"}, ""),
    ],
    ids=["without a journal, to one", "with GeminiDB", "without a journal, as it was"],
)
def test_a_deployment_of_0_1_is_upgraded_in_place(tmp_path: Path, before: dict[str, Any], after: dict[str, Any], kept: str | None) -> None:
    """docs/deploy-functiongraph.md, "Upgrade from 0.1": function, topics and log stay what they are; a mail has to be confirmed again."""
    sources = {path.name: path.read_text(encoding="utf-8").replace('">= 1.77.0"', f'"{KNOWN["version"]}"') for path in OLD.glob("*.tf")}
    made = Workspace(tmp_path, sources)
    made.init()
    old = {key: value for key, value in GIVEN.items() if key != "alarm_user"}
    assert made.apply(**old, **before).returncode == 0
    there = {
        kind: {one["id"] for one in made.made(kind)} for kind in ("fgs_function", "smn_topic", "lts_group", "lts_stream", "identity_agency")
    }
    for path in made.folder.glob("*.tf"):
        path.unlink()
    for path in DEPLOY.glob("*.tf"):
        (made.folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    done = made.apply(**GIVEN, **after)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(ids <= {one["id"] for one in made.made(kind)} for kind, ids in there.items())
    assert [one["endpoint"] for one in made.made("smn_subscription")] == [one["endpoint"] for one in after.get("subscriptions", [])]
    assert kept is None or made.outputs()["journal"] == kept
    assert "0 added, 0 changed, 0 destroyed" in said(made.apply(**GIVEN, **after))
