"""Which instances of the fleet a request means. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from dcs_upkeep.domain.model import Instance
from dcs_upkeep.domain.problems import list_some, plain, shorten
from dcs_upkeep.domain.request import Request, Select

ANY = "*"  # as a tag's value


def matches(select: Select, instance: Instance) -> bool:
    """Whether every condition of the selection holds for this instance.

    One whose tags DCS did not tell stays in: the guard `protected` refuses it, so that a person sees it; left out here it would be
    missing without a word.
    """
    return (
        (instance.tags is None or all(_has(instance.tags, key, value) for key, value in (select.tags or {}).items()))
        and (select.name is None or fnmatchcase(instance.name, select.name))
        and (select.engine_versions is None or any(_version_fits(instance.engine_version, wanted) for wanted in select.engine_versions))
        and not any(_excludes_tag(instance, key, value) for key, value in select.exclude_tags.items())
        and not any(_excludes_id(instance, one) for one in select.exclude_instances)
    )


def idle_exclusions(select: Select, fleet: Iterable[Instance]) -> tuple[str, ...]:
    """A note on each exclusion that no instance of the fleet meets, selected or not: mistyped, it protects nothing."""
    instances = tuple(fleet)
    tags = [
        f"exclude_tags {shorten(f'{key}={value}')} matched no instance"
        for key, value in select.exclude_tags.items()
        if not any(_excludes_tag(instance, key, value) for instance in instances)
    ]
    ids = [one for one in select.exclude_instances if not any(_excludes_id(instance, one) for instance in instances)]
    return (*tags, *([f"exclude_instances: DCS lists no instance {list_some(ids)}"] if ids else []))


def _has(tags: Mapping[str, str], key: str, value: str) -> bool:
    return key in tags if value == ANY else tags.get(key) == value


def _excludes_tag(instance: Instance, key: str, value: str) -> bool:
    """As lenient as protection: letter case and outer spaces do not count, and a mistaken exclusion is soon undone."""
    return any(
        plain(its_key) == plain(key) and (value.strip() == ANY or plain(its_value) == plain(value))
        for its_key, its_value in (instance.tags or {}).items()
    )


def _excludes_id(instance: Instance, instance_id: str) -> bool:
    return plain(instance.instance_id) == plain(instance_id)


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
