"""What came in: from any event to requests, commands and refusals, and back into the trigger's form of answer."""

from dcs_upkeep.domain.run import ControlCommand
from dcs_upkeep.triggers.delivery import Delivery, Ignored, Invalid, RunIdScope, StartRun
from dcs_upkeep.triggers.parser import parse

__all__ = ["ControlCommand", "Delivery", "Ignored", "Invalid", "RunIdScope", "StartRun", "parse"]
