"""Small stand-ins for what lies outside: a clock that does not wait, a log that remembers, a host with settings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Credentials
from dcs_upkeep.domain.ports import Message


class FakeClock:
    """Time that passes only when somebody sleeps. Callable, so that the emulator can share it."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start or datetime.now(UTC)
        self._elapsed_s = 0.0
        self._ahead_s = 0.0
        self._lock = threading.Lock()
        self.on_sleep: Callable[[float], None] | None = None

    def __call__(self) -> float:
        """Seconds since the start."""
        return self.monotonic()

    def now(self) -> datetime:
        """The time of day."""
        return self._start + timedelta(seconds=self.monotonic() + self._ahead_s)

    def set_ahead(self, seconds: float) -> None:
        """The time of day alone goes on, as on a machine that slept."""
        self._ahead_s += seconds

    def monotonic(self) -> float:
        """Seconds since the start."""
        with self._lock:
            return self._elapsed_s

    def sleep(self, seconds: float) -> None:
        """Move on at once."""
        with self._lock:
            self._elapsed_s += max(0.0, seconds)
        if self.on_sleep is not None:
            self.on_sleep(self.monotonic())


class FakeLog:
    """Remembers every line."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def __call__(self, event: str, *, level: str = "info", **fields: object) -> None:
        """Take one line."""
        self.lines.append({"event": event, "level": level, **fields})

    def named(self, event: str) -> list[dict[str, Any]]:
        """The lines of one event name."""
        return [line for line in self.lines if line["event"] == event]


class FakeHost:
    """A host with settings from a mapping and as much time as told."""

    def __init__(
        self,
        settings: Mapping[str, str],
        credentials: Credentials,
        clock: FakeClock,
        *,
        time_left_s: float = float("inf"),
        kind: str = "local",
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self._clock = clock
        self._ends_at = clock.monotonic() + time_left_s
        self.kind = kind
        self.function = "dcs-upkeep"
        self.request_id = "request-1"
        self.keeps_files = kind == "local"
        self.called: list[Mapping[str, object]] = []

    def remaining_s(self) -> float:
        """Seconds until the kill."""
        return self._ends_at - self._clock.monotonic()

    def setting(self, name: str) -> str | None:
        """One setting."""
        return self._settings.get(name)

    def credentials(self) -> Credentials:
        """The key pair."""
        return self._credentials

    def call_self(self, event: Mapping[str, object]) -> None:
        """Remember the event."""
        self.called.append(event)

    def next_event(self) -> None:
        """Nothing follows by itself."""


class FakeTopic:
    """Keeps what is published, or fails."""

    def __init__(self, name: str = "urn:smn:cn-north-4:0:ops", *, fails: bool = False) -> None:
        self.name = name
        self.messages: list[Message] = []
        self._fails = fails

    def publish(self, message: Message) -> str:
        """Keep the message."""
        if self._fails:
            raise CloudError("publish", "the topic does not answer", "Look at the topic.")
        self.messages.append(message)
        return f"message-{len(self.messages)}"
