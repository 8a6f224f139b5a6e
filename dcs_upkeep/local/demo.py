"""The embedded emulator: a fleet, DCS, SMN and Cloud Eye inside the process, in time that runs faster."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dcs_upkeep.adapters.clocks import ScaledClock
from dcs_upkeep.local.emulator import Emulator, make_fleet
from dcs_upkeep.local.emulator.emulator import utc_now
from dcs_upkeep.local.emulator.fleet import read_fleet
from dcs_upkeep.local.event_files import runs_in

REGION = "cn-north-4"
# What a demo may not be pointed away from: nothing real is touched.
_OURS = ("UPKEEP_ENDPOINT", "UPKEEP_SMN_ENDPOINT", "UPKEEP_CES_ENDPOINT", "UPKEEP_REGION", "UPKEEP_PROJECT_ID", "UPKEEP_TOPICS")


@dataclass(frozen=True, slots=True)
class Demo:
    """A running emulator, and the environment and clock that go with it."""

    emulator: Emulator
    environ: Mapping[str, str]
    clock: ScaledClock


def let_alarms_fire(emulator: Emulator, event: object, plans_path: Path, now: datetime) -> None:
    """Let the emulator's Cloud Eye show the alarms that an event speaks of: nothing else could make them fire there."""
    for spec in runs_in(event, plans_path, now):
        if spec.alarm_id is not None:
            for instance_id in spec.request.instances or ():
                emulator.alarms.fire(instance_id, spec.alarm_id, "the alarm of the event")


@contextmanager
def demo(fleet: Path | None, instances: int, time_scale: float, settings: Mapping[str, str]) -> Iterator[Demo]:
    """Run it for as long as the block lasts. `settings`: the caller's own, taken if they do not point elsewhere."""
    rows = read_fleet(json.loads(fleet.read_text(encoding="utf-8"))) if fleet else make_fleet(instances, tags={"env": "demo"})
    clock = ScaledClock(time_scale)
    with Emulator(rows, clock=clock.monotonic, base_date=utc_now()) as emulator:
        environ = {
            "UPKEEP_ALLOWED_ACTIONS": "restart,soft_restart,flush,stop,start",
            "UPKEEP_MAX_INSTANCES": str(max(100, len(rows))),
            **{key: value for key, value in settings.items() if key.startswith("UPKEEP_") and key not in _OURS},
            "UPKEEP_ENDPOINT": emulator.url,
            "UPKEEP_SMN_ENDPOINT": emulator.url,
            "UPKEEP_CES_ENDPOINT": emulator.url,
            "UPKEEP_REGION": REGION,
            "UPKEEP_PROJECT_ID": emulator.project_id,
            "UPKEEP_TOPICS": f"urn:smn:{REGION}:{emulator.project_id}:upkeep-reports",
            "HUAWEICLOUD_SDK_AK": emulator.ak,
            "HUAWEICLOUD_SDK_SK": emulator.sk,
        }
        emulator.smn.sign_up(environ["UPKEEP_TOPICS"], status=1)
        yield Demo(emulator, environ, clock)
