"""The emulator as a program of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkdcs.v2 import DcsClient, ListInstancesRequest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "dcs_upkeep.local.emulator"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def write(path: Path, document: object) -> str:
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return str(path)


@pytest.fixture
def ctrl_c():
    """A shell that runs its tests in the background lets them, and all they start, ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_it_prints_where_it_listens_serves_and_stops_on_ctrl_c(tmp_path, ctrl_c):
    """The demo of the README, in one breath."""
    fleet = write(tmp_path / "fleet.json", {"count": 3, "tags": {"env": "demo"}, "busy_s": 5})
    faults = write(tmp_path / "faults.json", [{"operation": "list", "kind": "403", "after": 1}])
    command = [*COMMAND, "--fleet", fleet, "--faults", faults, "--time-scale", "100"]
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT))
        stack.callback(running.kill)  # whatever fails below, nothing is left to wait for
        said = dict(part.split("=", 1) for part in running.stdout.readline().split())
        credentials = BasicCredentials(said["ak"], said["sk"], said["project_id"])
        client = DcsClient.new_builder().with_credentials(credentials).with_endpoint(said["url"]).build()
        assert said["url"].startswith("http://127.0.0.1:")
        assert client.list_instances(ListInstancesRequest()).instance_num == 3
        with pytest.raises(ClientRequestException):
            client.list_instances(ListInstancesRequest())
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=60) == 0
        assert running.stderr.read() == ""


@pytest.mark.parametrize(
    ("option", "document", "message"),
    [
        ("--fleet", "{", "line 1: not JSON"),
        ("--fleet", "[]x", "not JSON"),
        ("--fleet", '"text"', "expected a list of instances"),
        ("--fleet", {"tags": {}}, "needs a whole number 'count'"),
        ("--fleet", {"count": 2, "colour": 1}, "unknown field: colour"),
        ("--fleet", [{"name": "a"}], "[0] must be an object with instance_id and name"),
        ("--fleet", [{"instance_id": "a", "name": "a", "busy_s": "long"}], "[0]: busy_s must be float"),
        ("--fleet", [{"instance_id": "a", "name": "a"}] * 2, "twice in the fleet"),
        ("--faults", {"kind": "429"}, "expected a list of faults"),
        ("--faults", [{"operation": "put"}], "[0] must be an object with kind and operation"),
        ("--faults", [{"operation": "put", "kind": "no"}], "[0]: unknown fault kind 'no'"),
        ("--faults", [{"operation": "no", "kind": "429"}], "unknown operation 'no'"),
        ("--fleet", [{"instance_id": "a", "name": "a", "granted": "no"}], "[0]: granted must be one of"),
        ("--changes", {"at_s": 1}, "expected a list of changes"),
        ("--changes", [{"instance_id": "a"}], "[0] must be an object with a number at_s"),
        ("--changes", [{"at_s": True, "instance_id": "a"}], "[0] must be an object with a number at_s"),
        ("--changes", [{"at_s": 1, "instance_id": "a", "keys": "x"}], "[0]: keys must be int"),
        ("--changes", [{"at_s": 1, "instance_id": "a", "granted": "no"}], "[0]: granted must be one of"),
        ("--changes", [{"at_s": 1, "instance_id": "a", "keys": 1}], "no instance 'a' in the fleet"),
    ],
)
def test_a_bad_file_is_refused_in_one_line_that_names_it(tmp_path, option, document, message):
    """The reader of a stack trace is not the one who wrote the file."""
    path = write(tmp_path / "bad.json", document)
    done = subprocess.run([*COMMAND, option, path], capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert done.stderr.startswith(path)
    assert message in done.stderr


def test_changes_and_quota_and_keys_can_be_given(tmp_path, ctrl_c):
    """What a test plans in code, a demo plans in files."""
    instance_id = "11111111-2222-4333-8444-555555555555"
    fleet = write(tmp_path / "fleet.json", [{"instance_id": instance_id, "name": "a", "tags_shown": "null", "flap_s": 8}])
    changes = write(tmp_path / "changes.json", [{"at_s": 0, "instance_id": instance_id, "name": "b", "granted": "read"}])
    command = [*COMMAND, "--fleet", fleet, "--changes", changes, "--quota", "2/3600", "--keys-until", "3600"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as running:
        said = dict(part.split("=", 1) for part in running.stdout.readline().split())
        credentials = BasicCredentials(said["ak"], said["sk"], said["project_id"])
        client = DcsClient.new_builder().with_credentials(credentials).with_endpoint(said["url"]).build()
        (row,) = client.list_instances(ListInstancesRequest()).instances
        client.list_instances(ListInstancesRequest())
        with pytest.raises(ClientRequestException) as refused:
            client.list_instances(ListInstancesRequest())
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=60) == 0
    assert (row.name, row.tags, refused.value.status_code) == ("b", None, 429)


def test_a_quota_that_is_none_is_refused_in_words():
    """The form is not to be guessed."""
    done = subprocess.run([*COMMAND, "--quota", "200"], capture_output=True, text=True, env=ENVIRONMENT, timeout=20, check=False)
    assert (done.returncode, "must be like 200/300, not '200'" in done.stderr) == (2, True)


def test_a_missing_file_is_refused_in_one_line(tmp_path):
    """The same, for the commonest mistake."""
    path = str(tmp_path / "none.json")
    done = subprocess.run([*COMMAND, "--fleet", path], capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=False)
    assert done.stderr == f"{path}: cannot be read: No such file or directory\n"


def test_importing_the_emulator_is_light():
    """Every test and the CLI import it: the standard library only, and none of the project's own code."""
    script = (
        "import sys, dcs_upkeep.local.emulator\n"
        "ours = {m for m in sys.modules if m.startswith('dcs_upkeep')} - {'dcs_upkeep', 'dcs_upkeep.local'}\n"
        "assert all(m.startswith('dcs_upkeep.local.emulator') for m in ours), ours\n"
        "others = {m.partition('.')[0] for m in sys.modules} - set(sys.stdlib_module_names) - {'dcs_upkeep'}\n"
        "print(sorted(m for m in others if m in ('requests', 'huaweicloudsdkcore', 'pydantic', 'boto3')))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
