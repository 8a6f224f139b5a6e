"""The only place that chooses adapters. Builds one invocation: host, settings, clock, log, cloud clients, journal."""

from __future__ import annotations

import os
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from dcs_upkeep.adapters import hosts
from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.adapters.dcs.client import HuaweiDcs
from dcs_upkeep.adapters.hosts import aws_lambda, functiongraph
from dcs_upkeep.adapters.json_log import JsonLog
from dcs_upkeep.domain.deadline import CLOSE_S, Deadline
from dcs_upkeep.domain.errors import Problem, SettingsError
from dcs_upkeep.domain.model import Credentials
from dcs_upkeep.domain.ports import Alarms, Backups, Clock, Dcs, Host, Journal, Log, Ports, Topic
from dcs_upkeep.domain.settings import Settings, read_settings
from dcs_upkeep.invocation import InvocationHandler
from dcs_upkeep.triggers.delivery import RunIdScope
from dcs_upkeep.triggers.plans_file import PlansFile, load_plans

PLANS_PATH = Path(__file__).resolve().parent.parent / "plans.json"


class Adapters:
    """One invocation's adapters, each made on first use: a refused event needs no credentials and no client."""

    def __init__(self, host: Host, settings: Settings, clock: Clock, log: Log) -> None:
        self.host = host
        self.settings = settings
        self.clock = clock
        self.log = log

    @cached_property
    def credentials(self) -> Credentials:
        """Fetched for this invocation alone: an agency's key pair is short-lived."""
        return self.host.credentials()

    @cached_property
    def project_id(self) -> str:
        """The setting, else what the credentials know; empty where nobody says, which the first call refuses."""
        if self.settings.project_id:
            return self.settings.project_id
        try:
            return self.credentials.project_id or ""
        except SettingsError:
            return ""

    @cached_property
    def dcs(self) -> HuaweiDcs:
        """The client; one per invocation, its connections pooled."""
        return HuaweiDcs(
            self.credentials,
            region=self.settings.region,
            project_id=self.project_id,
            endpoint=self.settings.endpoint,
            clock=self.clock,
            left=lambda: self.host.remaining_s() - CLOSE_S,  # an answer must still be journalled and reported
        )

    @cached_property
    def topics(self) -> Sequence[Topic]:
        """The topics of the settings."""
        from dcs_upkeep.adapters.topics import build_topics  # the SMN SDK and boto3 load when something is published

        return build_topics(
            self.settings.topics,
            credentials=lambda: self.credentials,
            smn_endpoint=self.settings.smn_endpoint,
            left=self.host.remaining_s,
        )

    @cached_property
    def journal(self) -> Journal | None:
        """The journal of the settings. On a host, one that ends with the instance has to be asked for by name."""
        url = self.settings.journal
        if not url:
            return None
        if self.host.kind != "local" and not url.startswith("dynamodb:") and not self.settings.journal_ephemeral:
            what = f"{url.split(':', 1)[0]}: is lost with the function's instance, and then duplicates are not told"
            fix = "Use dynamodb://table?region=..., or set UPKEEP_JOURNAL_EPHEMERAL=1 to take it all the same."
            raise SettingsError([Problem("UPKEEP_JOURNAL", what, fix)])
        from dcs_upkeep.adapters.journals import open_journal

        # Event functions on FunctionGraph have no environment for boto3 to look into.
        user, password = self.host.setting("GEMINIDB_USER"), self.host.setting("GEMINIDB_PASSWORD")
        pair = (user, password) if user and password else None
        return open_journal(url, clock=self.clock, left=self.host.remaining_s, pair=pair)

    @cached_property
    def alarms(self) -> Alarms:
        """Cloud Eye, which is asked where the veto is switched on."""
        from dcs_upkeep.adapters.cloud_eye import CloudEye

        settings = self.settings
        return CloudEye(
            self.credentials,
            region=settings.region,
            project_id=self.project_id,
            endpoint=settings.ces_endpoint,
            left=self.host.remaining_s,
        )

    def call_self(self, pending: deque[Mapping[str, object]]) -> Callable[[Mapping[str, object]], None]:
        """How this host's function calls itself; locally the event waits in `pending` for its turn."""
        from dcs_upkeep.adapters.hosts import selfcalls

        host = self.host
        if isinstance(host, functiongraph.FunctionGraphHost):
            region, project_id = self.settings.region, self.project_id
            urn = host.urn(region, project_id)
            return selfcalls.on_functiongraph(urn, region, project_id, self.settings.functiongraph_endpoint, lambda: self.credentials)
        if isinstance(host, aws_lambda.LambdaHost):
            return selfcalls.on_lambda(host.arn)
        return pending.append


class Late:
    """Stands for an adapter until its first call: a refused event needs no credentials and no client."""

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Any:
        return getattr(self._make(), name)


class LateDcs(Late):
    """The same for DCS, which is asked for its calls in every report: no client, no calls."""

    def __init__(self, invocation: Adapters) -> None:
        super().__init__(lambda: invocation.dcs)
        self._invocation = invocation

    def calls(self) -> Mapping[str, int]:
        """See ports.Dcs."""
        return self._invocation.dcs.calls() if "dcs" in self._invocation.__dict__ else {}


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
) -> dict[str, Any]:
    """Handle one event on whatever host this is. The keyword arguments are for the CLI and for tests.

    Where the local host calls itself, the further invocations follow here, and the last one's answer is returned.
    """
    clock = clock or SystemClock()
    host = host or hosts.detect(context, os.environ if environ is None else environ)
    pending: deque[Mapping[str, object]] = deque()
    plans_path = plans_path or PLANS_PATH
    answer = _invoke(event, host, clock, log, plans_path, pending, dry_run=dry_run, journal=journal)
    while pending:
        answer = _invoke(pending.popleft(), host, clock, log, plans_path, pending, dry_run=dry_run, journal=journal)
    return answer


def _invoke(
    event: object,
    host: Host,
    clock: Clock,
    log: Log | None,
    plans_path: Path,
    pending: deque[Mapping[str, object]],
    *,
    dry_run: bool,
    journal: Journal | None,
) -> dict[str, Any]:
    fixed = {"host": host.kind, "request_id": host.request_id}
    log = log or JsonLog(clock, fixed=fixed, remaining_s=host.remaining_s)
    try:
        settings = read_settings(host.setting)
        plans = _plans(plans_path)
        if isinstance(log, JsonLog):
            log = JsonLog(clock, level=settings.log_level, fixed=fixed, remaining_s=host.remaining_s)
        invocation = Adapters(host, settings, clock, log)
        if journal is not None:
            invocation.__dict__["journal"] = journal
        ports = Ports(
            dcs=cast("Dcs", LateDcs(invocation)),
            host=host,
            deadline=Deadline(host.remaining_s),
            clock=clock,
            log=log,
            topics=lambda: invocation.topics,
            random=random.SystemRandom().random,
            journal=invocation.journal,
            backups=cast("Backups", Late(lambda: invocation.dcs.backups)),
            alarms=cast("Alarms", Late(lambda: invocation.alarms)) if settings.alarm_veto else None,
            call_self=invocation.call_self(pending),
        )
    except SettingsError as err:
        # Without settings there is no topic to tell; the log line and the failed invocation are what is left.
        for problem in err.problems:
            log("settings.refused", level="error", path=problem.path, reason=problem.what, next=problem.fix)
        log("run.reported", level="error", ending="fault", status="failed", reason=str(err))
        raise
    scope = RunIdScope(
        host=host.kind, function=host.function, region=settings.region, project_id=invocation.project_id, request_id=host.request_id
    )
    return InvocationHandler(settings, scope, plans, ports, dry_run=dry_run).handle(event)


def _plans(path: Path) -> PlansFile | None:
    """The reviewed plans beside `handler.py`, where there are any."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return load_plans(text)
