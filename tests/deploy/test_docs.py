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
from dcs_upkeep.adapters.journals.obs import ENTRIES_PER_OBJECT, LONGEST_S
from dcs_upkeep.doctor import obs, topics
from dcs_upkeep.domain.settings import SETTING_FIELDS, Settings, read_settings
from dcs_upkeep.local import redrive
from dcs_upkeep.local.emulator import Emulator, make_fleet
from tests.deploy.test_package import BUILT
from tests.deploy.test_terraform import FOLDER, blocks, search
from tests.log_filters import matches
from tests.rights import asked, optional
from tests.tables import create_table
from tools import dev

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
TABLE, QUEUE, REGION = "runs-of-the-docs", "dead-letters-of-the-docs", "eu-central-1"
# These reach for a real cloud (tests/terraform looks at hcloud's), or make the folder that is here already.
NOT_HERE = ("aws", "cd", "git", "sam", "terraform", "hcloud", "s")
SHELL = ("cp", "sed")


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
    """The environment that the pages speak of: settings, a key pair, a table and a queue, on emulators."""
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    dynamodb, sqs = (
        boto3.client(name, region_name=REGION, endpoint_url=moto, aws_access_key_id="testing", aws_secret_access_key="testing")
        for name in ("dynamodb", "sqs")
    )
    create_table(dynamodb, TABLE)
    queue = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    with Emulator(make_fleet(3)) as emu:
        yield {
            **keys,
            "AWS_ENDPOINT_URL": moto,
            "AWS_DEFAULT_REGION": REGION,
            "DeadLetterQueueUrl": queue,
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
    assert {command.split()[0] for _, command in commands()} == {"python", "make", *NOT_HERE, *SHELL}


def test_every_command_of_this_tool_runs_in_the_order_of_its_page(surroundings: dict[str, str], tmp_path: Path) -> None:
    """A lever that one page pulls is let go of again, so that the next finds what it expects."""
    halts, put_in = 0, {"table": TABLE, "region": REGION, "FunctionName": "upkeep", **surroundings}
    for page, command in [(page, command) for page, command in commands() if command.startswith("python -m dcs_upkeep")]:
        words = shlex.split(re.sub(r"<(\w+)>", lambda found: put_in[found[1]], command))
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
        assert (options["HOST"], options.get("ARGS", "")) in {*BUILT, ("rfs", "")}  # test_terraform.py makes the template
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


def test_the_rights_on_a_bucket_are_named() -> None:
    assert [one for one in asked("obs") if f"`{one}`" not in text_of("journal.md")] == []


def test_the_page_of_the_journal_says_what_holds_of_a_bucket() -> None:
    page = text_of("journal.md")
    assert f"the first {ENTRIES_PER_OBJECT:,} entries" in page
    assert f"within {LONGEST_S:.0f} seconds" in page
    assert f"{obs.KEEP_DAYS} days after the last change" in page
    assert f"eight writers for {obs.PLACES} places" in page
    assert obs.WRITERS == 8
    assert f"{obs.WRITERS * obs.PLACES:,} appends and {(obs.WRITERS - 1) * obs.PLACES:,} reads" in text_of("operate.md")


def test_every_variable_is_named() -> None:
    table = re.search(r"\n\| variable \| is \|\n(.*?)\n\n", text_of("deploy-functiongraph.md"), re.DOTALL)[1]  # type: ignore[index]
    variables = blocks("variable")
    assert [name for name in variables if f"`{name}`" not in table] == []
    first = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in table.splitlines()[1:]]
    assert [name for names in first for name in names if name not in variables] == []
    assert f"{variables['timeout']['default']} (6 hours)" in table


def test_the_console_s_page_says_what_terraform_makes() -> None:
    page = text_of("deploy-functiongraph-console.md")
    for name in ("words_run_failed", "words_run"):
        assert f"`{search(name)}`" in page
    for name in ("words_run", "words_not_fine"):
        assert f"\n{search(name)}\n" in text_of("operate.md")
    assert set(re.findall(r"`(UPKEEP_\w+)`", page)) - set(SETTING_FIELDS) == set()
    assert "140 days" in page
    assert 'prefix  = "journal/expiring"' in (FOLDER / "journal.tf").read_text(encoding="utf-8")
    for made in ("dcs-upkeep-requests", "dcs-upkeep-alarms", "dcs-upkeep-reports", "dcs-upkeep-run-failed", "dcs-upkeep-silence"):
        assert made in page
        assert f'"${{var.name}}{made.removeprefix("dcs-upkeep")}"' in "".join(
            path.read_text(encoding="utf-8") for path in FOLDER.glob("*.tf")
        )


@pytest.mark.parametrize("name", ["deploy-functiongraph.md", "deploy-functiongraph-console.md"])
def test_the_pages_of_huawei_cloud_say_that_nobody_applied_them_and_that_mails_are_to_be_confirmed(name: str) -> None:
    text = text_of(name).lower()
    assert "othing here was applied to a real account" in text
    assert "within 48 hours" in text


def test_each_heading_that_a_link_names_is_there() -> None:
    for page in DOCS:
        for target, anchor in re.findall(r"\]\(([\w.-]*)#([\w-]+)\)", page.read_text(encoding="utf-8")):
            headings = re.findall(r"^#+ (.*)$", (page.parent / (target or page.name)).read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}
            assert anchor in slugs, f"{page.name}: {target}#{anchor}"


def rows(name: str, heading: str) -> list[list[str]]:
    """The rows of a page's table that begins with this heading; code without its quotes."""
    table = text_of(name).split(f"| {heading} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in line.strip().strip("|").split("|")] for line in table]


def test_the_tables_of_the_lambda_page_are_the_template_s() -> None:
    template = yaml_parse((ROOT / "template.yml").read_text(encoding="utf-8"))
    shown = {row[0]: row[1] for row in rows("deploy-lambda.md", "parameter")}
    defaults = {name: str(one.get("Default", "")) for name, one in template["Parameters"].items()}
    required = {name for name, one in template["Parameters"].items() if "Default" not in one}
    assert {name: "" if default == "none" else default for name, default in shown.items()} == defaults
    assert {name for name, default in shown.items() if default == ""} == required
    outputs = {name for row in rows("deploy-lambda.md", "output") for name in re.findall(r"\w+", row[0])}
    assert outputs == set(template["Outputs"])


def test_the_lambda_page_asks_for_nothing_that_the_stack_does_not_show() -> None:
    """What stands in pointed brackets is an output, or something that the reader has chosen."""
    template = yaml_parse((ROOT / "template.yml").read_text(encoding="utf-8"))
    asked_for = {name for page, command in commands() if page == "deploy-lambda.md" for name in re.findall(r"<(\w+)>", command)}
    assert asked_for - set(template["Outputs"]) == {"stack", "address"}


def test_the_lambda_page_removes_all_that_the_template_keeps() -> None:
    template = yaml_parse((ROOT / "template.yml").read_text(encoding="utf-8"))
    kept = {one["Type"] for one in template["Resources"].values() if "DeletionPolicy" in one}
    assert kept == {"AWS::DynamoDB::Table", "AWS::Logs::LogGroup"}
    text = text_of("deploy-lambda.md").split("## Undo it all", 1)[1]
    for command in ("sam delete", "aws dynamodb delete-table", "aws logs delete-log-group", "aws secretsmanager delete-secret"):
        assert command in text


def test_the_key_s_policy_on_the_lambda_page_lets_in_the_services_that_act_by_themselves() -> None:
    (policy,) = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", text_of("deploy-lambda.md"), re.DOTALL))
    services = {one["Principal"]["Service"] for one in policy}
    assert services == {"cloudwatch.amazonaws.com", "logs.<region>.amazonaws.com"}
    assert all({"kms:Decrypt", "kms:GenerateDataKey*"} <= set(one["Action"]) for one in policy)


def test_the_filter_on_the_lambda_page_finds_the_line_of_a_run() -> None:
    command = next(command for command in of("aws") if "filter-log-events" in command)
    pattern = shlex.split(command)[shlex.split(command).index("--filter-pattern") + 1]
    assert matches(pattern, '{"event": "run.reported", "report_version": 1}')
    assert not matches(pattern, '{"event": "run.reported", "command": "sweep"}')


def test_the_rights_of_who_sends_again_are_named_and_not_the_function_s() -> None:
    policies = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "template.yml", *sorted(FOLDER.glob("*.tf"))))
    for right in set(redrive.PERMISSIONS.values()) - {"lambda:InvokeFunction"}:
        assert f"`{right}`" in text_of("operate.md")
        assert right not in policies


def test_the_doctor_s_own_rights_are_named_as_optional() -> None:
    (paragraph,) = (line for line in text_of("operate.md").splitlines() if line.startswith("Optional rights"))
    assert [right for right in (*optional(), *topics.IN_IDENTITY_POLICIES.values()) if f"`{right}`" not in paragraph] == []


def test_the_page_says_what_the_command_does_and_how_long_it_takes() -> None:
    page = text_of("operate.md")
    assert f"takes {bootstrap.DOCTOR_S:.0f} s at most" in page
    assert json.loads((ROOT / "events" / "control-doctor.json").read_text(encoding="utf-8")) == {"command": "doctor"}
    assert '{"command": "doctor"}' in page
