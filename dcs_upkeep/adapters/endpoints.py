"""Which addresses may be called, and which are the clouds' own."""

from __future__ import annotations

from urllib.parse import urlsplit

from dcs_upkeep.domain.errors import Problem, SettingsError
from dcs_upkeep.domain.model import Location


def check(location: Location, endpoint: str) -> None:
    """Say at once what would only fail later. Raises: SettingsError."""
    problems = []
    if not location.project_id:
        # The SDK would ask IAM for it: one more call and permission, and an error if there are several projects.
        problems.append(Problem("UPKEEP_PROJECT_ID", "no project is set, and neither host nor credentials know one", "Set it."))
    if not location.region and not endpoint:
        problems.append(Problem("UPKEEP_REGION", "no region is set", "Set it, such as cn-north-4, or set UPKEEP_ENDPOINT."))
    if endpoint and not is_safe(endpoint):
        problems.append(Problem("UPKEEP_ENDPOINT", "only this machine may be called without TLS", "Write https:// before it."))
    if problems:
        raise SettingsError(problems)


def is_safe(endpoint: str) -> bool:
    """Whether nobody between here and the address can read what is sent to it."""
    return urlsplit(endpoint).scheme == "https" or is_loopback(endpoint)


def is_loopback(endpoint: str) -> bool:
    """Whether the address is on this machine, which needs no TLS."""
    host = urlsplit(endpoint).hostname or ""
    return host in ("localhost", "::1") or (host.startswith("127.") and host.replace(".", "").isdigit())


def of_service(service: str, region: str) -> str:
    """The address of a Huawei Cloud service in a region."""
    return f"https://{service}.{region}.myhuaweicloud.com"
