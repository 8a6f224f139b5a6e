"""What guards need and somebody has to read first: data-loss classes, firing alarms, the halt lever, the breaker's count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from dcs_upkeep.domain.actions import RULES, Action, DataLoss
from dcs_upkeep.domain.errors import CloudError, JournalError
from dcs_upkeep.domain.model import Instance, Location
from dcs_upkeep.domain.ports import Dcs, Journal, Ports, Tick, no_tick
from dcs_upkeep.guards import guard, per_call
from dcs_upkeep.guards.data_loss import is_single_by_spec, loses_data
from dcs_upkeep.guards.policy import Firing
from dcs_upkeep.journal.failures import read_failures, scope_of
from dcs_upkeep.journal.halt import current_halt

PARALLEL = 16
Class = tuple[bool | None, str]


def classify(dcs: Dcs, action: Action, instances: Sequence[Instance], tick: Tick = no_tick) -> Mapping[str, Class]:
    """Instance ID -> (whether the action loses its data, why). A read that fails leaves None, which counts as loses.

    `tick`: called after each instance, in the thread that asks.
    """

    def one(instance: Instance) -> Class:
        if RULES[action].data_loss is not DataLoss.DEPENDS or is_single_by_spec(instance.spec_code):
            return loses_data(action, cache_mode=None, replica_count=None, appendonly=None, spec_code=instance.spec_code)
        try:
            # A snapshot that came from `show` has these already.
            shown = instance if instance.cache_mode is not None else dcs.show([instance.instance_id]).get(instance.instance_id)
            if shown is None:
                return None, "it no longer exists"
            # A single node loses its data whatever its configuration says.
            needed = shown.cache_mode != "single"
            appendonly = dcs.configurations(instance.instance_id).get("appendonly") if needed else None
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
    classes: dict[str, Class] = {}
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="classify") as pool:
        for instance, found in zip(instances, pool.map(one, instances), strict=True):
            classes[instance.instance_id] = found
            tick()
    return classes


def halt_record(journal: Journal | None) -> per_call.HaltRecord:
    """What the journal says of a halt. Without a journal there is none."""
    if journal is None:
        return None
    try:
        return current_halt(journal)
    except (JournalError, KeyError, TypeError):
        return guard.UNREADABLE


def failure_record(ports: Ports, location: Location, most: int) -> per_call.FailureRecord:
    """What the circuit breaker counts. None without a journal, or if the breaker is off."""
    if ports.journal is None or not most:
        return None
    try:
        return read_failures(ports.journal, scope_of(ports.host, location), ports.clock.now().timestamp()).counted
    except (JournalError, KeyError, TypeError, ValueError):
        return guard.UNREADABLE


def firing_alarms(ports: Ports, ids: Sequence[str], asked_for: str) -> Firing:
    """Instance ID -> its firing alarms. An instance that is missing could not be read, which refuses. `asked_for`: the guard."""
    if not ids:
        return {}
    try:
        if ports.alarms is None:
            raise CloudError("list_alarm_histories", "Cloud Eye cannot be asked here", "This is a fault of this tool.")
        found = ports.alarms.firing(ids)
    except CloudError as err:
        ports.log("alarms.unreadable", level="warning", guard=asked_for, reason=str(err))
        return {}
    return {one: found.get(one, {}) for one in ids}
