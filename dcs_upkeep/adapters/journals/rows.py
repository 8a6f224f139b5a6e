"""What all stores have in common: how they are opened, an entry's text, how long a stream lives, and when a record is not to be trusted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import SystemRandom

from dcs_upkeep.adapters.account import Keys
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import JournalError, RecordError
from dcs_upkeep.domain.lifetimes import FOREVER, TTL_S
from dcs_upkeep.domain.ports import Clock

MAX_BYTES = 300_000  # an item of DynamoDB holds 400 KB, names and all


@dataclass(frozen=True, slots=True)
class ObsAccess:
    """What a journal on OBS needs beside its address. `region`, `endpoint`: where the address names none.

    `keys`: the account's; its pace is not OBS's. `random`: for the waits between two attempts.
    """

    keys: Keys
    region: str = ""
    endpoint: str = ""
    random: Callable[[], float] = field(default_factory=lambda: SystemRandom().random)


@dataclass(frozen=True, slots=True)
class Access:
    """What a store may need beside its address. `key_pair`: user and password of the DynamoDB API; None: boto3 finds its own."""

    clock: Clock
    deadline: Deadline
    key_pair: tuple[str, str] | None = field(default=None, repr=False)
    obs: ObsAccess | None = None


def to_text(stream: str, entry: Mapping[str, object]) -> str:
    """The entry as it is stored. Raises: JournalError if it is too long."""
    text = json.dumps(entry, separators=(",", ":"), allow_nan=False)
    if (size := len(text.encode())) > MAX_BYTES:
        raise JournalError(f"{stream}: an entry of {size} bytes is longer than the {MAX_BYTES} that fit. This is a fault of this tool.")
    return text


def expiry(stream: str, now: float) -> int | None:
    """When a stream that begins now ends, in seconds since 1970; None for never."""
    return None if stream.startswith(FOREVER) else int(now + TTL_S)


def checked(stream: str, rows: Iterable[tuple[int, str, int | None]], after: int, now: float) -> list[tuple[int, dict[str, object]]]:
    """Rows of (seq, text, expires at), in order, as entries.

    Raises: RecordError if one is missing or unreadable, or if the stream is past its time: the store may delete its rows in any order.
    """
    found: list[tuple[int, dict[str, object]]] = []
    for seq, text, expires_at in rows:
        if expires_at is not None and expires_at <= now:
            fix = "Use another run_id, or remove what is left of the stream."
            raise RecordError(f"{stream}: the record is past its time to live and cannot be trusted. {fix}")
        if seq != after + 1 + len(found):
            fix = "Look at what deleted it; the run has to be judged by a person."
            raise RecordError(f"{stream}: entry {after + 1 + len(found)} is missing, and the rest cannot be trusted. {fix}")
        try:
            entry = json.loads(text)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            raise RecordError(f"{stream}: entry {seq} is no JSON object. Look at what wrote it; the run has to be judged by a person.")
        found.append((seq, entry))
    return found
