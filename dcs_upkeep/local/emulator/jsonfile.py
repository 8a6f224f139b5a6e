"""Makes dataclasses from JSON written by people, and says where it is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

Made = TypeVar("Made")

# annotation of a field, without "| None" -> what JSON may hold there
ACCEPTED: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "dict[str, str]": (dict,),
    "list[dict[str, object]]": (list,),
    "Sequence[str]": (list,),
}


def make_all(make: type[Made], items: Iterable[object], required: set[str], first: int = 0) -> list[Made]:
    """Make one `make` of each JSON object. Raises ValueError that names the place, counted from `first`."""
    made = []
    for place, item in enumerate(items, first):
        if not isinstance(item, Mapping) or not required <= item.keys():
            raise ValueError(f"[{place}] must be an object with {' and '.join(sorted(required))}")
        check_fields(make, item, f"[{place}]")
        try:
            made.append(make(**item))
        except (TypeError, ValueError) as error:
            raise ValueError(f"[{place}]: {error}") from error
    return made


def check_fields(make: type[Any], item: Mapping[str, object], place: str, extra: Iterable[str] = ()) -> None:
    """Refuse fields that `make` does not have or that hold another type."""
    annotations = {one.name: str(one.type) for one in fields(make)}
    for name, value in item.items():
        if name in extra:
            continue
        annotation, _, optional = annotations.get(name, "").partition(" | ")
        if annotation not in ACCEPTED:
            raise ValueError(f"{place} has an unknown field: {name}")
        fits = isinstance(value, ACCEPTED[annotation]) and (annotation == "bool" or not isinstance(value, bool))
        if not fits and not (optional and value is None):
            raise ValueError(f"{place}: {name} must be {annotation}, not {value!r}")
