"""What guards need and somebody has to read first: data-loss classes, firing alarms, the halt lever, the breaker's count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dcs_upkeep.domain.actions import RULES, Action, DataLoss
from dcs_upkeep.domain.errors import CloudError, JournalError, ThrottledError
from dcs_upkeep.domain.model import Instance, Location
from dcs_upkeep.domain.ports import Dcs, Journal, Ports, Tick, no_tick
from dcs_upkeep.guards import guard, per_call
from dcs_upkeep.guards.data_loss import is_single_by_spec, loses_data
from dcs_upkeep.guards.policy import Firing
from dcs_upkeep.journal.failures import read_failures, scope_of
from dcs_upkeep.journal.halt import read_lever

Class = tuple[bool | None, str]


@dataclass(frozen=True, slots=True)
class Classes:
    """What reading has brought to light of the data-loss classes, each instance in one of the three.

    `known`: whether the action loses its data, and why; None if what DCS says of it does not tell, which counts as loses.
    `unread`: why reading failed. That says nothing of the data, so nothing may follow from it but to try again. `gone`: deleted since.
    """

    known: Mapping[str, Class] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()


def classify(dcs: Dcs, action: Action, instances: Sequence[Instance], tick: Tick = no_tick) -> Classes:
    """The classes of these instances: two reads of each at most. `tick`: called after each, in the thread that asks.

    Raises: ThrottledError, UnauthorizedError: then nothing more can be read.
    """
    known: dict[str, Class] = {}
    unread: dict[str, str] = {}
    shown: dict[str, Instance] = {}
    gone: set[str] = set()
    for instance in instances:
        if RULES[action].data_loss is not DataLoss.DEPENDS or is_single_by_spec(instance.spec_code):
            spec_code = instance.spec_code
            known[instance.instance_id] = loses_data(action, cache_mode=None, replica_count=None, appendonly=None, spec_code=spec_code)
        elif instance.cache_mode is not None:  # a snapshot that came from `show` has these already
            shown[instance.instance_id] = instance
    waiting = [instance.instance_id for instance in instances if instance.instance_id not in {*known, *shown}]
    answers = dcs.show_each(waiting, tick) if waiting else {}
    for one in waiting:
        match answers.get(one):
            case None:
                gone.add(one)
            case CloudError() as err:
                unread[one] = str(err)
            case Instance() as found:
                shown[one] = found
    # A single node loses its data whatever its configuration says.
    asked = [one for one, instance in shown.items() if instance.cache_mode != "single"]
    parameters = dcs.configurations(asked, tick) if asked else {}
    for one, instance in shown.items():
        values = parameters.get(one, {})
        if isinstance(values, CloudError):
            unread[one] = str(values)
        else:
            known[one] = loses_data(
                action,
                cache_mode=instance.cache_mode,
                replica_count=instance.replica_count,
                appendonly=values.get("appendonly"),
                spec_code=instance.spec_code,
            )
    return Classes(known, unread, frozenset(gone))


def halt_record(journal: Journal | None, claim: str | None = None) -> per_call.HaltRecord:
    """What the journal says of a halt, else (with a `run`) who ended the run of this claim. Without a journal there is neither."""
    if journal is None:
        return None
    try:
        lever = read_lever(journal)
        return lever.in_force or (lever.ended.get(claim) if claim is not None else None)
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
    """Instance ID -> its firing alarms. An instance that is missing could not be read, which refuses. `asked_for`: the guard.

    Raises: ThrottledError: later it can be read.
    """
    if not ids:
        return {}
    try:
        if ports.alarms is None:
            raise CloudError("list_alarm_histories", "Cloud Eye cannot be asked here", "This is a fault of this tool.")
        found = ports.alarms.firing(ids)
    except ThrottledError:
        raise
    except CloudError as err:
        ports.log("alarms.unreadable", level="warning", guard=asked_for, reason=str(err))
        return {}
    return {one: found.get(one, {}) for one in ids}
