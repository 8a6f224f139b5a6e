"""The platforms that run us: FunctionGraph, AWS Lambda, or a laptop."""

from __future__ import annotations

from collections.abc import Mapping

from dcs_upkeep.adapters.account import Account
from dcs_upkeep.adapters.hosts.aws_lambda import LambdaHost
from dcs_upkeep.adapters.hosts.functiongraph import FunctionGraphHost
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.domain.ports import Host


def detect(context: object, environ: Mapping[str, str]) -> Host:
    """The host that this context belongs to. Asked by what the context has, not by the environment, which tests share."""
    if callable(getattr(context, "getUserData", None)):
        return FunctionGraphHost(context)
    if any(hasattr(context, name) for name in ("get_remaining_time_in_millis", "aws_request_id")):
        return LambdaHost(context, environ)
    return LocalHost(environ)


def share(host: Host, account: Account) -> None:
    """Let the host's calls to Huawei Cloud be of this account: its pace, its key pair."""
    if isinstance(host, FunctionGraphHost):
        host.account = account
