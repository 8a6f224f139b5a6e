"""The floors: a file imports lower floors only, so that no cycle can form and the core stays pure."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "dcs_upkeep"

FLOORS: tuple[tuple[str, ...], ...] = (
    ("__init__", "errors", "model", "entries", "guard_list"),
    ("windows", "losses", "ports", "journal", "complaints", "report"),
    ("guards", "request", "settings", "record", "watching", "sending", "messages", "backing_up", "parsing"),
    ("judging", "closing", "publishing", "claiming", "polling", "plans", "deliveries"),
    ("refusing", "claims", "control", "wave", "triggers"),
    ("plan", "approvals", "gate", "ending"),
    ("turn",),
    ("planning",),
    ("run",),
    ("runner",),
    ("commands",),
    ("serve",),
    ("adapters",),
    ("wire",),
    ("local",),
    ("__main__",),
)
FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names}
ADAPTERS = FLOOR_OF["adapters"]
# What the core may use beside the standard library. (pydantic: the request, and plans which hold requests.)
CORE_LIBRARIES = {
    "report": {"typing_extensions"},
    "complaints": {"pydantic_core"},
    "request": {"pydantic", "pydantic_core"},
    "plans": {"pydantic", "pydantic_core"},
}
# I/O belongs to the adapters. `concurrent.futures` is how the shell waits for several of its ports at a time.
NOT_IN_CORE = {
    "socket",
    "ssl",
    "http",
    "urllib",
    "sqlite3",
    "subprocess",
    "os",
    "time",
    "random",
    "logging",
    "asyncio",
    "multiprocessing",
    "pathlib",
    "io",
}


def sources() -> list[Path]:
    """Every module of the package, apart from the emulator, which imports nothing of ours and has a test of its own."""
    return sorted(path for path in PACKAGE.rglob("*.py") if "emulator" not in path.parts)


def place(path: Path) -> str:
    """The name by which a file has its floor: `dcs_upkeep/adapters/hosts.py` -> `adapters`."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """The full names that a file imports, at its top or inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write the whole name, so that this test can read it"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                as_module = ROOT.joinpath(*whole.split("."))
                is_module = as_module.with_suffix(".py").exists() or as_module.is_dir()
                yield whole if is_module else str(node.module)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", sources(), ids=named)
def test_a_file_imports_lower_floors_only(path: Path) -> None:
    here = place(path)
    assert here in FLOOR_OF, f"{path.name} has no floor yet: give it one above"
    for name in imports(path):
        if not name.startswith("dcs_upkeep"):
            continue
        there = name.split(".")[1] if "." in name else "__init__"
        assert there in FLOOR_OF, f"{named(path)} imports {name}, which has no floor"
        same_package = there == here and here in ("adapters", "local", "triggers")
        assert FLOOR_OF[there] < FLOOR_OF[here] or same_package, f"{named(path)} imports {name} upward"


@pytest.mark.parametrize("path", [path for path in sources() if FLOOR_OF.get(place(path), 99) < ADAPTERS], ids=named)
def test_the_core_touches_neither_clouds_nor_the_machine(path: Path) -> None:
    """Decisions are pure: what is outside is reached through ports."""
    allowed = CORE_LIBRARIES.get(place(path), set())
    for name in imports(path):
        top = name.split(".")[0]
        assert top == "dcs_upkeep" or top in sys.stdlib_module_names or top in allowed, f"{named(path)} imports {name}"
        assert top not in NOT_IN_CORE, f"{named(path)} imports {name}, which is for adapters"


@pytest.mark.parametrize("path", [path for path in sources() if place(path) == "adapters"], ids=named)
def test_adapters_never_import_one_another(path: Path) -> None:
    """A change of one cloud's adapter must not be able to break another's."""
    own = path.relative_to(PACKAGE / "adapters").parts[0].removesuffix(".py")
    for name in imports(path):
        if name.startswith("dcs_upkeep.adapters."):
            assert name.split(".")[2] == own, f"{named(path)} imports {name}"


def test_the_emulator_imports_nothing_of_ours() -> None:
    """It must not share our bugs."""
    for path in sorted((PACKAGE / "local" / "emulator").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 1 or not (node.module or "").startswith("dcs_upkeep"), f"{named(path)}: {ast.unparse(node)}"
            elif isinstance(node, ast.Import):
                assert not any(alias.name.startswith("dcs_upkeep") for alias in node.names), f"{named(path)}: {ast.unparse(node)}"


@pytest.mark.parametrize("path", [ROOT / "handler.py", *sorted(PACKAGE.rglob("*.py"))], ids=named)
def test_no_file_grows_past_what_a_reader_holds_in_mind(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, f"{named(path)} asks to be split"
