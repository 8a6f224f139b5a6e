"""The platform, as the function sees it: how long it has, how much memory, whether it may call itself."""

from __future__ import annotations

import math
import platform
from collections.abc import Collection, Iterator

from dcs_upkeep import __version__
from dcs_upkeep.adapters.hosts import aws_lambda, functiongraph
from dcs_upkeep.adapters.hosts.aws_lambda import LambdaHost
from dcs_upkeep.adapters.hosts.functiongraph import FunctionGraphHost
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.doctor.attempt import tried
from dcs_upkeep.doctor.finding import Finding
from dcs_upkeep.domain.deadline import BEGIN_S, CLOSE_S, LONGEST_PUT_S, PUBLISH_S, Deadline
from dcs_upkeep.domain.ports import Host
from dcs_upkeep.domain.settings import Settings

USUAL_WATCH_S = 1800.0  # `watch.timeout_s` of a request that says nothing of it
LEAST_MEMORY_MB = 256  # the libraries alone take a hundred
USUAL_MEMORY_MB = 512


def setting_names(host: Host) -> Collection[str]:
    """The names of all that is set, where a host can tell them; FunctionGraph's context is asked for one name at a time."""
    return host.names() if isinstance(host, LambdaHost | LocalHost) else ()


def version(host: Host) -> Finding:
    """What runs where."""
    where = host.kind if isinstance(host, LocalHost) else f"{host.kind}, function {host.function}"
    return Finding("ok", "version", f"DCS Upkeep {__version__}, Python {platform.python_version()}, {where}")


def time_left(host: Host, settings: Settings) -> Iterator[Finding]:
    """Whether one invocation is long enough for what a run does in it: reading, the longest status call, one poll, the report."""
    left_s = host.remaining_s()
    if math.isinf(left_s):
        return  # nothing ends a process here
    told = f"{left_s:.0f} s"
    if isinstance(host, FunctionGraphHost | LambdaHost):
        told += f", {host.time.source}"
        yield from _overruled(host.time.told_s, settings)
    needs_s = BEGIN_S + LONGEST_PUT_S + settings.poll_s + CLOSE_S + (PUBLISH_S if settings.topics else 0.0)
    if left_s < needs_s:
        said = f"{told}; a run needs {needs_s:.0f} s or more in each invocation, {LONGEST_PUT_S:.0f} of them for the longest status call"
        fix = "Raise the function's timeout; if it is longer than that, the host is wrong about it: set UPKEEP_TIME_LIMIT_S to it."
        yield Finding("fail", "time left", said, fix)
    elif not settings.journal and left_s < needs_s + USUAL_WATCH_S:
        said = f"{told}; a wave may take {USUAL_WATCH_S:.0f} s until it is seen to its end, and without a journal nothing goes on by itself"
        yield Finding("look", "time left", said, "Set UPKEEP_JOURNAL, or raise the function's timeout.")
    else:
        further = "; what takes longer goes on in a further invocation" if settings.journal else ""
        yield Finding("ok", "time left", f"{told}; the longest status call and a wave's begin fit{further}")


def _overruled(told_s: float | None, settings: Settings) -> Iterator[Finding]:
    if settings.time_limit_s is not None and told_s is not None and told_s + 1 < settings.time_limit_s:
        said = f"the host says {told_s:.0f} s, and UPKEEP_TIME_LIMIT_S {settings.time_limit_s:g} s"
        fix = "If the function's timeout is what the host says, unset it: the platform would end a run in the middle of its work."
        yield Finding("look", "time limit", said, fix)


def memory(host: Host) -> Iterator[Finding]:
    """How much the function has, if the host tells."""
    if not isinstance(host, FunctionGraphHost | LambdaHost) or (size := host.memory_mb) is None:
        return
    if size < LEAST_MEMORY_MB:
        fix = f"Give the function {USUAL_MEMORY_MB} MB; more memory is also a faster processor."
        yield Finding("look", "memory", f"{size} MB, which is little for a fleet of some thousand instances", fix)
    else:
        yield Finding("ok", "memory", f"{size} MB")


def self_call(host: Host, deadline: Deadline) -> Iterator[Finding]:
    """Whether the function may call itself, where a cloud can be asked without doing it: Lambda has a dry run, FunctionGraph has none."""
    if not isinstance(host, LambdaHost):
        return

    def call() -> str:
        host.try_calling_self()
        return "the function may call itself (a dry run)"

    yield tried(aws_lambda.PERMISSIONS["invoke"], call, deadline)


def untried_rights(host: Host) -> tuple[str, ...]:
    """Rights on calling itself that only a run shows, here."""
    match host:
        case LambdaHost():
            return ()
        case FunctionGraphHost():
            return tuple(functiongraph.PERMISSIONS.values())
    return (*functiongraph.PERMISSIONS.values(), *aws_lambda.PERMISSIONS.values())
