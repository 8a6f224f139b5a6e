"""`doctor`: what would go wrong at three in the morning, found in the afternoon.

It reads. All that it writes are entries in streams of its own in the journal, which the store forgets in time.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from dcs_upkeep.adapters.dcs import backups, client
from dcs_upkeep.adapters.topics import smn, sns
from dcs_upkeep.doctor import configuration, obs, rights
from dcs_upkeep.doctor.attempt import timed, tried
from dcs_upkeep.doctor.clock import look_at_clock
from dcs_upkeep.doctor.finding import Finding, failed, not_checked
from dcs_upkeep.doctor.host import memory, self_call, setting_names, time_left, untried_rights, version
from dcs_upkeep.doctor.parts import Parts
from dcs_upkeep.doctor.reach import CLOUD_EYE, DCS, JOURNAL, SMN, SNS, endpoints_of, reach
from dcs_upkeep.doctor.topics import look_at
from dcs_upkeep.domain.deadline import ENDLESS
from dcs_upkeep.domain.errors import Problem, SeqTakenError, SettingsError, UpkeepError
from dcs_upkeep.domain.ports import Clock, Host, Journal, Topic
from dcs_upkeep.domain.settings import Settings, read_settings
from dcs_upkeep.triggers.plans_file import PlansFile

LEVER = "control/halt"  # the stream of the halt lever: if it cannot be read it counts as pulled
# No harmless call needs these, so that only a run shows whether they are granted; and what the host adds.
NOT_TRIED = (
    client.PERMISSIONS["restart_or_flush_instances"],
    backups.PERMISSIONS[backups.COPY],
    *smn.PERMISSIONS.values(),
    *sns.PERMISSIONS.values(),
)


def examine(host: Host, plans_path: Path, build: Callable[[Settings], Parts]) -> Iterator[Finding]:
    """Everything that a run will need, in the order in which it will need it. `build`: makes its parts, once the settings are known.

    Yields each finding as soon as it is known: what is out of reach takes its timeout. Never raises because of what it meets.
    """
    yield version(host)
    yield from configuration.misspelt(setting_names(host))
    try:
        settings = read_settings(host.setting)
        if not settings.region and not settings.endpoint:
            raise SettingsError([Problem("UPKEEP_REGION", "no region is set", "Set it, such as cn-north-4.")])
    except SettingsError as err:
        yield from failed("settings", err)
        yield not_checked("all else", "the settings are refused", "Correct the settings first.")
        return
    yield from configuration.told(settings)
    yield from configuration.addresses(settings)
    plans = yield from configuration.read_plans(plans_path, settings)
    yield from timed("time left", lambda: time_left(host, settings), ENDLESS)
    yield from timed("memory", lambda: memory(host), ENDLESS)
    yield from _Outside(build(settings), plans).findings()
    not_tried = ", ".join((*NOT_TRIED, *untried_rights(host)))
    yield Finding("look", "not tried", not_tried, "No harmless call needs these rights: the first run shows them.")


def _look(topic: Topic) -> Iterator[Finding]:
    yield look_at(topic)


class _Outside:
    """What somebody else has to be asked about. What cannot be reached is not asked again for each right."""

    def __init__(self, parts: Parts, plans: PlansFile) -> None:
        self._parts = parts
        self._deadline = parts.deadline
        settings = parts.settings
        self._alarms = settings.alarm_veto or (settings.alarm_verify and bool(plans.alarms))
        self._unreachable: frozenset[str] = frozenset()

    def findings(self) -> Iterator[Finding]:
        """One after the other, as long as there is time."""
        parts, deadline = self._parts, self._deadline
        yield from timed("reach", self._reach, deadline)
        yield from self._at(DCS, "clock", lambda: look_at_clock(parts.settings, parts.clock, deadline))
        found = list(timed("credentials", lambda: rights.credentials(parts), deadline))
        yield from found
        if any(one.state == "fail" for one in found):
            yield not_checked("rights and topics", "there are no credentials to try", "Correct the credentials first.")
        else:
            yield from self._with_key()
        yield from self._journal()
        if parts.settings.journal:
            yield from timed("self call", lambda: self_call(parts.host, deadline), deadline)

    def _journal(self) -> Iterator[Finding]:
        """An address that cannot be used is told whether or not anything can be reached."""
        parts = self._parts
        unusable = list(timed("journal", lambda: _opened(parts), self._deadline))
        return iter(unusable) if unusable else self._at(JOURNAL, "journal", lambda: _journal(parts))

    def _with_key(self) -> Iterator[Finding]:
        parts, deadline = self._parts, self._deadline
        yield from self._at(DCS, "rights at DCS", lambda: rights.reads(parts.dcs, deadline))
        if self._alarms:
            what = "ces:alarmHistory:list"
            yield from self._at(CLOUD_EYE, what, lambda: iter([tried(what, lambda: rights.answered(parts.alarms.firing([])), deadline)]))
        for topic in parts.topics:
            service = SNS if topic.name.startswith("arn:") else SMN
            yield from self._at(service, topic.name, partial(_look, topic))

    def _reach(self) -> Iterator[Finding]:
        settings, host = self._parts.settings, self._parts.host
        asked = endpoints_of(
            settings, settings.region, alarms=self._alarms, calls_functiongraph=host.kind == "functiongraph" and bool(settings.journal)
        )
        found = reach(asked, self._deadline)
        self._unreachable = frozenset(service for service, one in found.items() if one.state == "fail")
        yield from found.values()

    def _at(self, service: str, what: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
        """A check that asks this service."""
        if service in self._unreachable:
            return iter([not_checked(what, f"{service} cannot be reached", f"Mend what is said under reach {service}.")])
        if service in (CLOUD_EYE, SMN) and self._parts.account.keys.refused:
            return iter([not_checked(what, "the key pair is refused, and five wrong signatures lock it", "Correct the credentials first.")])
        return timed(what, check, self._deadline)


def _opened(parts: Parts) -> Iterator[Finding]:
    """Nothing, if the journal can be made from its address. Raises: SettingsError; ModuleNotFoundError."""
    _ = parts.journal
    return iter(())


def _journal(parts: Parts) -> Iterator[Finding]:
    what = "journal"
    try:
        journal = parts.journal
        if journal is None:
            yield Finding("look", what, "there is none", "Set UPKEEP_JOURNAL, or duplicates are not recognised and a flush is refused.")
            return
        _write_and_read_back(journal, parts.clock)
    except UpkeepError as err:
        yield from failed(what, err)
        return
    if journal.durable:
        yield Finding("ok", what, f"{journal.name}: written, read back, and a second entry at the same place refused")
        yield from obs.look_at(journal, parts.deadline)
    else:
        yield Finding("look", what, f"{journal.name} ends with the process", "Use dynamodb: or sqlite: to remember runs.")


class _UntrueStoreError(UpkeepError):
    """The store breaks its one promise."""


def _write_and_read_back(journal: Journal, clock: Clock) -> None:
    """Append, read, and append again at the same place, which must fail: the one primitive that everything rests on.

    First what a run asks first: what is not there, which a store may deny to whoever may not list; and the halt lever.
    """
    stream, entry = f"doctor/{uuid.uuid4().hex}", {"type": "doctor", "at": clock.now().isoformat()}
    if journal.read(stream):
        raise _UntrueStoreError(f"{journal.name}: a stream that nobody wrote has entries. Use another store.")
    journal.read(LEVER)
    journal.append(stream, 0, entry)
    if journal.read(stream) != [(0, entry)]:
        raise _UntrueStoreError(f"{journal.name}: what was written did not read back. Use another store.")
    try:
        journal.append(stream, 0, {**entry, "again": True})
    except SeqTakenError:
        return
    raise _UntrueStoreError(f"{journal.name}: it took a second entry at one place, so it cannot recognise duplicates. Use another store.")
