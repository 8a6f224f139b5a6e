"""The rights that each adapter lists beside its calls, gathered for the tests that hold policies and pages against them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCTOR = ".doctor."
PLACES = ("adapters", "doctor", "local")


def sources() -> list[Path]:
    """Every file that may call a cloud, apart from the emulator."""
    found = [path for place in PLACES for path in sorted((ROOT / "dcs_upkeep" / place).rglob("*.py")) if "emulator" not in path.parts]
    assert len(found) > 20
    return found


def module_name(path: Path) -> str:
    """`dcs_upkeep/adapters/cloud_eye.py` -> `dcs_upkeep.adapters.cloud_eye`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@cache
def listed() -> Mapping[str, Mapping[str, str]]:
    """Module -> operation -> right, of every module with a list."""
    names = [module_name(path) for path in sources() if "\nPERMISSIONS = {" in path.read_text(encoding="utf-8")]
    assert len(names) >= 7
    return {name: importlib.import_module(name).PERMISSIONS for name in names}


def beside(name: str) -> tuple[str, ...]:
    """Rights of a module's list that no call needs, and without which an answer would not say what is the matter."""
    found: tuple[str, ...] = getattr(importlib.import_module(name), "PERMISSIONS_BESIDE", ())
    return found


def asked(*services: str) -> set[str]:
    """The rights at these services that the function itself needs; what only `doctor` asks is not among them."""
    own = [name for name in listed() if DOCTOR not in name and ".local." not in name]
    rights = {right for name in own for right in (*listed()[name].values(), *beside(name))}
    found = {right for right in rights if right.split(":")[0] in services}
    assert {right.split(":")[0] for right in found} == set(services), "a service without a right"
    return found


def optional() -> set[str]:
    """What only `doctor` asks: a policy may grant it, and a run does not need it."""
    return {right for name, rights in listed().items() if DOCTOR in name for right in rights.values()}
