"""A laptop: no end of time, settings from the environment, calling itself by a queue."""

from __future__ import annotations

import math
import uuid
from collections import deque
from collections.abc import Collection, Mapping

from dcs_upkeep.adapters.credentials import from_lookup, from_secret, no_credentials
from dcs_upkeep.domain.model import Credentials


class LocalHost:
    """A laptop: settings and key pair from a mapping, usually the environment, and no end of time."""

    kind = "local"
    function = "dcs-upkeep"
    keeps_files = True

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.request_id = uuid.uuid4().hex
        self.pending: deque[Mapping[str, object]] = deque()

    def remaining_s(self) -> float:
        """No platform kills it."""
        return math.inf

    def setting(self, name: str) -> str | None:
        """From the environment."""
        return self._environ.get(name)

    def names(self) -> Collection[str]:
        """The names of all that is set."""
        return self._environ.keys()

    def credentials(self) -> Credentials:
        """The key pair of the variables that Huawei's SDK and samples use."""
        secret = self.setting("UPKEEP_CREDENTIALS_SECRET")
        found = from_secret(secret, self.remaining_s) if secret else from_lookup(self.setting)
        if found is None:
            raise no_credentials("Set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK.")
        return found

    def call_self(self, event: Mapping[str, object]) -> None:
        """See ports.Host: the event waits for the end of this invocation."""
        self.pending.append(event)

    def next_event(self) -> Mapping[str, object] | None:
        """See ports.Host."""
        return self.pending.popleft() if self.pending else None
