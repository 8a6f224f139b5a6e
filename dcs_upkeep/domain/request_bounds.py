"""A request cut to what its sender will be told about, before it is validated: what is refused anyway must cost little. Pure.

Nothing that is valid is touched. Of what is wrong beyond the problems that are told, only the number is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import islice
from typing import Any

from dcs_upkeep.domain.bounds import MOST_PROBLEMS

MOST_ENTRIES = 1_000  # of a list or of tags; an instance has 20 tags at most
MOST_WRONG = MOST_PROBLEMS + 1  # one more than is told, so that the rest is known to exist
_AN_ID = "00000000-0000-4000-8000-000000000000"  # stands for a bad one that is only counted, so that the others keep their places
_ID_LISTS = frozenset({"instances", "exclude_instances"})


def prune(
    raw: Mapping[object, object], models: Mapping[str, Collection[str]], is_id: Callable[[object], bool], most_ids: int
) -> tuple[dict[Any, Any], int]:
    """The request with so many wrong entries of each kind at most, and how many were left out.

    `models`: name of an object in a request -> its fields; `""` for the request itself.
    """
    kept, more = _known(raw, models[""])
    for name, value in list(kept.items()):
        if name in models and isinstance(value, Mapping):
            kept[name], left_out = _known(value, models[str(name)])
            more += left_out
    for level in (kept, *(kept[name] for name in models if isinstance(kept.get(name), dict))):
        for name, value in level.items():
            if isinstance(value, list) and name in _ID_LISTS:
                level[name], left_out = _ids(value[: most_ids + 1], is_id)
                more += left_out
            elif isinstance(value, list) and len(value) > MOST_ENTRIES:
                level[name] = value[: MOST_ENTRIES + 1]
            elif isinstance(value, dict) and name not in models and len(value) > MOST_ENTRIES:
                level[name] = dict(islice(value.items(), MOST_ENTRIES + 1))
    return kept, more


def _known(raw: Mapping[Any, Any], fields: Collection[str]) -> tuple[dict[Any, Any], int]:
    strangers = [name for name in raw if name not in fields]
    surplus = set(strangers[MOST_WRONG:])
    return {name: value for name, value in raw.items() if name not in surplus}, len(surplus)


def _ids(values: list[Any], is_id: Callable[[object], bool]) -> tuple[list[Any], int]:
    surplus = [place for place, value in enumerate(values) if not is_id(value)][MOST_WRONG:]
    kept = list(values)
    for place in surplus:
        kept[place] = _AN_ID
    return kept, len(surplus)
