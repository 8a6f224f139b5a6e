"""Which addresses may be called."""

from __future__ import annotations

from urllib.parse import urlsplit

from dcs_upkeep.domain.errors import Problem, SettingsError


def check(region: str, project_id: str, endpoint: str) -> None:
    """Say at once what would only fail later. Raises: SettingsError."""
    problems = []
    if not project_id:
        # The SDK would ask IAM for it: one more call and permission, and an error where there are several.
        problems.append(Problem("UPKEEP_PROJECT_ID", "no project is set, and neither host nor credentials know one", "Set it."))
    if not region and not endpoint:
        problems.append(Problem("UPKEEP_REGION", "no region is set", "Set it, such as cn-north-4, or set UPKEEP_ENDPOINT."))
    if endpoint and urlsplit(endpoint).scheme != "https" and not is_loopback(endpoint):
        problems.append(Problem("UPKEEP_ENDPOINT", "only this machine may be called without TLS", "Write https:// before it."))
    if problems:
        raise SettingsError(problems)


def is_loopback(endpoint: str) -> bool:
    """Whether the address is on this machine, which needs no TLS."""
    host = urlsplit(endpoint).hostname or ""
    return host in ("localhost", "::1") or (host.startswith("127.") and host.replace(".", "").isdigit())
