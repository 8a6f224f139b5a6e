"""`doctor`: what would go wrong at three in the morning, found in the afternoon.

It reads. The one thing that it writes is an entry in a stream of its own in the journal, which the store forgets in time.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests

from dcs_upkeep.adapters import endpoints
from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.adapters.dcs import backups, client, sdk
from dcs_upkeep.adapters.dcs.client import HuaweiDcs
from dcs_upkeep.adapters.hosts import aws_lambda, functiongraph
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.adapters.topics import smn, sns
from dcs_upkeep.bootstrap import Adapters
from dcs_upkeep.doctor.finding import Finding
from dcs_upkeep.doctor.topics import look_at
from dcs_upkeep.domain.addresses import is_loopback
from dcs_upkeep.domain.errors import CloudError, Problem, SeqTakenError, SettingsError, UpkeepError
from dcs_upkeep.domain.model import Instance
from dcs_upkeep.domain.ports import Clock, Journal
from dcs_upkeep.domain.settings import SETTING_FIELDS, Settings, name_to_write, read_settings
from dcs_upkeep.local.progress import Silent
from dcs_upkeep.triggers.plans_file import PlansFile, load_plans

# No harmless call needs these, so that only a run shows whether they are granted.
NOT_TRIED = (
    client.PERMISSIONS["restart_or_flush_instances"],
    backups.PERMISSIONS[backups.COPY],
    *smn.PERMISSIONS.values(),
    *sns.PERMISSIONS.values(),
    *functiongraph.PERMISSIONS.values(),
    *aws_lambda.PERMISSIONS.values(),
)
DATE_TIMEOUT_S = (5.0, 5.0)
SIGNATURE_S = 900  # Huawei Cloud refuses a signature that is older or younger than 15 minutes


def examine(environ: Mapping[str, str], plans_path: Path, clock: Clock | None = None) -> Iterator[Finding]:
    """Everything that a run will need, in the order in which it will need it. `environ`: settings and key pair.

    Yields each finding as soon as it is known: what is out of reach takes its timeout.
    """
    clock = clock or SystemClock()
    host = LocalHost(environ)
    yield from _misspelt(environ)
    try:
        settings = read_settings(host.setting)
        if not settings.region and not settings.endpoint:
            raise SettingsError([Problem("UPKEEP_REGION", "no region is set", "Set it, such as cn-north-4.")])
    except SettingsError as err:
        yield from _failed("settings", err)
        yield Finding("look", "all else", "not checked", "Correct the settings first.")
        return
    yield from _settings(settings)
    yield from _addresses(settings)
    plans = yield from _plans(plans_path, settings)
    adapters = Adapters(host, settings, clock, Silent())
    yield from _clock(settings, clock)
    yield from _clouds(adapters, asks_cloud_eye=settings.alarm_veto or (settings.alarm_verify and bool(plans.alarms)))
    yield from _journal(adapters)
    yield Finding("look", "not tried", ", ".join(NOT_TRIED), "No harmless call needs these rights: the first run shows them.")


def _misspelt(environ: Mapping[str, str]) -> Iterator[Finding]:
    """A setting that nothing reads looks as if it were set."""
    for name in sorted(environ):
        if name.startswith("UPKEEP_") and name not in SETTING_FIELDS and name != "UPKEEP_SETTINGS":
            yield Finding("fail", name, "no setting has this name", name_to_write(name))


def _settings(settings: Settings) -> Iterator[Finding]:
    where = f"region {settings.region}" if settings.region else f"endpoint {settings.endpoint}"
    actions = ", ".join(settings.allowed_actions)
    time_left = "as the host says, its units cross-checked" if settings.time_limit_s is None else "as UPKEEP_TIME_LIMIT_S says"
    yield Finding("ok", "settings", f"{where}; at most {settings.max_instances} instances; allowed: {actions}; time left: {time_left}")
    if settings.time_limit_s is not None:
        said = f"each invocation on a host is taken to last {settings.time_limit_s:g} s, whatever the host says"
        yield Finding("look", "UPKEEP_TIME_LIMIT_S", said, "Let it be no more than the function's timeout.")
    if not settings.topics:
        yield Finding("look", "UPKEEP_TOPICS", "no topic is set: reports are in the log alone", "Set an SMN or SNS topic.")


def _addresses(settings: Settings) -> Iterator[Finding]:
    """Who may ask over HTTP. What was set up in front of the function cannot be seen from here."""
    if settings.http_anonymous:
        said = "whoever reaches a function URL or an API of this function may ask for what the settings allow"
        yield Finding("look", "UPKEEP_HTTP_ANONYMOUS", said, "Unset it, and set the address to IAM authorisation.")
    said = "an event of Huawei Cloud's APIG does not show who calls, so the function cannot refuse strangers"
    fix = "If there is an APIG trigger, set its API to IAM or App authentication, never to none."
    yield Finding("look", "APIG", said, fix)


def _plans(path: Path, settings: Settings) -> Generator[Finding, None, PlansFile]:
    """The file, and whether the settings would let its plans pass. Returns it, or an empty one."""
    what = path.name
    try:
        plans = load_plans(path.read_bytes())
    except FileNotFoundError:
        if settings.plans_only:
            yield Finding("fail", what, "there is none, and UPKEEP_PLANS_ONLY takes nothing else", "Put it beside handler.py.")
        else:
            yield Finding("ok", what, "there is none; events carry their own requests")
        return PlansFile()
    except OSError as err:
        yield Finding("fail", what, f"it cannot be read: {err.strerror}", "Check the path and its rights.")
        return PlansFile()
    except SettingsError as err:
        yield from _failed(what, err)
        return PlansFile()
    yield Finding("ok", what, f"{len(plans.requests)} plans, {len(plans.alarms)} alarm rules")
    for name, action in _actions(plans):
        if action not in settings.allowed_actions:
            yield Finding("fail", f"{what}: {name}", f"{action} is not allowed", f"Add {action} to UPKEEP_ALLOWED_ACTIONS, or drop it.")
    return plans


def _actions(plans: PlansFile) -> Iterator[tuple[str, str]]:
    yield from ((f"plans.{name}", request.action.value) for name, request in plans.requests.items() if request.action)
    yield from ((f"alarms[{place}]", str(rule.request["action"])) for place, rule in enumerate(plans.alarms))


def _clock(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """How far this clock is from DCS's, by the Date of an answer that needs no credentials: with a wrong clock they do not work."""
    what = "clock"
    address = settings.endpoint or sdk.region_endpoint(settings.region)
    if not address:
        yield Finding("fail", "UPKEEP_REGION", f"the SDK knows no region {settings.region!r}", "Correct it, or set UPKEEP_ENDPOINT.")
        return
    session = requests.Session()
    session.trust_env = not is_loopback(address)
    before = clock.now()
    try:
        with session, session.get(address, timeout=DATE_TIMEOUT_S, allow_redirects=False, stream=True) as answer:
            date = answer.headers.get("Date", "")
    except requests.RequestException as err:
        fix = "Check UPKEEP_REGION, UPKEEP_ENDPOINT and the network path to it."
        yield Finding("fail", what, f"{address} does not answer ({type(err).__name__})", fix)
        return
    after = clock.now()
    try:
        there = parsedate_to_datetime(date)
    except ValueError:
        yield Finding("look", what, "DCS does not say what time it is", "Compare the clocks by hand.")
        return
    # The header is cut to whole seconds, so that it is half a second behind on average.
    apart_s = (before + (after - before) / 2 - there.replace(tzinfo=there.tzinfo or UTC)).total_seconds() - 0.5
    said = f"{abs(apart_s):.1f} s {'ahead of' if apart_s > 0 else 'behind'} DCS"
    if abs(apart_s) > settings.skew_s + 1:
        worst = "every call is refused" if abs(apart_s) >= SIGNATURE_S else f"more than the {settings.skew_s:g} s of UPKEEP_SKEW_S"
        yield Finding("fail", what, f"{said}: {worst}", "Let NTP set this machine's clock.")
    else:
        yield Finding("ok", what, said)


def _clouds(adapters: Adapters, *, asks_cloud_eye: bool) -> Iterator[Finding]:
    """Credentials, the rights that reading needs, and the topics."""
    try:
        source = adapters.credentials.source
        endpoints.check(adapters.location, adapters.settings.endpoint)
    except UpkeepError as err:
        yield from _failed("credentials", err)
        yield Finding("look", "rights and topics", "not checked", "Correct the credentials first.")
        return
    yield Finding("ok", "credentials", f"from {source}, project {adapters.location.project_id}")
    yield from _rights(adapters.dcs)
    if asks_cloud_eye:
        yield _tried("ces:alarmHistory:list", lambda: _answered(adapters.alarms.firing([])))
    yield from (look_at(topic) for topic in adapters.topics)


def _rights(dcs: HuaweiDcs) -> Iterator[Finding]:
    """Each read that a run makes, tried on one instance."""
    rights = {**client.PERMISSIONS, **backups.PERMISSIONS}
    fleet: tuple[Instance, ...] = ()

    def listed() -> str:
        nonlocal fleet
        fleet = dcs.snapshot()
        return f"{len(fleet)} instances, {sum(one.status == 'RUNNING' for one in fleet)} of them RUNNING"

    first = _tried(rights["list_instances"], listed)
    yield first
    if first.state != "ok":
        return
    rest = (rights["show_instance"], rights["list_configurations"], rights[backups.LIST])
    if not fleet:
        yield Finding("look", ", ".join(rest), "not checked: the project has no instance in this region", "Check region and project.")
        return
    instance_id = next((instance for instance in fleet if instance.status == "RUNNING"), fleet[0]).instance_id
    yield _tried(rest[0], lambda: f"{len(dcs.show([instance_id]))} instance read")
    yield _tried(rest[1], lambda: f"{len(_parameters(dcs, instance_id))} parameters read")
    asked = _tried(rest[2], lambda: _answered(dcs.backups.states({instance_id: ""})))
    yield asked if asked.state == "ok" else Finding("look", asked.what, asked.said, 'Only "backup": "before" needs it.')


def _parameters(dcs: HuaweiDcs, instance_id: str) -> Mapping[str, str]:
    found = dcs.configurations([instance_id])[instance_id]
    if isinstance(found, CloudError):
        raise found
    return found


def _journal(adapters: Adapters) -> Iterator[Finding]:
    what = "journal"
    try:
        journal = adapters.journal
        if journal is None:
            yield Finding("look", what, "there is none", "Set UPKEEP_JOURNAL, or duplicates are not recognised and a flush is refused.")
            return
        _write_and_read_back(journal, adapters.clock)
    except UpkeepError as err:
        yield from _failed(what, err)
        return
    if journal.durable:
        yield Finding("ok", what, f"{journal.name}: written, read back, and a second entry at the same place refused")
    else:
        yield Finding("look", what, f"{journal.name} ends with the process", "Use dynamodb: or sqlite: to remember runs.")


class _UntrueStoreError(UpkeepError):
    """The store breaks its one promise."""


def _write_and_read_back(journal: Journal, clock: Clock) -> None:
    """Append, read, and append again at the same place, which must fail: the one primitive that everything rests on."""
    stream, entry = f"doctor/{uuid.uuid4().hex}", {"type": "doctor", "at": clock.now().isoformat()}
    journal.append(stream, 0, entry)
    if journal.read(stream) != [(0, entry)]:
        raise _UntrueStoreError(f"{journal.name}: what was written did not read back. Use another store.")
    try:
        journal.append(stream, 0, {**entry, "again": True})
    except SeqTakenError:
        return
    raise _UntrueStoreError(f"{journal.name}: it took a second entry at one place, so it cannot recognise duplicates. Use another store.")


def _answered(_: object) -> str:
    return "answered"


def _tried(what: str, call: Callable[[], str]) -> Finding:
    """A harmless call and what came of it; the error's own text says what to do."""
    try:
        return Finding("ok", what, call())
    except UpkeepError as err:
        return Finding("fail", what, str(err))


def _failed(what: str, err: UpkeepError) -> Iterator[Finding]:
    """One line for each problem."""
    if isinstance(err, SettingsError):
        yield from (Finding("fail", problem.path or what, problem.what, problem.fix) for problem in err.problems)
    else:
        yield Finding("fail", what, str(err))
