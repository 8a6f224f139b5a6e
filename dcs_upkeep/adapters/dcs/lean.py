"""Keeps the SDK small: only the models in use are imported."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

PACKAGE = "huaweicloudsdkdcs.v2"
MODELS = f"{PACKAGE}.model"


def load(names: Iterable[str]) -> Mapping[str, ModuleType]:
    """Modules of `huaweicloudsdkdcs.v2`, by their names in it, without the package's own imports.

    The package imports all of its 400 models, a third of a cold start, of which we use a few. So it is stood in for while
    ours are imported, and taken out again: whoever imports it later gets all of it, with these modules in it.
    """
    if PACKAGE in sys.modules:
        return {name: importlib.import_module(f"{PACKAGE}.{name}") for name in names}
    root = Path(importlib.import_module("huaweicloudsdkdcs").__path__[0])
    for name, folder in ((PACKAGE, root / "v2"), (MODELS, root / "v2" / "model")):
        stand_in = ModuleType(name)
        stand_in.__path__ = [str(folder)]
        sys.modules[name] = stand_in
    try:
        return {name: importlib.import_module(f"{PACKAGE}.{name}") for name in names}
    finally:
        del sys.modules[PACKAGE], sys.modules[MODELS]
