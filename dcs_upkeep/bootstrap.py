"""The only place that chooses adapters. Builds one invocation: host, settings, clock, log, cloud clients, journal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from dcs_upkeep.adapters import hosts
from dcs_upkeep.adapters.account import Account
from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.adapters.dcs.client import HuaweiDcs
from dcs_upkeep.adapters.json_log import JsonLog
from dcs_upkeep.adapters.pace import AccountPace
from dcs_upkeep.domain.deadline import CLOSE_S, Deadline
from dcs_upkeep.domain.errors import Problem, SettingsError, as_ours, describe_error
from dcs_upkeep.domain.model import Credentials, Location
from dcs_upkeep.domain.ports import Alarms, Clock, Host, Journal, Log, Ports, Topic
from dcs_upkeep.domain.problems import first_problems
from dcs_upkeep.domain.reader import Reader
from dcs_upkeep.domain.settings import Settings, read_settings
from dcs_upkeep.domain.stopping import StopRequest
from dcs_upkeep.invocation import NOBODY, Caller, InvocationHandler, asks_doctor
from dcs_upkeep.reporting.sentences import message_of
from dcs_upkeep.triggers.delivery import RunIdScope
from dcs_upkeep.triggers.plans_file import PlansFile, load_plans

if TYPE_CHECKING:  # nothing else than the command needs it
    from dcs_upkeep.doctor.finding import Finding

DOCTOR_S = 75.0  # FunctionGraph drops the answer of a synchronous call, as of the console's test, after 90 s
PLANS_PATH = Path(__file__).resolve().parent.parent / "plans.json"


class Adapters:
    """One invocation's adapters. None of them does anything before its first call: a refused event needs no credentials and no client.

    `journal`: one to use in place of the settings'. `deadline`: until when they may work, if not until the host's end.
    """

    def __init__(
        self,
        host: Host,
        settings: Settings,
        clock: Clock,
        log: Log,
        journal: Journal | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        self.host = host
        self.settings = settings
        self.clock = clock
        self.log = log
        self.deadline = deadline or Deadline(host.remaining_s)
        self._given_journal = journal

    @cached_property
    def account(self) -> Account:
        """What all calls to Huawei Cloud share: one pace, and one key pair, fetched for this invocation alone."""
        account = Account(self.host.credentials, AccountPace(self.clock, SystemRandom().random, self.log))
        hosts.share(self.host, account)
        return account

    @property
    def credentials(self) -> Credentials:
        """The key pair as it is now."""
        return self.account.keys.key.pair

    @cached_property
    def location(self) -> Location:
        """The settings', else the project that the credentials know; empty if nobody says, which the first call refuses."""
        settings = self.settings
        if settings.project_id:
            return Location(settings.region, settings.project_id)
        try:
            return Location(settings.region, self.credentials.project_id or "")
        except SettingsError:
            return Location(settings.region, "")

    @cached_property
    def dcs(self) -> HuaweiDcs:
        """The client; one per invocation, its connections pooled."""
        return HuaweiDcs(
            self.account,
            lambda: self.location,
            endpoint=self.settings.endpoint,
            deadline=self.deadline.keep(CLOSE_S),  # an answer must still be journalled and reported
        )

    @cached_property
    def topics(self) -> Sequence[Topic]:
        """The topics of the settings."""
        from dcs_upkeep.adapters.topics import build_topics

        return build_topics(
            self.settings.topics,
            account=self.account,
            smn_endpoint=self.settings.smn_endpoint,
            deadline=self.deadline,
        )

    @cached_property
    def journal(self) -> Journal | None:
        """The journal of the settings. On a host, one that ends with the instance has to be asked for by name."""
        if self._given_journal is not None or not self.settings.journal:
            return self._given_journal
        from dcs_upkeep.adapters import journals
        from dcs_upkeep.adapters.journals.rows import ObsAccess

        url = self.settings.journal
        if not (self.host.keeps_files or journals.outlives_instance(url) or self.settings.journal_ephemeral):
            what = f"{url.split(':', 1)[0]}: is lost with the function's instance, and then duplicates are not recognised"
            fix = "Use obs://bucket/prefix?region=..., dynamodb://table?region=..., or set UPKEEP_JOURNAL_EPHEMERAL=1 all the same."
            raise SettingsError([Problem("UPKEEP_JOURNAL", what, fix)])
        # Event functions on FunctionGraph have no environment for boto3 to look into.
        user, password = self.host.setting("GEMINIDB_USER"), self.host.setting("GEMINIDB_PASSWORD")
        key_pair = (user, password) if user and password else None
        obs = ObsAccess(self.account.keys, self.settings.region, self.settings.obs_endpoint)
        return journals.open_journal(url, clock=self.clock, deadline=self.deadline, key_pair=key_pair, obs=obs)

    @cached_property
    def alarms(self) -> Alarms:
        """Cloud Eye, which is asked about the alarm of an event, and about every instance if the veto is switched on."""
        from dcs_upkeep.adapters.cloud_eye import CloudEye

        return CloudEye(self.account, lambda: self.location, endpoint=self.settings.ces_endpoint, deadline=self.deadline)

    def ports(self, examine: Callable[[], Mapping[str, object]], *, tells_only_what_was_sent: bool = False) -> Ports:
        """What a run may touch. `examine`: for the command `doctor`. Raises: SettingsError if the journal cannot be used."""
        return Ports(
            dcs=self.dcs,
            host=self.host,
            deadline=self.deadline,
            clock=self.clock,
            log=self.log,
            topics=lambda: self.topics,
            random=SystemRandom().random,
            pace=self.account.pace,
            journal=self.journal,
            backups=self.dcs.backups,
            alarms=self.alarms,
            examine=examine,
            tells_only_what_was_sent=tells_only_what_was_sent,
            reader=Reader(self.settings.language, self.settings.timezone),
        )


def handle(
    event: object,
    context: object = None,
    *,
    host: Host | None = None,
    clock: Clock | None = None,
    log: Log | None = None,
    environ: Mapping[str, str] | None = None,
    plans_path: Path | None = None,
    dry_run: bool = False,
    journal: Journal | None = None,
    caller: Caller = NOBODY,
    stop: StopRequest | None = None,
) -> dict[str, Any]:
    """Handle one event on whatever host this is. The keyword arguments are for the CLI and for tests. `caller`: who calls the CLI.

    If the host keeps the events of its own calls for this process, they follow here, and the last one's answer is returned.
    `stop`: whether a person asks this process to stop; if none is given, a laptop listens for signals.
    Raises: UpkeepError alone, without its causes: a platform prints whatever leaves here.
    """
    try:
        clock = clock or SystemClock()
        listens = stop is None and host is None
        host = host or hosts.detect(context, os.environ if environ is None else environ)
        stop = stop or StopRequest()
        more: dict[str, Any] = {"dry_run": dry_run, "journal": journal, "caller": caller, "stop": stop}
        with _signals(stop, host, clock) if listens else nullcontext():
            answer = _invoke(event, host, clock, log, plans_path or PLANS_PATH, **more)
            while stop.by is None and (following := host.next_event()) is not None:
                answer = _invoke(following, host, clock, log, plans_path or PLANS_PATH, by_self=True, **more)
        return answer
    except Exception as err:
        raise as_ours(err) from None


def _signals(stop: StopRequest, host: Host, clock: Clock) -> AbstractContextManager[None]:
    """On a laptop SIGINT and SIGTERM are a person's; a platform's are its own."""
    if host.kind != "local":
        return nullcontext()
    from dcs_upkeep.adapters.signals import LOOK_S, listening
    from dcs_upkeep.reporting.stop_words import event_command, leaving_words, stopping_words

    stop.look_s = LOOK_S
    return listening(
        stop,
        None,
        lambda asked: stopping_words(asked, event_command),
        lambda asked, until: leaving_words(asked, until, clock.now().timestamp(), event_command),
    )


def _invoke(
    event: object,
    host: Host,
    clock: Clock,
    given_log: Log | None,
    plans_path: Path,
    *,
    dry_run: bool,
    journal: Journal | None,
    caller: Caller = NOBODY,
    stop: StopRequest | None = None,
    by_self: bool = False,
) -> dict[str, Any]:
    fixed = {"host": host.kind, "request_id": host.request_id}
    log = given_log or JsonLog(clock, fixed=fixed, deadline=Deadline(host.remaining_s), words=message_of)

    def examined() -> Mapping[str, object]:
        from dcs_upkeep.doctor.answer import answer

        return answer(examine(host, clock, plans_path, log, journal), log)

    try:
        settings = read_settings(host.setting)
        plans = _plans(plans_path)
        log = given_log or JsonLog(clock, level=settings.log_level, fixed=fixed, deadline=Deadline(host.remaining_s), words=message_of)
        adapters = Adapters(host, settings, clock, log, journal)
        made = adapters.ports(examined, tells_only_what_was_sent=not caller.tells_all)
        ports, location = replace(made, stop=stop or StopRequest()), adapters.location
    except Exception as err:
        nowhere = _scope(host, Location("", ""), caller.user)
        if asks_doctor(event, nowhere, clock.now()):
            ports = Adapters(host, Settings(), clock, log).ports(examined)
            return InvocationHandler(Settings(), nowhere, None, ports, caller).handle(event)
        # Without settings there is no topic to tell; the log line and the failed invocation are what is left.
        for problem in first_problems(err.problems) if isinstance(err, SettingsError) else ():
            log("settings.refused", level="error", path=problem.path, reason=problem.what, next=problem.fix)
        log("run.reported", level="error", ending="fault", status="failed", reason=describe_error(err))
        raise
    return InvocationHandler(settings, _scope(host, location, caller.user), plans, ports, caller, dry_run=dry_run).handle(
        event, by_self=by_self
    )


def _scope(host: Host, location: Location, user: str | None) -> RunIdScope:
    return RunIdScope(
        host=host.kind,
        function=host.function,
        region=location.region,
        project_id=location.project_id,
        request_id=host.request_id,
        user=user,
    )


def examine(host: Host, clock: Clock, plans_path: Path, log: Log, journal: Journal | None = None) -> Iterator[Finding]:
    """What would go wrong in a run on this host, each as soon as it is known; no longer than the host and a caller wait for it."""
    from dcs_upkeep.doctor.checks import examine as found

    ends_s = clock.monotonic() + DOCTOR_S
    deadline = Deadline(lambda: min(host.remaining_s() - CLOSE_S, ends_s - clock.monotonic()))
    return found(host, plans_path, lambda settings: Adapters(host, settings, clock, log, journal, deadline))


def _plans(path: Path) -> PlansFile | None:
    """The reviewed plans beside `handler.py`, if there are any."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return load_plans(text)
