"""The only file here that makes the product's objects: what changes in its constructors is changed here, and nowhere else."""

from __future__ import annotations

import json
import pkgutil
import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import dcs_upkeep
from dcs_upkeep.adapters.account import Account
from dcs_upkeep.adapters.dcs.client import HuaweiDcs
from dcs_upkeep.adapters.pace import AccountPace
from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.deadline import CLOSE_S, Deadline
from dcs_upkeep.domain.errors import CloudError, JournalError, RefusedError, SeqTakenError, SettingsError, ThrottledError, UnauthorizedError
from dcs_upkeep.domain.model import Answer, AnswerKind, Credentials, Instance, Location, OutcomeKind
from dcs_upkeep.domain.ports import Ports
from dcs_upkeep.domain.request import Rollout
from dcs_upkeep.domain.settings import Settings, read_settings
from dcs_upkeep.domain.stopping import StopRequest
from dcs_upkeep.invocation import InvocationHandler
from dcs_upkeep.triggers.delivery import RunIdScope
from dcs_upkeep.triggers.plans_file import load_plans

LONGEST_PUT_S, MIN_PUT_S = 35.0, 3.0  # as the DCS adapter has them

# Loaded at once, so that the simulation can put its pools everywhere before anything runs.
for _package in ("domain", "guards", "journal", "planning", "reporting", "execution", "triggers", "adapters/dcs"):
    for _module in pkgutil.iter_modules([f"{dcs_upkeep.__path__[0]}/{_package}"]):
        import_module(f"dcs_upkeep.{_package.replace('/', '.')}.{_module.name}")


def serve(event: Any, adapters: Any, region: str) -> dict[str, Any]:
    """One invocation, as `bootstrap.handle` does it, with the simulation's adapters."""
    host = adapters.host
    settings = read_settings(host.setting)
    plans = load_plans(adapters.plans) if adapters.plans else None
    ports = Ports(
        dcs=adapters.dcs,
        host=host,
        deadline=Deadline(host.remaining_s),
        clock=adapters.clock,
        log=adapters.log,
        topics=lambda: adapters.topics,
        random=adapters.random,
        pace=AccountPace(adapters.clock, adapters.random, adapters.log),
        journal=adapters.journal,
        backups=adapters.backups,
        alarms=None,
        stop=adapters.stop,
    )
    scope = RunIdScope(host=host.kind, function=host.function, region=region, project_id=settings.project_id, request_id=host.request_id)
    return InvocationHandler(settings, scope, plans, ports).handle(event, by_self=adapters.by_self)


def stop_request() -> StopRequest:
    """What a person asks of one process, if at all."""
    return StopRequest(look_s=20.0)


def settings_of(environ: Mapping[str, str]) -> Settings:
    """The settings as the product reads them."""
    return read_settings(environ.get)


def instance(one: Any, *, shown: bool, iso: Callable[[float], str]) -> Instance:
    """An instance as `list_instances` or, if `shown`, `show_instance` tells it."""
    more: dict[str, Any] = {}
    if shown:
        more = {"launched_at": iso(one.launched_at), "cache_mode": one.cache_mode, "replica_count": one.replica_count}
    return Instance(
        instance_id=one.instance_id,
        name=one.name,
        status=one.seen_status,
        engine="Redis",
        engine_version="5.0",
        tags=dict(one.tags),
        spec_code="redis.single.xu1.large.1" if one.cache_mode == "single" else "redis.ha.xu1.large.1",
        updated_at=iso(one.updated_at),
        maintain_begin="18:00:00",
        maintain_end="19:00:00",
        **more,
    )


def answer(
    kind: str,
    what: str,
    results: Mapping[str, str] | None = None,
    *,
    status: int | None = None,
    code: str | None = None,
    busy: bool = False,
) -> Answer:
    """An answer to a status PUT, as the adapter translates it."""
    return Answer(AnswerKind(kind), what, results or {}, status, code, None, busy)


def action_name(action: Action) -> str:
    return action.value


def cloud_error(operation: str, status: int | None, code: str | None, what: str) -> CloudError:
    return CloudError(operation, what, "Try again later.", status=status, code=code)


def throttled_error(operation: str, opens_in_s: float) -> CloudError:
    return ThrottledError(operation, opens_in_s)


def is_of_one_call(err: BaseException) -> bool:
    """Whether the next call may succeed all the same."""
    return isinstance(err, CloudError) and not isinstance(err, ThrottledError | UnauthorizedError)


def unauthorized_error(operation: str) -> CloudError:
    return UnauthorizedError(operation, "answered 401 APIGW.0301", code="APIGW.0301")


def journal_error(what: str) -> JournalError:
    return JournalError(f"{what}. Try again later.")


def taken_error(stream: str, seq: int) -> SeqTakenError:
    return SeqTakenError(f"{stream}: place {seq} is taken")


def is_taken_error(err: BaseException) -> bool:
    return isinstance(err, SeqTakenError)


def put_timeout_s(remaining_s: float) -> float:
    """The longest that a PUT sent now may take; 0 if too little time is left for one."""
    left_s = remaining_s - CLOSE_S
    return 0.0 if left_s < MIN_PUT_S else min(left_s, LONGEST_PUT_S)


def credentials(ak: str, sk: str, project_id: str) -> Credentials:
    return Credentials(ak, sk, None, project_id, "simulated")


def refusal_report(err: BaseException) -> Mapping[str, Any] | None:
    """The report that a refusal carries."""
    return err.report if isinstance(err, RefusedError) else None


def is_a_fault_of_ours(err: BaseException) -> bool:
    """Whether this is an exception that no part of the product should ever let out."""
    return not isinstance(err, RefusedError | CloudError | JournalError | SettingsError)


def text_of(message: Any) -> str:
    """All words of one message to a topic."""
    return f"{message.subject}\n{message.text}\n{message.data}"


def approval_in(report: Mapping[str, Any]) -> str | None:
    """What to write into `approve`, as the report of a dry run tells it."""
    told = re.search(r'"approve": ?"([^"]+)"', report.get("next") or "")
    return told[1] if told else (report.get("plan") or {}).get("digest")


def halt_in(answer_: Mapping[str, Any]) -> str | None:
    """The id of the halt that a halt command pulled."""
    halt = answer_.get("halt")
    return str(halt["id"]) if isinstance(halt, Mapping) and "id" in halt else None


def plan_of(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The plan that a run's entries hold, since its last claim; plain JSON."""
    parts: list[str] = []
    for entry in entries:
        if entry["kind"] == "claimed":
            parts = []
        elif entry["kind"] == "planned":
            parts = [*(parts if entry["part"] else []), entry["text"]]
    return json.loads("".join(parts)) if parts else None


def told_in(text: str) -> tuple[str, str, dict[str, str]] | None:
    """Run id, status, and instance -> outcome, as the form for machines tells them; None if it is no report."""
    last = text.rpartition("\n")[2]
    report = json.loads(last) if last.startswith("{") else {}
    if "report_version" not in report or text.startswith(("started", "wave ")):
        return None
    return report["run_id"], report["status"], {row["instance_id"]: row["outcome"] for row in report["instances"]}


def wanted_outcomes() -> frozenset[str]:
    """Every outcome that there is."""
    return frozenset(OutcomeKind)


def real_dcs(emulator: Any, invocation: Any) -> Any:
    """The product's own DCS adapter, on the emulator."""
    return HuaweiDcs(
        Account(
            lambda: Credentials(emulator.ak, emulator.sk, None, emulator.project_id, "emulator"),
            AccountPace(invocation.clock, invocation.random, invocation.log),
        ),
        lambda: Location("cn-north-4", emulator.project_id),
        endpoint=emulator.url,
        deadline=Deadline(invocation.host.remaining_s).keep(CLOSE_S),
    )


def rollout_fields() -> frozenset[str]:
    """What a request may say of its rollout in this version: a field that is learnt is used from then on."""
    return frozenset(Rollout.model_fields)
