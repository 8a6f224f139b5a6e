"""Sets up what a target of the Makefile needs, once, and runs it. Standard library alone: this is the first thing to run."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOWEST = (3, 11)
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
BROWSER_PACKAGES = ("chromium-headless-shell", "fonts-dejavu-core", "fonts-wqy-microhei")
NO_BROWSER = "SKIPPED: the tests of pages in a browser. They need Chromium; `make browser` installs it on Debian, as root. None ran here."
# Lock -> what of pyproject.toml it is made from. The function's packages have no command line.
LOCKS: Mapping[str, Sequence[str]] = {
    "requirements.txt": ("--group", "function"),
    "requirements-aws.txt": ("--group", "function-aws"),
    "requirements-local.txt": ("pyproject.toml", "--extra", "aws"),
    "requirements-test.txt": ("pyproject.toml", "--extra", "aws", "--extra", "test"),
}


def environment(lock: str) -> Path:
    """A virtual environment with exactly what this lock names; made again when lock or interpreter change. Returns its Python."""
    version = "{}.{}".format(*sys.version_info[:2])
    folder = ROOT / ".venv" / f"{Path(lock).stem}-{version}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "made-from"
    wanted = hashlib.sha256((ROOT / lock).read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"setting up {folder.relative_to(ROOT)} from {lock} ...", file=sys.stderr, flush=True)
    venv.EnvBuilder(with_pip=True, clear=True).create(folder)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    # A lock is complete; without resolving it again, older versions of pip take it too.
    run([*install, "--no-deps", "-r", str(ROOT / lock)])
    stamp.write_text(wanted)
    return python


def run(command: Sequence[str | Path], **more: str) -> None:
    """Run it in the project's folder, or end with its exit status."""
    status = subprocess.run([str(part) for part in command], cwd=ROOT, env={**os.environ, **more}, check=False).returncode
    if status:
        sys.exit(status)


def demo(args: Sequence[str]) -> None:
    """The main job on the embedded emulator, and a page of it."""
    (ROOT / "build").mkdir(exist_ok=True)
    words = args or ["events/timer-restart-by-tag.json", "--page", "build/demo.html"]
    run([environment("requirements-local.txt"), "-m", "dcs_upkeep", "run", "--local", *words])


def lint(_: Sequence[str]) -> None:
    """Ruff: rules and format."""
    python = environment("requirements-test.txt")
    run([python, "-m", "ruff", "check", "."])
    run([python, "-m", "ruff", "format", "--check", "."])


def types(_: Sequence[str]) -> None:
    """Mypy, strict."""
    run([environment("requirements-test.txt"), "-m", "mypy"])


def pytest_words(args: Sequence[str]) -> list[str]:
    """Tests run on every core unless `args` says otherwise: of an option that is given twice, pytest takes the last."""
    return ["-m", "pytest", "-n", "auto", "--dist", "loadgroup", *args]


def test(args: Sequence[str]) -> None:
    """The tests."""
    run([environment("requirements-test.txt"), *pytest_words(args)])


def soak(args: Sequence[str]) -> None:
    """So many seeds of the simulation, on all cores. Each one that fails is told with the command that shows it."""
    run([environment("requirements-test.txt"), "-m", "tests.simulation", *(args or ["--seeds", "100000"])])


def wheels() -> None:
    """The wheels of the packages' lock, once, so that the tests build packages, and drive them, without a network."""
    stamp = ROOT / "build" / "wheels" / "made-from"
    named = b"".join((ROOT / name).read_bytes() for name in ("requirements-aws.txt", "requirements-test.txt"))
    wanted = hashlib.sha256(named + sys.version.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        run([environment("requirements-test.txt"), "-m", "tools.package", "--fetch", "build/wheels"])
        stamp.write_text(wanted)


def package(args: Sequence[str]) -> None:
    """Build a zip for a host."""
    run([environment("requirements-test.txt"), "-m", "tools.package", *args])


def has_browser() -> bool:
    """Whether the tests of pages find a browser."""
    return any(shutil.which(name) for name in BROWSERS)


def browser(_: Sequence[str]) -> None:
    """A headless browser and two fonts for the tests of pages: Debian's, where this is root; PyPI has none that runs by itself."""
    if has_browser():
        return
    if shutil.which("apt-get") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        print(NO_BROWSER, file=sys.stderr, flush=True)
        return
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], **quiet)
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *BROWSER_PACKAGES], **quiet)


def sam(_: Sequence[str]) -> None:
    """AWS SAM's own look at template.yml, in an environment of its own: it pins much that the tests need otherwise."""
    python = environment("requirements-sam.txt")
    # A region is asked for, though nothing is called; its settings and telemetry are not wanted in the home folder or on the wire.
    quiet = {"SAM_CLI_TELEMETRY": "0", "__SAM_CLI_APP_DIR": str(ROOT / "build" / "sam"), "AWS_DEFAULT_REGION": "eu-central-1"}
    run([python, "-m", "samcli", "validate", "--lint", "--template", "template.yml"], **quiet)


def has_terraform() -> bool:
    """Whether Terraform's wheel, and the stand-in's script, run here: on Linux with x86-64 and glibc 2.35 or later."""
    name, version = platform.libc_ver()
    numbers = tuple(int(part) for part in version.split(".") if part.isdigit())
    return sys.platform == "linux" and platform.machine() == "x86_64" and name == "glibc" and numbers >= (2, 35)


def terraform(args: Sequence[str]) -> None:
    """deploy/functiongraph applied by Terraform, in an environment of its own: it pins what the tests need otherwise."""
    if not has_terraform():
        print(
            "SKIPPED: make terraform. It needs Linux on x86-64 with glibc 2.35 or later; nothing was applied here.",
            file=sys.stderr,
            flush=True,
        )
        return
    python = environment("requirements-terraform.txt")
    run([python, *pytest_words(["--confcutdir=tests/terraform", *(args or ["tests/terraform"])])])


def check(_: Sequence[str]) -> None:
    """All of it."""
    wheels()
    lint(())
    types(())
    sam(())
    terraform(())
    if not has_browser():
        print(NO_BROWSER, file=sys.stderr, flush=True)
    test(())


def schemas(_: Sequence[str]) -> None:
    """Write schemas/."""
    run([environment("requirements-test.txt"), "-m", "tools.schemas"])


def messages(_: Sequence[str]) -> None:
    """Write docs/messages/."""
    run([environment("requirements-test.txt"), "-m", "tools.messages"])


def readme(_: Sequence[str]) -> None:
    """Write the tables and the report of the docs."""
    run([environment("requirements-test.txt"), "-m", "tools.readme"])


def pictures(args: Sequence[str]) -> None:
    """Draw what the README shows; `args`: a page and a picture, to have a browser show the one as the other."""
    run([environment("requirements-test.txt"), "-m", "tools.pictures", *args])


def bench(args: Sequence[str]) -> None:
    """Print the figures. Bytecode may be written: start-up is measured as a platform has it, which compiles once."""
    run([environment("requirements-test.txt"), "-m", "bench", *args], PYTHONDONTWRITEBYTECODE="")


def locks(_: Sequence[str]) -> None:
    """Resolve the locks again."""
    for name, source in LOCKS.items():
        fixed = ["--generate-hashes", "--universal", "--python-version", "3.11", "--no-header", "--quiet"]
        run(["uv", "pip", "compile", *source, *fixed, "-o", name])
    for name in ("sam", "terraform"):
        run(["uv", "pip", "compile", f"tools/{name}.in", *fixed, "-o", f"requirements-{name}.txt"])


TARGETS: Mapping[str, Callable[[Sequence[str]], None]] = {
    one.__name__: one
    for one in (demo, check, test, lint, types, sam, terraform, browser, schemas, messages, readme, pictures, bench, package, locks, soak)
}


def main() -> None:
    """Run one target."""
    if sys.version_info < LOWEST:
        sys.exit(
            f"dcs-upkeep needs Python {LOWEST[0]}.{LOWEST[1]} or later, and this is {sys.version.split()[0]}. Set PYTHON=python3.12, say."
        )
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"Write one of: {', '.join(TARGETS)}.")
    TARGETS[sys.argv[1]](sys.argv[2:])


if __name__ == "__main__":
    main()
