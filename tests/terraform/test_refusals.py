"""Every validation and precondition of deploy/functiongraph refuses what it is for, in its own words; and so does the list of arguments."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.terraform.stand_in import KNOWN
from tests.terraform.test_apply import GEMINIDB, GIVEN, SUBSCRIBERS
from tests.terraform.workspace import DEPLOY, Workspace

MANY = {f"UPKEEP_X{number}": "1" for number in range(14)}
# (variables, words of the message)
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"region": "Beijing"}, "Write a region such as cn-north-4."),
    ({"project_id": "cn-north-4"}, "Write the 32 hexadecimal digits of the project."),
    ({"name": "DCS"}, "Write 3 to 40 small letters, digits and hyphens"),
    ({"package_url": "obs://b/k"}, "Write the https address that OBS shows for the zip."),
    ({"package_file": "/no/such.zip", "package_url": ""}, "There is no such file. Build it by make package HOST=functiongraph"),
    ({"package_url": ""}, "Name the package once: package_file"),
    ({"package_file": __file__}, "Name the package once: package_file"),
    ({"timeout": 2}, "FunctionGraph takes 3 to 259200 seconds."),
    ({"timeout": 259201}, "FunctionGraph takes 3 to 259200 seconds."),
    ({"schedule": "0 0 3 ? * SUN"}, "Begin with CRON_TZ=<zone>"),
    ({"scheduled_request": "restart"}, "Write one JSON object of less than 2 KB."),
    ({"scheduled_request": "[1]"}, "Write one JSON object of less than 2 KB."),
    ({"allowed_actions": ["reboot"]}, "Only restart, soft_restart, flush, stop and start are known."),
    ({"max_instances": 0}, "Write 1 to 100000 instances."),
    ({"journal": ""}, "Write obs, none, obs://<bucket>/<folder>?region=<region>"),
    ({"journal": "obs://bucket?region=cn-north-4"}, "Write obs, none, obs://<bucket>/<folder>?region=<region>"),
    ({"journal": "obs://their.bucket/folder?region=cn-north-4"}, "Write obs, none, obs://<bucket>/<folder>?region=<region>"),
    ({"journal": "obs://bucket/a//b?region=cn-north-4"}, "Write obs, none, obs://<bucket>/<folder>?region=<region>"),
    ({"journal": "obs://bucket/folder?region="}, "Write obs, none, obs://<bucket>/<folder>?region=<region>"),
    ({"bucket_name": "Bucket"}, "Write 3 to 63 small letters, digits and hyphens."),
    ({"only_instances": ["*"]}, "Write at most 100 instance IDs"),
    ({"settings": {"PATH": "/"}}, "Only names that begin with UPKEEP_, and none that another variable sets."),
    ({"settings": {"UPKEEP_JOURNAL": "memory:"}}, "Only names that begin with UPKEEP_, and none that another variable sets."),
    ({"settings": MANY}, "FunctionGraph takes 20 variables, and seven are set here."),
    ({"settings": {"UPKEEP_SETTINGS": "x" * 3001}}, "FunctionGraph takes 4,096 characters of variables in all."),
    (
        {"subscriptions": [{"protocol": "http", "endpoint": "http://x"}]},
        "A protocol is email, sms, https, dingding, wechat, feishu or welink.",
    ),
    ({"subscriptions": [{"protocol": "sms", "endpoint": "13800000000"}]}, "An endpoint is an address for email"),
    ({"subscriptions": [{"protocol": "https", "endpoint": "http://x"}]}, "An endpoint is an address for email"),
    ({"subscriptions": [SUBSCRIBERS[0], SUBSCRIBERS[0]]}, "Name each subscriber once, 100 at most."),
    ({"subscriptions": SUBSCRIBERS[5:6]}, "A bot of DingTalk or Lark needs a keyword in its subscription"),
    ({"subscriptions": SUBSCRIBERS[6:]}, "A WeLink group needs client_id in its subscription"),
    ({"alarm_language": "fr"}, "Write en-us or zh-cn."),
    ({"report_services": ["Cloud Eye"]}, "Write names of services in small letters, such as ces."),
    ({"silent_for_days": 8}, "Write 1 to 7 days."),
    ({"log_days": 0}, "Write 1 to 365 days."),
    ({"vpc_id": GEMINIDB["vpc_id"]}, "Set vpc_id and subnet_id both, or neither."),
    ({"make_nat": True}, "make_nat needs vpc_id and subnet_id"),
    ({"journal": GEMINIDB["journal"]}, "A journal on GeminiDB needs vpc_id, subnet_id, geminidb_user and geminidb_password."),
    ({"journal": "none", "allowed_actions": ["flush"]}, "flush needs a journal"),
]


@pytest.mark.parametrize(("given", "words"), REFUSED, ids=lambda value: "-".join(value) if isinstance(value, dict) else "")
def test_what_cannot_work_is_refused_before_anything_is_made(planned: Callable[..., str], given: dict[str, Any], words: str) -> None:
    text = planned(**{**GIVEN, **given})
    assert "Error: " in text
    assert words in text


def test_every_message_of_the_files_is_among_those_above() -> None:
    messages = [
        message
        for path in DEPLOY.glob("*.tf")
        for message in re.findall(r'error_message\s*=\s*"(.*)"', path.read_text(encoding="utf-8"))
        if not message.startswith("The key pair")
    ]
    assert len(messages) > 25
    assert [message for message in messages if not any(message.startswith(words) or words in message for _, words in REFUSED)] == []


def test_a_timeout_beyond_the_life_of_the_key_pair_is_told_and_not_refused(planned: Callable[..., str]) -> None:
    text = planned(**GIVEN, timeout=259200)
    assert "Error: " not in text
    assert "Warning: Check block assertion failed" in text
    assert "lasts 24 hours at most" in text
    assert "Warning" not in planned(**GIVEN, timeout=82800)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("topics.tf", 'services_publish_allowed = "ces"', 'service_publish_allowed = "ces"', "Unsupported argument"),
        ("function.tf", "  memory_size = 512\n", "", "Missing required argument"),
        ("alarms.tf", '"max"', '"maximum"', "the documents list max|min|average|sum|variance"),
        ("rights.tf", 'type        = "AX"', 'type        = "XX"', "the documents list AX|XA"),
    ],
    ids=["misspelt", "missing", "not listed", "no type"],
)
def test_what_the_documents_do_not_name_fails(tmp_path: Path, file: str, old: str, new: str, words: str) -> None:
    sources = {path.name: path.read_text(encoding="utf-8") for path in DEPLOY.glob("*.tf")}
    assert old in sources[file]
    made = Workspace(tmp_path, {**sources, file: sources[file].replace(old, new)})
    made.init()
    done = made.run("validate", "-no-color")
    assert done.returncode == 1
    assert words in " ".join(done.stderr.split())


def test_another_version_of_the_provider_is_not_taken(tmp_path: Path) -> None:
    sources = {path.name: path.read_text(encoding="utf-8").replace('"1.78.5"', '"1.78.6"') for path in DEPLOY.glob("*.tf")}
    done = Workspace(tmp_path, sources, installed=True).run("init", "-no-color", "-input=false")
    assert done.returncode == 1
    assert "1.78.6" in done.stderr


def test_the_pinned_version_is_found_and_applied(tmp_path: Path) -> None:
    made = Workspace(tmp_path, installed=True)
    made.init()
    assert f'version     = "{KNOWN["version"]}"' in (made.folder / ".terraform.lock.hcl").read_text(encoding="utf-8")
    assert made.apply(**GIVEN).returncode == 0
    assert len(made.made("fgs_function")) == 1
