"""The rooms: which package may know which, so that no cycle can form, the core stays pure, and a reader finds each answer in one place."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "dcs_upkeep"

# Package or file -> what of ours it may import, beside its own package and the version in `dcs_upkeep/__init__.py`.
MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "__init__": frozenset(),
    "domain": frozenset(),
    "guards": frozenset({"domain"}),
    "journal": frozenset({"domain"}),
    "triggers": frozenset({"domain"}),
    "adapters": frozenset({"domain"}),
    "planning": frozenset({"domain", "guards", "journal"}),
    "reporting": frozenset({"domain", "journal"}),
    "execution": frozenset({"domain", "guards", "journal", "planning", "reporting"}),
    "invocation": frozenset({"domain", "triggers", "execution", "reporting"}),
    "doctor": frozenset({"domain", "triggers", "adapters"}),
    "bootstrap": frozenset(
        {"domain", "guards", "journal", "triggers", "adapters", "planning", "reporting", "execution", "invocation", "doctor"}
    ),
    "local": frozenset(
        {"domain", "guards", "journal", "triggers", "adapters", "planning", "reporting", "execution", "invocation", "bootstrap"}
    ),
    "__main__": frozenset({"local"}),
}
# What the adapters share: the only files of theirs that more than one of them may import.
SHARED_BY_ADAPTERS = frozenset(
    {
        "account",
        "aws_sdk",
        "clocks",
        "connections",
        "credentials",
        "endpoints",
        "foreign_words",
        "huawei_sdk",
        "pace",
        "timeouts",
        "transport",
        "wire",
    }
)
# Libraries beside the standard one, inside the core. (pydantic: the request, and what says in words what is wrong with it.)
LIBRARIES: Mapping[str, frozenset[str]] = {
    "domain/request.py": frozenset({"pydantic", "pydantic_core"}),
    "domain/problems.py": frozenset({"pydantic_core"}),
    "reporting/report.py": frozenset({"typing_extensions"}),
}
OUTSIDE = frozenset({"adapters", "local", "bootstrap", "doctor", "__main__"})
# I/O belongs to the adapters. `concurrent.futures` is how the shell waits for several of its ports at a time.
IO_MODULES = frozenset(
    {
        "asyncio",
        "http",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "random",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "time",
        "urllib",
    }
)
MOST_LINES = 300
MOST_PARAMETERS = 6


def sources() -> list[Path]:
    """Every module of ours apart from the emulator, which has a test of its own."""
    return sorted(path for path in PACKAGE.rglob("*.py") if "emulator" not in path.parts)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room(path: Path) -> str:
    """`dcs_upkeep/adapters/topics/smn.py` -> `adapters`."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def file_of(name: str) -> Path | None:
    """The file of a module's full name; None if it is none of ours."""
    base = ROOT.joinpath(*name.split("."))
    return next((one for one in (base.with_suffix(".py"), base / "__init__.py") if one.exists()), None)


def imports(path: Path) -> Iterator[str]:
    """The full names of the modules that a file imports: at its top, inside functions, and for types alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)}: write the whole name, so that this test can read it"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole.startswith("dcs_upkeep.") and file_of(whole) else str(node.module)


def own_imports(path: Path) -> list[Path]:
    """The files of ours that it imports."""
    return [found for name in imports(path) if name.split(".")[0] == "dcs_upkeep" and (found := file_of(name))]


@pytest.mark.parametrize("path", sources(), ids=named)
def test_a_package_knows_only_what_its_question_needs(path: Path) -> None:
    here = room(path)
    assert here in MAY_IMPORT, f"{named(path)} is in no room yet: give it one above"
    strangers = sorted({named(found) for found in own_imports(path) if room(found) not in {here, "__init__", *MAY_IMPORT[here]}})
    assert strangers == [], f"{named(path)} may not know these"


def test_no_file_imports_one_that_leads_back_to_it() -> None:
    """Imports for types alone count too: they couple just as much."""
    graph = {path: set(own_imports(path)) - {path} for path in sources()}
    done: set[Path] = set()

    def visit(path: Path, above: tuple[Path, ...]) -> None:
        assert path not in above, " -> ".join(named(one) for one in (*above[above.index(path) :], path))
        if path in done:
            return
        for found in sorted(graph.get(path, ())):
            visit(found, (*above, path))
        done.add(path)

    for path in sorted(graph):
        visit(path, ())


@pytest.mark.parametrize("path", [path for path in sources() if room(path) not in OUTSIDE], ids=named)
def test_the_core_touches_neither_clouds_nor_the_machine(path: Path) -> None:
    """Decisions are pure: what is outside is reached through ports."""
    allowed = LIBRARIES.get(path.relative_to(PACKAGE).as_posix(), frozenset())
    for name in imports(path):
        top = name.split(".")[0]
        assert top == "dcs_upkeep" or top in sys.stdlib_module_names or top in allowed, f"{named(path)} imports {name}"
        assert top not in IO_MODULES, f"{named(path)} imports {name}, which is for adapters"


@pytest.mark.parametrize("path", [path for path in sources() if room(path) == "adapters"], ids=named)
def test_adapters_never_import_one_another(path: Path) -> None:
    """A change of one cloud's adapter must not be able to break another's."""

    def folder(one: Path) -> str:
        return one.relative_to(PACKAGE / "adapters").parts[0].removesuffix(".py")

    for found in own_imports(path):
        if room(found) == "adapters":
            assert folder(found) in {folder(path), *SHARED_BY_ADAPTERS}, f"{named(path)} imports {named(found)}"


def test_the_emulator_imports_nothing_of_ours() -> None:
    """It must not share our bugs."""
    for path in sorted((PACKAGE / "local" / "emulator").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 1 or not (node.module or "").startswith("dcs_upkeep"), f"{named(path)}: {ast.unparse(node)}"
            elif isinstance(node, ast.Import):
                assert not any(alias.name.startswith("dcs_upkeep") for alias in node.names), f"{named(path)}: {ast.unparse(node)}"


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*/__init__.py")), ids=named)
def test_a_package_says_its_question_in_one_sentence_and_imports_nothing(path: Path) -> None:
    """`triggers` hands on what other packages need of it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert room(path) == "triggers" or len(tree.body) == 1, f"{named(path)} holds code"


@pytest.mark.parametrize("path", [ROOT / "handler.py", *sorted(PACKAGE.rglob("*.py"))], ids=named)
def test_no_file_grows_past_what_a_reader_holds_in_mind(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES, f"{named(path)} asks to be split"


def test_a_constructor_takes_no_more_than_a_reader_can_name() -> None:
    """More parameters are a value that has no name yet. (Data classes are plain data: their fields are their point.)"""
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                count = len([*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]) - 1
                assert count <= MOST_PARAMETERS, f"{named(path)}:{node.lineno} takes {count}"
