"""Which instances of the fleet a request means. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from dcs_upkeep.domain.model import Instance
from dcs_upkeep.domain.request import Request, Select


def matches(select: Select, instance: Instance) -> bool:
    """Whether every condition of the selection holds for this instance.

    One whose tags DCS did not tell stays in: the guard `protected` refuses it, so that a person sees it; left out here it would be
    missing without a word.
    """
    tags = instance.tags
    return (
        (tags is None or all(tags.get(key) == value for key, value in (select.tags or {}).items()))
        and (select.name is None or fnmatchcase(instance.name, select.name))
        and (select.engine_versions is None or any(_version_fits(instance.engine_version, wanted) for wanted in select.engine_versions))
        and not (tags is not None and any(tags.get(key) == value for key, value in select.exclude_tags.items()))
        and instance.instance_id not in select.exclude_instances
    )


def _version_fits(version: str, wanted: str) -> bool:
    """`5` and `5.0` both mean 5.0; `5` does not mean 50."""
    return version == wanted or version.startswith(f"{wanted}.")


def selected(request: Request, fleet: Mapping[str, Instance]) -> tuple[str, ...]:
    """The IDs that the request means, in an order that does not depend on how DCS lists them."""
    if request.instances is not None:
        return request.instances
    select = request.select
    if select is None:
        return ()
    found = [one for one in fleet.values() if matches(select, one)]
    return tuple(one.instance_id for one in sorted(found, key=lambda one: (one.name, one.instance_id)))
