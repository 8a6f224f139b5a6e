"""What `doctor` is handed: the parts that a run would be built from, each made when it is first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dcs_upkeep.adapters.account import Account
from dcs_upkeep.adapters.dcs.client import HuaweiDcs
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.model import Credentials, Location
from dcs_upkeep.domain.ports import Alarms, Clock, Host, Journal, Topic
from dcs_upkeep.domain.settings import Settings


class Parts(Protocol):
    """One invocation's adapters. Each may raise UpkeepError when it is first asked for. `deadline`: until when `doctor` may work."""

    @property
    def host(self) -> Host:
        """FunctionGraph, Lambda or local."""
        ...

    @property
    def settings(self) -> Settings:
        """Those that were read."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def deadline(self) -> Deadline:
        """Until when."""
        ...

    @property
    def account(self) -> Account:
        """What all calls to Huawei Cloud share."""
        ...

    @property
    def credentials(self) -> Credentials:
        """The key pair."""
        ...

    @property
    def location(self) -> Location:
        """Where the fleet is."""
        ...

    @property
    def dcs(self) -> HuaweiDcs:
        """The client of DCS."""
        ...

    @property
    def topics(self) -> Sequence[Topic]:
        """Where reports go."""
        ...

    @property
    def journal(self) -> Journal | None:
        """Where runs are kept."""
        ...

    @property
    def alarms(self) -> Alarms:
        """Cloud Eye."""
        ...
