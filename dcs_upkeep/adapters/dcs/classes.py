"""What an action would destroy, read from DCS: at most two reads an instance, 16 at a time, none where none is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from dcs_upkeep.errors import CloudError
from dcs_upkeep.losses import is_single_by_spec, loses_data
from dcs_upkeep.model import Action, Instance

PARALLEL = 16
Class = tuple[bool | None, str]


def classify(
    action: Action,
    instances: Sequence[Instance],
    show: Callable[[str], Instance | None],
    configurations: Callable[[str], Mapping[str, str]],
) -> Mapping[str, Class]:
    """Instance ID -> (whether the action loses its data, why). A read that fails leaves None, which counts as loses."""

    def one(instance: Instance) -> Class:
        if action in (Action.FLUSH, Action.START) or is_single_by_spec(instance.spec_code):
            return loses_data(action, cache_mode=None, replica_count=None, appendonly=None, spec_code=instance.spec_code)
        try:
            # A snapshot that came from `show` has these already.
            shown = instance if instance.cache_mode is not None else show(instance.instance_id)
            if shown is None:
                return None, "it is gone"
            # A single node loses its data whatever its configuration says.
            needed = shown.cache_mode != "single"
            appendonly = configurations(instance.instance_id).get("appendonly") if needed else None
            return loses_data(
                action,
                cache_mode=shown.cache_mode,
                replica_count=shown.replica_count,
                appendonly=appendonly,
                spec_code=shown.spec_code,
            )
        except CloudError as err:
            return None, f"it could not be read: {err}"

    if len(instances) <= 1:
        return {instance.instance_id: one(instance) for instance in instances}
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="classify") as pool:
        return dict(zip([instance.instance_id for instance in instances], pool.map(one, instances), strict=True))
