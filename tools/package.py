"""`make package HOST=functiongraph TARGET=3.12`: the function as a zip for a platform, the same bytes whenever it is built.

It holds handler.py, the package without its local tools, plans.json where there is one, and the locked dependencies for manylinux x86_64 of
that Python. Where that interpreter is at hand the modules are compiled too, with unchecked hashes, so that a read-only code
folder starts fast. Byte-equal means: the same lock, the same interpreter patch version for the bytecode, or none.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

from tools import rfs

ROOT = Path(__file__).resolve().parent.parent
PLATFORMS = ("manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_28_x86_64")
EPOCH = (1980, 1, 1, 0, 0, 0)
# AWS Lambda brings boto3; on FunctionGraph it is needed for a journal on GeminiDB alone.
LOCKS = {"functiongraph": "requirements.txt", "lambda": "requirements.txt"}
GEMINIDB_LOCK = "requirements-aws.txt"
# In no package: Lambda's own runtime client, by which the tests drive one. Lambda has it, and simplejson is in the lock above.
RUNTIME_CLIENT, RUNTIME_LOCK = ("awslambdaric", "snapshot-restore-py"), "requirements-test.txt"
NOT_OURS = ("local", "__main__.py", "__pycache__")
# Never imported by the function: tests, type stubs, C sources, and scripts.
PRUNED_FOLDERS = frozenset({"tests", "test", "__pycache__", "bin"})
# Of boto3's 400 services these are called; the rest is half of the package.
BOTO_KEPT = frozenset({"dynamodb", "sns", "secretsmanager", "lambda", "sts"})
PRUNED_ENDINGS = (".pyi", ".c", ".h", ".pyx", ".pxd", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "WHEEL")


def fetch(wheels: Path, python: str, lock: str) -> None:
    """Download the locked wheels for that Python, and what the tests drive a package with. The one step that needs the network."""
    wheels.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dcs-upkeep-") as name:
        client = Path(name) / "client.txt"
        client.write_text(pinned((ROOT / RUNTIME_LOCK).read_text(encoding="utf-8"), RUNTIME_CLIENT), encoding="utf-8")
        for one in (ROOT / lock, client):
            _pip("download", *_target(python), "--no-deps", "--require-hashes", "-r", str(one), "--dest", str(wheels))


def pinned(lock: str, names: Collection[str]) -> str:
    """The part of a lock that is about these packages, with their hashes."""
    blocks = re.split(r"\n(?=[^ #\n])", lock)
    return "\n".join(block for block in blocks if block.split("==")[0] in names) + "\n"


def python_at_hand(wanted: str) -> str:
    """That version, if this machine has it; else the one that runs this: a package for it can be tried here."""
    return wanted if find_interpreter(wanted) else "{}.{}".format(*sys.version_info[:2])


def build(host: str, python: str, output: Path, *, geminidb: bool = False, wheels: Path | None = None) -> Path:
    """Make the zip and return its path. `wheels`: a folder of downloaded wheels, for building without a network."""
    lock = GEMINIDB_LOCK if geminidb else LOCKS[host]
    output.mkdir(parents=True, exist_ok=True)
    made = output / f"dcs-upkeep-{host}-py{python.replace('.', '')}{'-geminidb' if geminidb else ''}.zip"
    with tempfile.TemporaryDirectory(prefix="dcs-upkeep-") as name:
        folder = Path(name)
        where = ["--no-index", "--find-links", str(wheels)] if wheels else []
        _pip("install", *_target(python), "--no-deps", "--require-hashes", "--no-compile", *where, "-r", str(ROOT / lock), "--target", name)
        _prune(folder)
        _prune_botocore(folder / "botocore" / "data")
        shutil.copy2(ROOT / "handler.py", folder / "handler.py")
        shutil.copytree(ROOT / "dcs_upkeep", folder / "dcs_upkeep", ignore=shutil.ignore_patterns(*NOT_OURS))
        if (ROOT / "plans.json").exists():
            shutil.copy2(ROOT / "plans.json", folder / "plans.json")
        if interpreter := find_interpreter(python):
            _compile(interpreter, folder)
        _zip(folder, made)
    return made


def find_interpreter(python: str) -> str | None:
    """A Python of that version: this one, one on the path, or one of pyenv's."""
    if python == "{}.{}".format(*sys.version_info[:2]):
        return sys.executable
    if found := shutil.which(f"python{python}"):
        done = subprocess.run(
            [found, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True, check=False
        )
        if done.stdout.strip() == python:  # a shim may stand there and refuse
            return found
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return next((str(one) for one in sorted(versions.glob(f"{python}.*/bin/python{python}"))), None)


def _target(python: str) -> list[str]:
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    return [*platforms, "--python-version", python, "--implementation", "cp", "--only-binary", ":all:"]


def _pip(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"pip {words[0]} failed:\n{done.stderr}\nCheck the network path to the package index, or give --wheels.")


def _prune(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and path.name in PRUNED_FOLDERS:
            shutil.rmtree(path)
        elif path.is_file() and path.name.endswith(PRUNED_ENDINGS):
            path.unlink()


def _prune_botocore(data: Path) -> None:
    for path in data.iterdir() if data.exists() else ():
        if path.is_dir() and path.name not in BOTO_KEPT:
            shutil.rmtree(path)


def _compile(interpreter: str, folder: Path) -> None:
    """Bytecode beside the sources, with paths as the platform sees them and without its hash being checked."""
    words = ["-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", "/", str(folder)]
    # A fixed seed: the order of a set that is written into bytecode must not change from build to build.
    env = {"PATH": os.environ.get("PATH", ""), "PYTHONHASHSEED": "0"}
    if subprocess.run([interpreter, *words], env=env, check=False).returncode:
        sys.exit(f"{interpreter} could not compile the package.")


def _zip(folder: Path, made: Path) -> None:
    """Names in order, one date, one mode: nothing of the machine or the hour gets in."""
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in _files(folder):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, path.read_bytes(), compresslevel=9)


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Build one, and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", choices=[*sorted(LOCKS), "rfs"], help="rfs: not a zip but the template of deploy/functiongraph for RFS")
    parser.add_argument("--fetch", type=Path, metavar="DIR", help="only download into this folder the wheels that the tests need")
    parser.add_argument("--python", default="3.12", help="the platform's Python (default 3.12)")
    parser.add_argument("--geminidb", action="store_true", help="with boto3, for a journal on GeminiDB")
    parser.add_argument("--wheels", type=Path, help="a folder of wheels, instead of the package index")
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    options = parser.parse_args()
    if options.fetch:
        fetch(options.fetch, python_at_hand(options.python), GEMINIDB_LOCK)
        return
    if options.host is None:
        parser.error("--host is missing: functiongraph, lambda or rfs")
    if options.host == "rfs":
        made = rfs.build(options.output)
        print(f"{made.relative_to(ROOT) if made.is_relative_to(ROOT) else made}: {made.stat().st_size / 1e3:.1f} KB")
        return
    made = build(options.host, options.python, options.output, geminidb=options.geminidb, wheels=options.wheels)
    compiled = "with bytecode" if find_interpreter(options.python) else f"without bytecode (no Python {options.python} is at hand)"
    print(f"{made.relative_to(ROOT) if made.is_relative_to(ROOT) else made}: {made.stat().st_size / 1e6:.1f} MB, {compiled}")


if __name__ == "__main__":
    main()
