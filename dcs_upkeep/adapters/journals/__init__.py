"""The journal's stores: Huawei OBS, the DynamoDB API (Amazon's, and GeminiDB's by endpoint), SQLite, memory. Chosen by UPKEEP_JOURNAL."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from dcs_upkeep.adapters.journals.rows import Access, ObsAccess
from dcs_upkeep.domain.deadline import ENDLESS, Deadline
from dcs_upkeep.domain.errors import Problem, SettingsError
from dcs_upkeep.domain.ports import Clock, Journal


@dataclass(frozen=True, slots=True)
class Store:
    """One kind of store. `module`: its file here, imported when it is chosen. `form`: how its address is written.

    The module has `open_at(address, access)`, which raises ValueError, saying why, if the address cannot be used.
    """

    module: str
    outlives_instance: bool
    form: str


STORES: Mapping[str, Store] = {
    "dynamodb": Store("dynamodb", True, "dynamodb://table?region=<region>"),
    "memory": Store("memory", False, "memory:"),
    "obs": Store("obs", True, "obs://bucket/prefix?region=<region>"),
    "sqlite": Store("sqlite", False, "sqlite:///path"),
}


def open_journal(
    url: str,
    *,
    clock: Clock,
    deadline: Deadline = ENDLESS,
    key_pair: tuple[str, str] | None = None,
    obs: ObsAccess | None = None,
) -> Journal:
    """The store of this address; nothing is imported for the others, and nothing connected before the first call.

    `sqlite:///relative.db`, `sqlite:////absolute.db`, `memory:`, `dynamodb://table?region=...&endpoint=...`,
    `obs://bucket/prefix?region=...&endpoint=...`.
    `key_pair`: user and password for the DynamoDB API; without it boto3 finds its own. `obs`: the account for OBS.
    Raises: SettingsError if the address cannot be used.
    """
    module = importlib.import_module(f"{__name__}.{_store(url).module}")
    try:
        journal: Journal = module.open_at(urlsplit(url), Access(clock, deadline, key_pair, obs))
    except ValueError as err:
        raise _unusable(str(err)) from None
    return journal


def outlives_instance(url: str) -> bool:
    """Whether what is written there is still there when a platform has thrown the function's instance away. Raises: SettingsError."""
    return _store(url).outlives_instance


def _store(url: str) -> Store:
    try:
        return STORES[urlsplit(url).scheme]
    except KeyError:
        raise _unusable("this names no store") from None


def _unusable(what: str) -> SettingsError:
    forms = [store.form for store in STORES.values()]
    return SettingsError([Problem("UPKEEP_JOURNAL", what, f"Write {', '.join(forms[:-1])} or {forms[-1]}.")])
