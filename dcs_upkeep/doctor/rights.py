"""The key pair, and each read that a run makes with it, tried on one instance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dcs_upkeep.adapters import endpoints
from dcs_upkeep.adapters.dcs import backups, client
from dcs_upkeep.adapters.dcs.client import HuaweiDcs
from dcs_upkeep.adapters.hosts import functiongraph
from dcs_upkeep.adapters.hosts.functiongraph import FunctionGraphHost
from dcs_upkeep.doctor.attempt import tried
from dcs_upkeep.doctor.finding import Finding, not_checked
from dcs_upkeep.doctor.parts import Parts
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Instance


def credentials(parts: Parts) -> Iterator[Finding]:
    """Where the key pair is from, and what it is for. Raises: UpkeepError if there is none."""
    pair = parts.credentials
    endpoints.check(parts.location, parts.settings.endpoint)
    kind = "temporary, with a security token" if pair.security_token else "permanent"
    said = f"from {pair.source} ({kind}), project {parts.location.project_id}"
    if isinstance(parts.host, FunctionGraphHost) and pair.source != functiongraph.AGENCY:
        fix = "Give the function an agency, which hands out a new key pair to each invocation; a change of it takes about 10 minutes."
        yield Finding("look", "credentials", f"{said}; the function has no agency that hands out keys", fix)
    else:
        yield Finding("ok", "credentials", said)


def reads(dcs: HuaweiDcs, deadline: Deadline) -> Iterator[Finding]:
    """Each read that a run makes, tried on one instance."""
    rights = {**client.PERMISSIONS, **backups.PERMISSIONS}
    fleet: tuple[Instance, ...] = ()

    def listed() -> str:
        nonlocal fleet
        fleet = dcs.snapshot()
        return f"{len(fleet)} instances, {sum(one.status == 'RUNNING' for one in fleet)} of them RUNNING"

    first = tried(rights["list_instances"], listed, deadline)
    yield first
    if first.state != "ok":
        return
    rest = (rights["show_instance"], rights["list_configurations"], rights[backups.LIST])
    if not fleet:
        yield not_checked(", ".join(rest), "the project has no instance in this region", "Check region and project.")
        return
    instance_id = next((instance for instance in fleet if instance.status == "RUNNING"), fleet[0]).instance_id
    yield tried(rest[0], lambda: f"{len(dcs.show([instance_id]))} instance read", deadline)
    yield tried(rest[1], lambda: f"{len(_parameters(dcs, instance_id))} parameters read", deadline)
    asked = tried(rest[2], lambda: answered(dcs.backups.states({instance_id: ""})), deadline)
    yield asked if asked.state != "fail" else Finding("look", asked.what, asked.said, 'Only "backup": "before" needs it.')


def answered(_: object) -> str:
    """All that there is to say of an answer that came."""
    return "answered"


def _parameters(dcs: HuaweiDcs, instance_id: str) -> Mapping[str, str]:
    found = dcs.configurations([instance_id])[instance_id]
    if isinstance(found, CloudError):
        raise found
    return found
