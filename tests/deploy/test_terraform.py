"""deploy/functiongraph and deploy/serverless-devs against the code: settings, rights, runtime, triggers, alarms. tests/terraform applies it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml

import handler
from dcs_upkeep import bootstrap
from dcs_upkeep.domain.run import ControlCommand
from dcs_upkeep.domain.settings import LONGEST_INVOCATION_S, SETTING_FIELDS, SHORTEST_INVOCATION_S
from dcs_upkeep.local.emulator import Emulator, Fault, make_fleet
from dcs_upkeep.triggers import parser
from dcs_upkeep.triggers.delivery import RunIdScope, StartRun
from tests.contexts import FunctionGraphContext
from tests.fakes import FakeClock
from tests.rights import asked, listed
from tools import rfs

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "functiongraph"
ALL = "\n".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.tf")))
KNOWN = json.loads((ROOT / "tests" / "terraform" / "resources.json").read_text(encoding="utf-8"))


def plain(value: Any) -> Any:
    """Names and texts without the quotes that the parser keeps."""
    if isinstance(value, str):
        return value.strip('"')
    if isinstance(value, list):
        return [plain(one) for one in value]
    return {plain(key): plain(one) for key, one in value.items()} if isinstance(value, dict) else value


def blocks(kind: str) -> dict[str, Any]:
    """Name -> block, of one kind, from all files."""
    found: dict[str, Any] = {}
    for path in sorted(FOLDER.glob("*.tf")):
        with path.open(encoding="utf-8") as file:
            parsed = plain(hcl2.load(file))
        for block in parsed.get(kind, []):
            for label, inner in block.items():
                if kind == "resource":
                    found |= {f"{label}.{name}": one for name, one in inner.items() if isinstance(one, dict)}
                elif isinstance(inner, dict):
                    found[label] = inner
    return found


def granted_by(role: str) -> set[str]:
    text = str(blocks("resource")[f"huaweicloud_identity_role.{role}"]["policy"])
    rights = set(re.findall(r"\b([a-z]+:[A-Za-z]+:[A-Za-z]+)\b", text))
    assert rights
    assert not re.search(r'"[a-z]+:[^"]*\*"', re.sub(r'"(?:DCS|FunctionGraph|obs):\*:\*:[^"]*"', "", text))
    return rights


# The calls of a journal on OBS, and those of doctor's look at its bucket; ListBucket so that what is not there is told from what is forbidden.
JOURNAL = {"obs:object:PutObject", "obs:object:GetObject"}
BUCKET = {"obs:bucket:ListBucket", "obs:bucket:GetLifecycleConfiguration", "obs:bucket:GetBucketVersioning"}
# FunctionGraph's own needs in a VPC (user guide, "Configuring Agency Permissions"), and its sending of failed events.
PLATFORM = {"vpc:ports:create", "vpc:ports:delete", "vpc:ports:get", "vpc:subnets:get", "vpc:vpcs:get", "smn:topic:publish"}


def test_rights_are_those_of_the_calls_and_no_more() -> None:
    assert granted_by("this") == asked("ces", "dcs", "functiongraph", "smn")
    assert granted_by("journal") == JOURNAL | BUCKET
    assert granted_by("platform") == PLATFORM
    assert granted_by("failed_events") == {"obs:object:PutObject"}


def test_what_the_code_asks_of_obs_is_granted_for_the_journal() -> None:
    rights = {right for rights in listed().values() for right in rights.values() if right.startswith("obs:")}
    assert rights - JOURNAL - BUCKET == set()


def test_every_variable_of_the_function_is_a_setting() -> None:
    named = set(re.findall(r"\b(UPKEEP_[A-Z_]+)\s*=", ALL))
    assert {"UPKEEP_JOURNAL", "UPKEEP_TOPICS"} < named
    assert named - set(SETTING_FIELDS) == set()


def test_the_timeout_is_one_that_the_tool_believes() -> None:
    """How long an invocation has is cross-checked with what is configured; both bounds are the platform's."""
    timeout = blocks("variable")["timeout"]
    assert SHORTEST_INVOCATION_S == 3
    assert LONGEST_INVOCATION_S == 259_200
    assert timeout["default"] == 21_600
    assert "var.timeout >= 3 && var.timeout <= 259200" in str(timeout["validation"]).replace("${", "").replace("}", "")


def test_timers_name_their_zone_and_send_what_the_function_takes() -> None:
    variables = blocks("variable")
    assert variables["schedule"]["default"].startswith("CRON_TZ=")
    text = re.search(r'variable "scheduled_request".*?default\s*=\s*"(.*?)"\n', ALL, re.DOTALL)[1].replace('\\"', '"')  # type: ignore[index]
    for sent, kind in ((text, StartRun), ('{"command": "sweep"}', ControlCommand)):
        assert isinstance(fired(sent), kind)
    assert 'schedule      = "5m"' in ALL


def fired(user_event: str) -> object:
    """What the parser makes of a timer that sends this."""
    scope, now = RunIdScope("functiongraph", "f", "r", "p", "r"), FakeClock().now()
    event = {"trigger_type": "TIMER", "trigger_name": "t", "time": now.isoformat(), "user_event": user_event}
    (item,) = parser.parse(event, scope, None, now).items
    return item


def test_a_timer_that_is_not_wanted_is_not_made() -> None:
    """The provider sends no status when it makes a trigger, so that `status = "DISABLED"` would run once it is applied."""
    assert blocks("variable")["schedule_enabled"]["default"] is False
    triggers_made = [one for name, one in blocks("resource").items() if "function_trigger" in name]
    assert len(triggers_made) == 4
    assert not any("status" in one for one in triggers_made)


def test_the_list_of_arguments_names_a_document_for_each_resource_and_no_other() -> None:
    """tests/terraform holds each argument against it; a file whose resource has no list would not be applied at all."""
    used = {name.split(".")[0] for name in blocks("resource")}
    assert used == set(KNOWN["resources"])
    for name, one in KNOWN["resources"].items():
        assert re.fullmatch(rf"docs/resources/{name.removeprefix('huaweicloud_')}\.md@[0-9a-f]{{40}}", one["source"])
    assert f'version = "{KNOWN["version"]}"' in (FOLDER / "main.tf").read_text(encoding="utf-8")


def test_the_example_sets_known_variables_and_all_that_have_no_default() -> None:
    given = set(re.findall(r"^(\w+)\s*=", (FOLDER / "example.tfvars").read_text(encoding="utf-8"), re.MULTILINE))
    variables = blocks("variable")
    assert given - set(variables) == set()
    assert {name for name, one in variables.items() if "default" not in one} - given == set()


def test_secrets_are_sensitive() -> None:
    assert {name for name, one in blocks("variable").items() if one.get("sensitive")} == {
        "geminidb_user",
        "geminidb_password",
        "bot_secrets",
    }


# What the alarms and saved searches say of lines: words as Log Tank Service cuts them (user guide, "Using Search Syntax").
CUTS = re.compile(r"[, '\";=()\[\]{}@&<>/:\\?\n\t\r]+")


def matches(words: str, line: str) -> bool:
    """A search of words joined by and, or, not and brackets, on one line."""
    there = set(CUTS.split(line))
    asked_for = re.sub(r"[\w.]+", lambda found: found[0] if found[0] in ("and", "or", "not") else str(found[0] in there), words)
    assert re.fullmatch(r"(?:True|False|and|or|not|[() ])+", asked_for)
    return bool(eval(asked_for))  # noqa: S307  (words of our own file, reduced to truth values)


def search(name: str) -> str:
    return re.search(rf'{name}\s*= "(.*)"', ALL)[1]  # type: ignore[index]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """The lines that the function prints for an event on a fleet."""

    def lines(event: Any, *faults: Fault, **settings: str) -> list[str]:
        clock = FakeClock()
        with Emulator(make_fleet(3, tags={"upkeep": "weekly"}), clock=clock, security_token="token-of-the-agency") as emu:
            for fault in faults:
                emu.add_fault(fault)
            monkeypatch.setattr(bootstrap, "SystemClock", lambda: clock)
            given = {"UPKEEP_REGION": "cn-north-4", "UPKEEP_PROJECT_ID": emu.project_id, "UPKEEP_ENDPOINT": emu.url, **settings}
            capsys.readouterr()
            try:
                handler.handler(event, FunctionGraphContext(given, ak=emu.ak, sk=emu.sk, token="token-of-the-agency"))
            except Exception as error:
                assert str(error)
        return [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]

    return lines


RESTART = {"action": "restart", "select": {"tags": {"upkeep": "weekly"}}}


def test_the_alarm_of_failed_runs_rings_at_them_alone(logged: Callable[..., list[str]]) -> None:
    """Also at what an invocation says that met a fault; never at a run that went well, a dry run, a sweep, or a refusal."""
    words = search("words_run_failed")
    fine = [
        logged(RESTART),
        logged({**RESTART, "dry_run": True}),
        logged({"command": "status"}),
        logged({"command": "sweep"}, UPKEEP_JOURNAL="memory:", UPKEEP_JOURNAL_EPHEMERAL="1"),
        logged({"action": "restart", "select": {"tags": {"upkeep": "never-heard-of"}}}),
        logged({"action": "reboot"}),
    ]
    assert all("run.reported" in "".join(lines) for lines in fine)
    assert [line for lines in fine for line in lines if matches(words, line)] == []
    failed = [
        logged(RESTART, Fault("put", "500", times=None), Fault("show", "500", times=None)),
        logged(RESTART, Fault("put", "failed", times=None)),
        logged(RESTART, UPKEEP_BATCH_SIZE="many"),
    ]
    assert [len([line for line in lines if matches(words, line)]) for lines in failed] == [1, 1, 1]
    swept = '{"event": "run.reported", "level": "%s", "command": "sweep", "resumed": [], "failed": {}}'
    assert [matches(words, swept % level) for level in ("error", "info")] == [True, False]


def test_silence_is_broken_by_runs_and_by_no_sweep(logged: Callable[..., list[str]]) -> None:
    words = search("words_run")
    assert [len([line for line in lines if matches(words, line)]) for lines in (logged(RESTART), logged({**RESTART, "dry_run": True}))] == [
        1,
        1,
    ]
    swept = logged({"command": "sweep"}, UPKEEP_JOURNAL="memory:", UPKEEP_JOURNAL_EPHEMERAL="1")
    assert [line for line in swept if matches(words, line)] == []


def test_the_saved_search_finds_instances_that_are_not_fine(logged: Callable[..., list[str]]) -> None:
    words = search("words_not_fine")
    assert [line for line in logged(RESTART) if matches(words, line)] == []
    found = [line for line in logged(RESTART, Fault("put", "failed", times=None)) if matches(words, line)]
    assert {json.loads(line)["outcome"] for line in found} == {"failed"}


def test_the_template_for_rfs_is_one_that_rfs_takes() -> None:
    text = rfs.template()
    assert list(rfs.complaints(text)) == []
    assert len(text.encode()) <= 50_000
    assert 'source  = "huawei.com/provider/huaweicloud"' in text
    assert "package_file" not in text
    assert {name for name in blocks("variable") if f'variable "{name}"' not in text} == {"package_file"}


@pytest.mark.parametrize(
    "more",
    [
        'locals { x = filesha256("x") }',
        'locals { x = templatefile("x", {}) }',
        'resource "huaweicloud_obs_bucket_object" "x" {}',
        'resource "x" "y" {\n  provisioner "local-exec" {}\n}',
        'terraform {\n  backend "s3" {}\n}',
        'resource "x" "y" {\n  count = 1025\n}',
        "# " + "x" * 50_000,
    ],
    ids=["function", "template", "object", "provisioner", "backend", "count", "size"],
)
def test_what_rfs_refuses_is_found(more: str) -> None:
    assert len(list(rfs.complaints(f"{rfs.template()}\n{more}\n"))) == 1


def test_a_part_that_no_longer_holds_what_is_changed_makes_no_template(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rfs, "CHANGED", (("no such words", "x"),))
    with pytest.raises(ValueError, match="0 times"):
        rfs.template()
    with pytest.raises(SystemExit, match="No template for RFS was made"):
        rfs.build(tmp_path)


# The component's documented fields (developer guide, "YAML File").
FUNCTION = {
    *(
        "functionName",
        "handler",
        "memorySize",
        "timeout",
        "runtime",
        "agencyName",
        "environmentVariables",
        "vpcId",
        "subnetId",
        "concurrency",
    ),
    *("concurrentNum", "codeType", "dependVersionList", "code"),
}


def test_serverless_devs_gets_one_function_and_one_timer_that_is_off() -> None:
    told = yaml.safe_load((ROOT / "deploy" / "serverless-devs" / "s.yaml").read_text(encoding="utf-8"))
    assert set(told) == {"edition", "name", "access", "vars", "services"}
    (service,) = told["services"].values()
    props = service["props"]
    assert (service["component"], set(props)) == ("fgs", {"region", "function", "trigger"})
    function = props["function"]
    assert set(function) - FUNCTION == set()
    assert (function["handler"], function["runtime"], function["codeType"]) == ("handler.handler", "Python3.12", "zip")
    assert set(function["environmentVariables"]) - set(SETTING_FIELDS) == set()
    assert set(props["trigger"]) == {"triggerTypeCode", "status", "eventData"}
    assert (props["trigger"]["triggerTypeCode"], props["trigger"]["status"]) == ("TIMER", "DISABLED")
    assert set(props["trigger"]["eventData"]) == {"name", "scheduleType", "schedule", "userEvent"}
    made = fired(props["trigger"]["eventData"]["userEvent"])
    assert isinstance(made, StartRun)
    assert made.spec.request.dry_run is True
