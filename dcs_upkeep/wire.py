"""The only place that chooses adapters. Builds one invocation: host, settings, clock, log, cloud clients."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from dcs_upkeep.adapters import hosts
from dcs_upkeep.adapters.clocks import SystemClock
from dcs_upkeep.adapters.dcs import HuaweiDcs
from dcs_upkeep.adapters.logs import JsonLog
from dcs_upkeep.errors import SettingsError
from dcs_upkeep.model import Action, Answer, Credentials, Instance
from dcs_upkeep.plans import Plans, load_plans
from dcs_upkeep.ports import Clock, Dcs, Host, Log, Ports, Topic
from dcs_upkeep.serve import Server
from dcs_upkeep.settings import Settings, read_settings
from dcs_upkeep.triggers import Scope

PLANS_PATH = Path(__file__).resolve().parent.parent / "plans.json"


class Invocation:
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
            left=self.host.remaining_s,
        )

    @cached_property
    def topics(self) -> Sequence[Topic]:
        """The topics of the settings."""
        from dcs_upkeep.adapters.topics import build_topics  # the SMN SDK and boto3 load when something is published

        return build_topics(
            self.settings.topics,
            credentials=lambda: self.credentials,
            smn_endpoint=self.settings.smn_endpoint,
            clock=self.clock,
            left=self.host.remaining_s,
        )


class LateDcs:
    """DCS, connected when it is first called."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation

    def snapshot(self) -> tuple[Instance, ...]:
        """See ports.Dcs."""
        return self._invocation.dcs.snapshot()

    def read(self, instance_ids: Sequence[str]) -> Mapping[str, Instance]:
        """See ports.Dcs."""
        return self._invocation.dcs.read(instance_ids)

    def show(self, instance_ids: Sequence[str]) -> Mapping[str, Instance]:
        """See ports.Dcs."""
        return self._invocation.dcs.show(instance_ids)

    def send(self, action: Action, instance_ids: Sequence[str]) -> Answer:
        """See ports.Dcs."""
        return self._invocation.dcs.send(action, instance_ids)

    def put_timeout_s(self) -> float:
        """See ports.Dcs."""
        return self._invocation.dcs.put_timeout_s()

    def calls(self) -> Mapping[str, int]:
        """See ports.Dcs. No client, no calls."""
        return self._invocation.dcs.calls() if "dcs" in self._invocation.__dict__ else {}


def handle(
    event: object,
    context: object = None,
    *,
    host: Host | None = None,
    clock: Clock | None = None,
    log: Log | None = None,
    environ: Mapping[str, str] | None = None,
    plans_path: Path = PLANS_PATH,
) -> dict[str, Any]:
    """Handle one event on whatever host this is. The keyword arguments are for the CLI and for tests."""
    clock = clock or SystemClock()
    host = host or hosts.detect(context, os.environ if environ is None else environ)
    log = log or JsonLog()
    try:
        settings = read_settings(host.setting)
        plans = _plans(plans_path)
    except SettingsError as err:
        # Without settings there is no topic to tell; the log line and the failed invocation are what is left.
        for problem in err.problems:
            log("settings.refused", level="error", path=problem.path, reason=problem.what, next=problem.fix)
        log("run.reported", level="error", ending="fault", host=host.kind, reason=str(err))
        raise
    invocation = Invocation(host, settings, clock, log)
    ports = Ports(
        dcs=LateDcs(invocation), host=host, clock=clock, log=log, topics=lambda: invocation.topics, random=random.SystemRandom().random
    )
    scope = Scope(
        host=host.kind, function=host.function, region=settings.region, project_id=invocation.project_id, request_id=host.request_id
    )
    return Server(settings, scope, plans, ports).serve(event)


def _plans(path: Path) -> Plans | None:
    """The reviewed plans beside `handler.py`, where there are any."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return load_plans(text)
