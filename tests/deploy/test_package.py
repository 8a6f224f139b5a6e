"""The packages: the same bytes twice, small enough, nothing of the tests inside, and a run from the zip alone."""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcs_upkeep.local.emulator import Emulator, make_fleet
from tests.deploy.conftest import PYTHON
from tools import package

TOKEN = "token-of-the-agency"
BUILT = {("functiongraph", ""), ("lambda", ""), ("functiongraph", "--geminidb")}  # what the tests below build: host, ARGS
# Runs in the unpacked folder, with nothing else on the path: no site-packages, no user site, no environment.
PROGRAM = """
import json, sys
folder, host, told = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
sys.path.insert(1, folder)
if told["planted"]:
    sys.path.insert(1, told["planted"])  # a runtime's own copies may stand before the code's folder
import handler
class Lambda:
    function_name, aws_request_id, invoked_function_arn = "f", "r", "arn:aws:lambda:eu-central-1:1:function:f"
    def get_remaining_time_in_millis(self): return 900000
class FunctionGraph:
    def getUserData(self, key): return told["settings"].get(key)
    def getSecurityAccessKey(self): return told["ak"]
    def getSecuritySecretKey(self): return told["sk"]
    def getSecurityToken(self): return told["token"]
    def getRemainingTimeInMilliSeconds(self): return 900000
    def getRequestID(self): return "r"
    def getFunctionName(self): return "f"
if host == "lambda":
    import os
    os.environ.update(told["settings"])
report = handler.handler(told["event"], Lambda() if host == "lambda" else FunctionGraph())
import huaweicloudsdkcore
print(json.dumps({"report": report, "core": huaweicloudsdkcore.__file__}))
"""


@pytest.fixture
def emu() -> Iterator[Emulator]:
    with Emulator(make_fleet(4, tags={"env": "demo"}, busy_s=0, lag_s=0), security_token=TOKEN) as running:
        yield running


def test_two_builds_are_byte_equal(built: dict[str, Path]) -> None:
    """The two hosts' packages are two builds of the same lock."""
    assert package.LOCKS["functiongraph"] == package.LOCKS["lambda"]
    assert built["functiongraph"].read_bytes() == built["lambda"].read_bytes()


def test_sizes_fit_functiongraph_s_console(built: dict[str, Path], wheels: Path, tmp_path: Path) -> None:
    """Its console takes 40 MB; with bytecode."""
    assert built["functiongraph"].stat().st_size < 20_000_000
    assert package.build("functiongraph", PYTHON, tmp_path, geminidb=True, wheels=wheels).stat().st_size < 35_000_000


def test_nothing_else_is_inside(built: dict[str, Path]) -> None:
    names = zipfile.ZipFile(built["functiongraph"]).namelist()
    assert "handler.py" in names
    assert not [
        name
        for name in names
        if name.startswith(("tests/", "dcs_upkeep/local", "events/", "boto3")) or "/tests/" in name or name.endswith(".pyi")
    ]


def test_every_module_is_compiled_for_a_folder_that_cannot_be_written_to(built: dict[str, Path]) -> None:
    """Unchecked, since a platform that unpacks may change the times of the sources."""
    with zipfile.ZipFile(built["functiongraph"]) as archive:
        names = set(archive.namelist())
        ours = [Path(name) for name in names if name.endswith(".py") and (name == "handler.py" or name.startswith("dcs_upkeep/"))]
        assert len(ours) > 50
        for path in ours:
            compiled = archive.read((path.parent / "__pycache__" / f"{path.stem}.cpython-{PYTHON.replace('.', '')}.pyc").as_posix())
            assert int.from_bytes(compiled[4:8], "little") == 1, "PEP 552: by hash, not checked"


@pytest.mark.parametrize("host", ["functiongraph", "lambda"])
@pytest.mark.parametrize("planted", [False, True], ids=["alone", "beside an old SDK"])
def test_a_timer_event_runs_from_the_zip_alone(
    host: str, planted: bool, code: Path, interpreter: str, emu: Emulator, tmp_path: Path
) -> None:
    """In a clean interpreter; an old copy of the SDK, as a runtime bundles one, loses against ours."""
    old = tmp_path / "runtime"
    (old / "huaweicloudsdkcore").mkdir(parents=True)
    (old / "huaweicloudsdkcore" / "__init__.py").write_text("raise ImportError('the old copy was taken')")
    timer = {
        "trigger_type": "TIMER",
        "trigger_name": "night",
        "time": None,
        "user_event": json.dumps({"action": "restart", "select": {"tags": {"env": "demo"}}, "rollout": {"canary": 0}}),
    }
    settings = {
        "UPKEEP_ENDPOINT": emu.url,
        "UPKEEP_SMN_ENDPOINT": emu.url,
        "UPKEEP_REGION": "cn-north-4",
        "UPKEEP_PROJECT_ID": emu.project_id,
        "UPKEEP_TOPICS": f"urn:smn:cn-north-4:{emu.project_id}:reports",
        "UPKEEP_POLL_S": "1",  # in the machine's own time, which is all that a function knows
        "UPKEEP_SETTLE_S": "1",
        "HUAWEICLOUD_SDK_AK": emu.ak,
        "HUAWEICLOUD_SDK_SK": emu.sk,
        "HUAWEICLOUD_SDK_SECURITY_TOKEN": TOKEN,
    }
    told = {"settings": settings, "ak": emu.ak, "sk": emu.sk, "token": TOKEN, "event": timer, "planted": str(old) if planted else None}
    words = [interpreter, "-I", "-S", "-B", "-c", PROGRAM, str(code), host, json.dumps(told)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path, env={})
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["report"]["counts"] == {"completed": 4}
    assert said["core"].startswith(str(code))
    assert len(emu.truth.messages) == 1


def test_the_function_looks_after_itself_from_the_zip_alone(code: Path, emu: Emulator, tmp_path: Path) -> None:
    """`doctor` has to be in it; FunctionGraph's package has no boto3."""
    interpreter = package.find_interpreter(PYTHON)
    if interpreter is None:
        pytest.skip(f"no Python {PYTHON} is on this machine, and the package is for no other")
    topic = f"urn:smn:cn-north-4:{emu.project_id}:reports"
    emu.smn.sign_up(topic, 1)
    settings = {
        "UPKEEP_ENDPOINT": emu.url,
        "UPKEEP_SMN_ENDPOINT": emu.url,
        "UPKEEP_REGION": "cn-north-4",
        "UPKEEP_PROJECT_ID": emu.project_id,
        "UPKEEP_TOPICS": f"{topic},arn:aws:sns:eu-central-1:123456789012:reports",
    }
    told = {"settings": settings, "ak": emu.ak, "sk": emu.sk, "token": TOKEN, "event": {"command": "doctor"}, "planted": None}
    words = [interpreter, "-I", "-S", "-B", "-c", PROGRAM, str(code), "functiongraph", json.dumps(told)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path, env={})
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout.splitlines()[-1])["report"]
    failed = [one for one in answer["findings"] if one["state"] == "fail"]
    assert [(one["what"], "lacks boto" in one["said"]) for one in failed] == [("arn:aws:sns:eu-central-1:123456789012:reports", True)]
    assert (topic, "ok") in [(one["what"], one["state"]) for one in answer["findings"]]
