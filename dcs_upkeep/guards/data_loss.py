"""What an action would destroy, judged from what DCS says of the instance. Pure; unknown counts as loses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from dcs_upkeep.domain.actions import RULES, Action, DataLoss

# `redis.single.xu1.tiny.128`, and `dcs.single_node` of older instances. A spec code of any other form proves nothing.
_SINGLE = re.compile(r"(?:^|[._])single(?:[._]|$)")
_CLUSTERS: Final = frozenset({"cluster", "proxy"})
_REPLICATED: Final = frozenset({"ha", "ha_rw_split"}) | _CLUSTERS


def loses_data(
    action: Action, *, cache_mode: str | None, replica_count: int | None, appendonly: str | None, spec_code: str
) -> tuple[bool | None, str]:
    """Whether the action clears the instance's data, and why in words: `single node: restart clears all data`.

    `cache_mode` and `replica_count` are from ShowInstance, `appendonly` from its configuration; None was not read or not
    answered. A `spec_code` of a single node settles it without any read. Returns None if it cannot be told, which counts
    as loses. No words if nothing is lost.
    Source: DCS user guide dcs-ug-0713008 (restart clears single nodes and appendonly=no); single-replica clusters: OTC FAQ
    "will cached data be retained". soft_restart and stop are documented nowhere, and taken to be like restart.
    """
    if RULES[action].data_loss is DataLoss.ALWAYS:
        return True, f"{action} clears all data"
    if RULES[action].data_loss is DataLoss.NEVER:
        return False, ""
    mode, aof = (cache_mode or "").strip().lower(), (appendonly or "").strip().lower()
    why = []
    if mode == "single" or is_single_by_spec(spec_code):
        why.append("single node")
    if mode in _CLUSTERS and replica_count is not None and replica_count <= 1:
        why.append("single-replica cluster")
    if aof == "no":
        why.append("appendonly=no")
    if why:
        return True, f"{', '.join(why)}: {action} clears all data"
    unknown = []
    if mode not in _REPLICATED:
        unknown.append(f"cache_mode {_shown(cache_mode)}")
    if mode in _CLUSTERS and replica_count is None:
        unknown.append("replica_count unknown")
    if aof != "yes":  # a third word such as only-replica is no promise
        unknown.append(f"appendonly {_shown(appendonly)}")
    if unknown:
        return None, f"{', '.join(unknown)}: cannot tell whether {action} clears the data"
    return False, ""


def is_single_by_spec(spec_code: str) -> bool:
    """Whether the spec code alone, which every list shows, says single node."""
    return _SINGLE.search(spec_code.lower()) is not None


def disposable(tags: Mapping[str, str] | None, pairs: Iterable[tuple[str, str]]) -> bool:
    """Whether the operator's tags say that this data may go: exempt from approval. A value `*` stands for any.

    Exact, letter case too, unlike `protected`: here a mistaken match would destroy data. `tags` None, not told, says nothing.
    """
    return tags is not None and any(key in tags and wanted in ("*", tags[key]) for key, wanted in pairs)


def _shown(value: str | None) -> str:
    return "unknown" if not value else repr(value[:40])
