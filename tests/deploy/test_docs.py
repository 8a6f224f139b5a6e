"""docs/: each command that can run here is run, the others are held against what they call, and nothing is left unnamed."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore import xform_name
from samtranslator.yaml_helper import yaml_parse

from dcs_upkeep import bootstrap
from dcs_upkeep.doctor import topics
from dcs_upkeep.domain.settings import SETTING_FIELDS, Settings, read_settings
from dcs_upkeep.local.emulator import Emulator, make_fleet
from tests.deploy.test_package import BUILT
from tests.deploy.test_terraform import blocks
from tests.rights import asked, optional
from tests.tables import create_table
from tools import dev

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
TABLE, REGION = "runs-of-the-docs", "eu-central-1"
NOT_HERE = ("aws", "sam", "terraform")  # these reach for a real cloud


def text_of(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def commands() -> list[tuple[str, str]]:
    """(page, command), continued lines joined."""
    found = []
    for page in DOCS:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            found += [(page.name, " ".join(line.split())) for line in block.replace("\\\n", " ").splitlines() if line.strip()]
    return found


def of(*programs: str) -> list[str]:
    return sorted({command for _, command in commands() if command.split()[0] in programs})


@pytest.fixture(scope="module")
def surroundings(moto: str) -> Iterator[dict[str, str]]:
    """The environment that the pages speak of: settings, a key pair, and a table, on emulators."""
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    create_table(
        boto3.client("dynamodb", region_name=REGION, endpoint_url=moto, aws_access_key_id="testing", aws_secret_access_key="testing"), TABLE
    )
    with Emulator(make_fleet(3)) as emu:
        yield {
            **keys,
            "AWS_ENDPOINT_URL": moto,
            "UPKEEP_REGION": "cn-north-4",
            "UPKEEP_PROJECT_ID": emu.project_id,
            "UPKEEP_ENDPOINT": emu.url,
            "UPKEEP_SMN_ENDPOINT": emu.url,
            "UPKEEP_TOPICS": f"urn:smn:cn-north-4:{emu.project_id}:reports",
            "HUAWEICLOUD_SDK_AK": emu.ak,
            "HUAWEICLOUD_SDK_SK": emu.sk,
        }


def test_there_are_commands_and_each_is_of_a_program_that_is_known_here() -> None:
    assert len(commands()) > 10
    assert {command.split()[0] for _, command in commands()} == {"python", "make", *NOT_HERE}


def test_every_command_of_this_tool_runs_in_the_order_of_its_page(surroundings: dict[str, str], tmp_path: Path) -> None:
    """A lever that one page pulls is let go of again, so that the next finds what it expects."""
    halts = 0
    for page, command in [(page, command) for page, command in commands() if command.startswith("python -m dcs_upkeep")]:
        words = shlex.split(command.replace("<table>", TABLE).replace("<region>", REGION))
        if "release" in words:
            words[words.index("release") + 1] = f"halt-{halts}"  # the id that `runs` has just shown
        done = subprocess.run(
            [sys.executable, *words[1:]],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], **surroundings},
        )
        assert done.returncode == 0, f"{page}: {command}\n{done.stdout}{done.stderr}"
        if "runs" in words:
            halts = int(json.loads(done.stdout)["halt"]["id"].removeprefix("halt-"))


def shown_by(*words: str) -> str:
    """What make would do, whether a make runs these tests or not: that one hands on its flags and variables."""
    env = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    return subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True, check=True, env=env).stdout


@pytest.mark.parametrize("command", of("make"))
def test_every_make_command_is_one_that_a_test_runs(command: str) -> None:
    """`make demo` is the README's; a package of each kind is built by tests/deploy/test_package.py."""
    _, target, *given = shlex.split(command)
    assert target in dev.TARGETS
    if target == "package":
        options = dict(word.split("=", 1) for word in given)
        assert (options["HOST"], options.get("ARGS", "")) in BUILT
    assert f"tools/dev.py {target}" in shown_by(*shlex.split(command)[1:])


@pytest.mark.parametrize("name", ["PYTHON", "TARGET"])
def test_the_platform_s_python_may_be_named_either_way(name: str) -> None:
    assert shown_by("package", "HOST=lambda", f"{name}=3.13").split() == [
        "python3",
        "tools/dev.py",
        "package",
        "--host",
        "lambda",
        "--python",
        "3.13",
    ]


@pytest.mark.parametrize("command", of("aws"))
def test_every_aws_command_is_one_of_its_service(command: str) -> None:
    """Operation and options as the service's own model has them; what the command line adds to all of them is known."""
    _, service, operation, *words = shlex.split(command)
    model = boto3.client(service, region_name=REGION).meta.service_model
    names = {xform_name(name, "-"): name for name in model.operation_names}
    members = {xform_name(name, "-") for name in model.operation_model(names[operation]).input_shape.members}
    options = {word.removeprefix("--") for word in words if word.startswith("--")} - {"cli-binary-format"}
    assert options <= members, f"{sorted(options - members)} are no options of {service} {operation}"


def test_the_json_on_the_settings_page_sets_every_setting() -> None:
    (shown,) = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", text_of("settings.md"), re.DOTALL))
    assert set(shown) == set(SETTING_FIELDS)
    settings = read_settings({"UPKEEP_SETTINGS": json.dumps(shown)}.get)
    kept = {"UPKEEP_BATCH_SIZE", "UPKEEP_PARALLEL_CALLS", "UPKEEP_POLL_S", "UPKEEP_SETTLE_S", "UPKEEP_MAX_INSTANCES", "UPKEEP_LOG_LEVEL"}
    kept |= {"UPKEEP_BREAKER", "UPKEEP_ALARM_VERIFY"}
    kept |= {"UPKEEP_APPROVAL_MAX_AGE_S", "UPKEEP_JOURNAL_EPHEMERAL", "UPKEEP_LEASE_S", "UPKEEP_SKEW_S", "UPKEEP_MAX_HOPS"}
    default = Settings()
    same = {name for name, item in SETTING_FIELDS.items() if getattr(settings, item.name) == getattr(default, item.name)}
    assert same == kept, "the others are shown with a value that changes something"


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = [one for one in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")) if not one.startswith("http")]
    assert [one for one in targets if not (page.parent / one).exists()] == []
    named = re.findall(r"`((?:events|docs|schemas|deploy|tests|dcs_upkeep)/[\w./-]+)`", page.read_text(encoding="utf-8"))
    assert [one for one in named if not (ROOT / one).exists()] == []


def test_every_right_on_huawei_cloud_is_named() -> None:
    assert [one for one in asked("ces", "dcs", "smn") if f"`{one}`" not in text_of("deploy-lambda.md")] == []


def test_every_parameter_and_variable_is_named() -> None:
    template = yaml_parse((ROOT / "template.yml").read_text(encoding="utf-8"))
    assert [name for name in template["Parameters"] if f"`{name}`" not in text_of("deploy-lambda.md")] == []
    assert [name for name in blocks("variables.tf", "variable") if f"`{name}`" not in text_of("deploy-functiongraph.md")] == []


def test_the_doctor_s_own_rights_are_named_as_optional() -> None:
    (paragraph,) = (line for line in text_of("operate.md").splitlines() if line.startswith("Optional rights"))
    assert [right for right in (*optional(), *topics.IN_IDENTITY_POLICIES.values()) if f"`{right}`" not in paragraph] == []


def test_the_page_says_what_the_command_does_and_how_long_it_takes() -> None:
    page = text_of("operate.md")
    assert f"takes {bootstrap.DOCTOR_S:.0f} s at most" in page
    assert json.loads((ROOT / "events" / "control-doctor.json").read_text(encoding="utf-8")) == {"command": "doctor"}
    assert '{"command": "doctor"}' in page
