"""DCS on the official SDK, which is imported when the first call is made, not before."""

from dcs_upkeep.adapters.dcs.client import HuaweiDcs

__all__ = ["HuaweiDcs"]
