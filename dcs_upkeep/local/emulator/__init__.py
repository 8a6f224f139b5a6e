"""A loopback stand-in for Huawei Cloud DCS v2, SMN, Cloud Eye and OBS, which fails on purpose and remembers the truth.

    with Emulator(make_fleet(24)) as emu:
        client = DcsClient.new_builder().with_endpoint(emu.url)...

It imports nothing else of this project: a stand-in that shared our code would share our bugs.
"""

from .emulator import DEMO_AK, DEMO_PROJECT_ID, DEMO_SK, Emulator
from .faults import Fault
from .fleet import Instance, make_fleet
from .inprocess import BodyCutError, ConnectionDroppedError, NoAnswerError, TimedOutError
from .obs import Bucket, LifecycleRule
from .truth import Execution, Message, Record, Truth

__all__ = [
    "DEMO_AK",
    "DEMO_PROJECT_ID",
    "DEMO_SK",
    "BodyCutError",
    "Bucket",
    "ConnectionDroppedError",
    "Emulator",
    "Execution",
    "Fault",
    "Instance",
    "LifecycleRule",
    "Message",
    "NoAnswerError",
    "Record",
    "TimedOutError",
    "Truth",
    "make_fleet",
]
