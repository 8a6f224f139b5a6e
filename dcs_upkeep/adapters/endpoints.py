"""Where a call goes: whether that is known, and the clouds' own addresses."""

from __future__ import annotations

from dcs_upkeep.domain.addresses import check_endpoint
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
    if endpoint:
        try:
            check_endpoint(endpoint)
        except ValueError as err:
            problems.append(Problem("UPKEEP_ENDPOINT", "it cannot be called", f"{err}."))
    if problems:
        raise SettingsError(problems)


def of_service(service: str, region: str) -> str:
    """The address of a Huawei Cloud service in a region."""
    return f"https://{service}.{region}.myhuaweicloud.com"
