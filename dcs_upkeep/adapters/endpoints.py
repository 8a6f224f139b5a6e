"""Where a call goes: whether that is known, and the clouds' own addresses."""

from __future__ import annotations

from collections.abc import Callable

from dcs_upkeep.domain.addresses import check_endpoint, check_project, check_region
from dcs_upkeep.domain.errors import CloudError, Problem, SettingsError
from dcs_upkeep.domain.model import Location


def check(location: Location, endpoint: str) -> None:
    """Say at once what would only fail later. Raises: SettingsError."""
    problems = []
    if not location.project_id:
        # The SDK would ask IAM for it: one more call and permission, and an error if there are several projects.
        problems.append(Problem("UPKEEP_PROJECT_ID", "no project is set, and neither host nor credentials know one", "Set it."))
    else:
        problems += _unusable(
            "UPKEEP_PROJECT_ID", "the project of the settings, the host or the credentials", check_project, location.project_id
        )
    if not location.region and not endpoint:
        problems.append(Problem("UPKEEP_REGION", "no region is set", "Set it, such as cn-north-4, or set UPKEEP_ENDPOINT."))
    if location.region:
        problems += _unusable("UPKEEP_REGION", "the region", check_region, location.region)
    if endpoint:
        problems += _unusable("UPKEEP_ENDPOINT", "the endpoint", check_endpoint, endpoint)
    if problems:
        raise SettingsError(problems)


def of_service(service: str, region: str) -> str:
    """The address of a Huawei Cloud service in a region. Raises: CloudError if no host of Huawei Cloud can be named by that."""
    try:
        check_region(region)
    except ValueError as err:
        raise CloudError(service, "the region in UPKEEP_REGION names no host", f"{err}.") from None
    return f"https://{service}.{region}.myhuaweicloud.com"


def _unusable(path: str, what: str, check: Callable[[str], str], value: str) -> list[Problem]:
    """What is wrong with its form, if anything. Not the value itself, which may hold a password."""
    try:
        check(value)
    except ValueError as err:
        return [Problem(path, f"{what} is not valid", f"{err}.")]
    return []
